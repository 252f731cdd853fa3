"""EleutherAI's lm-evaluation-harness on our adapters, so that a third party can check a score again.

    journey evaluate data/runs/arms --harness lm-eval --benchmarks countdown@1 --tasks gsm8k --out data/runs/recheck

The harness loads the base and each adapter itself (its `hf` model with `peft=`), and writes and scores the answers. Our own
benchmarks become task files under `tasks/`: the same prompts, letter by letter, the same cap and stops, greedy, judged by our
checker. Its own tasks (`--tasks`) run as it defines them. The extra is `[lm-eval]`. In a folder of its own:

    tasks/*.yaml  tasks/*.jsonl  tasks/grading.py     what a third party needs, with the command in tasks/README.md
    RUN/results.json  RUN/TASK.jsonl                  per run: metrics as the harness gives them, and every answer
    harness.json                                      score by run and task
"""

from __future__ import annotations

import importlib.metadata
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import yaml

from journey import console
from journey.answers.grading import grade
from journey.config import EvaluateSettings
from journey.errors import JourneyError, RemoteError, UsageError
from journey.evaluate.planning.plan import EvaluationSetup, prepare
from journey.evaluate.planning.runs import read_runs
from journey.evaluate.statistics.verdict import BASE
from journey.formats.files import dump_json
from journey.formats.finetune import TemplateFile
from journey.formats.folders import FinetunedFolder, open_finished
from journey.formats.plan import RunInfo
from journey.formats.scores import HarnessFile, TaskScore
from journey.models import load, places, policy
from journey.models.load import ModelRef
from journey.schema import Problem, Question, decode, encode
from journey.store import Folder

NAME = "lm-eval"
PREFIX = "journey_"
_EXTRA = "pip install 'journey-learning[lm-eval]'"
_GRADING = '''"""Judges answers as journey-learning does; the package has to be installed."""

from journey.evaluate.harness import process_results

__all__ = ["process_results"]
'''


def process_results(doc: Mapping[str, Any], results: Sequence[str]) -> dict[str, float]:
    """Score one answer for the harness: 1 if our checker finds it correct, else 0.

    The harness does not say whether an answer was cut off at the cap; one that was counts here as if it had ended, which
    only matters for an answer stated in words without a box.
    """
    return {"acc": float(grade(decode(doc["problem"], Problem), results[0]).outcome == "correct")}


def installed() -> str:
    """The version of the harness. Raises UsageError where it is not installed."""
    try:
        return importlib.metadata.version("lm-eval")
    except importlib.metadata.PackageNotFoundError:
        raise UsageError("--harness lm-eval needs the package lm-eval, which is not installed", _EXTRA) from None


def recheck(finetuned: Path, settings: EvaluateSettings, tasks: Sequence[str], out: Path) -> Path:
    """Run the harness on the base and every adapter; gives the finished folder. Finished runs are not run again.

    Raises UsageError where the harness is not installed, or where neither a benchmark nor a task is named, and
    RemoteError where a task's data cannot be had.
    """
    out = Path(out)
    version = installed()
    if not settings.benchmarks and not tasks:
        raise UsageError("--harness lm-eval has nothing to run", "name --benchmarks of ours or --tasks of the harness")
    _check_tasks(tasks)
    opened = open_finished(finetuned, "finetune")
    prepared = prepare(opened, settings.model_copy(update={"strategy": ["greedy"]})) if settings.benchmarks else None
    runs = read_runs(opened)
    ref = prepared.ref if prepared else places.base_of(opened, settings.base)
    config = {
        "settings": settings.model_dump(mode="json", exclude={"workers", "base"}),
        "tasks": list(tasks),
        NAME: version,
    }
    with Folder.open(out, "harness", config, inputs={"finetune": opened.sha256}) as folder:
        if folder.finished:
            return out
        own = _write_tasks(folder, prepared) if prepared else []
        harness_runs = [RunInfo(BASE, BASE, None), *(run for run in runs if run.adapter is not None)]
        _run_all(folder, ref, opened, harness_runs, [*own, *tasks], settings)
        scores = tuple(score for run in harness_runs for score in _scores(folder, run))
        HarnessFile(f"{NAME} {version}", ref.name, scores).write(folder)
        folder.finish({"runs": len(harness_runs), "tasks": len({score.task for score in scores})})
    return out


