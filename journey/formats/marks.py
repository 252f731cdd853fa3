"""The records that an unfinished folder keeps: its identity, and a mark for every shard that is there whole.

They stay in `.done/` of the finished folder, unlisted, so that a damaged file can be made again on its own. No other stage
reads them for a result.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, ClassVar

import msgspec

from journey.formats.record import FileRecord

DONE = ".done"


class Identity(FileRecord, frozen=True):
    """identity.json: what a folder is made from. A begun folder is gone on with only where this is the same."""

    FILE: ClassVar[str] = "identity.json"
    NEWER: ClassVar[frozenset[str]] = frozenset({"version"})

    stage: str
    config: dict[str, Any]
    inputs: dict[str, str]
    seed: int
    schema: int
    version: int = 1


class ShardMark(FileRecord, frozen=True):
    """.done/KEY.json: the hashes of a shard's files when it was whole, and what was counted then."""

    FILE: ClassVar[str] = "KEY.json"
    NEWER: ClassVar[frozenset[str]] = frozenset({"version"})

    files: dict[str, str]
    counts: dict[str, Any] = msgspec.field(default_factory=dict)
    version: int = 1


class Environment(FileRecord, frozen=True):
    """environment.json: versions, machine, place of the base and wall time of the call that finished the folder; never hashed."""

    FILE: ClassVar[str] = "environment.json"
    NEWER: ClassVar[frozenset[str]] = frozenset({"version", "base"})

    versions: dict[str, str]
    python: str
    machine: str
    system: str
    cores: int | None
    wall_seconds: float
    base: str | None = None  # where the base's folder lay, if the manifest has its label alone
    version: int = 1


class ServedTokens(msgspec.Struct, frozen=True):
    """What answers of one server used that ended for one reason."""

    server: str  # NAME@http://HOST/v1
    finish: str  # in the server's own word
    answers: int
    prompt_tokens: int
    completion_tokens: int


class ServersUsed(FileRecord, frozen=True):
    """servers.json: the answers that servers gave for a folder, parity checks included, and what they cost; never hashed.

    All calls of the command count together, and of answers that were asked for again each one. Where a server tells no
    tokens, they count as many as they can be.
    """

    FILE: ClassVar[str] = "servers.json"

    used: tuple[ServedTokens, ...]
    cost: float | None = None  # in the currency of the prices; null without prices
    version: int = 1

    def in_words(self) -> str:
        """One line: answers, tokens, cost, and reasons to end other than that the model was done."""
        answers, prompt, completion = (
            sum(getattr(one, name) for one in self.used) for name in ("answers", "prompt_tokens", "completion_tokens")
        )
        reasons = Counter[str]()
        for one in self.used:
            reasons[one.finish] += one.answers if one.finish != "stop" else 0
        others = "".join(f", {count:,} ended with {name!r}" for name, count in sorted(reasons.items()) if count)
        cost = "" if self.cost is None else f", cost {self.cost:.4g}"
        return (
            f"servers gave {answers:,} answers: {prompt:,} tokens of prompts, {completion:,} of answers{cost}{others}"
        )


class Timing(FileRecord, frozen=True):
    """timing.json: seconds that were measured; never hashed, and no stage reads them for a result.

    generate and curate: `seconds` in all and `pairs_per_second`. finetune: `seconds` by run. evaluate: `seconds_per_problem`
    and `seconds_per_sample` by folder of samples, the latter in the order of its files.
    """

    FILE: ClassVar[str] = "timing.json"
    NEWER: ClassVar[frozenset[str]] = frozenset(
        {"seconds", "pairs_per_second", "seconds_per_problem", "seconds_per_sample", "version"}
    )

    seconds: float | dict[str, float] | None = None
    pairs_per_second: float | None = None
    seconds_per_problem: dict[str, float] | None = None
    seconds_per_sample: dict[str, list[float]] | None = None
    version: int = 1
