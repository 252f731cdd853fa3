"""Words and letters of a choice compared. Words differ only where none of them could turn the meaning."""

from __future__ import annotations

import re
from collections.abc import Sequence

from journey.answers.comparing.numbers import compare_measured, is_number
from journey.answers.comparing.outcomes import Comparer, Judgement, Outcome, different, same, undecided
from journey.answers.reading.objects import Answer, Collection, LetterChoice, Measured, NamedAnswer, Prose
from journey.answers.reading.terms import Term
from journey.answers.reading.tokens import normal

_ARTICLES = frozenset(("a", "an", "the"))
_TURNS_TEXT = """
    not no nor neither either never none nobody without except but unless if instead rather than or and wrong incorrect false untrue
    cannot can't isn't aren't doesn't don't didn't won't hardly barely maybe perhaps possibly probably almost less fewer both versus before
    after ruled eliminated excluded impossible unlikely lowest least last slowest smallest
"""
_TURNS = frozenset(_TURNS_TEXT.split())
_VERBS = frozenset("is are was were has had wins won gets got will would makes made runs ran".split())
_NUMERAL_WORDS = frozenset(
    "zero one two three four five six seven eight nine ten eleven twelve twenty hundred half".split()
)


def compare_prose(gold: Answer, answer: Answer) -> Judgement:
    """Words against words, a letter or a number."""
    if isinstance(gold, Prose) and isinstance(answer, Prose):
        return _compare_words(gold.text, answer.text)
    if isinstance(gold, Prose) and isinstance(answer, LetterChoice) and not answer.sure:
        return undecided("words against a letter")
    if isinstance(gold, Prose) and isinstance(answer, Measured) and is_number(answer.term):
        if has_numeral(gold.text):
            return undecided("a number against words with a number")
        return different("a number is no name")
    return undecided("words against something else")


def compare_choices(gold: Answer, answer: Answer, comparer: Comparer) -> Judgement:
    """A letter of a choice against another, or against what may be one."""
    if isinstance(gold, LetterChoice) and isinstance(answer, LetterChoice):
        if gold.letter != answer.letter:
            return different("different letters")
        if gold.option and answer.option and normal(gold.option) != normal(answer.option):
            found = comparer.texts(gold.option, answer.option)
            if found.outcome is not Outcome.SAME:
                return undecided("the letter is the same, what stands behind it is not")
        return same("the same letter")
    option, other = (gold, answer) if isinstance(gold, LetterChoice) else (answer, gold)
    assert isinstance(option, LetterChoice)
    if isinstance(other, Measured) and not option.option and not option.sure:
        return compare_measured(*(_as_letter(side) for side in (gold, answer)))
    if isinstance(other, Collection) and all(isinstance(item, LetterChoice | Measured) for item in other.items):
        return (
            different("one letter against several")
            if all(isinstance(item, LetterChoice) for item in other.items)
            else undecided("letters")
        )
    if isinstance(other, NamedAnswer) and isinstance(other.value, LetterChoice):
        return comparer.judge(option, other.value)
    return undecided("a letter against something that is none")


def _as_letter(side: Answer) -> Answer:
    if isinstance(side, LetterChoice):
        return Measured(Term("var", name=side.letter))
    return side


def _words(text: str) -> list[str]:
    return [word for word in re.findall(r"[a-z0-9']+", text.lower()) if word not in _ARTICLES]


def has_numeral(text: str) -> bool:
    """Whether a number stands in words, in digits or spelled."""
    found = _words(text)
    return bool(set(found) & _NUMERAL_WORDS) or any(char.isdigit() for char in text)


def _compare_words(gold: str, answer: str) -> Judgement:
    left, right = _words(gold), _words(answer)
    if left == right:
        return same("the same words")
    if sorted(left) == sorted(right):
        return undecided("the same words in another order")
    for short, long_ in ((gold, answer), (answer, gold)):
        if _says(long_, _words(short)):
            return same("a sentence that says it")
    if set(left) & set(right) or not left or not right:
        return undecided("words in common")
    if {*left, *right} & _TURNS and max(len(left), len(right)) > 1:
        return undecided("words that turn a meaning")
    return different("other words")


def _says(sentence: str, wanted: Sequence[str]) -> bool:
    """Whether a sentence is "WANTED has ...", "... is WANTED" or "WANTED (with ...)", and turns nothing round."""
    if not 0 < len(wanted) <= 4 or set(wanted) & _TURNS:
        return False
    outside = re.sub(r"\([^()]*\)", " ", re.sub(r"\b[a-zA-Z]\([a-z]\)", "it", sentence))
    everything = _words(sentence)
    if set(everything) & _TURNS or "," in outside or len(everything) > 14:
        return False
    found = _words(outside)
    if found == list(wanted):
        return True
    if found[: len(wanted)] == list(wanted) and len(found) > len(wanted) + 1 and found[len(wanted)] in _VERBS:
        rest = re.findall(r"[A-Za-z']+", outside)[1:]
        return not any(word[0].isupper() and word.lower() not in wanted for word in rest)
    if len(found) > len(wanted) + 1 and found[-len(wanted) :] == list(wanted):
        return found[-len(wanted) - 1] in ("is", "are", "was", "were") and not set(found[: -len(wanted)]) & {
            "one",
            "two",
        }
    return False
