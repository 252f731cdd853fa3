"""The folder of a run as `journey run` leaves it, with drawn outcomes: no pair is made, nothing trained and nothing asked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from journey.evaluate.planning.check import check_benchmarks
from journey.evaluate.planning.runs import pairs
from journey.evaluate.scoring.graded import read_book
from journey.evaluate.scoring.score import score_book
from journey.evaluate.statistics.verdict import declare
from journey.finetune.planning.check import labels
from journey.formats.files import json_lines, sha256_of
from journey.formats.marks import Timing
from journey.formats.plan import BenchmarkInfo, EvaluationPlan, RunInfo
from journey.formats.scores import Scores
from journey.rng import rng_for
from journey.sampling.shards import samples_folder
from journey.schema import Problem, Question, Sample
from journey.settings.recipe import RunSettings
from journey.store import Folder
from journey_testing.folders import finetune_files, run_file, write_folder

PROBLEMS = 120
Share = Callable[[str, int | None, RunSettings], float]  # (arm, seed, settings of the run) -> share of right answers


def run_folder(settings: RunSettings, out: Path, share: Share, asked: int = 0) -> Path:
    """Write finetune/ and evaluate/ below `out` where they are not; `asked` stands for other problems. Gives evaluate/."""
    arms = labels(settings.finetune)
    runs = [
        RunInfo(f"{arm.replace('@', '-').replace(' ', '-')}-s{seed}", arm, seed, "there", axis=axis)
        for arm, axis in arms
        for seed in range(settings.finetune.seeds)
    ]
    if not (out / "finetune").exists():
        files = finetune_files(run_file(run.run, run.arm, run.seed or 0) for run in runs)
        write_folder(out / "finetune", "finetune", files, config=settings.finetune.model_dump(mode="json"))
    return _evaluate(settings, out / "evaluate", runs, share, asked)


def _evaluate(settings: RunSettings, out: Path, runs: list[RunInfo], share: Share, asked: int) -> Path:
    names = list(check_benchmarks(settings.evaluate).values())
    infos, files, seconds = [], {}, {}
    for name in names:
        questions = [_question(name, number, asked) for number in range(PROBLEMS)]
        files[f"questions/{name}.jsonl"] = json_lines(questions)
        digest = sha256_of(files[f"questions/{name}.jsonl"])
        infos.append(BenchmarkInfo(name, PROBLEMS, "test", None, None, digest, "value"))
        for run in (RunInfo("base", "base", None), *runs):
            right = share(run.arm, run.seed, settings)
            folder = samples_folder(run.run, name, "greedy")
            files[f"{folder}/00000.jsonl"] = json_lines(_sample(q, run, right, n) for n, q in enumerate(questions))
            seconds[folder] = [0.1] * PROBLEMS
    declared: Any = declare(names, pairs(runs))
    plan = EvaluationPlan(
        base=settings.base,
        view="plain",
        runs=(RunInfo("base", "base", None), *runs),
        benchmarks=tuple(infos),
        primary=names[0],
        strategies=("greedy",),
        comparisons=tuple(declared),
        margin=settings.evaluate.margin,
        max_new_tokens=64,
        batch=8,
        dtype="float32",
        seed=settings.evaluate.seed,
    )
    with Folder.open(out, "evaluate", settings.evaluate.model_dump(mode="json")) as folder:
        if not folder.finished:
            for name, data in {EvaluationPlan.FILE: plan.encoded(), **files}.items():
                folder.write(name, data)
            book = read_book(folder, plan, seconds)
            book.resamples = 0
            folder.write(Scores.FILE, score_book(folder, book).encoded())
            folder.finish({}, Timing(seconds_per_sample=seconds))
    return out


def _question(benchmark: str, number: int, asked: int) -> Question:
    name = f"{benchmark}-{(7 * number) % PROBLEMS}"  # ids that are not in the order of the questions
    return Question(name, benchmark, Problem(id=name, question=f"How many? {asked}", answer="18", source="test"))


def _sample(question: Question, run: RunInfo, share: float, number: int) -> Sample:
    right = rng_for("scored run", run.arm, run.seed, number).random() < share
    return Sample(question.id, run.run, f"\\boxed{{{18 if right else 17}}}", 10, 0.0, "stop")
