"""Matched journeys of problems in words told: a right attempt whose steps are read, with one wrong step in it.

The right attempt is read as an annotated solution is (`journey.generate.slips`), so slips work on it. The policy's own wrong
step stands in it as the policy wrote it, where a false equation shows in the text; a step that is only known to be wrong from
the gold solution has no reason that a reader could see: such journeys are `oracle_timed`, their notice says no more than that
another way gives another value, and they are made where it is asked for. After the policy's wrong step come those of its further steps
that follow from the wrong value, as it wrote them. Where no right attempt begins as the wrong one did, the solution is begun again
(`fresh`): the wrong attempt up to its mistake, noticed at once, and then a right attempt from its start.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from random import Random
from typing import Any

import msgspec

from journey.answers.claims import notice_contradicts
from journey.answers.equations import Equation, Unreadable, equations
from journey.answers.prose_numbers import numerals, places, show
from journey.answers.steps import reasoning_end
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
from journey.generate.attempts.values import (
    ESTIMATED,
    PREFIX,
    STEPS,
    OwnStep,
    as_lines,
    draw_values,
    own_step,
    values_before,
)
from journey.generate.made import MadePair, Rejection
from journey.generate.slips import checks
from journey.generate.slips.annotated import Annotated, annotated
from journey.generate.slips.calculations import Calculation
from journey.generate.slips.draw import SlipDraw, SlipsSettings
from journey.generate.slips.kinds import KINDS
from journey.generate.slips.narrate import Voice
from journey.generate.slips.notices import choose
from journey.generate.slips.slip import Slip
from journey.generate.slips.text import WrongStep, brief_number, brief_tokens
from journey.generate.slips.tree import Episode, assemble
from journey.rng import rng_for
from journey.schema import Arith, Attempt, Check, Problem, QuantityClaim

_NAMES = re.compile(r"(?<![A-Za-z])([A-Za-z]) *= *$")  # a letter, in front of a calculation
LIKE = {
    "wrong operation": ("operation", "swap"),
    "wrong number": ("operand", "misread"),
    "computed too early": ("operand", "misread"),
    "wrong quantity": ("operand",),
}
"""Kinds of slips that are like a policy's wrong steps which are true equations."""


def make(
    attempted: AttemptedProblem, source: WrongStepSource, settings: MatchedSettings, seed: int, attempt: int
) -> MadePair | Rejection:
    """The pair of one kind, or why the problem gives none."""
    refused = attempted.refusal(settings.located)
    if refused is not None:
        return refused
    problem = attempted.problem
    endings = _endings(attempted)
    if not endings:
        return Rejection("no_right_attempt_is_read")
    usable = _usable(attempted, endings, settings)
    known = attempted.wrong(settings.located)
    if not settings.oracle_timed and not any(each.mistake.kind in ("false equation", ESTIMATED) for each in known):
        return Rejection("oracle_timed", "no check on question and text refutes a wrong step")
    if not usable:
        return Rejection("no_right_ending", f"no right attempt comes after a wrong one (ending: {settings.ending})")
    drawn = draw(attempted, usable, settings, seed, attempt)
    abandoned = _abandoned(problem, drawn.wrong) if drawn.ending == "fresh" else None
    graph = abandoned or drawn.right.read
    step = _place(graph, values_before(drawn.wrong))
    assert step is not None
    rng = rng_for("slip", source, seed, problem.id, attempt)
    episode = _episode(attempted, drawn, graph, step, source, settings, rng)
    if isinstance(episode, Rejection):
        return episode
    voice = Voice(rng_for("matched voice", seed, problem.id, attempt))
    told = settings.model_dump(mode="json")
    episodes = [] if drawn.clean else [episode]
    made = assemble(drawn.right.read, episodes, voice, seed, attempt, told, source, drawn.rechecked, abandoned)
    facts = provenance_of(attempted, drawn, source, settings, (seed, attempt), episode.slip.claim)
    if source == "own" and not isinstance(episode.slip.claim, Arith):
        facts |= {"proof": drawn.wrong.mistake.proof, **({} if drawn.clean else {"oracle_timed": True})}
    if drawn.wrong.mistake.counts is not None:
        facts["estimate"] = list(
            drawn.wrong.mistake.counts
        )  # right continuations and all, before the step and after it
    return _told_of(made, problem, facts, "own" if source == "own" else "injected")


