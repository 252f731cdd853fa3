"""The last resort: math-verify's word for two expressions that were not read here."""

from __future__ import annotations

import re

from journey.answers.comparing.outcomes import Judgement, same, undecided
from journey.answers.mathworker import SAME, WORKER

MAX_ASKED = 200  # characters of a text for math-verify
# What math-verify misreads or nobody can read: "5 6" would be 5 + 6, "5'" is 5, 50% is both 50 and 0.5, degrees are dropped,
# and so are indices of numbers; an equation or relation would be compared by its real solutions.
_UNSAFE = re.compile(
    r"[^\x20-\x7e]|['\"`@#$?:;%<>=]|\\(?:text|approx|circ|pmod|le|ge|ne|in|begin|pm|mp|mathrm|operatorname|cup|cap|setminus|log)(?![A-Za-z])|\d \d|\d[_\[]|\.\d+\.|/ ?\w+ ?[A-Za-z\\(]"
    r"|\\sqrt ?\d\d|\d\\frac\{-?\d|\d ?\(\d+/\d+\)|(?<![_^\d])\d+\{|(?<![\w}\]^_])\{|_\w_|,|\d{5}|\^ ?\{?[^{}]*\^|!|\\binom"
)
_BOUNDS = re.compile(r"(\\(?:sum|prod)) ?_ ?\{[a-z]=\d{1,3}\}")
_COMMAND = re.compile(r"\\(?:begin|end)\{[a-z]+\}|\\[A-Za-z]+")
_PLAIN_WORD = re.compile(r"[A-Za-z]{3,}")


def ask_math_verify(gold: str, answer: str, seconds: float, why: str) -> Judgement:
    """math-verify's word for two expressions that were not read here. It can say "same" alone: it proves no difference."""
    if seconds <= 0 or not (_is_safe(gold) and _is_safe(answer)):
        return undecided(why)
    verdict, _ = WORKER.ask(gold, answer, seconds)
    if verdict == SAME and _same_case(gold, answer):
        return same("math-verify finds them equal")
    return undecided(f"{why}; math-verify does not find them equal")


def _is_safe(text: str) -> bool:
    """Whether math-verify would read the whole text as one expression."""
    text = _BOUNDS.sub(r"\1", text)
    if len(text) > MAX_ASKED or "\\\\" in text or _UNSAFE.search(text) or not re.search(r"\w", _COMMAND.sub(" ", text)):
        return False
    if sum(map(text.count, "([{")) != sum(map(text.count, ")]}")):
        return False
    return not _PLAIN_WORD.search(_COMMAND.sub(" ", text))


def _same_case(gold: str, answer: str) -> bool:
    """Whether no variable is upper case in one text and lower case in the other; math-verify does not tell them apart."""
    found = [set(re.findall("[A-Za-z]", _COMMAND.sub(" ", text))) for text in (gold, answer)]
    differing = found[0] ^ found[1]
    return not any(letter.swapcase() in differing for letter in differing)
