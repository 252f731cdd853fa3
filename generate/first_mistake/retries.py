"""First mistakes where quantities have names: one tried before what it needs is known, or a mistake in what is computed."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from journey.answers.equations import Equation
from journey.generate.first_mistake import quantities
from journey.generate.slips import phrases, retry
from journey.schema import FirstMistake, Follows, Problem, QuantityClaim

EARLY = "computed too early"  # with a number made up for a quantity that is not known yet: not a number miscopied
_TRIED = re.compile(r"(?<![a-z])try ([a-z]) \.")
_OWNER = re.compile(r"(\w+ School) has $")
_NOUN = re.compile(r" (\w+)( in all)?")
_NAMED = re.compile(
    "|".join(
        re.escape(phrase).replace(re.escape("{name}"), r"(how many [^.=]+)")
        for phrase in dict.fromkeys((*phrases.ANNOUNCED, *phrases.ANNOUNCED_FIRST))
    )
)


def announced(problem: Problem, text: str) -> Iterator[tuple[tuple[int, int], int]]:
    """Where a text says what it works out next, and the step of the solution that computes it; others are not told."""
    letters, called = problem.facts["letters"], problem.facts["names"]
    for match in _TRIED.finditer(text):
        if match[1] in letters:
            yield match.span(), letters.index(match[1])
    for match in _NAMED.finditer(text):
        name = next(filter(None, match.groups()))
        if name in called:
            yield match.span(), called.index(name)


def first_mistake(problem: Problem, text: str, right: bool) -> FirstMistake:
    """The first false step of an answer: a quantity that is announced or computed too early, or what `quantities` finds."""
    called = {name: f"s{index + 1}" for index, name in enumerate(problem.facts["names"])}

    def naming(said: str, span: tuple[int, int], equation: Equation) -> str | None:
        owner, noun = _OWNER.search(said, span[0], equation.start), _NOUN.match(said, equation.end)
        return called.get(f"how many {noun[1]} {owner[1]} has{noun[2] or ''}") if owner and noun else None

    computed = quantities.first_mistake(problem, text, right, stated=True, naming=naming)
    graph = quantities.graph_of(problem)
    if graph is None:
        return computed
    judged = quantities.judged(problem, text, right, stated=True, naming=naming)

    def known_before(start: int) -> set[str | None]:
        return {each.quantity for each in judged if each.span[1] <= start and each.kind is None}

    def too_early(step: int, known: set[str | None]) -> bool:
        return any(f"s{place + 1}" not in known for place in retry.lacking(graph, step, 0))

    if computed.span is not None and isinstance(computed.claim, QuantityClaim):
        step = int(computed.claim.id[1:]) - 1
        if computed.kind != "wrong operation" and too_early(step, known_before(computed.span[0])):
            computed = msgspec.structs.replace(computed, kind=EARLY)
    for span, step in sorted(announced(problem, text)):
        if computed.span is not None and computed.span[0] < span[0]:
            break
        before = [each for each in judged if each.span[1] <= span[0]]
        known = known_before(span[0])
        if too_early(step, known):
            decided = all(each.kind != "undecided" for each in before)
            names = tuple(sorted(name for name in known if name))
            return FirstMistake("retry", span, "checked:question", decided, Follows(f"s{step + 1}", names), False)
    return computed
