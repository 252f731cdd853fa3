"""Keep a pair only if both halves fit the base: its tokenizer can carry the text, and the whole row its positions.

Without a base there are no tokens: words are counted then, and only a limit that is asked for drops a pair.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from journey import views
from journey.config import CurateSettings, unset
from journey.curate.item import HALVES, Drop, Half, Item
from journey.curate.rules import FILTERS, Context
from journey.errors import UsageError
from journey.models import policy, template

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@FILTERS.add(
    "length",
    reads=("problem", "traces"),
    per="pair",
    after=("markup",),
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
        max_words: Annotated[
            int | None,
            Field(
                ge=16,
                description="words of the longest row, where no base is given (default: no limit)",
                exclude_if=unset,
            ),
        ] = None,
        share: Annotated[
            float, Field(gt=0, le=1, description="part of that limit that may be used (strict: 0.75)")
        ] = 1.0,
    ) -> None:
        self._context, self._wanted, self._share = context, max_tokens or context.settings.max_tokens, share
        self._words = max_words
        self._measure: _Tokens | _Words = _Words() if context.tokenizer is None else _Tokens(context.tokenizer)
        self._longest = 0

    @staticmethod
    def check(
        settings: CurateSettings, *, max_tokens: int | None = None, max_words: int | None = None, share: float = 1.0
    ) -> None:
        """Raises UsageError for a limit in tokens without a base, or in words with one."""
        wanted = max_tokens or settings.max_tokens
        if settings.base is None and wanted is not None:
            raise UsageError(
                f"{wanted} tokens at most: tokens are counted by a model's tokenizer, and no base is given",
                "add --base NAME, or limit words: --set length.max_words=N",
            )
        if settings.base is not None and max_words is not None:
            raise UsageError("length.max_words is for pairs without a base", "limit tokens: --max-tokens N")

    @cached_property
    def limit(self) -> int | None:
        """The longest row in tokens, or in words where no base is given; None: any length."""
        wanted = self._words if self._context.tokenizer is None else self._wanted or _positions(self._context)
        return None if wanted is None else int(self._share * wanted)

    def prepare(self, items: Sequence[Item]) -> None:
        """Measure all items at once, which is many times faster than one by one."""
        self._measure.prepare(items, self._context.view)

    def __call__(self, item: Item) -> Iterator[Drop]:
        view = self._context.view
        if not views.prompt(item.pair.problem, view).strip():
            yield Drop("no_text", view)
            return
        words = self._measure.unknown_in_prompt(item, view)
        if words:
            yield Drop("not_encodable", " ".join(words[:10]))
            return
        for half in HALVES:
            words = self._measure.unknown(item, half)
            size = self._measure.size(item, half, view)
            if not item.text(half, view).strip():
                yield Drop("no_text", view, half=half)
            elif words:
                yield Drop("not_encodable", " ".join(words[:10]), half=half)
            elif self.limit is not None and size > self.limit:
                yield Drop("too_long", size, self.limit, half=half)
            else:
                self._longest = max(self._longest, size)

    def note(self) -> str:
        """What a person should know of lengths that were not measured in tokens; empty where they were."""
        if self._context.tokenizer is not None:
            return ""
        return (
            f"no --base was given: lengths are counted in words (the longest row has {self._longest:,}); "
            f"finetune refuses rows that are too long for its base"
        )


class _Words:
    """Sizes in words, for pairs that are meant for no base in particular."""

    def prepare(self, items: Sequence[Item], view: views.View) -> None:
        pass

    def unknown_in_prompt(self, item: Item, view: views.View) -> list[str]:
        return []

    def unknown(self, item: Item, half: Half) -> list[str]:
        return []

    def size(self, item: Item, half: Half, view: views.View) -> int:
        return len(views.prompt(item.pair.problem, view).split()) + len(item.text(half, view).split())


class _Tokens:
    """Sizes in tokens of a base's tokenizer, and the words that it cannot carry."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self._tokenizer = tokenizer
        self._tokens: dict[tuple[Item, Half], int] = {}
        self._unknown: dict[tuple[Item, Half], list[str]] = {}
        self._carried: dict[str, bool] = {}
        self._prompts: dict[Item, int] = {}

    def prepare(self, items: Sequence[Item], view: views.View) -> None:
        """Count the tokens of all items in one call of the tokenizer."""
        self._prompts = {}
        end = len([template.end_of_turn(self._tokenizer)])  # refuses a base that has none
        places = [(item, half) for item in items for half in HALVES]
        self._unknown = {key: self._unknown_words(key[0].text(key[1], view)) for key in places}
        carried = [key for key, words in self._unknown.items() if not words]
        own = policy.of(self._tokenizer)
        texts = [policy.unusual(item.text(half, view), own) for item, half in carried]
        encoded = (
            self._tokenizer(texts, add_special_tokens=False, return_attention_mask=False)["input_ids"] if texts else []
        )
        self._tokens = {key: len(ids) + end for key, ids in zip(carried, encoded, strict=True)}

    def unknown_in_prompt(self, item: Item, view: views.View) -> list[str]:
        return self._unknown_words(views.prompt(item.pair.problem, view))

    def unknown(self, item: Item, half: Half) -> list[str]:
        return self._unknown[item, half]

    def size(self, item: Item, half: Half, view: views.View) -> int:
        if item not in self._prompts:
            self._prompts[item] = len(template.prompt_ids(self._tokenizer, item.pair.problem, view))
        return self._prompts[item] + self._tokens.get((item, half), 0)

    def _unknown_words(self, text: str) -> list[str]:
        return [word for word in dict.fromkeys(text.split()) if not self._carries(word)]

    def _carries(self, word: str) -> bool:
        if word not in self._carried:
            if len(self._carried) > 100_000:
                self._carried.clear()
            self._carried[word] = template.covers(self._tokenizer, word)
        return self._carried[word]


def _positions(context: Context) -> int:
    """The base's positions: the least of what its tokenizer and its configuration say."""
    from transformers import AutoConfig

    model, tokenizer = context.model, context.tokenizer
    assert model is not None and tokenizer is not None
    try:
        config = AutoConfig.from_pretrained(model.source, revision=model.revision, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise UsageError(f"{model.name}: its configuration cannot be read: {error}", "add --max-tokens N") from None
    stated = [getattr(config.get_text_config(), "max_position_embeddings", None), tokenizer.model_max_length]
    known = [value for value in stated if value and value < 1e9]
    if not known:
        raise UsageError(f"{model.name} does not say how long a row may be", "add --max-tokens N")
    return int(min(known))
