"""Worker processes: who trains what, and what happens when one dies or the command is interrupted.

The processes here only pretend to train, so that nothing heavy is imported.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from journey.finetune.runs import Run
from journey.finetune.training import pool
from journey.finetune.training.events import Event

PRETENDER = """
import json, os, sys, time
print("loading", file=sys.stderr, flush=True)
for line in sys.stdin:
    for run in json.loads(line):
        for step in (1, 2):
            print(json.dumps({"run": run, "step": step, "loss": 1.0}), flush=True)
        if run == "dies":
            print("out of memory", file=sys.stderr, flush=True)
            os.kill(os.getpid(), 9)
        if run.startswith("hangs"):
            time.sleep(600)
        if run == "fails":
            print(json.dumps({"run": run, "failed": "no good", "again": False}), flush=True)
            continue
        said = {"run": run, "initial": str(os.getpid()), "order": os.environ["OMP_NUM_THREADS"], "final_loss": 1.0}
        print(json.dumps({"run": run, "trained": {**said, "seconds": 0.0, "device": "cpu", "dtype": ""}}), flush=True)
"""


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    script = tmp_path / "pretend.py"
    script.write_text(PRETENDER)
    monkeypatch.setattr(pool, "command", lambda plan: [sys.executable, str(script)])
    return tmp_path / "plan.json"


def run(name: str) -> Run:
    return Run(name, name, name, "examples", 0, 1e-3, 1, 1, 1, 0)


def train(names: list[str], plan: Path, workers: int) -> tuple[list[Event], list[Event]]:
    """Groups are words of names: "a b" is one of two runs."""
    steps: list[Event] = []
    ends: list[Event] = []
    groups = [[run(name) for name in words.split()] for words in names]
    pool.train_all(groups, plan, workers, one_thread=True, on_step=steps.append, on_end=ends.append)
    return steps, ends


def test_one_process_trains_run_after_run_in_order(plan: Path) -> None:
    steps, ends = train(["a", "b", "c"], plan, 1)
    assert [end.run for end in ends] == ["a", "b", "c"]
    assert [(step.run, step.step) for step in steps] == [(n, s) for n in "abc" for s in (1, 2)]
    assert len({end.trained.initial for end in ends if end.trained}) == 1
    assert {end.trained.order for end in ends if end.trained} == {"1"}


def test_more_workers_are_more_processes(plan: Path) -> None:
    _, ends = train(["a", "b", "c", "d"], plan, 4)
    assert {end.run for end in ends} == {"a", "b", "c", "d"}
    assert 1 <= len({end.trained.initial for end in ends if end.trained}) <= 4


def test_a_process_that_dies_takes_only_its_own_run_with_it(plan: Path) -> None:
    _, ends = train(["a", "dies", "b", "fails", "c"], plan, 1)
    assert [end.run for end in ends] == ["a", "dies", "b", "fails", "c"]
    by_run = {end.run: end for end in ends}
    assert by_run["dies"].failed == "its process ended with code -9 (SIGKILL): loading / out of memory"
    assert by_run["dies"].again
    assert by_run["fails"].failed == "no good"
    assert not by_run["fails"].again
    assert all(by_run[name].trained for name in "abc")
    assert by_run["a"].trained != by_run["b"].trained  # another process went on


def test_a_process_that_dies_takes_the_rest_of_its_group_with_it(plan: Path) -> None:
    _, ends = train(["a fails dies b", "c d"], plan, 1)
    by_run = {end.run: end for end in ends}
    assert by_run["a"].trained
    assert by_run["fails"].failed == "no good"
    assert all("code -9" in str(by_run[name].failed) and by_run[name].again for name in ("dies", "b"))
    assert all(by_run[name].trained for name in "cd")


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_an_interruption_leaves_no_process_behind(
    plan: Path, error: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[pool.TrainingWorker] = []
    real = pool.TrainingWorker

    def watched(*args: object) -> pool.TrainingWorker:
        started.append(real(*args))  # type: ignore[arg-type]
        return started[-1]

    monkeypatch.setattr(pool, "TrainingWorker", watched)

    heard: set[str] = set()

    def on_step(event: Event) -> None:
        heard.add(event.run)
        if heard == {"hangs", "hangs too"}:
            raise error("stop")

    with pytest.raises(error):
        groups = [[run("hangs")], [run("hangs too")], [run("b")]]
        pool.train_all(groups, plan, 2, one_thread=True, on_step=on_step, on_end=lambda event: None)
    assert len(started) == 2
    for worker in started:
        assert worker.program.returncode is not None
        with pytest.raises(ProcessLookupError):
            os.kill(worker.program.pid, 0)
