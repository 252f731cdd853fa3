"""The kinds of mistakes: each proposes wrong values, or wrong calculations, for one calculation of a solution.

Slips of the arithmetic come from `slip_arithmetic`; the kinds here claim a wrong quantity by an equation that may
itself be true: wrong operations and operands, misread or forgotten quantities, skipped steps, units, percents,
stopping early.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from fractions import Fraction

from journey.answers.claims import evaluate
from journey.answers.equations import join
from journey.answers.prose_numbers import places, show
from journey.generate.slips.annotated import Annotated
from journey.generate.slips.arithmetic import PROPOSALS
from journey.generate.slips.calculations import Calculation, Operand, in_words
from journey.generate.slips.checks import bracketed
from journey.generate.slips.slip import CONFUSED, SIGNS, Edit, Proposal, Refused, Slip, scaled, two
from journey.generate.slips.units import facts
from journey.schema import Arith, QuantityClaim


def _quantity(
    kind: str, step: int, equation: Calculation, written: tuple[str, ...], edits: list[Edit], **more: object
) -> Slip:
    try:
        value = evaluate(join(written))
    except ValueError as error:
        raise Refused("impossible_value") from error
    claim = QuantityClaim(equation.id, str(value))
    return Slip(kind, step, step, equation, claim, value, written, tuple(edits), **more)  # type: ignore[arg-type]


def _visible(equation: Calculation) -> None:
    if equation.span is None or equation.result is None:
        raise Refused("calculation_not_written_out")


def _operation(graph: Annotated, step: int, equation: Calculation, rng: random.Random) -> Iterator[Slip]:
    _visible(equation)
    text = graph.steps[step].text
    others = {"+": "-*", "-": "+", "*": "+/", "/": "*-"}
    choices = [(index, other) for index in equation.signs for other in others[equation.tokens[index]]]
    rng.shuffle(choices)
    small = any(0 < each.value < 1 for each in equation.operands)
    reworded = False
    for index, other in choices:
        if index == 0 or equation.tokens[index - 1] in ("(", *SIGNS):  # a sign of a number, not an operation
            continue
        if other in "+-" and small:  # nobody adds 0.4 to 50 girls
            continue
        start, end = equation.signs[index]
        if equation.tokens[index] == "/" and _fraction(graph, equation, index, text[start - 1 : end + 1]):
            continue  # the fraction 3/4 is one number
        written = (*equation.tokens[:index], other, *equation.tokens[index + 1 :])
        words = _reworded(graph, step, equation.tokens[index], other)
        if words is None:
            continue
        reworded = True
        edit = _spaced(text, start, end, "x" if other == "*" and _crosses(graph) else other)
        yield _quantity("operation", step, equation, written, [edit, *words], about={"wrong": other})
    if choices and not reworded:
        raise Refused("words_name_the_operation")


def _fraction(graph: Annotated, equation: Calculation, index: int, shown: str) -> bool:
    """Whether a slash is that of one number: a fraction of the question, or a proper one that is written tight or multiplies."""
    above, below = equation.tokens[index - 1], equation.tokens[index + 1]
    if f"{above}/{below}" in graph.problem.question:
        return True
    around = equation.tokens[max(index - 2, 0) : index - 1] + equation.tokens[index + 2 : index + 3]
    proper = above.isdigit() and below.isdigit() and int(above) < int(below)
    return proper and (" " not in shown or "*" in around)


_NAMES = {
    "+": r"totals?|totall?ed|altogether|in all|together|sums?|plus|add(?:s|ed|ing|ition|itional)?|combin\w+|more|increas\w+"
    r"|older|taller|longer|heavier|higher|both|extra|gain\w*|another|overall",
    "-": r"left|leav\w+|remain\w*|fewer|less|subtract\w*|minus|differ\w+|younger|shorter|lighter|lower|discount\w*|decreas\w+"
    r"|reduc\w+|without|rest|off|lost|loses?|away|los[st]|still",
    "*": r"times|multipl\w+|products?|twice|doubl\w+|tripl\w+|quadrupl\w+|each|every|per|percent|an? (?:hour|day|week|month|year)",
    "/": r"divid\w+|quotient|split\w*|shar\w+|half|thirds?|quarters?|fourths?|fifths?|equal\w*|averag\w*|each|per|ratio|evenly",
}
"""Words of a step that say which operation it is."""
_RENAMED = {
    ("+", "-"): {"plus": "minus", "sum": "difference", "adding": "subtracting", "more": "fewer", "older": "younger",
                 "taller": "shorter", "longer": "shorter", "heavier": "lighter", "higher": "lower"},
    ("-", "+"): {"minus": "plus", "difference": "sum", "subtracting": "adding", "fewer": "more", "less": "more",
                 "younger": "older", "lighter": "heavier", "lower": "higher"},
    ("*", "/"): {"multiplying": "dividing", "multiplied": "divided", "multiply": "divide", "twice": "half",
                 "product": "quotient"},
    ("/", "*"): {"dividing": "multiplying", "divided": "multiplied", "divide": "multiply", "half": "twice",
                 "quotient": "product"},
}  # fmt: skip
_JOINED = re.compile(
    r"\s+(?:to|from|into|among|between|of)\b", re.IGNORECASE
)  # `subtracting 3 from 5` is not `adding 3 from 5`


def _reworded(graph: Annotated, step: int, sign: str, other: str) -> list[Edit] | None:
    """The changes that make a step's words name another operation; None where they cannot."""
    text = graph.steps[step].text
    named = list(re.finditer(rf"\b(?:{_NAMES[sign]})\b", text, re.IGNORECASE))
    if not named:
        return []
    renamed = _RENAMED.get((sign, other), {})
    edits = [(word.start(), word.end(), renamed.get(word[0].lower(), "")) for word in named]
    verbs = any(new.endswith(("ing", "ed", "ly", "de")) for _, _, new in edits)
    if not all(new for _, _, new in edits) or len(graph.steps[step].equations) > 1 or (verbs and _JOINED.search(text)):
        return None
    return [(start, end, new.capitalize() if text[start].isupper() else new) for start, end, new in edits]


