"""The phrase banks of journeys whose steps a model proposed; those of a search and of matched journeys are taken from there.

%(s)s is a step's equations, %(t)s the target, %(r)s the numbers left, %(e)s a calculation, %(x)s what was written, %(v)s its value,
%(w)s a calculation that was written in place of another.
"""

from __future__ import annotations

from journey.generate.attempts import phrases

DEAD_ENDS = tuple(
    each for each in phrases.DEAD_ENDS if not each.startswith("That ")
)  # no result was told that could be "that"
STEPS = ("%(s)s.", "So %(s)s.", "Then %(s)s.", "Next, %(s)s.", "That gives %(s)s.", "Now %(s)s.", "I get %(s)s.",
         "Here %(s)s.")  # fmt: skip
BACKS = ("Let me do that step again.", "Back to before that step.", "I take that back.", "So that step has to go.",
         "Let me undo it.", "I go back one step.", "Once more from there.", "That step again.")  # fmt: skip
LEAVES = ("Let me try something else here.", "I leave that and try another way.", "Another way from here.",
          "I set that aside.")  # fmt: skip
FOUND_WANTING = ("That does not look right.", "I do not trust that step.", "Something is off with that.",
                 "That step does not convince me.")  # fmt: skip
FAILS = ("From there I do not get to the answer.", "That way does not come out.", "Going on from there fails.",
         "That leads nowhere.")  # fmt: skip
ANOTHER_CALCULATION = (
    "It should be %(e)s there, not %(w)s, and that is %(v)s.", "Wait, not %(w)s: the step is %(e)s, which is %(v)s.",
    "Not %(w)s but %(e)s is needed, which is %(v)s.", "I wrote %(w)s where %(e)s belongs; that is %(v)s.",
    "Check: it is %(e)s = %(v)s that is asked for here, not %(w)s.", "No, %(e)s was to be worked out, not %(w)s. It is %(v)s.",
    "Hmm, I took %(w)s, and it is %(e)s: %(v)s.", "Reading again, this is %(e)s = %(v)s and not %(w)s.",
)  # fmt: skip
"""Of a step whose own equation is true: %(w)s is what it calculates, %(e)s what the question says of its quantity."""
ANSWERS = ("The answer is \\boxed{%s}.", "So the answer is \\boxed{%s}.", "Answer: \\boxed{%s}",
           "This gives \\boxed{%s}.")  # fmt: skip
