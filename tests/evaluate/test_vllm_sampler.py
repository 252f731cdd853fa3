"""`--sampler vllm`: what is started, with what, when, and that nothing of it is left; with a stand-in for vLLM.

`tests/e2e/test_vllm.py` does it with the real one (`make test-vllm`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psutil
import pytest

from journey.cli import doctor
from journey.config import EvaluateSettings, SampleSettings
from journey.errors import JourneyError, ResourceError, UsageError
from journey.evaluate.run import evaluate, plan
from journey.evaluate.sampling import parity
from journey.formats.folders import open_finished
from journey.formats.manifest import Manifest
from journey.formats.plan import EvaluationPlan
from journey.formats.scores import Scores
from journey.generate.sample import sample
from journey.schema import Sample, decode
from journey.servers import vllm
from journey.servers.use import limits_of
from journey_testing import vllm_stand_in
from journey_testing.folders import records

ONE = "countdown@1"
IDS = [20, 23, 21, 2]  # of the tiny base: "\\boxed{ 1 }", and the end
PLAIN: dict[str, Any] = {
    "benchmarks": [ONE], "limit": 4, "workers": 1, "parity": 2, "parity_least": 0.0, "sampler": "vllm", "max_new_tokens": 8,
}  # fmt: skip


def ended(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:  # it can end while it is looked at
        return True


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = vllm_stand_in.make(tmp_path / "vllm", IDS)
    monkeypatch.setenv("JOURNEY_VLLM", str(made))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")  # it is not asked for what lies on this machine
    monkeypatch.setenv("NO_PROXY", "elsewhere")
    return made


class TestEvaluate:
    def test_from_start_to_report(
        self, stand_in: Path, base: Path, finetuned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        built_in = parity.built_in

        def before_it_starts(*arguments: Any, apart: bool) -> Any:
            assert apart and not (stand_in / "started.json").exists()
            return built_in(*arguments, apart=apart)

        monkeypatch.setattr(parity, "built_in", before_it_starts)
        out = evaluate(finetuned, EvaluateSettings(**PLAIN), tmp_path / "out")
        told = vllm_stand_in.started(stand_in)
        words = told["words"]
        value = lambda flag: words[words.index(flag) + 1]
        assert (value("--model"), value("--host"), value("--dtype")) == (str(base), "127.0.0.1", "float32")
        assert (
            value("--generation-config") == "vllm" and value("--max-loras") == "3" and value("--max-lora-rank") == "8"
        )
        lora = [f"{run}={finetuned / run}" for run in ("shortcut-tokens-s0", "journey-s0")]
        assert words[words.index("--lora-modules") + 1 :][:2] == lora
        assert told["variables"]["NO_PROXY"] == "elsewhere,127.0.0.1,localhost"
        assert int(told["variables"]["VLLM_CPU_KVCACHE_SPACE"]) >= 1
        assert ended(told["pid"]) and not list(tmp_path.glob("*.log"))
        # One answer of it: its own tokens, without what ended it, from a request that names the built-in sampler's stops.
        rows = list(records(out, f"samples/journey-s0/{ONE}/greedy", Sample))
        assert {(r.tokens, r.finish, r.reason) for r in rows} == {(len(IDS), "stop", "")} and len(
            {r.text for r in rows}
        ) == 1
        assert rows[0].text != "words"
        requests = vllm_stand_in.asked(stand_in)
        assert {tuple(body["stop_token_ids"]) for body in requests} == {(2, 30, 40, 50)}
        assert all(body["return_token_ids"] and not body["skip_special_tokens"] for body in requests)
        assert int(value("--max-model-len")) == max(len(body["prompt"]) for body in requests) + 8
        # Who answered is in the plan, the manifest and the report; the port, which is another every time, is nowhere.
        assert decode((out / "plan.json").read_bytes(), EvaluationPlan).backend == "vllm 0.32.0"
        manifest = decode((out / "manifest.json").read_bytes(), Manifest)
        assert manifest.config["sampler"] == "vllm" and "vllm_memory" not in manifest.config
        assert "vllm 0.32.0" in (out / "report.md").read_text()
        port = value("--port")
        assert not [path for path in out.rglob("*.json*") if f":{port}" in path.read_text()]
        scores = decode((out / "scores.json").read_bytes(), Scores)
        assert [(a.against, a.problems) for a in scores.agreement] == [("built-in", 2)] * 3

    def test_one_that_answers_otherwise_is_not_used_and_ends(
        self, stand_in: Path, finetuned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        built_in = parity.built_in  # here and not apart: a process costs seconds
        monkeypatch.setattr(parity, "built_in", lambda *arguments, apart: built_in(*arguments))
        with pytest.raises(JourneyError, match="gives the answer of the built-in sampler to 0% of 2 problems"):
            evaluate(finetuned, EvaluateSettings(**(PLAIN | {"parity_least": 1.0})), tmp_path / "out")
        assert ended(vllm_stand_in.started(stand_in)["pid"]) and not (tmp_path / "out").exists()

    def test_one_that_does_not_start_is_told_by_its_own_error(
        self, finetuned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("JOURNEY_VLLM", str(vllm_stand_in.make(tmp_path / "vllm", IDS, dies=True)))
        says = r"vLLM 0.32.0 ended with code 1: RuntimeError: no memory for keys and values\n  see .*out.vllm.log"
        monkeypatch.setattr(parity, "built_in", lambda *arguments, apart: None)
        with pytest.raises(ResourceError, match=says):
            evaluate(finetuned, EvaluateSettings(**PLAIN), tmp_path / "out")

    def test_the_dry_run_shows_the_command(self, stand_in: Path, finetuned: Path) -> None:
        asked = EvaluateSettings(**PLAIN, vllm_args=["--tensor-parallel-size", "2"])
        told = plan(finetuned, asked)
        line = told["serve"]
        assert told["sampler"] == "vllm 0.32.0"
        assert line.startswith(f"{stand_in}/bin/python -P -m vllm") and line.endswith("--tensor-parallel-size 2")

    def test_what_cannot_be_served_is_refused_before_anything_starts(
        self, stand_in: Path, finetuned: Path, tmp_path: Path
    ) -> None:
        for changes, says in (
            ({"endpoint": "http://127.0.0.1:1/v1"}, "--endpoint names another"),
            ({"sampler": "built-in", "vllm_args": ["--x"]}, "vllm_args is for a vLLM"),
        ):
            with pytest.raises(UsageError, match=says):
                plan(finetuned, EvaluateSettings(**(PLAIN | changes)))
        assert not (stand_in / "started.json").exists()


def test_attempts_of_several_policies_at_once(stand_in: Path, finetuned: Path, tmp_path: Path) -> None:
    policies = [str(finetuned / "journey-s0"), str(finetuned / "shortcut-tokens-s0")]
    settings = SampleSettings(
        family=ONE, limit=3, policy=policies, k=2, max_new_tokens=8, sampler="vllm", locate="estimated"
    )
    folder = open_finished(sample(settings, tmp_path / "out"), "sample")
    told = vllm_stand_in.started(stand_in)
    assert ended(told["pid"]) and "--max-loras" in told["words"]
    requests = vllm_stand_in.asked(stand_in)
    assert {body["model"] for body in requests} == {"journey-s0", "shortcut-tokens-s0"} and len(requests) >= 3 * 3 * 2
    for policy in ("journey-s0", "shortcut-tokens-s0"):
        attempts = folder.attempts(policy)
        assert {one.text for of_one in attempts.values() for one in of_one} == {next(iter(attempts.values()))[0].text}
    assert decode((tmp_path / "out" / "manifest.json").read_bytes(), Manifest).config["vllm"] == "0.32.0"


class TestWhereItIs:
    def test_the_variable_names_a_python_or_its_environment(self, stand_in: Path, monkeypatch: Any) -> None:
        found = vllm.find_vllm()
        assert (found.version, found.device) == ("0.32.0", "cpu")
        assert doctor._vllm() == f"0.32.0 (cpu), {found.python}"
        monkeypatch.setenv("JOURNEY_VLLM", str(stand_in / "bin" / "python"))
        assert vllm.find_vllm() == found

    def test_what_is_none_is_said(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        import sys

        monkeypatch.delenv("JOURNEY_VLLM", raising=False)
        with pytest.raises(UsageError, match="JOURNEY_VLLM names no other"):
            vllm.find_vllm()
        for named, says in ((tmp_path / "nowhere", "No such file"), (sys.executable, "no package called vllm")):
            monkeypatch.setenv("JOURNEY_VLLM", str(named))
            with pytest.raises(UsageError, match=says):
                vllm.find_vllm()
            assert doctor._vllm().startswith("not usable: ") and says in doctor._vllm()

    def test_a_gpu_gives_what_is_free_and_a_setting_stands(self) -> None:
        gib = 2**30
        half = vllm.VllmInstall("python", "0.32.0", "cuda", 40 * gib, 80 * gib)
        assert half.memory_share() == 0.45
        assert vllm.VllmInstall("python", "1", "cuda", 80 * gib, 80 * gib).memory_share() == 0.92
        with pytest.raises(UsageError, match=r"2.0 of 80 GiB of the GPU are free"):
            vllm.VllmInstall("python", "1", "cuda", 2 * gib, 80 * gib).memory_share()
        model = vllm.ServedModel("base", None, {}, 100, "bfloat16")
        for share, said in ((None, "0.45"), (0.3, "0.3")):
            words = vllm.command(half, model, 1, share=share)
            assert words[words.index("--gpu-memory-utilization") + 1] == said and "--enforce-eager" not in words

    def test_without_a_gpu_fewer_answers_are_written_at_once_and_prompts_are_read_whole(self) -> None:
        model, settings = vllm.ServedModel("base", None, {}, 100, "float32"), EvaluateSettings(benchmarks=["gsm8k"])
        for device, at_once in (("cpu", 64), ("cuda", 256)):
            install = vllm.VllmInstall("python", "0.32.0", device, 8, 10)
            words = vllm.command(install, model, 1)
            assert words[words.index("--max-num-seqs") + 1] == str(at_once)
            assert ("--no-enable-chunked-prefill" in words) == (device == "cpu")
            assert limits_of(settings, install.at_once).in_flight == at_once
            asked = settings.model_copy(update={"in_flight": 3})
            assert limits_of(asked, install.at_once).in_flight == 3
