"""The text of a step with wrong numbers in it: the same sentence, changed wherever the wrong value shows.

A number in the text is changed only where it is clear what it stands for. Where it could stand for two quantities, or
is written as a word, or has no known origin, the slip (or the delay) is refused, with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from journey.answers.claims import evaluate, names_in
from journey.answers.prose_numbers import Numeral, number_words, places, show, show_like
from journey.generate.slips.annotated import Annotated
from journey.generate.slips.calculations import Calculation, SolutionStep
from journey.generate.slips.slip import Edit, Refused, Slip, writable

_DOUBLED = re.compile(r"\({2}|\){2}|\(\+|/ ?(\w+) ?/ ?\1\b|\$\$|%%")
MAX_PLACES = 2
LARGEST = 10_000_000


@dataclass(frozen=True)
class WrongStep:
    """A step as it reads once a mistake has been made: its text, terse notation and the quantities it gets wrong.

    One that is `as_written` is a model's own step and has no place in the graph; `changed` holds its values by numbers.
    """

    step: int
    text: str
    brief: str
    changed: dict[str, Fraction]
    as_written: bool = False


def wrong_step(graph: Annotated, slip: Slip) -> WrongStep:
    """The step that makes the mistake. Raises Refused."""
    step = graph.steps[slip.step]
    wrong = {slip.equation.id: slip.value}
    changed = {**slip.pretend, **wrong}
    for equation in step.equations:  # later calculations of the same sentence
        if (
            equation.id != slip.equation.id
            and names_in(equation.linked)
            and int(equation.id[1:]) > int(slip.equation.id[1:])
        ):
            value = _flow(graph, equation, changed)
            if value != equation.value:
                changed[equation.id] = wrong[equation.id] = value
    editor = _Editor(graph, slip.step, changed)
    editor.edits.extend(slip.edits)
    if slip.operand is not None and slip.kind in ("operand", "misread", "unit", "percent"):
        editor.other_mentions(slip.operand.value, slip.edits)
    text = editor.text(slip)
    parts = []
    for equation in step.equations:
        tokens = slip.written if equation.id == slip.equation.id else editor.tokens(equation)
        parts.append(brief_equation(graph, equation.id, tokens, changed.get(equation.id, equation.value)))
    return WrongStep(slip.step, text, " ".join(parts), wrong)


def following_steps(graph: Annotated, slip: Slip, first: WrongStep, delay: int) -> list[WrongStep]:
    """The next `delay` steps, each recomputed from the wrong value. Raises Refused."""
    wrong = dict(first.changed)
    following = []
    for index in range(slip.step + 1, slip.step + 1 + delay):
        step = graph.steps[index]
        changed: dict[str, Fraction] = {}
        for equation in step.equations:
            if any(name in slip.pretend for operand in equation.operands for name, _ in operand.sources):
                raise Refused("needs_the_skipped_step")
            value = _flow(graph, equation, {**wrong, **changed})
            if value != equation.value:
                limit = graph.problem.facts.get("limit")
                writable(value, 0 if limit else max(MAX_PLACES, places(equation.value) or 0), limit or LARGEST)
                changed[equation.id] = value
        editor = _Editor(graph, index, {**wrong, **changed})
        text = editor.text(None)
        parts = [
            brief_equation(graph, each.id, editor.tokens(each), changed.get(each.id, each.value))
            for each in step.equations
        ]
        following.append(WrongStep(index, text, " ".join(parts), changed if changed or not editor.edits else {}))
        wrong |= changed
    if following and following[-1].step == len(graph.steps) - 1 and not following[-1].changed:
        raise Refused("answer_not_affected")  # the journey would end in another step than the shortcut
    return following


def right_brief(graph: Annotated, step: SolutionStep) -> str:
    """The terse notation of a step as it should be."""
    return " ".join(brief_equation(graph, each.id, each.tokens, each.value) for each in step.equations)


def brief_equation(graph: Annotated, name: str, tokens: tuple[str, ...], value: Fraction) -> str:
    """`c = 12 + 5 = 17 .`; the letter only where the problem gives its quantities letters."""
    letters = graph.problem.facts.get("letters", [])
    index = int(name[1:]) - 1
    head = f"{letters[index]} = " if index < len(letters) else ""
    return f"{head}{brief_tokens(tokens)} = {brief_number(value)} ."


def brief_tokens(tokens: tuple[str, ...]) -> str:
    """A calculation as separate words; a minus sign is a word of its own."""
    return " ".join(f"- {token[1:]}" if len(token) > 1 and token[0] == "-" else token for token in tokens)


def brief_number(value: Fraction) -> str:
    """A number in terse notation: `17`, `- 5`, `0.25`, `1 / 3`."""
    size = abs(value)
    text = show(size) if places(size) is not None else f"{size.numerator} / {size.denominator}"
    return f"- {text}" if value < 0 else text


def _flow(graph: Annotated, equation: Calculation, wrong: Mapping[str, Fraction]) -> Fraction:
    """The value of a calculation when some quantities are wrong."""
    for operand in equation.operands:
        if len(operand.sources) > 1 and any(name in wrong for name, _ in operand.sources):
            raise Refused("ambiguous_operand")
    try:
        return evaluate(equation.linked, {**graph.values, **wrong})
    except ValueError as error:
        raise Refused("impossible_value") from error


class _Editor:
    """Collects the changes of one step's text."""

    def __init__(self, graph: Annotated, index: int, changed: dict[str, Fraction]) -> None:
        self.graph, self.changed = graph, changed
        self.step = graph.steps[index]
        self.edits: list[Edit] = []
        last = self.step.equations[-1].id
        self.known = [q for q in graph.quantities if q.id[0] == "q" or int(q.id[1:]) <= int(last[1:])]

    def tokens(self, equation: Calculation) -> tuple[str, ...]:
        """The calculation with the wrong values in it."""
        tokens = list(equation.tokens)
        for operand in equation.operands:
            if operand.link in self.changed:
                tokens[operand.token] = show(self.changed[operand.link])
        return tuple(tokens)

    def text(self, slip: Slip | None) -> str:
        """The changed text; with `slip` it is the step that makes the mistake. Raises Refused."""
        if self.step.opaque:
            raise Refused("step_not_understood")
        taken: set[int] = set()
        for equation in self.step.equations:
            mine = slip is not None and equation.id == slip.equation.id
            for operand in equation.operands:
                if operand.shown is not None:
                    taken.add(operand.shown)
                if operand.link in self.changed and not (mine and operand.link not in (slip.pretend if slip else {})):
                    self._write(operand.shown, self.changed[operand.link or ""], inside=True)
            if equation.result is not None:
                taken.add(equation.result)
            if equation.id in self.changed:
                self._write(equation.result, self.changed[equation.id])
        self._mentions(taken, strict=slip is None)
        self._words()
        text = self._apply()
        if len(_DOUBLED.findall(text)) > len(_DOUBLED.findall(self.step.text)):
            raise Refused("double_brackets_or_units")
        return text

    def other_mentions(self, old: Fraction, done: tuple[Edit, ...]) -> None:
        """A number that is misread is misread everywhere in the sentence. Raises Refused where that is unclear."""
        spots = {start for start, _, _ in done}
        results = {each.result for each in self.step.equations}
        for index, numeral in enumerate(self.step.numerals):
            if numeral.value == old and numeral.start not in spots and index not in results:
                raise Refused("number_said_twice")
        for word in number_words(self.step.text):
            if old in word.values:
                raise Refused("number_in_words")

    def _write(self, index: int | None, value: Fraction, inside: bool = False) -> None:
        if index is None:
            raise Refused("number_not_written_out")
        numeral = self.step.numerals[index]
        if any(start <= numeral.start < end for start, end, _ in self.edits):
            return
        start, text = numeral.start, show_like(value, numeral, self.step.text)
        if numeral.money and value < 0:
            sign = self.step.text[:start].rstrip()[-1:]
            start = self.step.text.rindex(sign, 0, start)
            text = f"-{sign}{text[1:]}"
        if value < 0 and inside:
            text = f"({text})"
        self._countable(numeral, value)
        self.edits.append((start, numeral.end, text))

    def _countable(self, numeral: Numeral, value: Fraction) -> None:
        """`1 apple` cannot become `3 apple`."""
        if (numeral.value == 1) != (value == 1) and self.step.text[numeral.end :].lstrip()[:1].isalpha():
            raise Refused("singular_noun")

    def _mentions(self, taken: set[int], strict: bool) -> None:
        """Numbers outside of calculations that repeat a wrong value, or whose origin is unknown."""
        literals = {o.value for each in self.step.equations for o in each.operands}
        for index, numeral in enumerate(self.step.numerals):
            if index in taken:
                continue
            meant = [q.id for q in self.known if self.graph.values[q.id] == numeral.value]
            wrong = {self.changed[name] for name in meant if name in self.changed}
            if not wrong:
                if strict and not meant and numeral.value not in literals:
                    raise Refused("number_of_unknown_origin")
                continue
            if len(wrong) > 1 or any(name not in self.changed for name in meant) or numeral.glued or numeral.percent:
                raise Refused("ambiguous_mention")
            self._write(index, wrong.pop())

    def _words(self) -> None:
        old = {self.graph.values[name] for name in self.changed}
        if any(set(word.values) & old for word in number_words(self.step.text)):
            raise Refused("number_in_words")

    def _apply(self) -> str:
        text = self.step.text
        for start, end, new in sorted(self.edits, reverse=True):
            text = text[:start] + new + text[end:]
        return text
