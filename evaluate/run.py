"""The evaluate stage: every run of a finetune folder and the untuned base, asked the same questions in the same way.

    journey evaluate data/runs/demo/finetune --benchmarks countdown@1,countdown@2 --out data/runs/demo/evaluate

The plan (runs, questions, comparisons, margin, cap of new tokens) is written before the first sample is drawn. The
questions of a benchmark are sorted by length of prompt and cut into batches, the same for every run; a shard is one
or more batches. Samples are the same bytes in every run of the command. Seconds are not: they lie in `timing.json`
and as `mean_seconds` in `scores.json`, and `Sample.seconds` is 0 throughout.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import orjson

from journey import console, store
from journey.config import EvaluateSettings
from journey.errors import PartialError, UsageError
from journey.evaluate import score, workers
from journey.evaluate.plan import Prepared, prepare
from journey.evaluate.statistics import compare
from journey.evaluate.workers import Done, Piece
from journey.rng import seed_for
from journey.schema import Question, Sample
from journey.store import Folder

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

SHARD_ROWS = 256  # at least, in whole batches
NO_SECONDS = 0.0  # in samples, which must not change from run to run; timing.json has what was measured
_LEFT_OUT = {"workers"}  # of the settings: what cannot change a sample


def evaluate(finetuned: Path, settings: EvaluateSettings, out: Path) -> Path:
    """Sample every run, score, decide and report; gives the finished folder. An interrupted call is resumed.

    Raises UsageError for settings or a finetune folder that cannot be used, and for an `out` that holds another plan.
    """
    finetuned, out = Path(finetuned), Path(out)
    store.read_manifest(finetuned, "finetune")

    def opened() -> Folder:
        config = settings.model_dump(mode="json", exclude=_LEFT_OUT)
        inputs = {"finetune": store.manifest_hash(finetuned)}
        return Folder.open(out, "evaluate", config, inputs=inputs, seed=settings.seed)

    if out.exists():
        with opened() as folder:
            if folder.finished:
                return _reported(out, finetuned)
    prepared = prepare(finetuned, settings)  # before there is a folder, so that bad settings leave none behind
    with opened() as folder:
        _write_plan(folder, prepared)
        sample_all(folder, finetuned, prepared, settings.workers)
        seconds = _seconds(folder, prepared)
        scores = score.score(folder.work, prepared.plan, seconds)
        folder.write("scores.json", store.dump_json(scores))
        asked = {benchmark.name: benchmark.problems for benchmark in prepared.plan.benchmarks}
        counts = {"runs": len(score.sampled(prepared.plan)), "questions": asked}
        folder.finish(counts, {"seconds_per_problem": seconds})
    return _reported(out, finetuned)


def _reported(out: Path, finetuned: Path) -> Path:
    from journey.evaluate import report

    report.build(out, finetuned)
    return out


def plan(finetuned: Path, settings: EvaluateSettings) -> dict[str, Any]:
    """What `evaluate` would do, for `--dry-run`: the plan, how much is asked, and the effects that could be seen."""
    prepared = prepare(Path(finetuned), settings)
    fixed = prepared.plan
    seeds = Counter(run.arm for run in score.sampled(fixed) if run.seed is not None)
    answers = len(score.sampled(fixed)) * len(fixed.strategies) * sum(b.problems for b in fixed.benchmarks)
    return {
        "plan": msgspec.to_builtins(fixed),
        "answers": answers,
        "new_tokens_at_most": answers * fixed.max_new_tokens,
        "workers": settings.workers or workers.default_workers(prepared.device),
        "device": prepared.device,
        "detectable_points": {
            b.name: expected_effect(b.problems, min(seeds.values())) for b in fixed.benchmarks if b.problems > 1
        },
    }


def expected_effect(problems: int, seeds: int) -> float | None:
    """The minimum detectable effect, in points, to expect of arms that are half right and disagree on 27 % of problems.

    None with one seed. A rough guide: runs that differ much between seeds need more.
    """
    if seeds < 2:
        return None
    rng = np.random.default_rng(seed_for("expected effect", problems, seeds))
    found = []
    for _ in range(40):
        chance = rng.beta(0.587, 0.587, problems)[:, None]  # two draws at this chance differ 27 % of the time
        first, second = (rng.random((problems, seeds)) < chance for _ in range(2))
        found.append(compare(first, second, flips=1, resamples=0).detectable or 0.0)
    return round(100 * sum(found) / len(found), 1)


def _write_plan(folder: Folder, prepared: Prepared) -> None:
    """Write the plan and the questions, or check that the plan there is this one."""
    data = store.dump_json(prepared.plan)
    path = folder.path("plan.json")
    if path.is_file() and path.read_bytes() != data:
        there, now = orjson.loads(path.read_bytes()), orjson.loads(data)
        changed = ", ".join(key for key in now if there.get(key) != now[key])
        raise UsageError(f"{folder.out} was begun with another plan; changed: {changed}", "give another --out")
    folder.write("plan.json", data)
    for name, questions in prepared.questions.items():
        folder.write(f"questions/{name}.jsonl", store.json_lines(questions))


def cut(lengths: Sequence[int], batch: int) -> list[list[list[int]]]:
    """Shards of batches of places, by length of prompt: fixed by the questions alone, the same for every run."""
    order = sorted(range(len(lengths)), key=lambda at: (lengths[at], at))
    batches = [order[at : at + batch] for at in range(0, len(order), batch)]
    per_shard = max(1, SHARD_ROWS // batch)
    return [batches[at : at + per_shard] for at in range(0, len(batches), per_shard)]


@dataclass(frozen=True)
class _Shard:
    """One shard of samples: its file, its run, and the questions in the order in which they are asked."""

    file: str
    run: str
    questions: list[Question]
    piece: Piece


def _shards(finetuned: Path, prepared: Prepared) -> dict[str, _Shard]:
    """Every shard by its key, run after run, so that a worker changes adapters seldom."""
    plan, found = prepared.plan, {}
    for run in score.sampled(plan):
        adapter = None if run.adapter is None else (finetuned / run.adapter).parent
        for name, questions in prepared.questions.items():
            ids = [tuple(prepared.prompts[name][question.id]) for question in questions]
            for number, batches in enumerate(cut([len(one) for one in ids], plan.batch)):
                for strategy in plan.strategies:
                    key = f"{score.place(run.run, name, strategy)}/{number:05d}"
                    asked = [questions[at] for batch in batches for at in batch]
                    piece = Piece(key, adapter, strategy, tuple(tuple(ids[at] for at in batch) for batch in batches))
                    found[key] = _Shard(f"{key}.jsonl", run.run, asked, piece)
    return found


def sample_all(folder: Folder, finetuned: Path, prepared: Prepared, count: int | None) -> None:
    """Make every shard of samples that is not there; each is on disk as soon as it is made."""
    shards = _shards(finetuned, prepared)
    missing = [shards[str(key)] for key in folder.missing(shards)]
    base = workers.Base(prepared.ref, prepared.device, prepared.plan.max_new_tokens)
    total, left = (sum(len(shard.questions) for shard in of) for of in (shards.values(), missing))
    with console.progress("answers", total, total - left) as ticker:
        pieces = [shard.piece for shard in missing]
        for done in workers.do_all(base, pieces, count or workers.default_workers(prepared.device)):
            shard = shards[done.key]
            samples = _samples(shard, done, prepared.tokenizer)
            folder.write_shard(done.key, {shard.file: samples}, {"questions": len(samples), "seconds": done.seconds})
            ticker.advance(len(samples), shard.run)


def _samples(shard: _Shard, done: Done, tokenizer: PreTrainedTokenizerBase) -> list[Sample]:
    if len(done.completions) != len(shard.questions):
        raise PartialError(f"{shard.file}: {len(done.completions)} answers to {len(shard.questions)} questions")
    samples = []
    for question, completion in zip(shard.questions, done.completions, strict=True):
        ids = completion.ids[:-1] if completion.finish == "stop" else completion.ids
        text = str(tokenizer.decode(list(ids), clean_up_tokenization_spaces=False))
        samples.append(Sample(question.id, shard.run, text, len(completion.ids), NO_SECONDS, completion.finish))
    return samples


def _seconds(folder: Folder, prepared: Prepared) -> dict[str, float]:
    """Seconds per problem of every run on every benchmark, over all sessions that made its shards."""
    spent: dict[str, list[float]] = {}
    for key in _shards(Path(), prepared):
        counts = folder.counts(key)
        total = spent.setdefault(key.rpartition("/")[0], [0.0, 0.0])
        total[0] += counts["seconds"]
        total[1] += counts["questions"]
    return {name: seconds / questions for name, (seconds, questions) in spent.items()}
