"""Matched journeys of problems in words told: a right attempt whose steps are read, with one wrong step in it.

The right attempt is read as an annotated solution is (`journey.generate.slips`), so slips work on it. The policy's own wrong
step stands in it as the policy wrote it, where a false equation shows in the text; a step that is only known to be wrong from
the gold solution has no reason that a reader could see: such journeys are `oracle_timed`, and their notice says no more than
that another way gives another value, and they are not made here. Mistakes are noticed at once, for all kinds: what the policy
wrote after its wrong step has no place in the right path's graph.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from random import Random

import msgspec

from journey.answers.claims import notice_contradicts
from journey.answers.equations import Equation, Unreadable, equations
from journey.answers.prose_numbers import numerals
from journey.answers.steps import reasoning_end, steps_with_equations
from journey.generate.attempts.matched import (
    AttemptedProblem,
    MatchedDraw,
    MatchedSettings,
    WrongStepSource,
    draw,
    policy_of,
    provenance_of,
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
from journey.schema import Arith, Attempt, Problem

ARITHMETIC = ("digit", "carry", "sign", "off_by_one", "table", "place")  # kinds of slips that are false equations


def make(
    attempted: AttemptedProblem, source: WrongStepSource, settings: MatchedSettings, seed: int, attempt: int
) -> MadePair | Rejection:
    """The pair of one kind, or why the problem gives none."""
    refused = attempted.refusal()
    if refused is not None:
        return refused
    problem = attempted.problem
    graphs = {each.index: graph for each in attempted.right() if not each.prefix and (graph := read(problem, each))}
    if not graphs:
        return Rejection("no_right_attempt_is_read")
    right = {each.index: each for each in attempted.right()}
    fitting: list[tuple[Attempt, int, list[Attempt]]] = []
    kinds = set()
    for wrong in attempted.wrong():
        kinds.add(wrong.mistake.kind)
        if not isinstance(wrong.mistake.claim, Arith) or own_step(wrong) is None:
            continue
        before = _before(wrong)
        endings = [right[n] for n, graph in graphs.items() if _place(graph, before) is not None]
        if endings:
            fitting.append((wrong, len(before), endings))
    if not kinds & {"false equation"}:
        return Rejection("oracle_timed", "no check on question and text refutes a wrong step")
    if not fitting:
        return Rejection("no_right_ending", "no right attempt begins as a wrong one does before its mistake")
    drawn = draw(attempted, fitting, {n: len(graph.steps) for n, graph in graphs.items()}, settings, seed, attempt)
    graph = graphs[drawn.right.index]
    step = _place(graph, _before(drawn.wrong))
    assert step is not None
    episode = _episode(attempted, drawn, graph, step, source, rng_for("slip", source, seed, problem.id, attempt))
    if isinstance(episode, Rejection):
        return episode
    voice = Voice(rng_for("matched voice", seed, problem.id, attempt))
    told = settings.model_dump(mode="json")
    episodes = [] if drawn.clean else [episode]
    made = assemble(graph, episodes, voice, seed, attempt, told, source, drawn.rechecked)
    facts = provenance_of(attempted, drawn, source, settings, seed, attempt)
    pair = msgspec.structs.replace(made.pair, provenance={**made.pair.provenance, **facts}, problem=problem)
    nodes = tuple(
        msgspec.structs.replace(node, origin="own" if source == "own" else "injected", proof="checked:question")
        if node.role == "mistake"
        else node
        for node in made.tree.nodes
    )
    return MadePair(msgspec.structs.replace(made.tree, problem=problem, nodes=nodes), pair)


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
    facts = {**made.pair.provenance, "attempts": {"right": chosen.index}, "policy": policy_of(attempted)}
    pair = msgspec.structs.replace(made.pair, provenance=facts, problem=attempted.problem)
    return MadePair(msgspec.structs.replace(made.tree, problem=attempted.problem), pair)


def read(problem: Problem, attempt: Attempt) -> Annotated | None:
    """The graph of a right attempt's own steps; None where they cannot be read to the answer."""
    body = attempt.text[: reasoning_end(attempt.text)].replace("<think>", "").replace("</think>", "").strip()
    try:
        return annotated(msgspec.structs.replace(problem, solution=body))
    except Unreadable:
        return None


def own_step(attempt: Attempt) -> tuple[str, Equation, list[str]] | None:
    """The text of an attempt's wrong step, its false equation, and the texts of the steps after it."""
    found = steps_with_equations(attempt.text)
    for place, (span, written) in enumerate(found):
        if span == attempt.mistake.span:
            false = next((equation for equation in written if not equation.true), None)
            if false is None:
                return None
            return attempt.text[slice(*span)], false, [attempt.text[slice(*after)] for after, _ in found[place + 1 :]]
    return None


def _before(attempt: Attempt) -> list[Fraction]:
    """The values computed before the mistake, in order."""
    values: list[Fraction] = []
    for span, written in steps_with_equations(attempt.text):
        if span == attempt.mistake.span:
            break
        values += [equation.claimed for equation in written]
    return values


def _place(graph: Annotated, before: Sequence[Fraction]) -> int | None:
    """The step that comes next in a right attempt which begins with these values; None where it begins otherwise."""
    values: list[Fraction] = []
    for step, each in enumerate(graph.steps):
        if values == list(before):
            return step
        values += [equation.value for equation in each.equations]
    return None


def _episode(
    attempted: AttemptedProblem, drawn: MatchedDraw, graph: Annotated, step: int, source: WrongStepSource, rng: Random
) -> Episode | Rejection:
    if source == "own":
        return _own_episode(drawn, graph, step, rng)
    names = list(KINDS) if source == "injected" else list(ARITHMETIC)
    slips = SlipDraw(graph, SlipsSettings(kinds=tuple(names)), rng)
    free = set(range(len(graph.steps)))
    while names:
        weights = [KINDS[name][0] for name in names]
        kind = rng.choices(names, weights)[0]
        names.remove(kind)
        episode = slips.at(kind, step, 0, free)
        if episode is not None and episode.first == step:
            return episode
    return Rejection("no_slip_here")


def _own_episode(drawn: MatchedDraw, graph: Annotated, step: int, rng: Random) -> Episode | Rejection:
    """The policy's own step, noticed for a reason that refutes its equation."""
    own = own_step(drawn.wrong)
    assert own is not None
    text, equation, _ = own
    exact = replace(equation, claimed=equation.exact)
    [read_again] = [each for each in equations(text) if each.left == equation.left][:1] or [exact]
    calculation = Calculation.of(replace(read_again, claimed=equation.exact), numerals(text))
    calculation = replace(calculation, id=graph.steps[step].equations[-1].id)
    claim = Arith(equation.left, str(equation.claimed))
    slip = Slip("own", step, step, calculation, claim, equation.claimed, equation.tokens)
    reasons = [each for each in checks.arithmetic(slip) if notice_contradicts(slip.value, slip.truth, each.check)]
    if not reasons:
        return Rejection("nothing_contradicts")
    brief = f"{brief_tokens(equation.tokens)} = {brief_number(equation.claimed)} ."
    wrong = WrongStep(step, text, brief, {calculation.id: equation.claimed})
    return Episode(slip, wrong, (), choose(reasons, rng))
