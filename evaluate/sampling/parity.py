"""Parity checks: greedy answers given again by another way, and compared. Is a server exact? Does the batch flip answers?

`parity.json` compares a server's answers with the built-in sampler's, before the server is used; `flips.json` compares the
stored greedy answers with those written one prompt at a time, one row of every run side by side.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

from journey import console
from journey.answers.grading import grade
from journey.evaluate.planning.plan import STACKED, EvaluationSetup
from journey.evaluate.planning.runs import by_base, why_not_stacked
from journey.evaluate.planning.sample_sets import sampled_runs
from journey.evaluate.sampling.run_samples import named_adapter, prompted_questions, worker_model
from journey.evaluate.sampling.serving import check_parity, check_served, serve_line
from journey.formats.files import read_lines
from journey.formats.folders import FinetunedFolder
from journey.formats.plan import RunInfo
from journey.formats.scores import Agreement, AgreementFile
from journey.models.endpoints import Endpoint, EndpointRef
from journey.sampling import workers
from journey.sampling.requests import PromptedQuestion, Text, Written
from journey.sampling.shards import samples_folder
from journey.sampling.workers import WorkerModel, WorkUnit
from journey.schema import Question, Sample
from journey.servers.vllm import BASE_NAME
from journey.store import Folder

FLIPS = 16  # problems answered again one at a time, of all benchmarks together, where precision is low


@dataclass(frozen=True)
class ParityAnswers:
    """The built-in sampler's greedy answers to the first problems of the headline's benchmark, unit by unit."""

    questions: list[Question]
    units: list[WorkUnit]
    written: list[Written]


def is_known(folder: Folder) -> bool:
    """Whether the check has been made, and passed."""
    return folder.has(AgreementFile.PARITY)


def refuse_others(finetuned: FinetunedFolder, prepared: EvaluationSetup) -> None:
    """Raises UsageError where the server does not know a run by its name."""
    assert prepared.server is not None
    known = Endpoint(EndpointRef(BASE_NAME, prepared.server.url), use=prepared.servers).models()
    wanted = [run.run for run in sampled_runs(prepared.plan)]
    check_served(prepared.plan, known, wanted, serve_line(finetuned, prepared))


def built_in(
    finetuned: FinetunedFolder, prepared: EvaluationSetup, problems: int, *, apart: bool = False
) -> ParityAnswers:
    """What the built-in sampler answers, all runs together; `apart`: in a process that has ended on return."""
    name = prepared.plan.primary
    questions = prepared.questions[name][:problems]
    batch = tuple(prompted_questions(prepared, name, questions))
    runs = sampled_runs(prepared.plan)
    alone = bool(why_not_stacked(finetuned, runs))
    units = []
    for infos in by_base(finetuned, runs, apart=alone):
        named = tuple(named_adapter(finetuned, info) for info in infos)
        units.append(WorkUnit(f"{name}/parity/{named[0][0]}", named, ("greedy",), batch, len(batch)))
    model = replace(worker_model(prepared), server=None, use=None, one_by_one=alone)
    return ParityAnswers(questions, units, _greedy(model, units, "built-in", apart=apart))


def check(
    folder: Folder, finetuned: FinetunedFolder, prepared: EvaluationSetup, ours: ParityAnswers, least: float
) -> list[Agreement]:
    """Ask the server the same, and keep how often it agrees. Raises JourneyError where that is too seldom."""
    # A server that was repaired meanwhile is judged as it is now.
    theirs = _greedy(replace(worker_model(prepared), cached=False), ours.units, "server")
    agreements = [
        _agreement("built-in", run, ours.questions, [texts[0] for texts in left], [texts[0] for texts in right])
        for unit, mine, other in zip(ours.units, ours.written, theirs, strict=True)
        for (run, _), left, right in zip(unit.runs, mine, other, strict=True)
    ]
    check_parity(agreements, least)
    AgreementFile(tuple(agreements)).write(folder, AgreementFile.PARITY)
    return agreements


def _greedy(model: WorkerModel, units: Sequence[WorkUnit], who: str, *, apart: bool = False) -> list[Written]:
    """The greedy answers of all units, in their order."""
    by_key: dict[str, Written] = {}
    with (
        console.progress(f"parity answers ({who})", len(units)) as ticker,
        closing(workers.answer_all(model, units, 1, apart=apart)) as results,
    ):
        for result in results:
            by_key[result.key] = result.written["greedy"]
            ticker.advance(1)
    return [by_key[unit.key] for unit in units]


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
    agreements = _again(finetuned, prepared, wanted, folder)
    AgreementFile(tuple(agreements)).write(folder)
    return agreements


def _again(finetuned: FinetunedFolder, prepared: EvaluationSetup, problems: int, stored: Folder) -> list[Agreement]:
    """Greedy answers of every run to the first problems, one at a time, against those stored."""
    runs, names = sampled_runs(prepared.plan), [benchmark.name for benchmark in prepared.plan.benchmarks]
    agreements: list[Agreement] = []
    with console.progress("runs answering again (batch 1)", len(names) * len(runs)) as ticker:
        for name in names:
            questions = prepared.questions[name][:problems]
            batch = tuple(prompted_questions(prepared, name, questions))
            for infos in by_base(finetuned, runs):
                for one in _group_again(finetuned, prepared, infos, questions, batch, stored):
                    agreements.append(one)
                    ticker.advance(1, one.run)
    return agreements


def _group_again(
    finetuned: FinetunedFolder,
    prepared: EvaluationSetup,
    infos: Sequence[RunInfo],
    questions: Sequence[Question],
    batch: tuple[PromptedQuestion, ...],
    stored: Folder,
) -> Iterator[Agreement]:
    """Runs of one base on one benchmark."""
    name = questions[0].benchmark
    runs = tuple(named_adapter(finetuned, info) for info in infos)
    # One row of every run: a step of decoding costs as much for one row as for all of them, and nothing is padded.
    alone = [
        WorkUnit(f"{name}/one/{number}", runs, ("greedy",), (question,), 1) for number, question in enumerate(batch)
    ]
    again = [result.written["greedy"] for result in workers.answer_all(worker_model(prepared), alone, 1)]
    for index, (run, _) in enumerate(runs):
        files = stored.shards(samples_folder(run, name, "greedy"))
        before = {sample.question: sample for file in files for sample in read_lines(file, Sample)}
        texts = [of_question[index][0][0] for of_question in again]
        yield _agreement("batch 1", run, questions, [before[question.id] for question in questions], texts)


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
        # Two texts that end without an answer agree in nothing by that: there, the texts decide.
        answers += one.answer != two.answer or (one.answer is None and left.text != right.text)
        outcomes += one.outcome != two.outcome
    return Agreement(against, run, questions[0].benchmark, len(questions), texts, answers, outcomes)
