"""Agreement of the locator with labels of people and other tools: precision, recall, and how far off, as a table.

    python benchmarks/locator_agreement.py ../shared/real

Reads BIG-Bench-Mistake's multistep arithmetic (the index of the first mistake, or none), Math-Shepherd's automatic labels and
PRM800K's chosen completions, in their own formats; then texts with mistakes whose truth is known, because they were put there
or come from a search with an exact solver.
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from journey import views
from journey.answers.grading import grade
from journey.catalog import FAMILIES, METHODS
from journey.generate.attempts.locate import locate
from journey.generate.made import MadePair
from journey.schema import Problem, problem_id
from journey.tables.problems import problems_of
from journey.tables.rows import UserTable
from journey.views import View

Labelled = tuple[str, list[str], int | None]  # question, steps, first wrong step (None: none)


def bigbench(folder: Path) -> Iterator[Labelled]:
    """Steps and the index of the first mistake."""
    for row in _rows(folder / "steps_bbmistake_multistep_arithmetic.jsonl"):
        yield row["input"], row["steps"], row["mistake_index"]


def shepherd(folder: Path) -> Iterator[Labelled]:
    """Steps with + or - at their ends."""
    for row in _rows(folder / "steps_mathshepherd_sample.jsonl"):
        question, *steps = re.split(r"(?=Step \d+: )", row["label"])
        signs = [step.rstrip()[-1] for step in steps]
        yield question, [step.rstrip()[:-1] for step in steps], signs.index("-") if "-" in signs else None


def prm800k(folder: Path) -> Iterator[Labelled]:
    """The completions that were gone on with, and the first that was rated -1."""
    for row in _rows(folder / "steps_prm800k_sample.jsonl"):
        steps, wrong = [], None
        for step in row["label"]["steps"]:
            chosen = step["chosen_completion"] or 0
            one = (step["completions"] or [{}])[chosen]
            steps.append(one.get("text", ""))
            if one.get("rating") == -1 and wrong is None:
                wrong = len(steps) - 1
                break
        yield row["question"]["problem"], steps, wrong


def _rows(path: Path) -> Iterator[dict]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def agreement(labelled: Iterator[Labelled]) -> Counter[str]:
    """Counts of what was found against what is labelled."""
    counts: Counter[str] = Counter()
    for question, steps, wrong in labelled:
        text, starts = "", []
        for step in steps:
            starts.append(len(text))
            text += step.strip() + "\n"
        found = locate(Problem(problem_id("locator", question), question, "0", "locator"), text, "wrong")
        at = None if found.span is None else max(n for n, start in enumerate(starts) if start < found.span[1])
        counts["answers"] += 1
        counts["with a mistake"] += wrong is not None
        counts["found"] += at is not None
        if at is not None:
            counts["in the labelled step"] += at == wrong
            counts["in an answer labelled right"] += wrong is None
            counts["earlier"] += wrong is not None and at < wrong
            counts["one step late"] += wrong is not None and at == wrong + 1
            counts["later"] += wrong is not None and at > wrong + 1
    return counts


def known_truth(problems: Iterable[Problem], method: str, view: View, count: int) -> Counter[str]:
    """Counts over journeys of a search, and over solutions with a slip that nobody notices; their shortcuts have none."""
    counts: Counter[str] = Counter()
    maker = METHODS.get(method)()
    for problem in problems:
        result = maker.make(problem, 0)
        if not isinstance(result, MadePair) or counts["answers"] == count:
            continue
        trace = result.pair.journey if method == "search" else maker.unnoticed(result.pair)
        if trace is None:
            continue
        rendered = views.render(trace, view)
        wrong = next((span for span in rendered.spans if span.role == "mistake"), None)
        shortcut = views.render(result.pair.shortcut, view).text
        counts["answers"] += 1
        counts["false alarms on the right path"] += locate(problem, shortcut, "correct").kind is not None
        if wrong is None:
            continue
        outcome = grade(problem, rendered.text).outcome
        found = locate(problem, rendered.text, outcome)
        counts["with a mistake"] += 1
        exact = found.span is not None and wrong.start < found.span[1] <= wrong.end + 8  # a verdict may follow it
        counts["found"] += found.span is not None
        counts["found at the mistake"] += exact
        counts["said to be the first"] += found.checked_first
        counts["of these at the mistake"] += found.checked_first and exact
    return counts


def made_here(folder: Path, count: int) -> dict[str, Counter[str]]:
    """The counts by source and view."""
    counted = {}
    for name, method, level in (("countdown", "search", 1), ("arithmetic", "slips", 1), ("arithmetic", "slips", 2)):
        family = FAMILIES.get(name)()
        for view in ("think", "compact"):
            problems = (family.problem(0, index, level) for index in range(4 * count))
            counted[f"{name}@{level}, {view}"] = known_truth(problems, method, view, count)
    counted["GSM8K, think"] = known_truth(
        problems_of(UserTable(str(folder / "gsm8k_train.jsonl"))), "slips", "think", count
    )
    return counted


def show(counted: dict[str, Counter[str]]) -> None:
    """Print counts in Markdown, a source a column."""
    names = list(dict.fromkeys(name for counts in counted.values() for name in counts))
    print("| | " + " | ".join(counted) + " |\n|---|" + "---:|" * len(counted))
    for name in names:
        print(f"| {name} | " + " | ".join(str(counts[name]) for counts in counted.values()) + " |")


def main() -> None:
    """Print the tables in Markdown."""
    folder = Path(sys.argv[1])
    sources = {"BIG-Bench-Mistake": bigbench, "Math-Shepherd": shepherd, "PRM800K": prm800k}
    counted = {name: agreement(read(folder)) for name, read in sources.items()}
    show(counted)
    for label, part, whole in (
        ("precision", "in the labelled step", "found"),
        ("recall", "in the labelled step", "with a mistake"),
    ):
        cells = [f"{c[part] / c[whole]:.0%}" if c[whole] else "n = 0" for c in counted.values()]
        print(f"| {label} | " + " | ".join(cells) + " |")
    print()
    show(made_here(folder, 300))


if __name__ == "__main__":
    main()
