"""Rows of random tokens whose lengths, weights and number of steps differ by run, and the runs and set-ups to train on them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from journey.finetune.rows.rows import Rows
from journey.finetune.runs import Run
from journey.finetune.training.protocol import Setup

VOCABULARY = 96


def random_rows(name: str, count: int, shortest: int, longest: int, *, weighted: bool = False) -> Rows:
    """Rows of random tokens; `weighted` ones have loss weights of 0, a half and 1."""
    rng = np.random.default_rng(sum(name.encode()))
    lengths = rng.integers(shortest, longest + 1, count)
    prompts = rng.integers(2, max(3, shortest // 2), count)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    ids = rng.integers(3, VOCABULARY, starts[-1]).astype(np.int32)
    weights = np.ones(starts[-1], dtype=np.float32)
    if weighted:
        weights = rng.choice(np.array([0, 0.5, 1], dtype=np.float32), starts[-1])
    for start, end, prompt in zip(starts[:-1], starts[1:], prompts, strict=True):
        weights[start : start + prompt] = 0
        ids[end - 1], weights[end - 1] = 2, 1
    roles = np.zeros(starts[-1], dtype=np.int8)
    return Rows(
        tuple(f"p{k}" for k in range(count)), ids, weights, roles, starts.astype(np.int64), prompts.astype(np.int64)
    )


def run_of(kind: str, seed: int, *, steps: int, rank: int, lr: float = 2e-3, rows_per_step: int = 6) -> Run:
    """A run of `steps` full steps over 24 rows."""
    return Run(
        f"{kind}-r{rank}-s{seed}", kind, kind, "examples", seed, lr, 24, steps * rows_per_step, steps, 2, rank, 16
    )


def setup_of(engine: str, source: Path, folder: Path, **changes: Any) -> Setup:
    """What all runs of a folder share, for a tiny base at `source`."""
    facts = {"rows_per_step": 6, "micro_batch": 3, "max_length": 128, "checkpoint_seconds": 1e9, **changes}
    return Setup(engine, "tiny", str(source), None, work=str(folder), scratch=str(folder / ".scratch"), **facts)
