"""Multiple choice: an answer judged by its letter, with or without the option behind it, or by the option alone.

    judge("C", ["10", "11", "12"], "(C) 12")     -> Outcome.SAME; so are "C", "c)", "Choice C", "\\text{(C) }12", "12" and "12.0"
    judge("C", ["10", "11", "12"], "(B) 11")     -> Outcome.DIFFERENT

The letter decides where there is one. A right letter beside another option's text, and a text that may be several options,
are undecided. Without a letter the answer is compared with every option by the one answer checker.
"""

from __future__ import annotations

import re
import string
from collections.abc import Sequence

from journey.answers import checker
from journey.answers.checker import Outcome

LETTERS = string.ascii_uppercase
_WRAPPED = re.compile(r"\\(?:text|textbf|textrm|textit|mathrm|mathbf|bf|rm|operatorname|boxed)\s*\{([^{}]*)\}")
_DROPPED = re.compile(r"\\[,;! ]|\\q?quad(?![A-Za-z])|[$*`~]")
_LETTER = re.compile(
    r"(?:the )?(?:correct |right )?(?:(?:answer|option|choice|letter)(?: is)?:? )?"
    r"(?:[(\[] ?(?P<in>[A-Za-z]) ?[)\]][.:]?|(?P<bare>[A-Za-z]) ?(?:[.:)](?=\W|\Z|\d| )|\Z))(?P<rest>.*)",
    re.IGNORECASE | re.DOTALL,
)


def judge(gold: str, options: Sequence[str], answer: str) -> Outcome:
    """Whether an answer names the gold letter's option. `options` may be empty where they are not known."""
    text = plain(answer)
    letter, rest = letter_of(text, len(options))
    named = _named(options, text)
    if letter is None:
        if named:
            return _one_of(gold, named)
        return _by_value(gold, options, text)
    if named and letter not in named:  # the text of one option is the letter of another
        return Outcome.UNDECIDED
    if letter != gold:
        return Outcome.DIFFERENT
    beside = _named(options, rest) if rest else []
    return Outcome.UNDECIDED if beside and letter not in beside else Outcome.SAME


def class_of(options: Sequence[str], answer: str) -> str:
    """One spelling of an answer, for votes: its letter, or that of the option that it spells out; else its text."""
    text = plain(answer)
    letter, _ = letter_of(text, len(options))
    if letter is None:
        named = _named(options, text) or _equal(options, text)[0]
        letter = named[0] if len(named) == 1 else None
    return letter or " ".join(text.casefold().split())


def plain(text: str) -> str:
    """A text without the marks around it: LaTeX's text commands, dollars, asterisks."""
    before = None
    while before != text:
        before, text = text, _WRAPPED.sub(r"\1", text)
    return " ".join(_DROPPED.sub(" ", text).split())


def letter_of(text: str, options: int) -> tuple[str | None, str]:
    """The letter that a plain text names, in upper case, and what stands behind it; None for a text without one."""
    match = _LETTER.fullmatch(text)
    if match is None:
        return None, text
    letter = (match["in"] or match["bare"]).upper()
    if letter not in LETTERS[: options or 10]:
        return None, text
    return letter, match["rest"].strip()


def _named(options: Sequence[str], text: str) -> list[str]:
    """The letters of the options that a text spells out."""
    wanted = _folded(text)
    return [LETTERS[index] for index, option in enumerate(options) if _folded(plain(option)) == wanted]


def _folded(text: str) -> str:
    return " ".join(text.casefold().split()).removesuffix(".")


def _equal(options: Sequence[str], text: str) -> tuple[list[str], bool]:
    """The letters of the options that a text equals by value, and whether all others are known to differ."""
    outcomes = [checker.compare(option, text) for option in options]
    same = [LETTERS[index] for index, outcome in enumerate(outcomes) if outcome is Outcome.SAME]
    return same, Outcome.UNDECIDED not in outcomes


def _by_value(gold: str, options: Sequence[str], text: str) -> Outcome:
    if not options:
        return Outcome.UNDECIDED
    same, clear = _equal(options, text)
    if same:
        return _one_of(gold, same)
    return Outcome.DIFFERENT if clear else Outcome.UNDECIDED


def _one_of(gold: str, letters: Sequence[str]) -> Outcome:
    if gold not in letters:
        return Outcome.DIFFERENT
    return Outcome.SAME if len(letters) == 1 else Outcome.UNDECIDED