def _spaced(text: str, start: int, end: int, sign: str) -> Edit:
    """Replaces a sign; a letter x needs blanks around it, and a sign that had them keeps them."""
    return (start, end, f" {sign} " if sign == "x" and text[start - 1 : start] != " " else sign)


def _crosses(graph: Annotated) -> bool:
    return any(re.search(r"\d x \$?\d", step.text) for step in graph.steps)


def _operand(graph: Annotated, step: int, equation: Calculation, rng: random.Random) -> Iterator[Slip]:
    _visible(equation)
    used = {name for operand in equation.operands for name, _ in operand.sources}
    mine = int(equation.id[1:])
    pool = [q for q in graph.quantities if q.id not in used and (q.id[0] == "q" or int(q.id[1:]) < mine)]
    slots = [o for o in equation.operands if o.shown is not None and (len(o.sources) == 1 and not _percent(o))]
    choices = [(operand, quantity) for operand in slots for quantity in pool]
    rng.shuffle(choices)
    for operand, quantity in choices[:12]:
        value = graph.values[quantity.id]
        if value in {o.value for o in equation.operands} or quantity.unit == "%" or not _in_digits(graph, quantity.id):
            continue
        about = {"wrong": show(value), "right": show(operand.value)}
        yield _replaced("operand", graph, step, equation, operand, value, about)


def _percent(operand: Operand) -> bool:
    return "/ 100" in operand.sources[0][1] if operand.sources else False


def _in_digits(graph: Annotated, name: str) -> bool:
    """Whether a quantity is a result, or is written in digits in the question."""
    quantity = graph.quantity(name)
    assert quantity is not None
    return quantity.span is None or graph.problem.question[quantity.span[0] : quantity.span[1]][-1].isdigit()


def _replaced(
    kind: str,
    graph: Annotated,
    step: int,
    equation: Calculation,
    operand: Operand,
    value: Fraction,
    about: dict[str, str],
) -> Slip:
    """The slip that writes `value` in place of one operand."""
    written = (*equation.tokens[: operand.token], show(value), *equation.tokens[operand.token + 1 :])
    assert operand.shown is not None
    numeral, text = graph.steps[step].numerals[operand.shown], graph.steps[step].text
    bare = value >= 0 or not operand.token or text[numeral.start - 1] == "("
    edits = [(numeral.start, numeral.end, show(value) if bare else bracketed(value))]
    return _quantity(kind, step, equation, written, edits, operand=operand, about=about)


