"""Speed of attempts: what grading and locating cost beside the sampling itself, and pairs a second and core from them.

    python benchmarks/attempts_speed.py [PROBLEMS] [ROUNDS]

CPU time of one process throughout, so that a busy machine counts for little. The speed of a machine varies by more than what is
measured here, and from second to second: so the same requests are sampled with nothing around shard by shard, in turn with the
pass, each first at every other one, and the ratio is of all seconds.
"""

from __future__ import annotations

import gc
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

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
    turns = []
    for number in range(rounds):
        gc.collect()  # no round pays for what the others left
        turns.append(_in_turn(settings, group.model, units, number))
    alone, inside, outside = (
        np.array([np.sum(turn[name]) for turn in turns]) for name in ("alone", "inside", "outside")
    )
    ratios = (inside + outside) / alone
    print(
        f"{problems * 9:,} attempts: sampling alone {alone.mean():.1f} s, journey sample {(inside + outside).mean():.1f} s, "
        f"ratio {(inside + outside).sum() / alone.sum():.3f} ({rounds} rounds, each {ratios.min():.3f} to {ratios.max():.3f}); "
        f"outside the sampler {outside.sum() / inside.sum():.1%} of its time"
    )
    speeds = _pairs_a_second(problems, rounds)
    print(
        f"matched pairs of countdown@1: {statistics.median(speeds):,.0f} a second and core ({rounds} rounds, {min(speeds):,.0f} to {max(speeds):,.0f})"
    )


def _in_turn(settings: SampleSettings, model: Any, units: Sequence[Any], number: int) -> dict[str, Any]:
    """Seconds of sampling `alone` and of the pass's own sampling (`inside`) by shard, in turn, and of all else in the pass."""
    spent: dict[str, Any] = {"alone": [], "inside": []}

    def timed(name: str, results: Iterator[Any]) -> Any:
        before = time.process_time()
        result = next(results, None)
        spent[name].append(time.process_time() - before)
        return result

    def answers(*given: Any, **options: Any) -> Iterator[Any]:
        alone, inside = workers.answer_all(model, units, 1), workers.answer_all(*given, **options)
        for place in range(len(units) + 1):  # the last one ends both
            if first := (number + place) % 2:
                timed("alone", alone)
            result = timed("inside", inside)
            if not first:
                timed("alone", alone)
            if result is not None:
                yield result

    with tempfile.TemporaryDirectory() as folder, mock.patch.object(groups, "workers", _With(workers, answers)):
        started = time.process_time()
        stage.sample(settings, Path(folder) / "a", workers=1)
        spent["outside"] = time.process_time() - started - sum(spent["alone"]) - sum(spent["inside"])
    return spent


class _With:
    """A module with another `answer_all`."""

    def __init__(self, module: Any, answer_all: Any) -> None:
        self.module, self.answer_all = module, answer_all

    def __getattr__(self, name: str) -> Any:
        return getattr(self.module, name)


def _pairs_a_second(problems: int, rounds: int) -> list[float]:
    """Pairs of all three kinds a second, from attempts of a policy that guesses, in rounds that read every attempt anew."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
    from journey_testing.attempts import attempted

    readers = [METHODS.get(name)() for name in ("own", "injected", "profiled")]
    tried, speeds = attempted(problems, 8), []
    for _ in range(rounds):
        anew = [replace(each) for each in tried]  # without what was read of them before
        gc.collect()
        started = time.process_time()
        made = sum(isinstance(reader.make_of(each, 0), MadePair) for each in anew for reader in readers)
        speeds.append(made / (time.process_time() - started))
    return speeds


if __name__ == "__main__":
    main()
