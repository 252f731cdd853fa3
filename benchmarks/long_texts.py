"""Seconds that a text of a megabyte takes in the readers of answers and solutions, the worst of many shapes each.

    python -P benchmarks/long_texts.py [--megabytes 1]

Half and the whole length are timed, and the ratio printed: 2 is linear, 4 is quadratic.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable

from journey.answers import checker
from journey.answers.equations import equations, read_solution
from journey.generate.imports import formats
from journey.generate.imports.readers import cells
from journey.generate.imports.records import ImportedProblem
from journey.generate.imports.settings import ImportSettings
from journey.generate.methods.imported import Import
from journey.generate.methods.slips import Slips
from journey.schema import Problem

UNITS = (
    "#### 1\n", "#### x\n", "answer is ", "answer is 1 ", "\\boxed{", "\\boxed{1} ", "{", "}", "\\", "(", ")", "- ", "1=", "1+", "1+1=2 ", "(1=1) ", "1", "1,",
    "1,000", " ", "\n", "<<", "<<1+1=2>>", "He has 48/2=<<48/2=24>>24 of them. ", "Mr. A. ", "twenty-", "<think>", "*_", "\x1b[", "x ",
    "1+1=2. ", "2*3+4=10\n", "12+3/4=2;", "3.5*2=7. ", "(1+1)*2=4, ",
)  # fmt: skip


def _slips(text: str) -> None:
    Slips().make(Problem("p", "He has 48 eggs. How many?", "24", "long", solution=f"{text}\n#### 24"), 0)


READERS: dict[str, Callable[[str], object]] = {
    "extract": checker.extract,
    "grade": lambda text: checker.grade("24", text),
    "compare": lambda text: checker.compare("24", text),
    "pair of a solution": _slips,
    "pair of a trace of 200,000 characters": lambda text: _trace(text[: cells.LONGEST - 100]),
    "equations of any text": lambda text: sum(1 for _ in equations(text)),
    "solution of 20,000 characters": lambda text: _read(text[:20_000]),
}


def _trace(text: str) -> None:
    said = f"<think>\n{text}\n</think>\nThe answer is \\boxed{{24}}."
    row = {"messages": [{"role": "user", "content": "How many?"}, {"role": "assistant", "content": said}]}
    read = formats.named("messages").read(cells.TraceRow(row, "line 1", {}))
    asked = ImportedProblem(Problem("p", "How many?", "24", "long"), read.answers)
    Import(ImportSettings(format="messages")).make_of_traces(asked, 0)


def _read(text: str) -> None:
    try:
        read_solution(text)
    except ValueError:
        pass  # an annotation that is no equation


def seconds(read: Callable[[str], object], text: str) -> float:
    """Of the processor, for one call."""
    started = time.process_time()
    read(text)
    return time.process_time() - started


def main() -> None:
    """Time every reader on every shape, print the worst of each."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--megabytes", type=float, default=1.0)
    length = int(parser.parse_args().megabytes * 1e6)
    for name, read in READERS.items():
        took = {unit: seconds(read, unit * (length // len(unit))) for unit in UNITS}
        worst = max(UNITS, key=lambda unit: took[unit])
        half = seconds(read, worst * (length // 2 // len(worst)))
        print(
            json.dumps(
                {
                    "reader": name,
                    "worst": worst,
                    "seconds": round(took[worst], 2),
                    "ratio": round(took[worst] / max(half, 1e-6), 1),
                }
            )
        )


if __name__ == "__main__":
    main()
