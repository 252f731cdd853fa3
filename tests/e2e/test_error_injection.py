"""The recipe error-injection in small: the base is the policy, its attempts, matched journeys, masked and not, and the probe."""

from __future__ import annotations

from pathlib import Path

import pytest

from journey import pipeline
from journey.config import parse_set
from journey.formats.behaviour import RecoveryPrefix, prefixes_file
from journey.formats.files import read_lines
from journey.formats.folders import open_finished

SMALL = [
    "sample.limit=60",
    "finetune.seeds=1",
    "finetune.max_steps=3",
    "evaluate.sizes={multiplication@1: 12}",
    "evaluate.max_new_tokens=130",
]


def test_what_the_source_did_is_what_the_recipe_says() -> None:
    """The base is the policy, mistakes are noticed at once, no re-check passes, and all three kinds have one setting."""
    settings = pipeline.resolve(pipeline.read_recipe("error-injection"), {})
    assert settings.sample is not None and settings.sample.policy == [settings.base] == ["pocket-digits"]
    assert settings.warm is None and settings.finetune.warmup is None
    options = [settings.generate.options[name] for name in ("own", "injected", "profiled")]
    assert options == [{"clean": 0.5, "delay": 0, "rechecks": 0.0}] * 3
    assert settings.finetune.seeds == 5 and settings.evaluate.margin == 0.05
    assert "journey-masked:injected" in settings.finetune.arms


@pytest.mark.slow
def test_the_recipe_end_to_end(tmp_path: Path) -> None:
    settings = pipeline.resolve(pipeline.read_recipe("error-injection"), parse_set(SMALL))
    evaluated = open_finished(pipeline.run(settings, tmp_path / "r", workers=1), "evaluate")
    [profile] = open_finished(tmp_path / "r" / "sample", "sample").profile.policies
    assert profile.problems == 60 and profile.mixed > 20 and profile.policy.adapter_sha256 is None
    finetuned = open_finished(tmp_path / "r" / "finetune", "finetune")
    assert any(note.startswith("matched journeys of injected, profiled, own") for note in finetuned.audit.notes)
    compared = {(each.first, each.second) for each in evaluated.plan.comparisons}
    others = {"shortcut@examples", "shortcut@tokens", "journey-masked:injected", "journey:profiled", "journey:own"}
    assert {(other, "journey:injected") for other in others} <= compared
    prefixes = list(read_lines(evaluated.file(prefixes_file("multiplication@1")), RecoveryPrefix))
    assert sum(each.writer == "injector" for each in prefixes) == 12
    assert any(each.writer != "injector" for each in prefixes)
