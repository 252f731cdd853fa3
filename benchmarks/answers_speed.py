"""The answer checker against math-verify in one process: plain numbers, and the hard kinds of the tests' grammar.

    python benchmarks/answers_speed.py          # last: plain 9000x, hard 5x (2 cores); ratios, not seconds

math-verify is called as it is used elsewhere (`parse` of both, then `verify`), without the pipe to a worker process.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests" / "support"))
HARD = "unit complex_number root pi polynomial listing interval union matrix vector plane unreal_equation trigonometric".split()


def pairs_of(names: Sequence[str], count: int) -> list[tuple[str, str]]:
    """Gold and answer, right and wrong, of some kinds of the grammar."""
    from journey_testing.answer_kinds import KINDS

    cases = [KINDS[name](random.Random(f"{name} {index}")) for name in names for index in range(count)]
    return [(case.gold, text) for case in cases for text in case.right + case.wrong]


def seconds(judge: Callable[[str, str], object], pairs: Sequence[tuple[str, str]]) -> float:
    """Mean seconds of a judgement."""
    began = time.perf_counter()
    for gold, answer in pairs:
        judge(gold, answer)
    return (time.perf_counter() - began) / len(pairs)


def main() -> None:
    """Print both rates and their ratio."""
    from math_verify import parse, verify

    from journey.answers.checker import compare

    def peer(gold: str, answer: str) -> object:
        return verify(parse(f"${gold}$"), parse(f"${answer}$"))

    plain = [(str(n), str(n + n % 2)) for n in range(400)]
    hard = pairs_of(HARD, 2)
    for name, asked in (("plain", plain), ("hard", hard)):
        compare(*asked[0]), peer(*asked[0])
        ours, theirs = seconds(compare, asked), seconds(peer, asked)
        print(f"{name}: {1 / ours:,.0f} a second, math-verify {1 / theirs:,.0f}, {theirs / ours:,.1f}x")


if __name__ == "__main__":
    main()
