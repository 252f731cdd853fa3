"""Answer equivalence: the rules by which `journey.answers.checker.compare` takes two canonical texts for one answer.

Each rule decides or passes on to the next; what no rule decides is asked of math-verify. `journey.answers.checker` says what the
rules are and why.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from journey.answers.exact import NotANumber, TooBig, evaluate
from journey.answers.mathworker import DIFFERENT, SAME, WORKER
from journey.answers.numerals import NUMERALS, split_unit

MAX_NESTING = 6  # tuples of sets of fractions ...
MAX_ITEMS = 24  # of a list; without order every pair may be compared
MAX_ASKED = 200  # characters of a text for math-verify


class Outcome(StrEnum):
    """What a comparison found. UNDECIDED is neither right nor wrong and is counted apart."""

    SAME = "same"
    DIFFERENT = "different"
    UNDECIDED = "undecided"


class Undecided(Exception):
    """No part of the answer can be decided any more."""


# x \in [0,1] is [0,1], and (x,y)=(1,2) is (1,2).
_MEMBER = re.compile(r"^(?:[A-Za-z]\\in(?![A-Za-z]) ?(?=[\[({\\])|\([A-Za-z](?:, ?[A-Za-z])+\)=(?=\())")
_RATIO = re.compile(r"-?[\d.]+(?::-?[\d.]+)+")
_CHOICE = re.compile(r"\(?(?:\\text\{)?([A-Z])\}?\)?")
_WORDS = re.compile(r"\(?[A-Za-z][A-Za-z'. -]*\)?")
_ARTICLES = frozenset(("a", "an", "the"))
_FUNCTION_NAMES = "sin cos tan cot sec csc arcsin arccos arctan log exp sqrt max min gcd lcm det mod"
_FUNCTIONS = frozenset(_FUNCTION_NAMES.split())
_EQUALS = re.compile(r"(?<![<>!:=])=(?!=)")
_NAME = re.compile(
    r"(?!\\?(?:sin|cos|tan|log|ln|sqrt))(?:\\?[A-Za-z][A-Za-z ]*|\\text\{[^{}]*\}|\\(?:angle|triangle) ?[A-Z]+)"
    r"(?:_\w+|_\{\w+\})?'?(?:\([a-z](?:,[a-z])*\))?"
)
_RELATION = re.compile(r"[<>=]|\\(?:le|ge|lt|gt|cup|cap|in|setminus|begin)(?![A-Za-z])")
_MATRIX = re.compile(r"\\begin\{([pbvBV]?matrix)\}(.*)\\end\{\1\}")
_CONJUNCTION = re.compile(r"(?:, ?)?(?:\\text\{,? ?(?:and|or),?\}|(?<![A-Za-z\\])(?:and|or)(?![A-Za-z])|;)")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_PLUS_MINUS, _MINUS_PLUS = re.compile(r"\\pm(?![A-Za-z])"), re.compile(r"\\mp(?![A-Za-z])")
_COMMAND = re.compile(r"\\(?:begin|end)\{[a-z]+\}|\\[A-Za-z]+")
_PLAIN_WORD = re.compile(r"[A-Za-z]{3,}")
# What math-verify misreads or nobody can read: "5 6" would be 5 + 6, "5'" is 5, 50% is both 50 and 0.5, degrees are
# dropped, and so are subscripts of numbers; 1/2x may be x/2; \sqrt13 may be the root of 13.
_UNREADABLE = re.compile(
    r"[^\x20-\x7e]|['\"`@#$?:;%]|\\(?:text|approx|circ|pmod)|\d \d|\d[_\[]|\.\d+\.|/ ?\w+ ?[A-Za-z\\(]"
    r"|\\sqrt\d\d|\d\\frac\{-?\d|\d ?\(\d+/\d+\)|(?<![_^\d])\d+\{|(?<![\w}\]^_])\{|_\w_"
)


@dataclass(frozen=True)
class _Group:
    """Several answers in one: kind is "list" (bare or in braces), the two brackets, or "matrix" with its columns."""

    kind: str
    items: list[str]


class AnswerComparison:
    """One comparison: the seconds that are left for math-verify, and the rules as methods."""

    def __init__(self, timeout: float) -> None:
        self.seconds = timeout

    def judge(self, gold: str, answer: str, depth: int = 0) -> Outcome:
        """Compare canonical texts, rule by rule. Raises Undecided or TooBig to end the whole comparison."""
        gold, answer = _MEMBER.sub("", gold), _MEMBER.sub("", answer)
        if gold == answer:
            return Outcome.SAME
        if depth > MAX_NESTING or not gold or not answer:
            raise Undecided
        for rule in (self._units, self._words, self._ratios, self._groups, self._equations):
            if (outcome := rule(gold, answer, depth)) is not None:
                return outcome
        return self._ask(gold, answer)

    def _units(self, gold: str, answer: str, depth: int) -> Outcome | None:
        """Numbers, and expressions with a unit."""
        (left, unit), (right, other) = split_unit(gold), split_unit(answer)
        if unit and other and unit != other:
            return Outcome.UNDECIDED
        value, candidate = _value(left), _value(right)
        if value is not None and candidate is not None:
            if value == candidate:
                return Outcome.SAME
            scale = 100 if "%" in (unit, other) and unit != other else 1
            return Outcome.UNDECIDED if value in (candidate * scale, candidate / scale) else Outcome.DIFFERENT
        if not unit and not other:
            return None
        if "degree" in (unit, other) and "\\pi" in left + right:  # 30 degrees are pi/6
            return Outcome.UNDECIDED
        return self.judge(left, right, depth + 1)

    def _words(self, gold: str, answer: str, depth: int) -> Outcome | None:
        """Names, yes and no, choices such as (C)."""
        left, right = _word_set(gold), _word_set(answer)
        if left and right:
            return Outcome.SAME if left == right else Outcome.UNDECIDED if left & right else Outcome.DIFFERENT
        if left and not left & NUMERALS.keys() and _value(split_unit(answer)[0]) is not None:
            return Outcome.DIFFERENT  # a number is no name
        if left or right:
            return Outcome.UNDECIDED
        choice, chosen = _CHOICE.fullmatch(gold), _CHOICE.fullmatch(answer)
        return Outcome.SAME if choice and chosen and choice[1] == chosen[1] else None

    def _ratios(self, gold: str, answer: str, depth: int) -> Outcome | None:
        """3:30 may be a time or a ratio: equal as written, or proportional and undecided, or different."""
        if not _RATIO.fullmatch(gold) and not _RATIO.fullmatch(answer):
            return None
        left, right = [_value(part) for part in gold.split(":")], [_value(part) for part in answer.split(":")]
        if left == right and None not in left:
            return Outcome.SAME
        left, right = (side if len(side) > 1 else [*side, Fraction(1)] for side in (left, right))
        numbers = [(a, b) for a, b in zip(left, right, strict=False) if a is not None and b is not None]
        if len(numbers) < max(len(left), len(right)):
            return Outcome.UNDECIDED if None in left + right else Outcome.DIFFERENT
        proportional = all(a * numbers[0][1] == b * numbers[0][0] for a, b in numbers)
        return Outcome.UNDECIDED if proportional else Outcome.DIFFERENT

    def _groups(self, gold: str, answer: str, depth: int) -> Outcome | None:
        """Lists, sets, tuples, intervals and matrices, element by element."""
        left, right = _group(gold), _group(answer)
        if left is None and right is None:
            return None
        for group, other in ((left, answer), (right, gold)):
            if group is not None and group.kind != "list" and (left is None or right is None):
                return None if _RELATION.search(other) else Outcome.DIFFERENT
        left, right = left or _Group("list", [gold]), right or _Group("list", [answer])
        if max(len(left.items), len(right.items)) > MAX_ITEMS:
            raise Undecided
        if left.kind == right.kind == "list":
            return self._unordered(left.items, right.items, depth)
        same = self._ordered(left.items, right.items, depth)
        if left.kind == right.kind or same is Outcome.DIFFERENT:
            return same
        loose = any(kind == "list" or kind.startswith("matrix") for kind in (left.kind, right.kind))
        return Outcome.UNDECIDED if loose else Outcome.DIFFERENT

    def _ordered(self, gold: list[str], answer: list[str], depth: int) -> Outcome:
        if len(gold) != len(answer):
            return Outcome.DIFFERENT
        outcomes = [self.judge(left, right, depth + 1) for left, right in zip(gold, answer, strict=True)]
        return next((bad for bad in (Outcome.DIFFERENT, Outcome.UNDECIDED) if bad in outcomes), Outcome.SAME)

    def _unordered(self, gold: list[str], answer: list[str], depth: int) -> Outcome:
        """Lists as sets. Named values against bare ones (x=1, y=2 against 2, 1) and lists of words keep their order."""
        names = [{item.partition("=")[0] for item in side if "=" in item} for side in (gold, answer)]
        if len(names[0] | names[1]) > 1 and not (names[0] and names[1]):
            return self._ordered(gold, answer, depth)
        if len(gold) != len(answer):
            return Outcome.DIFFERENT if all(map(_is_clear, gold + answer)) else Outcome.UNDECIDED
        left, unsure = list(answer), False
        for item in gold:
            outcomes = [self.judge(item, candidate, depth + 1) for candidate in left]
            if Outcome.SAME in outcomes:
                del left[outcomes.index(Outcome.SAME)]
            elif Outcome.UNDECIDED in outcomes:
                unsure = True
            else:
                return Outcome.DIFFERENT
        if any(map(_word_set, gold)) and self._ordered(gold, answer, depth) is not Outcome.SAME:
            unsure = True
        return Outcome.UNDECIDED if unsure else Outcome.SAME

    def _equations(self, gold: str, answer: str, depth: int) -> Outcome | None:
        """`x=3` against 3, and `x=3` against `x=6/2`; other equations are for math-verify."""
        left, right = _EQUALS.split(gold), _EQUALS.split(answer)
        if len(left) == len(right) == 1:
            return None
        if len(left) > 1 and len(right) > 1:
            same_name = left[0] == right[0] and _NAME.fullmatch(left[0])
            return self.judge(_stated_value(left), _stated_value(right), depth + 1) if same_name else None
        if len(right) > 1:
            return self.judge(gold, _stated_value(right), depth + 1)
        return self.judge(_stated_value(left), answer, depth + 1) if _NAME.fullmatch(left[0]) else None

    def _ask(self, gold: str, answer: str) -> Outcome:
        """math-verify's verdict on two expressions."""
        gold, answer = _as_fraction(gold), _as_fraction(answer)
        if not (_is_readable(gold) and _is_readable(answer)) or self.seconds <= 0:
            return Outcome.UNDECIDED
        verdict, spent = WORKER.ask(gold, answer, self.seconds)
        self.seconds -= spent
        if verdict == DIFFERENT:
            return Outcome.DIFFERENT
        # math-verify does not tell upper from lower case.
        return Outcome.SAME if verdict == SAME and _same_case(gold, answer) else Outcome.UNDECIDED


