"""At least a hundred SIGKILLs and SIGTERMs at random moments: nothing lost, nobody left behind, the same bytes in the end."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from journey_testing.commands import children_of, end, journey, run

pytestmark = [pytest.mark.faults, pytest.mark.skipif(os.name != "posix", reason="signals")]
MEASURED = ("mean_seconds", "seconds")  # what is never the same twice
SMALL = [
    "--rank",
    "2",
    "--set",
    "lr=3e-3",
    "--rows-per-step",
    "12",
    "--set",
    "checkpoint_seconds=0.1",
    "--workers",
    "2",
]


@dataclass(frozen=True)
class Stage:
    """A command by its output folder, and how often it is killed."""

    words: Callable[[Path, Path], list[str]]  # (folder of the inputs, output)
    kills: int


STAGES = {
    "generate": Stage(
        lambda root, out: [
            *("generate", "--family", "countdown@1", "--method", "search", "--pairs", "5000", "--workers", "2"),
            *("--out", str(out)),
        ],
        44,
    ),
    "curate": Stage(lambda root, out: ["curate", str(root / "g"), "--base", "pocket", "--out", str(out)], 26),
    "finetune": Stage(
        lambda root, out: [
            *("finetune", str(root / "c"), "--base", "pocket", "--arms", "shortcut@examples,journey", "--seeds", "2"),
            *(*SMALL, "--epochs", "4", "--out", str(out)),
        ],
        6,
    ),
    "evaluate": Stage(
        lambda root, out: [
            *("evaluate", str(root / "f"), "--benchmarks", "countdown@1", "--limit", "60", "--workers", "2"),
            *("--max-new-tokens", "24", "--out", str(out)),
        ],
        6,
    ),
    "publish": Stage(
        lambda root, out: ["publish", str(root / "c"), "--repo", "tester/data", "--dry-run", "--out", str(out)], 20
    ),
    "run": Stage(
        lambda root, out: [
            *("run", "quickstart", "--out", str(out), "--set", "name=killed", "--set", "generate.pairs=300"),
            *("--set", "finetune.seeds=1", "--set", "finetune.rows_per_step=24", "--set", "evaluate.batch=20"),
            *(
                "--set",
                "finetune.epochs=1",
                "--set",
                "evaluate.dev_problems=10",
                "--set",
                "finetune.checkpoint_seconds=0.2",
            ),
            *(
                "--set",
                "evaluate.sizes={countdown@1: 20, countdown-targets: 10, countdown-choices: 10, arithmetic@1: 10}",
            ),
        ],
        4,
    ),
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small folders that the stages read."""
    folder = tmp_path_factory.mktemp("inputs")
    run("generate", "--family", "countdown@1", "--method", "search", "--pairs", "400", "--out", folder / "g")
    run("curate", folder / "g", "--base", "pocket", "--out", folder / "c")
    one = ["--arms", "shortcut,journey", "--seeds", "1", "--set", "max_steps=2", "--rank", "2"]
    run("finetune", folder / "c", "--base", "pocket", *one, "--out", folder / "f")
    return folder


def plain(value: object) -> object:
    """JSON without what is measured anew in every run."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items() if key not in MEASURED}
    return [plain(inner) for inner in value] if isinstance(value, list) else value


def bytes_of(out: Path) -> dict[str, str]:
    """The hash of every listed file of every finished folder below; scores by what they say, without seconds."""
    found = {}
    for manifest in sorted(out.rglob("manifest.json")):
        for name in json.loads(manifest.read_bytes()).get("files", {}):
            path = manifest.parent / name
            if not path.is_file():
                continue  # a manifest that is itself published
            data = path.read_bytes()
            if path.name == "scores.json":
                data = json.dumps(plain(json.loads(data)), sort_keys=True).encode()
            found[path.relative_to(out).as_posix()] = hashlib.sha256(data).hexdigest()
    return found


@pytest.mark.case(1)
@pytest.mark.parametrize("name", STAGES)
def test_killed_again_and_again(
    name: str, request: pytest.FixtureRequest, tmp_path: Path, outcome: Callable[[str], None]
) -> None:
    stage, chance = STAGES[name], random.Random()
    root = Path() if name in ("generate", "run") else request.getfixturevalue("root")
    began = time.monotonic()
    run(*stage.words(root, tmp_path / "a" / "whole"))
    took = time.monotonic() - began
    out = tmp_path / "b" / "whole"
    out.parent.mkdir()
    kills = orphans = ended = 0
    moments = []
    while kills < stage.kills:
        kind = chance.choice([signal.SIGKILL, signal.SIGTERM])
        moment = took * chance.uniform(0.1, 0.95)
        process = subprocess.Popen(
            journey(*stage.words(root, out)), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
        )
        handle, children = psutil.Process(process.pid), set()
        deadline = time.monotonic() + moment
        while process.poll() is None and time.monotonic() < deadline:
            children |= children_of(handle)
            time.sleep(0.01)
        if process.poll() is not None:
            assert process.returncode == 0, process.stderr.read().decode()[-2000:]  # type: ignore[union-attr]
            ended += 1
            shutil.rmtree(out)  # it was through: begin anew
            continue
        children |= children_of(handle)
        orphans += len(end(process, kind, list(children)))
        process.stderr.close()  # type: ignore[union-attr]
        if process.returncode == 0:  # it was through just then
            ended += 1
            shutil.rmtree(out)
            continue
        assert process.returncode in (-kind, 128 + kind), process.returncode
        kills += 1
        moments.append(round(moment, 2))
    assert not orphans, f"{orphans} processes left behind after kills at {moments} s"
    run(*stage.words(root, out))
    whole, killed = bytes_of(tmp_path / "a" / "whole"), bytes_of(out)
    differing = [key for key in whole.keys() | killed.keys() if whole.get(key) != killed.get(key)]
    assert whole and not differing, differing
    stray = [
        path.name for path in out.parent.rglob("*") if ".tmp-" in path.name or path.name.endswith((".lock", ".partial"))
    ]
    assert not stray, stray
    outcome(f"{name}: {kills} kills ({ended} came too late), {len(whole)} files as without, no process left")