def _swap(graph: Annotated, step: int, equation: Calculation, rng: random.Random) -> Iterator[Slip]:
    _visible(equation)
    if not two(equation) or equation.tokens[1] in "+*":
        raise Refused("commutative_swap" if two(equation) else "not_two_operands")
    first, second = equation.operands
    if first.shown is None or second.shown is None:
        raise Refused("calculation_not_written_out")
    text, numerals = graph.steps[step].text, graph.steps[step].numerals
    left, right = numerals[first.shown], numerals[second.shown]
    if re.search(r"[A-Za-z%]", text[left.end : right.start]) or left.money != right.money or right.percent:
        raise Refused("operands_have_units")
    written = (equation.tokens[2], equation.tokens[1], equation.tokens[0])
    edits = [
        (left.start, left.end, text[right.start : right.end]),
        (right.start, right.end, text[left.start : left.end]),
    ]
    yield _quantity("swap", step, equation, written, edits)


def _misread(graph: Annotated, step: int, equation: Calculation, rng: random.Random) -> Iterator[Slip]:
    _visible(equation)
    known = set(graph.values.values())
    slots = [o for o in equation.operands if o.shown is not None and (given := graph.given(o)) and given.unit != "%"]
    choices = [(o, value) for o in slots if _in_digits(graph, o.link or "") for value in _misreadings(o.value)]
    rng.shuffle(choices)
    for operand, value in choices[:12]:
        if value in known:
            continue
        about = {"wrong": show(value), "right": show(operand.value)}
        yield _replaced("misread", graph, step, equation, operand, value, about)


def _misreadings(value: Fraction) -> Iterator[Fraction]:
    digits, count = scaled(value)
    for index in range(len(digits) - 1):
        if digits[index] != digits[index + 1] and not (index == 0 and digits[1] == "0"):
            yield Fraction(int(digits[:index] + digits[index + 1] + digits[index] + digits[index + 2 :]), 10**count)
    if len(digits) > 1 or value > 2:
        for other in CONFUSED.get(digits[-1], "48"):
            if digits[:-1] + other not in ("0", "1"):
                yield Fraction(int(digits[:-1] + other), 10**count)
    if digits.endswith("00"):
        yield value / 10
    if digits.endswith("0"):
        yield value * 10


def _forgotten(graph: Annotated, step: int, equation: Calculation, rng: random.Random) -> Iterator[Slip]:
    _visible(equation)
    tokens = equation.tokens
    plain = len(equation.operands) >= 3 and not {"(", ")"} & set(tokens)
    signs = {tokens[index] for index in equation.signs}
    if not plain or not (signs <= set("+-") or signs <= {"*"}) or 2 * len(equation.operands) - 1 != len(tokens):
        raise Refused("nothing_to_forget")
    text, numerals = graph.steps[step].text, graph.steps[step].numerals
    droppable = list(equation.operands[1:])
    rng.shuffle(droppable)
    for operand in droppable:
        repeated = sum(operand.value == each.value for each in equation.operands) > 1
        if operand.shown is None or operand.token - 1 not in equation.signs or repeated:
            continue
        if any(each.value == operand.value for index, each in enumerate(numerals) if index != operand.shown):
            continue  # what the sentence tells of is not forgotten in it
        start, end = equation.signs[operand.token - 1][0], numerals[operand.shown].end
        rest = text[end:].split("=")[0]
        if re.search(r"[A-Za-z%]", text[start:end]) or re.match(r"\s*[A-Za-z%]", rest):
            continue
        start -= len(text[:start]) - len(text[:start].rstrip())
        written = (*tokens[: operand.token - 1], *tokens[operand.token + 1 :])
        about = {"right": show(operand.value)}
        yield _quantity("forgotten", step, equation, written, [(start, end, "")], operand=operand, about=about)


