"""The generate stage: problems in, pairs and their trees out, in shards whatever the number of workers.

journey generate --family countdown@1 --method search --pairs 8000 --out data/runs/countdown
journey generate --problems gsm8k_train.jsonl --method slips --out data/runs/gsm8k
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

import msgspec

from journey import console
from journey.answers.checker import CHECKER_VERSION
from journey.catalog import revisions
from journey.config import GenerateSettings
from journey.errors import UsageError
from journey.formats.curation import REJECTED
from journey.formats.files import json_lines, write_atomic
from journey.formats.folders import open_finished
from journey.formats.manifest import MANIFEST
from journey.formats.marks import ServersUsed, Timing
from journey.generate.asking import models as asking
from journey.generate.asking.models import AskedSetup
from journey.generate.asking.requests import ASKED_ROLES
from journey.generate.attempts.matched import AttemptedProblem
from journey.generate.attempts.reading import read_attempts
from journey.generate.imports.settings import ImportSettings
from journey.generate.imports.table import TraceTable, decidable, placeless
from journey.generate.mixing import TraceMixture
from journey.generate.protocols import FAMILIES, METHODS
from journey.generate.shards import PairShard, PairSource, ShardJob, add_counts, in_order, make_shard
from journey.generate.sources import asking_methods, find_sources, prompts_of, trace_reader
from journey.processes import cores
from journey.sampling.identity import SAMPLER
from journey.schema import Problem, encode
from journey.servers.kept import KeptAnswers
from journey.servers.use import ServerUse, limits_of
from journey.settings.servers import SERVER_USE
from journey.store import ROWS_PER_SHARD, Folder
from journey.tables.golds import check_golds
from journey.tables.golds import words as golds_in_words
from journey.tables.problems import RowCount, problems_of
from journey.tables.rows import UserTable

_SAMPLE = 20  # pairs made in memory for an estimate
_ASKED_PER_SHARD = 32  # places of a shard whose methods ask models: an interrupted run loses no more
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
    models: AskedSetup | None = None
    traces: TraceTable | None = None
    mixture: TraceMixture | None = None

    def problems(self, counted: RowCount | None = None) -> Iterator[Problem] | None:
        """The problems of the file, in order; None for families."""
        return None if self.table is None else problems_of(self.table, counted)

    @property
    def width(self) -> int:
        """Pairs that are made of a problem with attempts: by every method, or by the one that it is dealt to."""
        dealt = any(source.dealt for source in self.sources)
        return self.settings.per_problem * (1 if dealt else len(self.sources))

    def unusable(self) -> dict[str, Any]:
        """The rows of the file that cannot be used, by reason, as an entry of the counts; empty where there are none."""
        reasons = {}
        if self.traces is not None:
            reasons = self.traces.read()
        elif self.table is not None:
            reasons = self.table.check()
        return {"unusable": reasons} if reasons else {}

    def jobs(self) -> Iterator[ShardJob]:
        """The shards. Fixed numbers of places, so that they do not depend on the workers."""
        each, seed, total = self.settings.per_problem, self.settings.seed, self.settings.pairs or 0
        size = ROWS_PER_SHARD if self.models is None else _ASKED_PER_SHARD
        if self.mixture is not None:
            yield from self.mixture.jobs(seed, each)
            return
        if self.attempted:
            width = self.width
            step = max(1, ROWS_PER_SHARD // width)
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
            for key, first in enumerate(range(0, total, size)):
                yield ShardJob(key, first, min(size, total - first), seed, each, self.sources, models=self.models)
            return
        step, key, told = max(1, size // each), 0, 0
        while chunk := tuple(islice(problems, step)):
            ahead = tuple(islice(problems, 1))  # so that rows that repeat a question count before the next new one
            rows = counted.rows - len(ahead) - told
            count = len(chunk) * each
            yield ShardJob(key, key * step * each, count, seed, each, self.sources, chunk, rows, models=self.models)
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
    kept = KeptAnswers.beside(out)
    with Folder.open(out, "generate", task.config, inputs=task.inputs, seed=settings.seed) as folder:
        if not folder.finished:
            if task.models is None:
                _run(folder, task, unusable, _processes(settings, workers))
            else:
                _ask_and_run(folder, task, task.models, unusable, kept, workers)
        if task.models is not None:
            kept.remove()
    return out


def _ask_and_run(
    folder: Folder,
    task: _Task,
    models: AskedSetup,
    unusable: dict[str, Any],
    kept: KeptAnswers,
    workers: int | None,
) -> None:
    """The same with models to be asked: local ones in every worker, servers from this process alone."""
    with ServerUse(limits_of(task.settings), kept) as use:
        asking.opened(models, use)
        try:
            _run(folder, task, unusable, 1 if models.served else _processes(task.settings, workers), use)
        finally:
            asking.close()


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
    if task.models is not None:
        return _asked_plan(task, out, problems, unusable)
    first = next(task.jobs())
    tried = min(_SAMPLE, first.count)
    job = replace(first, count=tried)
    if task.mixture is not None:
        places = task.mixture.dealt().total() * settings.per_problem
    elif task.attempted:
        width = task.width
        problems, places = len(task.attempted), len(task.attempted) * width
        tried = min(places, -(-_SAMPLE // width) * width)
        job = replace(first, count=tried, attempted=first.attempted[: tried // width])
    elif task.traces is not None:
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


def _asked_plan(task: _Task, out: Path, problems: int | None, unusable: dict[str, Any]) -> dict[str, Any]:
    """What is known beforehand of a run that asks models: nothing is asked for an estimate."""
    assert task.models is not None
    return {
        "out": str(out),
        "folder": _state(Folder(Path(out), "generate", task.config, task.inputs, task.settings.seed)),
        "methods": task.config["methods"],
        "models": {role: one.info.name for role, one in task.models.models.items()},
        "prompts": task.config["prompts"],
        **({} if problems is None else {"problems": problems}),
        **unusable,
        "pairs_at_most": task.settings.pairs or (problems or 0) * task.settings.per_problem,
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


def _models_of(settings: GenerateSettings, combined: Sequence[PairSource]) -> AskedSetup | None:
    """The models that are to be asked; None where no method asks any."""
    methods = asking_methods(combined)
    if not methods:
        return None
    roles = [role for role in ASKED_ROLES if any(role in method.asks for method in methods)]
    names = {role: str(getattr(settings, role)) for role in roles}
    draw = asking.drawn_by(settings.seed, settings.temperature, settings.top_p, settings.view)
    rewards = any(method.rewards for method in methods)
    return asking.find_models(
        names, draw, rewards=rewards, continues=settings.continues or "auto", oracle=settings.oracle
    )


def _resolve(settings: GenerateSettings) -> _Task:
    combined = find_sources(settings)
    config = settings.model_dump(exclude=set(SERVER_USE))
    inputs: dict[str, str] = {}
    table, traces = None, None
    if trace_reader(settings):
        combined, traces = _resolved_traces(settings, combined, config)
        inputs |= traces.inputs()
    elif settings.problems:
        table = UserTable(settings.problems, settings.map, strict=settings.strict)
        inputs["problems"] = table.digest()
    if settings.problems and Path(settings.problems).exists():
        config["problems"] = Path(settings.problems).name  # the hash says which bytes; the place does not matter
    config["methods"] = [_told(source) for source in combined]
    families = [source.family for source in combined if source.family]
    config |= revisions((FAMILIES, families), (METHODS, [source.method for source in combined]))
    if settings.attempts:
        folder = open_finished(settings.attempts, "sample")
        readers = [s.method for s in combined if METHODS.entry(s.method).facts.get("attempts")]
        policy, attempted = read_attempts(folder, settings.policy, readers)
        config["attempts"], config["policy"] = Path(settings.attempts).name, policy
        inputs["sample"] = folder.sha256
        return _Task(settings, combined, config, inputs, None, attempted, **_mixed(combined, traces, attempted))
    if traces is not None:
        return _Task(settings, combined, config, inputs, None, **_mixed(combined, traces))
    models = _models_of(settings, combined)
    if models is not None:
        config |= models.identity() | {"prompts": prompts_of(combined), "sampler": SAMPLER, "checker": CHECKER_VERSION}
    return _Task(settings, combined, config, inputs, table, models=models)


def _told(source: PairSource) -> dict[str, Any]:
    """A source as the manifest tells it."""
    options = source.options
    if METHODS.entry(source.method).facts.get("traces"):
        options = placeless(ImportSettings(**options))
    share = {"share": source.share} if source.dealt else {}
    return {"name": source.method, "family": source.family, "level": source.level, **options, **share}


def _resolved_traces(
    settings: GenerateSettings, combined: tuple[PairSource, ...], config: dict[str, Any]
) -> tuple[tuple[PairSource, ...], TraceTable]:
    """The rows with traces, and the sources with the format of these; it stands in the settings too."""
    [source] = [each for each in combined if METHODS.entry(each.method).facts.get("traces")]
    chosen = ImportSettings(**source.options)
    traces = TraceTable(settings.problems or "", settings.map, chosen, strict=settings.strict)
    chosen = chosen.model_copy(update={"format": traces.format.name})
    if settings.options:
        config["options"] = {**config["options"], source.method: placeless(chosen)}
    return tuple(replace(each, options=chosen.model_dump()) if each is source else each for each in combined), traces


def _mixed(
    combined: tuple[PairSource, ...], traces: TraceTable | None, attempted: tuple[AttemptedProblem, ...] = ()
) -> dict[str, Any]:
    """What a task with rows with traces holds: these, and the mixture where other methods take part."""
    if traces is None:
        return {}
    return {"traces": traces, "mixture": TraceMixture(combined, traces, attempted) if len(combined) > 1 else None}


def _processes(settings: GenerateSettings, workers: int | None) -> int:
    """Worker processes: one a hardware thread (it is all plain Python), and no more than a family's shards."""
    wanted = workers or cores(logical=True)
    if settings.problems or settings.attempts:
        return wanted
    return max(1, min(wanted, -(-(settings.pairs or 0) // ROWS_PER_SHARD)))


def _run(folder: Folder, task: _Task, unusable: dict[str, Any], workers: int, use: ServerUse | None = None) -> None:
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
    if task.mixture is not None:
        if wanted is None:
            console.note(task.mixture.in_words())
    elif task.attempted:
        kinds = task.width // task.settings.per_problem
        console.note(_lost(len(task.attempted) * task.settings.per_problem, kinds, totals))
    folder.write(REJECTED, b"".join(rejected))
    if use is not None and (used := use.record()) is not None:
        console.note(used.in_words())
        write_atomic(folder.path(ServersUsed.FILE), used.encoded())
    seconds = time.time() - started
    if task.attempted:
        drawn = [attempt for each in task.attempted for attempt in each.attempts]
        totals["asked"] = {"attempts": len(drawn), "attempt tokens": sum(each.tokens for each in drawn)}
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
