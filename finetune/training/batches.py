"""Training batches: which rows share a forward pass, and the labels and loss weights that a trainer is given.

Labels go by position, never by the padding id, which in SmolLM2 and others is the end-of-turn token.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from journey.finetune.rows import budget
from journey.finetune.rows.rows import Rows
from journey.finetune.runs import Run
from journey.finetune.training.protocol import IGNORED, Setup


def laid_out(run: Run, rows: Rows, setup: Setup) -> tuple[list[list[int]], list[list[int]], int]:
    """The rows of every optimiser step, those of every forward pass in order, and how many passes a step has.

    The trainer takes the same number of passes for every step, a multiple of the processes that share them; a step that
    needs fewer gets empty ones.
    """
    steps = [list(step) for step in budget.laid_out(run, rows, setup.rows_per_step)]
    most = max(setup.rows_per_step, *map(len, steps))
    count = -(-most // setup.micro_batch)
    count += -count % setup.processes
    lengths, passes = rows.lengths, list[list[int]]()
    for step in steps:
        parts = budget.micro_batches(step, lengths, most, setup.micro_batch)
        passes += parts + [[]] * (count - len(parts))
    return steps, passes, count


def collate(
    rows: Rows, members: list[int], pad: int, *, norm: str | None = None, packed: bool = False
) -> dict[str, torch.Tensor]:
    """One forward pass: `input_ids`, `attention_mask` and `labels`, (row, token), padded on the right.

    An empty pass is one row of padding without labels: its loss is 0. With `norm` the tokens' loss weights come along as
    `weights`, (row, token), and what a row adds to the divisor of the step's loss as `items`, (row,): under "token" its
    weights as they are and their sum, under "row" its weights as shares of their sum, and 1. `packed` lays the rows end
    to end in one row without padding, by TRL's collator; `position_ids`, which begin anew with every row, take the
    mask's place.
    """
    encoded = [_row(rows, row, norm) for row in members] or [_blank(pad)]
    items = torch.tensor([one.pop("items") for one in encoded], dtype=torch.float64)
    batch = _end_to_end(encoded, pad) if packed else _side_by_side(encoded, pad)
    if norm is None:
        del batch["weights"]
        return batch
    return batch | {"items": items}


def _row(rows: Rows, row: int, norm: str | None) -> dict[str, Any]:
    span = rows.at(row)
    ids, weights = rows.ids[span].astype(np.int64), rows.weights[span].astype(np.float64)
    total = float(weights.sum())
    return {
        "input_ids": ids,
        "labels": np.where(weights > 0, ids, IGNORED),
        "weights": weights / total if norm == "row" else weights,
        "items": 1.0 if norm == "row" else total,
    }


def _blank(pad: int) -> dict[str, Any]:
    ids = np.full(2, pad, dtype=np.int64)
    return {"input_ids": ids, "labels": np.full(2, IGNORED, dtype=np.int64), "weights": np.zeros(2), "items": 0.0}


def _side_by_side(encoded: list[dict[str, Any]], pad: int) -> dict[str, torch.Tensor]:
    width = max(len(one["input_ids"]) for one in encoded)
    filler = {"input_ids": pad, "labels": IGNORED, "weights": 0.0, "attention_mask": 0}
    batch = {}
    for name, value in filler.items():
        # (rows, longest row): rows of unequal length stacked, the filler after each
        table = np.full((len(encoded), width), value, dtype=np.float64 if name == "weights" else np.int64)
        for index, one in enumerate(encoded):
            table[index, : len(one["input_ids"])] = one.get(name, 1)
        batch[name] = torch.from_numpy(table)
    return batch


def _end_to_end(encoded: list[dict[str, Any]], pad: int) -> dict[str, torch.Tensor]:
    from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

    flat = DataCollatorForLanguageModeling(pad_token_id=pad, padding_free=True)
    batch = flat([{name: one[name] for name in ("input_ids", "labels")} for one in encoded])
    # (tokens,) of every row, end to end and under one row of the batch: (1, tokens), as the collator lays out the ids
    return {**batch, "weights": torch.from_numpy(np.concatenate([one["weights"] for one in encoded]))[None]}


def padding_id(tokenizer: Any) -> int:
    """The tokenizer's padding token, or its end of turn where it has none; padding is never looked at."""
    pad = tokenizer.pad_token_id
    return int(tokenizer.eos_token_id if pad is None else pad)
