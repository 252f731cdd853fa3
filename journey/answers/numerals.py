"""Numbers as models write them: one spelling of an answer, its unit, its exact value.

`canonical` brings the many spellings of one answer to one (LaTeX spacing, dfrac, Unicode signs and digits), `split_unit`
takes a unit off its end, and `journey.answers.exact` reads what is left as arithmetic.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from fractions import Fraction

from journey.answers.exact import MAX_CHARS, NotANumber, evaluate

ANSI = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_SIGNS = {
    "\u2212": "-", "\ufe63": "-", "\uff0d": "-", "\u00d7": "\\times ", "\u22c5": "\\cdot ", "\u00b7": "\\cdot ",
    "\u00f7": "\\div ", "\u2044": "/", "\u2215": "/", "\u03c0": "\\pi ", "\u221e": "\\infty ", "\u2264": "\\le ",
    "\u2265": "\\ge ", "\u222a": "\\cup ", "\u2208": "\\in ", "\u00b1": "\\pm ", "\u2248": "\\approx ",
    "\u00b0": "\\circ ", "\u00b2": "^2", "\u00b3": "^3", "\u2009": " ", "\u202f": " ", "\u00a0": " ", "\u200b": "",
    "\u221a": "sqrt", "\uff05": "%", "\uff0c": ",", "\u03b8": "\\theta ", "\u2019": "'",
}  # fmt: skip
_TABLE = str.maketrans(_SIGNS)
_MONEY = "[\u20ac\u00a3\u00a5\u20b9]"
_TEXT_COMMANDS = "text(?:rm|bf|it|normal|sf|tt)?|mbox|hbox|mathrm|mathbf|mathit|mathsf|mathtt|operatorname|emph"
# 2(9) and (2)9 are 18; 2(1/2) may be a product or a mixed number.
_PRODUCT = r"(?<![\w.^/])(\d+(?:\.\d+)?)(?=\((?!\d+/\d+\)))|(\))(?=\(-?\d|\d)"
_PATTERNS: list[tuple[str, str | Callable[[re.Match[str]], str]]] = [
    (r"\s+", " "),  # first: no later pattern meets a run of spaces
    (r"[ .,;]+$", ""),
    (r"(?<!\\)\\[()\[\]]", ""),
    (r"\\(?:left|right|[bB]igg?[lr]?|displaystyle|textstyle|limits)(?![A-Za-z])\.?", ""),
    (r"(?<!\\)\\! ?", ""),
    (r"(?<!\\)(?:\\[,;: ]|\\q?quad(?![A-Za-z])|~)", " "),
    (r"\\[dtc]frac(?![A-Za-z])", r"\\frac"),
    (rf"\\(?:{_TEXT_COMMANDS}) ?\{{([^{{}}]*)\}}", lambda match: f"\\text{{{match[1].strip()}}}"),
    (r"\\text\{([^{}A-Za-z]*)\}", r" \1 "),  # \mathbf{2340}: no words in it
    (r"^ ?\\text\{([^{}]*)\} ?$", r"\1"),
    (r"\{ ?, ?\}", ","),
    (r"\*\*", "^"),
    (r"\^ ?\{? ?\\circ ?\}?|\\degree(?![A-Za-z])", r"\\circ "),
    (r"\\text\{[Pp]er ?cent(?:age)?\}|(?<![A-Za-z])[Pp]er ?cent(?:age)?(?![A-Za-z])|\\%", "%"),
    (r"<=|\\leq(?![A-Za-z])", r"\\le "),
    (r">=|\\geq(?![A-Za-z])", r"\\ge "),
    (r"\\frac ?(\\pi(?![A-Za-z])|\w) ?(?=[\w{\\])", r"\\frac{\1}"),
    (r"\\frac ?(\{[^{}]*\}) ?(\\pi(?![A-Za-z])|\w)", r"\\frac\1{\2}"),
    (r"([\^_]) ?\{ ?(\w) ?\}", r"\1\2"),
    (r"\\sqrt (?=[\d{])", r"\\sqrt"),
    (r"(?<![\d.,])(\d{1,3})((?: \d{3})+)(?![\d,]| ?/)", lambda match: match[1] + match[2].replace(" ", "")),
    (" +", " "),
    (r"(?<![A-Za-z0-9,]) |(?<!,) (?![A-Za-z0-9])", ""),
    (_PRODUCT, r"\1\2\\cdot"),
    (r"^(?:=|\\approx(?![A-Za-z]) ?)", ""),
    (f"^([-+]?)([\\d.,]+)(\\\\?\\$|{_MONEY})$", r"\1\3\2"),  # 18$
]
_REWRITES = [(re.compile(pattern), replacement) for pattern, replacement in _PATTERNS]
_DELIMITER = re.compile(r"(?<!\\)\$")
_ROOT = re.compile("\u221a\\s*(\\d+|[a-z])")

_CURRENCY = re.compile(f"^([-+]?) ?(\\\\?\\$|{_MONEY}) ?(?=[-+.\\d\\\\])")
_UNIT_START = re.compile(r"\\text\{|%|\\circ|_(?=[\d{])|(?<![\\A-Za-z])[A-Za-z]{2}|\u00a2")
_UNIT = re.compile(r"(?:[A-Za-z.'/ -]|%|\u00a2|\\circ|\\text\{[A-Za-z.'/ -]*\}|\^\{?-?\d\}?)+")
_UNIT_WORD = re.compile(r"(\\text\{)|([A-Za-z]+|%|\u00a2|\\circ|\^\{?-?\d\}?|/)|(\})")
_ALIASES = {
    "\\circ": "degree", "deg": "degree", "$": "dollar", "usd": "dollar", "\u00a2": "cent", "inches": "inch", "in": "inch",
    "feet": "foot", "ft": "foot", "centimeter": "cm", "meter": "m", "kilometer": "km", "mile": "mi", "hour": "hr",
    "minute": "min", "second": "sec", "pound": "lb", "kilogram": "kg", "gram": "g",
}  # fmt: skip
_SHORT_UNITS_TEXT = """
    cm mm km dm kg mg ml ft in yd mi lb oz hr am pm sq cu mph kph sec min hrs lbs gal usd eur gbp day men man egg
    cup car cat dog box bag hat toy pie pen bus kid way per of a an the each for
