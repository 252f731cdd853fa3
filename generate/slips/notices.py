"""Reasons that give a mistake away, each a check that fails on the wrong value and passes on the right one.

A reason uses the question and what is already written, never the gold answer: the inverse operation, a size estimate,
parity or the last digit, working in parts, rereading the question, a number not used yet, a negative or fractional
count of things, a known fact about units. Every reason offered here has been tried on both values.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from fractions import Fraction

from journey.answers.claims import names_in, notice_contradicts
from journey.answers.prose_numbers import show
from journey.generate.slips.annotated import Annotated
from journey.generate.slips.calculations import Calculation, Operand, in_words
from journey.generate.slips.checks import INVERSE, Reason, arithmetic, bracketed, brief_shown, percentage, reason, size
from journey.generate.slips.quotes import asked, clause, count_noun, says
from journey.generate.slips.slip import SIGNS, Slip, two
from journey.generate.slips.text import WrongStep, brief_number, brief_tokens
from journey.schema import Arith, Check

_BELOW_ZERO = re.compile(
    r"degree|temperature|profit|loss|debt|owe|elevation|altitude|balance|below|negative"
    r"|(?<![\w)\]}])(?<![\w)\]}] )[-\u2212]\$?\d",  # or a number with a sign of its own
    re.IGNORECASE,
)
WEIGHTS = {"reread": 0.45, "size": 1.3, "negative": 2.0, "whole": 1.6, "unused": 0.7, "parts": 0.8, "inverse": 0.9}


def reasons(graph: Annotated, slip: Slip, window: Sequence[WrongStep]) -> list[Reason]:
    """Every reason that really contradicts this slip once `window` has been written after it."""
    candidates = list(arithmetic(slip)) if isinstance(slip.claim, Arith) else list(_quantity(graph, slip, window))
    candidates += _impossible(graph, slip, window)
    limit = graph.problem.facts.get("limit")
    return [
        each
        for each in candidates
        if notice_contradicts(slip.value, slip.truth, each.check) and (not limit or _within(each.brief, limit))
    ]


def _within(brief: str, limit: int) -> bool:
    """Whether all numbers of a terse notation are whole and at most `limit`."""
    numbers = [word for word in brief.split() if word[-1].isdigit()]
    return all(word.isdigit() and int(word) <= limit for word in numbers)


def choose(candidates: Sequence[Reason], rng: random.Random) -> Reason:
    """One reason: first its kind, by weight, then one of that kind."""
    kinds = sorted({each.check.kind for each in candidates})
    kind = rng.choices(kinds, [WEIGHTS.get(each, 1.0) for each in kinds])[0]
    return rng.choice([each for each in candidates if each.check.kind == kind])


# ---- the calculation is not the one that was asked for


def _quantity(graph: Annotated, slip: Slip, window: Sequence[WrongStep]) -> Iterator[Reason]:
    equation = slip.equation
    common = {"x": show(slip.value), "expr": in_words(equation.tokens), "written": in_words(slip.written), **slip.about}
    should = Check("reread", "x", "=", slip.about.get("should", equation.expression))
    brief = f"check {brief_shown(should.right)} not {brief_tokens(slip.written)} ."
    if slip.kind == "unit":
        yield reason("fact", Check("fact", "x", "=", equation.expression), brief, **common)
        return
    quote, span = _quote(graph, slip)
    form = _form(graph, slip, quote, span) if quote and span else None
    if quote and span and form:
        yield reason(f"reread_{form}", _with(should, quote=span), brief, quote=quote, **common)
        parts = two(equation)
        if parts and form == "operation" and slip.kind in ("operation", "swap"):
            for each in size(slip, parts, common, "told_"):
                yield Reason(each.form, _with(each.check, quote=span), {**each.slots, "quote": quote}, each.brief)
        if slip.kind in ("misread", "operand") and form == "number":
            yield from _back_to_question(slip, quote, span, common)
        if slip.kind == "percent":
            yield from percentage(slip, common)
    yield from _unused(graph, slip, window, brief, common)


def _form(graph: Annotated, slip: Slip, quote: str, span: tuple[int, int]) -> str | None:
    """What a quote gives away: a number, the operation, or what is asked; None where its words do not say it."""
    asks = slip.equation.id == graph.final and _asks(graph, span)
    if slip.kind == "early":
        return "early"
    of_number = slip.kind in ("misread", "operand", "forgotten", "percent")
    if of_number and slip.operand is not None and _says(graph, slip.operand, span):
        return "number" if slip.kind in ("misread", "operand") else slip.kind
    if slip.kind == "skipped":
        signs = set(SIGNS) & set(slip.about["signs"].split())
        return "skipped" if says(quote, signs) and slip.operand and _says(graph, slip.operand, span) else None
    if _asks(graph, span):
        return "asked" if asks else None
    if slip.kind in ("operation", "swap", "operand") and (_told_whole(graph) or says(quote, _changed(slip))):
        return "operation"
    return None


def _told_whole(graph: Annotated) -> bool:
    """Whether each sentence of the question is known to tell one calculation whole."""
    return bool(graph.problem.facts.get("spans"))


def _changed(slip: Slip) -> set[str]:
    """The operations that the wrong calculation changes, or all of the right one where it has the same."""
    right, wrong = slip.equation.tokens, slip.written
    signs = {token for token in right if token in SIGNS}
    changed = {one for one, other in zip(right, wrong, strict=False) if one != other and one in SIGNS}
    return changed if changed and len(right) == len(wrong) else signs


def _with(check: Check, quote: tuple[int, int]) -> Check:
    return Check(check.kind, check.left, check.relation, check.right, quote)


def _quote(graph: Annotated, slip: Slip) -> tuple[str, tuple[int, int]] | tuple[None, None]:
    """The words of the question that settle this step, and where they stand."""
    question = graph.problem.question
    spans = graph.problem.facts.get("spans")
    if slip.kind == "early":
        return asked(question)
    index = int(slip.equation.id[1:]) - 1 - (slip.kind == "skipped")
    if spans and index < len(spans):
        if spans[index] is None:  # a model's own step, which the question does not tell
            return None, None
        start, end = spans[index]
        return question[start:end], (start, end)
    linked: list[Operand] = [slip.operand] if slip.operand is not None else []
    if slip.kind in ("operation", "swap"):
        linked = list(reversed(slip.equation.operands))
    for operand in linked:
        given = graph.given(operand)
        if given is not None and given.span is not None and not _loose(question, given.span, operand.value):
            quoted = clause(question, given.span)
            if quoted[0]:
                return quoted
    return asked(question) if slip.equation.id == graph.final and slip.kind != "skipped" else (None, None)


def _loose(question: str, span: tuple[int, int], value: Fraction) -> bool:
    """Whether a number is half of a fraction, or a one, which may stand for anything."""
    return value == 1 or "/" in (question[max(span[0] - 1, 0) : span[0]], question[span[1] : span[1] + 1])


def _asks(graph: Annotated, span: tuple[int, int]) -> bool:
    return asked(graph.problem.question)[1] == span


def _says(graph: Annotated, operand: Operand, span: tuple[int, int]) -> bool:
    """Whether the quoted words hold the number that this operand should be."""
    given = graph.given(operand)
    return given is not None and given.span is not None and span[0] <= given.span[0] and given.span[1] <= span[1]


def _back_to_question(slip: Slip, quote: str, span: tuple[int, int], common: dict[str, str]) -> Iterator[Reason]:
    """Undoing the step must give back the number that the question states."""
    parts = two(slip.equation)
    if not parts or slip.operand is None:
        return
    a, sign, b = parts
    first = slip.operand.token == 0
    want, other = (a, b) if first else (b, a)
    if first or sign in "+*":
        shown, left = f"{common['x']} {INVERSE[sign]} {show(other)}", f"x {INVERSE[sign]} {show(other)}"
    else:
        shown, left = f"{show(other)} {sign} {bracketed(slip.value)}", f"{show(other)} {sign} x"
    if "/ 0" in shown:
        return
    back = show(Fraction(slip.about["wrong"]))
    brief = f"check {brief_shown(shown)} = {back} not {brief_number(want)} ."
    check = Check("inverse", left, "=", show(want), span)
    yield reason("back_to_question", check, brief, back_expr=shown, back=back, want=show(want), quote=quote, **common)


def _unused(
    graph: Annotated, slip: Slip, window: Sequence[WrongStep], brief: str, common: dict[str, str]
) -> Iterator[Reason]:
    """A result worked out earlier that nothing has used so far."""
    operand = slip.operand
    if slip.kind == "early":
        operand = next((o for o in slip.equation.operands if o.link and o.link != slip.about["from"]), None)
    if (
        operand is None
        or slip.kind not in ("operand", "forgotten", "early")
        or not (operand.link or "").startswith("s")
    ):
        return
    written = [e for s in graph.steps[: slip.step + 1] for e in s.equations if e.id != slip.equation.id]
    written += [e for each in window for e in graph.steps[each.step].equations]
    if operand.value == slip.value or any(
        operand.link == name for each in written for o in each.operands for name, _ in o.sources
    ):
        return
    if not graph.problem.facts.get("letters") and any(
        o.value == operand.value for each in written if each.id != operand.link for o in each.operands
    ):
        return  # another number that reads the same has been used: a reader could not tell
    check = Check("unused", "x", "=", slip.equation.expression)
    form = "unused_at_the_end" if slip.kind == "early" else "unused"
    yield reason(form, check, brief, **{**common, "right": show(operand.value)})


# ---- the value is impossible


def _impossible(graph: Annotated, slip: Slip, window: Sequence[WrongStep]) -> Iterator[Reason]:
    """A negative or broken count of things: the wrong value itself, or what has come of it by the last step."""
    if graph.problem.facts.get("form") == "symbols":
        return
    yield from _impossible_value(graph, slip.equation, "x", slip.value, slip, "")
    if slip.pretend or not window:
        return
    wrong = {slip.equation.id: slip.value}
    for each in window:
        wrong |= each.changed
    equation = graph.steps[window[-1].step].equations[-1]
    if equation.id in wrong:
        over_x = compose(graph, equation.id, slip.equation.id)
        yield from _impossible_value(graph, equation, over_x, wrong[equation.id], slip, "later_")


def _impossible_value(
    graph: Annotated, equation: Calculation, left: str, value: Fraction, slip: Slip, prefix: str
) -> Iterator[Reason]:
    slots = {"x": show(slip.value), "y": show(value), "expr": in_words(slip.equation.tokens)}
    slots["written"] = in_words(slip.written)
    step = next(s for s in graph.steps if equation in s.equations)
    noun = count_noun(graph.problem.question, step, equation, final=equation.id == graph.final)
    if value < 0 <= equation.value and not _goes_below_zero(graph):
        brief = f"wait {brief_number(value)} < 0 ."
        check = Check("negative", left, ">=", "0")
        if noun:
            yield reason(f"{prefix}negative", check, brief, noun=noun, **slots)
        else:
            yield reason(f"{prefix}below_zero", check, brief, **slots)
    if noun and value.denominator != 1 and equation.value.denominator == 1:
        brief = f"wait {brief_number(value)} not whole ."
        yield reason(f"{prefix}whole", Check("whole", left, "is", "whole"), brief, noun=noun, **slots)


def _goes_below_zero(graph: Annotated) -> bool:
    """Whether something in the problem can be negative: by its words, its numbers, or a value that is right."""
    values = (equation.value for step in graph.steps for equation in step.equations)
    return _BELOW_ZERO.search(graph.problem.question) is not None or any(value < 0 for value in values)


def compose(graph: Annotated, name: str, origin: str) -> str:
    """The quantity `name` as an expression over x, which stands for the quantity `origin`."""
    if name == origin:
        return "x"
    quantity = next(each for each in graph.quantities if each.id == name)
    if quantity.expression is None or not _depends(graph, name, origin):
        return f"({graph.values[name]})"
    text = quantity.expression
    parts = {each: compose(graph, each, origin) for each in names_in(text)}
    tokens = text.replace("(", " ( ").replace(")", " ) ").split()
    return "(" + " ".join(parts.get(token, token) for token in tokens) + ")"


def _depends(graph: Annotated, name: str, origin: str) -> bool:
    quantity = next(each for each in graph.quantities if each.id == name)
    used = names_in(quantity.expression or "")
    return origin in used or any(_depends(graph, each, origin) for each in used)
