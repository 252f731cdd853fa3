"""Facts about units that a solution uses without saying: 60 minutes in an hour, 7 days in a week."""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache

# constant -> (what it is mistaken for, words that must all occur near it, the fact)
FACTS: dict[int, tuple[tuple[int, str, str], ...]] = {
    60: ((100, "hours? minutes?", "an hour has 60 minutes"), (100, "minutes? seconds?", "a minute has 60 seconds")),
    24: ((12, "days? hours?", "a day has 24 hours"),),
    7: ((5, "weeks?|weekly days?|daily", "a week has 7 days"),),
    12: (
        (10, "months?|monthly years?|yearly|annual|annually", "a year has 12 months"),
        (10, "dozens?", "a dozen is 12"),
        (10, "feet|foot inch|inches", "a foot has 12 inches"),
    ),
    52: ((50, "weeks?|weekly years?|yearly|annual|annually", "a year has 52 weeks"),),
    16: ((12, "ounces?|oz pounds?|lbs?", "a pound has 16 ounces"),),
    365: ((360, "days?|daily years?|yearly", "a year has 365 days"),),
    100: ((10, "cents? dollars?", "a dollar has 100 cents"), (10, "centimeters?|cm meters?|m", "a meter has 100 cm")),
    1000: (
        (100, "grams?|g kilograms?|kg|kilos?", "a kilogram has 1000 grams"),
        (100, "milliliters?|ml liters?", "a liter has 1000 milliliters"),
        (100, "meters?|m kilometers?|km", "a kilometer has 1000 meters"),
    ),
    3: ((4, "yards? feet|foot", "a yard has 3 feet"),),
    4: ((3, "quarts? gallons?", "a gallon has 4 quarts"), (3, "quarters? dollars?", "a dollar has 4 quarters")),
}
"""Written so that all the words (alternatives joined by |) must occur for a number to be taken for this fact."""


def facts(value: Fraction, context: str) -> list[tuple[int, str]]:
    """The facts that a number may stand for in this context: (what it is mistaken for, the fact in words)."""
    if value.denominator != 1:
        return []
    rows = FACTS.get(int(value), ())
    return [(wrong, fact) for wrong, words, fact in rows if all(_said(word, context) for word in words.split())]


@lru_cache(maxsize=4096)
def _said(word: str, context: str) -> bool:
    return re.search(rf"\b(?:{word})\b", context, re.IGNORECASE) is not None
