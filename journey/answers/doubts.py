"""Words of doubt and re-checks that find nothing: those of journeys, and more of them in the control arm `marker`.

A re-check computes a step's equation again, or backwards; the equation is read from the terse notation of the step,
never from its prose, and re-checked here before it is said to hold. The openers are of the kind that opens a notice in
a journey. The terse phrases use words that the embedded base's tokenizer has.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from random import Random

from journey.answers.equations import Equation, equations
from journey.answers.exact import NotANumber, evaluate

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
    "A second time, {e} = {x}, the same as before.", "{e} = {x}, so it holds.", "I get {x} for {e} again, so it stands.",
    "Doing {e} a second time gives {x} too.", "Yes, {e} is {x}.", "Nothing amiss there: {e} is {x}.",
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
    "Looking again, I find nothing wrong.", "It still holds on a second reading.", "Going over it changes nothing.",
)  # fmt: skip

BRIEF_AGAIN = ("check {e} = {x} right .", "wait check {e} = {x} right .", "check again {e} = {x} right .", "wait is {e} = {x} ? check right .",
               "wrong ? check {e} = {x} not wrong .")  # fmt: skip
BRIEF_BACKWARDS = ("wait check {b} = {a} right .", "check {b} = {a} so right .", "wrong ? check {b} = {a} right .",
                   "wait is {x} right ? check {b} = {a} right .")  # fmt: skip
BRIEF_PLAIN = ("wait . check again . right .", "wrong ? check again . right .")
_INVERSE = {"+": "-", "-": "+", "*": "/", "/": "*"}
_NUMBER = re.compile(r"(?:- )?\d+(?:\.\d+)?|\.\d+", re.ASCII)  # no fraction: `10 / 30 = 1 / 3`


def doubt(brief: str, rng: Random, openers: Sequence[str] = OPENERS) -> tuple[str, str]:
    """A doubt about a step and its re-check, in prose and in terse notation, from the step's terse notation.

    `openers` are the words that a doubt begins with; {x} is the step's value.
    """
    equation = last_equation(brief)
    if equation is None:
        return f"{rng.choice(PLAIN_OPENERS)} {rng.choice(PLAIN)}", rng.choice(BRIEF_PLAIN)
    slots = {"e": equation.left, "x": equation.right}
    back = backwards(equation)
    if back is not None and rng.random() < 0.5:
        slots |= {"b": back[0], "a": back[1]}
        phrase, terse = rng.choice(BACKWARDS), rng.choice(BRIEF_BACKWARDS)
    else:
        phrase, terse = rng.choice(AGAIN), rng.choice(BRIEF_AGAIN)
    prose = {name: _signed(text) for name, text in slots.items()}
    return f"{rng.choice(openers)} {phrase}".format(**prose).strip(), terse.format(**slots)


def last_equation(brief: str) -> Equation | None:
    """The last equation that the terse notation of a step states, if it holds exactly and its value is one number."""
    for equation in reversed(list(equations(brief, terse=True))):
        if equation.exact == equation.claimed and _NUMBER.fullmatch(equation.right):
            return equation
    return None


def backwards(equation: Equation) -> tuple[str, str] | None:
    """The calculation undone and what it gives, for one operation on two plain numbers: `16 - 1 = 15`, `15 + 1 = 16`."""
    if len(equation.tokens) != 3 or equation.claimed < 0:
        return None
    first, sign, second = equation.tokens
    undone = f"{equation.right} {_INVERSE[sign]} {second}"
    try:
        return (undone, first) if evaluate(undone) == Fraction(first) else None
    except NotANumber:  # 5 * 0 = 0 cannot be undone
        return None


def _signed(text: str) -> str:
    """Prose for terse words: a minus sign before a number that is no subtraction joins it, brackets close up."""
    prose, before = "", "("
    for word in text.split():
        unary = word == "-" and before in "(+-*/"
        joined = prose.endswith(("(", "~")) or word == ")" or not prose
        prose = prose.removesuffix("~") + ("" if joined else " ") + word + ("~" if unary else "")
        before = word
    return prose.removesuffix("~")