def _check_tasks(tasks: Sequence[str]) -> None:
    """Raises UsageError for a task that the harness does not know."""
    if tasks:
        from lm_eval.tasks import TaskManager

        known = TaskManager().all_tasks
        unknown = [task for task in tasks if task not in known]
        if unknown:
            raise UsageError(f"the harness knows no task {', '.join(unknown)}", "see `lm_eval ls tasks`")


def plan(finetuned: Path, settings: EvaluateSettings, tasks: Sequence[str]) -> dict[str, Any]:
    """What `recheck` would run, for --dry-run. Raises what it raises for bad input."""
    version = installed()
    _check_tasks(tasks)
    opened = open_finished(finetuned, "finetune")
    runs = read_runs(opened)
    prepared = prepare(opened, settings) if settings.benchmarks else None
    own = {task_name(b.name): b.problems for b in prepared.plan.benchmarks} if prepared else {}
    return {
        "harness": f"{NAME} {version}",
        "runs": [BASE, *(run.run for run in runs if run.adapter is not None)],
        "our tasks, problems": own,
        "tasks of the harness": list(tasks),
        "new_tokens_at_most": prepared.plan.max_new_tokens if prepared else None,
    }


def said(score: TaskScore) -> str:
    """A score in words, e.g. "acc 0.875 on 40"."""
    numbers = [
        f"{name} {value:.3f}" for name, value in score.metrics.items() if "stderr" not in name and name != "sample_len"
    ]
    return f"{', '.join(numbers) or 'no metric'} on {score.n}"


def read(folder: Path) -> HarnessFile:
    """The scores of a finished harness folder. Raises what `open_finished` raises."""
    harness = open_finished(folder, "harness")
    return HarnessFile.parse(harness.read(HarnessFile.FILE), str(harness.path / HarnessFile.FILE))


def _write_tasks(folder: Folder, prepared: EvaluationSetup) -> list[str]:
    """Task files of our benchmarks, with prompts as text; gives the tasks' names."""
    names = []
    for info in prepared.plan.benchmarks:
        name = task_name(info.name)
        names.append(name)
        questions = prepared.questions[info.name]
        rows = [_document(question, prepared, info.name) for question in questions]
        folder.write(f"tasks/{name}.jsonl", b"".join(encode(row) + b"\n" for row in rows))
        task = {
            "task": name,
            "dataset_path": "json",
            "dataset_kwargs": {"data_files": {"test": str((folder.work / "tasks" / f"{name}.jsonl").resolve())}},
            "test_split": "test",
            "output_type": "generate_until",
            "doc_to_text": "{{prompt}}",
            "doc_to_target": "{{answer}}",
            "generation_kwargs": {"until": [], "do_sample": False, "max_gen_toks": prepared.plan.max_new_tokens},
            "metric_list": [{"metric": "acc", "aggregation": "mean", "higher_is_better": True}],
            "metadata": {"version": 1},
        }
        text = yaml.safe_dump(task, sort_keys=False) + "process_results: !function grading.process_results\n"
        folder.write(f"tasks/{name}.yaml", text.encode())
    folder.write("tasks/grading.py", _GRADING.encode())
    folder.write("tasks/README.md", _readme(names, prepared).encode())
    return names


def task_name(benchmark: str) -> str:
    """`countdown@1` as the harness calls it: journey_countdown_1."""
    return PREFIX + "".join(letter if letter.isalnum() else "_" for letter in benchmark)


def _document(question: Question, prepared: EvaluationSetup, benchmark: str) -> dict[str, str]:
    """One row: the prompt as text that gives exactly our token ids. Raises JourneyError where there is no such text."""
    ids = prepared.prompts[benchmark][question.id]
    text = str(prepared.tokenizer.decode(list(ids), clean_up_tokenization_spaces=False))
    if list(prepared.tokenizer(text, add_special_tokens=False)["input_ids"]) != list(ids):
        raise JourneyError(f"{benchmark}: the prompt of {question.id} cannot be given as text to the harness")
    return {
        "id": question.id,
        "prompt": text,
        "answer": question.problem.answer,
        "problem": encode(question.problem).decode(),
    }


def _readme(names: Sequence[str], prepared: EvaluationSetup) -> str:
    source = prepared.ref.name
    return f"""# Tasks for lm-evaluation-harness

    pip install lm-eval journey-learning
    lm_eval --model hf --include_path . --tasks {",".join(names)} --batch_size {prepared.plan.batch} \\
      --model_args pretrained={source},peft=ADAPTER_FOLDER,dtype=float32,add_bos_token=False --log_samples --output_path results

The prompts are whole: no chat template or special token is to be added. Answers are judged by journey-learning's checker.
The `data_files` in each task name the place where this folder was written; change them where it has been moved.
"""


