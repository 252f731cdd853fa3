"""The phrase banks of a narrated search: banks of phrases, each a choice made anew per step by the pair's own stream.

Placeholders: %(e)s an equation, %(r)s the numbers left, %(s)s those gone back to, %(t)d the target, %(c)d a result and
%(d)d its distance to the target. A bank has a power of two of entries, so that a choice is a
few random bits; a phrase that stands twice is twice as frequent.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

Bank = tuple[str, ...]
Cut = tuple[str, ...]  # a phrase cut at its %(..)s placeholders

PLANS = (
    "I need %(t)d from %(s)s, each used once.",
    "The numbers are %(s)s and the goal is %(t)d.",
    "Goal: %(t)d. Numbers: %(s)s.",
    "Let me look for a way from %(s)s to %(t)d.",
    "So %(s)s have to give %(t)d, with every number used.",
    "We have %(s)s and want %(t)d.",
    "%(t)d is wanted, and there are %(s)s to work with.",
    "Let me see how %(s)s can be combined into %(t)d.",
)
_TRIES = (
    "Try %(e)s, which leaves %(r)s.",
    "Say %(e)s; that leaves %(r)s.",
    "Take %(e)s, leaving %(r)s.",
    "Suppose %(e)s. Now there are %(r)s.",
    "With %(e)s the numbers left are %(r)s.",
    "Let me do %(e)s, so %(r)s remain.",
    "How about %(e)s? Then %(r)s are left.",
    "%(e)s gives me %(r)s to go on with.",
    "Consider %(e)s, with %(r)s left over.",
    "Combine: %(e)s. Left: %(r)s.",
    "What about %(e)s, keeping %(r)s?",
    "If %(e)s, then %(r)s remain.",
    "One option is %(e)s, and then there are %(r)s.",
    "Let me go for %(e)s; %(r)s are left.",
    "Let me take %(e)s. What remains is %(r)s.",
    "Using %(e)s, I have %(r)s.",
)

# Last steps: what follows the equation.
_LOWS = (" is too low.", " falls short.", ", too small.", " is below %(t)d.", ": not enough.", ", short of %(t)d.",
         " does not reach %(t)d.", ", which is less than %(t)d.")  # fmt: skip
_HIGHS = (" is too high.", " overshoots.", ", too big.", " is above %(t)d.", ": too much.", ", over %(t)d.",
          " is more than %(t)d.", ", which is past %(t)d.")  # fmt: skip
_HITS = (", which is the target.", ", and that does it.", ". That is it.", ", exactly what was asked for.",
         " hits the target.", ", as wanted.", ", and there it is.", ", the number I need.")  # fmt: skip

# Last steps that are mistakes, since the two numbers can make the target: asked first, then noticed.
LAST_TRIES = ("%(e)s?", "%(e)s?", "Maybe %(e)s?", "Is it %(e)s?", "Perhaps %(e)s.", "There is %(e)s.",
              "I could do %(e)s.", "Let me see: %(e)s.")  # fmt: skip
LAST_OPENINGS = ("", "", "", "", "No, ", "Nope, ", "Hmm, ", "Not quite: ", "Ah, ", "Well, ", "Not that: ", "But ",
                 "Sadly, ", "Not yet: ", "Hm, no: ", "Sorry, ")  # fmt: skip
LAST_LOW = ("too low", "too little", "that is under %(t)d", "that falls short of %(t)d", "%(c)d is below %(t)d",
            "%(c)d is less than %(t)d", "that is not enough", "that is %(d)d less than I need")  # fmt: skip
LAST_HIGH = ("too high", "too much", "that is over %(t)d", "that overshoots %(t)d", "%(c)d is above %(t)d",
             "%(c)d is more than %(t)d", "that is past %(t)d", "that is %(d)d more than I need")  # fmt: skip

# Dead ends: an opening, what was found, perhaps why size rules the rest out, and what follows from it.
_CRIES = ("No luck: ", "Hmm, ", "Not this way: ", "That fails: ", "Right, ", "This goes nowhere: ", "Stuck: ", "Well, ",
          "A dead end: ", "Nothing here: ", "No good: ", "Ah, ", "OK, ", "Nope, ", "Sadly, ", "Checked: ",
          "Not it: ", "Too bad: ", "Hm, no: ", "Wrong way: ", "It fails: ", "Not here: ")  # fmt: skip
_LINKS = ("So ", "I see that ", "Then ", "It turns out that ", "As it stands, ", "Evidently ", "Which means ",
          "That means ", "I conclude that ", "Now I know that ")  # fmt: skip
CRIES = (*[""] * 10, *_CRIES)  # before a reason
OPENINGS = (*[""] * 6, *_CRIES[:16], *_LINKS)  # before a finding
_FINDINGS = (
    "%(r)s cannot make %(t)d",
    "there is no way from %(r)s to %(t)d",
    "%(t)d is out of reach from %(r)s",
    "nothing made from %(r)s gives %(t)d",
    "with %(r)s I cannot get %(t)d",
    "%(r)s won't turn into %(t)d",
    "no combination of %(r)s equals %(t)d",
    "%(t)d does not come out of %(r)s",
    "this branch, with %(r)s, has no %(t)d in it",
    "%(t)d cannot be made from %(r)s",
    "%(r)s do not lead to %(t)d",
    "there is no %(t)d to be had from %(r)s",
    "from %(r)s I cannot get to %(t)d",
    "I cannot turn %(r)s into %(t)d",
    "the target %(t)d is not within reach of %(r)s",
    "%(t)d is beyond what %(r)s can give",
)
_ALL_TOLD = (
    *_FINDINGS[:4],
    *_FINDINGS[12:14],
    "nothing is left to try from %(r)s",
    "every way on from %(r)s has failed",
    "no move from %(r)s leads to %(t)d",
    "whatever I do with %(r)s, it never ends at %(t)d",
    "I have been through everything that %(r)s can give",
    "all that can be done with %(r)s misses %(t)d",
    "none of the ways on from %(r)s ends at %(t)d",
    "this was all I could do with %(r)s",
    "the possibilities of %(r)s are used up",
    "each way to combine %(r)s misses %(t)d",
)
# The target is above both numbers, or not above the larger one: then half of the operations cannot reach it.
_ONLY_LOWER = (
    "subtracting only goes down",
    "a difference is below %(t)d anyway",
    "taking one from the other gives less than %(t)d",
    "with - it only gets smaller",
)
_ONLY_LOWER_DIVIDING = (
    "subtracting or dividing only goes down",
    "a difference or a quotient is below %(t)d anyway",
    "with - or / it only gets smaller",
    "taking away or dividing gives less than %(t)d",
)
_ONLY_HIGHER = (
    "adding or multiplying only goes up",
    "a sum or a product is over %(t)d anyway",
    "adding or multiplying gives more than %(t)d",
    "with + or * it only gets larger",
)
WRONG_CLOSES = (".", ".", ".", ".", ", so this step was wrong.", ", so that choice was a mistake.", ", so I drop this.",
                ", which rules this step out.")  # fmt: skip
FORCED_CLOSES = (".", ".", ".", ".", ".", ", so this goes no further.", ", so I drop this.", ", which ends this try.")

_BACKS = (
    "Back to %(s)s.",
    "I go back to %(s)s.",
    "Return to %(s)s.",
    "So back up to %(s)s.",
    "Once more from %(s)s.",
    "That takes me back to %(s)s.",
    "Let me step back to %(s)s.",
    "Let me return to %(s)s.",
)
_UNDO = (
    "Undo that: %(s)s again.",
    "Let me undo it and return to %(s)s.",
    "I undo that and have %(s)s again.",
    "So I undo it: %(s)s once more.",
)
_RESTART = (
    "Start again from %(s)s.",
    "From the top: %(s)s.",
    "Back to the numbers given: %(s)s.",
    "Let me start over with %(s)s.",
)
# A branch left while it is open, because something nearer to the target waits elsewhere.
_TURNS = (
    "That can wait; there is something nearer from %(s)s.",
    "Leave that open for now and look at %(s)s again.",
    "Before going on there, something nearer from %(s)s.",
    "I keep that in mind and return to %(s)s.",
    "First a nearer one from %(s)s.",
    "Put that aside for now, and back to %(s)s.",
    "For now another way from %(s)s looks closer.",
    "Let me hold that and go on from %(s)s.",
)
# A beam: the next candidate of the same numbers, or the next numbers that were kept.
_BESIDES = (
    "Another way from %(s)s.",
    "Keep that, and see what else %(s)s offer.",
    "Next candidate from %(s)s.",
    "Also from %(s)s.",
    "That is one option; back to %(s)s for another.",
    "What else do %(s)s allow?",
    "I note that one and look again at %(s)s.",
    "More from %(s)s.",
)
_NEXTS = (
    "Now on from %(s)s.",
    "Next, take up %(s)s.",
    "Go on with %(s)s.",
    "Now %(s)s.",
    "Let me take %(s)s further.",
    "The next ones I kept are %(s)s.",
    "On to %(s)s.",
    "Now let me look at %(s)s.",
)
# A pruned search leaves a branch that it has not refuted.
GIVE_UPS = (
    "What is left to try from %(r)s is too far from %(t)d; back to %(s)s.",
    "The rest from %(r)s looks too far off, so I return to %(s)s.",
    "I do not follow %(r)s further, since the rest is far from %(t)d. Back to %(s)s.",
    "From %(r)s the other results are far from %(t)d, so I leave that and return to %(s)s.",
)
ANSWERS = (
    "The answer is \\boxed{%s}.",
    "So one expression is \\boxed{%s}.",
    "Answer: \\boxed{%s}",
    "This gives \\boxed{%s}.",
)


def _cut(bank: Bank) -> tuple[Cut, ...]:
    return tuple(tuple(re.split(r"%\([ers]\)s", phrase)) for phrase in bank)


TRIES, BACKS = _cut(_TRIES), _cut(_BACKS)
BACKS_UP, BACKS_TO_START = _cut((*_BACKS, *_BACKS[:4], *_UNDO)), _cut((*_BACKS, *_UNDO, *_RESTART))
TURNS, BESIDES, NEXTS = _cut(_TURNS), _cut(_BESIDES), _cut(_NEXTS)


def capital(text: str) -> str:
    """The text as the beginning of a sentence."""
    return text[:1].upper() + text[1:]


class Spoken(NamedTuple):
    """The banks with a target filled in. Findings are cut at the numbers they speak of."""

    lows: Bank
    highs: Bank
    hits: Bank
    findings: tuple[Cut, ...]
    all_told: tuple[Cut, ...]
    only_lower: Bank
    only_lower_dividing: Bank
    only_higher: Bank


@lru_cache(maxsize=1024)
def spoken(target: int) -> Spoken:
    """The banks for one target, made once."""
    banks = (_LOWS, _HIGHS, _HITS, _FINDINGS, _ALL_TOLD, _ONLY_LOWER, _ONLY_LOWER_DIVIDING, _ONLY_HIGHER)
    filled = [tuple(phrase.replace("%(t)d", str(target)) for phrase in bank) for bank in banks]
    lows, highs, hits, findings, all_told, *reasons = filled
    return Spoken(lows, highs, hits, _cut(findings), _cut(all_told), *reasons)