def _told_of(made: MadePair, problem: Problem, facts: Mapping[str, Any], origin: str) -> MadePair:
    """A pair with the user's own problem in it, what is known of its attempts, and whose its mistakes are."""
    pair = msgspec.structs.replace(made.pair, provenance={**made.pair.provenance, **facts}, problem=problem)
    known: dict[str, Any] = {"origin": origin, "proof": facts["proof"]}
    nodes = tuple(
        msgspec.structs.replace(node, **known) if node.role == "mistake" else node for node in made.tree.nodes
    )
    if facts["proof"] == ESTIMATED:  # what it should have been is not known, so it claims nothing that could be refuted
        nodes = tuple(msgspec.structs.replace(node, claim=None, truth=None, check=None) for node in nodes)
    return MadePair(msgspec.structs.replace(made.tree, problem=problem, nodes=nodes), pair)


def stitch(attempted: AttemptedProblem, seed: int, attempt: int) -> MadePair | Rejection:
    """A wrong attempt to its last step, noticed by its false equation, and then a right attempt from its start."""
    refused, problem = attempted.refusal(), attempted.problem
    if refused is not None:
        return refused
    endings = [each for each in _endings(attempted) if not each.attempt.prefix]
    if not endings:
        return Rejection("no_right_attempt_is_read")
    wrong = [
        (each, own, graph)
        for each in attempted.wrong()
        if isinstance(each.mistake.claim, Arith)
        and (own := own_step(each)) is not None
        and (graph := _abandoned(problem, each)) is not None
        and len(list(_further(each, own, graph, len(graph.steps) - 1, len(own.further)))) == len(own.further)
    ]
    if not wrong:
        return Rejection("no_wrong_attempt_to_its_end", "a false equation, and every later step follows from it")
    rng = rng_for("stitch", seed, problem.id, attempt)
    right = endings[rng.randrange(len(endings))]
    failed, own, graph = wrong[rng.randrange(len(wrong))]
    step = _place(graph, values_before(failed))
    assert step is not None
    delay = len(own.further)
    drawn = MatchedDraw(failed, right, step, "fresh", clean=False, delay=delay, rechecked=())
    episode = _own_episode(drawn, graph, step, delay, rng)
    if isinstance(episode, Rejection):
        return episode
    chosen = {"right": right.attempt.index, "wrong": failed.index}
    made = assemble(right.read, [episode], Voice(rng), seed, attempt, chosen, "stitch", abandoned=graph)
    known = {"policy": policy_of(attempted), "pass_rate": attempted.pass_rate, "attempts": chosen}
    return _told_of(made, problem, {"origin": "own", "proof": "checked:question", **known}, "own")


def _endings(attempted: AttemptedProblem) -> list[RightEnding[Annotated]]:
    """The right attempts and continuations whose steps can be read, with their graphs."""
    read_ones = ((each, read(attempted.problem, each)) for each in attempted.right())
    return [RightEnding(each, graph, len(graph.steps)) for each, graph in read_ones if graph is not None]


def _usable(
    attempted: AttemptedProblem, endings: Sequence[RightEnding[Annotated]], settings: MatchedSettings
) -> list[UsableMistake[Annotated]]:
    """The wrong attempts that a right path can come after, in their order: its next step is what the wrong one should have been.

    Wrong steps are false equations, and with `oracle_timed` also those that only the gold solution refutes. Of an estimated one
    no more is known than that the right path has another step in its place.
    """
    found = []
    for wrong in attempted.wrong(settings.located):
        claim, before, step = wrong.mistake.claim, values_before(wrong), own_step(wrong)
        estimated = wrong.mistake.proof == ESTIMATED
        if step is None or not (isinstance(claim, Arith) or settings.oracle_timed or estimated):
            continue
        values = [_next_value(each.read, before) for each in endings]
        if estimated:
            fitting = [_instead(step, wrong, each.read, before) for each in endings]
        else:
            fitting = [value == Fraction(str(wrong.mistake.truth)) for value in values]
        sharing = [each for each, fits in zip(endings, fitting, strict=True) if fits]
        whole = endings if isinstance(claim, Arith) and _abandoned(attempted.problem, wrong) else []
        one = usable_mistake(wrong, len(before), sharing, whole, settings)
        if one is not None:
            found.append(one)
    return found


