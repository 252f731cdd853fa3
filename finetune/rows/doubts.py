"""Words of doubt and re-checks that find nothing, for the control arm `marker`.

A re-check computes a step's equation again, or backwards; the equation is read from the terse notation of the step,
never from its prose, and re-checked here before it is said to hold. The openers are of the kind that opens a notice in
a journey. The terse phrases use words that the embedded base's tokenizer has.
"""

from __future__ import annotations

from fractions import Fraction
from random import Random
from typing import NamedTuple

from journey.answers.claims import evaluate

OPENERS = (
    "Wait.", "Hmm.", "Hold on.", "Hmm, {x}?", "Is {x} right?", "Wait, is that right?", "Does {x} make sense?",
    "Let me double-check that.", "Not so fast.", "One moment.", "Am I sure about {x}?", "Let me check that.",
    "I'm not sure about {x}.", "Could {x} be wrong?", "Let me look at that again.", "I want to verify {x}.",
    "Just to be safe, a second look.", "Actually, let me go over that once more.", "{x} looks suspicious.",
    "That was quick; is it right?", "A sanity check on {x}.", "Before I build on {x}, a check.", "Careful here.",
    "I'd better recompute {x}.", "Did I make a mistake there?", "Let me question that step.", "Hmm, let me see.",
    "Wait, let me redo this.", "I should test that {x}.", "Pausing on {x} for a second.",
)  # fmt: skip
PLAIN_OPENERS = tuple(opener for opener in OPENERS if "{x}" not in opener)
AGAIN = (
    "{e} is {x}, so that is right.", "{e} does come to {x}.", "Again, {e} gives {x}. Good.",
    "Once more, {e} = {x}, the same as before.", "{e} = {x}, so it holds.", "I get {x} for {e} again, so it stands.",
    "Doing {e} a second time gives {x} too.", "Yes, {e} is {x}.", "No mistake there: {e} is {x}.",
    "It checks out, {e} = {x}.", "Computed anew, {e} is still {x}.", "{e} makes {x}; nothing wrong with that.",
)  # fmt: skip
BACKWARDS = (
    "Going backwards, {b} = {a}, which is what I started from.", "{b} is {a}, so it fits.",
    "Undoing it, {b} gives {a}, as it should.", "In reverse, {b} comes back to {a}. Good.",
    "Working back from {x}, {b} is {a}, so {x} is right.", "{b} brings back {a}, so the step is fine.",
    "The other way round, {b} = {a}. It fits.", "From {x} back, {b} is {a}, as expected.",
)  # fmt: skip
PLAIN = (
    "I went through it again, and it holds.", "Reading the step once more, it follows.", "No, it is fine as it is.",
    "Looking again, I find nothing wrong.", "It still holds on a second reading.", "A second look changes nothing.",
)  # fmt: skip

BRIEF_AGAIN = ("wait check {e} = {x} right .", "check again {e} = {x} right .", "wait is {e} = {x} ? check right .",
               "wrong ? check {e} = {x} not wrong .")  # fmt: skip
BRIEF_BACKWARDS = ("wait check {b} = {a} right .", "check {b} = {a} so right .", "wrong ? check {b} = {a} right .",
                   "wait is {x} right ? check {b} = {a} right .")  # fmt: skip
BRIEF_PLAIN = ("wait . check again . right .", "wrong ? check again . right .")
_INVERSE = {"+": "-", "-": "+", "*": "/", "/": "*"}


class Equation(NamedTuple):
    """The last equation of a step: its left side as words, and its value."""

    left: tuple[str, ...]
    value: str


def doubt(brief: str, rng: Random) -> tuple[str, str]:
    """A doubt about a step and its re-check, in prose and in terse notation, from the step's terse notation."""
    equation = last_equation(brief)
    if equation is None:
        return f"{rng.choice(PLAIN_OPENERS)} {rng.choice(PLAIN)}", rng.choice(BRIEF_PLAIN)
    slots = {"e": " ".join(equation.left), "x": equation.value}
    back = backwards(equation)
    if back is not None and rng.random() < 0.5:
        slots |= {"b": " ".join(back.left), "a": back.value}
        said, terse = rng.choice(BACKWARDS), rng.choice(BRIEF_BACKWARDS)
    else:
        said, terse = rng.choice(AGAIN), rng.choice(BRIEF_AGAIN)
    prose = {name: _signed(text) for name, text in slots.items()}
    return f"{rng.choice(OPENERS)} {said}".format(**prose), terse.format(**slots)


def last_equation(brief: str) -> Equation | None:
    """The last equation with an operation in it that the terse notation of a step states, if it is true."""
    words = brief.split()
    for at in range(len(words) - 1, 0, -1):
        if words[at] != "=":
            continue
        start = at
        while start and _belongs(words[start - 1]):
            start -= 1
        left = tuple(words[start:at])
        value = _number(words[at + 1 :])
        if value is not None and any(word in _INVERSE for word in left[1:]) and _true(left, value):
            return Equation(left, value)
    return None


def backwards(equation: Equation) -> Equation | None:
    """The equation undone, for one operation on two plain numbers: `16 - 1 = 15` gives `15 + 1 = 16`."""
    if len(equation.left) != 3 or equation.left[1] not in _INVERSE or equation.value.startswith("-"):
        return None
    first, sign, second = equation.left
    undone = Equation((equation.value, _INVERSE[sign], second), first)
    return undone if _true(undone.left, undone.value) else None


def _belongs(word: str) -> bool:
    return word in "+-*/()" or _decimal(word)


def _decimal(word: str) -> bool:
    return word.replace(".", "", 1).isdigit() and word[-1] != "."


def _number(words: list[str]) -> str | None:
    """The number that words begin with; None for a fraction such as `1 / 3`."""
    sign = "- " if words[:1] == ["-"] else ""
    rest = words[1:] if sign else words
    if not rest or not _decimal(rest[0]) or rest[1:2] == ["/"]:
        return None
    return sign + rest[0]


def _true(left: tuple[str, ...], value: str) -> bool:
    try:
        return evaluate(" ".join(left)) == Fraction(value.replace(" ", ""))
    except ValueError:
        return False


def _signed(text: str) -> str:
    """Prose for terse words: a minus sign before a number that is no subtraction joins it, brackets close up."""
    said, before = "", "("
    for word in text.split():
        unary = word == "-" and before in "(+-*/"
        joined = said.endswith(("(", "~")) or word == ")" or not said
        said = said.removesuffix("~") + ("" if joined else " ") + word + ("~" if unary else "")
        before = word
    return said.removesuffix("~")
