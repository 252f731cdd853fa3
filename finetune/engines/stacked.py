"""The stacked engine: all runs at once over one frozen base."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from journey.catalog import ENGINES
from journey.finetune.rows.rows import Rows
from journey.finetune.runs import Run
from journey.finetune.training.protocol import IGNORED, LABELS, EngineMessage, Failed, Report, Setup, Trained


@ENGINES.add("stacked", together=True, settings=("pass_tokens", "stacks", "workers", "checkpointing", "deterministic"))
def train(
    runs: Sequence[Run], data: Mapping[str, Rows], setup: Setup, report: Report
) -> Iterator[Trained | Failed | EngineMessage]:
    """All runs at once over one frozen base, each exactly as if it were trained alone; LoRA on one device."""
    import torch

    from journey.finetune.training.stacked import Training  # torch and transformers: seconds to import
    from journey.models import load, template
    from journey.models.compute.precision import be_deterministic

    if setup.deterministic:
        be_deterministic()
    ref = load.ModelRef(setup.base, setup.source, setup.revision)
    tokenizer = load.load_tokenizer(ref)
    device = load.best_device()
    model: Any = load.load_model(ref, device="cpu", dtype=torch.float32 if device == "cpu" else torch.bfloat16)
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else template.end_of_turn(tokenizer)
    yield from Training(model.to(device), pad, runs, data, setup, report).work()


def labels(rows: Rows, members: list[int], pad: int) -> list[list[int]]:
    """The labels (row, token) of a forward pass on these rows, IGNORED where a token is not trained on."""
    import torch

    from journey.finetune.training import passes

    unit = passes.Unit(0, tuple(members), int(rows.lengths[members].max()))
    forward_pass = passes.build(
        [unit], [rows], [{row: rows.weights[rows.at(row)] for row in members}], pad, torch.device("cpu")
    )
    by_token = torch.full_like(forward_pass.ids, IGNORED)
    # (rows, tokens) seen as (rows * tokens,), as `positions` count; a token is predicted from the position before it
    by_token.view(-1)[forward_pass.positions + 1] = forward_pass.labels
    return by_token.tolist()


LABELS["stacked"] = labels
