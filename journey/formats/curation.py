"""Records of what was left out and why: rejected.jsonl of generate, ledger.jsonl and funnel.json of curate."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import msgspec

from journey.formats.record import FileRecord
from journey.schema import Record

REJECTED, LEDGER = "rejected.jsonl", "ledger.jsonl"
Half = Literal["shortcut", "journey"]


class RejectedLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A line of rejected.jsonl: a problem of which no pair was made at the place `index` of the output."""

    index: int
    problem: str
    reason: str
    detail: str = ""


class GenerateCounts(msgspec.Struct, frozen=True):
    """What generate counted: pairs, their mistakes by kind, the notices by kind, and rejections by reason."""

    pairs: int = 0
    mistakes: int = 0
    oracle_timed: int = 0
    kinds: dict[str, int] = {}
    notices: dict[str, int] = {}
    rejected: dict[str, int] = {}
    rows: int = 0
    duplicates: int = 0
    unused: int = 0
    unusable: dict[str, int] = {}  # rows of the file beside `rows`, by reason
    asked: dict[str, int] = {}  # what models were asked: answers and tokens by role, those of rejected problems too
    mixed: dict[str, int] = {}  # pairs by family and method, where shares were given
    proofs: dict[str, int] = {}  # mistakes of imported traces by how they are known
    equations: int = 0  # that were read beside them, all of them true


class Drop(Record, frozen=True):
    """One objection: `value` was found where `threshold` was wanted, at a node of the tree or in one half if stated."""

    reason: str
    value: str | int | float | None = None
    threshold: str | int | float | None = None
    node: int | None = None
    half: Half | None = None


class LedgerLine(Record, frozen=True):
    """A line of ledger.jsonl, a dropped pair: the first filter that objected, its first reason, and in `also` its others."""

    pair_id: str
    problem: str
    method: str
    rule: str
    reason: str
    value: str | int | float | None = None
    threshold: str | int | float | None = None
    node: int | None = None
    half: Half | None = None
    also: tuple[Drop, ...] = ()


class FunnelRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"rows_in": "in"}):
    """One filter: its options, rows in = kept + dropped, and each dropped pair once under its first reason."""

    rule: str
    options: dict[str, Any]
    rows_in: int
    kept: int
    dropped: int
    reasons: dict[str, int]


class FunnelTotals(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"rows_in": "in"}):
    """Pairs in, kept, dropped, and kept by split; `without_mistake` are kept pairs solved at the first try."""

    rows_in: int
    kept: int
    dropped: int
    train: int
    dev: int
    test: int
    without_mistake: int


class FunnelFile(FileRecord, frozen=True):
    """funnel.json: what each filter did, in the order in which they judge."""

    FILE: ClassVar[str] = "funnel.json"
    NEWER: ClassVar[frozenset[str]] = frozenset({"version"})

    rules: tuple[FunnelRule, ...]
    totals: FunnelTotals
    version: int = 1
