"""The generate stage: problems in, pairs and their trees out, in shards whatever the number of workers.

journey generate --family countdown@1 --method search --pairs 8000 --out data/runs/countdown
journey generate --problems gsm8k_train.jsonl --method slips --out data/runs/gsm8k
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

import msgspec

from journey import console
from journey.catalog import revisions
from journey.config import GenerateSettings, build
from journey.errors import UsageError
from journey.formats.curation import REJECTED
from journey.formats.files import json_lines
from journey.formats.folders import open_finished
from journey.formats.manifest import MANIFEST
from journey.formats.marks import Timing
from journey.generate.attempts.matched import AttemptedProblem
from journey.generate.attempts.reading import check_alike, read_attempts
from journey.generate.imports.settings import ImportSettings
from journey.generate.imports.table import TraceTable, decidable, placeless
from journey.generate.protocols import FAMILIES, METHODS, Method
from journey.generate.shards import PairShard, PairSource, ShardJob, add_counts, in_order, make_shard
from journey.processes import cores
from journey.schema import Problem, encode
from journey.store import ROWS_PER_SHARD, Folder
from journey.tables.golds import check_golds
from journey.tables.golds import words as golds_in_words
from journey.tables.problems import RowCount, problems_of
from journey.tables.rows import UserTable

_SAMPLE = 20  # pairs made in memory for an estimate
_START = 2.0  # seconds that a worker process takes to start


@dataclass(frozen=True)
class _Task:
    """Settings resolved: what is combined, what is read, and what the folder's identity is made of.

    `table` is the problem file (None for families).
    """

    settings: GenerateSettings
    sources: tuple[PairSource, ...]
    config: dict[str, Any]
    inputs: dict[str, str]
    table: UserTable | None
    attempted: tuple[AttemptedProblem, ...] = ()
    traces: TraceTable | None = None

    def problems(self, counted: RowCount | None = None) -> Iterator[Problem] | None:
        """The problems of the file, in order; None for families."""
        return None if self.table is None else problems_of(self.table, counted)

    def unusable(self) -> dict[str, Any]:
        """The rows of the file that cannot be used, by reason, as an entry of the counts; empty where there are none."""
        reasons = {} if self.table is None else self.table.check()
        reasons = reasons if self.traces is None else self.traces.read()
        return {"unusable": reasons} if reasons else {}

    def jobs(self) -> Iterator[ShardJob]:
        """The shards. Fixed numbers of places, so that they do not depend on the workers."""
        each, seed, total = self.settings.per_problem, self.settings.seed, self.settings.pairs or 0
        if self.attempted:
            step, width = max(1, ROWS_PER_SHARD // (each * len(self.sources))), each * len(self.sources)
            for key, first in enumerate(range(0, len(self.attempted), step)):
                part = self.attempted[first : first + step]
                yield ShardJob(key, first * width, len(part) * width, seed, each, self.sources, attempted=part)
            return
        if self.traces is not None:
            yield from self._of_traces(self.traces)
            return
        counted = RowCount()
        problems = self.problems(counted)
        if problems is None:
            for key, first in enumerate(range(0, total, ROWS_PER_SHARD)):
                yield ShardJob(key, first, min(ROWS_PER_SHARD, total - first), seed, each, self.sources)
            return
        step, key, told = max(1, ROWS_PER_SHARD // each), 0, 0
        while chunk := tuple(islice(problems, step)):
            ahead = tuple(islice(problems, 1))  # so that rows that repeat a question count before the next new one
            rows = counted.rows - len(ahead) - told
            yield ShardJob(key, key * step * each, len(chunk) * each, seed, each, self.sources, chunk, rows)
            problems, key, told = chain(ahead, problems), key + 1, told + rows

    def _of_traces(self, traces: TraceTable) -> Iterator[ShardJob]:
        each, seed, key = self.settings.per_problem, self.settings.seed, 0
        problems, step = map(encode, traces.problems()), max(1, ROWS_PER_SHARD // each)
        while chunk := tuple(islice(problems, step)):
            first = key * step * each
            yield ShardJob(key, first, len(chunk) * each, seed, each, self.sources, imported=chunk)
            key += 1


def generate(settings: GenerateSettings, out: Path, *, workers: int | None = None) -> Path:
    """Make the pairs and return the finished folder. Output depends on settings and input bytes alone.

    Raises UsageError for unknown names, bad files, or a folder that holds another run.
    """
    task, out = _resolve(settings), Path(out)
    # Before there is a folder, so that a bad file leaves none behind.
    unusable = {} if (out / MANIFEST).is_file() else task.unusable()
    with Folder.open(out, "generate", task.config, inputs=task.inputs, seed=settings.seed) as folder:
        if not folder.finished:
            _run(folder, task, unusable, _processes(settings, workers))
    return out


def plan(settings: GenerateSettings, out: Path, *, workers: int | None = None) -> dict[str, Any]:
    """What `generate` would do and cost, estimated from a few pairs made in memory. Writes nothing.

    Raises UsageError as `generate` does, save that a folder with another run is only reported.
    """
    task = _resolve(settings)
    unusable, given = task.unusable(), task.problems()
    places = settings.pairs or 0
    problems = None if given is None else sum(1 for _ in given)
    if problems is not None:
        places = problems * settings.per_problem
    if task.traces is not None:
        problems = task.traces.count()
        places = problems * settings.per_problem
    read = check_golds(list(task.problems() or ()))
    for line in golds_in_words(Path(settings.problems or "").name, read):
        console.note(line)
    first = next(task.jobs())
    tried = min(_SAMPLE, first.count)
    job = replace(first, count=tried)
    if task.attempted:
        width = settings.per_problem * len(task.sources)
        problems, places = len(task.attempted), len(task.attempted) * width
        tried = min(places, -(-_SAMPLE // width) * width)
        job = replace(first, count=tried, attempted=first.attempted[: tried // width])
    if task.traces is not None:
        part = first.imported[: -(-tried // settings.per_problem)]
        tried = len(part) * settings.per_problem
        job = replace(first, count=tried, imported=part)
    make_shard(job)  # the first time pays for what is made once
    started = time.process_time()  # of this process alone, however busy the machine is
    sample = make_shard(job)
    seconds = (time.process_time() - started) / max(1, len(sample.rows))
    pairs = round(places * len(sample.rows) / tried)
    pairs = pairs if settings.pairs is None else min(pairs, settings.pairs)
    size = sum(len(row.pair) + len(row.tree) + 2 for row in sample.rows)
    processes = _processes(settings, workers)
    return {
        "out": str(out),
        "folder": _state(Folder(Path(out), "generate", task.config, task.inputs, settings.seed)),
        "methods": task.config["methods"],
        **({} if problems is None else {"problems": problems}),
        **unusable,
        **({"golds": msgspec.to_builtins(read)} if read.unread else {}),
        "pairs": pairs,
        "shards": -(-places // ROWS_PER_SHARD),
        "workers": processes,
        "estimated_bytes": round(size / max(1, len(sample.rows)) * pairs),
        "estimated_seconds": round(seconds * pairs / processes + (_START if processes > 1 else 0), 1),
        "estimated_from": {"pairs": len(sample.rows), "rejected": len(sample.rejected)},
    }


def _state(folder: Folder) -> str:
    """What is there already, in words."""
    begun = folder.begun()
    if begun is not None:
        words = "finished" if (folder.out / MANIFEST).is_file() else "begun: goes on from there"
        return words if begun == folder.identity else "holds another run: give another --out"
    if folder.out.exists() and (not folder.out.is_dir() or any(folder.out.iterdir())):
        return "is there and is no finished folder: give another --out"
    return "new"


def parse_family(spec: str) -> tuple[str, int]:
    """`NAME` or `NAME@LEVEL`. Raises UsageError for an unknown name or level."""
    name, separator, level = spec.partition("@")
    levels = FAMILIES.entry(name).facts["levels"]
    if not separator:
        return name, min(levels)
    if not level.isdecimal() or int(level) not in levels:
        known = ", ".join(f"{name}@{number}" for number in levels)
        raise UsageError(f"{spec!r} is no level of {name}", f"known: {known}")
    return name, int(level)


def check(settings: GenerateSettings) -> None:
    """Raises UsageError or UnknownName for settings that `generate` would refuse; reads no problem."""
    _sources(settings)
    if settings.problems:
        UserTable(settings.problems, settings.map)
    # The attempts themselves may still be to be drawn, by an earlier stage of a recipe.


def _sources(settings: GenerateSettings) -> tuple[PairSource, ...]:
    """What is combined: families or the problem file with methods and their options."""
    if settings.attempts and (settings.problems or settings.family):
        raise UsageError(
            "--attempts is given beside problems", "leave --family and --problems out: attempts have their own"
        )
    if settings.policy and not settings.attempts:
        raise UsageError("--policy is given without --attempts", "add --attempts DIR, or leave it out")
    if settings.attempts:
        return _of_attempts(settings)
    if settings.problems and settings.family:
        raise UsageError("both --family and --problems are given", "make two folders and curate both")
    if not settings.problems and not settings.family:
        raise UsageError(
            "nothing to make pairs of", "give --family NAME or --problems FILE; see `journey list families`"
        )
    if _with_traces(settings):
        return _of_traces(settings)
    known = {name: METHODS.get(name) for name in settings.method or METHODS.names()}
    reading = [name for name in settings.method if METHODS.entry(name).facts.get("attempts")]
    if reading:
        raise UsageError(f"method {reading[0]} reads attempts", "add --attempts DIR, which `journey sample` wrote")
    combined = _of_file(settings, known) if settings.problems else _of_families(settings, known)
    if not settings.problems and settings.pairs is None:
        raise UsageError("a family has no end: how many pairs?", "add --pairs N")
    unused = [name for name in settings.options if name not in {source.method for source in combined}]
    if unused:
        METHODS.entry(unused[0])
        raise UsageError(
            f"settings of method {unused[0]}, which makes none of these pairs", f"add --method {unused[0]}"
        )
    return combined


def _with_traces(settings: GenerateSettings) -> str | None:
    """The method that reads traces, where one is named."""
    return next((name for name in settings.method if METHODS.entry(name).facts.get("traces")), None)


def _of_traces(settings: GenerateSettings) -> tuple[PairSource, ...]:
    """The one method that reads traces: no other makes anything of the same rows."""
    name = _with_traces(settings)
    assert name is not None
    if not settings.problems:
        raise UsageError(f"method {name} reads rows with traces", "give --problems FILE_OR_HUB_ID")
    others = [other for other in (*settings.method, *settings.options) if other != name]
    if others:
        METHODS.entry(others[0])
        raise UsageError(f"methods {name} and {others[0]} read different rows", "make two folders and curate both")
    return (PairSource(name, _options(settings, name, METHODS.get(name))),)


def _resolve(settings: GenerateSettings) -> _Task:
    combined = _sources(settings)
    config = settings.model_dump()
    if _with_traces(settings):
        return _resolved_traces(settings, combined, config)
    inputs, table = {}, None
    if settings.problems:
        table = UserTable(settings.problems, settings.map, strict=settings.strict)
        inputs["problems"] = table.digest()
        if Path(settings.problems).exists():
            config["problems"] = Path(settings.problems).name  # the hash says which bytes; the place does not matter
    config["methods"] = [{"name": s.method, "family": s.family, "level": s.level, **s.options} for s in combined]
    families = [source.family for source in combined if source.family]
    config |= revisions((FAMILIES, families), (METHODS, [source.method for source in combined]))
    if settings.attempts:
        folder = open_finished(settings.attempts, "sample")
        policy, attempted = read_attempts(folder, settings.policy, settings.method)
        config["attempts"], config["policy"] = Path(settings.attempts).name, policy
        return _Task(settings, combined, config, {"sample": folder.sha256}, None, attempted)
    return _Task(settings, combined, config, inputs, table)


def _resolved_traces(settings: GenerateSettings, combined: tuple[PairSource, ...], config: dict[str, Any]) -> _Task:
    [source] = combined
    chosen = ImportSettings(**source.options)
    traces = TraceTable(settings.problems or "", settings.map, chosen, strict=settings.strict)
    chosen = chosen.model_copy(update={"format": traces.format.name})
    if Path(settings.problems or "").exists():
        config["problems"] = Path(settings.problems or "").name
    told = placeless(chosen)
    config["methods"] = [{"name": source.method, "family": "", "level": 1, **told}]
    config["options"] = {source.method: told} if settings.options else {}
    config |= revisions((METHODS, [source.method]))
    resolved = (PairSource(source.method, chosen.model_dump()),)
    return _Task(settings, resolved, config, traces.inputs(), None, traces=traces)


def _options(settings: GenerateSettings, name: str, method: type[Method]) -> dict[str, Any]:
    options: dict[str, Any] = build(method.Settings, settings.options.get(name, {}), f"method {name}").model_dump()
    return options


def _of_attempts(settings: GenerateSettings) -> tuple[PairSource, ...]:
    """Methods that read attempts; only those that were named, since they take problems from each other."""
    able = [entry.name for entry in METHODS.entries() if entry.facts.get("attempts")]
    if not settings.method:
        raise UsageError("no method is named that reads the attempts", f"add --method, one or more of {','.join(able)}")
    for name in settings.method:
        if name not in able:
            METHODS.entry(name)
            raise UsageError(f"method {name} reads no attempts", f"one or more of {','.join(able)}")
    chosen = {name: METHODS.get(name) for name in settings.method}
    combined = tuple(PairSource(name, _options(settings, name, method)) for name, method in chosen.items())
    unused = [name for name in settings.options if name not in chosen]
    if unused:
        METHODS.entry(unused[0])
        raise UsageError(
            f"settings of method {unused[0]}, which makes none of these pairs", f"add --method {unused[0]}"
        )
    check_alike(combined)
    return combined


def _of_file(settings: GenerateSettings, known: dict[str, type[Method]]) -> tuple[PairSource, ...]:
    able = [entry.name for entry in METHODS.entries() if entry.facts.get("problems")]
    fitting = [name for name in known if name in able]
    if not fitting:
        raise UsageError(f"no given method reads problem files: {', '.join(known)}", f"use --method {able[0]}")
    return tuple(PairSource(name, _options(settings, name, known[name])) for name in fitting)


def _of_families(settings: GenerateSettings, known: dict[str, type[Method]]) -> tuple[PairSource, ...]:
    """The combinations of families and methods that fit, in the order given."""
    sources = []
    for spec in settings.family:
        family, level = parse_family(spec)
        able = FAMILIES.entry(family).facts["methods"]
        fitting = [name for name in known if name in able]
        if not fitting:
            raise UsageError(f"no given method works on {family}: {', '.join(known)}", f"use --method {able[0]}")
        sources += [PairSource(name, _options(settings, name, known[name]), family, level) for name in fitting]
    return tuple(sources)


def _processes(settings: GenerateSettings, workers: int | None) -> int:
    """Worker processes: one a hardware thread (it is all plain Python), and no more than a family's shards."""
    wanted = workers or cores(logical=True)
    if settings.problems or settings.attempts:
        return wanted
    return max(1, min(wanted, -(-(settings.pairs or 0) // ROWS_PER_SHARD)))


def _run(folder: Folder, task: _Task, unusable: dict[str, Any], workers: int) -> None:
    wanted = task.settings.pairs
    totals: dict[str, Any] = {"pairs": 0}
    rejected: list[bytes] = []
    started = time.time()
    jobs = (job if folder.missing([job.key]) else job.key for job in task.jobs())
    with console.progress("pairs", wanted or 0) as bar, closing(in_order(jobs, workers)) as shards:
        for shard in shards:
            left = None if wanted is None else wanted - totals["pairs"]
            if left == 0:
                break
            key = shard if isinstance(shard, int) else _write(folder, shard.cut(left))
            counts = folder.counts(key)
            add_counts(totals, counts)
            rejected.append((folder.work / _rejected(key)).read_bytes())
            bar.advance(counts["pairs"])
    if not totals["pairs"]:
        reasons = ", ".join(f"{reason} {count}" for reason, count in totals.get("rejected", {}).items())
        raise UsageError(
            f"no pair could be made ({reasons or 'no problems'})", "see `journey list methods` for what they read"
        )
    if task.traces is not None:
        console.note(decidable(totals))
    if task.attempted:
        console.note(_lost(len(task.attempted) * task.settings.per_problem, len(task.sources), totals))
    folder.write(REJECTED, b"".join(rejected))
    seconds = time.time() - started
    folder.finish({**totals, **unusable}, Timing(seconds, totals["pairs"] / max(seconds, 1e-9)))


def _lost(problems: int, kinds: int, totals: dict[str, Any]) -> str:
    """Of how many problems journeys could be made, all kinds of each, and why the others are lost."""
    kept = totals["pairs"] // kinds
    reasons = sorted(totals.get("rejected", {}).items(), key=lambda each: -each[1])
    said = ", ".join(f"{reason.replace('_', ' ')} {count:,} ({count / problems:.0%})" for reason, count in reasons)
    each = "a pair" if kinds == 1 else "pairs of every kind"
    return f"{kept:,} of {problems:,} problems ({kept / problems:.0%}) give {each}" + (
        f"; lost: {said}" if said else ""
    )


def _rejected(key: int) -> str:
    return f".done/{key:05d}.rejected.jsonl"


def _write(folder: Folder, shard: PairShard) -> int:
    """Write a shard's pairs, trees and rejections; returns its key."""
    files: dict[str, Iterable[Any] | bytes] = {
        f"pairs/{shard.key:05d}.jsonl": b"".join(row.pair + b"\n" for row in shard.rows),
        f"trees/{shard.key:05d}.jsonl": b"".join(row.tree + b"\n" for row in shard.rows),
        _rejected(shard.key): json_lines(shard.rejected),
    }
    folder.write_shard(shard.key, files, shard.counts())
    return shard.key
