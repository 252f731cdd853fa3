"""Numbers in prose: finding them, as digits or words, and writing one in the manner of another."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from journey.answers.exact import decimal

# Each looks at the first character first: most of a text begins no number, and looking behind is slow.
_DIGITS = re.compile(
    r"(?=[\d.])(?:(?<![A-Za-z_\d])|(?<=\d[xX]))(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)(?!,?\d)"
)
_AFTER = re.compile(r"%|(?![xX]\s*[\d$(])[A-Za-z]|")
_SMALL = "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
WORDS = {word: Fraction(number) for number, word in enumerate((_SMALL + " eighteen nineteen").split(), start=2)}
WORDS |= {word: Fraction(10 * number) for number, word in enumerate(_TENS.split(), start=2)}
WORDS |= {"dozen": Fraction(12), "twice": Fraction(2), "double": Fraction(2), "doubled": Fraction(2)}
WORDS |= {"triple": Fraction(3), "tripled": Fraction(3), "thrice": Fraction(3), "hundred": Fraction(100)}
FACTORS = ("twice", "double", "doubled", "triple", "tripled", "thrice")
PARTS = {"half": 2, "halves": 2, "third": 3, "thirds": 3, "quarter": 4, "quarters": 4, "fourth": 4, "fifth": 5}
_INITIALS = "".join(sorted({word[0] for word in [*WORDS, *PARTS]}))
_WORD = re.compile(
    rf"(?=[{_INITIALS}])\b(?:(?:{_TENS.replace(' ', '|')})-[a-z]+|{'|'.join([*WORDS, *PARTS])})\b", re.IGNORECASE
)
MONEY = "$\u00a3\u20ac"
MAX_DIGITS = 300  # of a number in prose; Python refuses to write one of more than 4,300


@dataclass(frozen=True)
class Numeral:
    """A number in a text at `[start, end)`. `percent`: a % sign follows; `glued`: a letter follows, as in 5x or 2nd."""

    start: int
    end: int
    value: Fraction
    percent: bool = False
    glued: bool = False
    money: bool = False


@dataclass(frozen=True)
class NumberWord:
    """A number written as a word; `values` are what it may stand for in a calculation (half: 2 or 1/2).

    `factor`: it only ever multiplies or divides (half, twice).
    """

    start: int
    end: int
    values: tuple[Fraction, ...]
    factor: bool = False


def numerals(text: str) -> tuple[Numeral, ...]:
    """All numbers written in digits, in order; one of more than MAX_DIGITS characters is none."""
    numbers = []
    for match in _DIGITS.finditer(text):
        start, end = match.span()
        if end - start > MAX_DIGITS:
            continue
        after, before = text[end : end + 1], text[start - 1 : start] if start else ""
        if after.isalpha():
            after = _AFTER.match(text[end : end + 5]).group()  # type: ignore[union-attr]
        if before.isspace():
            before = text[max(start - 20, 0) : start].rstrip()[-1:]
        value = decimal(match.group().replace(",", ""))
        numbers.append(Numeral(start, end, value, after == "%", after.isalpha(), before in MONEY if before else False))
    return tuple(numbers)


def number_words(text: str) -> Iterator[NumberWord]:
    """All numbers written as words, from two to ninety-nine, with half, twice, dozen and their like."""
    for match in _WORD.finditer(text):
        word = match.group().lower()
        if word in PARTS:
            values: tuple[Fraction, ...] = (Fraction(PARTS[word]), Fraction(1, PARTS[word]))
        elif "-" in word:
            tens, unit = word.split("-", 1)
            values = (WORDS[tens] + WORDS.get(unit, 1 if unit == "one" else 0),)
        else:
            values = (WORDS[word],)
        yield NumberWord(match.start(), match.end(), values, word in PARTS or word in FACTORS)


def places(value: Fraction) -> int | None:
    """How many decimals the value has: 0 for whole numbers, None for a non-terminating one."""
    return next((count for count in range(7) if 10**count % value.denominator == 0), None)


@lru_cache(maxsize=65536)
def show(value: Fraction, commas: bool = False, cents: bool = False) -> str:
    """The value as a decimal, exactly; `cents` writes 7.5 as 7.50. Raises ValueError for a non-terminating one."""
    count = places(value)
    if count is None:
        raise ValueError(f"{value} has no short decimal form")
    if cents and 0 < count < 2:
        count = 2
    number = abs(value.numerator) * 10**count // value.denominator
    whole, rest = divmod(number, 10**count)
    text = f"{whole:,}" if commas else str(whole)
    if count:
        text += f".{rest:0{count}d}"
    return f"-{text}" if value < 0 else text


def show_like(value: Fraction, numeral: Numeral, text: str) -> str:
    """The value written in the manner of a number in `text`: with thousands commas or cents where that has them."""
    old = text[numeral.start : numeral.end]
    commas = "," in old or (numeral.value < 1000 and re.search(r"\d,\d{3}", text) is not None)
    return show(value, commas, numeral.money or re.search(r"\.\d\d$", old) is not None)


def read_number(text: str) -> Fraction | None:
    """A gold answer such as `1,080`, `$5.50` or `1/2` as a number, or None."""
    clean = text.strip().strip(MONEY + "%").replace(",", "").replace(" ", "")
    if len(clean) > MAX_DIGITS or not re.fullmatch(r"-?(?:\d+(?:\.\d+)?|\.\d+)(?:/\d+)?", clean):
        return None
    top, _, bottom = clean.partition("/")
    return Fraction(top) / Fraction(bottom) if bottom and int(bottom) else None if bottom else decimal(top)
