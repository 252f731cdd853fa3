"""The decoder of causal language models: many prompts, samples and adapters in one batch, for any transformers decoder.

A batch is left-padded, with its mask and positions given; rows that have ended leave the batch, and only the last
position's logits are computed. Greedy tokens are those of `model.generate(do_sample=False)`: the loop is here because
generate copies all keys and values at every token, goes on computing rows that have ended, and knows one adapter.

    decoder = Decoder.of(model, tokenizer, cap=512)
    decoder.greedy([prompt_ids(tokenizer, problem, view), ...])

    with stacked(model, [None, first, second]) as stack:          # journey.models.lora: the base and two adapters
        decoder = Decoder.of(model, tokenizer, cap=512, stack=stack)
        decoder.write([CompletionRequest(ids, run=run, chance=uniforms(512, "name of the sample")) for run in range(3)], 0.7, 0.95)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch

from journey.answers.checker import TURN_TOKEN
from journey.models.batch import DecodingModel, Writing
from journey.models.completion import Completion, CompletionRequest
from journey.models.template import end_of_turn
from journey.models.turns import TurnReader

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from journey.models.lora import Stack


class Decoder(DecodingModel):
    """A causal language model in memory that completes token ids; implements `Writer`."""

    @classmethod
    def of(
        cls,
        model: Any,
        tokenizer: PreTrainedTokenizerBase,
        cap: int,
        stack: Stack | None = None,
        *,
        turns: bool = False,
    ) -> Decoder:
        """The decoder that stops where `generate` would, at the end of the turn.

        With `turns` it also stops where a text, its answer given, begins a question or turn of somebody else.
        """
        stops = stop_ids(model, tokenizer)
        pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else min(stops)
        return cls(model, stops, pad, cap, stack, TurnReader(tokenizer) if turns else None)

    def capped(self, cap: int) -> Decoder:
        """The same with another cap of new tokens."""
        return replace(self, cap=cap)

    def greedy(self, prompts: Sequence[Sequence[int]]) -> list[Completion]:
        """The most likely token each time, ties by lowest id; one completion a prompt, in their order."""
        return self.write([CompletionRequest(prompt) for prompt in prompts])

    @torch.inference_mode()
    def write(
        self,
        requests: Sequence[CompletionRequest],
        temperature: float = 1.0,
        top_p: float = 1.0,
        rows: int | None = None,
    ) -> list[Completion]:
        """Complete all requests, in their order; all by chance or all greedy. At most `rows` stand in a batch (about).

        Raises NotNumbers (a FloatingPointError) where the model computes NaN, which would look like an answer.
        """
        return Writing(self, requests, temperature, top_p, rows or len(requests)).run() if requests else []


def stop_ids(model: Any, tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    """The tokens that end an answer of a loaded model, see `stops_by`."""
    return stops_by(model.generation_config, tokenizer)


def stops_by(config: Any, tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    """The tokenizer's end of turn, the further ones that a generation config (or None) lists, and marks of another turn.

    A base that does not end its turn would go on with a question of its own, which no arm that learned to stop does.
    """
    listed = config.eos_token_id if config is not None else None
    more = [] if listed is None else [listed] if isinstance(listed, int) else listed
    marks = [number for mark, number in tokenizer.get_added_vocab().items() if TURN_TOKEN.fullmatch(mark)]
    return frozenset([end_of_turn(tokenizer), *more, *marks])
