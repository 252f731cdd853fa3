"""Seconds and size of a report rebuilt from stored samples, without a model.

    python -P benchmarks/report_speed.py [--problems 1319] [--seeds 3] [--steps 12] [FOLDER]

Without a folder it writes a synthetic evaluation (base and three arms) of so many problems into a temporary place. Its texts
resemble each other more than real ones, so its page is smaller. With a folder it rebuilds that one's report. Reading, grading
and marking the answers, which takes most of the time, is timed apart too.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from pathlib import Path

from journey.evaluate.report import build, viewer
from journey.formats.folders import open_finished

SUPPORT = Path(__file__).resolve().parent.parent / "tests" / "support"


def synthetic(at: Path, problems: int, seeds: int, steps: int) -> Path:
    """A synthetic evaluation folder of word problems, as the tests make it."""
    sys.path.append(str(SUPPORT))
    from journey_testing import synthetic_evaluation

    made: Path = synthetic_evaluation.folder(
        at, problems={"arithmetic": problems}, seeds=seeds, steps=steps, hostile=False
    )
    return made


def measure(folder: Path) -> dict[str, float]:
    """Rebuild the report; seconds of all and of the answers alone, and what came out."""
    evaluated = open_finished(folder, "evaluate")
    plan = evaluated.plan
    started = time.perf_counter()
    answers = viewer.unpacked(viewer.embedded(evaluated))
    middle, used = time.perf_counter(), cpu_seconds()
    page = build.build(evaluated)[0]
    ended = time.perf_counter()
    asked = sum(benchmark.problems for benchmark in plan.benchmarks)
    return {
        "answers": asked * len(plan.runs),
        "seconds": round(ended - middle, 2),
        "cpu_seconds": round(cpu_seconds() - used, 2),
        "seconds_answers": round(middle - started, 2),
        "page_mb": round(page.stat().st_size / 1e6, 2),
        "samples_mb": round(sum(path.stat().st_size for path in folder.glob("samples/**/*.jsonl")) / 1e6, 2),
        "problems_shown": sum(len(benchmark["problems"]) for benchmark in answers["benchmarks"]),
        "problems_asked": asked,
    }


def cpu_seconds() -> float:
    """Of this process and those that it started and that have ended."""
    return sum(
        u.ru_utime + u.ru_stime for u in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def main() -> None:
    """Print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--problems", type=int, default=1319)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=12, help="dead ends in a journey's text, at most")
    asked = parser.parse_args()
    if asked.folder is not None:
        print(json.dumps(measure(asked.folder)))
        return
    with tempfile.TemporaryDirectory() as place:
        print(json.dumps(measure(synthetic(Path(place) / "evaluation", asked.problems, asked.seeds, asked.steps))))


if __name__ == "__main__":
    main()
