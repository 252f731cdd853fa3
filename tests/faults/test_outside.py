"""Faults that come from outside: servers, the Hub, models, signals, hostile texts."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil
import pytest
from msgspec.structs import replace

from journey import console
from journey.answers.checker import Outcome, compare, extract
from journey.answers.grading import grade
from journey.catalog import FILTERS
from journey.curate.item import Item
from journey.curate.rules import Context
from journey.errors import AuthError, JourneyError, RemoteError, UsageError
from journey.models.endpoints import Endpoint, EndpointRef, StrangeAnswer, ask_all
from journey.publish.bundle.card_dataset import cell, fenced
from journey.sampling.identity import SampleOrigin
from journey.schema import Problem
from journey_testing.commands import children_of, journey, run
from journey_testing.loopback import LoopbackHub
from journey_testing.pairs import made
from journey_testing.sources import ROOT

Say = Callable[[str], None]
GOOD = {
    "choices": [{"text": "\\boxed{1}", "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 3},
}


class Answers:
    """A server that gives the answers of a list, one after the other, then the last one again: (status, body, headers)."""

    def __init__(self) -> None:
        self.given: list[tuple[int, bytes, dict[str, str]]] = []
        self.asked: list[float] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *args: Any) -> None:
                pass

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                outer.asked.append(time.monotonic())
                status, body, headers = outer.given[min(len(outer.asked), len(outer.given)) - 1]
                if status == 0:  # the connection breaks in the midst of an answer
                    self.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n{")
                    self.connection.close()
                    return
                self.send_response(status)
                for name, value in {"content-length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.handle_error = lambda *args: None  # type: ignore[method-assign]
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/v1"

    def give(self, *answers: tuple[int, Any] | tuple[int, Any, dict[str, str]]) -> Endpoint:
        """An endpoint that gets these answers."""
        self.asked.clear()
        self.given = [
            (
                one[0],
                one[1] if isinstance(one[1], bytes) else json.dumps(one[1]).encode(),
                one[2] if len(one) > 2 else {},
            )
            for one in answers
        ]
        return Endpoint(EndpointRef("model", self.url), timeout=20)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Answers]:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    made = Answers()
    threading.Thread(target=made.server.serve_forever, daemon=True).start()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.mark.case(13)
def test_a_server_that_asks_to_wait(server: Answers, outcome: Say) -> None:
    busy = (429, {"error": {"message": "slow down"}}, {"retry-after": "1"})
    assert server.give(busy, (200, GOOD)).complete([1], cap=5).text == "\\boxed{1}"
    waited = server.asked[1] - server.asked[0]
    assert len(server.asked) == 2 and waited >= 0.9
    outcome("waits as long as it is asked to, one request more")


@pytest.mark.case(14)
@pytest.mark.parametrize(
    "fault", [(500, {"error": "x"}), (503, {"error": "x"}), pytest.param((0, b""), marks=pytest.mark.faults)]
)
def test_a_server_that_fails(server: Answers, fault: tuple[int, Any], outcome: Say) -> None:
    quick = {"retry-after-ms": "10"}
    endpoint = server.give((*fault, quick))
    with pytest.raises(RemoteError):
        endpoint.complete([1], cap=5)
    assert len(server.asked) == 4
    assert server.give((*fault, quick), (200, GOOD)).complete([1], cap=5).text == "\\boxed{1}"
    outcome("4 tries, then exit 5; one failure is got over")


@pytest.mark.case(15)
@pytest.mark.parametrize(("status", "kind"), [(401, AuthError), (403, AuthError), (404, UsageError), (400, UsageError)])
def test_a_server_that_refuses(server: Answers, status: int, kind: type[JourneyError], outcome: Say) -> None:
    with pytest.raises(kind):
        server.give((status, {"error": {"message": "no"}})).complete([1], cap=5)
    assert len(server.asked) == 1
    outcome("one request, then exit 4 (401, 403) or 2 (400, 404)")


@pytest.mark.case(16)
def test_answers_that_are_none(server: Answers, monkeypatch: pytest.MonkeyPatch, outcome: Say) -> None:
    monkeypatch.setattr("journey.models.endpoints.STRANGE_WAIT", 0)
    problem = Problem("p", "?", "1", "test")
    for body in (b"<html>", b'{"choices": [', b'{"choices": []}', b"null", b"", b" " * 9_000_000):
        with pytest.raises(StrangeAnswer):
            server.give((200, body)).complete([1], cap=5)
    cut = {"choices": [{"text": "so it is 1", "finish_reason": "length"}]}
    assert grade(problem, *_told(server.give((200, cut)))).outcome == "no_answer"
    withheld = {"choices": [{"text": "\\boxed{1}", "finish_reason": "content_filter"}]}
    assert grade(problem, *_told(server.give((200, withheld)))).why == "withheld by the server"
    assert grade(problem, *_told(server.give((200, {"choices": [{"text": ""}]})))).why == "empty answer"
    lying = {**GOOD, "usage": {"prompt_tokens": -1, "completion_tokens": 1e30}}
    assert server.give((200, lying)).complete([1], cap=5).tokens == 0
    endpoint = server.give((200, GOOD), (200, GOOD), (200, b"<html>"))
    with pytest.raises(RemoteError, match=r"3 of 5 answers failed: .*<html>"):
        ask_all(lambda number: endpoint.complete([number], cap=5), range(5))
    outcome(
        "no completion: asked again, counted, 200 characters shown, nothing stored; withheld and empty: own outcomes"
    )


def _told(endpoint: Endpoint) -> tuple[str, Any]:
    reply = endpoint.complete([1], cap=5)
    return reply.text, reply.finish


@pytest.mark.case(20)
def test_secrets(monkeypatch: pytest.MonkeyPatch, outcome: Say) -> None:
    from journey.config import EvaluateSettings
    from journey.models.endpoints import reference
    from journey.settings.given import build

    monkeypatch.setenv("HF_TOKEN", "hf_" + "q" * 34)
    login = "http://me:passw0rd-of-mine@localhost:1/v1"
    for fault in (
        lambda: reference(f"m@{login}"),
        lambda: build(EvaluateSettings, {"endpoint": login}, "recipe"),
        lambda: build(EvaluateSettings, {"reward": f"m@{login}"}, "recipe"),
        lambda: build(EvaluateSettings, {"benchmarks": [login]}, "recipe"),
    ):
        with pytest.raises(UsageError) as told:
            fault()
        assert "passw0rd" not in str(told.value)
    assert "qqqq" not in str(JourneyError("the Hub says hf_" + "q" * 34))
    outcome("an address with a login is refused without showing it; tokens are cut out of every message")


HOSTILE = (
    "<script>alert(1)</script></style>\x1b[2J\x1b]0;x\x07---\n```\n| a | [x](javascript:1) \u202e\u2066abc\u200b\x00"
)


@pytest.mark.case(22)
def test_hostile_text_in_terminal_and_card(outcome: Say) -> None:
    shown = console.clean(HOSTILE)
    assert not set(shown) & set("\x1b\x00\x07\u202e\u2066\u200b")
    inside = cell(HOSTILE)
    assert "<" not in inside and "\n" not in inside and not inside.replace("\\|", "").count("|") and "\\[" in inside
    block = fenced(HOSTILE)
    assert block.splitlines()[0] == "````text" and block.splitlines()[-1] == "````"
    outcome("no control, direction or zero-width character reaches a terminal; card cells and blocks cannot be left")


@pytest.mark.faults
@pytest.mark.case(23)
def test_hostile_answers_run_nothing_and_end_soon(tmp_path: Path, outcome: Say) -> None:
    before, count = set(os.listdir()), 0
    rows = json.loads((ROOT / "tests" / "golden" / "answers_hostile.json").read_text())
    for row in rows:
        if row.get("slow") or row["answer"] is None:
            continue
        parts = [[row["answer"], 1]] if isinstance(row["answer"], str) else row["answer"] or []
        answer = "".join(text * times for text, times in parts)
        assert compare(row["gold"], answer) == row["expect"], row
        count += 1
    for gold, answer in (("2x", "15^{4090}"), ("x", "9" * 4301), ("x", "9" * 4932), ("(" * 10**5, ")" * 10**5)):
        assert compare(gold, answer) is not Outcome.SAME
    for text in ("#### 1\n" * 150_000, "\\boxed{" + "{" * 10**6, "answer is " * 10**5):
        extract(text)
    assert set(os.listdir()) == before
    outcome(f"{count} answers: judged as expected, no code run, no file made")


@pytest.mark.case(23)
def test_a_checker_that_fails_is_an_undecided_answer(monkeypatch: pytest.MonkeyPatch, outcome: Say) -> None:
    from journey.answers.comparing.kinds import AnswerComparison

    def fails(*args: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(AnswerComparison, "judge", fails)
    assert compare("1/2", "2/4") is Outcome.UNDECIDED
    judged = grade(Problem("p", "?", "1/2", "test"), "\\boxed{2/4}")
    assert (judged.outcome, judged.why) == ("undecided", "the checker failed (ZeroDivisionError)")
    outcome("a checker that raises: undecided and counted")


@pytest.mark.case(25)
def test_chat_markup(outcome: Say) -> None:
    from journey.config import CurateSettings

    one = made("countdown", "search", 1)[0]
    for mark in ("<|im_end|>", "</think>", "[INST]", "<|endoftext|>"):
        pair = replace(one.pair, problem=replace(one.pair.problem, question=f"What {mark} is it?"))
        context = Context(CurateSettings())
        assert FILTERS.get("markup")(context)(Item(pair, one.tree)), mark
    outcome("the pair is dropped by `markup`, counted")


@pytest.mark.faults
@pytest.mark.case(28)
def test_math_verify_hangs_or_dies(outcome: Say) -> None:
    from journey.answers.mathworker import WORKER

    assert compare("x+1", "1+x") is Outcome.SAME
    assert compare("18", "9^{9^{9}}x", timeout=0.3) is Outcome.UNDECIDED
    assert compare("x+2", "2+x") is Outcome.SAME  # by a fresh process
    assert WORKER._process is not None
    WORKER._process.kill()
    WORKER._process.wait()
    assert compare("x+3", "3+x") is Outcome.SAME
    outcome("killed at the deadline, that answer undecided, the next by a fresh process")


@pytest.mark.case(29)
def test_two_adapters_never_share_a_sample(outcome: Say) -> None:
    common: dict[str, Any] = {
        "weights": "w", "prompts": "p", "draw": "greedy", "samples": 1, "options": {}, "randomness": (), "view": "compact",
        "cap": 8, "batch": 4, "dtype": "float32", "backend": "stacked",
    }  # fmt: skip
    digests = {SampleOrigin(adapter=adapter, **common).digest() for adapter in (None, "a" * 64, "b" * 64)}
    assert len(digests) == 3
    outcome("samples are kept by the hash of the adapter")


@pytest.mark.faults
@pytest.mark.case(30)
def test_no_gpu(monkeypatch: pytest.MonkeyPatch, outcome: Say) -> None:
    import torch

    from journey.models import load

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert load.best_device() == "cpu"
    outcome("the CPU is taken; memory that runs out halves the batch (tests/evaluate/test_run.py)")


# --- what takes longer: make test-faults ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small folders of generate, curate and finetune; of the three runs one diverges."""
    root = tmp_path_factory.mktemp("small")
    run("generate", "--family", "countdown@1", "--method", "search", "--pairs", "60", "--out", root / "g")
    run("curate", root / "g", "--base", "pocket", "--out", root / "c")
    return root


