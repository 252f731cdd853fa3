"""How many answers are written together on a GPU: by its memory class, so that cards of one kind do the same."""

from __future__ import annotations

from typing import Any

from journey.models.flops import outline
from journey.models.load import ModelRef

CLASSES = (16, 24, 32, 40, 48, 80, 96, 141, 180)  # GB of the cards that people have
USED = 0.6  # of the memory: keys and values grow in steps, and are copied when they do
MOST, LEAST = 1024, 8  # answers of each run
_LOGITS = 6 * 4  # bytes of every word of the vocabulary for one row: float32 logits, sorted and summed


def memory_class(total: int) -> int:
    """The class of a card in bytes: the largest of CLASSES that it has, give or take how its maker counts."""
    fitting = [one for one in CLASSES if one * 10**9 <= total * 1.05]
    return (fitting[-1] if fitting else 8) * 10**9


def bytes_of_row(text: Any, tokens: int, value_bytes: int) -> int:
    """What a row of so many tokens holds: keys and values of every layer, and its logits. `text` is the model's configuration."""
    heads = int(getattr(text, "num_attention_heads", None) or 1)
    shared = int(getattr(text, "num_key_value_heads", None) or heads)
    width = int(getattr(text, "head_dim", None) or text.hidden_size // heads)
    return 2 * int(text.num_hidden_layers) * shared * width * value_bytes * tokens + _LOGITS * int(text.vocab_size)


def answers_together(ref: ModelRef, runs: int, tokens: int, value_bytes: int, total: int) -> int:
    """Answers of each run that fit side by side, a power of two: `tokens` is the longest prompt with its answer, `total` the
    bytes of the card. The same for all cards of a class, whatever else lies on them."""
    shape = outline(ref)
    weights = value_bytes * sum(weight.numel() for weight in shape.model.parameters())
    room = USED * memory_class(total) - weights
    fitting = int(room // (bytes_of_row(shape.text, tokens, value_bytes) * max(1, runs)))
    width = LEAST
    while 2 * width <= min(fitting, MOST):
        width *= 2
    return width