def _value(text: str) -> Fraction | None:
    """The exact value of canonical arithmetic, else None. Raises TooBig."""
    try:
        return evaluate(text)
    except TooBig:
        raise
    except NotANumber:
        return None


def _as_fraction(text: str) -> str:
    """A number as a fraction, because math-verify rounds decimals and misreads mixed numbers; other texts unchanged."""
    value = _value(text)
    return text if value is None else f"\\frac{{{value.numerator}}}{{{value.denominator}}}"


def _word_set(text: str) -> frozenset[str]:
    """The words of a text that has nothing else, without articles; empty if it is not words."""
    text = re.sub(r"\\text\{([^{}]*)\}", r" \1 ", text).strip()
    if not _WORDS.fullmatch(text):
        return frozenset()
    words = frozenset(re.findall(r"[a-z]+", text.lower())) - _ARTICLES
    is_text = any(len(word) > 2 or word == "no" for word in words) and not words & _FUNCTIONS
    return words if is_text else frozenset()


def _group(text: str) -> _Group | None:
    """The parts of a list, set, tuple, interval or matrix; None for anything else."""
    if (matrix := _MATRIX.fullmatch(text)) is not None:
        rows = [row.split("&") for row in matrix[2].strip().removesuffix("\\\\").split("\\\\")]
        return _Group(f"matrix {len(rows[0])}", [cell.strip() for row in rows for cell in row])
    text = text.replace("\\langle", "(").replace("\\rangle", ")")
    kind, inner, bare = "list", text, False
    if text.startswith("\\{") and text.endswith("\\}") and _closes_at_end(text[1:]):
        inner = text[2:-2]
    elif text[0] in "([" and text[-1] in ")]" and _closes_at_end(text):
        kind, inner = text[0] + text[-1], text[1:-1]
    else:
        inner, bare = _CONJUNCTION.sub(",", text), True
    items = _split(_THOUSANDS.sub("", inner) if ", " in inner else inner)
    if kind == "list":
        items = [sign for item in items for sign in _plus_minus(item)]
    if "" in items or (len(items) < 2 and (kind != "list" or bare)):
        return None
    return _Group(kind, items)


