"""Recursive descent over tokens: the expression that they are, as a term.

    ExpressionReader(tokens, 0, len(tokens), Doubts()).expression()

Sums, products and powers are here, what they are made of in `journey.answers.reading.atoms`.
"""

from __future__ import annotations

from journey.answers.exact import MAX_DEPTH, TooBig
from journey.answers.reading.atoms import TIMES, AtomReader
from journey.answers.reading.terms import Term, negative, num
from journey.answers.reading.tokens import FUNCTIONS, Token, UnreadAnswer
from journey.answers.reading.units import SINGLE

_OVER = ("/", "\\div")


class ExpressionReader(AtomReader):
    """Reads one expression from `tokens[start:]`, as far as it goes."""

    def expression(self) -> Term:
        """A sum."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise TooBig("depth")
        terms = []
        first = True
        while True:
            wrap: list[str] = []
            flipped = False
            found = False
            while self.sign("+", "-", "\\pm", "\\mp"):
                token = self.peek()
                assert token is not None
                flipped ^= token.text == "-"
                if token.text in ("\\pm", "\\mp"):
                    wrap.append(token.text[1:])
                self.position += 1
                found = True
            if not first and not found:
                break
            term = self.product()
            for name in wrap:
                term = Term(name, (term,))
            terms.append(negative(term) if flipped else term)
            first = False
            if not self.sign("+", "-", "\\pm", "\\mp"):
                break
        self.depth -= 1
        return terms[0] if len(terms) == 1 else Term("add", tuple(terms))

    def product(self) -> Term:
        """Factors and divisors in a row, with and without signs between them."""
        result = self.factor()
        factors = [result]
        self.nothing = result == num(
            0
        )  # times whatever follows is nothing, whether x12 is a power, an index or a product
        while True:
            if self.take(*TIMES):
                factors.append(self.signed())
            elif self.sign(*_OVER):
                slash = self.peek()
                assert slash is not None
                self.position += 1
                below = self.signed()
                if slash.text == "/" and self.starts_factor() and not self.inside_unit():
                    rest = []
                    if self.doubts.second("slash"):
                        while self.starts_factor():
                            rest.append(self.power())
                    below = Term("mul", (below, *rest)) if rest else below
                above = factors[0] if len(factors) == 1 else Term("mul", tuple(factors))
                factors = [Term("div", (above, below))]
            elif self.starts_factor():
                factors.append(self.power())
            else:
                break
        return factors[0] if len(factors) == 1 else Term("mul", tuple(factors))

    def inside_unit(self) -> bool:
        """Whether what follows can only be a unit."""
        token = self.peek()
        return token is not None and token.kind == "letter" and token.roman and token.spaced

    def signed(self) -> Term:
        """A factor with signs before it."""
        flipped = False
        while self.sign("+", "-"):
            flipped ^= self.sign("-")
            self.position += 1
        term = self.power()
        return negative(term) if flipped else term

    def factor(self) -> Term:
        """The first factor of a product."""
        return self.power()

    def starts_factor(self) -> bool:
        """Whether a factor follows that no sign announces."""
        token = self.peek()
        if token is None:
            return False
        if token.kind == "letter":
            return not self.is_unit_letter(token)
        if token.kind == "number":
            before = self.tokens[self.position - 1]
            if before.text in (")",) and not token.spaced:
                return True
            if self.nothing:
                return True
            raise UnreadAnswer("a number right behind another")
        if token.kind == "sign":
            if token.text in ("(", "{"):
                return True
            return token.text == "[" or (token.text == "|" and not self.bars)
        if token.kind == "command":
            if self.is_unit_fraction(token):
                return False
            return token.text in (
                "\\frac", "\\sqrt", "\\pi", "\\lfloor", "\\lceil", "\\binom", "\\infty",
            ) or token.text[1:] in FUNCTIONS  # fmt: skip
        return False

    def is_unit_letter(self, token: Token) -> bool:
        """A single roman letter behind a space is a unit; without one it is a letter, or in doubt where it names one."""
        if token.text == "\\Omega" and token.spaced and not self.inside:
            return True
        if not token.roman or self.inside or token.text in ("i", "e", "d", "x", "y", "z", "n", "k"):
            return False
        if token.text not in SINGLE:
            return False
        if token.spaced:
            return True
        return self.doubts.second("unit")

    def power(self) -> Term:
        """An atom with exponents, factorials and degree signs behind it."""
        base = self.atom()
        while True:
            if self.take("!"):
                base = Term("fact", (base,))
            elif self.sign("^"):
                self.position += 1
                if self.sign("^"):
                    raise UnreadAnswer("^^")
                base = Term("pow", (base, self.exponent()))
            elif self.inside and self.sign("\\circ"):
                self.position += 1
                base = Term("div", (Term("mul", (base, Term("const", name="pi"))), num(180)))
            elif self.sign("'") or self.sign("_"):
                raise UnreadAnswer("a prime or an index")
            else:
                return base

    def exponent(self) -> Term:
        """What stands behind ^: a group, or one signed atom with powers of its own."""
        if self.sign("{", "("):
            return self.power_of_group()
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise TooBig("depth")
        flipped = self.take("-")
        if not flipped:
            self.take("+")
        base = self.atom(short=True)
        if self.sign("^"):
            self.position += 1
            base = Term("pow", (base, self.exponent()))
        self.depth -= 1
        return negative(base) if flipped else base

    def power_of_group(self) -> Term:
        """{...} or (...) behind ^, itself perhaps raised: 2^{3}^2 is refused by LaTeX, 9^(9)^9 is not."""
        group = self.group("{", "(")
        if self.sign("^"):
            self.position += 1
            self.depth += 1
            if self.depth > MAX_DEPTH:
                raise TooBig("depth")
            group = Term("pow", (group, self.exponent()))
            self.depth -= 1
        return group
