"""The first screen of the report as one record, which HTML, Markdown and terminal show.

All values are text that is ready to print and not yet escaped.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from journey.numbers import NOT_KNOWN


@dataclass(frozen=True)
class HeadlineRow:
    """One headline comparison: how the arms were matched, what each got right, and the verdict."""

    matching: str
    first: str  # with the policy that was chosen for it at equal test tokens
    second: str
    shares: tuple[str, str]  # of the first and of the second
    difference: str  # points, second minus first
    interval: str
    words: str
    tone: str  # as in `ComparedRow`

    @property
    def points(self) -> str:
        """The difference with its interval where there is one."""
        return self.difference if self.interval in ("", NOT_KNOWN) else f"{self.difference} ({self.interval})"


@dataclass(frozen=True)
class NextStep:
    """Something that would tell more: why, and the commands that do it, each as its words."""

    why: str
    commands: tuple[tuple[str, ...], ...]

    @property
    def lines(self) -> tuple[str, ...]:
        """The commands as they are pasted into a shell."""
        return tuple(map(shlex.join, self.commands))


@dataclass(frozen=True)
class FlippedSide:
    """One arm's answer to the flipped problem; `pieces` are stretches of its text with the kind of mark, "" for none."""

    run: str
    facts: str
    right: bool
    pieces: tuple[tuple[str, str], ...]

    @property
    def text(self) -> str:
        """The answer without its marks."""
        return "".join(text for _, text in self.pieces)


@dataclass(frozen=True)
class FlippedProblem:
    """A problem that one arm answers right and the other wrong, both answers side by side, the second arm's last."""

    heading: str
    question: str
    gold: str
    sides: tuple[FlippedSide, FlippedSide]


@dataclass(frozen=True)
class FirstScreen:
    """What a person must know who reads nothing else."""

    sentence: str  # who won, by how much, under which matching
    tone: str
    outcomes: tuple[HeadlineRow, ...]
    warnings: tuple[str, ...]
    trust: tuple[str, ...]
    cost: tuple[str, ...]
    steps: tuple[NextStep, ...] = ()
    where: str = ""  # from which folder the commands work
    flipped: FlippedProblem | None = None


TRUST, COST, STEPS = "Can it be trusted?", "What did it cost?", "What next?"
OUTCOME_HEADS = ("Matched", "Compared", "Right answers", "Points (95%)", "Verdict")
