"""Matched journeys of a grid: the policy's right path with one wrong digit in it, what follows from it, and the way back.

A digit that its row, column or box has already is noticed at once, by the cell that has it. A digit that fits and is wrong is
carried on, cells with one digit left alone, until some cell has none; where that does not happen without another guess, nothing
in the text would show it, and the journey is refused (`oracle_timed`). What is right stays: a path is never begun again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from journey.generate.attempts.matched import (
    AttemptedProblem,
    MatchedDraw,
    MatchedSettings,
    RightEnding,
    UsableMistake,
    WrongStepSource,
    draw,
    provenance_of,
    usable_mistake,
)
from journey.generate.first_mistake.grids import kind_of, placements
from journey.generate.grids import phrases
from journey.generate.grids.guesses import How, Placement
from journey.generate.grids.narrate import WHOLE, all_the_same, answer_piece, prose, rows, sees, text_of
from journey.generate.grids.space import (
    Grid,
    brief_cell,
    candidates,
    filled,
    next_cell,
    prose_cell,
    shape,
    size_of,
    solve,
)
from journey.generate.made import MadePair, Rejection
from journey.generate.search.narrate import Piece
from journey.rng import digest, rng_for
from journey.schema import Attempt, Check, Node, Problem, Reachable, Role, Trace, Tree
from journey.views import lay_out

GUESS = "wrong guess"
USABLE = (GUESS, "row clash", "column clash", "box clash")


@dataclass(frozen=True)
class WrittenDigit:
    """A digit as an attempt writes it into a cell; `tried`: with the word that says it is a guess."""

    cell: int
    digit: int
    tried: bool = False


@dataclass(frozen=True)
class WrongDigit:
    """A digit in the grid `before` that is not the completion's, and of which kind it is."""

    written: WrittenDigit
    before: Grid
    kind: str

    @property
    def after(self) -> Grid:
        """The grid with the digit in it."""
        return filled(self.before, self.written.cell, self.written.digit)

    @property
    def error_class(self) -> str:
        """The class that errors are counted under: how many digits fit there, and the kind."""
        return f"{_context(self.before, self.written.cell)}{self.kind}"


def is_grid(problem: Problem) -> bool:
    """Whether a problem's attempts fill a grid."""
    return "grid" in problem.facts


def digits_of(problem: Problem, attempt: Attempt) -> list[WrittenDigit]:
    """The digits that an attempt writes, in order."""
    read = placements(attempt.text, size_of(tuple(problem.facts["grid"])))
    return [
        WrittenDigit(cell, digit, "try" in attempt.text[slice(*span)].lower().split()) for span, cell, digit in read
    ]


def path_of(problem: Problem, attempt: Attempt) -> tuple[WrittenDigit, ...] | None:
    """The digits of a right attempt, which fill every empty cell once; None where they do not."""
    written, empty = digits_of(problem, attempt), problem.facts["grid"].count(0)
    whole = len(written) == empty == len({each.cell for each in written})
    return tuple(written) if whole and not any(problem.facts["grid"][each.cell] for each in written) else None


def own_mistake(problem: Problem, attempt: Attempt) -> tuple[list[WrittenDigit], WrongDigit] | None:
    """The right digits before an attempt's first wrong one, and that one; None where its mistake is of no usable kind."""
    if attempt.mistake.kind not in USABLE:
        return None
    grid: Grid = tuple(problem.facts["grid"])
    solution = solve(grid)
    before: list[WrittenDigit] = []
    assert solution is not None
    for each in digits_of(problem, attempt):
        if grid[each.cell]:
            return None
        if each.digit != solution[each.cell]:
            return before, WrongDigit(each, grid, kind_of(grid, each.cell, each.digit))
        before.append(each)
        grid = filled(grid, each.cell, each.digit)
    return None


def count_errors(problem: Problem, attempts: Sequence[Attempt]) -> Counter[str]:
    """The errors of a policy at one problem by class, of its wrong attempts whose mistake is of a usable kind."""
    found = (own_mistake(problem, each) for each in attempts if each.outcome == "wrong" and each.index >= 0)
    return Counter(each[1].error_class for each in found if each is not None)


