"""Keep a pair only if both halves fit the base: its tokenizer can carry the text, and the whole row its positions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Annotated

from pydantic import Field

from journey import models, views
from journey.catalog import FILTERS
from journey.curate.item import HALVES, Drop, Half, Item
from journey.curate.rules import Context
from journey.errors import UsageError


@FILTERS.add(
    "length",
    reads=("problem", "traces"),
    per="pair",
    order=100,
    reasons=("no_text", "not_encodable", "too_long"),
    strict={"share": 0.75},
)
class Length:
    """Prompt, completion and end-of-turn of both halves fit the base in the view that is trained on."""

    def __init__(
        self,
        context: Context,
        *,
        max_tokens: Annotated[
            int | None,
            Field(ge=16, description="tokens of the longest row (default: max_tokens, else the base's positions)"),
        ] = None,
        share: Annotated[
            float, Field(gt=0, le=1, description="part of that limit that may be used (strict: 0.75)")
        ] = 1.0,
    ) -> None:
        self._context, self._wanted, self._share = context, max_tokens or context.settings.max_tokens, share
        self._tokens: dict[tuple[Item, Half], int] = {}
        self._unknown: dict[tuple[Item, Half], list[str]] = {}
        self._carried: dict[str, bool] = {}

    @cached_property
    def limit(self) -> int:
        """The longest row in tokens."""
        return int(self._share * (self._wanted or _positions(self._context)))

    def prepare(self, items: Sequence[Item]) -> None:
        """Count the tokens of all items in one call of the tokenizer, which is many times faster than one by one."""
        tokenizer, view = self._context.tokenizer, self._context.view
        end = len([models.end_of_turn(tokenizer)])  # refuses a base that has none
        places = [(item, half) for item in items for half in HALVES]
        self._unknown = {place: self._unknown_words(place[0].text(place[1], view)) for place in places}
        carried = [place for place, words in self._unknown.items() if not words]
        texts = [item.text(half, view) for item, half in carried]
        encoded = tokenizer(texts, add_special_tokens=False, return_attention_mask=False)["input_ids"] if texts else []
        self._tokens = {place: len(ids) + end for place, ids in zip(carried, encoded, strict=True)}

    def __call__(self, item: Item) -> Iterator[Drop]:
        problem, view = item.pair.problem, self._context.view
        prompt = views.prompt(problem, view)
        if not prompt.strip():
            yield Drop("no_text", view)
            return
        words = self._unknown_words(prompt)
        if words:
            yield Drop("not_encodable", " ".join(words[:10]))
            return
        before = len(models.prompt_ids(self._context.tokenizer, problem, view))
        for half in HALVES:
            words = self._unknown[item, half]
            tokens = before + self._tokens.get((item, half), 0)
            if not item.text(half, view).strip():
                yield Drop("no_text", view, half=half)
            elif words:
                yield Drop("not_encodable", " ".join(words[:10]), half=half)
            elif tokens > self.limit:
                yield Drop("too_long", tokens, self.limit, half=half)

    def _unknown_words(self, text: str) -> list[str]:
        return [word for word in dict.fromkeys(text.split()) if not self._carries(word)]

    def _carries(self, word: str) -> bool:
        if word not in self._carried:
            if len(self._carried) > 100_000:
                self._carried.clear()
            self._carried[word] = models.covers(self._context.tokenizer, word)
        return self._carried[word]


def _positions(context: Context) -> int:
    """The base's positions: the least of what its tokenizer and its configuration say."""
    from transformers import AutoConfig

    model = context.model
    try:
        config = AutoConfig.from_pretrained(model.source, revision=model.revision, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise UsageError(f"{model.name}: its configuration cannot be read: {error}", "add --max-tokens N") from None
    stated = [getattr(config.get_text_config(), "max_position_embeddings", None), context.tokenizer.model_max_length]
    known = [value for value in stated if value and value < 1e9]
    if not known:
        raise UsageError(f"{model.name} does not say how long a row may be", "add --max-tokens N")
    return int(min(known))
