"""The narrator of slips: phrases drawn from the bank by the pair's own stream, in one style for both traces."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from fractions import Fraction

from journey.answers.doubts import doubt
from journey.answers.prose_numbers import show
from journey.generate.slips import phrases
from journey.generate.slips.checks import Reason

_LED = re.compile(
    r"(?:So|Then|Thus|Therefore|Hence|And|Finally|Next|Now|After that|First|Second|Third|Lastly)\b", re.IGNORECASE
)

AGAIN = "again"  # in place of a kind of mistake: the whole solution is begun again


class Voice:
    """One pair's way of speaking. `gap` separates paragraphs in both of its traces."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.gap = rng.choice(("\n", "\n", "\n\n"))
        self.plan = rng.choice(phrases.PLANS).rstrip()
        self.answer_form = rng.choice(phrases.ANSWERS)

    def step(self, text: str, joint: str, first: bool) -> str:
        """A step as it stands in the trace; the first one comes right after the plan, if there is one."""
        ended = _ended(text)
        if first:
            return f"\n{ended}" if self.plan else ended
        return (self.gap if "\n" in joint else joint) + ended

    def early(self, value: Fraction) -> str:
        """The claim that an intermediate result is the answer."""
        return self._joint() + self.rng.choice(phrases.EARLY_CLAIMS).format(x=show(value))

    def announce(self, name: str, *, first: bool) -> str:
        """What is to be worked out next, or `first`, without its value."""
        return self.rng.choice(phrases.ANNOUNCED_FIRST if first else phrases.ANNOUNCED).format(name=name)

    def notice(self, reason: Reason, delay: int) -> str:
        """Seeing the mistake: an opener and the reason."""
        slots = _filled(reason)
        openers: Sequence[str] = phrases.LATE_OPENERS if delay else phrases.OPENERS
        if "x" not in slots:  # there is no value to doubt
            openers = phrases.RETRY_OPENERS
        opener = self.rng.choice(openers).format(**slots)
        text = self.rng.choice(phrases.REASONS[reason.form]).format(**slots)
        return self._joint() + f"{opener} {_capital(text)}".strip()

    def backtrack(self, value: Fraction, later: Sequence[Fraction], delay: int, kind: str) -> str:
        """Going back; `later` are the wrong values that followed from the mistake."""
        shown = [show(each) for each in dict.fromkeys(later) if each != value]
        banks = {
            "early": phrases.EARLY_BACKTRACKS,
            "skipped": phrases.SKIPPED_BACKTRACKS,
            "retry": phrases.RETRY_BACKTRACKS,
            AGAIN: phrases.AGAIN_BACKTRACKS,
        }
        bank = banks.get(kind, phrases.BACKTRACKS)
        if delay and kind != AGAIN and (shown or not later):
            bank = phrases.LATE_BACKTRACKS if later else phrases.PLAIN_LATE_BACKTRACKS
        listed = shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}" if shown else ""
        return " " + self.rng.choice(bank).format(
            x=show(value), later=listed, is_are="is" if len(shown) == 1 else "are"
        )

    def recheck(self, brief: str, rng: random.Random) -> tuple[str, str]:
        """A doubt about a right step and a re-check that passes, in prose and terse; it begins as a notice does."""
        text, terse = doubt(brief, rng, phrases.OPENERS)
        return (self.gap if rng.random() < 0.7 else " ") + text, terse

    def correction(self, text: str, kind: str) -> str:
        """The step as it should have been."""
        bank = {
            "skipped": phrases.SKIPPED_CORRECTIONS,
            "early": phrases.EARLY_CORRECTIONS,
            "retry": phrases.RETRY_CORRECTIONS,
            AGAIN: phrases.AGAIN_CORRECTIONS,
        }
        return self._led(bank.get(kind, phrases.CORRECTIONS), text)

    def redo(self, text: str) -> str:
        """A later step, again, with the right value."""
        return self._led(phrases.REDOS, text)

    def answer(self, value: str) -> str:
        """The closing sentence with the box."""
        return self.answer_form.format(box=f"\\boxed{{{value}}}")

    def _led(self, bank: Sequence[str], text: str) -> str:
        lead = self.rng.choice(bank)
        if _LED.match(text):  # the sentence brings its own
            lead = ""
        return self.gap + lead + _ended(text)

    def _joint(self) -> str:
        return self.gap if self.rng.random() < 0.7 else " "


def _filled(reason: Reason) -> dict[str, str]:
    """The slots of a reason, with the capitalised and inflected forms that the phrases use."""
    slots = dict(reason.slots)
    for name in ("why", "fact", "need"):
        if name in slots:
            slots[name.capitalize()] = _capital(slots[name])
    return slots


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _ended(text: str) -> str:
    """A sentence with its end; a comma that the source ends in is none."""
    return text if text[-1] in ".!?:" else f"{text.rstrip(',; ')}."
