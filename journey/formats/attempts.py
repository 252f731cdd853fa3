"""profile.json of a sample folder: who answered, how often they were right, and what their first mistakes are.

Rates leave out undecided answers. A mistake is *checked first* where a check proves it and all steps before it are decided.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar, Literal

import msgspec

from journey.formats.finetune import TemplateFile
from journey.formats.record import FileRecord
from journey.schema import Attempt, FirstMistake, Record

ATTEMPTS, ESTIMATES, PROBLEMS_FILE = "attempts", "estimates", "problems.jsonl"
Origin = Literal["setting", "model", "default"]


class EstimatedMistake(Record, frozen=True):
    """A line of estimates/NNNNN.jsonl: where an attempt that no check locates seems to go wrong, or that it cannot be told."""

    problem: str
    policy: str
    index: int
    prefix: int
    mistake: FirstMistake


def with_estimates(attempts: Iterable[Attempt], estimates: Iterable[EstimatedMistake]) -> Iterator[Attempt]:
    """The attempts, those of which a mistake was estimated with that mistake."""
    known = {(e.policy, e.problem, e.index, e.prefix): e.mistake for e in estimates}
    for attempt in attempts:
        mistake = known.get((attempt.policy, attempt.problem, attempt.index, attempt.prefix))
        yield attempt if mistake is None else msgspec.structs.replace(attempt, mistake=mistake)


def pass_rate(attempts: Iterable[Attempt]) -> float | None:
    """The share of right attempts among the decided ones drawn by chance and whole, to 4 places; None where none is decided."""
    drawn = [each for each in attempts if each.index >= 0 and not each.prefix and each.outcome != "undecided"]
    return round(sum(each.outcome == "correct" for each in drawn) / len(drawn), 4) if drawn else None


def rate_class(rate: float) -> str:
    """One word for how hard a problem is for a policy, by its pass rate."""
    return "never" if rate == 0 else "under half" if rate < 0.5 else "half or more" if rate < 1 else "always"


class PolicyInfo(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A model that answered. `weights` names its base's weights and `adapter_sha256` what was trained on top of them."""

    name: str  # as it stands in the attempts
    base: str  # without a path of the machine
    weights: str
    adapter_sha256: str | None
    view: str
    temperature: float
    top_p: float
    temperature_from: Origin  # given, the model's own generation settings, or neither
    top_p_from: Origin
    max_new_tokens: int
    shots: int = 0
    template: TemplateFile | None = None  # how the base's chat template is used, where that is not as it is


class PolicyProfile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one policy's attempts are like. Shares are of the attempts drawn by chance, the first k of each problem."""

    policy: PolicyInfo
    problems: int
    attempts: int
    right: int
    wrong: int
    no_answer: int
    undecided: int
    cut_off: int  # ended by the cap of new tokens
    pass_rate: float | None  # right of those that are decided; null: none is
    pass_rates: dict[str, int]  # problems by their pass rate: never, under a half, a half or more, always
    mixed: int  # problems with both right and wrong attempts
    greedy_right: int | None  # problems whose greedy answer is right
    kinds: dict[str, int]  # first mistakes of wrong attempts by kind, false equations also by how they are off
    located: dict[
        str, int
    ]  # wrong attempts by how their first mistake is known: checked first, checked, estimated, unlocated
    right_with_mistake: int  # right attempts that hold a checked mistake: no shortcuts
    usable: int  # problems with a clean right attempt and a wrong one whose first mistake is known
    usable_by_greedy: dict[str, int]  # those, and the others, by whether the greedy answer is right
    steps: dict[str, int] = {}  # places of first mistakes: the first step, a middle one, the last one
    loops: int = 0  # attempts that were cut off while they repeated themselves


class ProfileFile(FileRecord, frozen=True):
    """profile.json: one profile for each policy, in the order in which they were named."""

    FILE: ClassVar[str] = "profile.json"

    policies: tuple[PolicyProfile, ...]
    version: int = 1

    def of(self, policy: str) -> PolicyProfile:
        """The profile of a policy. Raises KeyError."""
        return {each.policy.name: each for each in self.policies}[policy]
