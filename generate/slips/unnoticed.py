"""A mistake in a solution that nobody notices: recomputed through the graph to the end, and the wrong value boxed."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from fractions import Fraction

from journey.answers.prose_numbers import show
from journey.answers.spelling import spelling
from journey.generate.slips.annotated import Annotated
from journey.generate.slips.kinds import KINDS
from journey.generate.slips.narrate import Voice
from journey.generate.slips.slip import Refused, Slip, usable
from journey.generate.slips.text import WrongStep, brief_number, following_steps, right_brief, wrong_step
from journey.generate.slips.tree import Piece
from journey.schema import Pair, Trace
from journey.views import lay_out


def unnoticed(graph: Annotated, pair: Pair, slips: Iterable[Slip], rng: random.Random) -> Trace | None:
    """The pair's solution with one mistake, followed to a wrong answer; None if none can be followed so far.

    The journey's own mistakes (`slips`) are tried first, then others of the same problem, in random order. All but the
    mistake and what follows from it reads as in the pair.
    """
    for slip in (*slips, *_others(graph, rng)):
        try:
            wrong = _to_the_end(graph, slip)
        except Refused:
            continue
        value = slip.value if slip.kind == "early" else wrong[-1].changed.get(graph.final)
        if value is not None and value != graph.values[graph.final]:
            return _tell(graph, pair, slip, wrong, value, rng)
    return None


def _others(graph: Annotated, rng: random.Random) -> Iterator[Slip]:
    """Every mistake that can be made, kinds by weight, places in random order."""
    names = list(KINDS)
    while names:
        kind = rng.choices(names, [KINDS[name][0] for name in names])[0]
        names.remove(kind)
        places = list(range(len(graph.steps)))
        rng.shuffle(places)
        for step in places:
            for equation in graph.steps[step].equations:
                try:
                    yield from KINDS[kind][1](graph, step, equation, rng)
                except Refused:
                    continue


def _to_the_end(graph: Annotated, slip: Slip) -> list[WrongStep]:
    """The step that makes the mistake and all that come after it; none for stopping early. Raises Refused."""
    usable(slip, graph.problem.facts.get("limit"))
    if slip.kind == "early":
        return []
    first = wrong_step(graph, slip)
    return [first, *following_steps(graph, slip, first, len(graph.steps) - 1 - slip.step)]


def _tell(
    graph: Annotated, pair: Pair, slip: Slip, wrong: list[WrongStep], value: Fraction, rng: random.Random
) -> Trace:
    voice, segments = Voice(rng), pair.shortcut.segments
    plan = segments[0] if segments[0].role == "plan" else None
    voice.plan = plan.text if plan else ""
    voice.gap = (
        "\n\n" if any(s.text.startswith("\n\n") for t in (pair.shortcut, pair.journey) for s in t.segments) else "\n"
    )
    pieces: list[Piece] = [("plan", plan.text, plan.brief, plan.node)] if plan else []
    for index, step in enumerate(graph.steps[: slip.back]):
        pieces.append(("step", voice.step(step.text, step.joint, index == 0), right_brief(graph, step), index))
    for each in wrong:
        first = len(pieces) == (plan is not None)
        text = voice.step(each.text, graph.steps[each.step].joint, first)
        role = "mistake" if each is wrong[0] else "consequence" if each.changed else "step"
        pieces.append((role, text, each.brief, each.step))  # type: ignore[arg-type]
    if not wrong:
        pieces.append(("mistake", voice.early(value), f"so answer {brief_number(value)} ?", slip.step))
    last = pair.shortcut.segments[-1]
    text = last.text.replace(f"{{{pair.shortcut.answer}}}", f"{{{show(value)}}}")
    brief = brief_number(value)
    pieces.append(("answer", text, f"\\boxed{{ {brief} }}", len(graph.steps) - 1))
    write = spelling(graph.problem)
    return Trace(lay_out([(r, text, write(said), n) for r, text, said, n in pieces]), show(value), write(brief))