def _run_all(
    folder: Folder,
    ref: ModelRef,
    finetuned: FinetunedFolder,
    runs: Sequence[RunInfo],
    tasks: Sequence[str],
    settings: EvaluateSettings,
) -> None:
    by_name = {run.run: run for run in runs}
    missing = [str(key) for key in folder.missing(by_name)]
    with console.progress("runs of the harness", len(runs), len(runs) - len(missing)) as ticker:
        for name in missing:
            adapter = by_name[name].adapter
            where = None if adapter is None else finetuned.file(adapter).parent
            outputs = _harness(ref, where, tasks, folder.work / "tasks", settings, finetuned.template)
            files: dict[str, Any] = {f"{name}/results.json": dump_json(outputs["results"])}
            for task, samples in outputs["samples"].items():
                files[f"{name}/{task}.jsonl"] = b"".join(encode(row) + b"\n" for row in _rows(samples))
            folder.write_shard(name, files, {"documents": {t: len(s) for t, s in outputs["samples"].items()}})
            ticker.advance(1, name)


def _harness(
    ref: ModelRef,
    adapter: Path | None,
    tasks: Sequence[str],
    folder: Path,
    settings: EvaluateSettings,
    template: TemplateFile | None,
) -> dict[str, Any]:
    """One run of the harness: `results` by task and `samples` by task."""
    import datasets
    import lm_eval
    from lm_eval.tasks import TaskManager
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    datasets.disable_progress_bars()
    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    device = load.best_device()
    arguments: dict[str, Any] = {
        "pretrained": ref.source,
        "dtype": "float32" if device == "cpu" else "bfloat16",
        "add_bos_token": False,  # the prompts of our tasks have theirs
    }
    if ref.revision:
        arguments["revision"] = ref.revision
    if adapter is not None:
        arguments["peft"] = str(adapter)
    # The harness knows a chat template alone: it is given the one that does by itself what the runs were trained with.
    tokenizer = policy.for_a_folder(load.load_tokenizer(ref), template)
    arguments["tokenizer"] = tokenizer
    templated = bool(tokenizer.chat_template)
    outputs: dict[str, Any] = {"results": {}, "samples": {}}
    manager = TaskManager(include_path=str(folder) if folder.is_dir() else None)
    for own in (True, False):
        chosen = [task for task in tasks if task.startswith(PREFIX) == own]
        if not chosen:
            continue
        if not own:
            arguments.pop("add_bos_token", None)
        try:
            result = lm_eval.simple_evaluate(
                model="hf",
                model_args=arguments,
                tasks=chosen,
                batch_size=settings.batch,
                device=device,
                limit=None if own else settings.limit,
                bootstrap_iters=0,
                log_samples=True,
                apply_chat_template=False if own else templated,
                task_manager=manager,
            )
        except (ConnectionError, FileNotFoundError) as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise RemoteError(f"the harness cannot load {', '.join(chosen)}: {reason}") from None
        assert result is not None
        outputs["results"] |= result["results"]
        outputs["samples"] |= result["samples"]
    return outputs


def _rows(samples: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """The harness's samples in the order of its documents, without what is the same in all."""
    for sample in sorted(samples, key=lambda one: one["doc_id"]):
        metrics = {name: sample[name] for name in sample.get("metrics") or () if name in sample}
        doc = sample["doc"]
        yield {
            "id": str(doc.get("id", sample["doc_id"])),
            "text": _text(sample["resps"]),
            "target": str(sample["target"]),
            **{name: float(value) for name, value in metrics.items() if isinstance(value, int | float)},
        }


def _text(responses: Any) -> str:
    while isinstance(responses, list | tuple) and responses:
        responses = responses[0]
    return str(responses)


def _scores(folder: Folder, run: RunInfo) -> Iterator[TaskScore]:
    results = msgspec.json.decode((folder.work / run.run / "results.json").read_bytes())
    counts = folder.counts(run.run)["documents"]
    for task, metrics in results.items():
        numbers = {name.removesuffix(",none"): float(v) for name, v in metrics.items() if isinstance(v, int | float)}
        yield TaskScore(run.run, run.arm, run.seed, task, int(counts.get(task, 0)), numbers)
