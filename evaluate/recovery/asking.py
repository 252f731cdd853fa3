"""Every run goes on from every prefix, greedily: recover/BENCHMARK/RUN.jsonl, after the greedy answers are there."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import closing

from journey import console
from journey.evaluate.planning.plan import ONE_BY_ONE, EvaluationSetup
from journey.evaluate.planning.runs import by_base
from journey.evaluate.planning.sample_sets import sampled_runs
from journey.evaluate.recovery import prefixes
from journey.evaluate.sampling.run_samples import named_adapter, worker_model
from journey.formats.behaviour import RecoveryPrefix, RecoveryText, Twin, prefixes_file, texts_key
from journey.formats.files import json_lines, read_lines
from journey.formats.folders import FinetunedFolder
from journey.formats.plan import RunInfo
from journey.models import policy, template
from journey.sampling import workers
from journey.sampling.requests import PromptedQuestion, Request
from journey.sampling.shards import samples_folder
from journey.sampling.workers import RequestUnit
from journey.schema import Question, Sample
from journey.store import Folder
from journey.views import View

TWINS: tuple[Twin, Twin] = ("wrong", "clean")
UNIT = 256  # requests that a worker gets at a time; fixed, so that batches are the same for any number of workers


def all_there(folder: Folder, prepared: EvaluationSetup) -> bool:
    """Whether every run has gone on from the prefixes of every benchmark that has the probe."""
    keys = [texts_key(name, run.run) for name in prepared.plan.probed for run in sampled_runs(prepared.plan)]
    return not folder.missing(keys)


def recover_all(folder: Folder, finetuned: FinetunedFolder, prepared: EvaluationSetup, count: int | None) -> None:
    """Write the prefixes of every benchmark that has the probe, and what every run writes after them.

    Nothing where the plan has no probe; what is there already is kept.
    """
    plan = prepared.plan
    for name in plan.probed:
        made = _prefixes(folder, prepared, name)
        for runs in by_base(finetuned, sampled_runs(plan), apart=plan.backend == ONE_BY_ONE):
            keys = [texts_key(name, run.run) for run in runs]
            missing = folder.missing(keys)
            if missing and made:
                _ask(folder, finetuned, prepared, name, runs, made, count, missing)


def _prefixes(folder: Folder, prepared: EvaluationSetup, name: str) -> list[RecoveryPrefix]:
    """The prefixes of the injector and of one run of every arm, the first by seed."""
    file = prefixes_file(name)
    if folder.has(file):
        return list(read_lines(folder.file(file), RecoveryPrefix))
    plan, questions = prepared.plan, prepared.questions[name]
    view: View = plan.view  # type: ignore[assignment]
    made, _ = prefixes.injected(questions, view, plan.seed)
    for run in writers(sampled_runs(plan)):
        files = folder.shards(samples_folder(run.run, name, "greedy"))
        samples = [sample for path in files for sample in read_lines(path, Sample)]
        made += prefixes.written(questions, samples, run.arm, run.run)[0]
    folder.write(file, json_lines(made))
    return made


def writers(runs: Sequence[RunInfo]) -> list[RunInfo]:
    """The runs that write prefixes: the base, and of every arm the one with the lowest seed."""
    first: dict[str, RunInfo] = {}
    for run in runs:
        if run.arm not in first or (run.seed or 0) < (first[run.arm].seed or 0):
            first[run.arm] = run
    return list(first.values())


def _ask(
    folder: Folder,
    finetuned: FinetunedFolder,
    prepared: EvaluationSetup,
    name: str,
    runs: Sequence[RunInfo],
    made: Sequence[RecoveryPrefix],
    count: int | None,
    missing: Collection[int | str],
) -> None:
    # All runs of a group are asked again though only some files are missing: a text depends on its batch.
    asked = [(prefix, after) for prefix in made for after in TWINS]
    questions = {question.id: question for question in prepared.questions[name]}
    prompts = [_request(prepared, questions[prefix.question], text_of(prefix, after)) for prefix, after in asked]
    named = tuple(named_adapter(finetuned, run) for run in runs)
    requests = [Request(run, one, prompt=one.prompt, cap=cap) for one, cap in prompts for run in range(len(runs))]
    size = UNIT * len(runs)
    units = [
        RequestUnit(f"{name}/recover/{start:06d}", named, tuple(requests[start : start + size]), prepared.plan.batch)
        for start in range(0, len(requests), size)
    ]
    texts = {}
    results = workers.answer_all(worker_model(prepared), units, count or workers.default_workers(prepared.device))
    with console.progress(f"recovery on {name}", len(units)) as ticker, closing(results):
        for result in results:
            texts[result.key] = result.texts
            ticker.advance(1)
    flat = [text for unit in units for text in texts[unit.key]]
    for index, run in enumerate(runs):
        own = flat[index :: len(runs)]
        records = [
            RecoveryText(prefix.question, prefix.writer, after, text.text, text.tokens, text.finish)
            for (prefix, after), text in zip(asked, own, strict=True)
        ]
        key = texts_key(name, run.run)
        if key not in missing:
            continue
        folder.write_shard(key, {f"{key}.jsonl": records}, {"texts": len(records)})


def text_of(prefix: RecoveryPrefix, after: Twin) -> str:
    """The prefix itself, or its clean twin."""
    return prefix.wrong if after == "wrong" else prefix.clean


def _request(prepared: EvaluationSetup, question: Question, text: str) -> tuple[PromptedQuestion, int]:
    """Prompt and text tokenised together, and the tokens that are left of the cap."""
    tokenizer, view = prepared.tokenizer, prepared.plan.view
    prompt = prepared.prompts[question.benchmark][question.id]
    said = template.prompt_text(tokenizer, question.problem, view)  # type: ignore[arg-type]
    gap = " " if view == "compact" else ""
    whole = f"{said}{gap}{policy.unusual(text, policy.of(tokenizer))}"
    ids = (*template.prompt_start(tokenizer, view), *tokenizer(whole, add_special_tokens=False)["input_ids"])  # type: ignore[arg-type]
    cap = max(1, prepared.plan.max_new_tokens - max(0, len(ids) - len(prompt)))
    return PromptedQuestion(question.id, question.problem, ids), cap
