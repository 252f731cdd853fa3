"""Speed of attempts: what grading and locating cost beside the sampling itself, and pairs a second and core from them.

    python benchmarks/attempts_speed.py [PROBLEMS]

CPU time of one process throughout, so that a busy machine does not count; the same requests are sampled with nothing around.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from journey.catalog import METHODS
from journey.config import SampleSettings
from journey.generate import sample as stage
from journey.generate.attempts import drawing, groups
from journey.generate.attempts.policies import find_policies
from journey.generate.made import MadePair
from journey.sampling import workers


def main() -> None:
    """Print the figures."""
    problems = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    settings = SampleSettings(family="arithmetic@1", limit=problems, policy=["pocket"], k=8, max_new_tokens=64)
    group = groups.group_of(0, find_policies(settings), stage.load_problems(settings), settings, {})
    assert isinstance(group, groups.BaseGroup)
    shards = range(len(group.shards))
    units = [group.unit(group.key(n), drawing.first_round(None, group, n)) for n in shards]  # type: ignore[arg-type]
    list(workers.answer_all(group.model, units[:1], 1))  # the first time pays for what is loaded once
    started = time.process_time()
    list(workers.answer_all(group.model, units, 1))
    alone = time.process_time() - started
    with tempfile.TemporaryDirectory() as folder:
        started = time.process_time()
        stage.sample(settings, Path(folder) / "a", workers=1)
        whole = time.process_time() - started

    print(
        f"{problems * 9:,} attempts: sampling alone {alone:.1f} s, journey sample {whole:.1f} s, ratio {whole / alone:.3f}"
    )
    print(f"matched pairs of countdown@1: {_pairs_a_second(problems):,.0f} a second and core")


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
