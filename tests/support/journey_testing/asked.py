"""Models that are no models, for methods that ask some: each answers a request by a function of this process."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from journey.catalog import METHODS
from journey.generate.asking.requests import AskedModels, AskedTally, ModelFacts, ModelReply, ModelRequest
from journey.generate.asking.rounds import carried_out
from journey.generate.made import MadePair, Rejection
from journey.schema import Problem

Says = Callable[[ModelRequest], str | float]


def facts(view: str = "compact", *, goes_on: bool = True, oracle: bool = False) -> AskedModels:
    """All three roles, as if one model had them."""
    one = ModelFacts("stand-in", "0" * 64, None, view, goes_on)
    return AskedModels({"policy": one, "critic": one, "rewriter": one}, oracle)


class Answering:
    """Answers every request by a function of its role, and keeps what was asked."""

    def __init__(self, **says: Says) -> None:
        self.says: Mapping[str, Says] = says
        self.asked: list[ModelRequest] = []

    def __call__(self, requests: Sequence[ModelRequest]) -> list[ModelReply]:
        self.asked += requests
        return [self._reply(request) for request in requests]

    def _reply(self, request: ModelRequest) -> ModelReply:
        said = self.says[request.role](request)
        if isinstance(said, float):
            return ModelReply("", "stop", 1, 1, said)
        return ModelReply(said, "stop", len(said.split()), 1)


def make(
    method: str, problems: Sequence[Problem], models: AskedModels, answering: Answering, seed: int = 0, **options: Any
) -> list[MadePair | Rejection]:
    """What a method makes of some problems with these models."""
    made = METHODS.get(method)(METHODS.get(method).Settings(**options))
    works = [made.make_asking(problem, models, seed, 0) for problem in problems]
    return carried_out(works, answering, AskedTally())


def same_words(request: ModelRequest) -> ModelReply:
    """What a rewriter replies that changes nothing."""
    shown = (request.said or "").split("<pieces>\n")[1].split("\n</pieces>")[0]
    return ModelReply(shown, "stop", len(shown.split()), 1)


class ChatServer:
    """A server that answers messages by a function of the request's body; `before` is called with the number of each request.

    What it says is the content of a message, or its fields; a request that is not answered is refused with `status`.
    """

    def __init__(self, says: Callable[[dict[str, Any]], str | dict[str, str]]) -> None:
        self.says, self.asked, self.status = says, list[dict[str, Any]](), 400
        self.before: Callable[[int], bool] = lambda number: True  # whether it is answered
        outer, lock = self, threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *args: Any) -> None:
                pass

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                with lock:
                    outer.asked.append(body)
                    number = len(outer.asked)
                fine = outer.before(number)
                said = outer.says(body) if fine else ""
                fields = said if isinstance(said, dict) else {"content": said}
                part = {"message": {"role": "assistant", **fields}} if "messages" in body else {"text": said}
                usage = {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}
                told = {"choices": [{"index": 0, "finish_reason": "stop", **part}], "usage": usage}
                raw = json.dumps(told if fine else {"error": {"message": "out of order"}}).encode()
                self.send_response(200 if fine else outer.status)
                self.send_header("content-length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

        class Listening(ThreadingHTTPServer):
            request_queue_size = 512

        self.server = Listening(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/v1"


@contextmanager
def chat_server(says: Callable[[dict[str, Any]], str | dict[str, str]]) -> Iterator[ChatServer]:
    """A server that listens within the `with`."""
    made = ChatServer(says)
    threading.Thread(target=made.server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield made
    finally:
        made.server.shutdown()
        made.server.server_close()


def pens(body: dict[str, Any]) -> str:
    """Policy, critic, judge and rewriter for problems of `pens_problems`: slips at every second draw, and sees it."""
    said = body["messages"][0]["content"]
    boxes, each, given = map(int, re.findall(r"\d+", said.split("<problem>")[1].split("</problem>")[0]))
    if "<pieces>" in said:
        return said.split("<pieces>\n")[1].split("\n</pieces>")[0]
    if "<proposed>" in said:
        step = said.split("<proposed>")[1].split("</proposed>")[0]
        return (
            "continue: it is right"
            if f"= {boxes * each} " in step or f"= {boxes * each - given} " in step
            else "back: it is off"
        )
    steps = said.split("<steps>")[1].split("</steps>")[0]
    if "Reply with one word" in said:
        return "right" if f"= {boxes * each} " in steps else "wrong"
    off = 10 if (body.get("seed") or 0) % 2 else 0
    if f"= {boxes * each} " not in steps:
        return f"The boxes hold {boxes} * {each} = {boxes * each + off} pens."
    if f"= {boxes * each - given} " not in steps:
        return f"She keeps {boxes * each} - {given} = {boxes * each - given + off} pens."
    return f"\\boxed{{{boxes * each - given}}}"


def pens_problems(count: int) -> list[dict[str, str]]:
    """Rows of a file of problems, each with annotated solution."""
    rows = []
    for number in range(count):
        boxes, each, given = 3 + number % 7, 12 + number, 2 + number % 5
        question = f"Anna has {boxes} boxes of {each} pens and gives {given} away. How many pens are left?"
        total = boxes * each
        solution = f"The boxes hold {boxes} * {each} = <<{boxes}*{each}={total}>>{total} pens.\n"
        solution += f"She keeps {total} - {given} = <<{total}-{given}={total - given}>>{total - given} pens.\n#### {total - given}"
        rows.append({"question": question, "answer": solution})
    return rows
