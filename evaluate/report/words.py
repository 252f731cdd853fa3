"""Verdicts in the words of the report, and the guide for readers who are no statisticians."""

from __future__ import annotations

from journey import numbers
from journey.evaluate.statistics.sizes import MIN_PROBLEMS, MIN_SEEDS
from journey.evaluate.statistics.verdict import BELOW
from journey.formats.scores import ArmScore
from journey.numbers import NOT_KNOWN

NO_DATA = "n = 0"
ONLY_THESE = "speaks of these adapters only"

PLAIN_WORDS = {
    "both below the untuned base": "Both arms are worse than the untuned base that they started from.",
    "floor": "Floor: both arms solve fewer than 5% of the problems, so this comparison says little.",
    "ceiling": "Ceiling: both arms solve more than 95% of the problems, so this comparison says little.",
    "mixed": "Mixed: significant differences point in opposite directions on different benchmarks.",
}

GUIDE = {
    "Accuracy": "the share of problems answered correctly. Missing, cut off and undecided answers count as wrong.",
    "95% interval": "the values that the data leave plausible, given two kinds of luck: which problems were asked, and "
    "how the training runs turned out.",
    "Points": "percentage points: from 40% to 45% is 5 points. A difference is the second arm minus the first.",
    "Margin": "the smallest difference that was said to matter, before anything was scored.",
    "p after Holm": "how surprising the difference would be if the arms were equally good, made stricter because "
    "several comparisons were made. 0.05 or less counts as shown.",
    "Detectable": "the smallest true difference, in points, that an experiment of this size finds 4 times out of 5, "
    "at the level that Holm asks of this comparison. Where it exceeds the margin, finding nothing means little.",
    "X better": "the difference is larger than luck explains: p after Holm is at most 0.05.",
    "Equal within the margin": "no arm is shown to be better, and the 90% interval of the difference lies inside the "
    "margin on both sides. Leaning to an arm: the 95% interval leaves out 0.",
    "Too small to tell": f"under {MIN_SEEDS} training seeds or {MIN_PROBLEMS} problems, or neither of the above could be "
    "shown. (Version 0.1 had 'no difference shown': a difference of the margin would probably have been seen.)",
    "Below the untuned base": "a description, no verdict: the arm's mean lies below the base's by more than the margin, and "
    "the test or every single run says so.",
    "Truncated": "the answer reached the cap of new tokens before it ended.",
    "Runs on": "most answers go on to a new problem behind their box, so that the last box is another problem's: the share "
    "that was right before that stands instead of the accuracy.",
    "Undecided": "the checker could not tell right from wrong; counted as wrong and shown apart.",
}


def accuracy(arm: ArmScore) -> str:
    """An arm's share of right answers; where most of them run on into a new problem, that share is no measure of it."""
    seen = arm.conduct
    if seen is None or seen.ran_on * 2 <= seen.answers:
        return numbers.percent(arm.accuracy)
    return f"{NOT_KNOWN} (runs on; {numbers.percent(seen.right_before / seen.ran_on)} right before)"


def plain_words(qualifier: str) -> str:
    """A qualifier of the verdict as a sentence that needs no glossary."""
    arm, below, where = qualifier.partition(f" {BELOW}")
    if qualifier not in PLAIN_WORDS and below:
        several = " and " in arm
        arms, verb = ("Both arms", "are") if arm == "both" else (arm, "are" if several else "is")
        return f"{arms} {verb} worse{where} than the untuned base that training started from."
    return PLAIN_WORDS.get(qualifier, qualifier)