def reject(attempted: AttemptedProblem, seed: int, attempt: int) -> MadePair | Rejection:
    """The pair of one right attempt, drawn by a stream: both halves are that attempt."""
    right = [
        (each, graph) for each in attempted.right() if not each.prefix and (graph := read(attempted.problem, each))
    ]
    if not right:
        return Rejection("no_right_attempt_is_read" if attempted.right() else "never_right")
    rng = rng_for("reject", seed, attempted.problem.id, attempt)
    chosen, graph = right[rng.randrange(len(right))]
    made = assemble(graph, [], Voice(rng), seed, attempt, {"right": chosen.index}, "reject")
    known = {"policy": policy_of(attempted), "pass_rate": attempted.pass_rate}
    facts = {**made.pair.provenance, "attempts": {"right": chosen.index}, **known}
    pair = msgspec.structs.replace(made.pair, provenance=facts, problem=attempted.problem)
    return MadePair(msgspec.structs.replace(made.tree, problem=attempted.problem), pair)


def read(problem: Problem, attempt: Attempt) -> Annotated | None:
    """The graph of a right attempt's own steps; None where they cannot be read to the answer."""
    body = attempt.text[: reasoning_end(attempt.text)].replace("<think>", "").replace("</think>", "").strip()
    try:
        return _annotated(problem, as_lines(body), problem.answer)
    except Unreadable:
        return None


def _annotated(problem: Problem, solution: str, answer: str) -> Annotated:
    """The graph of steps that may name their quantities by the problem's letters, in any order. Raises Unreadable.

    Letters and quotable sentences (`spans`) of the problem are put in the order of these steps. A calculation that the problem
    does not tell has no sentence: whoever quoted one would give a false reason.
    """
    letters: list[str] = problem.facts.get("letters", [])
    graph = annotated(msgspec.structs.replace(problem, solution=solution, answer=answer), letters)
    facts = dict(problem.facts)
    told = [_letter(step.text, letters) for step in graph.steps]
    if any(told) and all(len(step.equations) == 1 for step in graph.steps):
        ordered = [letter or letters[place] for place, letter in enumerate(told) if letter or place < len(letters)]
        facts["letters"] = ordered + [letter for letter in letters if letter not in ordered]
    if "spans" in facts:
        calculations = _gold_calculations(problem.question, problem.solution or "", problem.answer)
        said = dict(zip(calculations, facts["spans"], strict=False))
        facts["spans"] = [said.get(each) for each in _calculations(graph)]
    return replace(graph, problem=msgspec.structs.replace(graph.problem, facts=facts))


@lru_cache(maxsize=64)
def _gold_calculations(question: str, solution: str, answer: str) -> list[tuple[tuple[str, ...], Fraction]]:
    """Those of a worked solution, read once for all attempts at its problem; none where it cannot be read."""
    try:
        return _calculations(annotated(Problem("", question, answer, "", solution=solution)))
    except Unreadable:
        return []


def _calculations(graph: Annotated) -> list[tuple[tuple[str, ...], Fraction]]:
    """The numbers and signs of every calculation, in whatever order they are written, with its value."""
    return [(tuple(sorted(each.tokens)), each.value) for step in graph.steps for each in step.equations]


def _letter(text: str, letters: Sequence[str]) -> str:
    """The letter that a step names its quantity by, `c` of `c = 12 + 5 = 17.`; empty where it names none."""
    head = text.partition("=")[0].strip()
    return head if head in letters else ""


