"""The use of servers: pace, waits, answers kept, tokens and cost, against a server on loopback that fails as it is told."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from journey import console
from journey.answers.grading import grade
from journey.errors import AuthError, RemoteError, UsageError
from journey.generate.families.arithmetic import Arithmetic
from journey.models.completion import CompletionRequest
from journey.models.endpoints import (
    BUSY_TRIES,
    TRIES,
    Endpoint,
    EndpointRef,
    NotServed,
    RunServer,
    StrangeAnswer,
    ask_all,
    ask_groups,
)
from journey.models.load import find, load_tokenizer
from journey.sampling.requests import PromptedQuestion, Request, StrategySettings, Text
from journey.sampling.shards import to_sample
from journey.sampling.workers import RequestUnit, WorkerModel, answer_all
from journey.schema import Problem, Question, encode
from journey.servers import pace as paces
from journey.servers import use as uses
from journey.servers.kept import KeptAnswers, UsedTokens
from journey.servers.pace import (
    LOCAL,
    LONGEST_WAIT,
    REMOTE,
    Pace,
    most_at_once,
    on_this_machine,
    retry_after,
    wait_before,
)
from journey.servers.use import CostReached, ServerLimits, ServerUse, wait_for
from journey.servers.writer import EndpointWriter

Answer = tuple[int, Any, dict[str, str]]
_NO_STRATEGY = StrategySettings(1, 1, 1.0, 1.0, 1, 1, ())


def good(text: str = "1", **changed: Any) -> Answer:
    """A completion in both forms at once: 10 tokens of prompt, 5 of answer."""
    choice = {"text": text, "finish_reason": "stop", "message": {"role": "assistant", "content": text}} | changed
    return 200, {"choices": [choice], "usage": {"prompt_tokens": 10, "completion_tokens": 5}}, {}


def bad(status: int, **headers: str) -> Answer:
    return status, {"error": {"message": "no"}}, {name.replace("_", "-"): value for name, value in headers.items()}


class FaultServer:
    """Answers with what `answer(number of the request, body)` gives; counts how many are under way together."""

    def __init__(self) -> None:
        self.answer: Callable[[int, dict[str, Any]], Answer | None] = lambda number, body: good()
        self.asked: list[dict[str, Any]] = []
        self.most = self.under_way = 0
        self.lock = threading.Lock()
        self.ended = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *args: Any) -> None:
                pass

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                with outer.lock:
                    outer.asked.append(body)
                    number = len(outer.asked)
                    outer.under_way += 1
                    outer.most = max(outer.most, outer.under_way)
                given = outer.answer(number, body)
                with outer.lock:
                    outer.under_way -= 1
                if given is None:  # a hung server: the head comes a byte at a time, and never ends
                    while not outer.ended.wait(0.05):
                        self.wfile.write(b"H")
                    return
                raw = json.dumps(given[1]).encode()
                self.send_response(given[0])
                for name, value in {"content-length": str(len(raw)), **given[2]}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(raw)

        class Server(ThreadingHTTPServer):
            request_queue_size = 512
            daemon_threads = True

            def handle_error(self, *args: Any) -> None:
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.ref = EndpointRef("model", f"http://127.0.0.1:{self.server.server_address[1]}/v1")

    def endpoint(self, use: ServerUse | None = None, **limits: Any) -> Endpoint:
        return Endpoint(self.ref, use=use or ServerUse(ServerLimits(**limits)))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultServer]:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setattr(paces, "_FIRST_WAIT", 0.01)
    made = FaultServer()
    threading.Thread(target=made.server.serve_forever, args=(0.01,), daemon=True).start()
    yield made
    made.ended.set()
    made.server.shutdown()
    made.server.server_close()


class TestPace:
    def test_halves_once_for_all_that_were_under_way_and_grows_by_one_a_round(self) -> None:
        async def told() -> list[float]:
            pace = Pace(256)
            seen = [pace.limit]
            for cuts in (0, 0, 0, 1):
                pace.failed(cuts)
                seen.append(pace.limit)
            for _ in range(64):
                pace.succeeded()
            seen.append(round(pace.limit))
            for _ in range(20):
                pace.failed(pace.cuts)
            seen.append(pace.limit)
            for _ in range(100_000):
                pace.succeeded()
            return [*seen, pace.limit]

        assert wait_for(told()) == [256, 128, 128, 128, 64, 65, 1, 256]

    def test_as_many_as_the_setting_says(self, server: FaultServer) -> None:
        server.answer = lambda number, body: time.sleep(0.03) or good()
        endpoint = server.endpoint(in_flight=5)
        ask_all(lambda number: endpoint.complete([number], cap=5), range(30), 64)
        assert server.most == 5 == endpoint.at_once

    def test_a_local_server_gets_more_than_a_far_one(self) -> None:
        for url in ("http://localhost:8000/v1", "http://127.0.0.1/v1", "http://[::1]:1/v1", "http://10.0.0.7/v1",
                    "http://gpu-box:8000/v1", "http://box.local/v1"):  # fmt: skip
            assert most_at_once(url) == LOCAL == 256
        for url in ("https://api.example.com/v1", "http://8.8.8.8/v1"):
            assert most_at_once(url) == REMOTE < LOCAL

    def test_too_many_requests_halve_it_and_all_answers_come(self, server: FaultServer) -> None:
        def answer(number: int, body: dict[str, Any]) -> Answer:
            too_many = server.under_way > 4
            time.sleep(0.01)
            return bad(429) if too_many else good(str(body["prompt"][0]))

        server.answer = answer
        endpoint = server.endpoint(in_flight=32)
        texts = ask_all(lambda number: endpoint.complete([number], cap=5).text, range(60), 32)
        assert texts == [str(number) for number in range(60)]
        assert endpoint.use.pace(server.ref.url).limit < 16


class TestWaits:
    def test_seconds_and_dates_are_read(self) -> None:
        assert retry_after({"retry-after": "3"}) == 3 and retry_after({"retry-after-ms": "250"}) == 0.25
        assert 0 < (retry_after({"retry-after": formatdate(time.time() + 10, usegmt=True)}) or 0) <= 10
        assert retry_after({"retry-after": formatdate(0, usegmt=True)}) == 0
        for none in ({}, {"retry-after": "soon"}, {"retry-after": "nan"}, {"retry-after": ""}):
            assert retry_after(none) is None

    def test_jitter_comes_from_the_request_alone(self) -> None:
        before = random.getstate()
        waits = [wait_before(key, tries, None) for key in "abc" for tries in range(1, 40)]
        assert waits == [wait_before(key, tries, None) for key in "abc" for tries in range(1, 40)]
        assert random.getstate() == before and len(set(waits)) == len(waits)
        assert max(waits) <= LONGEST_WAIT and 0.25 <= waits[0] <= 0.5
        assert 60 <= wait_before("a", 1, 60) <= 61

    @pytest.mark.parametrize("date", [False, True])
    def test_the_server_is_waited_for(self, server: FaultServer, date: bool) -> None:
        at = int(time.time()) + 2
        asked = formatdate(at, usegmt=True) if date else "0.5"
        times: list[float] = []

        def answer(number: int, body: dict[str, Any]) -> Answer:
            times.append(time.time())
            return bad(503, retry_after=asked) if number == 1 else good()

        server.answer = answer
        assert server.endpoint().complete([1], cap=5).text == "1"
        assert len(times) == 2 and (times[1] >= at if date else times[1] - times[0] >= 0.5)

    def test_tries_are_counted(self, server: FaultServer) -> None:
        for status, tries in ((500, TRIES), (429, BUSY_TRIES)):
            server.asked.clear()
            server.answer = lambda number, body, status=status: bad(status, retry_after_ms="1")  # type: ignore[misc]
            with pytest.raises(RemoteError):
                server.endpoint().complete([1], cap=5)
            assert len(server.asked) == tries

    def test_money_that_is_used_up_does_not_come_back(self, server: FaultServer) -> None:
        server.answer = lambda number, body: (429, {"error": {"message": "x", "code": "insufficient_quota"}}, {})
        with pytest.raises(RemoteError):
            server.endpoint().complete([1], cap=5)
        assert len(server.asked) == 1

    def test_a_server_that_asks_for_more_time_than_there_is(self, server: FaultServer) -> None:
        server.answer = lambda number, body: bad(429, retry_after="500")
        with pytest.raises(RemoteError):
            server.endpoint(answer_seconds=30).complete([1], cap=5)
        assert len(server.asked) == 1


class TestStops:
    @pytest.mark.parametrize(("status", "kind"), [(401, AuthError), (403, AuthError), (404, NotServed)])
    def test_the_first_refusal_ends_it_with_one_line(self, server: FaultServer, status: int, kind: Any) -> None:
        server.answer = lambda number, body: bad(status)
        endpoint = server.endpoint(in_flight=4)
        with pytest.raises(kind) as told:
            ask_all(lambda number: endpoint.complete([number], cap=5), range(200), 64)
        time.sleep(0.1)  # those that waited for their turn
        assert len(server.asked) <= 4 and "\n" not in str(told.value)

    def test_a_hung_server_is_bounded_tries_and_all(self, server: FaultServer) -> None:
        server.answer = lambda number, body: None
        endpoint = server.endpoint(answer_seconds=0.4, in_flight=2)

        def ask(number: int) -> str:
            with pytest.raises(RemoteError, match=r"no answer within 0.4 seconds .*answer_seconds"):
                endpoint.complete([number], cap=5)
            return ""

        ask_all(ask, range(40), 40)
        assert len(server.asked) == 2  # the others are told at once: nothing came from it meanwhile

    def test_the_end_waits_for_no_answer(self, server: FaultServer) -> None:
        server.answer = lambda number, body: None
        with ServerUse() as use:
            threads = [
                threading.Thread(target=self.swallow, args=(server.endpoint(use), n), daemon=True) for n in (1, 2)
            ]
            for thread in threads:
                thread.start()
            while len(server.asked) < 2:
                time.sleep(0.01)
        for thread in threads:
            thread.join(30)  # far below the 600 seconds of an answer
        assert not any(thread.is_alive() for thread in threads)

    @staticmethod
    def swallow(endpoint: Endpoint, number: int) -> None:
        with contextlib.suppress(BaseException):
            endpoint.complete([number], cap=5)

    def test_one_slow_answer_stops_no_other(self, server: FaultServer) -> None:
        server.answer = lambda number, body: None if body["prompt"] == [0] else time.sleep(0.02) or good()
        endpoint = server.endpoint(answer_seconds=1, in_flight=2)

        def ask(number: int) -> bool:
            try:
                return bool(endpoint.complete([number], cap=5).text)
            except RemoteError:
                return False

        assert ask_all(ask, range(40), 40) == [False] + [True] * 39


class TestAnswersKept:
    def use(self, folder: Path, **limits: Any) -> ServerUse:
        return ServerUse(ServerLimits(**limits), KeptAnswers.beside(folder))

    def test_a_rerun_asks_for_what_is_missing(self, server: FaultServer, tmp_path: Path) -> None:
        server.answer = lambda number, body: good(str(body["prompt"][0])) if body["prompt"] != [7] else bad(400)
        with self.use(tmp_path / "out") as use, pytest.raises(UsageError):
            ask_all(lambda number: server.endpoint(use).complete([number], cap=5), range(8), 1)
        assert len(server.asked) == 8
        server.asked.clear()
        server.answer = lambda number, body: good("late")
        with self.use(tmp_path / "out") as use:
            replies = ask_all(lambda number: server.endpoint(use).complete([number], cap=5), range(8), 1)
            assert [one.text for one in replies] == [*map(str, range(7)), "late"]
            assert [body["prompt"] for body in server.asked] == [[7]]
            (used,) = use.kept.used()
            assert (used.answers, used.prompt, used.completion, used.finish) == (8, 80, 40, "stop")
            assert used.server == str(server.ref)
            use.kept.remove()
        assert list(tmp_path.iterdir()) == []

    def test_what_an_answer_is_kept_by(self, server: FaultServer) -> None:
        use = ServerUse()
        asks: list[dict[str, Any]] = [
            {}, {"cap": 6}, {"temperature": 0.5}, {"top_p": 0.5}, {"seed": 1}, {"model": "other"}, {"draw": "1"},
            {"logprobs": True},
        ]  # fmt: skip
        for _ in range(2):
            for ask in asks:
                server.endpoint(use).complete([1], **{"cap": 5, **ask})
            server.endpoint(use).complete([2], cap=5)
            server.endpoint(use).chat("1", cap=5)
        assert len(server.asked) == len(asks) + 2
        Endpoint(server.ref, use=use, cached=False).complete([1], cap=5)
        assert len(server.asked) == len(asks) + 3

    def test_samples_with_one_seed_are_two(self, server: FaultServer) -> None:
        class Words:
            eos_token_id = 2

            def __call__(self, text: str, **options: Any) -> dict[str, list[int]]:
                return {"input_ids": [int(text)]}

        chances = [np.array([0.5, second], np.float32) for second in (0.25, 0.75)]  # the seed is of the first number
        writer = EndpointWriter(server.endpoint(), ("a",), Words(), 5)  # type: ignore[arg-type]
        server.answer = lambda number, body: good(str(number))
        for _ in range(2):
            one, two = writer.write([CompletionRequest([1], chance=chance) for chance in chances])
            assert one.ids != two.ids
        assert len({body["seed"] for body in server.asked}) == 1 and len(server.asked) == 2

    def test_a_killed_writer_loses_nothing_and_a_damaged_file_is_begun_anew(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        kept = KeptAnswers.beside(tmp_path / "out")
        assert kept.get("a") is None and not list(tmp_path.iterdir())
        kept.put("a", b"{}", 1.5, UsedTokens("m", "stop", 1, 2, 3))
        again = KeptAnswers(kept.path)  # while the first has not closed it
        assert again.get("a") == (b"{}", 1.5) and again.used() == [UsedTokens("m", "stop", 1, 2, 3)]
        kept.close(), again.close()
        assert kept.path is not None
        kept.path.write_bytes(b"no database at all" * 500)
        said: list[str] = []
        monkeypatch.setattr(console, "note", said.append)
        assert KeptAnswers(kept.path).get("a") is None
        assert "is damaged" in said[0] and "begun anew" in said[0]
        KeptAnswers(kept.path).put("b", b"1", 0.0, UsedTokens("m", "stop", 1, 0, 0))
        with sqlite3.connect(kept.path) as connection:
            assert connection.execute("SELECT key FROM answers").fetchall() == [("b",)]


class TestCost:
    def test_it_is_never_passed_and_what_came_is_kept(self, server: FaultServer, tmp_path: Path) -> None:
        # One answer: 10 tokens in, 5 out, in all 0.02; at most (prompt of 10, cap 10) 0.03.
        limits = {"price_in": 1000.0, "price_out": 2000.0, "max_cost": 0.2}
        server.answer = lambda number, body: time.sleep(0.01) or good()
        kept = KeptAnswers.beside(tmp_path / "out")
        with ServerUse(ServerLimits(**limits), kept) as use, pytest.raises(CostReached) as told:  # type: ignore[arg-type]
            ask_all(lambda number: server.endpoint(use).complete([number] * 10, cap=10), range(50), 50)
        assert told.value.exit_code == 3 and "--max-cost is 0.2" in str(told.value)
        assert len(server.asked) == 9 == sum(one.answers for one in kept.used())  # 0.18; a tenth could make it 0.21
        server.asked.clear()
        with ServerUse(ServerLimits(**limits | {"max_cost": 0.3}), kept) as use, pytest.raises(CostReached):  # type: ignore[arg-type]
            ask_all(lambda number: server.endpoint(use).complete([number] * 10, cap=10), range(50), 1)
        assert len(server.asked) == 5  # what an earlier call spent counts
        record = use.record()
        assert record is not None and record.cost == pytest.approx(0.28)
        assert record.in_words() == "servers gave 14 answers: 140 tokens of prompts, 70 of answers, cost 0.28"

    def test_tokens_that_are_not_told_count_as_many_as_they_can_be(self, server: FaultServer) -> None:
        server.answer = lambda number, body: (200, {"choices": [{"text": "1", "message": {"content": "1"}}]}, {})
        use = ServerUse()
        server.endpoint(use).complete([1, 2, 3], cap=7)
        (used,) = use.kept.used()
        assert (used.prompt, used.completion, used.finish) == (3, 7, "unknown")
        assert ServerUse().record() is None


class TestWhatIsRead:
    @pytest.mark.parametrize("name", ["reasoning", "reasoning_content"])
    def test_thinking_under_either_name(self, server: FaultServer, name: str) -> None:
        server.answer = lambda number, body: good(message={"content": "\\boxed{2}", name: "hm"})
        assert server.endpoint().chat("?", cap=5).text == "<think>\nhm\n</think>\n\n\\boxed{2}"
        server.answer = lambda number, body: good(message={"content": "2", name: {"effort": "low"}})
        assert server.endpoint().chat("?", cap=5).text == "2"

    def test_thinking_that_is_cut_off_is_not_closed(self, server: FaultServer) -> None:
        """No mark is put in that the model did not write, and the grade says what went wrong."""
        server.answer = lambda number, body: good(
            message={"content": None, "reasoning": "so 5"}, finish_reason="length"
        )
        reply = server.endpoint().chat("?", cap=5)
        assert (reply.text, reply.finish) == ("<think>\nso 5", "length")
        assert grade(Problem("p", "?", "5", "test"), reply.text, reply.finish).why == "thinking not finished"
        server.answer = lambda number, body: good(message={"content": "", "reasoning": "so 5"})
        assert server.endpoint().chat("??", cap=5).text == "<think>\nso 5\n</think>\n\n"

    def test_reasons_to_end_are_kept_in_the_servers_word(self, server: FaultServer) -> None:
        use = ServerUse()
        for number, (reason, finish) in enumerate(
            {"stop": "stop", "length": "length", "content_filter": "content_filter", "tool_calls": "stop"}.items()
        ):
            server.answer = lambda _, body, reason=reason: good(finish_reason=reason)  # type: ignore[misc]
            reply = server.endpoint(use).complete([number], cap=5)
            assert (reply.finish, reply.reason) == (finish, reason)
        record = use.record()
        assert record is not None and {one.finish for one in record.used} == {
            *("stop", "length", "content_filter", "tool_calls")
        }
        assert record.in_words().endswith(
            "1 ended with 'content_filter', 1 ended with 'length', 1 ended with 'tool_calls'"
        )

    def test_an_answer_that_the_server_gave_up_is_asked_for_again(self, server: FaultServer) -> None:
        server.answer = lambda number, body: good(finish_reason="abort") if number == 1 else good("2")
        assert server.endpoint().complete([1], cap=5).text == "2"

    def test_log_probabilities_are_asked_for_until_they_are_refused(self, server: FaultServer) -> None:
        def answer(number: int, body: dict[str, Any]) -> Answer:
            if "logprobs" in body:
                return 400, {"error": {"message": "logprobs are not supported"}}, {}
            return good("yes")

        server.answer = answer
        endpoint = server.endpoint()
        assert [endpoint.says_yes(text) for text in "ab"] == [1.0, 1.0]
        assert [body.get("top_logprobs") for body in server.asked] == [20, None, None]
        reply = server.endpoint().complete([1], cap=5, logprobs=True)
        assert (reply.text, reply.logprob) == ("yes", None)
        needed = server.endpoint(ServerUse(needs_logprobs=True))
        with pytest.raises(UsageError, match="gives no log-probabilities, which best-of-logprob needs"):
            needed.complete([1], cap=5, logprobs=True)
        server.answer = lambda number, body: good()  # says nothing of them
        with pytest.raises(UsageError, match="gives no log-probabilities"):
            needed.complete([2], cap=5, logprobs=True)

    def test_groups_are_under_way_together_and_a_strange_one_is_left_out(self, server: FaultServer) -> None:
        def answer(number: int, body: dict[str, Any]) -> Answer:
            time.sleep(0.05)
            return (200, {"choices": []}, {}) if body["prompt"] == [11] else good(str(body["prompt"][0]))

        server.answer, endpoint, found = answer, server.endpoint(), []
        groups = [[1, 2], [10, 11], [], [21]]
        with pytest.raises(RemoteError, match="1 of 5 answers failed"):
            for index, texts in ask_groups(lambda number: endpoint.complete([number], cap=5).text, groups):
                found.append((index, texts))
        assert found == [(0, ["1", "2"]), (2, []), (3, ["21"])] and server.most >= 3
        with pytest.raises(StrangeAnswer):
            endpoint.complete([11], cap=5)


class TestUnitsTogether:
    def test_the_next_units_fill_the_window_while_one_comes_to_its_end(self, server: FaultServer) -> None:
        """24 units of 2 requests each: 16 are under way, not 2; every unit has its own answers."""

        patience = time.monotonic() + 60  # however busy the machine is

        def answer(number: int, body: dict[str, Any]) -> Answer:
            time.sleep(0.05)
            while server.most < 16 and time.monotonic() < patience:
                time.sleep(0.01)
            return good(str(body["prompt"][-1]))

        server.answer = answer
        use = ServerUse(ServerLimits(in_flight=16))
        asked = RunServer(server.ref.url)
        model = WorkerModel(find("pocket"), "cpu", 5, "compact", 0, _NO_STRATEGY, server=asked, use=use)
        problem = Arithmetic().problem(0, 0, 1)
        units = [
            RequestUnit(
                str(unit),
                (("model", None),),
                tuple(Request(0, PromptedQuestion(str(n), problem, (1, 10 * unit + n))) for n in range(2)),
                batch=2,
            )
            for unit in range(24)
        ]
        tokenizer = load_tokenizer(find("pocket"))
        results = {result.key: result.texts for result in answer_all(model, units, 1)}
        assert server.most == 16
        for unit in range(24):
            wanted = [tokenizer(str(10 * unit + n), add_special_tokens=False)["input_ids"] for n in range(2)]
            assert [list(text.ids) or text.text for text in results[str(unit)]] == [
                str(tokenizer.decode(ids, clean_up_tokenization_spaces=False)) for ids in wanted
            ]

    def test_many_threads_may_ask_first(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """One event loop, however many threads need it at once."""
        monkeypatch.setattr(uses, "_loops", [])
        making = asyncio.new_event_loop

        def slowly() -> asyncio.AbstractEventLoop:
            time.sleep(0.05)
            return making()

        monkeypatch.setattr(asyncio, "new_event_loop", slowly)
        with ThreadPoolExecutor(8) as pool:
            loops = list(pool.map(lambda _: uses._loop(), range(8)))
        assert len(set(map(id, loops))) == 1

    def test_no_proxy_is_asked_for_this_machine(self, server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
        assert server.endpoint().complete([1], cap=5).text == "1"
        assert [
            on_this_machine(f"http://{host}/v1") for host in ("localhost:1", "127.0.0.2", "[::1]:8", "box", "10.0.0.1")
        ] == [*(True, True, True, False, False)]


class TestTokenIds:
    """Of a server that is known to be vLLM."""

    def written(self, server: FaultServer, **choice: Any) -> tuple[tuple[int, ...], str, str]:
        server.answer = lambda number, body: good(**choice)
        writer = EndpointWriter(server.endpoint(), ("model",), load_tokenizer(find("pocket")), 5, stops=(2, 7))
        [one] = writer.write([CompletionRequest([1, 2, 3])])
        return one.ids, one.finish, one.reason

    def test_they_are_the_answer_and_its_end(self, server: FaultServer) -> None:
        assert self.written(server, token_ids=[5, 6, 7]) == ((5, 6, 7), "stop", "stop")
        assert self.written(server, token_ids=[5, 6], finish_reason="length") == ((5, 6), "length", "length")
        end = int(load_tokenizer(find("pocket")).eos_token_id)  # type: ignore[arg-type]
        assert self.written(server, token_ids=[5, 6], finish_reason="eos") == ((5, 6, end), "stop", "eos")
        body = server.asked[0]
        assert (body["stop_token_ids"], body["return_token_ids"], body["skip_special_tokens"]) == ([2, 7], True, False)

    def test_one_that_gives_none_is_refused(self, server: FaultServer) -> None:
        with pytest.raises(UsageError, match="gives no token ids"):
            self.written(server)

    def test_a_reason_of_its_own_is_kept_with_the_sample(self) -> None:
        question = Question("q", "b", Arithmetic().problem(0, 0, 1))
        for reason, kept in (("eos", "eos"), ("stop", ""), ("", "")):
            text = Text("1", (), "stop", 1, 1, None, 0.0, None, reason)
            assert to_sample(question, "run", text, 0).reason == kept
        assert b"reason" not in encode(to_sample(question, "run", text, 0))
