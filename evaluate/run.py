"""The evaluate stage: every run of a finetune folder and the untuned base, asked the same questions in the same way.

    journey evaluate data/runs/demo/finetune --benchmarks countdown@1,countdown@2 --strategy greedy,majority --out DIR

The plan (runs, questions, strategies, comparisons, margin, cap of new tokens) is written before the first sample is drawn.
Samples are the same bytes in every run of the command. Seconds are not: they lie in `timing.json` and as `mean_seconds`
in `scores.json`, and `Sample.seconds` is 0 throughout.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from journey import console
from journey.catalog import STRATEGIES, revisions
from journey.config import EvaluateSettings
from journey.errors import UsageError
from journey.evaluate.dry_run import expected_effect, plan
from journey.evaluate.planning.comparisons import strategy
from journey.evaluate.planning.earlier_looks import earlier_looks, in_words, looks_beside
from journey.evaluate.planning.plan import EvaluationSetup, is_built_in, prepare
from journey.evaluate.planning.questions import refuse_changed
from journey.evaluate.planning.sample_sets import all_benchmarks, sampled_runs
from journey.evaluate.recovery import asking
from journey.evaluate.sampling import larger_answers, parity, rewards, run_samples, samplers
from journey.evaluate.scoring import score
from journey.evaluate.scoring.graded import read_book
from journey.evaluate.scoring.parquet import write_parquet
from journey.evaluate.statistics.verdict import BASE, LARGER
from journey.formats.files import json_lines, write_atomic
from journey.formats.folders import EvaluatedFolder, FinetunedFolder, open_finished
from journey.formats.marks import ServersUsed, Timing
from journey.formats.plan import EarlierLook, EvaluationPlan, LooksBeside
from journey.sampling.resume import identities_of, seconds_of
from journey.servers.kept import KeptAnswers
from journey.servers.use import ServerUse, limits_of
from journey.settings.servers import SERVER_USE
from journey.store import Folder

__all__ = ["evaluate", "expected_effect", "plan"]

# Of the settings: what cannot change a sample.
_LEFT_OUT = {"workers", "after", "base", "second_grader", *SERVER_USE}


def evaluate(finetuned: Path, settings: EvaluateSettings, out: Path) -> Path:
    """Sample every run, score, decide and report; gives the finished folder. An interrupted call is resumed.

    Raises UsageError for settings or a finetune folder that cannot be used, and for an `out` that holds another plan.
    """
    out, runs = Path(out), open_finished(finetuned, "finetune")
    after = [open_finished(name, "evaluate") for name in settings.after]
    inputs = {"finetune": runs.sha256, **{f"after {number}": one.sha256 for number, one in enumerate(after)}}

    def opened() -> Folder:
        config = settings.model_dump(mode="json", exclude=_LEFT_OUT) | revisions((STRATEGIES, settings.strategy))
        return Folder.open(out, "evaluate", config, inputs=inputs, seed=settings.seed)

    if out.exists():
        with opened() as folder:
            if folder.finished:
                refuse_changed(open_finished(out, "evaluate").plan, runs, settings, str(out))
                KeptAnswers.beside(out).remove()  # of a call that was killed right at its end
                return _reported(out, runs.path, settings.second_grader)
    prepared = prepare(runs, settings)  # before there is a folder, so that bad settings leave none behind
    prepared = prepared.with_plan(msgspec.structs.replace(prepared.plan, sampler=_tried(prepared)))
    looks = earlier_looks(prepared.plan, after)
    with opened() as folder:
        kept = KeptAnswers.beside(out)
        if not folder.has(EvaluationPlan.FILE):
            kept.remove()  # of a folder that was thrown away
        needs_logprobs = any(strategy(name).logprobs for name in settings.strategy)
        limits = limits_of(settings, prepared.vllm.at_once if prepared.vllm else None)
        with ServerUse(limits, kept, needs_logprobs=needs_logprobs) as servers:
            prepared = replace(_write_plan(folder, prepared, looks), servers=servers)
            _note_looks(folder, prepared.plan, after, [out.parent, runs.path.parent])
            _sample(folder, runs, prepared, settings, after)
            _finish(folder, runs, prepared, settings)
        kept.remove()
    return _reported(out, runs.path, settings.second_grader)


def _tried(prepared: EvaluationSetup) -> dict[str, str]:
    """What the sampler's probe finds of every model in memory. Raises UsageError for one that it cannot write with."""
    plan, larger = prepared.plan, prepared.larger
    models = {BASE: (prepared.ref, prepared.tokenizer)} if is_built_in(plan) else {}
    if larger is not None and larger.ref is not None:
        from journey.models.load import load_tokenizer

        models[LARGER] = larger.ref, load_tokenizer(larger.ref)
    if not models:
        return {}
    from journey.models.probe import check_sampler  # torch: seconds to import

    option = {BASE: "--base", LARGER: "--larger"}
    return {
        name: str(check_sampler(ref, tokenizer, prepared.device, plan.dtype, option[name]))
        for name, (ref, tokenizer) in models.items()
    }


