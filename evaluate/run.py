"""The evaluate stage: every run of a finetune folder and the untuned base, asked the same questions in the same way.

    journey evaluate data/runs/demo/finetune --benchmarks countdown@1,countdown@2 --strategy greedy,majority --out DIR

The plan (runs, questions, strategies, comparisons, margin, cap of new tokens) is written before the first sample is drawn.
Samples are the same bytes in every run of the command. Seconds are not: they lie in `timing.json` and as `mean_seconds`
in `scores.json`, and `Sample.seconds` is 0 throughout.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import orjson

from journey import store
from journey.config import EvaluateSettings
from journey.errors import UsageError
from journey.evaluate.dry_run import expected_effect, plan
from journey.evaluate.planning.earlier_looks import earlier_looks
from journey.evaluate.planning.plan import ONE_BY_ONE, STACKED, Prepared, prepare
from journey.evaluate.planning.sample_sets import all_benchmarks, sampled_runs
from journey.evaluate.results import EarlierLook
from journey.evaluate.sampling import larger_answers, parity, rewards, run_samples
from journey.evaluate.scoring import score
from journey.evaluate.scoring.graded import read_book
from journey.evaluate.scoring.parquet import write_parquet
from journey.sampling.resume import seconds_of
from journey.store import Folder

__all__ = ["evaluate", "expected_effect", "plan"]

_LEFT_OUT = {"workers", "after"}  # of the settings: what cannot change a sample


def evaluate(finetuned: Path, settings: EvaluateSettings, out: Path) -> Path:
    """Sample every run, score, decide and report; gives the finished folder. An interrupted call is resumed.

    Raises UsageError for settings or a finetune folder that cannot be used, and for an `out` that holds another plan.
    """
    finetuned, out = Path(finetuned), Path(out)
    store.read_manifest(finetuned, "finetune")
    after = [Path(name) for name in settings.after]
    inputs = {"finetune": store.manifest_hash(finetuned)}
    for number, path in enumerate(after):
        store.read_manifest(path, "evaluate")
        inputs[f"after {number}"] = store.manifest_hash(path)

    def opened() -> Folder:
        config = settings.model_dump(mode="json", exclude=_LEFT_OUT)
        return Folder.open(out, "evaluate", config, inputs=inputs, seed=settings.seed)

    if out.exists():
        with opened() as folder:
            if folder.finished:
                return _reported(out, finetuned)
    prepared = prepare(finetuned, settings)  # before there is a folder, so that bad settings leave none behind
    looks = earlier_looks(prepared.plan, settings.after, [out.parent, finetuned.parent], out)
    with opened() as folder:
        prepared = _write_plan(folder, prepared, looks)
        _sample(folder, finetuned, prepared, settings)
        _finish(folder, finetuned, prepared, settings)
    return _reported(out, finetuned)


def _sample(folder: Folder, finetuned: Path, prepared: Prepared, settings: EvaluateSettings) -> None:
    """Everything that needs a model."""
    if prepared.plan.backend not in (STACKED, ONE_BY_ONE):
        parity.check_endpoint(folder, finetuned, prepared, settings.parity, settings.parity_least)
    run_samples.sample_all(
        folder,
        finetuned,
        prepared,
        count=settings.workers,
        stack=settings.stack,
        earlier=[Path(name) for name in settings.after],
    )
    larger_answers.sample_larger(folder, prepared, settings.workers)
    rewards.reward_all(folder, prepared)
    parity.flips(folder, finetuned, prepared, settings.flips)


def _finish(folder: Folder, finetuned: Path, prepared: Prepared, settings: EvaluateSettings) -> None:
    keys = run_samples.sample_keys(finetuned, prepared, settings.stack) + larger_answers.larger_keys(prepared)
    seconds = seconds_of(folder, keys)
    book = read_book(folder.work, prepared.plan, seconds)
    folder.write("scores.json", store.dump_json(score.score_book(folder.work, book)))
    write_parquet(folder.work, book)
    asked = {benchmark.name: benchmark.problems for benchmark in prepared.plan.benchmarks}
    counts = {"runs": len(sampled_runs(prepared.plan)), "questions": asked}
    each = {name: sum(spent) for name, spent in seconds.items()}
    problems = {info.name: info.problems for info in all_benchmarks(prepared.plan)}
    per_problem = {name: total / problems[name.split("/")[2]] for name, total in each.items()}
    folder.finish(counts, {"seconds_per_problem": per_problem, "seconds_per_sample": seconds})


def _reported(out: Path, finetuned: Path) -> Path:
    from journey.evaluate import report
    from journey.evaluate.behaviour import measure

    measure.build(out)
    report.build(out, finetuned)
    return out


def _write_plan(folder: Folder, prepared: Prepared, looks: Sequence[EarlierLook]) -> Prepared:
    """Write the plan and the questions, or check that the plan there is this one.

    A plan that is there keeps its earlier looks: what has been put beside the folder since was not looked at before.
    """
    path = folder.path("plan.json")
    prepared = prepared.with_plan(msgspec.structs.replace(prepared.plan, earlier=tuple(looks)))
    if path.is_file():
        there, now = orjson.loads(path.read_bytes()), orjson.loads(store.dump_json(prepared.plan))
        kept = msgspec.convert(there.get("earlier", []), tuple[EarlierLook, ...])
        changed = ", ".join(key for key in now if key != "earlier" and there.get(key) != now[key])
        if changed:
            raise UsageError(f"{folder.out} was begun with another plan; changed: {changed}", "give another --out")
        prepared = prepared.with_plan(msgspec.structs.replace(prepared.plan, earlier=kept))
    folder.write("plan.json", store.dump_json(prepared.plan))
    for name, questions in prepared.questions.items():
        folder.write(f"questions/{name}.jsonl", store.json_lines(questions))
    return prepared
