"""Sampling all runs side by side: shards of work, fixed by the questions alone, and what becomes of them on disk.

The questions of a benchmark are sorted by length of prompt and cut into shards, the same for every run; a shard is answered
by all runs together, so many answers of each at a time. Each run has its own file of each shard and draw, marked with a hash of everything that
its samples depend on (the adapter's weights among it), by which a later evaluation takes it over.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import orjson

from journey import console
from journey.errors import PartialError
from journey.evaluate.planning.plan import ONE_BY_ONE, STACKED, Prepared
from journey.evaluate.planning.runs import by_base, pairs, trained
from journey.evaluate.statistics.verdict import BASE
from journey.formats.files import sha256
from journey.formats.plan import BenchmarkInfo, DrawInfo, EvaluationPlan, RunInfo
from journey.models.load import ModelRef
from journey.sampling import workers
from journey.sampling.requests import Asked, Text
from journey.sampling.workers import Base, Done, Piece
from journey.schema import Question, Sample
from journey.store import Folder

SHARD_ROWS = 256  # answers of each run
NO_SECONDS = 0.0  # in samples, which must not change from run to run; timing.json has what was measured
SAMPLER = 1  # raised whenever the same request may be answered otherwise
LOGPROB_PLACES = 4


def place(run: str, benchmark: str, draw: str) -> str:
    """The folder of a run's samples, inside the evaluation folder."""
    return f"samples/{run}/{benchmark}/{draw}"


def sampled(plan: EvaluationPlan) -> list[RunInfo]:
    """The runs that were sampled: the base, and every run that left an adapter."""
    return [run for run in plan.runs if run.arm == BASE or run.adapter is not None]


def draws_on(plan: EvaluationPlan, benchmark: str, run: RunInfo) -> list[str]:
    """What is drawn of a run on a benchmark. Dev problems: policies of the arms that may choose, greedy of the others."""
    known = {draw.name for draw in plan.draws}
    on_dev = next((b for b in plan.benchmarks if b.dev == benchmark), None)
    if on_dev is None:
        wanted = ["greedy", *(plan.draw_of(name) for name in plan.strategies_on(benchmark))]
        return [draw for draw in dict.fromkeys(wanted) if draw in known or not known]
    if run.seed is None:
        return []
    choosers = {first for first, _ in pairs(plan.runs)}
    if plan.larger is not None:
        choosers |= {one.arm for one in trained(plan.runs)}
    infos = {info.name: info for info in plan.policies}
    names = [name for name in plan.strategies_on(on_dev.name) if not infos[name].oracle] if run.arm in choosers else []
    return list(dict.fromkeys(["greedy", *(plan.draw_of(name) for name in names)]))


def all_benchmarks(plan: EvaluationPlan) -> tuple[BenchmarkInfo, ...]:
    """Those of the report, and the dev problems."""
    return (*plan.benchmarks, *plan.dev)


