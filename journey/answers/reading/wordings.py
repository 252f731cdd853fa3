"""Answers that are read as text, not as an expression: words, options, clock times, numerals of a base, named sets."""

from __future__ import annotations

import re

from journey.answers.reading import regions
from journey.answers.reading.objects import Answer, BasedNumeral, LetterChoice, Proportion, Prose, Region
from journey.answers.reading.terms import num
from journey.answers.reading.tokens import JOINTS, is_product

_WRITTEN_OUT_TEXT = """
    zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
    eighteen nineteen twenty
"""
WRITTEN_OUT = {word: value for value, word in enumerate(_WRITTEN_OUT_TEXT.split())}
_BASES = {
    "two": 2,
    "three": 3,
    "four": 4,
    "five": 5,
    "six": 6,
    "seven": 7,
    "eight": 8,
    "nine": 9,
    "ten": 10,
    "eleven": 11,
    "twelve": 12,
    "sixteen": 16,
}
_EVERYTHING = frozenset(
    (
        "all real numbers",
        "all reals",
        "the real numbers",
        "all real x",
        "the set of all real numbers",
        "every real number",
    )
)
_NOTHING = frozenset(("the empty set", "empty set"))
_FUNCTION_WORDS = frozenset("sin cos tan cot sec csc arcsin arccos arctan log exp sqrt max min gcd lcm det mod".split())
_PLAIN = re.compile(
    r"\\(?:text(?:rm|bf|it|normal|sf|tt|up|sl)?|mbox|hbox|mathrm|mathbf|mathsf|mathit|emph|operatorname) ?\{([^{}]*)\}"
)
_OPTION = re.compile(
    r"(?:(?:[Cc]hoice|[Oo]ption|[Aa]nswer):? )?(?:\( ?(?P<round>[A-Z]) ?\)|\[(?P<square>[A-Z])\](?= |$)|(?P<letter>[A-Z])(?P<behind>[.):]|(?= ?$)))(?P<rest>.*)"
)
_CALLED = re.compile(r"(?:[Cc]hoice|[Oo]ption)\b")
_WORDS = re.compile(r"[A-Za-z][A-Za-z'. ,()0-9-]*")
_BASED = re.compile(
    r"\(? ?(-?[0-9A-Z]+) ?\)? ?(?:_ ?\{? ?(?P<base>\d{1,2}|[a-z]+) ?\}?|,? ?\(?(?:in )?[Bb]ase[- ]?(?P<named>\d{1,2}|[a-z]+)\)?)"
)
_CLOCK = re.compile(r"(\d{1,2}) ?: ?(\d{2})(?: ?: ?(\d{2}))? ?(?:([AaPp])\.? ?[Mm]\.?)?")


def plain_words(text: str) -> str:
    """A normal text without the commands around its words."""
    return re.sub(r" +", " ", _PLAIN.sub(r" \1 ", text)).replace(" ,", ",").strip().rstrip(".,; ")


def read_words(words: str) -> Answer | None:
    """Words, options, numerals of a base and clock times; None where a text is none of them."""
    lower = words.lower()
    if lower in _EVERYTHING:
        return Region(regions.EVERYTHING)
    if lower in _NOTHING:
        return Region(regions.NOTHING)
    if (clock := _CLOCK.fullmatch(words)) is not None and int(clock[1]) <= 24 and int(clock[2]) < 60:
        half = f"{clock[4].lower()}m" if clock[4] else ""
        return Proportion(tuple(num(int(part)) for part in clock.group(1, 2, 3) if part), half)
    if (based := _BASED.fullmatch(words)) is not None and (found := _based(based)) is not None:
        return found
    if (option := _OPTION.fullmatch(words)) is not None:
        found = _option(option, words)
        if found is not None:
            return found
    if is_prose(words):
        return Prose(words)
    return None


def _option(match: re.Match[str], words: str) -> Answer | None:
    letter = match["round"] or match["square"] or match["letter"]
    rest = match["rest"].strip(" .:)")
    if match["letter"] and not match["behind"]:
        return LetterChoice(letter, "", bool(_CALLED.match(words)))
    if rest and (rest[0] in ",;=<>+-*/^_" or rest.startswith(("and ", "or ", "\\cup", "\\to"))):
        return None
    if not rest and match["behind"] == ":":
        return None
    if re.match(r"[A-Z]:\d", words):
        return None
    return LetterChoice(letter, rest)


def _based(match: re.Match[str]) -> Answer | None:
    name = match["base"] or match["named"]
    base = int(name) if name.isdigit() else _BASES.get(name)
    digits = match[1]
    if base is None or not 2 <= base <= 36 or len(digits) > 60 or not any(map(str.isdigit, digits)):
        return None
    if any(int(digit, 36) >= base for digit in digits.removeprefix("-")) and not digits.removeprefix("-").isdigit():
        return None
    if any(not (digit.isdigit() or digit.isupper()) for digit in digits.removeprefix("-")):
        return None
    stripped = digits.removeprefix("-").lstrip("0") or "0"
    return BasedNumeral(("-" if digits.startswith("-") else "") + stripped, base)


def is_prose(words: str) -> bool:
    """Whether a text of letters is words, not variables, functions or a list."""
    if not _WORDS.fullmatch(words):
        return False
    found = re.findall(r"[A-Za-z]+", words)
    if not found or {word.lower() for word in found} & _FUNCTION_WORDS:
        return False
    if re.match(r"[A-Za-z] ?\(", words) and " " not in words.strip():
        return False
    if "," in words or re.search(r"[A-Za-z]\d|\d[A-Za-z]", words):
        return len(found) > 4 and not re.fullmatch(r"(?:\w+, )+\w+", words)
    if len(found) == 1:
        word = found[0]
        return len(word) > 1 and not is_product(word)
    return any((len(word) > 2 and word not in JOINTS) or word.lower() in ("no", "is") for word in found)
