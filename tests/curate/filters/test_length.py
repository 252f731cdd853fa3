"""Lengths are those of the rows that are trained on, and what the base cannot carry is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from journey.catalog import FILTERS
from journey.config import CurateSettings
from journey.curate.item import HALVES, Drop, Item
from journey.curate.rules import Context
from journey.errors import UsageError
from journey.models import template
from journey_testing.curation import EveryReason, problem


class TestReasons(EveryReason):
    filter = "length"
    damages = {
        "no_text": lambda sound: problem(sound["search"], brief=""),
        "not_encodable": lambda sound: problem(sound["search"], brief="use 12 unheard-of words"),
        "too_long": lambda sound: sound["search"],
    }
    options = {"too_long": {"max_tokens": 16}}


def drops(context: Context, items: list[Item], **options: object) -> list[list[Drop]]:
    rule = FILTERS.get("length")(context, **options)
    rule.prepare(items)
    return [list(rule(item)) for item in items]


def test_counts_are_those_of_the_training_row(context: Context, searches: list[Item]) -> None:
    """A limit of exactly the longest row keeps the pair; one less drops it, saying both numbers."""
    for item in searches[:10]:
        rows = [template.row(context.tokenizer, item.pair.problem, item.trace(half), "compact") for half in HALVES]
        sizes = {half: len(row.prompt) + len(row.completion) for half, row in zip(HALVES, rows, strict=True)}
        longest = max(sizes.values())
        assert drops(context, [item], max_tokens=longest) == [[]]
        found = drops(context, [item], max_tokens=longest - 1)[0]
        assert [(drop.value, drop.threshold) for drop in found] == [(longest, longest - 1)] * len(found)
        assert {drop.half for drop in found} == {half for half in HALVES if sizes[half] == longest}


def test_the_limit_is_the_positions_of_the_base(context: Context, base: Path, searches: list[Item]) -> None:
    def limit(**settings: object) -> int:
        own = Context(CurateSettings(base=str(base), view="compact", **settings))  # type: ignore[arg-type]
        return FILTERS.get("length")(own).limit

    assert limit() == 512
    assert limit(max_tokens=100) == 100
    assert FILTERS.get("length")(context, share=0.5).limit == 256


def test_words_that_the_base_cannot_carry_are_named(context: Context, searches: list[Item]) -> None:
    problem = replace(searches[0].pair.problem, brief="use 12 abracadabra make 7 : abracadabra")
    odd = Item(replace(searches[0].pair, problem=problem), searches[0].tree)
    assert drops(context, [odd, searches[1]]) == [[Drop("not_encodable", "abracadabra")], []]


def test_each_half_counts(context: Context, searches: list[Item]) -> None:
    """A half without text, or with a word that the base lacks, is enough."""
    item = searches[0]
    for brief, expected in (
        ("", Drop("no_text", "compact", half="journey")),
        ("oops", Drop("not_encodable", "oops", half="journey")),
    ):
        segments = tuple(replace(each, brief=brief) for each in item.pair.journey.segments)
        journey = replace(item.pair.journey, segments=segments)
        assert drops(context, [Item(replace(item.pair, journey=journey), item.tree)]) == [[expected]]


def test_prose_does_not_fit_a_terse_base(base: Path, searches: list[Item]) -> None:
    own = Context(CurateSettings(base=str(base), view="think"))
    found = drops(own, searches[:3])
    assert [drop.reason for each in found for drop in each] == ["not_encodable"] * 3


def test_the_view_is_looked_up(base: Path) -> None:
    assert Context(CurateSettings(base=str(base))).view == "compact"


def test_a_base_without_positions_needs_a_limit(base: Path, searches: list[Item], tmp_path: Path) -> None:
    for name in ("tokenizer.json", "tokenizer_config.json", "model.safetensors"):
        (tmp_path / name).write_bytes((base / name).read_bytes())
    (tmp_path / "config.json").write_text('{"model_type": "bloom"}')
    own = Context(CurateSettings(base=str(tmp_path), view="compact"))
    with pytest.raises(UsageError, match="add --max-tokens"):
        drops(own, searches[:1])
    assert drops(own, searches[:1], max_tokens=400) == [[]]
