"""Words of the question that a notice can quote, and what a step counts."""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache

from journey.generate.slips.calculations import Calculation, SolutionStep

MAX_WORDS = 22
SHORT = 13  # words of a sentence that is quoted whole; a longer one is cut at a clause
_SENTENCE = re.compile(
    r"(?<!\bMr\.)(?<!\bMs\.)(?<!\bDr\.)(?<!\bSt\.)(?<!\bMrs\.)(?<!\b[A-Z]\.)(?<=[.!?])\s+(?=[A-Z\"$\d])|\n+"
)
_CLAUSE = re.compile(r",\s+(?:and |but |then |so |while )?|;\s+|:\s+|\s+(?:and|but|while)\s+(?=\w+\s+\w+\s+\w+)")
_COUNTABLE = """
apples bags balls balloons bananas beads bicycles bikes birds books bottles bowls boxes boys bracelets bricks
buckets buses butterflies cakes candies candles cards cars cats chairs chickens children clips coins cookies
cows crayons cupcakes cups dogs dolls donuts doors ducks eggs employees envelopes erasers families fish fishes
flowers frogs games girls goats guests hats horses houses jars jobs kids kittens lambs lamps letters lollipops
magazines marbles men muffins necklaces notebooks oranges pages paintings passengers patients pears pencils pens
people phones photos pictures pigs pieces players plants plates problems puppies puzzles questions rabbits
ribbons roses seashells seats seeds shells sheep shirts shoes socks stamps stickers stones students tables
teachers teams tents tickets tomatoes toys trees trucks tulips vehicles visitors windows women words workers
"""
COUNTABLE = frozenset(_COUNTABLE.split())
"""Things that come in whole numbers, more certainly than minutes, miles or servings do."""


_SAID = {
    "+": r"more|total|altogether|in all|together|sum|plus|add(?:s|ed|ing|itional)?|combined|both|another|extra|older|taller"
    r"|longer|heavier|higher|larger|increas\w+|rais\w+|gains?|gained|overall|bonus|tip|fee|tax|brings?|grew",
    "-": r"left|remain\w*|fewer|less|subtract\w*|minus|differ\w+|younger|shorter|lighter|lower|gave|gives?|given|giving|away"
    r"|spen[dt]\w*|lost|loses?|losing|ate|eats?|eaten|sold|sells?|us(?:ed|es)|rest|decreas\w+|discount\w*|off|took|takes?|taken"
    r"|remov\w+|broke|broken|donat\w+|threw|died?|without|change|return\w*|paid|pays?|reduc\w+|drop\w*",
    "*": r"each|every|per|times|twice|thrice|double\w*|triple\w*|quadruple\w*|multipl\w+|an hour|a day|a week|a month|a year"
    r"|hourly|daily|weekly|monthly|yearly|a piece|apiece|percent|half|thirds?|quarters?|fourths?|fifths?|product|dozen\w*",
    "/": r"half|third|quarter|fourth|fifth|sixth|seventh|eighth|ninth|tenth|split\w*|divid\w+|shar\w+|equal\w*|each|every|average"
    r"|mean|per|even|evenly|apiece|ratio|cut|groups?|packs?|times|twice|double|distribut\w+|halves|pieces",
}
_SAYS = {sign: re.compile(rf"\b(?:{words})\b", re.IGNORECASE) for sign, words in _SAID.items()}


def says(quote: str, signs: Collection[str]) -> bool:
    """Whether words of a quote call for each of these operations."""
    return all(_SAYS[sign].search(quote) or (sign == "*" and "%" in quote) for sign in signs)


@lru_cache(maxsize=4096)
def sentences(question: str) -> tuple[tuple[int, int], ...]:
    """Where the sentences of a text stand."""
    spans, start = [], 0
    for gap in _SENTENCE.finditer(question):
        spans.append((start, gap.start()))
        start = gap.end()
    spans.append((start, len(question)))
    return tuple((a, b) for a, b in spans if question[a:b].strip())


def clause(question: str, span: tuple[int, int]) -> tuple[str, tuple[int, int]] | tuple[None, None]:
    """A short stretch of the question around `span`, cut at a clause boundary, that can be quoted as it stands."""
    for start, end in sentences(question):
        if not (start <= span[0] and span[1] <= end):
            continue
        if len(question[start:end].split()) <= SHORT:
            return _quotable(question, start, end)
        cuts = [start]
        for gap in _CLAUSE.finditer(question, start, end):
            if gap.end() <= span[0] or gap.start() >= span[1]:
                cuts += [gap.start(), gap.end()]
        cuts.append(end)
        pieces = list(zip(cuts[::2], cuts[1::2], strict=True))
        left, right = next((a, b) for a, b in pieces if a <= span[0] and span[1] <= b)
        if len(question[left:right].split()) < 4:
            left, right = start, end
        return _quotable(question, left, right)
    return None, None


def asked(question: str) -> tuple[str, tuple[int, int]] | tuple[None, None]:
    """The last sentence with a question mark, or its end after a comma, with its span; (None, None) if it is no quote."""
    for start, end in reversed(sentences(question)):
        if "?" in question[start:end]:
            quoted = _quotable(question, start, end)
            if quoted[0] is None and "," in question[start:end]:
                quoted = _quotable(question, start + question[start:end].rindex(",") + 1, end)
            return quoted
    return None, None


def _quotable(question: str, start: int, end: int) -> tuple[str, tuple[int, int]] | tuple[None, None]:
    while start < end and question[start] in " \t,;:":
        start += 1
    while end > start and question[end - 1] in " \t,;:.":
        end -= 1
    text = question[start:end]
    if '"' in text or "\n" in text or not 2 <= len(text.split()) <= MAX_WORDS:
        return None, None
    return text, (start, end)


def count_noun(question: str, step: SolutionStep, equation: Calculation, final: bool) -> str | None:
    """What the result counts, if it is things that come in whole numbers: `12 clips`, or `How many clips ...?`."""
    if equation.result is not None:
        after = step.text[step.numerals[equation.result].end :]
        for word in re.findall(r"[a-z]+", after.split(".")[0])[:2]:
            if word in COUNTABLE:
                return word
    if final:
        match = re.search(
            r"[Hh]ow many (?:(?:more|fewer|total|of the|different) )?(?:[a-z]+ )?([a-z]+)", asked(question)[0] or ""
        )
        if match:
            words = match.group().split()
            return next((word for word in words if word in COUNTABLE), None)
    return None
