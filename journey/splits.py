"""The split of a problem (train, dev or test): decided here alone, by a hash of its id, for every stage."""

from __future__ import annotations

from typing import Literal

from journey.rng import digest
from journey.schema import Problem

Split = Literal["train", "dev", "test"]
SPLITS: tuple[Split, ...] = ("train", "dev", "test")
DEV_SHARE = 0.05
TEST_SHARE = 0.10


def split_of(problem: Problem) -> Split:
    """`test` for held-out problems, else by the hash of the id: 85 % train, 5 % dev, 10 % test."""
    if problem.held_out:
        return "test"
    position = int.from_bytes(digest("split", problem.id)[:8], "big") / 2**64
    if position < TEST_SHARE:
        return "test"
    return "dev" if position < TEST_SHARE + DEV_SHARE else "train"