def _closes_at_end(text: str) -> bool:
    """Whether the bracket that opens a text is closed by its last character."""
    depth = 0
    for index, char in enumerate(text):
        depth += (char in "([{") - (char in ")]}")
        if depth == 0:
            return index == len(text) - 1
    return False


def _split(text: str) -> list[str]:
    """The parts between the commas that stand in no bracket."""
    parts, depth = [""], 0
    for char in text:
        depth += (char in "([{") - (char in ")]}")
        if char == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += char
    return [part.strip() for part in parts]


def _plus_minus(text: str) -> list[str]:
    """The two values of a text with a plus-minus sign, or the text."""
    if not _PLUS_MINUS.search(text):
        return [text]
    signs = (("+", "-"), ("-", "+"))
    return [_PLUS_MINUS.sub(upper, _MINUS_PLUS.sub(lower, text)).lstrip("+ ") for upper, lower in signs]


def _stated_value(parts: list[str]) -> str:
    """What an equation says something is: `A = 2*3 = 6` says 6. Raises Undecided if it is false or names nothing."""
    named = _NAME.fullmatch(parts[0]) is not None
    values = [_value(split_unit(part)[0]) for part in parts[named:]]
    numbers = {value for value in values if value is not None}
    if len(numbers) > 1 or (not named and None in values):
        raise Undecided
    return parts[-1].lstrip("+ ")


def _is_readable(text: str) -> bool:
    """Whether math-verify would read the whole text as mathematics, not parts of a sentence as products of letters."""
    if len(text) > MAX_ASKED or _UNREADABLE.search(text):
        return False
    if sum(map(text.count, "([{")) != sum(map(text.count, ")]}")):
        return False
    return all(word in _FUNCTIONS for word in _PLAIN_WORD.findall(_COMMAND.sub(" ", text)))


def _is_clear(text: str) -> bool:
    """Whether one part of a list is a number, an expression or words, and not part of a sentence."""
    body = split_unit(text)[0]
    return _value(body) is not None or bool(_word_set(text)) or _is_readable(body)


def _same_case(gold: str, answer: str) -> bool:
    """Whether no variable is upper case in one text and lower case in the other."""
    letters = [set(re.findall("[A-Za-z]", _COMMAND.sub(" ", text))) for text in (gold, answer)]
    differing = letters[0] ^ letters[1]
    return not any(letter.swapcase() in differing for letter in differing)