def cut(lengths: Sequence[int], batch: int, samples: int = 1) -> list[list[int]]:
    """Shards of places, by length of prompt: fixed by the questions alone, the same for every run.

    A shard has as many questions as make SHARD_ROWS answers of each run, and a batch at least.
    """
    order = sorted(range(len(lengths)), key=lambda at: (lengths[at], at))
    size = max(1, max(SHARD_ROWS, batch) // samples)
    return [order[at : at + size] for at in range(0, len(order), size)]


@dataclass(frozen=True)
class Shard:
    """One piece of work and the files that come of it: (run, draw) -> key."""

    piece: Piece
    questions: list[Question]
    keys: dict[tuple[str, str], str]
    identities: dict[str, str]

    @property
    def answers(self) -> int:
        """How many files times questions, for the progress bar."""
        return len(self.keys) * len(self.questions)


def shards(finetuned: Path, prepared: Prepared, stack: int | None) -> list[Shard]:
    """All pieces of work, benchmark after benchmark."""
    plan, found = prepared.plan, []
    draws = {draw.name: draw for draw in plan.draws}
    weights = weights_of(prepared.ref)
    for info in all_benchmarks(plan):
        questions = prepared.questions[info.name]
        asked = [Asked(q.id, q.problem, tuple(prepared.prompts[info.name][q.id])) for q in questions]
        for names, runs in _together(plan, info.name, stack, finetuned):
            samples = draws[names[0]].samples if names == ("samples",) else 1
            for number, places in enumerate(cut([len(one.prompt) for one in asked], plan.batch, samples)):
                piece = Piece(
                    f"{info.name}/{'+'.join(names)}/{runs[0].run}/{number:05d}",
                    tuple((run.run, None if run.adapter is None else (finetuned / run.adapter).parent) for run in runs),
                    names,
                    tuple(asked[at] for at in places),
                    plan.batch,
                )
                keys = {(r.run, d): f"{place(r.run, info.name, d)}/{number:05d}" for r in runs for d in names}
                common = _digest([one.prompt for one in piece.asked])
                identities = {
                    keys[run.run, name]: _identity(plan, draws[name], run, common, weights)
                    for run in runs
                    for name in names
                }
                found.append(Shard(piece, [questions[at] for at in places], keys, identities))
    return found


def _together(
    plan: EvaluationPlan, benchmark: str, stack: int | None, finetuned: Path
) -> Iterator[tuple[tuple[str, ...], list[RunInfo]]]:
    """Draws that are written together, with the runs that are: samples apart, since they fill a batch by themselves."""
    by_draws: dict[tuple[str, ...], list[RunInfo]] = {}
    for run in sampled(plan):
        names = draws_on(plan, benchmark, run)
        greedy = tuple(name for name in names if name != "samples")
        for kind in (greedy, ("samples",) if "samples" in names else ()):
            if kind:
                by_draws.setdefault(kind, []).append(run)
    for kind, of_kind in by_draws.items():
        for runs in by_base(finetuned, of_kind, apart=plan.backend == ONE_BY_ONE):
            size = stack or len(runs)
            for at in range(0, len(runs), size):
                yield kind, runs[at : at + size]


@cache
def weights_of(ref: ModelRef) -> str:
    """What names a base's weights: the hash of a local folder's files, or a Hub id with its revision."""
    if not ref.local:
        return f"{ref.source}@{ref.revision}"
    hashed = hashlib.sha256()
    for path in sorted(Path(ref.source).glob("*.safetensors")):
        hashed.update(f"{path.name} {sha256(path)}\n".encode())
    return hashed.hexdigest()


def _identity(plan: EvaluationPlan, draw: DrawInfo, run: RunInfo, questions: str, weights: str) -> str:
    """The hash of all that a run's samples of one shard depend on."""
    numbers = {name: plan.numbers[name] for name in ("temperature", "top_p") if name in plan.numbers}
    by_chance = [plan.seed, run.run, numbers] if draw.temperature else []
    # Rounds and caps come after the samples before them, but a file holds all of them.
    said = [SAMPLER, weights, run.adapter_sha256, questions, [draw.name, draw.samples, draw.options], by_chance]
    return _digest([*said, plan.view, plan.max_new_tokens, plan.batch, plan.dtype, plan.backend])


def _digest(data: object) -> str:
    return hashlib.blake2b(orjson.dumps(data), digest_size=16).hexdigest()


def base_of(prepared: Prepared) -> Base:
    """What the workers load."""
    plan = prepared.plan
    return Base(
        prepared.ref,
        prepared.device,
        plan.max_new_tokens,
        plan.view,  # type: ignore[arg-type]
        plan.seed,
        prepared.numbers,
        prepared.positions,
        plan.dtype,
        one_by_one=plan.backend == ONE_BY_ONE,
        server=None if plan.backend in (STACKED, ONE_BY_ONE) else plan.backend,
    )


def sample_all(
    folder: Folder,
    finetuned: Path,
    prepared: Prepared,
    *,
    count: int | None,
    stack: int | None,
    earlier: Iterable[Path] = (),
) -> None:
    """Make every shard of samples that is not there; each is on disk as soon as it is made.

    Shards that an earlier evaluation has, by their hashes, are copied. A shard that lacks one run's file is done again for
    all runs, so that batches are what they would have been.
    """
    work = shards(finetuned, prepared, stack)
    _take_over(folder, work, earlier)
    missing = {str(key) for shard in work for key in folder.missing(shard.keys.values())}
    left = [shard for shard in work if missing & set(shard.keys.values())]
    by_key = {shard.piece.key: shard for shard in left}
    total, todo = sum(shard.answers for shard in work), sum(shard.answers for shard in left)
    with console.progress("answers", total, total - todo) as ticker:
        pieces = [shard.piece for shard in left]
        for done in workers.do_all(base_of(prepared), pieces, count or workers.default_workers(prepared.device)):
            shard = by_key[done.key]
            write(folder, shard, done, missing)
            ticker.advance(shard.answers, done.key.partition("/")[0])


def write(folder: Folder, shard: Shard, done: Done, missing: Iterable[str]) -> None:
    """The files of one shard, those that are missing."""
    wanted = set(missing)
    for at, (run, _) in enumerate(shard.piece.runs):
        for draw in shard.piece.draws:
            key = shard.keys[run, draw]
            if key in wanted:
                texts = done.written[draw][at]
                if len(texts) != len(shard.questions):
                    raise PartialError(f"{key}: answers to {len(texts)} questions of {len(shard.questions)}")
                pairs_of = [
                    (q, n, text)
                    for q, of_one in zip(shard.questions, texts, strict=True)
                    for n, text in enumerate(of_one)
                ]
                samples = [to_sample(question, run, text, n) for question, n, text in pairs_of]
                seconds = [round(text.seconds, 6) for _, _, text in pairs_of]
                counts = {"questions": len(shard.questions), "seconds": seconds, "identity": shard.identities[key]}
                folder.write_shard(key, {f"{key}.jsonl": samples}, counts)


def to_sample(question: Question, run: str, text: Text, index: int) -> Sample:
    """The record of a text."""
    logprob = None if text.logprob is None else round(text.logprob, LOGPROB_PLACES)
    return Sample(
        question.id,
        run,
        text.text,
        text.tokens,
        NO_SECONDS,
        text.finish,
        index,
        text.prompt_tokens,
        text.flops,
        logprob,
    )


def _take_over(folder: Folder, work: Sequence[Shard], earlier: Iterable[Path]) -> None:
    """Copy the files of earlier evaluations that are the very ones wanted."""
    known: dict[str, tuple[Path, dict[str, object]]] = {}
    for there in earlier:
        for mark in sorted((there / ".done").glob("samples--*.json")):
            told = orjson.loads(mark.read_bytes())
            identity = told["counts"].get("identity")
            for name, digest in told["files"].items():
                path = there / name
                if identity and path.is_file() and sha256(path) == digest:
                    known.setdefault(identity, (path, told["counts"]))
    wanted: Mapping[str, str] = {key: identity for shard in work for key, identity in shard.identities.items()}
    taken = [str(key) for key in folder.missing(wanted) if wanted[str(key)] in known]
    for key in taken:
        path, counts = known[wanted[key]]
        folder.write_shard(key, {f"{key}.jsonl": path.read_bytes()}, counts)
    if taken:
        console.note(f"{len(taken)} of {len(wanted)} shards of samples are taken over from earlier evaluations")


def keys_of(finetuned: Path, prepared: Prepared, stack: int | None) -> list[str]:
    """All shards of the arms' samples, in the order of their files."""
    return [key for shard in shards(finetuned, prepared, stack) for key in shard.keys.values()]


def seconds_of(folder: Folder, keys: Iterable[str]) -> dict[str, list[float]]:
    """Seconds of every sample by `place`, in the order of its files."""
    found: dict[str, list[float]] = {}
    for key in keys:
        found.setdefault(key.rpartition("/")[0], []).extend(folder.counts(key)["seconds"])
    return found
