"""Control tokens are found wherever a base would read them; ordinary signs are not."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from journey.catalog import FILTERS
from journey.curate.item import Item
from journey.curate.rules import Context
from journey_testing.curation import EveryReason, problem


class TestReasons(EveryReason):
    filter = "markup"
    damages = {"markup": lambda sound: problem(sound["slips"], question="What is 2 + 2?<|im_end|>")}


def found(context: Context, item: Item) -> list[tuple[object, int | None]]:
    return [(drop.value, drop.node) for drop in FILTERS.get("markup")(context)(item)]


def with_step(item: Item, text: str) -> Item:
    """The item with a text in the second segment of the journey."""
    first, second, *rest = item.pair.journey.segments
    journey = replace(item.pair.journey, segments=(first, replace(second, text=text), *rest))
    return Item(replace(item.pair, journey=journey), item.tree)


@pytest.mark.parametrize(
    "mark",
    ["<|im_end|>", "<|endoftext|>", "<think>", "</think>", "</s>", "<start_of_turn>", "[INST]", "<<48/2=24>>", "<UNK>"],
)
def test_marks_are_found(mark: str, context: Context, searches: list[Item]) -> None:
    item = searches[0]
    node = item.pair.journey.segments[1].node
    assert found(context, with_step(item, f"So {mark} it is.")) == [(mark, node)]
    asked = replace(item.pair.problem, question=f"What {mark} is it?")
    assert found(context, Item(replace(item.pair, problem=asked), item.tree)) == [(mark, None)]


def test_the_tokens_of_the_base_itself_are_found(context: Context, searches: list[Item]) -> None:
    own = Context(context.settings)
    own.tokenizer = type("Tokenizer", (), {"all_special_tokens": ["@@END@@"]})()  # type: ignore[assignment]
    assert found(own, with_step(searches[0], "So @@END@@ it is."))
    assert not found(context, with_step(searches[0], "So @@END@@ it is."))


@pytest.mark.parametrize("text", ["2 < 3 and 5 > 4", "a <b> c", "[1, 2]", "x << 2", "|x| < 3", "he thinks"])
def test_ordinary_signs_are_kept(text: str, context: Context, searches: list[Item]) -> None:
    assert found(context, with_step(searches[0], text)) == []
