"""Text from a causal language model: many prompts, samples and adapters in one batch, for any transformers decoder.

A batch is left-padded, with its mask and positions given; rows that have ended leave the batch, and only the last
position's logits are computed. Greedy tokens are those of `model.generate(do_sample=False)`: the loop is here because
generate copies all keys and values at every token, goes on computing rows that have ended, and knows one adapter.

    decoder = Decoder.of(model, tokenizer, cap=512)
    decoder.greedy([prompt_ids(tokenizer, problem, view), ...])

    with stacked(model, [None, first, second]) as stack:          # journey.lora: the base and two adapters
        decoder = Decoder.of(model, tokenizer, cap=512, stack=stack)
        decoder.write([Job(ids, run=run, chance=uniforms(512, "name of the sample")) for run in range(3)], 0.7, 0.95)
"""

from __future__ import annotations

import copy
import json
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch

from journey.batch import NotNumbers, Writing
from journey.jobs import Completion, Job
from journey.models import ModelRef, end_of_turn, load_model

if TYPE_CHECKING:
    from pathlib import Path

    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from journey.lora import Stack

__all__ = ["Decoder", "NotNumbers", "adapted", "own_base", "stop_ids"]


@dataclass(frozen=True)
class Decoder:
    """A model, the tokens that end an answer, the id to pad with, the most new tokens, and the adapters stacked on it."""

    model: PreTrainedModel
    stops: frozenset[int]
    pad: int
    cap: int
    stack: Stack | None = None

    @classmethod
    def of(cls, model: Any, tokenizer: PreTrainedTokenizerBase, cap: int, stack: Stack | None = None) -> Decoder:
        """The decoder that stops where `generate` would: at the end of the turn, and at nothing else."""
        stops = stop_ids(model, tokenizer)
        pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else min(stops)
        return cls(model, stops, pad, cap, stack)

    def capped(self, cap: int) -> Decoder:
        """The same with another cap of new tokens."""
        return replace(self, cap=cap)

    def greedy(self, prompts: Sequence[Sequence[int]]) -> list[Completion]:
        """The most likely token each time, ties by lowest id; one completion a prompt, in their order."""
        return self.write([Job(prompt) for prompt in prompts])

    @torch.inference_mode()
    def write(
        self, jobs: Sequence[Job], temperature: float = 1.0, top_p: float = 1.0, rows: int | None = None
    ) -> list[Completion]:
        """Complete all jobs, in their order; all by chance or all greedy. At most `rows` stand in a batch (about).

        Raises NotNumbers (a FloatingPointError) where the model computes NaN, which would look like an answer.
        """
        return Writing(self, jobs, temperature, top_p, rows or len(jobs)).run() if jobs else []


def stop_ids(model: Any, tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    """The tokenizer's end of turn, and the further ones that the model's generation config lists."""
    listed = model.generation_config.eos_token_id if model.generation_config is not None else None
    more = [] if listed is None else [listed] if isinstance(listed, int) else listed
    return frozenset([end_of_turn(tokenizer), *more])


def own_base(run: Path) -> Path | None:
    """The folder of the model that a run's weights belong to, where that is not the base of all runs.

    The run's own folder if it holds a whole model (full fine-tuning); the folder that its adapter names by a relative
    path if its start was changed before (`../warmup`); None for an adapter of the base.
    """
    config = run / "adapter_config.json"
    if not config.is_file():
        return run
    named = str(json.loads(config.read_bytes()).get("base_model_name_or_path") or "")
    return run / named if named.startswith("../") else None


@contextmanager
def adapted(base: PreTrainedModel, run: Path | None) -> Iterator[Any]:
    """The base with what one run trained; the base itself is as before afterwards. None gives the base.

    In full precision an adapter is merged into a copy of the weights; in a lower precision, and into quantised weights,
    merging would round it away, so it stays beside them. A run with another base (`own_base`) gets it, in the precision
    of `base` and on its device.
    """
    if run is None:
        yield base
        return
    other = own_base(run)
    if other is not None:
        ref = ModelRef(run.name, str(other))
        base = load_model(ref, device=str(base.device), dtype=base.dtype)
        if other == run:
            yield base
            return
    from peft import PeftModel

    merge = base.dtype in (torch.float32, torch.float64) and not getattr(base, "is_quantized", False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # between PEFT and transformers, nothing to do with the user
        copied = copy.deepcopy(base) if merge and other is None else base
        wrapped: Any = PeftModel.from_pretrained(copied, str(run)).eval()
        model = wrapped.merge_and_unload() if merge else wrapped
    try:
        yield model
    finally:
        if not merge:
            wrapped.unload()
