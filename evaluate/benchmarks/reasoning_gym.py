"""Tasks of the reasoning-gym package (Stojanovski et al. 2025, arXiv 2505.24760), judged by our own checker.

    journey evaluate DIR --benchmarks reasoning-gym:chain_sum,reasoning-gym:lcm --out OUT

Only tasks whose answer is one exact number are taken: a sequence of moves or a grid has many right answers, which need the
package's own scorers, and some of these execute what the model wrote. "Simplify this fraction" and answers that are
rounded are left out, since a value is the same before and after. The package is the extra `[reasoning-gym]`.

Its `Random(seed + index)` makes neighbouring seeds share their problems; the seed given here is a hash.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Collection
from typing import Any

from journey.answers.checker import number
from journey.catalog import BENCHMARKS
from journey.errors import UsageError
from journey.schema import Problem, problem_id

LICENCE = "Apache-2.0"
TASKS = """
aiw basic_arithmetic binary_alternation chain_sum count_bits count_primes decimal_chain_sum dice gcd gsm_symbolic
largest_island lcm leg_counting letter_counting products rectangle_count rotten_oranges simple_equations simple_geometry
""".split()
_DRAWS = 20  # per wanted problem, before a task counts as exhausted


@BENCHMARKS.add("reasoning-gym", package="reasoning-gym", licence=LICENCE, tasks=TASKS)
def reasoning_gym(task: str, seed: int, count: int, left_out: Collection[str]) -> list[Problem]:
    """reasoning-gym:TASK, a procedural task with one number as its answer; needs the extra [reasoning-gym].

    So many distinct problems whose ids are not in `left_out`. Raises UsageError for a task that is not judged here, a
    package that is not installed, and a task that has not so many problems.
    """
    if task not in TASKS:
        offered = f"tasks with one number as their answer: {', '.join(TASKS)}"
        raise UsageError(f"reasoning-gym:{task} is no task that our checker can judge", offered)
    rows = _rows(task, seed % 2**31, _DRAWS * count)
    problems: dict[str, Problem] = {}
    for index in range(_DRAWS * count):
        row = rows[index]
        question, answer = str(row["question"]).strip(), str(row["answer"]).strip()
        words = " ".join(question.split())
        identity = problem_id(f"reasoning-gym-{task}", words.lower())
        if number(answer) is None or identity in left_out or identity in problems:
            continue
        problems[identity] = Problem(
            identity, question, answer, f"reasoning-gym-{task}", words, licence=LICENCE, held_out=True
        )
        if len(problems) == count:
            return list(problems.values())
    raise UsageError(
        f"reasoning-gym:{task} has only {len(problems)} problems, {count} are asked for", "lower the limit"
    )


def _rows(task: str, seed: int, size: int) -> Any:
    """The package's dataset, which makes a row when it is asked for one."""
    try:
        factory = importlib.import_module("reasoning_gym.factory")
        importlib.import_module("reasoning_gym")  # registers the tasks
    except ModuleNotFoundError as error:
        raise UsageError(
            f"reasoning-gym:{task} needs a package that is not installed ({error.name})",
            "pip install 'journey-learning[reasoning-gym]'",
        ) from None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return factory.create_dataset(task, seed=seed, size=size)
