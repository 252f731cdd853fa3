"""The training-time estimate: from a step on one and on two layers of the base, timed here."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence

import msgspec

from journey.finetune.rows.rows import Rows
from journey.finetune.runs import Run
from journey.finetune.training.protocol import Setup
from journey.models.load import ModelRef
from journey.models.threads import one_thread_on

_STEPS = 2  # timed after one that is not


def predicted_seconds(
    ref: ModelRef, groups: Sequence[Sequence[Run]], data: Mapping[str, Rows], setup: Setup, workers: int, layers: int
) -> float:
    """Seconds until all groups are trained, so many at a time.

    A step of the largest group is timed with random weights and one layer, then two; the difference is a layer's time.
    What a token costs then holds for all groups. Start of the processes, loading and saving are left out.
    """
    group = max(groups, key=len)
    one, two = (_per_token(ref, group, data, setup, count) for count in (1, 2))
    per_token = one + (layers - 1) * max(0.0, two - one)
    waiting = sorted((_tokens(group, data, setup) for group in groups), reverse=True)
    busy = [0.0] * max(1, workers)
    for tokens in waiting:
        busy[busy.index(min(busy))] += tokens * per_token
    return max(busy)


def _tokens(group: Sequence[Run], data: Mapping[str, Rows], setup: Setup) -> int:
    from journey.finetune.rows.budget import laid_out

    return sum(
        int(data[run.kind].lengths[step].sum())
        for run in group
        for step in laid_out(run, data[run.kind], setup.rows_per_step)
    )


def _per_token(ref: ModelRef, group: Sequence[Run], data: Mapping[str, Rows], setup: Setup, layers: int) -> float:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    from journey.finetune.training.stacked import Training
    from journey.models import load

    config = AutoConfig.from_pretrained(ref.source, revision=ref.revision, trust_remote_code=False)
    text = config.get_text_config()
    text.num_hidden_layers = min(layers, text.num_hidden_layers)
    if getattr(text, "layer_types", None):
        text.layer_types = text.layer_types[: text.num_hidden_layers]
    device = load.best_device()
    with torch.random.fork_rng(devices=[]), tempfile.TemporaryDirectory() as folder, one_thread_on(device):
        model = AutoModelForCausalLM.from_config(config, dtype=torch.float32 if device == "cpu" else torch.bfloat16)
        here = msgspec.structs.replace(setup, work=folder, scratch=folder)
        training = Training(model.to(device), 0, group, data, here, lambda *_: None)
        return training.time_steps(_STEPS)
