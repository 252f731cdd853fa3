"""Recipes of published claims: each is whole before it runs, and each runs in small from problems to verdicts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from journey import pipeline
from journey.formats.folders import open_finished
from journey.settings.given import parse_set
from journey.settings.recipe import RunSettings

FULL, SMALL = (5, 600), (3, 300)  # seeds, problems of the primary benchmark
RECIPES = {
    "stream-of-search": FULL,
    "order": FULL,
    "equal-compute": FULL,
    "equal-compute-sudoku": FULL,
    "backtracks": SMALL,
    "retry-dose": SMALL,
    "retry-dose-full": SMALL,
}
IN_SMALL = [
    "generate.pairs=60",
    "finetune.seeds=1",
    "finetune.max_steps=2",
    "evaluate.sizes={}",
    "evaluate.limit=6",
    "evaluate.max_new_tokens=40",
]


def settings(name: str, *sets: str) -> RunSettings:
    return pipeline.resolve(pipeline.read_recipe(name), parse_set(sets))


def in_small(name: str, folder: Path, *sets: str) -> Any:
    """The evaluation of a recipe with few pairs, two steps and six problems."""
    return open_finished(pipeline.run(settings(name, *IN_SMALL, *sets), folder, workers=1), "evaluate")


@pytest.mark.parametrize("name", RECIPES)
def test_seeds_problems_and_margin_are_fixed_in_the_recipe(name: str) -> None:
    recipe = settings(name)
    asked = recipe.evaluate.sizes[str(recipe.evaluate.primary)]
    assert (recipe.finetune.seeds, asked) == RECIPES[name]
    assert recipe.evaluate.margin == 0.05 and recipe.evaluate.split == "test" and not recipe.finetune.lr_sweep
    assert {*recipe.evaluate.benchmarks} <= {*recipe.curate.benchmarks}


@pytest.mark.parametrize("name", RECIPES)
def test_what_would_count_is_said_beforehand(name: str) -> None:
    recipe = settings(name)
    assert recipe.kept and recipe.differs and recipe.claims
    for claim in recipe.claims:
        assert "arXiv" in claim.source and claim.agrees and claim.contradicts
        assert {"second better", "first better", "equal"} == {*claim.agrees, *claim.contradicts}


def test_equal_compute_is_trained_as_stream_of_search_is() -> None:
    one, other = settings("equal-compute"), settings("stream-of-search")
    assert (one.generate, one.curate, one.finetune) == (other.generate, other.curate, other.finetune)


def test_the_cheapest_recipe_in_small(tmp_path: Path) -> None:
    evaluated = in_small("stream-of-search", tmp_path / "r", "evaluate.limit=3")
    compared = {(one.benchmark, one.first) for one in evaluated.plan.comparisons if one.second == "journey"}
    for benchmark in ("countdown@1", "countdown-targets"):
        assert {(benchmark, "shortcut@examples"), (benchmark, "shortcut@tokens")} <= compared


@pytest.mark.slow
def test_order_in_small(tmp_path: Path) -> None:
    evaluated = in_small("order", tmp_path / "r")
    arms = {"shuffled", "deleted-steps", "changed-digits", "only-wrong", "shortcut@tokens"}
    assert {one.first for one in evaluated.plan.comparisons if one.second == "journey"} >= arms
    finetuned = open_finished(tmp_path / "r" / "finetune", "finetune")
    assert len({run.problems for run in finetuned.audit.runs}) == 1


@pytest.mark.slow
@pytest.mark.parametrize("name", ["equal-compute", "equal-compute-sudoku"])
def test_equal_compute_in_small(tmp_path: Path, name: str) -> None:
    sizes = ("evaluate.dev_problems=6", "evaluate.k=2")
    evaluated = in_small(name, tmp_path / "r", *sizes)
    at = {one.first for one in evaluated.plan.comparisons if one.at == "equal test tokens"}
    assert at == {"shortcut@examples", "shortcut@tokens"}


@pytest.mark.slow
@pytest.mark.parametrize("dead_ends", [0, 1, 3, 5])
def test_backtracks_in_small(tmp_path: Path, dead_ends: int) -> None:
    in_small("backtracks", tmp_path / "r", f"generate.options.search.backtracks={dead_ends}")
    curated = open_finished(tmp_path / "r" / "curate", "curate")
    told = {pair.mistakes for pair in curated.pairs("train")}
    assert told == {dead_ends}


def test_both_halves_of_retry_dose_have_the_same_problems_and_questions() -> None:
    adapters, weights = settings("retry-dose"), settings("retry-dose-full")
    assert (adapters.generate, adapters.curate, adapters.evaluate) == (
        weights.generate,
        weights.curate,
        weights.evaluate,
    )
    assert adapters.base == weights.base and weights.finetune.full and not adapters.finetune.full


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "base", "rate"),
    [
        ("retry-dose", "pocket-graph", 0.0),
        ("retry-dose", "pocket-graph-retry", 0.2),
        ("retry-dose-full", "pocket-graph", 0.5),
    ],
)
def test_retry_dose_in_small(tmp_path: Path, name: str, base: str, rate: float) -> None:
    in_small(name, tmp_path / "r", f"generate.options.slips.rate={rate}", f"base={base}")
    curated = open_finished(tmp_path / "r" / "curate", "curate")
    told = [pair.mistakes for pair in curated.pairs("train")]
    assert 0 in told and (max(told) > 0) == (rate > 0)
