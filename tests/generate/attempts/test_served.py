"""A policy behind a server, spoken to by the real client: attempts drawn, graded, located and made into journeys."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from journey.cli.app import app
from journey.errors import JourneyError, RemoteError, UsageError
from journey.formats.folders import SampledFolder, open_finished
from journey.formats.marks import ServersUsed
from journey.schema import Pair
from journey_testing.folders import records

QUESTION = "Tom has {0} shells. He buys {1} bags of {2} shells and gives {3} shells away. How many shells does he have?"
NUMBERS = [(18, 5, 27, 7), (23, 6, 34, 9), (47, 4, 38, 19), (36, 7, 26, 8), (29, 3, 48, 17)]


def answer(a: int, b: int, c: int, d: int, off: int) -> str:
    """A right answer, or one whose second step is `off`."""
    total = a + b * c + off
    return (
        f"The bags hold {b} * {c} = {b * c} shells.\nSo he has {a} + {b * c} = {total} shells in all.\n"
        f"Then he has {total} - {d} = {total - d}.\n\nThe answer is \\boxed{{{total - d}}}."
    )


def gold(a: int, b: int, c: int, d: int) -> str:
    """The annotated solution, as GSM8K writes it."""
    bags, end = b * c, a + b * c - d
    return (
        f"The bags hold {b} * {c} = <<{b}*{c}={bags}>>{bags}.\nIn all there are {a} + {bags} = <<{a}+{bags}={a + bags}>>{a + bags}.\n"
        f"That leaves {a + bags} - {d} = <<{a + bags}-{d}={end}>>{end}.\n#### {end}"
    )


class Stub(BaseHTTPRequestHandler):
    """Answers the problem of the last question in a message, one time in two with a slip in it."""

    asked: ClassVar[list[dict[str, Any]]] = []
    broken_after: ClassVar[int | None] = None

    def log_message(self, *args: Any) -> None:
        pass

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.asked.append(body)
        asked = body["messages"][0]["content"].split("Tom has")[-1]
        seed = body.get("seed")
        text = answer(*map(int, re.findall(r"\d+", asked)[:4]), off=0 if seed is None or seed % 2 else 10)
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
        usage = {"prompt_tokens": 30, "completion_tokens": 40, "total_tokens": 70}
        told = {"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice], "usage": usage}
        failing = self.broken_after is not None and len(self.asked) > self.broken_after
        data = json.dumps({"error": {"message": "out of order"}} if failing else told).encode()
        self.send_response(400 if failing else 200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@pytest.fixture
def url() -> Iterator[str]:
    Stub.asked, Stub.broken_after = [], None
    server = ThreadingHTTPServer(("127.0.0.1", 0), Stub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    server.shutdown()
    server.server_close()


@pytest.fixture
def problems(tmp_path: Path) -> Path:
    rows = [{"question": QUESTION.format(*numbers), "answer": gold(*numbers)} for numbers in NUMBERS]
    path = tmp_path / "problems.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def sampled(url: str, problems: Path, out: Path, more: str = "") -> SampledFolder:
    command = f"sample --problems {problems} --policy teacher@{url} --k 8 --out {out} {more}"
    app(command.split(), standalone_mode=False)
    return open_finished(out, "sample")


def test_attempts_of_a_server_become_journeys_of_another_model(url: str, problems: Path, tmp_path: Path) -> None:
    folder = sampled(url, problems, tmp_path / "a", "--price-in 1 --price-out 2")
    [profile] = folder.profile.policies
    assert profile.policy.name == "teacher" and profile.policy.weights == f"teacher@{url}"
    assert profile.attempts == 40 and profile.greedy_right == 5 and 0.2 < (profile.pass_rate or 0) < 0.8
    assert sum(profile.kinds.values()) == profile.wrong and all(k.startswith("false equation, ") for k in profile.kinds)
    assert profile.located["checked first"] == profile.wrong
    greedy = [body for body in Stub.asked if body["seed"] is None]
    assert len(greedy) == 5 and all(body["temperature"] == 0 for body in greedy)
    seeds = [body["seed"] for body in Stub.asked if body["seed"] is not None]
    assert len(set(seeds)) == 40 and len(Stub.asked) == 45
    used = ServersUsed.read(folder.path)
    assert used.cost == pytest.approx((45 * 30 + 45 * 40 * 2) / 1e6)
    command = f"generate --attempts {folder.path} --method own,injected,profiled --out {tmp_path / 'g'}"
    app(command.split(), standalone_mode=False)
    pairs = list(records(tmp_path / "g", "pairs", Pair))
    assert len(pairs) >= 6 and {pair.provenance["policy"]["name"] for pair in pairs} == {"teacher"}
    told = [s.text for pair in pairs if pair.method == "own" for s in pair.journey.segments if s.role == "mistake"]
    assert told and all("shells in all" in text for text in told)


def test_what_came_before_a_failure_is_not_asked_for_again(url: str, problems: Path, tmp_path: Path) -> None:
    Stub.broken_after = 20
    with pytest.raises((RemoteError, UsageError), match="out of order"):
        sampled(url, problems, tmp_path / "a", "--set in_flight=1")
    Stub.broken_after, before = None, len(Stub.asked)
    again = sampled(url, problems, tmp_path / "a", "--set in_flight=2")
    assert len(Stub.asked) - before <= 45 - 20
    other = sampled(url, problems, tmp_path / "b")
    assert again.manifest.files == other.manifest.files and not list(tmp_path.glob("*.sqlite"))


@pytest.mark.parametrize(
    ("more", "says"),
    [("--set view=compact", "."), ("--locate estimated", "cannot go on from a prefix")],
)
def test_what_a_server_cannot_do(url: str, problems: Path, tmp_path: Path, more: str, says: str) -> None:
    with pytest.raises(JourneyError, match=says):
        sampled(url, problems, tmp_path / "a", more)
    assert not Stub.asked and not (tmp_path / "a").exists()


def test_a_server_that_is_not_there_is_one_line(problems: Path, tmp_path: Path) -> None:
    with pytest.raises(RemoteError, match="cannot reach"):
        sampled("http://127.0.0.1:9/v1", problems, tmp_path / "a", "--set answer_seconds=2")
