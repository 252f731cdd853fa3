"""FLOP counts: the floating-point operations that generating a text takes, from the model's shape alone.

A sample of `generated` tokens after a prompt of `prompt` tokens is `prompt + generated - 1` tokens through the layers, and
`generated` through the output layer:

    2 * layers' weights * (prompt + generated - 1) + 2 * output weights * generated
    + 4 * layers * attention width * (1 + 2 + ... + (prompt + generated - 1))      scores and sums over what stands before

Adapters count as merged into the weights (nothing), padding and recomputed prompts are left out, and every sample pays for
its own prompt. Kaplan et al. 2020 (arXiv 2001.08361), table 1, has the same terms for one token.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from journey.errors import UsageError
from journey.models.load import ModelRef


@dataclass(frozen=True)
class Cost:
    """A decoder in numbers: all parameters, the weights of matrix products in its layers and in the output layer."""

    parameters: int
    body: int
    output: int
    layers: int
    attention_width: int

    def flops(self, prompt: int, generated: int) -> int:
        """Forward FLOPs of one sample."""
        through = prompt + max(0, generated - 1)
        pairs = through * (through + 1) // 2
        return 2 * self.body * through + 2 * self.output * generated + 4 * self.layers * self.attention_width * pairs


def by_parameters(parameters: int) -> Cost:
    """The rule of thumb for a model that is known by its size only: 2 FLOPs a parameter and token."""
    return Cost(parameters, parameters, 0, 0, 0)


@dataclass(frozen=True)
class Outline:
    """A model without memory for its weights: `linear` are its matrix products, `last` the output layer."""

    model: Any
    text: Any  # the language model's part of the config
    linear: tuple[Any, ...]
    last: Any

    @property
    def attention_width(self) -> int:
        """Heads times head size."""
        heads = int(getattr(self.text, "num_attention_heads", None) or 0)
        if not heads:
            return 0  # no attention at all
        return int(getattr(self.text, "head_dim", None) or self.text.hidden_size // heads) * heads


def outline(ref: ModelRef) -> Outline:
    """The outline of a model, from its config alone. Raises UsageError if it is no causal language model."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM
    from transformers.pytorch_utils import Conv1D

    try:
        config = AutoConfig.from_pretrained(ref.source, revision=ref.revision, trust_remote_code=False)
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(config)
    except (OSError, ValueError, KeyError) as error:
        reason = str(error).strip().split("\n")[0]
        raise UsageError(f"{ref.name} is no causal language model: {reason}", "name another model") from None
    linear = tuple(module for module in model.modules() if isinstance(module, torch.nn.Linear | Conv1D))
    return Outline(model, config.get_text_config(), linear, model.get_output_embeddings())


@cache
def cost_of(ref: ModelRef) -> Cost:
    """The numbers of a model, from its config without its weights. Raises UsageError if it is no causal language model."""
    shape = outline(ref)
    return Cost(
        parameters=sum(weight.numel() for weight in shape.model.parameters()),
        body=sum(module.weight.numel() for module in shape.linear if module is not shape.last),
        output=0 if shape.last is None else shape.last.weight.numel(),
        layers=int(shape.text.num_hidden_layers),
        attention_width=shape.attention_width,
    )