def _sample(
    folder: Folder,
    finetuned: FinetunedFolder,
    prepared: EvaluationSetup,
    settings: EvaluateSettings,
    after: Sequence[EvaluatedFolder],
) -> None:
    """Everything that needs a model."""
    left = not run_samples.all_there(folder, finetuned, prepared, settings.stack, after)
    if left or not asking.all_there(folder, prepared):
        with samplers.chosen(folder, finetuned, prepared, settings) as asked:
            run_samples.sample_all(folder, finetuned, asked, count=settings.workers, stack=settings.stack)
            asking.recover_all(folder, finetuned, asked, settings.workers)
    larger_answers.sample_larger(folder, prepared, settings.workers)
    rewards.reward_all(folder, prepared)
    parity.flips(folder, finetuned, prepared, settings.flips)


def _finish(folder: Folder, finetuned: FinetunedFolder, prepared: EvaluationSetup, settings: EvaluateSettings) -> None:
    keys = run_samples.sample_keys(finetuned, prepared, settings.stack) + larger_answers.larger_keys(prepared)
    seconds = seconds_of(folder, keys)
    book = read_book(folder, prepared.plan, seconds)
    score.score_book(folder, book).write(folder)
    identities_of(folder, keys).write(folder)
    write_parquet(folder.work, book)
    question_counts = {benchmark.name: benchmark.problems for benchmark in prepared.plan.benchmarks}
    counts = {"runs": len(sampled_runs(prepared.plan)), "questions": question_counts}
    each = {name: sum(spent) for name, spent in seconds.items()}
    problems = {info.name: info.problems for info in all_benchmarks(prepared.plan)}
    per_problem = {name: total / problems[name.split("/")[2]] for name, total in each.items()}
    used = None if prepared.servers is None else prepared.servers.record()
    if used is not None:
        console.note(used.in_words())
        write_atomic(folder.path(ServersUsed.FILE), used.encoded())
    folder.finish(counts, Timing(seconds_per_problem=per_problem, seconds_per_sample=seconds))


def _reported(out: Path, finetuned: Path, second: str | None) -> Path:
    from journey.evaluate.behaviour import measure
    from journey.evaluate.report import build
    from journey.evaluate.scoring import second_grader

    evaluated = open_finished(out, "evaluate")
    measure.build(evaluated)
    if second is not None:
        second_grader.build(evaluated, second)
    build.build(evaluated, finetuned)
    return out


def _note_looks(folder: Folder, plan: EvaluationPlan, after: Sequence[EvaluatedFolder], beside: Sequence[Path]) -> None:
    """Say and keep which evaluations of these runs lie about; once: what is put there later was not looked at before."""
    path = folder.path(LooksBeside.FILE)
    if path.is_file():
        return
    looks = LooksBeside(looks_beside(plan, after, beside, folder.out))
    write_atomic(path, looks.encoded())
    if looks.looks:
        console.note(f"{in_words(looks.looks)} Name them with --after to have it in the scores.")


def _write_plan(folder: Folder, prepared: EvaluationSetup, looks: Sequence[EarlierLook]) -> EvaluationSetup:
    """Write the plan and the questions, or check that the plan there is this one.

    A plan that is there keeps what it says of the rows and the sampler: the questions' hashes say whether they are the same.
    """
    plan = msgspec.structs.replace(prepared.plan, earlier=tuple(looks))
    if folder.has(EvaluationPlan.FILE):
        begun = EvaluationPlan.read(folder.work)
        plan = msgspec.structs.replace(plan, rows=begun.rows, sampler=begun.sampler)
        if not prepared.batch_given:  # chosen when the folder was begun, perhaps on another card
            plan = msgspec.structs.replace(plan, batch=begun.batch)
        then, now = begun.plain(), plan.plain()
        changed = ", ".join(key for key in now if then.get(key) != now[key])
        if changed:
            raise UsageError(f"{folder.out} was begun with another plan; changed: {changed}", "give another --out")
    prepared = prepared.with_plan(plan)
    plan.write(folder)
    for name, questions in prepared.questions.items():
        folder.write(f"questions/{name}.jsonl", json_lines(questions))
    return prepared
