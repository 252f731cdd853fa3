"""The phrase banks of matched journeys: one for all kinds of wrong steps. Banks that a search has are taken from there.

%(e)s is a calculation, %(x)s the value that was written, %(v)s the true one, %(t)s the target, %(r)s the numbers left.
"""

from __future__ import annotations

RECHECKS = (
    "Check: %(e)s, right.", "Let me check: %(e)s. Right.", "%(e)s, yes, that is right.", "Again: %(e)s. Good.",
    "Is that right? %(e)s. Yes.", "Checking, %(e)s. It holds.", "A second look: %(e)s, which is right.",
    "To be sure: %(e)s. Fine.",
)  # fmt: skip
RECOMPUTED = (
    "Wait, %(e)s is %(v)s, not %(x)s.", "Check: %(e)s = %(v)s, so %(x)s was wrong.", "No, %(e)s gives %(v)s and not %(x)s.",
    "Let me check %(x)s: %(e)s is %(v)s. That was a mistake.", "Hmm, %(e)s comes to %(v)s, not to %(x)s.",
    "I wrote %(x)s, but %(e)s = %(v)s.", "%(e)s is %(v)s; %(x)s was a slip.", "Computing again, %(e)s = %(v)s. Not %(x)s.",
)  # fmt: skip
DEAD_ENDS = (
    "So %(r)s cannot make %(t)s.", "No way from %(r)s to %(t)s.", "A dead end: %(t)s is out of reach of %(r)s.",
    "%(r)s give no %(t)s, whatever I do.", "%(r)s do not lead to %(t)s.", "Nothing from %(r)s gives %(t)s.",
    "That is not %(t)s, so %(r)s are no use.", "%(t)s is not to be had from %(r)s.",
)  # fmt: skip
ANOTHER_WAY = (
    "Let me try another way instead of %(r)s.", "I do not see %(t)s from %(r)s; another way.",
    "Perhaps another way reaches %(t)s sooner than %(r)s.", "I leave %(r)s for another way to %(t)s.",
)  # fmt: skip
TOO_HIGH = ("Too high.", "That is over %(t)s.", "No, that is more than %(t)s.", "Too much: %(t)s is wanted.",
            "That overshoots %(t)s.", "No, too big.", "Above %(t)s.", "Not that: it is past %(t)s.")  # fmt: skip
TOO_LOW = ("Too low.", "That is under %(t)s.", "No, that is less than %(t)s.", "Too little: %(t)s is wanted.",
           "That falls short of %(t)s.", "No, too small.", "Below %(t)s.", "Not that: it does not reach %(t)s.")  # fmt: skip
NOT_THE_TARGET = (
    "%(x)s is not %(t)s, so this is no way.", "But %(t)s is wanted, not %(x)s.", "Wait, that makes %(x)s and not %(t)s.",
    "%(x)s, where I need %(t)s: wrong.", "That ends at %(x)s instead of %(t)s.", "No: %(x)s is not %(t)s.",
    "Not %(t)s but %(x)s, so something was wrong.", "I need %(t)s and have %(x)s.",
)  # fmt: skip
