"""The answer viewer's data: which problems go into the page, with every run's answer to each, graded from its text.

They are embedded compressed (gzip in base64, which browsers unpack themselves), since a page must stay small enough to
open and to send. Where not all problems fit, those on which the arms disagree are preferred, two for each other one, in
the order of the questions; the page says how many of how many it shows.
"""

from __future__ import annotations

import base64
import gzip
from collections.abc import Iterator, Sequence
from typing import Any

from journey.evaluate.report.answers import KINDS, Answer, answers, shortened
from journey.evaluate.statistics.verdict import BASE
from journey.formats.folders import EvaluatedFolder
from journey.formats.plan import EvaluationPlan
from journey.schema import decode, encode

BUDGET = 4_200_000  # characters in the page; what stands around them is some 300 kB
LARGEST = 60_000_000  # bytes unpacked, which a browser still handles at once


def embedded(evaluated: EvaluatedFolder, budget: int = BUDGET) -> str:
    """The viewer's data in base64 of gzip of JSON:

    `{"runs": [{run, arm, seed}], "pairs": [[first, second]], "strategy": name, "kinds": [of marks], "benchmarks": [{name,
    total, problems: [{id, question, gold, check, answers: one a run, null or [outcome, cut, tokens, answer, why, text,
    marks]}]}]}`; marks are `[kind, start, end, kind, ...]` in units of UTF-16, as scripts count.
    """
    plan = evaluated.plan
    pairs = [pair for pair in dict.fromkeys((item.first, item.second) for item in plan.comparisons) if BASE not in pair]
    candidates = [_candidates(evaluated, b.name, pairs) for b in plan.benchmarks]
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


def _candidates(evaluated: EvaluatedFolder, benchmark: str, pairs: Sequence[Sequence[str]]) -> list[dict[str, Any]]:
    """Every problem of a benchmark with its answers, in the order asked; `differ` where a pair of arms disagrees."""
    plan = evaluated.plan
    if not plan.strategies:
        return []
    draw = plan.draw_of(plan.strategies[0])
    questions = list(evaluated.questions(benchmark))
    folders = [(run.run, evaluated.shards(f"samples/{run.run}/{benchmark}/{draw}")) for run in plan.runs]
    given = answers(evaluated.file(f"questions/{benchmark}.jsonl"), folders, len(questions))
    rows = []
    for question in questions:
        problem = question.problem
        of_runs = [of_run.get(question.id) for of_run in given]
        rows.append(
            {
                "id": question.id,
                "question": shortened((plan.view == "compact" and problem.brief) or problem.question),
                "gold": problem.answer,
                "check": problem.check,
                "answers": of_runs,
                "differ": _disagree(plan, pairs, of_runs),
            }
        )
    return rows


def _disagree(plan: EvaluationPlan, pairs: Sequence[Sequence[str]], of_runs: Sequence[Answer | None]) -> bool:
    right = {
        (run.arm, run.seed): answer[0] == "correct"
        for run, answer in zip(plan.runs, of_runs, strict=True)
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
            benchmarks.append({"name": name, "total": len(problems), "problems": [problems[index] for index in taken]})
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
