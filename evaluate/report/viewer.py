"""The browsable answers: which problems go into the page, with every run's answer to each, graded from its text.

A page must stay small enough to open and to send. Where not all problems fit, those on which the arms disagree are
preferred, two for each other one, in the order of the questions; the page says how many of how many it shows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from journey.evaluate.results import Plan
from journey.evaluate.verdict import BASE
from journey.grading import grade
from journey.schema import Problem, Question, Sample, encode
from journey.store import read_shard, shards

BUDGET = 4_000_000  # bytes of embedded answers; the page around them is some 100 kB
HEAD, TAIL = 4_500, 1_500  # characters shown of a longer text
_SAFE = str.maketrans({c: f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"})


def embedded(folder: Path, plan: Plan, budget: int = BUDGET) -> str:
    """The viewer's data as JSON that can stand inside a script element: no `<`, `>` or `&` in it.

    `{"runs": [{run, arm, seed}], "pairs": [[first, second]], "strategy": name, "benchmarks": [{name, total, problems:
    [{id, question, gold, check, answers: one a run, null or [outcome, cut, tokens, answer, why, text]}]}]}`.
    """
    pairs = [pair for pair in dict.fromkeys((item.first, item.second) for item in plan.comparisons) if BASE not in pair]
    chosen, totals = _fitting([_candidates(folder, plan, b.name, pairs) for b in plan.benchmarks], budget)
    return _safe(
        {
            "runs": [{"run": run.run, "arm": run.arm, "seed": run.seed} for run in plan.runs],
            "pairs": pairs,
            "strategy": plan.strategies[0] if plan.strategies else "",
            "benchmarks": [
                {"name": benchmark.name, "total": total, "problems": problems}
                for benchmark, problems, total in zip(plan.benchmarks, chosen, totals, strict=True)
            ],
        }
    )


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
    samples = [_samples(folder / "samples" / run.run / name / plan.strategies[0]) for run in plan.runs]
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
    cut = sample.finish == "length"
    return [outcome, cut, sample.tokens, answer and shortened(answer), why, shortened(sample.text)]


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


def _fitting(candidates: list[list[dict[str, Any]]], budget: int) -> tuple[list[list[dict[str, Any]]], list[int]]:
    """What fits: the benchmarks in turn, each by `_preferred`, then back in the order asked; and how many there were."""
    queues = [_preferred(problems) for problems in candidates]
    taken: list[set[int]] = [set() for _ in candidates]
    open_ = set(range(len(candidates)))
    while open_:
        for place in sorted(open_):
            index = next(queues[place], None)
            size = 0 if index is None else len(_safe(candidates[place][index]).encode())
            if index is None or size > budget:
                open_.discard(place)
                continue
            budget -= size
            taken[place].add(index)
    for problems in candidates:
        for problem in problems:
            del problem["differ"]
    chosen = [[p for i, p in enumerate(problems) if i in taken[at]] for at, problems in enumerate(candidates)]
    return chosen, [len(problems) for problems in candidates]


def _preferred(problems: list[dict[str, Any]]) -> Iterator[int]:
    """Places of the problems, two on which the arms disagree for each other one, both in the order asked."""
    differ = iter([i for i, problem in enumerate(problems) if problem["differ"]])
    alike = iter([i for i, problem in enumerate(problems) if not problem["differ"]])
    for _ in problems:
        yield from (i for i in (next(differ, None), next(differ, None), next(alike, None)) if i is not None)


def _safe(data: Any) -> str:
    """JSON in which nothing can end a script element or start a tag or a comment."""
    return encode(data).decode().translate(_SAFE)
