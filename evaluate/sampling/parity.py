"""Parity checks: greedy answers given again by another way, and compared. Is a server exact? Does the batch flip answers?

`parity.json` compares a server's answers with the built-in sampler's, before the server is used; `flips.json` compares the
stored greedy answers with those written one prompt at a time, one row of every run side by side.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from journey import console
from journey.answers.grading import grade
from journey.evaluate.planning.plan import STACKED, EvaluationSetup
from journey.evaluate.planning.runs import by_base
from journey.evaluate.planning.sample_sets import sampled_runs
from journey.evaluate.sampling.run_samples import named_adapter, prompted_questions, worker_model
from journey.evaluate.sampling.serving import BASE_NAME, check_parity, check_served, serve_line
from journey.formats.files import read_lines
from journey.formats.folders import FinetunedFolder
from journey.formats.plan import RunInfo
from journey.formats.scores import Agreement, AgreementFile
from journey.models.endpoints import Endpoint, EndpointRef
from journey.sampling import workers
from journey.sampling.requests import PromptedQuestion, Text
from journey.sampling.shards import samples_folder
from journey.sampling.workers import WorkUnit
from journey.schema import Question, Sample
from journey.store import Folder

FLIPS = 16  # problems answered again one at a time, of all benchmarks together, where precision is low


def check_endpoint(
    folder: Folder, finetuned: FinetunedFolder, prepared: EvaluationSetup, problems: int, least: float
) -> list[Agreement]:
    """Before an endpoint is used: does it know every run, and answer as the built-in sampler does?

    Raises UsageError or JourneyError where it does not.
    """
    plan = prepared.plan
    line = serve_line(finetuned, prepared.ref, plan.runs, prepared.positions, plan.dtype)
    console.note(f"served by: {line}")
    if folder.has(AgreementFile.PARITY):
        return list(AgreementFile.read(folder.work, AgreementFile.PARITY).agreement)
    known = Endpoint(EndpointRef(BASE_NAME, plan.backend), use=prepared.servers).models()
    check_served(plan, known, [run.run for run in sampled_runs(plan)], line)
    agreements = _compare_all(finetuned, prepared, [plan.primary], problems, "built-in")
    check_parity(agreements, least)
    AgreementFile(tuple(agreements)).write(folder, AgreementFile.PARITY)
    return agreements


def flips(
    folder: Folder, finetuned: FinetunedFolder, prepared: EvaluationSetup, problems: int | None
) -> list[Agreement]:
    """Greedy answers again, one prompt at a time; in bfloat16 unless a number of problems of every benchmark is given."""
    plan = prepared.plan
    each = -(-FLIPS // len(plan.benchmarks))
    wanted = (each if plan.dtype == "bfloat16" else 0) if problems is None else problems
    if not wanted or plan.backend != STACKED:
        return []
    if folder.has(AgreementFile.FILE):
        return list(AgreementFile.read(folder.work).agreement)
    agreements = _compare_all(finetuned, prepared, [b.name for b in plan.benchmarks], wanted, "batch 1", folder)
    AgreementFile(tuple(agreements)).write(folder)
    return agreements


def _compare_all(
    finetuned: FinetunedFolder,
    prepared: EvaluationSetup,
    names: Sequence[str],
    problems: int,
    against: Any,
    stored: Folder | None = None,
) -> list[Agreement]:
    """Greedy answers of every run to the first problems: built in and one at a time, against those stored or served."""
    plan = prepared.plan
    agreements: list[Agreement] = []
    questions = {name: prepared.questions[name][:problems] for name in names}
    with console.progress(f"runs answering again ({against})", len(questions) * len(sampled_runs(plan))) as ticker:
        for name, of_benchmark in questions.items():
            batch = tuple(prompted_questions(prepared, name, of_benchmark))
            for runs in by_base(finetuned, sampled_runs(plan)):
                for one in _compare_group(finetuned, prepared, against, runs, of_benchmark, batch, stored):
                    agreements.append(one)
                    ticker.advance(1, one.run)
    return agreements


def _compare_group(
    finetuned: FinetunedFolder,
    prepared: EvaluationSetup,
    against: Any,
    infos: Sequence[RunInfo],
    questions: Sequence[Question],
    batch: tuple[PromptedQuestion, ...],
    stored: Folder | None,
) -> Iterator[Agreement]:
    """Runs of one base on one benchmark."""
    name = questions[0].benchmark
    runs = tuple(named_adapter(finetuned, info) for info in infos)
    served = replace(
        worker_model(prepared), cached=False
    )  # a server that was repaired meanwhile is judged as it is now
    built_in = replace(served, server=None, use=None)
    if stored is None:  # both ways, all runs together
        unit = WorkUnit(f"{name}/parity", runs, ("greedy",), batch, len(batch))
        ours, theirs = (next(workers.answer_all(model, [unit], 1)).written["greedy"] for model in (built_in, served))
        for (run, _), left, right in zip(runs, ours, theirs, strict=True):
            yield _agreement(against, run, questions, [texts[0] for texts in left], [texts[0] for texts in right])
        return
    # One row of every run: a step of decoding costs as much for one row as for all of them, and nothing is padded.
    alone = [
        WorkUnit(f"{name}/one/{number}", runs, ("greedy",), (question,), 1) for number, question in enumerate(batch)
    ]
    again = [result.written["greedy"] for result in workers.answer_all(built_in, alone, 1)]
    for index, (run, _) in enumerate(runs):
        files = stored.shards(samples_folder(run, name, "greedy"))
        before = {sample.question: sample for file in files for sample in read_lines(file, Sample)}
        texts = [of_question[index][0][0] for of_question in again]
        yield _agreement(against, run, questions, [before[question.id] for question in questions], texts)


def _agreement(
    against: Any,
    run: str,
    questions: Sequence[Question],
    ours: Sequence[Text | Sample],
    theirs: Sequence[Text | Sample],
) -> Agreement:
    texts = answers = outcomes = 0
    for question, left, right in zip(questions, ours, theirs, strict=True):
        one, two = (grade(question.problem, text.text, text.finish) for text in (left, right))
        texts += left.text != right.text
        answers += one.answer != two.answer
        outcomes += one.outcome != two.outcome
    return Agreement(against, run, questions[0].benchmark, len(questions), texts, answers, outcomes)