@pytest.mark.faults
@pytest.mark.case(10)
def test_one_run_diverges(small: Path, tmp_path: Path, outcome: Say) -> None:
    words = [
        "--base",
        "pocket",
        "--arms",
        "journey",
        "--lr",
        "3e-3,1e30",
        "--set",
        "max_steps=1",
        "--seeds",
        "1",
        "--rank",
        "2",
    ]
    said = run("finetune", small / "c", *words, "--out", tmp_path / "f", code=3)
    assert "journey-lr1e+30-s0 failed" in said
    run("evaluate", tmp_path / "f", "--benchmarks", "countdown@1", "--limit", "4", "--out", tmp_path / "e")
    scores = json.loads((tmp_path / "e" / "scores.json").read_bytes())
    assert scores["failed_runs"] == ["journey-lr1e+30-s0"]
    assert {row["run"] for row in scores["runs"]} == {"base", "journey-lr0.003-s0"}
    outcome("finetune exit 3 with its name and reason; the others are kept and evaluated, the report shows a gap")


@pytest.mark.faults
@pytest.mark.case(11)
def test_a_half_written_checkpoint(small: Path, tmp_path: Path, outcome: Say) -> None:
    words = [
        "finetune",
        small / "c",
        "--base",
        "pocket",
        "--arms",
        "journey",
        "--seeds",
        "2",
        "--rank",
        "2",
        "--epochs",
        "6",
    ]
    words += ["--rows-per-step", "8", "--set", "lr=3e-3", "--set", "checkpoint_seconds=0.05"]
    run(*words, "--out", tmp_path / "whole")
    out = tmp_path / "killed"
    process = subprocess.Popen(journey(*words, "--out", out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    scratch = tmp_path / "killed.partial" / ".scratch"
    while not list(scratch.rglob("complete.json")):
        assert process.poll() is None
        time.sleep(0.005)
    children = children_of(psutil.Process(process.pid))
    process.kill()
    process.wait()
    assert not psutil.wait_procs(list(children), timeout=15)[1]
    for path in scratch.rglob("state.safetensors"):  # the seal is there and the bytes are not
        path.write_bytes(path.read_bytes()[:100])
    run(*words, "--out", out)
    for path in sorted((tmp_path / "whole").glob("*/adapter_model.safetensors")):
        assert path.read_bytes() == (out / path.parent.name / path.name).read_bytes()
    outcome("not used; the adapters are bit-equal to those of an uninterrupted run")


@pytest.mark.faults
@pytest.mark.case(2)
@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c(times: int, tmp_path: Path, outcome: Say) -> None:
    out = tmp_path / "g"
    words = [
        "generate",
        "--family",
        "countdown@1",
        "--method",
        "search",
        "--pairs",
        "100000",
        "--workers",
        "2",
        "--out",
        out,
    ]
    # A shell's background jobs ignore Ctrl-C, and so would what they start.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(journey(*words), stderr=subprocess.PIPE, text=True, start_new_session=True)
    while len(list((tmp_path / "g.partial" / ".done").glob("0*.json"))) < 2:
        assert process.poll() is None
        time.sleep(0.01)
    children = children_of(psutil.Process(process.pid))
    for _ in range(times):
        os.killpg(process.pid, signal.SIGINT)
        time.sleep(0.05)
    _, said = process.communicate(timeout=20)
    assert (
        process.returncode == 130 and "Traceback" not in said and "run the same command again" in " ".join(said.split())
    )
    assert not psutil.wait_procs(list(children), timeout=15)[1]
    outcome(f"{'once' if times == 1 else 'twice'}: exit 130 with the line to go on, no process left")


@pytest.mark.faults
@pytest.mark.case(9)
def test_two_commands_at_once(tmp_path: Path, outcome: Say) -> None:
    words = [
        "generate",
        "--family",
        "countdown@1",
        "--method",
        "search",
        "--pairs",
        "6000",
        "--workers",
        "1",
        "--out",
        tmp_path / "g",
    ]
    first, second = (subprocess.Popen(journey(*words), stderr=subprocess.PIPE, text=True) for _ in range(2))
    said = [each.communicate(timeout=120)[1] for each in (first, second)]
    codes = sorted(each.returncode for each in (first, second))
    assert codes in ([0, 2], [0, 0]) and not any(
        "Traceback" in text for text in said
    )  # [0, 0]: one came when all was done
    assert not list(tmp_path.glob("*.lock")) and not list(tmp_path.glob("*.partial"))
    outcome(f"exit codes {codes}; one whole folder, no lock left")


class TestTheHub:
    """`journey publish` as a user runs it, against the loopback Hub."""

    @pytest.fixture
    def hub(self) -> Iterator[LoopbackHub]:
        served = LoopbackHub().start()
        yield served
        served.stop()

    def words(self, small: Path, out: Path) -> list[str | Path]:
        return ["publish", small / "c", "--repo", "tester/data", "--out", out]

    def env(self, hub: LoopbackHub, token: str, home: Path) -> dict[str, str]:
        return {
            "HF_ENDPOINT": hub.url, "HF_TOKEN": token, "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1", "no_proxy": "127.0.0.1",
            "HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_TELEMETRY": "1",
        }  # fmt: skip

    @pytest.mark.faults
    @pytest.mark.case(17)
    @pytest.mark.parametrize("status", [503, 412])
    def test_the_commit_is_refused(
        self, hub: LoopbackHub, small: Path, tmp_path: Path, status: int, outcome: Say
    ) -> None:
        env = self.env(hub, "hf_" + "w" * 34, tmp_path / "home")
        hub.fail("POST", "/commit/", status, times=99)
        said = run(*self.words(small, tmp_path / "out"), code=5, **env)
        repo = hub.repos["datasets", "tester/data"]
        assert str(status) in said and not repo.log and repo.private and not repo.tags
        hub.faults.clear()
        hub.fail("POST", "/commit/", status, times=1)
        run(*self.words(small, tmp_path / "out"), **env)
        assert len(repo.log) == 1
        outcome("for good: exit 5, the repository empty and private; once: tried again, one commit")

    @pytest.mark.faults
    @pytest.mark.case(18)
    def test_a_killed_upload(self, hub: LoopbackHub, small: Path, tmp_path: Path, outcome: Say) -> None:
        env = {**os.environ, **self.env(hub, "hf_" + "w" * 34, tmp_path / "home")}
        chance, kills = random.Random(), 0
        for _ in range(4):
            hub.requests.clear()
            process = subprocess.Popen(
                journey(*self.words(small, tmp_path / "out")),
                env=env,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            calls = chance.randint(1, 8)
            while process.poll() is None and len(hub.requests) < calls:
                time.sleep(0.001)
            kills += process.poll() is None
            process.kill()
            process.wait()
            repo = hub.repos.get(("datasets", "tester/data"))
            assert repo is None or len(repo.log) <= 1
        run(*self.words(small, tmp_path / "out"), **self.env(hub, "hf_" + "w" * 34, tmp_path / "home"))
        assert len(hub.repos["datasets", "tester/data"].log) == 1
        outcome(f"{kills} kills between two requests: never half a commit, one in the end")

    @pytest.mark.faults
    @pytest.mark.case(19)
    @pytest.mark.parametrize("token", ["", "hf_" + "x" * 34, "hf_" + "r" * 34])
    def test_tokens(self, hub: LoopbackHub, small: Path, tmp_path: Path, token: str, outcome: Say) -> None:
        said = run(*self.words(small, tmp_path / "out"), code=4, **self.env(hub, token, tmp_path / "home"))
        assert (not token or token not in said) and not hub.repos
        outcome("exit 4 before anything is made; the token is not shown")


@pytest.mark.faults
@pytest.mark.case(26)
def test_a_problem_of_the_benchmark_in_the_training_data(tmp_path: Path, outcome: Say) -> None:
    row = {
        "question": "Tom has 12 apples and buys 30 more apples at the market today. How many apples has he?",
        "answer": "12 + 30 = <<12+30=42>>42 apples. #### 42",
    }
    (tmp_path / "p.jsonl").write_text(json.dumps(row) + "\n")
    (tmp_path / "test.jsonl").write_text(json.dumps(row) + "\n")
    run("generate", "--problems", tmp_path / "p.jsonl", "--method", "slips", "--out", tmp_path / "g")
    said = run(
        "curate", tmp_path / "g", "--benchmarks", f"mine={tmp_path / 'test.jsonl'}", "--out", tmp_path / "c", code=2
    )
    ledger = next(tmp_path.glob("c*/ledger.jsonl"), None)
    assert "benchmark_overlap" in (ledger.read_text() if ledger else said)
    outcome("dropped by `benchmark_overlap`, named in the ledger")


@pytest.mark.faults
@pytest.mark.case(22)
def test_hostile_text_in_a_browser(outcome: Say) -> None:
    """The report in a browser is held by tests/e2e/test_report_in_browser.py, run here as it is."""
    if not any(map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"))):
        pytest.skip("no browser here")
    wanted = str(ROOT / "tests" / "e2e" / "test_report_in_browser.py")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-k", "hostile", wanted],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stdout[-2000:]
    outcome("the report in a browser: hostile answers are text, its policy lets nothing else run")