def slip(before: Grid, right: WrittenDigit, rng: Random, errors: Mapping[str, float] | None) -> WrongDigit | None:
    """A wrong digit in place of a right one; `errors` weighs the policy's errors by class (None: all kinds alike)."""
    by_kind: dict[str, list[WrongDigit]] = {}
    for digit in range(1, size_of(before) + 1):
        if digit != right.digit:
            kind = kind_of(before, right.cell, digit)
            made = WrongDigit(WrittenDigit(right.cell, digit, right.tried), before, kind)
            by_kind.setdefault(kind, []).append(made)
    kinds = sorted(by_kind)
    weights = [1.0 if errors is None else errors.get(by_kind[kind][0].error_class, 0.0) for kind in kinds]
    if not any(weights):
        return None
    of_kind = by_kind[rng.choices(kinds, weights)[0]]
    return of_kind[rng.randrange(len(of_kind))]


def _context(before: Grid, cell: int) -> str:
    return f"{len(candidates(before, cell))} fit: "


def make(
    attempted: AttemptedProblem, source: WrongStepSource, settings: MatchedSettings, seed: int, attempt: int
) -> MadePair | Rejection:
    """The pair of one kind, or why the problem gives none: the same reasons for all kinds but that of a missing slip."""
    refused, problem = attempted.refusal(), attempted.problem
    if refused is not None:
        return refused
    read_ones = [(each, path_of(problem, each)) for each in attempted.right()]
    paths = [RightEnding(each, path, len(path)) for each, path in read_ones if path]
    if not paths:
        return Rejection("no_straight_right_attempt")
    mistakes = [(each, own) for each in attempted.wrong() if (own := own_mistake(problem, each)) is not None]
    if not mistakes:
        return Rejection("mistake_of_no_usable_kind")
    usable = _usable(mistakes, paths, settings)
    if not usable:
        return Rejection("no_right_ending", f"no right attempt comes after a wrong one (ending: {settings.ending})")
    drawn = draw(attempted, usable, settings, seed, attempt)
    wrong = next(own[1] for each, own in mistakes if each is drawn.wrong)
    if source != "own":
        rng = rng_for("slip", source, seed, problem.id, attempt)
        right = drawn.right.read[drawn.place]
        made = slip(wrong.before, right, rng, attempted.errors if source == "profiled" else None)
        if made is None:
            return Rejection("no_slip_here", source)
        wrong = made
    branch = followed(wrong)
    if branch is None:
        return Rejection("oracle_timed", f"{source}: no cell is left without a digit before the next guess")
    return _pair(attempted, drawn, wrong, branch, source, settings, (seed, attempt))


def _usable(
    mistakes: Sequence[tuple[Attempt, tuple[list[WrittenDigit], WrongDigit]]],
    paths: Sequence[RightEnding[tuple[WrittenDigit, ...]]],
    settings: MatchedSettings,
) -> list[UsableMistake[tuple[WrittenDigit, ...]]]:
    """The wrong attempts that begin as a right path does and then fill the same cell, in their order."""
    found = []
    for attempt, (before, wrong) in mistakes:
        way = [(each.cell, each.digit) for each in before]
        sharing = [
            each
            for each in paths
            if [(one.cell, one.digit) for one in each.read[: len(way)]] == way
            and each.read[len(way)].cell == wrong.written.cell
        ]
        one = usable_mistake(attempt, len(way), sharing, (), settings)
        if one is not None and one.ending == "fix":
            found.append(one)
    return found


@dataclass(frozen=True)
class FollowedDigit:
    """What comes after a wrong digit: digits that are forced, then the cell that refutes it.

    `has` is the cell that has the digit already (-1: none), else `stuck` the cell that no digit is left for.
    """

    forced: tuple[Placement, ...]
    has: int
    stuck: int


