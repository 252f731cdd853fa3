"""The recipe own-mistakes in small: a warm policy, its attempts, three kinds of journeys matched, arms compared side by side."""

from __future__ import annotations

from pathlib import Path

import pytest

from journey import pipeline
from journey.errors import UsageError
from journey.formats.folders import open_finished
from journey.settings.given import parse_set

SMALL = [
    "warm.generate.pairs=600",
    "warm.finetune.epochs=2",
    "sample.limit=40",
    "sample.k=6",
    "generate.options={own: {delay: 0}, injected: {delay: 0}, profiled: {delay: 0}}",
    "finetune.seeds=1",
    "finetune.epochs=1",
    "finetune.max_steps=3",
    "evaluate.sizes={countdown@1: 8, countdown@2: 8}",
    "evaluate.max_new_tokens=48",
]


@pytest.mark.slow
def test_the_recipe_end_to_end(tmp_path: Path) -> None:
    settings = pipeline.resolve(pipeline.read_recipe("own-mistakes"), parse_set(SMALL))
    evaluated = open_finished(pipeline.run(settings, tmp_path / "r", workers=1), "evaluate")
    sampled = open_finished(tmp_path / "r" / "sample", "sample")
    [profile] = sampled.profile.policies
    assert profile.problems == 40 and profile.mixed > 0 and profile.policy.adapter_sha256 is not None
    finetuned = open_finished(tmp_path / "r" / "finetune", "finetune")
    assert any(note.startswith("matched journeys of own, injected, profiled") for note in finetuned.audit.notes)
    problems = {run.problems for run in finetuned.audit.runs}
    assert len(problems) == 1 and "journey-own-s0" in finetuned.trained
    compared = {(each.first, each.second) for each in evaluated.plan.comparisons}
    assert ("journey:injected", "journey:own") in compared and ("journey:profiled", "journey:own") in compared
    again = pipeline.run(settings, tmp_path / "r", workers=1)
    assert open_finished(again, "evaluate").sha256 == evaluated.sha256


@pytest.mark.parametrize(
    ("sets", "says"),
    [
        (["sample.k=1"], "k = 1"),
        (["warm.finetune.seeds=2"], "make several models, and one is the policy"),
        (["generate.method=[search]"], "method search reads no attempts"),
        (["finetune.arms=[journey:mine]"], "origin of journeys"),
        (["sample.family=countdown@9"], "is no level of countdown"),
    ],
)
def test_a_bad_recipe_is_refused_before_its_first_stage(sets: list[str], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        pipeline.resolve(pipeline.read_recipe("own-mistakes"), parse_set(sets))
