"""The recipes of error injection in small: the base is the policy, its attempts, matched journeys, masked and not, and the probe."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from journey import pipeline
from journey.formats.behaviour import RecoveryPrefix, prefixes_file
from journey.formats.files import read_lines
from journey.formats.folders import open_finished
from journey.settings.given import parse_set
from journey.sweeps import run as sweeps

SMALL = [
    "sample.limit=60",
    "finetune.seeds=1",
    "finetune.max_steps=3",
    "evaluate.sizes={multiplication@1: 12}",
    "evaluate.max_new_tokens=130",
    "evaluate.strategy=[greedy, recover]",
]


HALVES = {"error-injection": "pocket-digits", "error-injection-sudoku": "pocket-grids"}


@pytest.mark.parametrize("name", HALVES)
def test_what_the_source_did_is_what_the_recipe_says(name: str) -> None:
    """The base is the policy, mistakes are noticed at once, no re-check passes, and all three kinds have one setting."""
    settings = pipeline.resolve(pipeline.read_recipe(name), {})
    assert settings.sample is not None and settings.sample.policy == [settings.base] == [HALVES[name]]
    assert settings.warm is None and settings.finetune.warmup is None
    own, *others = (settings.generate.options[kind] for kind in ("own", "injected", "profiled"))
    assert others == [own, own] and own["rechecks"] == 0.0 and own.get("delay", 0) == 0
    assert own["clean"] == 0.8 and not settings.finetune.lr_by_arm  # the source's dose, and one rate
    assert settings.finetune.seeds == 5 and settings.evaluate.margin == 0.05
    assert "journey-masked:injected" in settings.finetune.arms
    assert settings.kept and settings.differs
    assert {claim.name for claim in settings.claims} == {
        "injection-does-not-help",
        "own-mistakes-do-better",
        "coverage-does-not-help",
    }


def test_rechecks_are_an_axis_of_all_kinds_and_nothing_else_differs() -> None:
    recipe, half = pipeline.read_recipe("error-injection-rechecks"), pipeline.read_recipe("error-injection")
    plan = sweeps.prepare(recipe, [], {})
    assert [point.folder for point in plan.points] == ["rechecks-0.0", "rechecks-0.2"]
    for point in plan.points:
        options = point.settings.generate.options
        assert options["own"] == options["injected"]
    one, other = (pipeline.resolve(each, {}) for each in (recipe, half))
    assert one.finetune.model_copy(update={"arms": []}) == other.finetune.model_copy(update={"arms": []})
    assert one.generate.options["injected"] == other.generate.options["injected"]
    assert one.sample is not None and other.sample is not None
    assert one.sample == other.sample.model_copy(update={"seed": one.sample.seed})


@pytest.mark.slow
def test_the_recipe_end_to_end(tmp_path: Path) -> None:
    settings = pipeline.resolve(pipeline.read_recipe("error-injection"), parse_set(SMALL))
    evaluated = open_finished(pipeline.run(settings, tmp_path / "r", workers=1), "evaluate")
    [profile] = open_finished(tmp_path / "r" / "sample", "sample").profile.policies
    assert profile.problems == 60 and profile.mixed > 20 and profile.policy.adapter_sha256 is None
    finetuned = open_finished(tmp_path / "r" / "finetune", "finetune")
    assert any(note.startswith("matched journeys of injected, profiled, own") for note in finetuned.audit.notes)
    compared = {(each.first, each.second) for each in evaluated.plan.comparisons}
    others = {"shortcut@tokens", "journey-masked:injected", "journey:profiled", "journey:own"}
    assert {(other, "journey:injected") for other in others} <= compared
    prefixes = list(read_lines(evaluated.file(prefixes_file("multiplication@1")), RecoveryPrefix))
    assert sum(each.writer == "injector" for each in prefixes) == 12
    assert any(each.writer != "injector" for each in prefixes)


@pytest.mark.slow
def test_the_sudoku_half_in_small(tmp_path: Path) -> None:
    small = [*SMALL, "evaluate.sizes={sudoku@1: 12}"]
    settings = pipeline.resolve(pipeline.read_recipe("error-injection-sudoku"), parse_set(small))
    evaluated = open_finished(pipeline.run(settings, tmp_path / "r", workers=1), "evaluate")
    curated = open_finished(tmp_path / "r" / "curate", "curate")
    by_method = Counter(pair.method for pair in curated.pairs("train"))
    assert len(set(by_method.values())) == 1 and set(by_method) == {"own", "injected", "profiled"}
    prefixes = list(read_lines(evaluated.file(prefixes_file("sudoku@1")), RecoveryPrefix))
    assert sum(each.writer == "injector" for each in prefixes) == 12


@pytest.mark.slow
def test_rechecks_in_small(tmp_path: Path) -> None:
    sets = parse_set([*SMALL, "evaluate.sizes={multiplication@1: 6}"])
    sweeps.sweep(sweeps.prepare(pipeline.read_recipe("error-injection-rechecks"), [], sets), tmp_path / "s", workers=1)
    for folder, checks in (("rechecks-0.0", 0), ("rechecks-0.2", 20)):
        curated = open_finished(tmp_path / "s" / folder / "curate", "curate")
        roles = [segment.role for pair in curated.pairs("train") for segment in pair.journey.segments]
        assert roles.count("check") >= checks and bool(roles.count("check")) == bool(checks)
