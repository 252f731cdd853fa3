"""Preference rows that go with a bundle: a chosen and a rejected answer to the problem of one of its pairs.

    {"pair_id": "21a0...", "chosen": "<think> ... \\\\boxed{61}", "rejected": "<think> ... \\\\boxed{44}", "policy": "..."}

One JSON object a line. `policy`, the model that wrote the answers, may be left out. The prompt is the pair's own.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from journey import views
from journey.errors import UsageError
from journey.formats.files import sha256
from journey.formats.folders import CuratedFolder
from journey.publish.bundle import provenance
from journey.schema import Pair
from journey.splits import SPLITS
from journey.views import View

_SHAPE = 'one object a line: {"pair_id": "...", "chosen": "...", "rejected": "...", "policy": "..."}'


class _Line(msgspec.Struct, forbid_unknown_fields=True):
    pair_id: str
    chosen: str
    rejected: str
    policy: str | None = None


class _PairId(msgspec.Struct):
    pair_id: str


@dataclass(frozen=True)
class Preference:
    """All preference rows, by pair; held in memory."""

    rows: dict[str, list[_Line]] = field(default_factory=dict)
    sha256: str = ""

    @property
    def policies(self) -> Counter[str]:
        """Answers by the model that wrote them."""
        return Counter(line.policy for lines in self.rows.values() for line in lines if line.policy)

    def of(self, pair: Pair, view: View) -> list[dict[str, Any]]:
        """The rows of a pair, as `columns.schema("preference", view)` wants them."""
        plain = view == "compact"
        prompt = views.prompt(pair.problem, view)
        turn = lambda text: f" {text}" if plain else [{"role": "assistant", "content": text}]
        return [
            {
                "id": f"{pair.pair_id}-preference-{number}",
                "prompt": prompt if plain else [{"role": "user", "content": prompt}],
                "chosen": turn(line.chosen),
                "rejected": turn(line.rejected),
                "answer": pair.problem.answer,
                "pair_id": pair.pair_id,
                "problem_id": pair.problem.id,
                "source": pair.problem.source,
                "licence": pair.problem.licence,
                "method": pair.method,
                "policy": line.policy,
            }
            for number, line in enumerate(self.rows.get(pair.pair_id, ()))
        ]


def read(path: Path, curated: CuratedFolder) -> Preference:
    """The rows of a file. Raises UsageError naming the line that is none, or whose pair the folder does not hold."""
    if not path.is_file():
        raise UsageError(f"no file {path}", f"give a .jsonl file, {_SHAPE}")
    decoder = msgspec.json.Decoder(_Line)
    rows: dict[str, list[_Line]] = {}
    first: dict[str, int] = {}
    with path.open("rb") as file:
        for number, text in enumerate(file, start=1):
            if not text.strip():
                continue
            try:
                line = decoder.decode(text)
            except msgspec.DecodeError as error:
                raise UsageError(f"{path}, line {number}: {error}", _SHAPE) from None
            rows.setdefault(line.pair_id, []).append(line)
            first.setdefault(line.pair_id, number)
    if not rows:
        raise UsageError(f"{path} is empty", _SHAPE)
    ids = msgspec.json.Decoder(_PairId)
    for split in SPLITS:
        for raw in provenance.lines(curated, split):
            first.pop(ids.decode(raw).pair_id, None)
    if first:
        pair, number = next(iter(first.items()))
        raise UsageError(
            f"{path}, line {number}: {curated.path} holds no pair {pair!r}", "give rows of pairs that it holds"
        )
    return Preference(rows, sha256(path))
