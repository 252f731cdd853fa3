"""Pairs of problems that are too hard or too easy for a policy are dropped where limits say so; attempts tell their rates."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from journey.catalog import METHODS
from journey.config import CurateSettings
from journey.curate import run
from journey.curate.item import Item
from journey.errors import UsageError
from journey.formats.attempts import pass_rate
from journey.formats.folders import open_finished
from journey.schema import Pair
from journey_testing.attempts import sample_folder
from journey_testing.curation import EveryReason, pair
from journey_testing.folders import records


def of_rate(item: Item, rate: float | None) -> Item:
    return pair(item, provenance={**item.pair.provenance, **({} if rate is None else {"pass_rate": rate})})


class TestReasons(EveryReason):
    filter = "pass_rate"
    damages = {
        "too_hard": lambda sound: of_rate(sound["slips"], 0.0),
        "too_easy": lambda sound: of_rate(sound["slips"], 1.0),
        "not_attempted": lambda sound: sound["slips"],
    }
    options = {name: {"least": 0.2, "most": 0.8} for name in damages}


def test_rates_come_from_attempts_at_the_same_problems(searches: list[Item], tmp_path: Path) -> None:
    folder = sample_folder(tmp_path / "a", 12)
    sampled = open_finished(folder, "sample")
    problems, rates = list(sampled.problems()), {n: pass_rate(of) for n, of in sampled.attempts("guesser").items()}
    least = sorted(rates.values())[5]
    made = [_at(item, problem) for item, problem in zip(searches, problems, strict=False)]
    settings = CurateSettings(attempts=str(folder), options={"pass_rate": {"least": least}})
    items = [each for each in made if rates[each.pair.problem.id] is not None]
    judged = run.judge(
        items, [rule for rule in _bound(settings) if rule.name == "pass_rate"], run.Funnel({"pass_rate": {}})
    )
    kept = {each.pair.problem.id for each in judged[0]}
    assert kept == {n for n, rate in rates.items() if rate is not None and rate >= least} and 0 < len(kept) < 12


def _at(item: Item, problem: object) -> Item:
    return Item(replace(item.pair, problem=problem), replace(item.tree, problem=problem))


def _bound(settings: CurateSettings) -> list[run.BoundFilter]:
    return run.bind(run.resolve_options(settings), run.Context(settings))


def test_attempts_at_other_problems_and_several_policies_are_refused(
    slips: list[Item], generated: Callable[..., Path], tmp_path: Path
) -> None:
    source = generated(tmp_path / "made", slips)
    with pytest.raises(UsageError, match="none of these pairs is of a problem of"):
        run.curate(source, CurateSettings(attempts=str(sample_folder(tmp_path / "a", 3))), tmp_path / "out")
    both = sample_folder(tmp_path / "b", 3, ("one", "two"))
    with pytest.raises(UsageError, match="attempts of several policies: one, two"):
        run.curate(source, CurateSettings(attempts=str(both)), tmp_path / "other")
    with pytest.raises(UsageError, match="--policy is given without --attempts"):
        run.curate(source, CurateSettings(policy="one"), tmp_path / "third")


def test_the_rate_is_kept_with_the_pair(searches: list[Item], tmp_path: Path, generated: Callable[..., Path]) -> None:
    folder = sample_folder(tmp_path / "a", 12)
    problems = list(open_finished(folder, "sample").problems())
    made = [METHODS.get("search")().make(problem, 0) for problem in problems]
    source = generated(tmp_path / "made", [Item(one.pair, one.tree) for one in made])
    out = run.curate(source, CurateSettings(attempts=str(folder)), tmp_path / "out")
    kept = list(records(out, "train", Pair))
    assert kept and all(0 <= each.provenance["pass_rate"] <= 1 for each in kept)
    config = json.loads((out / "manifest.json").read_text())["config"]
    assert (config["attempts"], config["policy"]) == ("a", "guesser")
