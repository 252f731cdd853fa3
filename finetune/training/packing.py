"""The packing check: whether rows that lie end to end in one forward pass are blind to one another in a given base.

transformers keeps packed rows apart by their positions, which begin anew with every row. A base that does not look at
positions (ALiBi, recurrent states) would let a row see the ones before it, and train on other text without a word.
"""

from __future__ import annotations

from typing import Any

import torch

from journey.errors import UsageError
from journey.finetune.rows.rows import Rows
from journey.finetune.training.batches import collate

_LONGEST = 256  # tokens of a probe


def check_packing(model: Any, rows: Rows, pad: int) -> None:
    """Raises UsageError if a row's logits change with the tokens of another row in the same pass.

    Both passes have the same shape, so that without a leak they give the same numbers in any precision.
    """
    first, second = (int(row) for row in rows.lengths.argsort()[:2]) if len(rows) > 1 else (0, 0)
    batch = collate(rows, [first, second], pad, packed=True)
    length = int(rows.lengths[first])
    second_row = slice(length, length + _LONGEST)
    given: dict[str, Any] = {name: value for name, value in batch.items() if name != "labels"}
    given = {n: v.to(model.device) if isinstance(v, torch.Tensor) else v for n, v in given.items()}
    given["use_cache"] = False  # as in training; with a cache transformers does not look for packed rows
    was_training = model.training
    model.eval()
    try:
        with torch.no_grad():
            # (1, tokens, vocabulary) to (tokens of the second row, vocabulary): what the first row could leak into
            logits = model(**given).logits[0, second_row]
            given["input_ids"] = given["input_ids"].clone()
            # (tokens of the first row,), turned and reversed: other tokens at the same positions and of the same shape
            given["input_ids"][0, :length] = given["input_ids"][0, :length].roll(1).flip(0)
            again = model(**given).logits[0, second_row]
        leaks = not torch.allclose(logits, again, rtol=1e-6, atol=1e-6)
    except TypeError:  # a forward pass that takes no positions
        leaks = True
    finally:
        model.train(was_training)
    if leaks:
        raise UsageError(
            "packing: in this base a row would see the rows packed before it", "train without it: --set packing=false"
        )