def _skipped(graph: Annotated, step: int, equation: Calculation, rng: random.Random) -> Iterator[Slip]:
    """Step `step` uses a number of the step before as if that had not to be worked on."""
    _visible(equation)
    if step == 0 or len(graph.steps[step - 1].equations) != 1 or len(graph.steps[step].equations) != 1:
        raise Refused("nothing_to_skip")
    before = graph.steps[step - 1].equations[0]
    operand = next((o for o in equation.operands if o.link == before.id and o.shown is not None), None)
    if operand is None or len(before.operands) < 2 or graph.steps[step - 1].opaque:
        raise Refused("nothing_to_skip")
    named = "names" in graph.problem.facts  # then the others are numbers of a sentence: "2 times as many"
    parts = before.operands[:1] if named or {"-", "/"} & set(before.tokens) else before.operands
    stand_ins = [o for o in parts if o.link and not _percent(o) and _in_digits(graph, o.link)]
    rng.shuffle(stand_ins)
    for stand_in in stand_ins:
        if stand_in.value in {o.value for o in equation.operands}:
            continue
        used = {o.value for o in equation.operands}
        unused = next(
            (o for o in before.operands if o is not stand_in and o.value not in used and graph.given(o)), None
        )
        written = (*equation.tokens[: operand.token], show(stand_in.value), *equation.tokens[operand.token + 1 :])
        slip = _quantity(
            "skipped",
            step,
            equation,
            written,
            [],
            operand=unused,
            pretend={before.id: stand_in.value},
            about={
                "wrong": show(stand_in.value),
                "needed": in_words(before.tokens),
                "signs": " ".join(before.tokens),
                "should": join(
                    (*equation.tokens[: operand.token], "(", *before.tokens, ")", *equation.tokens[operand.token + 1 :])
                ),
            },
        )
        yield Slip(**{**vars(slip), "back": step - 1})


def _percent_slip(graph: Annotated, step: int, equation: Calculation, rng: random.Random) -> Iterator[Slip]:
    """A percentage taken ten times too large or too small."""
    tokens = equation.tokens
    operand = next((o for o in equation.operands if o.link and _percent_of(graph, o)), None)
    if operand is None or equation.result is None or len(equation.operands) > 3:
        raise Refused("no_percentage")
    percent = show(graph.values[operand.link or ""])
    about = {"percent": percent}
    numeral = graph.steps[step].numerals[operand.shown] if operand.shown is not None else None
    for factor in rng.sample([Fraction(1, 10), Fraction(10)], 2):
        if numeral is not None and not numeral.percent and _percent(operand) and places(operand.value * factor) != 0:
            yield _replaced("percent", graph, step, equation, operand, operand.value * factor, about)
        elif len(tokens) in (3, 5) and "*" in tokens and not {"+", "-"} & set(tokens):
            claim = Arith(equation.expression, str(equation.value * factor))
            yield Slip("percent", step, step, equation, claim, equation.value * factor, tokens, about=about)


def _percent_of(graph: Annotated, operand: Operand) -> bool:
    return any(q.id == operand.link and q.unit == "%" for q in graph.quantities)


def _unit(graph: Annotated, step: int, equation: Calculation, rng: random.Random) -> Iterator[Slip]:
    """A conversion with the wrong number: 100 minutes in an hour, 5 days in a week."""
    _visible(equation)
    context = f"{graph.problem.question} {graph.steps[step].text}"
    for operand in equation.operands:
        if operand.sources or operand.shown is None:
            continue
        for wrong, fact in facts(operand.value, context)[:1]:
            about = {"wrong": str(wrong), "right": show(operand.value), "fact": fact}
            yield _replaced("unit", graph, step, equation, operand, Fraction(wrong), about)


def _early(graph: Annotated, step: int, equation: Calculation, rng: random.Random) -> Iterator[Slip]:
    """The value of the step before the last is taken for the answer."""
    if step != len(graph.steps) - 1 or step == 0 or len(graph.steps[step].equations) != 1:
        raise Refused("nothing_left")
    before = graph.steps[step - 1].equations[-1]
    if not any(operand.link == before.id for operand in equation.operands):
        raise Refused("nothing_left")
    claim = QuantityClaim(equation.id, str(before.value))
    yield Slip("early", step, step, equation, claim, before.value, (show(before.value),), about={"from": before.id})


KINDS: dict[str, tuple[float, Proposal]] = {
    "digit": (1.0, PROPOSALS["digit"]),
    "carry": (1.6, PROPOSALS["carry"]),
    "sign": (2.0, PROPOSALS["sign"]),
    "off_by_one": (0.5, PROPOSALS["off_by_one"]),
    "table": (1.0, PROPOSALS["table"]),
    "place": (0.6, PROPOSALS["place"]),
    "operation": (1.0, _operation),
    "operand": (0.9, _operand),
    "swap": (1.1, _swap),
    "misread": (1.0, _misread),
    "forgotten": (3.0, _forgotten),
    "skipped": (1.0, _skipped),
    "percent": (3.0, _percent_slip),
    "unit": (4.0, _unit),
    "early": (0.4, _early),
}
"""Each kind with its weight in the draw; rare opportunities (a unit, a percentage) weigh more."""
