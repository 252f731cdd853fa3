"""Preference rows that go with a bundle: a chosen and a rejected answer to the problem of one of its pairs.

    {"pair_id": "21a0...", "chosen": "<think> ... \\\\boxed{61}", "rejected": "<think> ... \\\\boxed{44}", "policy": "..."}

A file of any kind that `journey.tables` reads. `policy`, the model that wrote the answers, may be left out or null. The
prompt is the pair's own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from journey import views
from journey.errors import UsageError
from journey.formats.folders import CuratedFolder
from journey.publish.bundle import provenance
from journey.schema import Pair
from journey.splits import SPLITS
from journey.tables.cells import Unusable, text_of
from journey.tables.source import digest, locate, raw_rows
from journey.views import View

_SHAPE = 'a row looks like {"pair_id": "...", "chosen": "...", "rejected": "...", "policy": "..."}'


class _Line(msgspec.Struct):
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
    source = locate(str(path))
    rows: dict[str, list[_Line]] = {}
    first: dict[str, str] = {}
    for where, row in raw_rows(source):
        line = _line(row, f"{path}, {where}")
        rows.setdefault(line.pair_id, []).append(line)
        first.setdefault(line.pair_id, where)
    if not rows:
        raise UsageError(f"{path} holds no rows", _SHAPE)
    ids = msgspec.json.Decoder(_PairId)
    for split in SPLITS:
        for raw in provenance.lines(curated, split):
            first.pop(ids.decode(raw).pair_id, None)
    if first:
        pair, where = next(iter(first.items()))
        raise UsageError(f"{path}, {where}: {curated.path} holds no pair {pair!r}", "give rows of pairs that it holds")
    return Preference(rows, digest(source))


def _line(row: Mapping[str, Any], where: str) -> _Line:
    """A row of the file; null is missing, and what is text is told as everywhere. Answers keep the blanks around them."""
    given = {name: value for name, value in row.items() if value is not None}
    for name in given:
        if name not in _Line.__struct_fields__:
            raise UsageError(f"{where}: unknown field {name!r}", _SHAPE)
    try:
        read = {name: text_of(value, name, name) for name, value in given.items()}
    except Unusable as unusable:
        raise UsageError(f"{where}: {unusable.detail}", _SHAPE) from None
    for name in ("pair_id", "chosen", "rejected"):
        if not read.get(name):
            raise UsageError(f"{where}: no field {name!r} (fields: {', '.join(map(str, row)) or 'none'})", _SHAPE)
    return _Line(**{name: given[name] if isinstance(given[name], str) else text for name, text in read.items()})
