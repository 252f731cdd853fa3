"""The phrase banks of journeys whose steps a model proposed; those of a search and of matched journeys are taken from there.

%(s)s is a step's equations, %(t)s the target, %(r)s the numbers left, %(e)s a calculation, %(x)s what was written, %(v)s its value.
"""

from __future__ import annotations

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
ANSWERS = ("The answer is \\boxed{%s}.", "So the answer is \\boxed{%s}.", "Answer: \\boxed{%s}",
           "This gives \\boxed{%s}.")  # fmt: skip
