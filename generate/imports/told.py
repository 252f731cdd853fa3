"""Segments on their way into a tree and its two traces, and what is decided of each by computing.

Every step is looked through for equations. One that is false makes the step a checked mistake where it is taken back, and the
whole pair useless where it is not.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from journey.answers.equations import Equation
from journey.answers.steps import decidable_equations
from journey.schema import Arith, Check, Role, Verdict

CHECKED, LABELLED, UNVERIFIED = "checked:question", "labelled", "unverified"
REASONED: tuple[Role, ...] = ("step", "correction")


@dataclass(frozen=True)
class ToldSegment:
    """One segment of a journey: its role, its text, the gap before it, and how it is known to be what it is."""

    role: Role
    text: str
    gap: str = "\n\n"
    verdict: Verdict = "unknown"
    proof: str | None = None  # of mistakes
    kind: str | None = None
    claim: Arith | None = None
    truth: str | None = None
    check: Check | None = None
    reason: str | None = None
    added: bool = False  # written here, not by the source
    abandoned: bool = False  # right as it may be, the right path does not go through it


@dataclass
class EquationCount:
    """How many equations were read in a trace, and how many of them are false."""

    read: int = 0
    false: int = 0

    def add(self, found: Iterable[Equation]) -> None:
        """Count some more."""
        for each in found:
            self.read += 1
            self.false += not each.true


@dataclass(frozen=True)
class ToldJourney:
    """A journey before it is a tree: its segments, and the shortcut where it is not cut out of them."""

    segments: tuple[ToldSegment, ...]
    shortcut: tuple[ToldSegment, ...] | None = None
    ending: str | None = None
    rows: tuple[str, ...] = ()
    way: str = "cut"  # of the shortcut
    facts: dict[str, str | bool | None] = field(default_factory=dict)


def false_equation(text: str) -> Equation | None:
    """The first equation of a text that is false; arithmetic to another base or modulus is not judged."""
    return next((each for each in decidable_equations(text) if not each.true), None)


def decided(segment: ToldSegment) -> ToldSegment:
    """A mistake with the false equation that it states as its claim; any other segment as it is."""
    if segment.role != "mistake" or segment.claim is not None:
        return segment
    equation = false_equation(segment.text)
    if equation is None:
        return segment
    claim, truth = Arith(equation.left, str(equation.claimed)), str(equation.exact)
    return replace(segment, claim=claim, truth=truth, proof=CHECKED, verdict="wrong", kind="false equation")


def recomputed(claim: Arith) -> Check:
    """The check that a false equation fails and its right value passes: the calculation done again."""
    return Check("recompute", "x", "=", claim.expression)


def weakest(proofs: Sequence[str | None]) -> str | None:
    """The proof of a pair: that of its least known mistake."""
    order = (UNVERIFIED, LABELLED, CHECKED)
    return next((proof for proof in order if proof in proofs), None)
