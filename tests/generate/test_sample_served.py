"""`journey sample --policy NAME@http://HOST/v1`: attempts of a model of which nothing is known but its name."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from journey.config import SampleSettings
from journey.errors import JourneyError
from journey.formats.folders import SampledFolder, open_finished
from journey.formats.manifest import MANIFEST
from journey.formats.marks import ServersUsed
from journey.generate.sample import sample
from journey.schema import decode


class ChatServer:
    """Thinks, and boxes a number that depends on the seed; fails after `good` answers."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.good = 1_000_000
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *args: Any) -> None:
                pass

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                outer.asked.append(body)
                message = {"role": "assistant", "reasoning": "3 + 4 = 8", "content": f"\\boxed{{{body['seed']}}}"}
                choice = {"index": 0, "finish_reason": "stop", "message": message}
                usage = {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}
                fine = len(outer.asked) <= outer.good
                raw = json.dumps(
                    {"choices": [choice], "usage": usage} if fine else {"error": {"message": "gone"}}
                ).encode()
                self.send_response(200 if fine else 404)
                self.send_header("content-length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

        class Listening(ThreadingHTTPServer):
            request_queue_size = 512

        self.server = Listening(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/v1"


@pytest.fixture
def server() -> Iterator[ChatServer]:
    made = ChatServer()
    threading.Thread(target=made.server.serve_forever, args=(0.01,), daemon=True).start()
    yield made
    made.server.shutdown()
    made.server.server_close()


def settings(server: ChatServer, **more: Any) -> SampleSettings:
    plain = {
        "family": "arithmetic@1",
        "limit": 10,
        "policy": [f"org/big@{server.url}"],
        "k": 2,
        "k_hard": 3,
        "batch": 2,
    }
    return SampleSettings(**(plain | more))


def sampled(server: ChatServer, out: Path, **more: Any) -> SampledFolder:
    return open_finished(sample(settings(server, **more), out), "sample")


def test_every_problem_has_a_greedy_answer_and_k_by_chance(server: ChatServer, tmp_path: Path) -> None:
    folder = sampled(server, tmp_path / "a")
    attempts = folder.attempts("org-big")
    assert len(attempts) == 10
    for of_one in attempts.values():
        # None is right, so k_hard are drawn; what it says cannot be gone on from.
        assert [each.index for each in of_one] == [-1, 0, 1, 2] and not any(each.prefix for each in of_one)
        assert all(each.text.startswith("<think>\n3 + 4 = 8\n</think>\n\n\\boxed{") for each in of_one)
        assert {each.tokens for each in of_one} == {5} and of_one[0].temperature == 0
    greedy = [body for body in server.asked if body["temperature"] == 0]
    drawn = [body["seed"] for body in server.asked if body["temperature"]]
    assert len(greedy) == 10 and {body["seed"] for body in greedy} == {None} and len(set(drawn)) == len(drawn) == 30
    assert {body["model"] for body in server.asked} == {"org/big"} and max(drawn) < 2**31
    [profile] = folder.profile.policies
    assert profile.policy.weights == f"org/big@{server.url}" and profile.located["checked first"] == profile.wrong > 0
    used = decode((tmp_path / "a" / ServersUsed.FILE).read_bytes(), ServersUsed)
    assert used.used[0].answers == 40 and not list(tmp_path.glob("*.sqlite*"))


def test_a_rerun_asks_for_what_is_missing_and_gives_the_same_bytes(server: ChatServer, tmp_path: Path) -> None:
    sample(settings(server), tmp_path / "a")
    server.asked.clear()
    server.good = 15
    with pytest.raises(JourneyError, match="gone"):
        sample(settings(server, in_flight=1), tmp_path / "b")
    assert len(server.asked) == 16
    server.good = 1_000_000
    sample(settings(server, in_flight=3), tmp_path / "b")  # how it is asked is no part of the result
    assert len(server.asked) == 16 + 40 - 15
    one, two = ((tmp_path / name / MANIFEST).read_bytes() for name in "ab")  # it has the hashes of all files
    assert one == two


def test_worked_examples_are_earlier_turns(server: ChatServer, tmp_path: Path) -> None:
    sampled(server, tmp_path / "a", shots=2, k_hard=None)
    for body in server.asked:
        assert [message["role"] for message in body["messages"]] == ["user", "assistant"] * 2 + ["user"]
        assert body["messages"][1]["content"].endswith("}.")