def _abandoned(problem: Problem, attempt: Attempt) -> Annotated | None:
    """A wrong attempt as far as its mistake, whose calculation is done rightly: slips work on it. None where it cannot be read.

    The false equation must be the only one of its step, and its value be said once there, so that the right value fits.
    """
    own = own_step(attempt)
    if own is None or len(own.equations) > 1 or own.false.result is None or places(own.false.exact) not in (0, 1, 2):
        return None
    text, (start, end), shown = attempt.text, own.false.result, show(own.false.exact)
    said = [each for each in numerals(text[slice(*own.span)]) if each.value == own.false.claimed]
    if len(said) != 1:
        return None
    body = f"{text[:start]}{shown}{text[end : own.span[1]]}".replace("<think>", "").replace("</think>", "").strip()
    try:
        graph = _annotated(problem, as_lines(body), str(own.false.exact))
    except Unreadable:
        return None
    # No step of it is the last one of a solution: nothing of it is what the question asks.
    return replace(graph, final="") if _place(graph, values_before(attempt)) == len(graph.steps) - 1 else None


def _instead(own: OwnStep, wrong: Attempt, graph: Annotated, before: Sequence[Fraction]) -> bool:
    """Whether a right path has another step in the place of an estimated one: for the same letter, if both name theirs.

    Where the path has the value too, in whatever step, the policy may only have gone another way.
    """
    place = _place(graph, before)
    if place is None or any(each.value == own.false.claimed for step in graph.steps for each in step.equations):
        return False
    right = graph.steps[place]
    end = (right.equations[-1].span or (0, 0))[0]
    names = map(_NAMES.search, (wrong.text[: own.false.start], right.text[:end]))
    return len({name[1] for name in names if name}) < 2


def _next_value(graph: Annotated, before: Sequence[Fraction]) -> Fraction | None:
    """What the step gives that comes next in a right attempt which begins with these values; None where it begins otherwise."""
    step = _place(graph, before)
    return None if step is None else graph.steps[step].equations[-1].value


def _place(graph: Annotated, before: Sequence[Fraction]) -> int | None:
    """The step that comes next in a right attempt which begins with these values; None where it begins otherwise."""
    values: list[Fraction] = []
    for step, each in enumerate(graph.steps):
        if values == list(before):
            return step
        values += [equation.value for equation in each.equations]
    return None


def _episode(
    attempted: AttemptedProblem,
    drawn: MatchedDraw[Annotated],
    graph: Annotated,
    step: int,
    source: WrongStepSource,
    settings: MatchedSettings,
    rng: Random,
) -> Episode | Rejection:
    delay = drawn.delay if drawn.ending == "fix" else 0
    if source == "own":
        return _own_episode(drawn, graph, step, delay, rng)
    slips = SlipDraw(graph, SlipsSettings(), rng)
    for episode in _slips(attempted, slips, step, delay, source, drawn.ending == "fresh", settings):
        if episode is not None and episode.first == step:
            return episode
    return Rejection("no_slip_here", source)


def _slips(
    attempted: AttemptedProblem,
    slips: SlipDraw,
    step: int,
    delay: int,
    source: WrongStepSource,
    begun_again: bool,
    settings: MatchedSettings,
) -> Iterator[Episode | None]:
    """Slips at a step: of kinds drawn by weight, or as the policy's false equations are off."""
    free = set(range(len(slips.graph.steps)))
    if source == "profiled":
        yield from _profiled(attempted.errors, slips, step, delay, free, settings.oracle_timed)
        return
    names = [name for name in KINDS if not (begun_again and name == "early")]
    while names:
        kind = slips.rng.choices(names, [KINDS[name][0] for name in names])[0]
        names.remove(kind)
        yield slips.at(kind, step, delay, free)


def _profiled(
    errors: Mapping[str, float], slips: SlipDraw, step: int, delay: int, free: set[int], also_true: bool
) -> Iterator[Episode | None]:
    """Slips as the policy errs: false values by how its own are off, and (`also_true`) true equations that are wrong steps."""
    groups = {name: count for name, count in errors.items() if name.startswith(STEPS)} if also_true else {}
    groups |= {PREFIX: sum(count for name, count in errors.items() if name.startswith(PREFIX))}
    while any(groups.values()):
        name = slips.rng.choices(list(groups), list(groups.values()))[0]
        del groups[name]
        if name != PREFIX:
            for kind in LIKE.get(name.removeprefix(STEPS), ()):
                yield slips.at(kind, step, delay, free)
            continue
        for equation in slips.graph.steps[step].equations:
            for _, value in draw_values(equation.tokens, equation.value, errors, slips.rng):
                claim = Arith(equation.expression, str(value))
                made = Slip("false equation", step, step, equation, claim, value, equation.tokens)
                yield slips.follow(made, delay, free)


