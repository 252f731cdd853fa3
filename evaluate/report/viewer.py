"""The browsable answers: which problems go into the page, with every run's answer to each, graded from its text.

They are embedded compressed (gzip in base64, which browsers unpack themselves), since a page must stay small enough to
open and to send. Where not all problems fit, those on which the arms disagree are preferred, two for each other one, in
the order of the questions; the page says how many of how many it shows.
"""

from __future__ import annotations

import base64
import gzip
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from journey.evaluate.report.marks import KINDS, marks
from journey.evaluate.results import Plan
from journey.evaluate.verdict import BASE
from journey.grading import grade
from journey.schema import Problem, Question, Sample, decode, encode
from journey.store import read_shard, shards

BUDGET = 4_200_000  # characters in the page; what stands around them is some 300 kB
LARGEST = 60_000_000  # bytes unpacked, which a browser still handles at once
HEAD, TAIL = 4_500, 1_500  # characters shown of a longer text


def embedded(folder: Path, plan: Plan, budget: int = BUDGET) -> str:
    """The viewer's data in base64 of gzip of JSON:

    `{"runs": [{run, arm, seed}], "pairs": [[first, second]], "strategy": name, "kinds": [of marks], "benchmarks": [{name,
    total, problems: [{id, question, gold, check, answers: one a run, null or [outcome, cut, tokens, answer, why, text,
    marks]}]}]}`; marks are `[kind, start, end, kind, ...]` in units of UTF-16, as scripts count.
    """
    pairs = [pair for pair in dict.fromkeys((item.first, item.second) for item in plan.comparisons) if BASE not in pair]
    candidates = [_candidates(folder, plan, b.name, pairs) for b in plan.benchmarks]
    queues = [list(_preferred(problems)) for problems in candidates]
    for problems in candidates:
        for problem in problems:
            del problem["differ"]
    frame = {
        "runs": [{"run": run.run, "arm": run.arm, "seed": run.seed} for run in plan.runs],
        "pairs": pairs,
        "strategy": plan.policy(plan.strategies[0]) if plan.strategies else "",
        "kinds": KINDS,
        "view": plan.view,
    }
    names = [benchmark.name for benchmark in plan.benchmarks]
    return _fitting(frame, names, candidates, queues, budget)


def unpacked(text: str) -> Any:
    """What `embedded` packed."""
    return decode(gzip.decompress(base64.b64decode(text)), dict[str, Any])


def shortened(text: str) -> str:
    """A very long text without its middle, and how much is left out; the answer stands at the end."""
    left_out = len(text) - HEAD - TAIL
    if left_out <= 0:
        return text
    note = f"\n[... {left_out:,} characters left out here; the folder's samples/ has them ...]\n"
    return text[:HEAD] + note + text[-TAIL:]


def _candidates(folder: Path, plan: Plan, benchmark: str, pairs: Sequence[Sequence[str]]) -> list[dict[str, Any]]:
    """Every problem of a benchmark with its answers, in the order asked; `differ` where a pair of arms disagrees."""
    name = benchmark.replace("/", "--")
    questions = folder / "questions" / f"{name}.jsonl"
    if not questions.is_file() or not plan.strategies:
        return []
    draw = plan.draw_of(plan.strategies[0])
    samples = [_samples(folder / "samples" / run.run / name / draw) for run in plan.runs]
    found = []
    for question in read_shard(questions, Question):
        problem = question.problem
        given = [by_question.get(question.id) for by_question in samples]
        answers = [None if sample is None else _answer(problem, sample) for sample in given]
        found.append(
            {
                "id": question.id,
                "question": shortened((plan.view == "compact" and problem.brief) or problem.question),
                "gold": problem.answer,
                "check": problem.check,
                "answers": answers,
                "differ": _disagree(plan, pairs, answers),
            }
        )
    return found


def _samples(folder: Path) -> dict[str, Sample]:
    """One answer to each question; of several (a strategy that draws more than one) the first."""
    found: dict[str, Sample] = {}
    for path in shards(folder.parent, folder.name):
        for sample in read_shard(path, Sample):
            found.setdefault(sample.question, sample)
    return found


def _answer(problem: Problem, sample: Sample) -> list[Any]:
    outcome, answer, why = grade(problem, sample.text, sample.finish)
    text = shortened(sample.text)
    return [outcome, sample.finish == "length", sample.tokens, answer and shortened(answer), why, text, _marks(text)]


def _marks(text: str) -> list[int]:
    """Kind, start and end of each mark; a character beyond the first 65,536 counts two, as in a script."""
    found = marks(text)
    flat = [each for mark in found for each in (KINDS.index(mark.kind), mark.start, mark.end)]
    if text.isascii() or all(c <= "\uffff" for c in text):
        return flat
    places = [0]
    for character in text:
        places.append(places[-1] + 1 + (character > "\uffff"))
    return [each if at % 3 == 0 else places[each] for at, each in enumerate(flat)]


def _disagree(plan: Plan, pairs: Sequence[Sequence[str]], answers: Sequence[list[Any] | None]) -> bool:
    right = {
        (run.arm, run.seed): answer[0] == "correct"
        for run, answer in zip(plan.runs, answers, strict=True)
        if answer is not None
    }
    seeds = {run.seed for run in plan.runs}
    return any(
        right[first, seed] != right[second, seed]
        for first, second in pairs
        for seed in seeds
        if (first, seed) in right and (second, seed) in right
    )


def _fitting(
    frame: dict[str, Any],
    names: Sequence[str],
    candidates: Sequence[list[dict[str, Any]]],
    queues: Sequence[list[int]],
    budget: int,
) -> str:
    """As many problems as fit, up to the same number of each benchmark: at first all of them, then fewer."""
    most = max(map(len, queues), default=0)
    while True:
        benchmarks = []
        for name, problems, queue in zip(names, candidates, queues, strict=True):
            taken = sorted(queue[:most])
            benchmarks.append({"name": name, "total": len(problems), "problems": [problems[at] for at in taken]})
        data = encode({**frame, "benchmarks": benchmarks})
        text = base64.b64encode(gzip.compress(data, 6, mtime=0)).decode() if len(data) <= LARGEST or not most else ""
        if text and (len(text) <= budget or not most):
            return text
        too_much = len(text) / budget if text else len(data) / LARGEST
        most = int(most * min(0.97, 0.99 / too_much))


def _preferred(problems: list[dict[str, Any]]) -> Iterator[int]:
    """Places of the problems, two on which the arms disagree for each other one, both in the order asked."""
    differ = iter([i for i, problem in enumerate(problems) if problem["differ"]])
    alike = iter([i for i, problem in enumerate(problems) if not problem["differ"]])
    for _ in problems:
        yield from (i for i in (next(differ, None), next(differ, None), next(alike, None)) if i is not None)