def followed(wrong: WrongDigit) -> FollowedDigit | None:
    """The branch of a wrong digit to what refutes it; None where another guess would come first."""
    cell, digit = wrong.written.cell, wrong.written.digit
    if wrong.kind != GUESS:
        unit = {"row": 0, "column": 1, "box": 2}[wrong.kind.split()[0]]
        return FollowedDigit(
            (), next(c for c in shape(size_of(wrong.before)).seen[cell][unit] if wrong.before[c] == digit), -1
        )
    grid = wrong.after
    forced: list[Placement] = []
    while True:
        chosen = next_cell(grid, "singles")
        if chosen is None or len(chosen[1]) > 1:
            return None
        cell, options = chosen
        if not options:
            return FollowedDigit(tuple(forced), -1, cell)
        forced.append(Placement(-1, cell, options[0], "forced", False, (options[0],)))
        grid = filled(grid, cell, options[0])


def _pair(
    attempted: AttemptedProblem,
    drawn: MatchedDraw[tuple[WrittenDigit, ...]],
    wrong: WrongDigit,
    branch: FollowedDigit,
    source: WrongStepSource,
    settings: MatchedSettings,
    numbers: tuple[int, int],
) -> MadePair:
    problem, (seed, attempt) = attempted.problem, numbers
    teller = _GridTeller(problem, drawn.right.read, rng_for("matched voice", seed, problem.id, attempt))
    teller.tell(None if drawn.clean else wrong, branch, source, drawn)
    shortcut, journey = teller.traces()
    told = settings.model_dump(mode="json")
    key = (source, seed, attempt, repr(sorted(told.items())), drawn.right.attempt.text, drawn.wrong.text)
    identity = digest("tree", problem.id, *key, attempted.policy.name).hex()
    tree = Tree(identity, problem, source, seed, tuple(teller.nodes), settings=told)
    claim = Reachable(wrong.after, WHOLE)
    provenance = {
        **provenance_of(attempted, drawn, source, settings, numbers, claim),
        "kinds": [] if drawn.clean else [wrong.kind],
        "delays": [] if drawn.clean else [len(branch.forced)],
        "notices": [node.check.kind for node in teller.nodes if node.role == "mistake" and node.check is not None],
    }
    return MadePair.of(tree, shortcut, journey, 0 if drawn.clean else 1, provenance)


