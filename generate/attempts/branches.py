"""Matched journeys of a search told: the right path with one wrong move in it, the branch that it opens, and the way back.

A wrong move that leaves two numbers is followed to its end: the moves left are told with what is wrong with them, so that the
text itself shows why the branch is given up. With more numbers left it cannot be, and the journey is `oracle_timed`. A false
equation is noticed by computing it again, after the steps that follow from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from journey.catalog import FAMILIES
from journey.generate.attempts import phrases
from journey.generate.attempts.matched import (
    AttemptedProblem,
    MatchedDraw,
    MatchedSettings,
    RightEnding,
    UsableMistake,
    WrongStepSource,
    draw,
    policy_of,
    provenance_of,
    usable_mistake,
)
from journey.generate.attempts.moves import WrongMove, right_move, slip, way
from journey.generate.first_mistake.searches import ReadMove, State
from journey.generate.made import MadePair, Rejection
from journey.generate.search.narrate import listed, terse_expression
from journey.generate.search.phrases import ANSWERS, BACKS, PLANS, TRIES, spoken
from journey.rng import digest, rng_for
from journey.schema import Check, Node, Problem, Role, Trace, Tree
from journey.views import lay_out

Piece = tuple[Role, str, str, int]


def make(
    attempted: AttemptedProblem, source: WrongStepSource, settings: MatchedSettings, seed: int, attempt: int
) -> MadePair | Rejection:
    """The pair of one kind, or why the problem gives none: the same reasons for all kinds but that of a missing slip."""
    refused = attempted.refusal(settings.located)
    if refused is not None:
        return refused
    problem = attempted.problem
    if not attempted.paths:
        return Rejection("no_straight_right_attempt")
    if not attempted.own_mistakes:
        return Rejection("mistake_of_no_usable_kind")
    usable = usable_mistakes(attempted, settings)
    if not usable:
        return Rejection("no_right_ending", f"no right attempt comes after a wrong one (ending: {settings.ending})")
    drawn = draw(attempted, usable, settings, seed, attempt)
    _, before, wrong_move = next(own for wrong, own in attempted.own_mistakes if wrong is drawn.wrong)
    if source != "own":
        rng = rng_for("slip", source, seed, problem.id, attempt)
        right = drawn.right.read[drawn.place] if drawn.ending == "fix" else right_move(problem, wrong_move.before, rng)
        made = slip(problem, right, rng, attempted.errors if source == "profiled" else None) if right else None
        if made is None:
            return Rejection("no_slip_here", source)
        wrong_move = made
    timed = len(wrong_move.after) > 2 and wrong_move.kind == "wrong branch" and not drawn.clean
    if timed and not settings.oracle_timed:
        return Rejection("oracle_timed", f"{source}: {len(wrong_move.after)} numbers are left in the branch")
    told = ToldMistake(wrong_move, tuple(before) if drawn.ending == "fresh" else ())
    return _pair(attempted, drawn, told, source, settings, (seed, attempt), timed)


@dataclass(frozen=True)
class ToldMistake:
    """A wrong move, and the right moves of the wrong attempt before it where the right path begins again."""

    move: WrongMove
    before: tuple[ReadMove, ...] = ()


def usable_mistakes(attempted: AttemptedProblem, settings: MatchedSettings) -> list[UsableMistake[Sequence[ReadMove]]]:
    """The wrong attempts of a search that a right path can come after, in their order."""
    found = []
    for wrong, (place, before, _) in attempted.own_mistakes:
        begun = way(before)
        sharing = [each for each in attempted.paths if each.steps > place and way(each.read[:place]) == begun]
        one = usable_mistake(wrong, place, sharing, attempted.paths, settings)
        if one is not None:
            found.append(one)
    return found  # type: ignore[return-value]


def reject(attempted: AttemptedProblem, seed: int, attempt: int) -> MadePair | Rejection:
    """The pair of one right attempt, drawn by a stream: both halves are that attempt."""
    problem = attempted.problem
    right = [each for each in attempted.paths if not each.attempt.prefix]
    if not right:
        return Rejection("no_straight_right_attempt" if attempted.right() else "never_right")
    rng = rng_for("reject", seed, problem.id, attempt)
    chosen = right[rng.randrange(len(right))]
    teller = _Teller(attempted, chosen, rng)
    for place in range(chosen.steps):
        teller.right(place, "step", shortcut=True)
    facts = {"attempts": {"right": chosen.attempt.index}}
    return _made(attempted, teller, "reject", (seed, attempt), facts, 0, chosen.attempt.text)


def stitch(attempted: AttemptedProblem, seed: int, attempt: int) -> MadePair | Rejection:
    """A wrong attempt to its last step, seen to miss the target, and then the right path that matched journeys have."""
    refused, problem = attempted.refusal(), attempted.problem
    if refused is not None:
        return refused
    wrong = [
        (each, own)
        for each, own in attempted.own_mistakes
        if own[2].kind == "wrong branch" and len(own[2].after) == 2 and own[2].further
    ]
    if not attempted.paths or not wrong:
        return Rejection("no_straight_right_attempt" if not attempted.paths else "no_wrong_attempt_to_its_end")
    rng = rng_for("stitch", seed, problem.id, attempt)
    settings = MatchedSettings()
    usable = usable_mistakes(attempted, settings)
    chosen = attempted.paths[rng.randrange(len(attempted.paths))]
    if usable:
        chosen = draw(attempted, usable, settings, seed, attempt).right  # type: ignore[assignment]
    failed, (_, before, move) = wrong[rng.randrange(len(wrong))]
    teller = _Teller(attempted, chosen, rng)
    teller.detour(before, failed.text)
    teller.to_the_end(move, teller.last)
    for place in range(chosen.steps):
        teller.right(place, "correction" if place == 0 else "step", shortcut=True)
    facts = {
        "origin": "own",
        "proof": "checked:question",
        "attempts": {"right": chosen.attempt.index, "wrong": failed.index},
        "kinds": [move.kind],
    }
    return _made(attempted, teller, "stitch", (seed, attempt), facts, 1, chosen.attempt.text + failed.text)


def _made(
    attempted: AttemptedProblem,
    teller: _Teller,
    method: str,
    numbers: tuple[int, int],
    facts: dict[str, Any],
    mistakes: int,
    texts: str,
) -> MadePair:
    problem, (seed, attempt) = attempted.problem, numbers
    shortcut, journey = teller.traces()
    identity = digest("tree", problem.id, method, seed, attempt, texts, attempted.policy.name).hex()
    tree = Tree(identity, problem, method, seed, tuple(teller.nodes))
    known = {"policy": policy_of(attempted), "pass_rate": attempted.pass_rate}
    provenance = {"seed": seed, "attempt": attempt, **known, **facts}
    return MadePair.of(tree, shortcut, journey, mistakes, provenance)


def _pair(
    attempted: AttemptedProblem,
    drawn: MatchedDraw[Sequence[ReadMove]],
    mistake: ToldMistake,
    source: WrongStepSource,
    settings: MatchedSettings,
    numbers: tuple[int, int],
    timed: bool,
) -> MadePair:
    problem, (seed, attempt) = attempted.problem, numbers
    teller = _Teller(attempted, drawn.right, rng_for("matched voice", seed, problem.id, attempt))
    teller.tell(None if drawn.clean else mistake, source, drawn)
    shortcut, journey = teller.traces()
    told = settings.model_dump(mode="json")
    right, wrong = drawn.right.attempt.text, drawn.wrong.text
    key = (source, seed, attempt, repr(sorted(told.items())), right, wrong, attempted.policy.name)
    identity = digest("tree", problem.id, *key).hex()
    tree = Tree(identity, problem, source, seed, tuple(teller.nodes), settings=told)
    provenance = {
        **provenance_of(attempted, drawn, source, settings, numbers, mistake.move.claim),
        "kinds": [] if drawn.clean else [mistake.move.kind],
        "delays": [] if drawn.clean else [teller.delay],
        "notices": [node.check.kind for node in teller.nodes if node.role == "mistake" and node.check is not None],
        **({"oracle_timed": True} if timed else {}),
    }
    return MadePair.of(tree, shortcut, journey, 0 if drawn.clean else 1, provenance)


class _Teller:
    """Writes nodes and pieces side by side. The voice is drawn anew for each kind from the same stream."""

    def __init__(self, attempted: AttemptedProblem, chosen: RightEnding[Any], voice: Random) -> None:
        self.problem, self.chosen, self.voice = attempted.problem, chosen.attempt, voice
        self.path: Sequence[ReadMove] = chosen.read
        self.target = int(self.problem.facts["target"])
        self.terse = attempted.policy.view == "compact"
        self.spoken = spoken(self.target)
        self.nodes: list[Node] = []
        self.pieces: list[Piece] = []
        self.short: list[Piece] = []
        self.delay = self.last = 0
        start = listed(self.path[0].before)[0]
        plan = self.voice.choice(PLANS) % {"s": start, "t": self.target}
        root = self._node("plan", "", None)
        self.pieces.append(("plan", plan, "", root))
        self.short.append(self.pieces[0])
        # Said once for both traces and for every kind, so that right steps read alike in all of them.
        self.said = [self._right_step(move, self.chosen.text) for move in self.path]
        self.answer = self.voice.choice(ANSWERS)

    def tell(self, wrong: ToldMistake | None, source: WrongStepSource, drawn: MatchedDraw[Any]) -> None:
        """The right path, with the wrong move and its branch before the right move at its place, or before all of it."""
        begun_again = drawn.ending == "fresh"
        if wrong is not None and begun_again:
            self.detour(wrong.before, drawn.wrong.text)
        for place in range(len(self.path)):
            role: Role = "step"
            if wrong is not None and place == (0 if begun_again else drawn.place):
                self._mistake(wrong.move, self.last, source, drawn.delay, begun_again)
                self.last = 0 if begun_again else self.last
                role = "correction"
            self.right(place, role, shortcut=True)
            if place in drawn.rechecked:
                move = self.path[place]
                equation = f"{move.a} {move.sign} {move.b} = {move.result}"
                prose = " " + self.voice.choice(phrases.RECHECKS) % {"e": equation}
                self.say("check", prose, f"check {equation} right .", self.last, f"{equation} .")

    def right(self, place: int, role: Role, *, shortcut: bool) -> None:
        """A step of the right path, in both traces."""
        move, (text, brief) = self.path[place], self.said[place]
        self.last = self.say(role, text, brief, self.last, f"{move.a} {move.sign} {move.b} = {move.result}")
        if shortcut:
            self.short.append(("step", text, brief, self.last))

    def detour(self, moves: Sequence[ReadMove], text: str) -> None:
        """Right moves of a wrong attempt, which the right path does not take."""
        for move in moves:
            said, brief = self._right_step(move, text)
            self.last = self.say("step", said, brief, self.last, f"{move.a} {move.sign} {move.b} = {move.result}")

    def to_the_end(self, wrong: WrongMove, parent: int) -> None:
        """A wrong branch as far as the policy followed it, whose end is not the target, and back to the start."""
        check = Check("exhausted", "x", "solves", str(self.target))
        text, brief = self.in_words(wrong.equation, wrong.after)
        facts: dict[str, Any] = {"verdict": "wrong", "claim": wrong.claim, "truth": False, "kind": wrong.kind}
        facts |= {"check": check, "origin": "own", "proof": "checked:question"}
        node = self.say("mistake", text, brief, parent, wrong.equation, **facts)
        for equation in wrong.further[:1]:
            self._low_or_high(equation, int(equation.split(" = ")[1]), node)
        result = wrong.further[0].split(" = ")[1]
        notice = " " + self.voice.choice(phrases.NOT_THE_TARGET) % {"x": result, "t": self.target}
        self._piece("notice", notice, f"wait {result} not {self.target} .", node)
        self._back(self.path[0].before, node)
        self.last = 0

    def _back(self, state: State, node: int) -> None:
        numbers, brief = listed(state)
        opening, end = self.voice.choice(BACKS)
        self._piece("backtrack", f" {opening}{numbers}{end}", f"back to {brief} .", node)

    def traces(self) -> tuple[Trace, Trace]:
        """The shortcut and the journey, both ending in the attempt's own box."""
        answer = str(self.chosen.answer)
        brief = terse_expression(answer)
        plain = brief.replace("( ", "(").replace(" )", ")")
        closing: Piece = ("answer", self.answer % plain, f"\\boxed{{ {brief} }}", len(self.nodes) - 1)
        traces = [Trace(lay_out([*pieces, closing]), plain, brief) for pieces in (self.short, self.pieces)]
        return traces[0], traces[1]

    def _right_step(self, move: ReadMove, text: str) -> tuple[str, str]:
        """A right step: as the policy wrote it in a text, and in prose where it writes tersely (or the other way round)."""
        equation, written = f"{move.a} {move.sign} {move.b} = {move.result}", text[slice(*move.span)]
        assert move.after is not None
        prose, brief = self.in_words(equation, move.after)
        return (prose, written) if self.terse else (f"\n{written}", brief)

    def in_words(self, equation: str, after: State) -> tuple[str, str]:
        if len(after) == 1:
            return f" {equation}{self.voice.choice(self.spoken.hits)}", f"{equation} yes ."
        numbers, brief = listed(after)
        before, between, end = self.voice.choice(TRIES)
        return f"\n{before}{equation}{between}{numbers}{end}", f"try {equation} left {brief} ."

    def _mistake(self, wrong: WrongMove, parent: int, source: WrongStepSource, delay: int, begun_again: bool) -> None:
        back_to = self.path[0].before if begun_again else wrong.before
        facts: dict[str, Any] = {"verdict": "wrong", "claim": wrong.claim, "truth": wrong.truth, "kind": wrong.kind}
        facts |= {"origin": "own" if source == "own" else "injected", "proof": "checked:question"}
        if wrong.kind == "wrong last step":
            word = "high" if wrong.result > self.target else "low"
            facts |= {"check": Check("size", "x", "solves", str(self.target)), "reason": f"too {word}"}
            node = self.say("mistake", f" {wrong.equation}?", wrong.equation, parent, wrong.equation, **facts)
            bank = phrases.TOO_HIGH if word == "high" else phrases.TOO_LOW
            self._piece("notice", " " + self.voice.choice(bank) % {"t": self.target}, f"{word} .", node)
            if begun_again:
                self._back(back_to, node)
            return
        if wrong.kind == "wrong branch":
            check = Check("exhausted", "x", "solves", str(self.target))
        else:
            left, value = wrong.equation.split(" = ")
            check = Check("recompute", "x", "=", left)
        text, brief = self.in_words(wrong.equation, wrong.after) if len(wrong.after) > 1 else self._value(wrong)
        node = self.say("mistake", text, brief, parent, wrong.equation, **facts, check=check)
        if wrong.kind == "wrong branch":
            self._exhaust(wrong, node)
            numbers = listed(wrong.after)[0]
            ending = phrases.DEAD_ENDS if len(wrong.after) == 2 else phrases.ANOTHER_WAY
            notice = " " + self.voice.choice(ending) % {"r": numbers, "t": self.target}
            self._piece("notice", notice, "dead end .", node)
        else:
            self._follow(wrong, node, delay)
            slots = {"e": left, "x": value, "v": str(wrong.truth)}
            notice = " " + self.voice.choice(phrases.RECOMPUTED) % slots
            self._piece("notice", notice, f"check {left} = {wrong.truth} not {value} .", node)
        self._back(back_to, node)

    def _value(self, wrong: WrongMove) -> tuple[str, str]:
        """A false equation of the last two numbers, said as if it were what is wanted where it is."""
        if wrong.result == self.target:
            return f" {wrong.equation}{self.voice.choice(self.spoken.hits)}", f"{wrong.equation} yes ."
        word = "high" if wrong.result > self.target else "low"
        bank = self.spoken.highs if word == "high" else self.spoken.lows
        return f" {wrong.equation}{self.voice.choice(bank)}", f"{wrong.equation} {word} ."

    def _exhaust(self, wrong: WrongMove, node: int) -> None:
        """The last moves of two numbers, what the policy itself tried of them first; those that size rules out are left."""
        if len(wrong.after) != 2:
            return
        space = FAMILIES.get(self.problem.source)().space(self.problem)
        a, b = wrong.after
        tries = {f"{m[0]} {m[1]} {m[2]} = {m[3]}": m[3] for m in space.last_moves(a, b, False)}
        everything = {f"{m[0]} {m[1]} {m[2]} = {m[3]}": m[3] for m in space.last_moves(a, b, True)}
        own = [equation for equation in wrong.further[:1] if equation in everything]
        self.delay = len(own)
        for equation in dict.fromkeys([*own, *tries]):
            self._low_or_high(equation, everything[equation], node)

    def _follow(self, wrong: WrongMove, node: int, delay: int) -> None:
        """Steps that follow from a false value: the policy's own, or the first move that the numbers left allow."""
        if len(wrong.after) != 2 or not delay:
            return
        further = wrong.further[:delay]
        if not further:
            a, b = wrong.after
            further = (f"{a} + {b} = {a + b}",) if a + b <= self.target else (f"{a} - {b} = {a - b}",) if a > b else ()
        for equation in further[:1]:
            self.delay += 1
            self._low_or_high(equation, int(equation.split(" = ")[1]), node)

    def _low_or_high(self, equation: str, value: int, parent: int) -> None:
        if value == self.target:  # from a false value alone
            words, brief = self.voice.choice(self.spoken.hits), "yes"
        elif value > self.target:
            words, brief = self.voice.choice(self.spoken.highs), "high"
        else:
            words, brief = self.voice.choice(self.spoken.lows), "low"
        self.say("consequence", f" {equation}{words}", f"{equation} {brief} .", parent, equation, verdict="wrong")

    def say(self, role: Role, text: str, brief: str, parent: int | None, terse: str, **facts: Any) -> int:
        node = self._node(role, terse, parent, **facts)
        self._piece(role, text, brief, node)
        return node

    def _piece(self, role: Role, text: str, brief: str, node: int) -> None:
        self.pieces.append((role, text, brief, node))

    def _node(self, role: Role, text: str, parent: int | None, **facts: Any) -> int:
        self.nodes.append(Node(len(self.nodes), parent, role, text, **facts))
        return len(self.nodes) - 1


def is_search(problem: Problem) -> bool:
    """Whether a problem's attempts are told as a search."""
    return "target" in problem.facts and "numbers" in problem.facts
