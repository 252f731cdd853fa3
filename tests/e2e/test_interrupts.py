"""Ctrl-C in every stage, as a terminal sends it: to the command and all its children. Once it says what is kept; twice, and
where the command alone is ended, all ends at once. Nothing ever hangs, shows a traceback, or leaves a process behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from journey.config import CurateSettings, EvaluateSettings, FinetuneSettings, GenerateSettings
from journey.curate.run import curate
from journey.evaluate.run import evaluate
from journey.finetune.run import finetune
from journey.generate.run import generate

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals")
SECONDS = 10.0  # within which all must have ended


@dataclass(frozen=True)
class Folders:
    """A small run of every stage."""

    pairs: Path
    curated: Path
    finetuned: Path
    evaluated: Path


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    root = tmp_path_factory.mktemp("stages")
    made = generate(GenerateSettings(family=["countdown@1"], method=["search"], pairs=60), root / "g", workers=1)
    kept = curate(made, CurateSettings(base="pocket"), root / "c")
    settings = FinetuneSettings(arms=["journey"], seeds=1, rank=2, rows_per_step=8, max_steps=1, workers=1)
    trained = finetune(kept, settings, root / "f")
    asked = EvaluateSettings(benchmarks=["countdown@1"], limit=4, max_new_tokens=8, workers=1)
    return Folders(made, kept, trained, evaluate(trained, asked, root / "e"))


@dataclass
class Command:
    """A command in a process group of its own, as a shell starts it, and every process that it has had."""

    words: list[str]
    hold: str = ""  # MODULE:FUNCTION that is replaced by one that never returns
    flag: Path = Path()
    children: set[psutil.Process] = field(default_factory=set)

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-c", self._code()],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def _code(self) -> str:
        lines = ["import sys, time", "from pathlib import Path", f"sys.argv[1:] = {self.words!r}"]
        if self.hold:
            module, _, function = self.hold.partition(":")
            lines += [f"import {module} as held", "def hold(*_, **__):", f"    Path({str(self.flag)!r}).touch()"]
            lines += ["    time.sleep(600)", f"held.{function} = hold"]
        return "\n".join([*lines, "from journey.cli.app import main", "main()"])

    def wait_for(self, there: Callable[[], object], seconds: float = 90) -> None:
        """Until the command has come so far; its children are noted."""
        end = time.monotonic() + seconds
        while not there():
            assert self.process.poll() is None, self.process.communicate()
            assert time.monotonic() < end, "it has not come so far"
            time.sleep(0.01)
        self.children |= set(psutil.Process(self.process.pid).children(recursive=True))

    def send(self, kind: signal.Signals) -> None:
        os.killpg(self.process.pid, kind)

    def stop(self) -> None:
        self.send(signal.SIGINT)
        assert self.end()[0] == 130

    def end(self) -> tuple[int, str]:
        """The exit code and what was said on stderr, as one line."""
        try:
            _, said = self.process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            raise
        _, alive = psutil.wait_procs(list(self.children), timeout=SECONDS)
        assert not alive, f"left behind: {alive}"
        assert "Traceback" not in said and "Error" not in said and "Warning" not in said, said
        return self.process.returncode, " ".join(said.split())


def generating(_: Folders, out: Path) -> Command:
    made = ["--family", "countdown@1", "--method", "search", "--pairs", "100000", "--workers", "2"]
    return Command(["generate", *made, "--out", str(out)])


def finetuning(folders: Folders, out: Path) -> Command:
    small = ["--arms", "shortcut@examples,journey", "--seeds", "2", "--rank", "2", "--rows-per-step", "8"]
    long = ["--epochs", "400", "--set", "checkpoint_seconds=0.1", "--workers", "2"]
    return Command(["finetune", str(folders.curated), *small, *long, "--out", str(out)])


def evaluating(folders: Folders, out: Path) -> Command:
    much = ["--benchmarks", "countdown@1", "--limit", "900", "--workers", "2", "--max-new-tokens", "12"]
    return Command(["evaluate", str(folders.finetuned), *much, "--out", str(out)])


# The stages that work in processes: a command, and what lies in its folder when it is in the midst of its work.
BUSY = {
    "generate": (generating, ".done/0*.json"),
    "finetune": (finetuning, ".scratch/checkpoints/*/checkpoint-*/complete.json"),
    "evaluate": (evaluating, ".done/samples--*.json"),
}


def begun(stage: str, folders: Folders, tmp_path: Path) -> Command:
    """A stage in the midst of its work."""
    make, pattern = BUSY[stage]
    command = make(folders, tmp_path / "out")
    command.start()
    command.wait_for(lambda: list((tmp_path / "out.partial").glob(pattern)))
    assert len(command.children) >= 2
    return command


@pytest.mark.parametrize("stage", BUSY)
def test_once(stage: str, folders: Folders, tmp_path: Path) -> None:
    command = begun(stage, folders, tmp_path)
    command.send(signal.SIGINT)
    code, said = command.end()
    assert code == 130
    partial = tmp_path / "out.partial"
    marks = [json.loads(mark.read_bytes()) for mark in (partial / ".done").glob("*.json") if mark.stem != "files"]
    assert all((partial / name).is_file() for mark in marks for name in mark["files"])
    assert not list(partial.glob("pairs/*.tmp-*")) and not list(partial.glob("samples/**/*.tmp-*"))
    out, number = tmp_path / "out", len(marks)
    kept = f"{number} finished part{'' if number == 1 else 's'} of {out} {'is' if number == 1 else 'are'} kept in {partial}"
    kept = kept if marks else f"nothing of {out} is finished yet"
    assert "interrupted; " in said and f"{kept}; run the same command again to go on from here" in said
    assert (stage == "finetune") or marks


@pytest.mark.parametrize(
    "stage",
    ["generate", pytest.param("finetune", marks=pytest.mark.slow), pytest.param("evaluate", marks=pytest.mark.slow)],
)
def test_twice(stage: str, folders: Folders, tmp_path: Path) -> None:
    command = begun(stage, folders, tmp_path)
    command.send(signal.SIGINT)
    time.sleep(0.02)
    try:
        command.send(signal.SIGINT)
    except ProcessLookupError:
        pass  # the first was enough
    code, said = command.end()
    assert code == 130
    assert "interrupted; " in said or "stopped at once; " in said
    assert "run the same command again to go on from" in said


@pytest.mark.parametrize(
    ("stage", "kind"),
    [
        ("generate", signal.SIGTERM),
        ("finetune", signal.SIGTERM),
        ("evaluate", signal.SIGKILL),
        pytest.param("evaluate", signal.SIGTERM, marks=pytest.mark.slow),
    ],
)
def test_the_command_alone_is_ended(stage: str, kind: signal.Signals, folders: Folders, tmp_path: Path) -> None:
    """As a scheduler does it, or a system that is out of memory: no worker outlives the command."""
    command = begun(stage, folders, tmp_path)
    command.process.send_signal(kind)
    began = time.monotonic()
    code, _ = command.end()
    assert code == -kind and time.monotonic() - began < SECONDS


HELD = {
    "curate": ("curate {f.pairs} --out {out}", "journey.curate.run:judge", "nothing of {out} is finished yet"),
    "evaluate": (
        "evaluate {f.finetuned} --benchmarks countdown@1 --limit 4 --workers 1 --out {out}",
        "journey.sampling.shards:to_sample",
        "nothing of {out} is finished yet",
    ),
    "report": ("report {f.evaluated}", "journey.evaluate.report.build:build", ""),
    "publish": (
        "publish {f.curated} --repo tester/data --dry-run --out {out}",
        "journey.publish.bundle.dataset:_provenance",
        "{marks} finished parts of {out}/bundle are kept in {out}/bundle.partial",
    ),
}


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("stage", HELD)
def test_stages_that_work_in_one_process(stage: str, times: int, folders: Folders, tmp_path: Path) -> None:
    words, hold, kept = HELD[stage]
    out = tmp_path / "out"
    command = Command(words.format(f=folders, out=out).split(), hold, tmp_path / "flag")
    command.start()
    command.wait_for(command.flag.is_file)
    for _ in range(times):
        command.send(signal.SIGINT)
    code, said = command.end()
    assert code == 130
    if times == 1:
        said_kept = kept.format(out=out, marks=len(list(out.glob("*.partial/.done/*.json"))))
        go_on = "run the same command again" + (" to go on from here" if said_kept else "")
        assert said.endswith("; ".join(["interrupted", *filter(None, [said_kept]), go_on]))
    else:
        assert "interrupted; " in said or "stopped at once; " in said


def test_an_interrupted_generate_goes_on_where_it_stopped(folders: Folders, tmp_path: Path) -> None:
    begun("generate", folders, tmp_path).stop()
    pairs = tmp_path / "out.partial" / "pairs"
    kept = {path: path.stat().st_mtime_ns for path in pairs.iterdir()}
    again = generating(folders, tmp_path / "out")
    again.start()
    again.wait_for(lambda: len(list(pairs.iterdir())) > len(kept))
    again.stop()
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