class _GridTeller:
    """Writes nodes and pieces side by side. Right steps are said once, so that they read alike in both traces and all kinds."""

    def __init__(self, problem: Problem, path: Sequence[WrittenDigit], voice: Random) -> None:
        self.path, self.voice = path, voice
        self.grid: Grid = tuple(problem.facts["grid"])
        self.size = size_of(self.grid)
        self.nodes: list[Node] = []
        self.pieces: list[Piece] = []
        self.short: list[Piece] = []
        plan = voice.choice(phrases.PLANS).format(n=self.grid.count(0))
        self.last = self._say("plan", plan, "", None, "")
        self.short.append(self.pieces[0])
        self.said = [prose(self._placed(place), self._before(place), voice, again=False) for place in range(len(path))]
        self.closing = answer_piece(self._before(len(path)), voice, 0)

    def _before(self, place: int) -> Grid:
        grid = self.grid
        for each in self.path[:place]:
            grid = filled(grid, each.cell, each.digit)
        return grid

    def _placed(self, place: int) -> Placement:
        each, options = self.path[place], tuple(candidates(self._before(place), self.path[place].cell))
        return Placement(-1, each.cell, each.digit, "forced" if len(options) == 1 else "guess", True, options)

    def tell(
        self, wrong: WrongDigit | None, branch: FollowedDigit, source: WrongStepSource, drawn: MatchedDraw[Any]
    ) -> None:
        """The right path, with the wrong digit and what follows from it before the right digit of its cell."""
        for place, each in enumerate(self.path):
            role: Role = "step"
            told, brief = self.said[place], _terse(each, self.size)
            if wrong is not None and place == drawn.place:
                self._mistake(wrong, branch, source)
                role, told = "correction", self._corrected(place, wrong)
            self.last = self._say(role, told, brief, self.last, text_of(self._placed(place), self.size))
            self.short.append(("step", self.said[place], brief, self.last))
            if place in drawn.rechecked:
                cell = brief_cell(each.cell, self.size)
                slots = {"c": prose_cell(each.cell, self.size), "d": each.digit}
                said = f" {self.voice.choice(phrases.RECHECKS).format(**slots)}"
                self._say("check", said, f"check {cell} right .", self.last, f"check {cell} right .")

    def _corrected(self, place: int, wrong: WrongDigit) -> str:
        """The right digit in prose, told by what has failed where that one fitted too."""
        placed = self._placed(place)
        if wrong.kind != GUESS:
            return self.said[place]
        how: How = "last" if len(placed.options) == 2 else "guess"
        return prose(placed._replace(how=how), wrong.before, self.voice, again=True)

    def _mistake(self, wrong: WrongDigit, branch: FollowedDigit, source: WrongStepSource) -> None:
        written, size = wrong.written, self.size
        options = tuple(candidates(wrong.before, written.cell))
        placed = Placement(-1, written.cell, written.digit, "guess", False, options)
        clash = branch.has >= 0
        told = all_the_same(placed, size, self.voice) if clash else prose(placed, wrong.before, self.voice, again=False)
        facts: dict[str, Any] = {"verdict": "wrong", "claim": Reachable(wrong.after, WHOLE), "truth": False}
        facts |= {"check": Check("contradiction", "x", "solves", str(WHOLE)), "kind": wrong.kind}
        facts |= {"origin": "own" if source == "own" else "injected", "proof": "checked:question"}
        mistake = at = self._say("mistake", told, _terse(written, size), self.last, text_of(placed, size), **facts)
        grid = wrong.after
        for each in branch.forced:
            text = text_of(each, size)
            at = self._say(
                "consequence", prose(each, grid, self.voice, again=False), f"{text} .", at, text, verdict="wrong"
            )
            grid = filled(grid, each.cell, each.digit)
        cell = prose_cell(written.cell, size)
        if clash:
            slots = {"h": prose_cell(branch.has, size), "c": cell, "d": written.digit, "u": wrong.kind.split()[0]}
            said = self.voice.choice(phrases.CLASHES).format(**slots)
            brief = f"wait {brief_cell(branch.has, size)} is {written.digit} ."
        else:
            said = self.voice.choice(phrases.STUCK).format(c=prose_cell(branch.stuck, size), w=sees(grid, branch.stuck))
            said = f"{said} {self.voice.choice(phrases.CLOSES).format(g=cell, x=written.digit)}".rstrip()
            brief = f"no {brief_cell(branch.stuck, size)} . dead end ."
        self.pieces.append(("notice", f" {said}", brief, mistake))
        back = self.voice.choice(phrases.BACKS if branch.forced else phrases.BACKS_AT_ONCE).format(g=cell)
        self.pieces.append(("backtrack", f" {back}", f"back to {brief_cell(written.cell, size)} .", mistake))

    def traces(self) -> tuple[Trace, Trace]:
        """The shortcut and the journey, both ending in the completed rows."""
        whole = self._before(len(self.path))
        closing = (*self.closing[:3], self.last)
        short, journey = (Trace(lay_out([*told, closing]), *rows(whole)) for told in (self.short, self.pieces))
        return short, journey

    def _say(self, role: Role, text: str, brief: str, parent: int | None, terse: str, **facts: Any) -> int:
        self.nodes.append(Node(len(self.nodes), parent, role, terse, **facts))
        self.pieces.append((role, text, brief, len(self.nodes) - 1))
        return len(self.nodes) - 1


def _terse(written: WrittenDigit, size: int) -> str:
    """A digit as the policy writes it in terse notation."""
    return f"{'try ' * written.tried}{brief_cell(written.cell, size)} = {written.digit} ."