"""
_SHORT_UNITS = frozenset(_SHORT_UNITS_TEXT.split())
_FUNCTION = re.compile("(?:sin|cos|tan|cot|csc|log|exp|sqrt)[a-z]?")  # 2sinx
# Words that change the number they follow, or say that more than a unit is meant.
_NO_UNIT_TEXT = """
    hundred thousand million billion trillion dozen half halves third thirds quarter quarters fourth fourths fifth
    fifths pi root sqrt squared cubed factorial plus minus times over divided mod modulo base or and to by not no
    but if is are was isn't when where than more less most least from because so since then therefore wrong right
    correct incorrect maybe either about approximately infinity inf nan undefined sin cos tan log exp union cup cap
    with remainder mod point power percent percentage would should instead hence thus
"""
_NO_UNIT = frozenset(_NO_UNIT_TEXT.split())
_NUMERALS_TEXT = """
    zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
    eighteen nineteen twenty
"""
NUMERALS = {word: str(value) for value, word in enumerate(_NUMERALS_TEXT.split())}


def canonical(text: str) -> str:
    """One spelling of an answer. Linear in the text, which the caller keeps within MAX_CHARS."""
    text = _CONTROL.sub("", ANSI.sub("", text)) if not text.isprintable() else text
    if not text.isascii():
        text = re.sub("^\\s*\u2013", "-", text)
        text = _ROOT.sub(r"\\sqrt{\1}", text).translate(_TABLE)
        text = "".join(_ascii(char) for char in text)
    text = text.strip()
    if "$" in text and len(_DELIMITER.findall(text)) % 2 == 0:  # an odd one is a currency sign
        text = _DELIMITER.sub("", text).strip()
    if not text.isalnum():
        for pattern, replacement in _REWRITES:
            text = pattern.sub(replacement, text)
    text = text.strip().rstrip(".,; ")
    return NUMERALS.get(text.lower(), text)


def _ascii(char: str) -> str:
    """ASCII digits for the digits of any script and for fractions such as one half; other characters unchanged."""
    if char.isascii():
        return char
    if char.isdecimal():
        return str(unicodedata.decimal(char))
    if unicodedata.decomposition(char).startswith("<fraction>"):
        return " " + unicodedata.normalize("NFKC", char).replace("\u2044", "/")
    return char


def split_unit(text: str) -> tuple[str, str]:
    """(what stands before the unit, the unit in one spelling) of canonical text; the unit is "" where there is none.

    A unit is a currency sign, a percent or degree sign, the base of a numeral (`52_8`), or words that name a thing
    (`square feet`, `\\text{cm}^2`). Single letters are variables, and words such as "million" or "not" are no unit.
    """
    if (match := _CURRENCY.match(text)) is not None:
        return match[1] + text[match.end() :], _ALIASES.get(match[2].lstrip("\\"), match[2])
    match = _UNIT_START.search(text)
    if match is None or match.start() == 0:
        return text, ""
    body, tail = text[: match.start()].rstrip(), text[match.start() :]
    if tail.startswith("_"):
        base = re.fullmatch(r"_\{?(\d{1,2})\}?", tail)
        return (body, f"base {base[1]}") if base and re.fullmatch(r"-?\d+", body) else (text, "")
    unit = _unit_name(tail)
    return (body, unit) if unit else (text, "")


def _unit_name(tail: str) -> str:
    """One spelling of a unit, or "" if the tail is none."""
    if len(tail) > 60 or _UNIT.fullmatch(tail) is None:
        return ""
    names: list[str] = []
    quoted = False
    for opened, word, closed in _UNIT_WORD.findall(tail.replace(".", "")):
        if opened or closed:
            quoted = bool(opened)
            continue
        name = word.lower()
        temperature = name in ("c", "f") and names == ["degree"]
        short = name.isalpha() and not quoted and len(name) < 4 and name not in _SHORT_UNITS
        if name in _NO_UNIT or _FUNCTION.fullmatch(name) or (short and not temperature):
            return ""
        name = _ALIASES.get(name, name)
        name = name[:-1] if len(name) > 3 and name.endswith("s") else name
        names.append(_ALIASES.get(name, name))
    return " ".join(names) if len(names) <= 8 else ""


def number(text: str) -> Fraction | None:
    """The exact value of an integer, decimal, fraction, mixed number, percentage or arithmetic expression, else None.

    A currency sign or unit is dropped, and 50% is 1/2. A numeral in another base, or a number beyond the limits of
    this module, is None.
    """
    if len(text) > MAX_CHARS:
        return None
    body, unit = split_unit(canonical(text))
    try:
        value = evaluate(body)
    except NotANumber:
        return None
    if unit.startswith("base"):
        return None
    return value / 100 if unit == "%" else value
