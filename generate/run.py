"""The generate stage: problems in, pairs and their trees out, in shards whatever the number of workers.

journey generate --family countdown@1 --method search --pairs 8000 --out data/runs/countdown
journey generate --problems gsm8k_train.jsonl --method slips --out data/runs/gsm8k
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from journey import console
from journey.catalog import FAMILIES, METHODS
from journey.config import GenerateSettings, build
from journey.errors import UsageError
from journey.generate import sources
from journey.generate.made import Made, Rejection
from journey.schema import Problem
from journey.store import ROWS_PER_SHARD, Folder, json_lines

_REDRAWS = 100  # problems of a family drawn for one place before it is given up


class Rejected(msgspec.Struct, frozen=True):
    """A line of rejected.jsonl."""

    index: int
    problem: str
    reason: str
    detail: str = ""


@dataclass(frozen=True)
class Source:
    """One combination that pairs are drawn from: a family at a level (or a problem file) and a method."""

    method: str
    options: dict[str, Any]
    family: str = ""
    level: int = 1


@dataclass(frozen=True)
class Job:
    """One shard: the places `first` to `first + count`, and the problems where they come from a file."""

    key: int
    first: int
    count: int
    seed: int
    per_problem: int
    sources: tuple[Source, ...]
    problems: tuple[Problem, ...] | None = None


@dataclass(frozen=True)
class Shard:
    """What a worker sends back: file bytes, one line a record, and counts."""

    key: int
    pairs: list[bytes]
    trees: list[bytes]
    rejected: bytes
    counts: dict[str, Any]


def parse_family(spec: str) -> tuple[str, int]:
    """`NAME` or `NAME@LEVEL`. Raises UsageError for an unknown name or level."""
    name, at, level = spec.partition("@")
    levels = FAMILIES.entry(name).facts["levels"]
    if not at:
        return name, min(levels)
    if not level.isdigit() or int(level) not in levels:
        known = ", ".join(f"{name}@{number}" for number in levels)
        raise UsageError(f"{spec!r} is no level of {name}", f"known: {known}")
    return name, int(level)


def _sources(settings: GenerateSettings) -> tuple[Source, ...]:
    """The combinations of families and methods that fit, in the order given."""
    known = {name: METHODS.get(name) for name in settings.method or METHODS.names()}
    for name in settings.options:
        METHODS.entry(name)
    resolved = {
        name: build(method.Settings, settings.options.get(name, {}), f"method {name}").model_dump()
        for name, method in known.items()
    }
    if settings.problems:
        fitting = [name for name in known if METHODS.entry(name).facts.get("problems")]
        if not fitting:
            able = [e.name for e in METHODS.entries() if e.facts.get("problems")]
            raise UsageError(f"no given method reads problem files: {', '.join(known)}", f"use --method {able[0]}")
        return tuple(Source(name, resolved[name]) for name in fitting)
    if not settings.family:
        raise UsageError(
            "nothing to make pairs of", "give --family NAME or --problems FILE; see `journey list families`"
        )
    found = []
    for spec in settings.family:
        family, level = parse_family(spec)
        fitting = [name for name in known if name in FAMILIES.entry(family).facts["methods"]]
        if not fitting:
            able = ", ".join(FAMILIES.entry(family).facts["methods"])
            raise UsageError(f"no given method works on {family}: {', '.join(known)}", f"use --method {able}")
        found += [Source(name, resolved[name], family, level) for name in fitting]
    return tuple(found)


def _attempts(job: Job, place: int) -> Iterator[tuple[str, Made | Rejection]]:
    """What is tried for one place of the output: a family is redrawn until a pair comes, a given problem is not."""
    source = job.sources[place % len(job.sources)]
    method = _method(source)
    number, attempt = divmod(place, job.per_problem)
    if job.problems is not None:
        problem = job.problems[(place - job.first) // job.per_problem]
        yield problem.id, method.make(problem, job.seed, attempt)
        return
    family = FAMILIES.get(source.family)()
    for redraw in range(_REDRAWS):
        problem = family.problem(job.seed, number, source.level, redraw)
        yield problem.id, method.make(problem, job.seed, attempt)


def _method(source: Source) -> Any:
    made = METHODS.get(source.method)
    return made(made.Settings(**source.options))


def make_shard(job: Job) -> Shard:
    """Every pair of one shard. Pure: the same job gives the same bytes in any process."""
    encode = msgspec.json.Encoder().encode
    pairs, trees, rejected = [], [], []
    reasons: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    checks: Counter[str] = Counter()
    mistakes = oracle = 0
    for place in range(job.first, job.first + job.count):
        for problem, made in _attempts(job, place):
            if isinstance(made, Rejection):
                reasons[made.reason] += 1
                rejected.append(Rejected(place, problem, made.reason, made.detail))
                continue
            pairs.append(encode(made.pair))
            trees.append(encode(made.tree))
            mistakes += made.pair.mistakes
            oracle += bool(made.pair.provenance.get("oracle_timed"))
            for node in made.tree.mistakes():
                kinds[node.kind or "other"] += 1
                checks[node.check.kind if node.check else "none"] += 1
            break
    counts = {
        "pairs": len(pairs),
        "mistakes": mistakes,
        "oracle_timed": oracle,
        "rejected": dict(sorted(reasons.items())),
        "kinds": dict(sorted(kinds.items())),
        "notices": dict(sorted(checks.items())),
    }
    return Shard(job.key, pairs, trees, json_lines(rejected), counts)


def _jobs(
    settings: GenerateSettings, combined: tuple[Source, ...], problems: Iterable[Problem] | None
) -> Iterator[Job]:
    each = settings.per_problem
    if problems is None:
        total = settings.pairs or 0
        for key, first in enumerate(range(0, total, ROWS_PER_SHARD)):
            yield Job(key, first, min(ROWS_PER_SHARD, total - first), settings.seed, each, combined)
        return
    rows, key = iter(problems), 0
    step = max(1, ROWS_PER_SHARD // each)
    while chunk := tuple(islice(rows, step)):
        yield Job(key, key * step * each, len(chunk) * each, settings.seed, each, combined, chunk)
        key += 1


def _merge(total: dict[str, Any], counts: dict[str, Any]) -> None:
    for name, value in counts.items():
        if isinstance(value, dict):
            _merge(total.setdefault(name, {}), value)
        else:
            total[name] = total.get(name, 0) + value


def _cut(shard: Shard, left: int | None) -> Shard:
    """The shard without the pairs beyond the number asked for (problem files end where the count is reached)."""
    if left is None or len(shard.pairs) <= left:
        return shard
    return Shard(shard.key, shard.pairs[:left], shard.trees[:left], shard.rejected, {**shard.counts, "pairs": left})


def _write(folder: Folder, shard: Shard) -> None:
    lines = {"pairs": shard.pairs, "trees": shard.trees}
    files: dict[str, bytes] = {
        f"{kind}/{shard.key:05d}.jsonl": b"".join(line + b"\n" for line in found) for kind, found in lines.items()
    }
    files[f".done/{shard.key:05d}.rejected.jsonl"] = shard.rejected
    folder.write_shard(shard.key, files, shard.counts)


def _ignore_interrupt() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _ordered(jobs: Iterator[Job], workers: int) -> Iterator[Shard]:
    """Shards in order; at most a few per worker are under way, so memory does not grow with the count."""
    if workers == 1:
        yield from map(make_shard, jobs)
        return
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_ignore_interrupt)
    waiting: deque[Future[Shard]] = deque()
    try:
        for job in jobs:
            waiting.append(pool.submit(make_shard, job))
            if len(waiting) > 2 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def generate(settings: GenerateSettings, out: Path, *, workers: int | None = None) -> Path:
    """Make the pairs and return the finished folder. Output depends on settings and input bytes alone.

    Raises UsageError for unknown names, bad files, or a folder that holds another run.
    """
    combined = _sources(settings)
    problems: Iterable[Problem] | None = None
    inputs: dict[str, str] = {}
    if settings.problems:
        if settings.family:
            raise UsageError("both --family and --problems are given", "make two folders and curate both")
        inputs["problems"] = sources.source_hash(settings.problems)
        problems = sources.read_problems(settings.problems, dict(settings.map) or None)
    elif settings.pairs is None:
        raise UsageError("a family has no end: how many pairs?", "add --pairs N")
    config = settings.model_dump()
    if settings.problems and Path(settings.problems).exists():
        config["problems"] = Path(settings.problems).name  # the input hash says which bytes; the place does not matter
    config["methods"] = [{"name": s.method, "family": s.family, "level": s.level, **s.options} for s in combined]
    started = time.time()
    with Folder.open(out, "generate", config, inputs=inputs, seed=settings.seed) as folder:
        if not folder.finished:
            _run(folder, settings, combined, problems, workers or _cores(), started)
    return Path(out)


def _cores() -> int:
    return max(1, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1))


def _run(
    folder: Folder,
    settings: GenerateSettings,
    combined: tuple[Source, ...],
    problems: Iterable[Problem] | None,
    workers: int,
    started: float,
) -> None:
    jobs = list(_jobs(settings, combined, problems)) if problems is None else _jobs(settings, combined, problems)
    totals: dict[str, Any] = {}
    done: list[int] = []

    def missing() -> Iterator[Job]:
        for job in jobs:
            if folder.missing([job.key]):
                yield job
            else:
                done.append(job.key)

    asked = settings.pairs
    with console.progress("pairs", asked or 0) as bar:
        for shard in _ordered(missing(), workers):
            before = sum(folder.counts(key)["pairs"] for key in sorted(done) if key < shard.key)
            if asked is not None and before >= asked:
                break
            shard = _cut(shard, None if asked is None else asked - before)
            _write(folder, shard)
            done.append(shard.key)
            bar.advance(len(shard.pairs))
    rejected = b""
    for key in sorted(done):
        _merge(totals, folder.counts(key))
        rejected += (folder.work / f".done/{key:05d}.rejected.jsonl").read_bytes()
    totals = {"pairs": 0, **totals}
    if not totals["pairs"]:
        reasons = ", ".join(f"{reason} {count}" for reason, count in totals.get("rejected", {}).items())
        raise UsageError(
            f"no pair could be made ({reasons or 'no problems'})", "see `journey list methods` for what they read"
        )
    folder.write("rejected.jsonl", rejected)
    seconds = time.time() - started
    folder.finish(totals, {"seconds": seconds, "pairs_per_second": totals["pairs"] / max(seconds, 1e-9)})
