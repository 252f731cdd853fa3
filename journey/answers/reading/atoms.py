"""Atoms of expressions over tokens: numbers, letters, brackets, fractions, roots, functions; and where a text is in doubt.

Where a text may be read in two ways (\\sqrt13, 2(1/2), \\log without a base, 7\\mathrm{m}) the reader notes a doubt and takes the
way that `assumed` says; who compares asks for both.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from fractions import Fraction

from journey.answers.reading.terms import INFINITY, Term, num
from journey.answers.reading.tokens import FUNCTIONS, Token, UnreadAnswer

_CONSTANTS = {"i", "e"}
_CLOSING = {"(": (")",), "[": ("]",), "{": ("}",)}
TIMES = ("*", "\\cdot", "\\times", "\\ast")
_UNKNOWN_FUNCTIONS = frozenset("fghFG")


class Doubts:
    """Which ways of reading are assumed, and which ones a text turned out to need."""

    def __init__(self, assumed: frozenset[str] = frozenset()) -> None:
        self.assumed = assumed
        self.met: set[str] = set()

    def second(self, name: str) -> bool:
        """Whether the second way is to be taken; notes that there are two."""
        self.met.add(name)
        return name in self.assumed


class AtomReader(ABC):
    """Reads atoms from `tokens[start:]`, one after the other; the rules for sums and products are those of its heir."""

    def __init__(self, tokens: Sequence[Token], start: int, end: int, doubts: Doubts) -> None:
        self.tokens, self.position, self.end, self.doubts = list(tokens), start, end, doubts
        self.depth = self.inside = self.bars = 0
        self.nothing = False
        self.split: str | None = None  # a second digit of \frac12 that is still to be read

    # --- tokens

    def peek(self, ahead: int = 0) -> Token | None:
        """The token some places ahead, or None behind the last."""
        index = self.position + ahead
        return self.tokens[index] if index < self.end else None

    def sign(self, *signs: str, ahead: int = 0) -> bool:
        """Whether the token ahead is one of these signs or commands."""
        token = self.peek(ahead)
        return token is not None and token.kind in ("sign", "command") and token.text in signs

    def take(self, *signs: str) -> bool:
        """Step over the token if it is one of these signs."""
        if self.sign(*signs):
            self.position += 1
            return True
        return False

    def expect(self, *signs: str) -> None:
        """Step over a sign that must stand here."""
        if not self.take(*signs):
            raise UnreadAnswer(f"{signs[0]!r} is missing")

    # --- what `ExpressionReader` knows

    @abstractmethod
    def expression(self) -> Term:
        """A sum."""

    @abstractmethod
    def power(self) -> Term:
        """An atom with exponents, factorials and degree signs behind it."""

    @abstractmethod
    def exponent(self) -> Term:
        """What stands behind ^."""

    @abstractmethod
    def starts_factor(self) -> bool:
        """Whether a factor follows that no sign announces."""

    # --- atoms

    def is_unit_fraction(self, token: Token) -> bool:
        """A fraction of words or roman letters behind a space is a unit such as metres over seconds."""
        if token.text != "\\frac" or not token.spaced:
            return False
        inner = self.peek(2)
        return inner is not None and (inner.roman or inner.kind == "text")

    def group(self, *openings: str) -> Term:
        """A bracket with one expression in it."""
        token = self.peek()
        if token is None or token.text not in openings:
            raise UnreadAnswer(f"{openings[0]!r} is missing")
        self.position += 1
        bars, self.bars = self.bars, 0
        term = self.expression()
        self.bars = bars
        self.expect(*_CLOSING[token.text])
        return term

    def argument(self) -> Term:
        """What stands behind \\\\frac or \\\\sqrt: a group, one digit, or one symbol."""
        if self.split is not None:
            digit, self.split = self.split, None
            return num(int(digit))
        token = self.peek()
        if token is None:
            raise UnreadAnswer("an argument is missing")
        if token.text == "{":
            return self.group("{")
        if token.kind == "number":
            if len(token.text) == 1:
                self.position += 1
                return num(int(token.text))
            if not token.text.isdigit() or len(token.text) != 2:
                raise UnreadAnswer("an argument without braces")
            self.position += 1
            self.split = token.text[1]
            return num(int(token.text[0]))
        if token.kind == "letter" or token.text in ("\\pi", "\\sqrt", "\\infty"):
            return self.atom(short=True)
        raise UnreadAnswer("an argument without braces")

    def atom(self, short: bool = False) -> Term:
        """A number, letter, function, fraction, root or bracket."""
        token = self.peek()
        if token is None:
            raise UnreadAnswer("the text ends early")
        if token.kind == "number":
            return self.number(token, short)
        if token.kind == "letter":
            return self.letter(token)
        if token.kind == "command":
            return self.command(token)
        if token.kind == "sign":
            if token.text in _CLOSING:
                return self.bracket(token)
            if token.text == "|":
                self.position += 1
                self.bars += 1
                inner = self.expression()
                self.bars -= 1
                self.expect("|")
                return Term("abs", (inner,))
        raise UnreadAnswer(f"{token.text[:20]!r}")

    def bracket(self, token: Token) -> Term:
        """A bracket; behind a whole number (1/2) may be the fraction of a mixed number."""
        before = self.tokens[self.position - 1] if self.position else None
        start = self.position
        term = self.group("(", "[", "{")
        if (
            token.text == "(" and before is not None and before.kind == "number" and before.text.isdigit()
            and term.op == "div" and all(arg.op == "num" for arg in term.args) and self.position - start == 5
        ):  # fmt: skip
            top, bottom = (arg.value for arg in term.args)
            if bottom and 0 < top / bottom < 1 and self.doubts.second("mixed"):
                # whole * (1 + part / whole) is whole + part
                whole = Fraction(before.text)
                return num((whole + top / bottom) / whole) if whole else term
        return term

    def number(self, token: Token, short: bool) -> Term:
        """A number, with the fraction of a mixed number behind it."""
        self.position += 1
        assert token.value is not None
        if short or not token.text.isdigit():
            return num(token.value)
        following = self.peek()
        if following is None:
            return num(token.value)
        if following.text == "\\frac" and not self.is_unit_fraction(following):
            start = self.position
            fraction = self.command(following)
            if fraction.op == "div" and all(arg.op == "num" and arg.value.denominator == 1 for arg in fraction.args):
                top, bottom = (arg.value for arg in fraction.args)
                if not 0 <= top < bottom:
                    raise UnreadAnswer("no mixed number, no product either")
                if self.sign("^"):
                    raise UnreadAnswer("a power of a mixed number")
                return num(token.value + top / bottom)
            self.position = start
        elif (
            following.kind == "number" and following.spaced and following.text.isdigit() and self.sign("/", ahead=1)
            and (below := self.peek(2)) is not None and below.kind == "number" and below.text.isdigit()
        ):  # fmt: skip
            top, bottom = Fraction(following.text), Fraction(below.text)
            if not top < bottom:
                raise UnreadAnswer("no mixed number, no product either")
            self.position += 3
            if self.starts_factor():
                raise UnreadAnswer("a mixed number before a factor")
            return num(token.value + top / bottom)
        return num(token.value)

    def letter(self, token: Token) -> Term:
        """A variable with its index, or one of the constants i and e."""
        self.position += 1
        name = token.text
        if self.sign("_"):
            self.position += 1
            return Term("var", name=f"{name}_{self.index()}")
        if name in _CONSTANTS:
            return Term("const", name=name)
        if self.sign("'"):
            raise UnreadAnswer("a prime")
        if name in _UNKNOWN_FUNCTIONS and self.sign("("):
            inner, closing = self.peek(1), self.peek(2)
            if inner is not None and inner.kind == "letter" and closing is not None and closing.text == ")":
                self.position += 3
                return Term("var", name=f"{name}({inner.text})")
            raise UnreadAnswer(f"the function {name}")
        return Term("var", name=name)

    def index(self) -> str:
        """An index of a letter as text."""
        token = self.peek()
        if token is None:
            raise UnreadAnswer("an index is missing")
        if token.text != "{":
            self.position += 1
            if token.kind == "number" and (len(token.text) > 2 or not token.text.isdigit()):
                raise UnreadAnswer("an index without braces")
            return token.text
        parts: list[str] = []
        depth = 0
        while (token := self.peek()) is not None:
            self.position += 1
            depth += (token.text == "{") - (token.text == "}")
            if depth == 0:
                return "".join(parts)
            if token.text != "{":
                parts.append(token.text)
        raise UnreadAnswer("an index that is not closed")

    def command(self, token: Token) -> Term:
        """A LaTeX command that is an expression."""
        self.position += 1
        name = token.text
        if name == "\\pi":
            return Term("const", name="pi")
        if name == "\\infty":
            return INFINITY
        if name == "\\frac":
            top = self.argument()
            bottom = self.argument()
            if _leads(top, "d") and _leads(bottom, "d"):
                raise UnreadAnswer("a derivative")
            if self.split is not None:
                raise UnreadAnswer("a fraction without braces")
            return Term("div", (top, bottom))
        if name == "\\sqrt":
            return self.root()
        if name == "\\binom":
            return Term("binom", (self.argument(), self.argument()))
        if name in ("\\lfloor", "\\lceil"):
            inner = self.expression()
            self.expect("\\rfloor" if name == "\\lfloor" else "\\rceil")
            return Term("floor" if name == "\\lfloor" else "ceil", (inner,))
        if name[1:] in FUNCTIONS:
            return self.function(name[1:])
        raise UnreadAnswer(name)

    def root(self) -> Term:
        """\\\\sqrt with its index."""
        index: Term = num(2)
        if self.take("["):
            index = self.expression()
            self.expect("]")
        token = self.peek()
        if token is not None and token.text == "(":
            return Term("root", (index, self.group("(")))
        if token is not None and token.kind == "number" and len(token.text) > 1:
            self.position += 1
            assert token.value is not None
            return Term("root", (index, num(token.value)))
        return Term("root", (index, self.argument()))

    def function(self, name: str) -> Term:
        """A named function with its exponent, base and argument."""
        if name in ("det", "mod"):
            raise UnreadAnswer(name)
        exponent: Term | None = None
        base: Term | None = None
        while self.sign("^", "_"):
            if self.take("_"):
                base = self.exponent() if not self.sign("{") else self.group("{")
            else:
                self.take("^")
                exponent = self.exponent()
        if name == "exp" and exponent is not None:
            raise UnreadAnswer("a power of exp")
        if exponent == num(-1) and name in ("sin", "cos", "tan"):
            name, exponent = f"arc{name}", None
        arguments = self.function_arguments(name)
        if name == "sqrt":
            result = Term("root", (num(2), arguments[0]))
        elif name in ("ln", "log", "lg"):
            if name == "lg":
                base = num(10)
            if name == "log" and base is None and not self.doubts.second("log"):
                base = num(10)
            result = Term("fun", (arguments[0], *([] if base is None else [base])), name="log")
        else:
            if base is not None:
                raise UnreadAnswer(f"an index of {name}")
            result = Term("fun", tuple(arguments), name=name)
        return result if exponent is None else Term("pow", (result, exponent))

    def function_arguments(self, name: str) -> list[Term]:
        """The arguments in brackets, or the factors that follow a function without brackets."""
        self.inside += 1
        try:
            if self.sign("(", "{", "["):
                token = self.peek()
                assert token is not None
                self.position += 1
                arguments = [self.expression()]
                while name in ("gcd", "lcm", "max", "min") and self.take(","):
                    arguments.append(self.expression())
                self.expect(*_CLOSING[token.text])
                if self.sign("^") and token.text != "{":
                    raise UnreadAnswer("a power behind the brackets of a function")
                return arguments
            if name in ("gcd", "lcm", "max", "min", "exp"):
                raise UnreadAnswer(name)
            factors = [self.power()]
            while (token := self.peek()) is not None and not (token.kind == "command" and token.text[1:] in FUNCTIONS):
                if not self.starts_factor() or token.text in ("(", "["):
                    break
                factors.append(self.power())
            if self.sign("/") and not ((after := self.peek(1)) is not None and after.text[1:] in FUNCTIONS):
                raise UnreadAnswer("a slash behind the argument of a function")
            if self.sign("(", "[", *TIMES) and not self.function_follows():
                raise UnreadAnswer("more behind the argument of a function")
            return [factors[0] if len(factors) == 1 else Term("mul", tuple(factors))]
        finally:
            self.inside -= 1

    def function_follows(self) -> bool:
        """Whether a sign of multiplication stands before another function."""
        after = self.peek(1)
        return after is not None and after.kind == "command" and after.text[1:] in FUNCTIONS


def _leads(term: Term, name: str) -> bool:
    """Whether a term is a letter, or a product that begins with it."""
    first = term.args[0] if term.op == "mul" and term.args else term
    return (first.args[0] if first.op == "pow" else first) == Term("var", name=name)
