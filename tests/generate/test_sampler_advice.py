"""Which sampler answers is what the setting says, whatever is installed; where vLLM was measured to be faster, that is said."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from journey.config import EvaluateSettings, SampleSettings
from journey.errors import UsageError
from journey.generate import sample as stage
from journey.generate.attempts import drawing
from journey.generate.attempts.policies import find_policies
from journey.generate.attempts.serving import largest_work
from journey.models import flops, load
from journey.servers import advice
from journey.servers.advice import MEASURED, MeasuredWork, SamplingWork
from journey_testing import vllm_stand_in
from journey_testing.sources import ROOT

ENOUGH = SamplingWork("cpu", 72, 64, 134_515_008)
SETTINGS = SampleSettings(family="countdown@1", limit=2, policy=["pocket"], k=2, max_new_tokens=8)


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = vllm_stand_in.make(tmp_path / "vllm", [20, 23, 21, 2])
    monkeypatch.setenv("JOURNEY_VLLM", str(made))
    return made


@pytest.fixture
def little(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if vLLM had been measured to be faster for next to nothing."""
    monkeypatch.setitem(MEASURED, "cpu", MeasuredWork("cpu", 6, 8, 1000, "pocket", 5, 4))


@pytest.mark.parametrize(
    ("work", "says"),
    [
        (ENOUGH, "72 attempts: --sampler vllm (0.32.0) is probably faster"),
        (replace(ENOUGH, answers=9000), "9,000 attempts: --sampler vllm"),
        (
            replace(ENOUGH, answers=71),
            "not measured to be faster with less than this: 72 attempts of at most 64 tokens",
        ),
        (replace(ENOUGH, cap=63), "not measured to be faster with less"),
        (replace(ENOUGH, parameters=10**8), "not measured to be faster with less"),
        (replace(ENOUGH, device="cuda", answers=10**6), "from which size vLLM is faster on a GPU is not measured"),
        (None, "unless --sampler says otherwise"),
    ],
)
def test_what_was_measured_is_said_and_nothing_else(work: SamplingWork | None, says: str, stand_in: Path) -> None:
    assert says in advice.why_built_in(work) and advice.why_built_in(work).startswith("built-in, as at every size")
    assert (advice.hint(work) is not None) == ("is probably faster" in says or "9,000" in says)


def test_no_vllm_and_one_for_another_device_are_no_hint(
    stand_in: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for named, says in ((str(tmp_path / "nowhere"), "but: JOURNEY_VLLM="), (None, "but: vLLM is not installed")):
        monkeypatch.setenv("JOURNEY_VLLM", named) if named else monkeypatch.delenv("JOURNEY_VLLM")
        assert advice.hint(ENOUGH) is None and says in advice.why_built_in(ENOUGH)
    monkeypatch.setattr(advice, "find_vllm", lambda: advice.VllmInstall("python", "0.32.0", "cuda", 8, 10))
    assert advice.hint(ENOUGH) is None and "made for a GPU was not measured on a CPU" in advice.why_built_in(ENOUGH)


def test_the_sizes_are_those_of_the_page_of_results() -> None:
    page = (ROOT / "docs" / "results" / "vllm.md").read_text()
    assert set(MEASURED) == {"cpu"} and "Not yet measured on a GPU" in page
    [found] = MEASURED.values()
    for written in (
        f"{found.answers} attempts",
        f"{found.cap} new",
        f"{found.built_in_seconds} s",
        f"{found.vllm_seconds} s",
    ):
        assert written in page, written


def test_the_work_of_one_vllm_is_counted_base_by_base(tmp_path: Path) -> None:
    copied, server = shutil.copytree(load.pocket_folder(), tmp_path / "mine"), "x@http://127.0.0.1:1/v1"

    def work(*names: str) -> SamplingWork | None:
        settings = SETTINGS.model_copy(update={"policy": list(names)})
        return largest_work(find_policies(settings), 2, settings)

    alone = work("pocket")
    assert alone == SamplingWork(load.best_device(), 2 * 3, 8, flops.cost_of(load.find("pocket")).parameters)
    assert work("pocket", str(copied), server) == replace(alone, answers=12)
    assert work("pocket", "pocket-plain", server) in (alone, work("pocket-plain"))  # another base is another vLLM
    assert work(server) is None


def test_the_same_command_gives_the_same_bytes_with_vllm_and_without(
    stand_in: Path, little: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stage.sample(SETTINGS, tmp_path / "with", workers=1)
    said = capsys.readouterr().err
    assert "--sampler vllm (0.32.0) is probably faster" in " ".join(said.split())
    monkeypatch.delenv("JOURNEY_VLLM")
    stage.sample(SETTINGS, tmp_path / "without", workers=1)
    assert "vllm" not in capsys.readouterr().err
    assert (tmp_path / "with" / "manifest.json").read_bytes() == (tmp_path / "without" / "manifest.json").read_bytes()
    assert not (stand_in / "started.json").exists()


@pytest.mark.parametrize("first", ["built-in", "vllm"])
def test_a_folder_is_gone_on_with_by_the_sampler_that_began_it(
    first: str,
    stand_in: Path,
    little: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    other = {"built-in": "vllm", "vllm": "built-in"}[first]
    begun, others = (SETTINGS.model_copy(update={"sampler": name}) for name in (first, other))
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(drawing, "draw", interrupted)
        stage.sample(begun, tmp_path / "out", workers=1)
    assert ("is probably faster" in " ".join(capsys.readouterr().err.split())) == (first == "built-in")
    with pytest.raises(UsageError, match="vllm"):
        stage.sample(others, tmp_path / "out", workers=1)
    stage.sample(begun, tmp_path / "out", workers=1)
    assert "is probably faster" not in " ".join(capsys.readouterr().err.split())  # too late for this folder


def interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_dry_run_tells_what_would_answer(
    stand_in: Path, little: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told(**changes: object) -> str:
        return str(stage.plan(SETTINGS.model_copy(update=changes), tmp_path / "out")["sampler"])

    assert "6 attempts: --sampler vllm (0.32.0) is probably faster" in told()
    assert told(sampler="vllm") == "vLLM 0.32.0, by --sampler"
    assert told(policy=["x@http://127.0.0.1:1/v1"]) == "the servers that are named"
    monkeypatch.delenv("JOURNEY_VLLM")
    with pytest.raises(UsageError, match="JOURNEY_VLLM names no other"):
        told(sampler="vllm")


def test_the_default_is_the_built_in_sampler_everywhere() -> None:
    for settings in (SampleSettings(), EvaluateSettings()):
        assert settings.sampler == "built-in" and "sampler" not in settings.model_dump(mode="json")
