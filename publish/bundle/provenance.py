"""The provenance of a curated folder: its counts, sources, licences and teachers, and the trees of its pairs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from journey.errors import PartialError, UsageError
from journey.formats.folders import CuratedFolder, FinishedFolder, GeneratedFolder, find_folder, open_finished
from journey.publish.tables import columns
from journey.schema import Pair, Tree, decode
from journey.splits import SPLITS, Split


class _Problem(msgspec.Struct):
    source: str
    licence: str | None = None
    level: int | None = None


class _Seen(msgspec.Struct):
    """The few fields of a pair that the survey needs; the rest is skipped unread."""

    pair_id: str
    problem: _Problem
    method: str
    mistakes: int
    provenance: dict[str, Any] = {}


class _Id(msgspec.Struct):
    id: str


@dataclass
class Survey:
    """Counts over every pair of a folder."""

    pairs: Counter[str] = field(default_factory=Counter)  # by split
    sources: Counter[str] = field(default_factory=Counter)
    licences: dict[str, str | None] = field(default_factory=dict)  # by source
    methods: Counter[str] = field(default_factory=Counter)
    policies: Counter[str] = field(default_factory=Counter)
    levels: Counter[str] = field(default_factory=Counter)
    mistakes: Counter[int] = field(default_factory=Counter)
    proofs: Counter[tuple[str, str]] = field(default_factory=Counter)  # pairs with mistakes, by origin and proof
    oracle_timed: int = 0
    unverified: int = 0
    imported: Counter[tuple[str, str, str]] = field(
        default_factory=Counter
    )  # by data set, roles and way of the shortcut
    teachers: dict[str, str] = field(default_factory=dict)  # licences of models, where the pairs state them
    prompts: set[tuple[str, str]] = field(default_factory=set)  # that models were asked with, by name and hash

    def add(self, split: str, seen: _Seen) -> None:
        """Count one pair. Raises UsageError where its source comes with a second licence."""
        problem = seen.problem
        self.pairs[split] += 1
        self.sources[problem.source] += 1
        self.methods[seen.method] += 1
        self.mistakes[seen.mistakes] += 1
        origin = columns.origin(seen.method, seen.mistakes, seen.provenance)
        if origin is not None:
            known_by = columns.proof(seen.method, seen.mistakes, problem.source, seen.provenance)
            self.proofs[origin, str(known_by)] += 1
        self.levels[f"{problem.source} {problem.level}" if problem.level is not None else problem.source] += 1
        known = self.licences.setdefault(problem.source, problem.licence)
        if known != problem.licence:
            raise UsageError(
                f"the problems of {problem.source} have different licences: {known} and {problem.licence}",
                "give the sources different names and generate again",
            )
        policy = columns.policy(seen.provenance)
        if policy:
            self.policies[policy] += 1
            stated = seen.provenance.get("teacher_licence")
            if isinstance(stated, str):
                self.teachers[policy] = stated
        drawn = seen.provenance.get("sampled_from")
        if isinstance(drawn, str):
            self.policies[drawn] += 1
        if "dataset" in seen.provenance:
            way = str(seen.provenance.get("shortcut", "")).partition(":")[0]
            self.imported[str(seen.provenance["dataset"]), str(seen.provenance.get("roles")), way] += 1
        for role in ("critic", "rewriter"):
            asked = seen.provenance.get(role)
            if isinstance(asked, dict) and asked.get("name") and asked["name"] != policy:
                self.policies[str(asked["name"])] += 1
        prompts = seen.provenance.get("prompts")
        if isinstance(prompts, dict):
            self.prompts |= {(str(name), str(known)) for name, known in prompts.items()}
        self.oracle_timed += bool(seen.provenance.get("oracle_timed"))
        self.unverified += seen.provenance.get("roles") == columns.UNVERIFIED

    @property
    def total(self) -> int:
        """Pairs in all splits."""
        return sum(self.pairs.values())


def survey(curated: CuratedFolder) -> Survey:
    """Look once through all pairs. Raises UsageError if there are none, or a source has two licences."""
    counts, decoder = Survey(), msgspec.json.Decoder(_Seen)
    for split in SPLITS:
        for line in lines(curated, split):
            counts.add(split, decoder.decode(line))
    if not counts.total:
        raise UsageError(f"{curated.path} holds no pairs", "curate more pairs")
    return counts


def lines(folder: FinishedFolder, kind: str) -> Iterator[bytes]:
    """The JSON lines of one kind, shard after shard."""
    for path in folder.shards(kind):
        with path.open("rb") as file:
            yield from (line for line in file if line.strip())


def trees_of(curated: CuratedFolder, named: Iterable[Path] = ()) -> list[GeneratedFolder]:
    """The generate folders that a curated folder was made from, in its order: those named, or any beside it.

    Raises UsageError if one of them is not found; its manifest's hash says which it is.
    """
    given = [open_finished(path, "generate") for path in named]
    by_hash = {folder.sha256: folder for folder in given}
    beside = sorted(curated.path.resolve().parent.iterdir()) if not given else []
    sources = []
    for digest in curated.inputs("generate"):
        if digest not in by_hash:
            path = find_folder(digest, beside)
            if path is None:
                raise UsageError(
                    f"{curated.path} was made from a generate folder that is not beside it (manifest {digest[:12]}...)",
                    "say where it is: --trees GENERATE_DIR",
                )
            by_hash[digest] = open_finished(path, "generate")
        sources.append(by_hash[digest])
    return sources


def read(curated: CuratedFolder, split: Split, skip: int = 0) -> Iterator[Pair]:
    """The pairs of a split, the first `skip` left out undecoded."""
    decoder = msgspec.json.Decoder(Pair)
    for line in islice(lines(curated, split), skip, None):
        yield decoder.decode(line)


def joined(
    curated: CuratedFolder, sources: list[GeneratedFolder], split: Split, skip: int = 0
) -> Iterator[tuple[Pair, Tree]]:
    """The same with their trees. Curation keeps the order of its sources, so both are read once, side by side."""
    ids = msgspec.json.Decoder(_Id)
    grown = (line for source in sources for line in lines(source, "trees"))
    for pair in read(curated, split, skip):
        for line in grown:
            if ids.decode(line).id == pair.tree:
                yield pair, decode(line, Tree)
                break
        else:
            named = ", ".join(str(source.path) for source in sources)
            raise PartialError(f"pair {pair.pair_id} of {curated.path} has no tree in {named}")
