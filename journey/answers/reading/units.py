"""Units of measure behind a number: one table of names, with powers, products and quotients.

    read_unit("\\\\,\\\\mathrm{m\\\\,s^{-2}}") == read_unit(" m/s^2") == read_unit("\\\\text{ meters per second squared}")

A unit has dimensions (powers of base units) and a size in them. Words that the table does not have are things that are
counted (`5 eggs per day`); they are compared by their names alone. Words that change the number (`million`) or make it
something else (`not`, `or`) are no unit at all.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

MAX_WORDS = 8


@dataclass(frozen=True)
class UnitOfMeasure:
    """Powers of base units and the size in them; `things` are the words that are no unit of the table."""

    powers: tuple[tuple[str, int], ...] = ()
    size: Fraction = Fraction(1)
    things: tuple[str, ...] = ()

    @property
    def is_percent(self) -> bool:
        """Whether it is the percent sign."""
        return self.things == ("%",)

    @property
    def is_degree(self) -> bool:
        """Whether it is the degree of an angle."""
        return self.powers == (("degree", 1),)

    def times(self, other: UnitOfMeasure) -> UnitOfMeasure:
        """The product of two units."""
        powers = dict(self.powers)
        for base, power in other.powers:
            powers[base] = powers.get(base, 0) + power
        kept = tuple(sorted((base, power) for base, power in powers.items() if power))
        return UnitOfMeasure(kept, self.size * other.size, (*self.things, *other.things))

    def converts_to(self, other: UnitOfMeasure) -> bool:
        """Whether a value in one can be given in the other."""
        return self.powers == other.powers and self.things == other.things


def _table() -> dict[str, tuple[str, Fraction]]:
    units: dict[str, tuple[str, Fraction]] = {}

    def add(base: str, size: str, names: str) -> None:
        for name in names.split():
            units[name] = (base, Fraction(size))

    add("m", "1", "m meter metre")
    add("m", "1/10", "dm decimeter")
    add("m", "1/100", "cm centimeter centimetre")
    add("m", "1/1000", "mm millimeter millimetre")
    add("m", "1/1000000", "um \u03bcm micrometer micron")
    add("m", "1/1000000000", "nm nanometer nanometre")
    add("m", "1/10000000000", "\u00c5 \u212b angstrom")
    add("m", "1000", "km kilometer kilometre")
    add("m", "0.0254", "in inch")
    add("m", "0.3048", "ft foot")
    add("m", "0.9144", "yd yard")
    add("m", "1609.344", "mi mile")
    add("s", "1", "s sec second")
    add("s", "1/1000", "ms millisecond")
    add("s", "60", "min minute")
    add("s", "3600", "h hr hour")
    add("s", "86400", "day")
    add("s", "604800", "week wk")
    add("year", "1", "year yr")
    add("month", "1", "month")
    add("g", "1", "g gram")
    add("g", "1/1000", "mg milligram")
    add("g", "1000", "kg kilogram")
    add("g", "1000000", "tonne")
    add("g", "453.59237", "lb pound")
    add("g", "28.349523125", "oz ounce")
    add("litre", "1", "l L liter litre")
    add("litre", "1/1000", "ml mL milliliter millilitre")
    add("gallon", "1", "gal gallon")
    add("quart", "1", "qt quart")
    add("newton", "1", "N newton")
    add("joule", "1", "J joule")
    add("joule", "1000", "kJ kilojoule")
    add("watt", "1", "W watt")
    add("watt", "1000", "kW kilowatt")
    add("volt", "1", "V volt")
    add("ampere", "1", "A ampere amp")
    add("ohm", "1", "ohm \u03a9 \\Omega")
    add("hertz", "1", "Hz hertz")
    add("hertz", "1000", "kHz")
    add("hertz", "1000000", "MHz")
    add("pascal", "1", "Pa pascal")
    add("pascal", "1000", "kPa")
    add("coulomb", "1", "C coulomb")
    add("tesla", "1", "T tesla")
    add("farad", "1", "F farad")
    add("kelvin", "1", "K kelvin")
    add("mole", "1", "mol mole")
    add("electronvolt", "1", "eV electronvolt")
    add("electronvolt", "1000000", "MeV")
    add("bit", "1", "bit")
    add("dollar", "1", "$ dollar usd USD buck")
    add("dollar", "1/100", "cent \u00a2")
    add("euro", "1", "\u20ac euro eur EUR")
    add("british pound", "1", "\u00a3 gbp GBP")
    add("yen", "1", "\u00a5 yen")
    add("rupee", "1", "\u20b9 rupee")
    add("degree", "1", "degree deg \u00b0")
    add("radian", "1", "radian rad")
    add("celsius", "1", "celsius")
    add("fahrenheit", "1", "fahrenheit")
    add("unit", "1", "unit")
    add("acre", "1", "acre")
    return units


_TABLE = _table()
_PLURALS = {"feet": "foot", "inches": "inch", "hrs": "h", "lbs": "lb", "mins": "min", "secs": "s", "henries": "henry"}
_PLURALS |= {"hertz": "hertz", "celsius": "celsius", "yrs": "yr"}
_SPEEDS = {"mph": ("mile", "hour"), "kph": ("km", "hour"), "kmh": ("km", "hour"), "fps": ("foot", "second")}
_POWER_WORDS = {"square": 2, "sq": 2, "cubic": 3, "cu": 3}
_POWERS_AFTER = {"squared": 2, "cubed": 3}
SINGLE = frozenset("mshgNJWVAKCFTlL")  # one letter that may be a unit; never i, e, x, y
_NO_UNIT_TEXT = """
    hundred thousand million billion trillion dozen half halves third thirds quarter quarters fourth fourths fifth
    fifths pi root sqrt factorial plus minus times over divided mod modulo base or and to by not no
    but if is are was isn't when where than more less most least because from so since then therefore wrong right
    correct incorrect maybe either neither nor about approximately infinity inf nan undefined sin cos tan log exp union cup cap
    with remainder point power would should instead hence thus import false true
