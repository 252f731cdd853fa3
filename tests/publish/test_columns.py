"""Rows of a published dataset: read back without loss, and labelled as the tree says."""

from __future__ import annotations

from itertools import islice
from typing import Any

import msgspec
import pytest

from journey import views
from journey.catalog import FAMILIES, METHODS
from journey.models import load, template
from journey.publish.tables import columns
from journey.publish.tables.columns import COLUMN_NOTES, CONFIGS, pair_of, pair_row, rows_of, schema, stepwise_rows
from journey.schema import Pair, Problem, Trace, Tree, encode

COMBINATIONS = [("countdown", "search", {}), ("countdown", "search", {"trials": 2}), ("arithmetic", "slips", {})]


def made(family: str, method: str, options: dict[str, Any], count: int = 12) -> list[tuple[Pair, Tree]]:
    """The first pairs of a family and method, with their trees."""
    kind, problems = METHODS.get(method), FAMILIES.get(family)()
    maker = kind(**({"settings": kind.Settings(**options)} if options else {}))
    found = (maker.make(problems.problem(0, index), 0) for index in range(200))
    return [(one.pair, one.tree) for one in islice((one for one in found if hasattr(one, "pair")), count)]


@pytest.fixture(scope="module", params=COMBINATIONS, ids=lambda c: "-".join(map(str, (*c[:2], *c[2].values()))))
def pairs(request: pytest.FixtureRequest) -> list[tuple[Pair, Tree]]:
    return made(*request.param)


@pytest.mark.parametrize("view", views.VIEWS)
def test_pairs_read_back_the_same_bytes(pairs: list[tuple[Pair, Tree]], view: views.View) -> None:
    import pyarrow as pa

    for pair, _ in pairs:
        (row,) = pa.Table.from_pylist([pair_row(pair, view)], schema=schema("pairs", view)).to_pylist()
        assert pair_of(row) == pair
        stated = columns.states_check(encode(pair))
        assert encode(pair_of(row, stated=stated)) == encode(pair)


def test_odd_text_reads_back() -> None:
    import pyarrow as pa

    problem = Problem(
        "p", "Was ist \u2212\u00bd? | `x` ---\n\u0000", "\u00bd", "own", "b", level=3, held_out=True, solution="",
        facts={"deep": {"list": [1, 2.5, None, "\u2028"]}},
    )  # fmt: skip
    trace = Trace(views.lay_out([("step", "a", "b", 1), ("answer", "\\boxed{\u00bd}", "", 1)]), "\u00bd")
    pair = Pair("id", problem, "t", "by hand", trace, trace, 0, {"policy": "m", "kinds": ["a"], "x": 1e300})
    (row,) = pa.Table.from_pylist([pair_row(pair, "think")], schema=schema("pairs", "think")).to_pylist()
    assert encode(pair_of(row, stated=False)) == encode(pair)


@pytest.mark.parametrize("view", views.VIEWS)
@pytest.mark.parametrize("config", CONFIGS)
def test_every_column_is_explained(config: columns.Config, view: views.View) -> None:
    assert {name for name in schema(config, view).names if not COLUMN_NOTES.get(name)} == set()


@pytest.mark.parametrize("view", views.VIEWS)
@pytest.mark.parametrize("config", [name for name in CONFIGS if name != "preference"])
def test_rows_fit_their_schema(pairs: list[tuple[Pair, Tree]], config: columns.Config, view: views.View) -> None:
    import pyarrow as pa

    for pair, tree in pairs:
        for row in rows_of(config, pair, tree, view):
            assert list(row) and set(row) == set(schema(config, view).names)
            assert pa.Table.from_pylist([row], schema=schema(config, view)).num_rows == 1
            assert row["pair_id"] == pair.pair_id and row["problem_id"] == pair.problem.id


def test_traces_end_in_the_same_box(pairs: list[tuple[Pair, Tree]]) -> None:
    for pair, _ in pairs:
        rows = [columns.trace_row(pair, kind, "think") for kind in ("journey", "shortcut")]
        for row in rows:
            assert row["messages"] == row["prompt"] + row["completion"]
            assert row["completion"][0]["content"].startswith("<think>\n")
            assert row["completion"][0]["content"].count("\\boxed{") == 1
        assert rows[0]["final_answer"] == rows[1]["final_answer"]
        assert rows[0]["mistakes"] == pair.mistakes and rows[1]["mistakes"] == 0


def test_rows_say_where_mistakes_come_from_and_how_they_are_known(pairs: list[tuple[Pair, Tree]]) -> None:
    for pair, _ in pairs:
        wrong, right = (columns.trace_row(pair, kind, "think") for kind in ("journey", "shortcut"))
        assert (right["origin"], right["proof"]) == (None, None)
        if pair.mistakes:
            assert wrong["origin"] == {"search": "search", "slips": "injected"}[pair.method]
            assert wrong["proof"] == "checked:question"  # families state their whole graph
    slip = msgspec.structs.replace(next(pair for pair, _ in pairs if pair.mistakes), method="slips")
    users = msgspec.structs.replace(slip, problem=msgspec.structs.replace(slip.problem, source="mine"))
    for kinds, known in ((["digit"], "checked:question"), (["digit", "operation"], "checked:solution")):
        row = columns.pair_row(msgspec.structs.replace(users, provenance={"kinds": kinds}), "think")
        assert row["proof"] == known
    facts = {"origin": "own", "proof": "checked:question", "pass_rate": 0.25, "policy": {"name": "p", "weights": "w"}}
    row = columns.trace_row(msgspec.structs.replace(slip, provenance=facts), "journey", "think")
    assert [row[name] for name in ("origin", "proof", "pass_rate", "policy")] == ["own", "checked:question", 0.25, "p"]


def test_compact_rows_join_to_what_the_embedded_base_reads(pairs: list[tuple[Pair, Tree]]) -> None:
    """Prompt and completion one after the other give the tokens of this project's own rows."""
    tokenizer = load.load_tokenizer(load.find("pocket"))
    for pair, _ in pairs:
        row = columns.trace_row(pair, "journey", "compact")
        own = template.row(tokenizer, pair.problem, pair.journey, "compact")
        ids = tokenizer(row["prompt"] + row["completion"], add_special_tokens=False)["input_ids"]
        assert ids == own.prompt[1:] + own.completion[:-1]


def test_a_step_is_right_unless_it_is_or_rests_on_a_mistake(pairs: list[tuple[Pair, Tree]]) -> None:
    seen: set[tuple[str, bool]] = set()
    for pair, tree in pairs:
        for row in stepwise_rows(pair, tree, "think"):
            assert len(row["completions"]) == len(row["labels"]) == len(row["roles"])
            assert all(text == text.strip() and text for text in row["completions"])
            seen |= set(zip(row["roles"], row["labels"], strict=True))
            if row["kind"] == "shortcut":
                assert all(row["labels"])
    wrong = {role for role, label in seen if not label}
    assert wrong <= {"mistake", "consequence"} and not {role for role, label in seen if label} & wrong


def test_a_trace_with_an_undecided_step_gives_no_labels() -> None:
    ((pair, tree), *_) = [one for one in made("countdown", "search", {}) if one[0].mistakes]
    import msgspec

    nodes = tuple(msgspec.structs.replace(n, verdict="unknown") if n.role == "mistake" else n for n in tree.nodes)
    unsure = msgspec.structs.replace(tree, nodes=nodes)
    assert [row["kind"] for row in stepwise_rows(pair, unsure, "think")] == ["shortcut"]
    assert [row["kind"] for row in stepwise_rows(pair, tree, "think")] == ["journey", "shortcut"]
