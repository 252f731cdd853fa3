"""The ledger and the funnel: one line for every dropped pair, and counts in which rows in = kept + dropped."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from journey.curate.item import Drop, Item
from journey.formats.curation import FunnelFile, FunnelRule, FunnelTotals, LedgerLine
from journey.formats.files import json_lines


def ledger_line(item: Item, rule: str, drops: list[Drop]) -> LedgerLine:
    """The line of a pair and everything one rule has against it."""
    first, pair = drops[0], item.pair
    where = (first.reason, first.value, first.threshold, first.node, first.half)
    return LedgerLine(pair.pair_id, pair.problem.id, pair.method, rule, *where, also=tuple(drops[1:]))


@dataclass
class Count:
    """What one rule did. `reasons` counts each dropped pair once, under its first reason."""

    options: dict[str, Any]
    rows_in: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    def row(self, rule: str) -> FunnelRule:
        """The rule's record in funnel.json; rows dropped are the sum of its reasons."""
        dropped = sum(self.reasons.values())
        return FunnelRule(rule, self.options, self.rows_in, self.rows_in - dropped, dropped, dict(self.reasons))


class Funnel:
    """Counts per rule, in order, and of the pairs kept."""

    def __init__(self, options: dict[str, dict[str, Any]]) -> None:
        self.rules = {name: Count(chosen) for name, chosen in options.items()}
        self.kept: Counter[str] = Counter()

    def judged(self, rule: str, rows: int, lines: Iterable[LedgerLine]) -> None:
        """A rule has seen so many rows and dropped these."""
        self.rules[rule].rows_in += rows
        self.rules[rule].reasons.update(line.reason for line in lines)

    def keep(self, item: Item, split: str) -> None:
        """A pair was kept in a split."""
        self.kept.update((split, "without_mistake") if item.pair.mistakes == 0 else (split,))

    def totals(self) -> FunnelTotals:
        """Pairs in, kept, dropped, and kept by split."""
        dropped = sum(sum(count.reasons.values()) for count in self.rules.values())
        kept = sum(self.kept[split] for split in ("train", "dev", "test"))
        named = {name: self.kept[name] for name in ("train", "dev", "test", "without_mistake")}
        return FunnelTotals(kept + dropped, kept, dropped, **named)

    def reasons(self) -> str:
        """What was dropped, the most frequent reason first, in one line."""
        dropped = [(n, rule, reason) for rule, count in self.rules.items() for reason, n in count.reasons.items()]
        return ", ".join(f"{rule}: {reason} {n}" for n, rule, reason in sorted(dropped, key=lambda each: -each[0]))

    def file(self) -> FunnelFile:
        """The content of funnel.json."""
        return FunnelFile(tuple(count.row(name) for name, count in self.rules.items()), self.totals())


class LedgerFile:
    """Writes ledger.jsonl line after line, so that memory does not grow; renamed into place when it is whole."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._temporary = path.with_name(f"{path.name}.tmp-{os.getpid()}")
        self._file: BinaryIO = self._temporary.open("wb")

    def add(self, lines: Iterable[LedgerLine]) -> None:
        """Append lines to the temporary file."""
        self._file.write(json_lines(lines))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        if kind is None:
            os.replace(self._temporary, self.path)
        else:
            self._temporary.unlink()