"""
_NO_UNIT = frozenset(_NO_UNIT_TEXT.split())
_FILLERS = frozenset(("of", "a", "an", "the", "for", "in", "each"))
_PIECE = re.compile(r"(?P<word>[A-Za-z\u00c5\u212b\u03a9\u03bc]+|[%$\u00a2\u00b0\u20ac\u00a3\u00a5\u20b9]|\\Omega)|(?P<power>\^\{?(?P<exponent>-?\d)\}?)"
                    r"|(?P<slash>/)|(?P<open>\()|(?P<close>\))|(?P<skip>[ *.{}-]+)")  # fmt: skip
_WRAPPERS = re.compile(
    r"\\(?:text(?:rm|bf|it|normal|sf|tt|up)?|mbox|hbox|mathrm|mathbf|mathit|mathsf|operatorname|rm|si|unit) ?(?=\{)|\\(?:cdot|times|rm)(?![A-Za-z])"
)
_FRACTION = re.compile(r"\\frac ?\{((?:[^{}]|\{[^{}]*\})*)\} ?\{((?:[^{}]|\{[^{}]*\})*)\}")


@lru_cache(maxsize=8192)
def read_unit(tail: str) -> UnitOfMeasure | None:
    """The unit that a text is, or None. Every character has to be part of it."""
    if len(tail) > 90:
        return None
    text = _FRACTION.sub(r"\1/\2", tail.replace("\\circ", "\u00b0"))
    text = _WRAPPERS.sub(" ", text.replace("\\$", "$").replace("\\%", "%").replace("\\ ", " "))
    text = re.sub(r"\{([^{}]*)\}(?=\^)", r"(\1)", text)
    text = re.sub(r"([A-Za-z])\.(?=[A-Za-z ]|$)", r"\1", re.sub(r"\b([ap])\.m\.?", r"\1m", text))
    text = text.replace("right tri", "righttri").replace("right ang", "rightang")
    parts: list[tuple[str, int]] = []
    sign, waiting, position, group = 1, 1, 0, -1
    words = 0
    while position < len(text):
        match = _PIECE.match(text, position)
        if match is None:
            return None
        position = match.end()
        if match["skip"]:
            if "-" in match[0] and (not parts or position == len(text)):
                return None
        elif match["slash"]:
            sign = -1
        elif match["open"]:
            group = len(parts)
        elif match["close"]:
            if group < 0:
                return None
            if (power := re.match(r"\^\{?(\d)\}?", text[position:])) is not None:
                position += power.end()
                # m/s in round brackets is squared as a whole; \text{ m/s}^2 is written for m/s^2
                last = parts[-1:]
                parts[-1:] = [(name, exponent * int(power[1])) for name, exponent in last]
            group = -1
        elif match["power"]:
            if not parts:
                return None
            name, exponent = parts[-1]
            parts[-1] = (name, (1 if exponent > 0 else -1) * int(match["exponent"]) * abs(exponent))
        else:
            words += 1
            if words > MAX_WORDS:
                return None
            word = match["word"]
            lower = word.lower()
            if lower in _NO_UNIT:
                return None
            if lower in ("per",):
                sign = -1
            elif lower in ("percent", "percentage"):
                parts.append(("%", 1))
            elif lower in _POWER_WORDS:
                waiting = _POWER_WORDS[lower]
            elif lower in _POWERS_AFTER:
                if not parts:
                    return None
                name, exponent = parts[-1]
                parts[-1] = (name, exponent * _POWERS_AFTER[lower])
            elif lower in _SPEEDS:
                above, below = _SPEEDS[lower]
                parts += [(above, sign), (below, -sign)]
            elif lower in _FILLERS and not (lower == "in" and not parts):
                continue
            else:
                parts.append((word, sign * waiting))
                waiting = 1
                sign = 1 if sign == 1 else -1
    return _unit(parts) if parts else None


def _unit(parts: list[tuple[str, int]]) -> UnitOfMeasure | None:
    powers: dict[str, int] = {}
    size = Fraction(1)
    things: list[str] = []
    after_degree = False
    for word, exponent in parts:
        name = _name(word)
        if after_degree and word in ("C", "F", "c", "f"):
            name = "celsius" if word in ("C", "c") else "fahrenheit"
            powers.pop("degree", None)
        if name is None:
            lower = word.lower()
            if len(lower) == 1 and lower not in "%":
                return None
            lower = lower[:-1] if len(lower) > 3 and lower.endswith("s") else lower
            things.append(lower if exponent > 0 else f"per {lower}")
            after_degree = False
            continue
        base, factor = _TABLE[name]
        powers[base] = powers.get(base, 0) + exponent
        size *= factor**exponent
        after_degree = base == "degree"
    kept = tuple(sorted((base, power) for base, power in powers.items() if power))
    return UnitOfMeasure(kept, size, tuple(things))


def _name(word: str) -> str | None:
    """The name in the table that a word stands for; capitals matter in symbols, not in words."""
    if word in _TABLE:
        return word
    for form in (_PLURALS.get(word.lower(), ""), word.lower() if len(word) > 3 else ""):
        if form in _TABLE:
            return form
    singular = word.lower().removesuffix("s")
    return singular if len(singular) > 2 and singular in _TABLE else None