def _own_episode(
    drawn: MatchedDraw[Annotated], graph: Annotated, step: int, delay: int, rng: Random
) -> Episode | Rejection:
    """The policy's own step and those that follow from it, noticed for a reason that refutes its equation."""
    own = own_step(drawn.wrong)
    assert own is not None
    if isinstance(drawn.wrong.mistake.claim, QuantityClaim) or drawn.wrong.mistake.proof == ESTIMATED:
        return _another_way(drawn, own, graph, step, delay)
    text, equation = as_lines(drawn.wrong.text[slice(*own.span)]), own.false
    if places(equation.claimed) is None:
        return Rejection("nothing_contradicts", "own")  # 11/235: no notice could say it
    left = " ".join(equation.left.split())
    [read_again] = [each for each in equations(text) if each.left == left][:1] or [equation]
    calculation = Calculation.of(replace(read_again, claimed=equation.exact), numerals(text))
    calculation = replace(calculation, id=graph.steps[step].equations[-1].id)
    claim = Arith(left, str(equation.claimed))
    slip = Slip("false equation", step, step, calculation, claim, equation.claimed, equation.tokens)
    reasons = [each for each in checks.arithmetic(slip) if notice_contradicts(slip.value, slip.truth, each.check)]
    if not reasons:
        return Rejection("nothing_contradicts", "own")
    brief = _brief(graph, step, text, equation)
    wrong = WrongStep(step, text, brief, {calculation.id: equation.claimed})
    return Episode(slip, wrong, tuple(_further(drawn.wrong, own, graph, step, delay)), choose(reasons, rng))


def _another_way(
    drawn: MatchedDraw[Annotated], own: OwnStep, graph: Annotated, step: int, delay: int
) -> Episode | Rejection:
    """A step that no check on question and text refutes: the notice says no more than that another way gives another value."""
    right, value = graph.steps[step].equations[-1], own.false.claimed
    if value == right.value or places(value) is None or places(right.value) is None:
        return Rejection("nothing_contradicts", "own")
    claim = QuantityClaim(right.id, str(value))
    slip = Slip(str(drawn.wrong.mistake.kind), step, step, right, claim, value, own.false.tokens)
    text = as_lines(drawn.wrong.text[slice(*own.span)])
    wrong = WrongStep(step, text, _brief(graph, step, text, own.false), {right.id: value})
    slots = {"x": show(value), "v": show(right.value), "expr": right.expression}
    check = Check("another way", "x", "=", right.expression)
    said = f"check {brief_tokens(right.tokens)} = {brief_number(right.value)} not {brief_number(value)} ."
    return Episode(
        slip,
        wrong,
        tuple(_further(drawn.wrong, own, graph, step, delay)),
        checks.Reason("another_way", check, slots, said),
    )


def _brief(graph: Annotated, step: int, text: str, equation: Equation, later: int = 0) -> str:
    """A step of the policy in terse notation, under its own letter, else that of the graph's step or so many quantities later."""
    letters: Sequence[str] = graph.problem.facts.get("letters", [])
    number = int(graph.steps[step].equations[-1].id[1:]) - 1 + later
    letter = _letter(text, letters) or (letters[number] if number < len(letters) else "")
    head = f"{letter} = " if letter else ""
    return f"{head}{brief_tokens(equation.tokens)} = {brief_number(equation.claimed)} ."


def _further(attempt: Attempt, own: OwnStep, graph: Annotated, step: int, delay: int) -> Iterator[WrongStep]:
    """The policy's next steps, as many as are wanted, as long as they follow rightly from the wrong value."""
    wrong = {own.false.claimed}
    later = 1
    for span, written in own.further[:delay]:
        exact = all(each.exact == each.claimed for each in written)
        if not exact or not any(number in wrong for each in written for number in each.numbers):
            return
        text = as_lines(attempt.text[slice(*span)])
        said = [_brief(graph, step, text, each, later + n) for n, each in enumerate(written)]
        later += len(written)
        values = {str(n): each.claimed for n, each in enumerate(written)}
        wrong |= set(values.values())
        yield WrongStep(step, text, " ".join(said), values, as_written=True)
