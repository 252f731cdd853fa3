"""What is said where a data set names a mistake and nobody in it notices: no reason is made up that a reader could not see."""

from __future__ import annotations

NOTICES = (
    "Wait, that is not right.", "No, that step is wrong.", "Hold on, that cannot stay.", "Hmm, that was a mistake.",
    "That is wrong.", "No, this does not lead to the answer.", "I should not have done that.", "Not so fast: that is an error.",
)  # fmt: skip
LEADS_AWAY = (
    "No, this does not lead to the answer.", "I should not have done that.", "That is not the way.", "No, this gets me nowhere.",
    "Hold on, this is the wrong way.", "Hmm, that does not help.", "Wait, this leads away from it.", "That is no help here.",
)  # fmt: skip
"""Of a step whose equations all hold: it is not false, whatever a label says of where it leads."""
WRONG_ANSWERS = (
    "Wait, that answer is wrong.", "No, this is not the answer.", "Hmm, the answer cannot be that.", "That does not solve it.",
    "No, this attempt fails.", "No, that is the wrong answer.", "This attempt ends in a wrong answer.", "That is not it.",
)  # fmt: skip
ONE_STEP_BACK = (
    "Let me take that step again.", "Back to the step before.", "I go back one step.", "Let me redo it.",
    "Going back before that step.", "Another try at this step.", "Let me replace it.", "Once more from there.",
)  # fmt: skip
FROM_THE_START = (
    "Let me start again.", "Back to the beginning.", "I begin again.", "From the start.",
    "Let me go through it anew.", "Starting over.", "Once more from the beginning.", "I set this aside and start again.",
)  # fmt: skip
ANSWERS = (
    "The answer is \\boxed{%s}.", "So the answer is \\boxed{%s}.", "Therefore the answer is \\boxed{%s}.",
    "Final answer: \\boxed{%s}.",
)  # fmt: skip
