"""A loopback Hub that the real clients talk to, and small finished folders of every stage, made once."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from journey.config import CurateSettings, EvaluateSettings, GenerateSettings
from journey_testing.loopback import LoopbackHub

WRITER, READER, OTHER = "hf_" + "w" * 34, "hf_" + "r" * 34, "hf_" + "o" * 34


@pytest.fixture(scope="session")
def server() -> Iterator[Any]:
    """The running loopback Hub."""
    hub = LoopbackHub().start()
    yield hub
    hub.stop()
    assert hub.errors == [], hub.errors


@pytest.fixture
def hub(server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An empty loopback Hub with `tester` logged in; the client library of this process talks to it and never waits."""
    import huggingface_hub.utils._http as http
    from huggingface_hub import constants, hf_api

    from journey.publish.transfer import upload

    server.clear()
    template = constants.HUGGINGFACE_CO_URL_TEMPLATE
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template.replace(constants.ENDPOINT, server.url))
    monkeypatch.setattr(constants, "ENDPOINT", server.url)
    monkeypatch.setattr(hf_api.api, "endpoint", server.url)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hf" / "hub"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "hf" / "token"))
    monkeypatch.setattr(http.time, "sleep", lambda seconds: None)
    monkeypatch.setattr(upload, "WAIT", 0.0)
    monkeypatch.setenv("HF_TOKEN", WRITER)
    monkeypatch.setenv("JOURNEY_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    return server


@pytest.fixture
def once(hub: Any, server: Any) -> Callable[[str, Callable[[], Any]], Any]:
    """`once(name, fill)`: the Hub as `fill()` leaves it, which is called for the first test alone; gives what it gave."""

    def call(name: str, fill: Callable[[], Any]) -> Any:
        saved = server.__dict__.setdefault("saved", {})
        if name not in saved:
            given = fill()
            saved[name] = copy.deepcopy((server.repos, server.objects, given))
        server.repos, server.objects, given = copy.deepcopy(saved[name])
        server.requests.clear()
        return given

    return call


@pytest.fixture
def shell(server: Any, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """`shell(arguments...)`: a Python process of its own whose clients talk to the loopback Hub, as a user's would."""

    def run(*arguments: str | Path, ok: bool = True, **changed: str) -> subprocess.CompletedProcess[str]:
        kept = {name: value for name, value in os.environ.items() if name != "HF_HUB_OFFLINE"}
        environment = {
            **kept,
            "HF_ENDPOINT": server.url,
            "HF_TOKEN": WRITER,
            "HF_HOME": str(tmp_path / "home"),
            "JOURNEY_CACHE": str(tmp_path / "cache"),
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_UPDATE_CHECK": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "no_proxy": "127.0.0.1",
            "OMP_NUM_THREADS": "1",
            "PYTHONSAFEPATH": "1",
            **changed,
        }
        command = [sys.executable, "-P", *map(str, arguments)]
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=300, cwd=tmp_path, check=False
        )
        assert not ok or done.returncode == 0, done.stderr[-3000:]
        return done

    return run


@pytest.fixture(scope="session")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 Countdown pairs."""
    from journey.generate.run import generate

    settings = GenerateSettings(family=["countdown@1"], method=["search"], pairs=60)
    return generate(settings, tmp_path_factory.mktemp("stages") / "generated", workers=1)


@pytest.fixture(scope="session")
def curated(generated: Path) -> Path:
    """The same, curated for the embedded base; beside the generate folder."""
    from journey.curate.run import curate

    return curate(generated, CurateSettings(base="pocket"), generated.with_name("curated"))


@pytest.fixture(scope="session")
def finetuned(curated: Path) -> Path:
    """Two adapters of the embedded base in a finetune folder, with weights that change its answers but are not trained."""
    return write_finetuned(curated.with_name("finetuned"), curated, "pocket", {"shortcut-s0": 1, "journey-s0": 2})


@pytest.fixture(scope="session")
def evaluated(finetuned: Path) -> Path:
    """Four questions to the base and both adapters."""
    from journey.evaluate.run import evaluate

    settings = EvaluateSettings(benchmarks=["countdown@1"], limit=4, max_new_tokens=12, workers=1)
    return evaluate(finetuned, settings, finetuned.with_name("evaluated"))


@pytest.fixture(scope="session")
def warmed(curated: Path) -> Path:
    """The same, on a warm start: a model of its own, beside the runs."""
    return write_finetuned(
        curated.with_name("warmed"), curated, "pocket", {"shortcut-s0": 1, "journey-s0": 2}, warm=True
    )


def write_finetuned(out: Path, curated: Path, base: str, runs: dict[str, int], *, warm: bool = False) -> Path:
    """A finished finetune folder: what training would have left, by random adapters (run: seed of its weights)."""
    import peft
    import torch

    from journey.formats.finetune import BaseFacts, RunFile, TrajectoryPoint, WarmupFile
    from journey.formats.manifest import manifest_hash
    from journey.models import load
    from journey.publish.transfer import bases
    from journey.store import Folder
    from journey_testing.folders import audit_file, keep_adapter, run_counts

    ref = load.find(base)
    shown = base if base in load.MODELS else Path(ref.source).name
    inputs = {"curate": manifest_hash(curated), "base": bases.digest(ref)}
    config = {"base": base, "arms": [run.rpartition("-")[0] for run in runs], "seeds": 1}
    with Folder.open(out, "finetune", config, inputs=inputs) as folder:
        lines = []
        for run, seed in runs.items():
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                wanted = peft.LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", task_type="CAUSAL_LM")
                wanted.init_lora_weights = False  # random on both sides, so that answers change
                model = peft.get_peft_model(load.load_model(ref, device="cpu"), wanted)
            save_adapter(model, folder.work / run, "../warmup" if warm else shown)
            arm = run.rpartition("-")[0]
            keep_adapter(folder, run)
            facts = {
                "steps": 2,
                "lr": 2e-4,
                "supervised_tokens": 800 * seed,
                "total_tokens": 900 * seed,
                "flops": 10**9,
            }
            lines.append(run_counts(run, arm, **facts))
            RunFile(
                run=run,
                arm=arm,
                seed=0,
                base=BaseFacts(shown, None, inputs["base"]),
                view="compact",
                engine="trl",
                max_length=512,
                final_loss=1.5,
                rank=4,
                budget="examples",
                **facts,
            ).write(folder, f"{run}/{RunFile.FILE}")
            folder.write(f"{run}/trajectory.jsonl", [TrajectoryPoint(1, 2.0, 0.5, 1e-4, 400)])
        audit_file(lines, reference=arm, equal=("problems: 32",)).write(folder)
        folder.write("problems.txt", b"".join(f"{n:032x}\n".encode() for n in range(32)))
        if warm:
            start = load.load_model(ref, device="cpu")
            with torch.no_grad():
                start.model.layers[0].mlp.down_proj.weight.mul_(1.1)
            start.save_pretrained(folder.work / "warmup")
            load.load_tokenizer(ref).save_pretrained(folder.work / "warmup")
            made = WarmupFile(kind="model", source="elsewhere", input="0" * 64, merged="float32")
            (folder.work / "warmup" / WarmupFile.FILE).write_bytes(made.encoded())
            folder.mark_files("warmup", [f"warmup/{path.name}" for path in sorted((folder.work / "warmup").iterdir())])
        folder.finish({"runs": len(runs), "failed": 0})
    return out


def save_adapter(model: Any, folder: Path, base: str) -> None:
    """What an engine leaves of an adapter: safetensors, and a config without paths of this machine."""
    model.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)
    config = json.loads((folder / "adapter_config.json").read_bytes())
    config["base_model_name_or_path"] = base
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


@pytest.fixture
def read_json() -> Callable[[Path], Any]:
    """`read_json(path)`."""
    return lambda path: json.loads(path.read_bytes())
