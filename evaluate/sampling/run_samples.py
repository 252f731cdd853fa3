"""The samples of a plan: its questions cut into shards, answered by all runs side by side, written as they come."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from journey import console
from journey.evaluate.planning.plan import ONE_BY_ONE, EvaluationSetup
from journey.evaluate.planning.runs import by_base
from journey.evaluate.planning.sample_sets import all_benchmarks, draws_on, sampled_runs
from journey.formats.folders import EvaluatedFolder, FinetunedFolder
from journey.formats.plan import DrawInfo, EvaluationPlan, RunInfo
from journey.models import policy
from journey.sampling import workers
from journey.sampling.identity import SampleOrigin, content_hash, weights_of
from journey.sampling.requests import PromptedQuestion
from journey.sampling.resume import take_over, unfinished
from journey.sampling.shards import SamplingShard, cut, samples_folder, write_samples
from journey.sampling.workers import WorkerModel, WorkUnit
from journey.schema import Question
from journey.store import Folder


def sample_all(
    folder: Folder,
    finetuned: FinetunedFolder,
    prepared: EvaluationSetup,
    *,
    count: int | None,
    stack: int | None,
) -> None:
    """Make every shard of samples that is not there; each is on disk as soon as it is made."""
    shards = run_shards(finetuned, prepared, stack)
    left, missing = unfinished(folder, shards)
    by_key = {shard.unit.key: shard for shard in left}
    total, waiting = sum(shard.answers for shard in shards), sum(shard.answers for shard in left)
    results = workers.answer_all(
        worker_model(prepared), [shard.unit for shard in left], count or workers.default_workers(prepared.device)
    )
    with console.progress("answers", total, total - waiting) as ticker, closing(results):
        for result in results:
            shard = by_key[result.key]
            write_samples(folder, shard, result, missing)
            ticker.advance(shard.answers, result.key.partition("/")[0])


def all_there(
    folder: Folder,
    finetuned: FinetunedFolder,
    prepared: EvaluationSetup,
    stack: int | None,
    earlier: Sequence[EvaluatedFolder],
) -> bool:
    """Whether every shard is there, once those that an earlier evaluation has, by their identities, are copied."""
    shards = run_shards(finetuned, prepared, stack)
    take_over(folder, shards, earlier)
    return not unfinished(folder, shards)[0]


def sample_keys(finetuned: FinetunedFolder, prepared: EvaluationSetup, stack: int | None) -> list[str]:
    """The keys of all files of the runs' samples, in their order."""
    return [key for shard in run_shards(finetuned, prepared, stack) for key in shard.keys.values()]


def run_shards(finetuned: FinetunedFolder, prepared: EvaluationSetup, stack: int | None) -> list[SamplingShard]:
    """All shards, benchmark after benchmark; `stack` is the most runs that are answered together."""
    plan, shards = prepared.plan, []
    draws = {draw.name: draw for draw in plan.draws}
    weights = weights_of(prepared.ref)
    for info in all_benchmarks(plan):
        questions = prepared.questions[info.name]
        prompted = prompted_questions(prepared, info.name, questions)
        for names, runs in _together(plan, info.name, stack, finetuned):
            samples = draws[names[0]].samples if names == ("samples",) else 1
            for number, members in enumerate(cut([len(one.prompt) for one in prompted], plan.batch, samples)):
                unit = WorkUnit(
                    f"{info.name}/{'+'.join(names)}/{runs[0].run}/{number:05d}",
                    tuple(named_adapter(finetuned, run) for run in runs),
                    names,
                    tuple(prompted[index] for index in members),
                    plan.batch,
                )
                keys = {(r.run, d): f"{samples_folder(r.run, info.name, d)}/{number:05d}" for r in runs for d in names}
                prompts = content_hash([one.prompt for one in unit.questions])
                identities = {
                    keys[run.run, name]: _origin(plan, draws[name], run, prompts, weights).digest()
                    for run in runs
                    for name in names
                }
                shards.append(SamplingShard(unit, [questions[index] for index in members], keys, identities))
    return shards


def prompted_questions(
    prepared: EvaluationSetup, benchmark: str, questions: Sequence[Question]
) -> list[PromptedQuestion]:
    """Questions of a benchmark with their prompts."""
    prompts = prepared.prompts[benchmark]
    return [PromptedQuestion(question.id, question.problem, tuple(prompts[question.id])) for question in questions]


def named_adapter(finetuned: FinetunedFolder, run: RunInfo) -> tuple[str, Path | None]:
    """A run as a worker wants it: its name, and the folder of its adapter."""
    return run.run, None if run.adapter is None else finetuned.file(run.adapter).parent


def worker_model(prepared: EvaluationSetup) -> WorkerModel:
    """What the workers load."""
    plan = prepared.plan
    return WorkerModel(
        prepared.ref,
        prepared.device,
        plan.max_new_tokens,
        plan.view,  # type: ignore[arg-type]
        plan.seed,
        prepared.strategy_settings,
        prepared.positions,
        plan.dtype,
        one_by_one=plan.backend == ONE_BY_ONE,
        template=policy.of(prepared.tokenizer),
        server=prepared.server,
        use=None if prepared.server is None else prepared.servers,
    )


def _together(
    plan: EvaluationPlan, benchmark: str, stack: int | None, finetuned: FinetunedFolder
) -> Iterator[tuple[tuple[str, ...], list[RunInfo]]]:
    """Draws that are written together, with the runs that are: samples apart, since they fill a batch by themselves."""
    by_draws: dict[tuple[str, ...], list[RunInfo]] = {}
    for run in sampled_runs(plan):
        names = draws_on(plan, benchmark, run)
        greedy = tuple(name for name in names if name != "samples")
        for kind in (greedy, ("samples",) if "samples" in names else ()):
            if kind:
                by_draws.setdefault(kind, []).append(run)
    for kind, of_kind in by_draws.items():
        for runs in by_base(finetuned, of_kind, apart=plan.backend == ONE_BY_ONE):
            size = stack or len(runs)
            for start in range(0, len(runs), size):
                yield kind, runs[start : start + size]


def _origin(plan: EvaluationPlan, draw: DrawInfo, run: RunInfo, prompts: str, weights: str) -> SampleOrigin:
    """All that a run's samples of one shard depend on; rounds and caps too, since a file holds all of them."""
    sampling = {name: plan.numbers[name] for name in ("temperature", "top_p") if name in plan.numbers}
    return SampleOrigin(
        weights,
        run.adapter_sha256,
        prompts,
        draw.name,
        draw.samples,
        draw.options,
        (plan.seed, run.run, sampling) if draw.temperature else (),
        plan.view,
        plan.max_new_tokens,
        plan.batch,
        plan.dtype,
        plan.backend,
    )
