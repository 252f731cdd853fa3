"""Speed of attempts: what grading and locating cost beside the sampling itself, and pairs a second and core from them.

    python benchmarks/attempts_speed.py [PROBLEMS] [ROUNDS]

CPU time of one process throughout, so that a busy machine counts for little; the same requests are sampled with nothing around.
Both are timed in every round, each first in every other one, and the ratio is of the medians. On a machine whose speed varies from
minute to minute that ratio does too; what the pass does outside the sampler, timed within the pass, hardly does.
"""

from __future__ import annotations

import gc
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from journey.catalog import METHODS
from journey.config import SampleSettings
from journey.generate import sample as stage
from journey.generate.attempts import drawing, groups
from journey.generate.attempts.policies import find_policies
from journey.generate.made import MadePair
from journey.sampling import workers


def main() -> None:
    """Print the figures."""
    problems, rounds = (int(given) for given in (*sys.argv[1:], *("100", "5")[len(sys.argv) - 1 :]))
    settings = SampleSettings(family="arithmetic@1", limit=problems, policy=["pocket"], k=8, max_new_tokens=64)
    group = groups.group_of(0, find_policies(settings), stage.load_problems(settings), settings, {})
    assert isinstance(group, groups.BaseGroup)
    shards = range(len(group.shards))
    units = [group.unit(group.key(n), drawing.first_round(None, group, n)) for n in shards]  # type: ignore[arg-type]
    list(workers.answer_all(group.model, units[:1], 1))  # the first time pays for what is loaded once

    def alone() -> None:
        list(workers.answer_all(group.model, units, 1))

    times: dict[str, list[float]] = {"alone": [], "whole": [], "outside": []}

    def whole() -> None:
        inside, started = 0.0, time.process_time()

        def answers(*given: Any, **options: Any) -> Iterator[Any]:
            nonlocal inside
            results = workers.answer_all(*given, **options)
            while True:
                before = time.process_time()
                result = next(results, None)
                inside += time.process_time() - before
                if result is None:
                    return
                yield result

        with tempfile.TemporaryDirectory() as folder, mock.patch.object(groups, "workers", _With(workers, answers)):
            stage.sample(settings, Path(folder) / "a", workers=1)
        times["outside"].append((time.process_time() - started) / inside - 1)

    for number in range(rounds):
        for name, timed in sorted({"alone": alone, "whole": whole}.items(), reverse=bool(number % 2)):
            gc.collect()  # neither pays for what the other left
            started = time.process_time()
            timed()
            times[name].append(time.process_time() - started)
    middle = {name: statistics.median(each) for name, each in times.items()}
    ratios = [whole / alone for alone, whole in zip(times["alone"], times["whole"], strict=True)]
    print(
        f"{problems * 9:,} attempts: sampling alone {middle['alone']:.1f} s, journey sample {middle['whole']:.1f} s, "
        f"ratio {middle['whole'] / middle['alone']:.3f} ({rounds} rounds, each {min(ratios):.3f} to {max(ratios):.3f}); outside the sampler {middle['outside']:.1%} of its time "
        f"({min(times['outside']):.1%} to {max(times['outside']):.1%})"
    )
    print(f"matched pairs of countdown@1: {_pairs_a_second(problems):,.0f} a second and core")


class _With:
    """A module with another `answer_all`."""

    def __init__(self, module: Any, answer_all: Any) -> None:
        self.module, self.answer_all = module, answer_all

    def __getattr__(self, name: str) -> Any:
        return getattr(self.module, name)


def _pairs_a_second(problems: int) -> float:
    """Pairs of all three kinds a second, from attempts of a policy that guesses."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
    from journey_testing.attempts import attempted

    tried = attempted(problems, 8)
    readers = [METHODS.get(name)() for name in ("own", "injected", "profiled")]
    started = time.process_time()
    results = [reader.make_of(each, 0) for each in tried for reader in readers]
    return sum(isinstance(each, MadePair) for each in results) / (time.process_time() - started)


if __name__ == "__main__":
    main()
