"""A model that counts the habits too: a stub server on loopback, agreement against a hand-worked kappa."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from journey.errors import UsageError
from journey.evaluate.behaviour import judge
from journey.evaluate.behaviour.judge import cell, parse
from journey.formats.folders import open_finished
from journey.formats.plan import BenchmarkInfo, EvaluationPlan, RunInfo
from journey.models.endpoints import NotServed
from journey.schema import Problem, Question, Sample
from journey.servers.use import CostReached, ServerLimits
from journey_testing.folders import write_folder

REPLY = (
    "<backtracking>{b}</backtracking>\n<verification>0</verification>\n<subgoals>0</subgoals>\n<backward>0</backward>"
)
TEXTS = ["48 + 24 = 72.", "Wait, no. Scratch that.", "Let me start over with 48.", "It is 72.", "unparsable", "broken"]


class Stub(BaseHTTPRequestHandler):
    """Says one backtracking where the solution has "Scratch" or "72", nonsense to "unparsable", 500 to "broken"."""

    asked: list[str] = []  # noqa: RUF012 - shared by all requests on purpose
    status = 400  # of "broken"; any other is given to all

    def do_GET(self) -> None:
        self.reply({"object": "list", "data": [{"id": "judge", "object": "model", "created": 0, "owned_by": "x"}]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        said = body["messages"][0]["content"]
        solution = said.rpartition("Solution:")[2]
        Stub.asked.append(solution.strip())
        if "broken" in solution or Stub.status != 400:
            self.send_error(Stub.status)
            return
        text = (
            "I would say two."
            if "unparsable" in solution
            else REPLY.format(b=int("Scratch" in solution or "It" in solution))
        )
        message = {"role": "assistant", "content": f"<think>hm</think>{text}"}
        self.reply(
            {
                "id": "1", "object": "chat.completion", "created": 0, "model": "judge",
                "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
            }
        )  # fmt: skip

    def reply(self, data: Any) -> None:
        raw = json.dumps(data).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    Stub.asked = []
    running = ThreadingHTTPServer(("127.0.0.1", 0), Stub)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield f"judge@http://127.0.0.1:{running.server_port}/v1"
    running.shutdown()
    running.server_close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    questions = [Question(f"q{n}", "w", Problem(f"q{n}", f"How many? {n}", "72", "w")) for n in range(len(TEXTS))]
    info = BenchmarkInfo("w", len(TEXTS), "made", None, None, "0" * 64, "value")
    run = RunInfo("base", "base", None)
    plan = EvaluationPlan("m", "think", (run,), (info,), "w", ("greedy",), (), 0.05, 64, 4, "float32", 0)
    files = {
        EvaluationPlan.FILE: plan.encoded(),
        "questions/w.jsonl": questions,
        "samples/base/w/greedy/00000.jsonl": [Sample(f"q{n}", "base", t, 5, 0.0, "stop") for n, t in enumerate(TEXTS)],
    }
    return write_folder(tmp_path / "evaluation", "evaluate", files)


class TestJudge:
    def test_agreement_and_what_cannot_be_read(self, folder: Path, server: str) -> None:
        found = judge.judge(open_finished(folder, "evaluate"), server, 6)
        assert (found.asked, found.unparsable, found.failed) == (6, 1, 1)
        # Rules see texts 1 and 2 go back, the judge texts 1 and 3; text 0 neither.
        agreed = found.agreement["backtracks"]
        assert (agreed.both, agreed.rules_only, agreed.judge_only, agreed.neither) == (1, 1, 1, 1)
        assert agreed.kappa == 0
        assert found.counts_judge["backtracks"] == 0.5 and found.agreement["subgoals"].kappa is None
        assert len(found.prompt_sha256) == 64 and found.model == server

    def test_replies_are_asked_for_once(self, folder: Path, server: str) -> None:
        first = judge.judge(open_finished(folder, "evaluate"), server, 6)
        Stub.asked = []
        assert judge.judge(open_finished(folder, "evaluate"), server, 6) == first
        assert set(Stub.asked) == {"broken"}  # what failed is asked again
        (folder / "judge.jsonl").write_text("{\n", encoding="utf-8")
        assert judge.judge(open_finished(folder, "evaluate"), server, 6) == first

    def test_the_sample_is_drawn_by_a_seed(self, folder: Path, server: str) -> None:
        judge.judge(open_finished(folder, "evaluate"), server, 3)
        first, Stub.asked = set(Stub.asked), []
        judge.judge(open_finished(folder, "evaluate"), server, 4)
        assert len(first) == 3 and len(set(Stub.asked) - {"broken"} - first) <= 1

    def test_a_stop_at_the_cost_keeps_the_replies(self, folder: Path, server: str) -> None:
        # A reply: two tokens of a million each; at most a prompt of about a thousand tokens and 512 of reply.
        limits = ServerLimits(in_flight=1, price_in=1e3, price_out=1e3, max_cost=2.0)
        with pytest.raises(CostReached):
            judge.judge(open_finished(folder, "evaluate"), server, 6, limits=replace(limits, max_cost=0.1))
        assert not Stub.asked
        first = judge.judge(open_finished(folder, "evaluate"), server, 6, limits=replace(limits, max_cost=3.0))
        assert first.failed == 1 and not list(folder.parent.glob("*.sqlite*"))

    def test_what_a_killed_call_was_told_is_not_asked_again(
        self, folder: Path, server: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def killed(*args: Any) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
            patched.setattr(judge, "write_atomic", killed)
            judge.judge(open_finished(folder, "evaluate"), server, 6)
        assert len(Stub.asked) == 6 and list(folder.parent.glob("*.judge.sqlite"))
        Stub.asked = []
        judge.judge(open_finished(folder, "evaluate"), server, 6)
        assert Stub.asked == ["broken"] and not list(folder.parent.glob("*.sqlite*"))

    def test_a_model_that_is_not_served_ends_it_at_once(
        self, folder: Path, server: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(Stub, "status", 404)
        with pytest.raises(NotServed):
            judge.judge(open_finished(folder, "evaluate"), server, 6, limits=ServerLimits(in_flight=1))
        assert len(Stub.asked) == 1

    def test_a_model_that_is_not_there(self, folder: Path) -> None:
        with pytest.raises(UsageError):
            judge.judge(open_finished(folder, "evaluate"), "no/such/model/here", 2)


class TestParse:
    def test_all_four_are_needed_and_the_last_of_each_counts(self) -> None:
        assert parse(REPLY.format(b=3)) == {"backtracks": 3, "verifies": 0, "subgoals": 0, "works_backward": 0}
        assert parse(REPLY.format(b=1) + REPLY.format(b=2)) == parse(REPLY.format(b=2))
        assert parse(REPLY.format(b="two")) is None and parse("") is None
        assert parse(REPLY.format(b=1).replace("<subgoals>0</subgoals>", "")) is None
        assert parse(f"<think>{REPLY.format(b=1)}</think> none") is None

    def test_kappa_by_hand(self) -> None:
        # 20 both, 5 first, 10 second, 15 neither: observed .7, expected .5 * .6 + .5 * .4 = .5
        pairs = [(True, True)] * 20 + [(True, False)] * 5 + [(False, True)] * 10 + [(False, False)] * 15
        found = cell(pairs)
        assert (found.both, found.rules_only, found.judge_only, found.neither) == (20, 5, 10, 15)
        assert found.kappa == pytest.approx(0.4)
        assert cell([(True, True)] * 3).kappa is None and cell([]).kappa is None
        assert cell([(True, True), (False, False)]).kappa == 1
