"""Traces per second and core of `generate`, against Stream of Search's published generator.

    python -P benchmarks/generate_speed.py [--peer PATH_TO/stream-of-search] [--count 400] [--pairs 100000]

Same task on both sides: Countdown with 4 numbers, targets 10-100, depth-first search with the sum heuristic. One
process, CPU time. Making the problem and searching are reported apart; the ratio is taken at equal trace text, by
counting characters per second as well as traces per second. The peer is a clone of github.com/kanishkg/stream-of-search
made by the user; nothing of it is in this project. Last, peak memory of `journey generate` at two counts.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import types
from pathlib import Path
from typing import Any

from journey.catalog import FAMILIES, METHODS
from journey.generate.made import Made
from journey.schema import encode
from journey.views import render

LEVEL = 3  # 4 numbers up to 99, target 10-100


def ours(count: int, options: dict[str, Any]) -> dict[str, Any]:
    """CPU seconds per trace of making problems, searching and telling, and encoding; mean characters."""
    family, method = FAMILIES.get("countdown")(), METHODS.get("search")
    search = method(method.Settings(**options))
    started = time.process_time()
    problems = [family.problem(0, index, LEVEL) for index in range(count)]
    made_problems = time.process_time()
    made = [search.make(problem, 0) for problem in problems]
    searched = time.process_time()
    kept = [item for item in made if isinstance(item, Made)]
    size = sum(len(encode(item.pair)) + len(encode(item.tree)) for item in kept)
    encoded = time.process_time()
    chars = [len(render(item.pair.journey, "think").text) for item in kept]
    total = encoded - started
    return {
        "options": options,
        "traces": len(kept),
        "solved": len(kept) / count,
        "problem_ms": 1000 * (made_problems - started) / count,
        "search_ms": 1000 * (searched - made_problems) / count,
        "encode_ms": 1000 * (encoded - searched) / count,
        "traces_per_second": len(kept) / total,
        "mean_chars": statistics.mean(chars),
        "chars_per_second": sum(chars) / total,
        "bytes_per_pair_and_tree": size / len(kept),
    }


def peer(folder: Path, count: int) -> dict[str, Any]:
    """The same of Stream of Search's own functions (`CountDown.generate`, `dfs`, sum heuristic)."""
    sys.path.insert(0, str(folder / "src"))
    sys.modules.setdefault("tiktoken", types.ModuleType("tiktoken"))  # imported there, not used by these functions
    from countdown import CountDown  # type: ignore[import-not-found]
    from countdown_dfs import dfs  # type: ignore[import-not-found]
    from countdown_utils import sum_heuristic  # type: ignore[import-not-found]

    random.seed(0)
    making = searching = 0.0
    chars, solved = [], 0
    for _ in range(count):
        started = time.process_time()
        target = random.randint(10, 100)
        numbers, _ = CountDown(100, 4).generate(target)
        made = time.process_time()
        text = dfs(target, numbers, heuristic=sum_heuristic, threshold=target)
        done = time.process_time()
        making, searching = making + made - started, searching + done - made
        chars.append(len(text))
        solved += "Goal Reached" in text
    total = making + searching
    return {
        "traces": count,
        "solved": solved / count,
        "problem_ms": 1000 * making / count,
        "search_ms": 1000 * searching / count,
        "traces_per_second": count / total,
        "mean_chars": statistics.mean(chars),
        "chars_per_second": sum(chars) / total,
    }


def memory(pairs: int) -> dict[str, Any]:
    """Wall seconds and peak resident memory of the whole command at one worker."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-P", "-m", "journey", "generate", "--family", "countdown", "--pairs", str(pairs)]
        started = time.time()
        subprocess.run([*command, "--workers", "1", "--out", f"{folder}/out"], check=True, capture_output=True)
        seconds = time.time() - started
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return {
        "pairs": pairs,
        "wall_seconds": seconds,
        "pairs_per_second": pairs / seconds,
        "largest_child_mib_so_far": peak,
    }


def main() -> None:
    """Measure and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", type=Path)
    parser.add_argument("--count", type=int, default=400)
    parser.add_argument("--pairs", type=int, default=100_000)
    args = parser.parse_args()
    pruned = {"order": "sum", "prune": True}
    found: dict[str, Any] = {
        "ours": [
            ours(args.count, pruned),
            ours(args.count, {"order": "sum", "exhaust": True}),
            ours(args.count, {"order": "sum"}),
        ]
    }
    if args.peer:
        found["peer"] = peer(args.peer, args.count)
        theirs = found["peer"]
        for mine in found["ours"]:
            mine["traces_per_second_over_peer"] = mine["traces_per_second"] / theirs["traces_per_second"]
            mine["chars_per_second_over_peer"] = mine["chars_per_second"] / theirs["chars_per_second"]
    found["memory"] = [memory(args.pairs // 10), memory(args.pairs)]
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
