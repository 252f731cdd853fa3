"""Keep a pair only if no control token of a chat format, thinking tag or calculator mark is inside its texts."""

from __future__ import annotations

import re
from collections.abc import Iterator

from journey.curate.item import HALVES, Drop, Item
from journey.curate.rules import FILTERS, Context

_KNOWN = (
    r"<\|[^<>|\s]{1,60}\|>",  # ChatML, Llama 3, Phi
    r"</?think>",
    r"</?(?:s|bos|eos|pad|unk|start_of_turn|end_of_turn)>",  # Llama 2, Gemma
    r"\[/?INST\]",
    r"<<[^<>]*>>",  # <<SYS>>, GSM8K's calculator annotations
)


@FILTERS.add("markup", reads=("problem", "traces"), per="pair", after=("answer_after_work",), reasons=("markup",))
class Markup:
    """No special token stands in the question or in a segment, where a base would read it as its own control token."""

    def __init__(self, context: Context) -> None:
        special = [] if context.tokenizer is None else context.tokenizer.all_special_tokens
        own = [re.escape(token) for token in special if not token.isalnum()]
        self._pattern = re.compile("|".join([*_KNOWN, *own]), re.IGNORECASE)

    def __call__(self, item: Item) -> Iterator[Drop]:
        match = self._pattern.search(f"{item.pair.problem.question}\n{item.pair.problem.brief}")
        if match:
            yield Drop("markup", match[0])
        for half in HALVES:
            for segment in item.trace(half).segments:
                match = self._pattern.search(f"{segment.text}\n{segment.brief}")
                if match:
                    yield Drop("markup", match[0], node=segment.node, half=half)
