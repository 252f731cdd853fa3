"""From the text of an answer to tokens: LaTeX, plain text and Unicode in one spelling, with what stood behind a space.

    tokens("3\\\\,\\\\text{cm}^2")    # number 3, text "cm", sign ^, number 2

Nothing is dropped but what changes no meaning: spacing, sizes, colours, dollar signs around mathematics.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from journey.answers.exact import TooBig
from journey.answers.reading.units import read_unit

TokenKind = Literal["number", "letter", "text", "command", "sign", "joint"]


class UnreadAnswer(ValueError):
    """The text, or a part of it, was not read; what it says is what could not be read."""


@dataclass(frozen=True, slots=True)
class Token:
    """One piece of an answer. `start` is its place in the normal text, `roman` a letter in \\text or \\mathrm."""

    kind: TokenKind
    text: str
    start: int
    end: int
    spaced: bool = False
    roman: bool = False
    value: Fraction | None = None


ANSI = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u200b\u200c\u200d\u2060\ufeff]")
_UPPER = dict(
    zip("\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079\u207a\u207b\u207f", "0123456789+-n", strict=True)
)
_LOWER = dict(zip("\u2080\u2081\u2082\u2083\u2084\u2085\u2086\u2087\u2088\u2089\u2099", "0123456789n", strict=True))
_RAISED = re.compile(f"[{''.join(_UPPER)}]+")
_LOWERED = re.compile(f"[{''.join(_LOWER)}]+")
_SIGNS = {
    "\u2212": "-", "\ufe63": "-", "\uff0d": "-", "\u00d7": "\\times ", "\u22c5": "\\cdot ", "\u00b7": "\\cdot ", "\u2219": "\\cdot ",
    "\u00f7": "\\div ", "\u2044": "/", "\u2215": "/", "\u221e": "\\infty ", "\u2264": "\\le ", "\u2a7d": "\\le ", "\u2a7e": "\\ge ",
    "\u2265": "\\ge ", "\u2260": "\\ne ", "\u222a": "\\cup ", "\u2229": "\\cap ", "\u2208": "\\in ", "\u00b1": "\\pm ", "\u2213": "\\mp ",
    "\u2248": "\\approx ", "\u00b0": "\\circ ", "\u2009": " ", "\u202f": " ", "\u00a0": " ", "\u2005": " ", "\u2006": " ", "\uff05": "%",
    "\uff0c": ",", "\uff1a": ":", "\uff08": "(", "\uff09": ")", "\uff1d": "=", "\uff0b": "+", "\uff1b": ";", "\u3001": ",", "\uff1c": "<", "\uff1e": ">",
    "\u2019": "'", "\u2032": "'", "\u2205": "\\emptyset ", "\u211d": "\\RR ", "\u2216": "\\setminus ", "\u27e8": "\\langle ", "\u27e9": "\\rangle ",
    "\u230a": "\\lfloor ", "\u230b": "\\rfloor ", "\u2308": "\\lceil ", "\u2309": "\\rceil ", "\u2223": "|", "\u2227": "\\land ", "\u2228": "\\lor ",
    "\u03c0": "\\pi ", "\u03b1": "\\alpha ", "\u03b2": "\\beta ", "\u03b3": "\\gamma ", "\u03b4": "\\delta ", "\u03b8": "\\theta ", "\u03bb": "\\lambda ",
    "\u03c6": "\\phi ", "\u03c1": "\\rho ", "\u03c3": "\\sigma ", "\u03c4": "\\tau ", "\u03c9": "\\omega ", "\u0394": "\\Delta ", "\u2220": "\\angle ",
    "\u25b3": "\\triangle ", "\u2192": "\\to ", "\u21d2": "\\Rightarrow ", "\u2026": "\\ldots ", "\u2103": "\\circ C",
}  # fmt: skip
_TABLE = str.maketrans(_SIGNS)
_TEXT_NAMES = "text(?:rm|bf|it|normal|sf|tt|up|sl)?|mbox|hbox|mathrm|mathsf|mathtt|operatorname\\*?|emph|rm"
_BOLD_NAMES = (
    "mathbf|mathit|boldsymbol|bm|mathcal|mathbb|mathfrak|pmb|vec|overrightarrow|hat|underline|ensuremath|displaylines"
)
_REWRITES: list[tuple[re.Pattern[str], str]] = [
    (re.compile(pattern), replacement)
    for pattern, replacement in [
        (r"\s+", " "),
        (r"(?<!\\)\\[()\[\]]", ""),
        (r"(\\\\) ?\[ ?[\d.]+ ?(?:pt|em|ex|mm|cm) ?\]", r"\1"),
        (r"\\(?:left|right|[bB]igg?[lrm]?|middle)(?![A-Za-z]) ?\.?", ""),
        (
            r"\\(?:displaystyle|textstyle|scriptstyle|limits|nolimits|normalsize|large|Large|bf|it|hfill|nobreakspace|strut)(?![A-Za-z])",
            "",
        ),
        (r"\\[hv]?phantom ?(?:\{[^{}]*\}|.)", ""),
        (r"\\(?:color|textcolor|colorbox) ?\{[^{}]*\}", ""),
        (r"(?<!\\)\\! ?", ""),
        (r"(?<!\\)(?:\\[,;:> ]|\\q?quad(?![A-Za-z])|\\(?:thinspace|enspace|hspace ?\{[^{}]*\})(?![A-Za-z])|~)", " "),
        (r"\\[dtc]frac(?![A-Za-z])", r"\\frac"),
        (r"\{ ?, ?\}", ","),
        (r"(?<=\d) , ?(?=\d{3}(?!\d))", ","),
        (r"\{ ?: ?\}", ":"),
        (r"\\(?:colon|ratio)(?![A-Za-z])", ":"),
        (r"\^ ?\{ ?\\circ ?\}|\^ ?\\circ(?![A-Za-z])|\\degree(?:s)?(?![A-Za-z])", r"\\circ "),
        (r"<=|\\leq(?:q|slant|qslant)?(?![A-Za-z])", r"\\le "),
        (r">=|\\geq(?:q|slant|qslant)?(?![A-Za-z])", r"\\ge "),
        (r"!=|\\neq?(?![A-Za-z])|\\not ?=", r"\\ne "),
        (r"\\lt(?![A-Za-z])", "<"),
        (r"\\gt(?![A-Za-z])", ">"),
        (r"\\varnothing(?![A-Za-z])", r"\\emptyset "),
        (r"\\(?:mathbb ?\{? ?R ?\}?|reals|R)(?![A-Za-z])", r"\\RR "),
        (r"\\l?vert(?![A-Za-z])|\\rvert(?![A-Za-z])|\\mid(?![A-Za-z])|\\lvert(?![A-Za-z])", "|"),
        (r"\\(?:land|wedge)(?![A-Za-z])", r"\\text{ and }"),
        (r"\\(?:lor|vee)(?![A-Za-z])", r"\\text{ or }"),
        (r"\\lbrace(?![A-Za-z])", r"\\{"),
        (r"\\rbrace(?![A-Za-z])", r"\\}"),
        (r"\\(?:smallsetminus|backslash)(?![A-Za-z])", r"\\setminus "),
        (r"\\(?:simeq|thickapprox|doteq)(?![A-Za-z])", r"\\approx "),
        (r"\*\*", "^"),
    ]
]
_GROUPED = re.compile(r"(?<![\d.,])\d{1,3}(?: \d{3})+(?![\d,]| ?/)")
_DOLLAR = re.compile(r"(?<!\\)\$")
_BOXED = re.compile(r"^ ?\\(?:boxed|fbox|framebox) ?\{(.*)\} ?$")


def normal(text: str) -> str:
    """One spelling of a text. Linear in the text, which the caller keeps short."""
    text = _CONTROL.sub("", ANSI.sub("", text))
    if not text.isascii():
        text = re.sub("^\\s*[\u2013\u2014](?=\\s*[\\d.\\\\])", "-", text)
        text = re.sub("\u221a\\s*(\\d+(?:\\.\\d+)?|[a-z])", r"\\sqrt{\1}", text).replace("\u221a", "\\sqrt ")
        text = _RAISED.sub(lambda run: "^{" + "".join(_UPPER[char] for char in run[0]) + "}", text)
        text = _LOWERED.sub(lambda run: "_{" + "".join(_LOWER[char] for char in run[0]) + "}", text)
        text = "".join(_ascii(char) for char in text.translate(_TABLE))
    text = text.strip()
    if "$" in text:
        count = len(_DOLLAR.findall(text))
        if count % 2 == 0 and (count > 2 or text.count("$") != 2 or not re.search(r"\$ ?\d[\d.,]*\D+\$ ?\d", text)):
            text = _DOLLAR.sub("", text)
    for pattern, replacement in _REWRITES:
        text = pattern.sub(replacement, text)
    text = _GROUPED.sub(lambda run: run[0].replace(" ", ""), text)
    while (boxed := _BOXED.fullmatch(text)) is not None:
        text = boxed[1]
    text = re.sub(r" +", " ", text).strip()
    if text.endswith(".."):
        return text  # digits that go on
    return text.rstrip(".,; ").removeprefix("= ").removeprefix("=").strip()


def _ascii(char: str) -> str:
    if char.isascii():
        return char
    if char.isdecimal():
        return str(unicodedata.decimal(char))
    if unicodedata.decomposition(char).startswith("<fraction>"):
        top, _, bottom = unicodedata.normalize("NFKC", char).partition("\u2044")
        return f"\\frac{{{top}}}{{{bottom}}}"
    return char


FUNCTIONS = frozenset(
    "sin cos tan cot sec csc arcsin arccos arctan sinh cosh tanh ln log lg exp sqrt gcd lcm max min det mod".split()
)
_GREEK = frozenset(
    "alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta kappa lambda mu nu xi rho sigma tau phi varphi chi psi omega "
    "Gamma Delta Theta Lambda Sigma Phi Psi Omega ell".split()
)
JOINTS = {"and": "and", "or": "or", ", and": "and", ", or": "or", "and/or": "or", ";": ",", "&": "and"}
_NUMBER = re.compile(
    r"(?P<before>\d*)\.(?P<fixed>\d*)\\(?:overline|bar|dot) ?(?:\{(?P<cycle>\d+)\}|(?P<one>\d))"
    r"|(?P<plain>\d{1,3}(?:,\d{3})+(?!\d|,\d)(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)(?P<exponent>[eE][+-]?\d+(?![\dA-Za-z]))?"
)
_TEXT = re.compile(rf"\\(?:{_TEXT_NAMES}) ?(?=\{{)")
_BOLD = re.compile(rf"\\(?:{_BOLD_NAMES}) ?(?=[\{{A-Za-z0-9])")
_COMMAND = re.compile(r"\\(?:[A-Za-z]+|[{}%$#&_|\\])")
# Letters one by one: repeated pieces of several letters split a word in as many ways as there are, and try them all.
_QUOTIENT = re.compile(r"[A-Za-z](?:[ /^*.{}A-Za-z]|\\cdot |-?\d)*/(?:[ /^*.{}A-Za-z]|-?\d)*(?=[,;]|$)")
_RUN_ON = re.compile("(?:sin|cos|tan|cot|csc|log|exp|sqrt)[a-z]")
_WORD = re.compile(r"[A-Za-z]+(?:'[a-z]+)?")
_OPENING, _CLOSING = ("(", "[", "\\{"), (")", "]", "\\}")


def tokens(text: str) -> list[Token]:
    """The tokens of a normal text. Raises UnreadAnswer for a character that stands for nothing here."""
    return _Scanner(text).scan()


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text, self.position = text, 0
        self.found: list[Token] = []
        self.brackets: list[bool] = []  # whether commas without a space separate the parts of each open bracket
        self.skipped: list[int] = []  # ends of bold groups, whose brace is dropped

    def scan(self) -> list[Token]:
        while self.position < len(self.text):
            self._next()
        return self.found

    def _add(self, kind: TokenKind, text: str, end: int, roman: bool = False, value: Fraction | None = None) -> None:
        before = self.position
        spaced = before > 0 and self.text[before - 1] == " "
        self.found.append(Token(kind, text, before, end, spaced, roman, value))
        self.position = end

    def _next(self) -> None:
        text, position = self.text, self.position
        char = text[position]
        if char == " " or position in self.skipped:
            self.position += 1
        elif (number := _NUMBER.match(text, position)) is not None:
            self._number(number)
        elif char == "\\":
            self._command()
        elif char.isascii() and char.isalpha():
            self._word()
        elif char in "+-*/^_=<>|!,;:()[]{}%&'$\u20ac\u00a3\u00a5\u20b9\u00a2\u00c5\u03a9\u212b\u03bc":
            if char in "([":
                self.brackets.append(self._separates(position))
            elif char in ")]" and self.brackets:
                self.brackets.pop()
            if char in "\u00c5\u03a9\u212b\u03bc":
                self._add("text", char, position + 1)
            elif char == ";":
                self._add("joint", ",", position + 1)
            else:
                self._add("sign", char, position + 1)
        else:
            raise UnreadAnswer(f"the character {char!a}")

    def _separates(self, start: int) -> bool:
        """Whether commas separate the numbers of a bracket: not the ones without a space where others have one."""
        depth = 0
        for index in range(start, len(self.text)):
            char = self.text[index]
            depth += (char in "([") - (char in ")]")
            if depth == 0:
                return ", " not in self.text[start:index]
        return True

    def _number(self, match: re.Match[str]) -> None:
        start = match.start()
        if match["plain"] is None:
            cycle = match["cycle"] or match["one"]
            before, fixed = match["before"] or "0", match["fixed"]
            value = Fraction(f"{before}.{fixed}" if fixed else before)
            value += Fraction(int(cycle), (10 ** len(cycle) - 1) * 10 ** len(fixed))
            self._add("number", match[0], match.end(), value=value)
            return
        plain = match["plain"]
        if "," in plain and self.brackets and self.brackets[-1]:
            plain = plain.partition(",")[0]
            self._add("number", plain, start + len(plain), value=Fraction(plain))
            return
        end = match.end("plain")
        digits = plain.replace(",", "")
        if match["exponent"]:
            if len(match["exponent"]) > 6 or abs(power := int(match["exponent"][1:])) > 4000:
                raise TooBig("a power of ten")
            self._add(
                "number", f"{digits}{match['exponent']}", match.end(), value=Fraction(digits) * Fraction(10) ** power
            )
            return
        if self.text[end : end + 1] == "." and self.text[end + 1 : end + 2].isdigit():
            raise UnreadAnswer("a number with two points")
        self._add("number", digits, end, value=Fraction(digits))
        if self.text[self.position : self.position + 1] == ".":
            self.position += 1

    def _brace(self, start: int) -> int:
        """The place of the brace that closes the one at `start`."""
        depth = 0
        for match in re.compile(r"\\.|[{}]").finditer(self.text, start):
            depth += {"{": 1, "}": -1}.get(match[0], 0)
            if depth == 0:
                return match.start()
        raise UnreadAnswer("a brace that is not closed")

    def _command(self) -> None:
        text, position = self.text, self.position
        if (match := _TEXT.match(text, position)) is not None:
            closing = self._brace(match.end())
            self._quoted(text[match.end() + 1 : closing], match.end() + 1, closing + 1)
            return
        if (match := _BOLD.match(text, position)) is not None:
            if text[match.end()] == "{":
                self.skipped.append(self._brace(match.end()))
                self.position = match.end() + 1
            else:
                self.position = match.end()
            return
        match = _COMMAND.match(text, position)
        if match is None:
            raise UnreadAnswer("a backslash")
        name = match[0]
        if name in ("\\{", "\\}"):
            if name == "\\{":
                self.brackets.append(self._separates(position))
            elif self.brackets:
                self.brackets.pop()
            self._add("sign", name, match.end())
        elif name in ("\\%", "\\$", "\\&"):
            self._add("sign", name[1:], match.end())
        elif name[1:] in _GREEK:
            self._add("letter", name, match.end())
        elif name in ("\\i", "\\imath"):
            self._add("letter", "i", match.end())
        elif name == "\\dots" or name == "\\ldots" or name == "\\cdots":
            raise UnreadAnswer("an ellipsis")
        else:
            self._add("command", name, match.end())

    def _quoted(self, content: str, inner: int, end: int) -> None:
        """What stands in \\text{...}: words, one letter, a joint such as "and", or mathematics."""
        bare = content.strip(" ,") if content.strip() not in JOINTS else content.strip()
        if bare in JOINTS:
            self._add("joint", JOINTS[bare], end)
        elif len(bare) == 1 and bare.isalpha() and bare.isascii():
            before = self.position
            spaced = content.startswith(" ") or (before > 0 and self.text[before - 1] == " ")
            self.found.append(Token("letter", bare, before, end, spaced, True))
            self.position = end
        elif bare in FUNCTIONS and not (self._behind_number() and read_unit(bare) is not None):
            self._add("command", f"\\{bare}", end)
        elif not bare:
            self.position = end
        elif bare[0].isdigit() or bare[0] in "(-.$+" or "," in bare or not any(char.isalpha() for char in bare):
            self.skipped.append(end - 1)
            self.position = inner
        else:
            self._add("text", bare, end, roman=True)

    def _word(self) -> None:
        match = _WORD.match(self.text, self.position)
        assert match is not None
        word = match[0]
        if self._behind_number() and self.text[self.position - 1] == " ":
            tail = _QUOTIENT.match(self.text, self.position)
            unit = read_unit(tail[0]) if tail is not None else None
            if tail is not None and unit is not None and not unit.things:
                self._add("text", tail[0].strip(), tail.end())
                return
        if word in JOINTS:
            self._add("joint", JOINTS[word], match.end())
        elif len(word) == 1:
            self._add("letter", word, match.end())
        elif word in FUNCTIONS or word in ("pi", "theta"):
            self._add("letter" if word == "theta" else "command", f"\\{word}", match.end())
        elif _RUN_ON.fullmatch(word) and word not in _ENGLISH:
            raise UnreadAnswer("a function that runs into its argument")
        elif self._behind_number() and read_unit(word) is not None and not is_product(word):
            self._add("text", word, match.end())
        elif is_product(word) or (len(word) <= 3 and word.isupper()):
            for _ in word:
                self._add("letter", self.text[self.position], self.position + 1)
        else:
            self._add("text", word, match.end())

    def _behind_number(self) -> bool:
        return bool(self.found) and (
            self.found[-1].kind == "number" or self.found[-1].text in ("}", ")", "\\pi", "\\circ", "/")
        )


_ENGLISH_TEXT = """
    no or of is in to at up if on it we as an by be do go so my he am pm us ft cm mm km kg mg ml yd mi lb oz hr yes odd red one two six ten
    all the and cat bat rat man van sat war was mat map nap tap cap pay pat ray way car bar may ant art act arc ram raw log
    sum not nor box boy toy pen men day sun mon tue wed thu fri jan feb mar apr jun jul aug sep oct nov dec per few new old top cost costs tans
    dne dog cup bag hat pie bus kid egg sec min hrs lbs gal usd eur gbp mph kph nan inf deg mol rad bit ohm
"""
_ENGLISH = frozenset(_ENGLISH_TEXT.split())


def is_product(word: str) -> bool:
    """Whether a run of letters is a product of variables: `xy`, `abc`, not `cat`."""
    if len(word) > 4 or word.lower() in _ENGLISH or not word.islower():
        return False
    if len(word) == 2:
        return True
    return (len(word) == 3 and not set(word[1:]) & set("aeiou")) or set(word) <= set("abcdxyz")
