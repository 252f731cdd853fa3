"""Streams, catalogs, splits, records, settings."""

from __future__ import annotations

import msgspec
import pytest

from journey.catalog import FAMILIES, Catalog
from journey.config import GenerateSettings
from journey.errors import UnknownName, UsageError
from journey.rng import digest, rng_for, seed_for
from journey.schema import Arith, Check, Node, Pair, Problem, Reachable, Tree, decode, encode
from journey.settings.given import build, merge, parse_set
from journey.settings.recipe import RunSettings, resolve_run
from journey.splits import split_of


def test_streams_of_neighbouring_seeds_are_disjoint() -> None:
    drawn = [{rng_for("x", seed, i).getrandbits(64) for i in range(500)} for seed in (42, 43)]
    assert not drawn[0] & drawn[1]
    assert all(len(d) == 500 for d in drawn)


def test_streams_do_not_mix_up_their_parts() -> None:
    assert digest("a", 12) != digest("a1", 2)
    assert digest("a", 1, 2) != digest("a", 12)
    assert digest("1") != digest(1)
    assert seed_for("a") == seed_for("a") < 2**63


def test_catalog_refuses_one_name_for_two_things() -> None:
    catalog = Catalog("thing", "journey.generate.families")
    catalog.add("a")(type("First", (), {"__module__": "one"}))
    with pytest.raises(RuntimeError, match="one and in two"):
        catalog.add("a")(type("Second", (), {"__module__": "two"}))


def test_unknown_names_offer_the_nearest() -> None:
    with pytest.raises(UnknownName, match="unknown family 'countdwn': did you mean countdown?"):
        FAMILIES.get("countdwn")


def problem(place: int, *, held_out: bool = False) -> Problem:
    return Problem(id=f"{place:032x}", question="q", answer="1", source="s", held_out=held_out)


def test_split_shares_and_held_out() -> None:
    found = [split_of(problem(i)) for i in range(20_000)]
    assert found.count("test") / 20_000 == pytest.approx(0.10, abs=0.01)
    assert found.count("dev") / 20_000 == pytest.approx(0.05, abs=0.01)
    assert all(split_of(problem(i, held_out=True)) == "test" for i in range(200))


def test_records_round_trip_and_refuse_unknown_fields() -> None:
    nodes = (
        Node(0, None, "step", "2 + 3 = 5", claim=Arith("2+3", "5"), truth="5"),
        Node(1, 0, "mistake", "x", "wrong", Reachable((3, 4), 9), False, Check("exhausted", "x", "solves", "9")),
    )
    tree = Tree("t", problem(1), "search", 0, nodes, settings={"a": 1})
    assert decode(encode(tree), Tree) == tree
    assert tree.mistakes() == [nodes[1]]
    with pytest.raises(msgspec.ValidationError, match="unknown field"):
        decode(b'{"id": "q", "value": "1", "nonsense": 2}', type(problem(1)))
    with pytest.raises(msgspec.ValidationError, match="pair_id"):
        decode(b"{}", Pair)


def test_records_are_frozen() -> None:
    with pytest.raises(AttributeError):
        problem(1).answer = "2"  # type: ignore[misc]


def test_settings_refuse_unknown_keys_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match=r"unknown setting of x 'finetune\.epoch': did you mean finetune\.epochs"):
        build(RunSettings, {"finetune": {"epoch": 3}}, "x")
    with pytest.raises(UsageError, match="pairs = 0: expected: whole number, 1 to 1e9"):
        build(GenerateSettings, {"pairs": 0}, "generate")


def test_set_strings_are_read_as_yaml_and_merged() -> None:
    assert parse_set(["a.b=2", "a.c=[x, y]", "d=true"]) == {"a": {"b": 2, "c": ["x", "y"]}, "d": True}
    assert merge({"a": {"b": 1, "c": 2}}, {"a": {"b": 3}}) == {"a": {"b": 3, "c": 2}}
    with pytest.raises(UsageError, match="not KEY=VALUE"):
        parse_set(["a.b"])


def test_base_of_a_recipe_reaches_its_stages() -> None:
    settings = resolve_run({"base": "one"}, {"finetune": {"base": "two"}}, "recipe")
    assert (settings.curate.base, settings.finetune.base) == ("one", "two")
