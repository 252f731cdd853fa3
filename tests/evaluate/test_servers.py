"""Servers: an OpenAI-compatible one on this machine, spoken to by the real client; rewards from it and from a classifier."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import AutoTokenizer, LlamaForCausalLM, LlamaForSequenceClassification

from journey.answers.grading import grade
from journey.config import EvaluateSettings
from journey.errors import AuthError, JourneyError, RemoteError, UsageError
from journey.evaluate.planning.check import check
from journey.evaluate.run import _LEFT_OUT, evaluate, plan
from journey.formats.manifest import Manifest
from journey.formats.marks import ServersUsed
from journey.formats.plan import EvaluationPlan
from journey.formats.scores import Scores
from journey.models.endpoints import Endpoint, EndpointRef, StrangeAnswer, reference
from journey.models.load import find, load_classifier
from journey.schema import Problem, Reward, Sample, decode
from journey.servers.use import CostReached
from journey.settings.given import build
from journey_testing.folders import records

ONE = "countdown@1"


class Server:
    """A tiny OpenAI-compatible server: `complete(model, body)` and `chat(body)` give (text, finish, tokens)."""

    def __init__(self, known: list[str]) -> None:
        self.known, self.asked = known, []  # type: ignore[var-annotated]
        self.complete: Callable[[str, dict[str, Any]], tuple[str, str, int]] = lambda model, body: ("", "stop", 1)
        self.chat: Callable[[dict[str, Any]], dict[str, Any]] = lambda body: {"content": "\\boxed{1}"}
        self.raw: bytes | None = None  # every answer, as it is
        self.status = 200
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *args: Any) -> None:
                pass

            def reply(self, status: int, data: Any) -> None:
                body = json.dumps(data).encode() if outer.raw is None else outer.raw
                status = status if outer.raw is None else outer.status
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self) -> None:
                if self.headers.get("authorization") == "Bearer wrong":
                    self.reply(401, {"error": {"message": "no"}})
                else:
                    self.reply(200, {"object": "list", "data": [outer.model(name) for name in outer.known]})

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                outer.asked.append((self.path, body))
                if body["model"] not in outer.known:
                    self.reply(404, {"error": {"message": f"The model {body['model']} does not exist."}})
                elif self.path.endswith("/chat/completions"):
                    message = outer.chat(body)
                    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", **message}}
                    choice["logprobs"] = message.pop("logprobs", None)
                    self.reply(200, outer.wrapped("chat.completion", choice, 3, body["model"]))
                else:
                    text, finish, tokens = outer.complete(body["model"], body)
                    told = {"token_logprobs": [-0.5] * tokens, "tokens": [], "text_offset": [], "top_logprobs": None}
                    choice = {"index": 0, "text": text, "finish_reason": finish, "logprobs": told}
                    self.reply(200, outer.wrapped("text_completion", choice, tokens, body["model"]))

        class Listening(ThreadingHTTPServer):
            request_queue_size = 512  # as many as may come at once

        self.server = Listening(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/v1"

    @staticmethod
    def model(name: str) -> dict[str, Any]:
        return {"id": name, "object": "model", "created": 0, "owned_by": "test"}

    @staticmethod
    def wrapped(kind: str, choice: dict[str, Any], tokens: int, model: str) -> dict[str, Any]:
        usage = {"prompt_tokens": 7, "completion_tokens": tokens, "total_tokens": 7 + tokens}
        return {"id": "x", "object": kind, "created": 0, "model": model, "choices": [choice], "usage": usage}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in ("JOURNEY_API_KEY", "OPENAI_API_KEY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    made = Server(["base", "shortcut-tokens-s0", "journey-s0", "large"])
    thread = threading.Thread(target=made.server.serve_forever, daemon=True)
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()


def served(base: Path, finetuned: Path) -> Callable[[str, dict[str, Any]], tuple[str, str, int]]:
    """What a good server does: `generate` with the adapter of that name."""
    tokenizer = AutoTokenizer.from_pretrained(base)
    models: dict[str, Any] = {"base": LlamaForCausalLM.from_pretrained(base).eval()}
    for name in ("shortcut-tokens-s0", "journey-s0"):
        models[name] = PeftModel.from_pretrained(LlamaForCausalLM.from_pretrained(base), str(finetuned / name)).eval()
    lock = threading.Lock()

    def complete(model: str, body: dict[str, Any]) -> tuple[str, str, int]:
        ids = torch.tensor([body["prompt"]])
        with lock, torch.inference_mode():
            if body["temperature"]:
                torch.manual_seed(body["seed"] % 2**31)
            out = models[model].generate(
                input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=body["max_tokens"],
                do_sample=bool(body["temperature"]),
            )  # fmt: skip
        new = out[0, ids.shape[1] :].tolist()
        stopped = new[-1] in (2, 30, 40, 50)
        return tokenizer.decode(new[:-1] if stopped else new), "stop" if stopped else "length", len(new)

    return complete


def settings(server: Server, **changes: Any) -> EvaluateSettings:
    plain: dict[str, Any] = {
        "benchmarks": [ONE], "limit": 6, "batch": 6, "workers": 1, "endpoint": server.url, "parity": 4, "k": 2,
        "dev_problems": 6,
    }  # fmt: skip
    return EvaluateSettings(**(plain | changes))


class TestRunsBehindAServer:
    def test_samples_scores_and_parity(self, server: Server, base: Path, finetuned: Path, tmp_path: Path) -> None:
        server.complete = served(base, finetuned)
        out = evaluate(finetuned, settings(server, strategy=["greedy", "majority"], equal_tokens=False), tmp_path / "a")
        built_in = evaluate(finetuned, settings(server, endpoint=None), tmp_path / "b" / "out")
        for run in ("base", "shortcut-tokens-s0", "journey-s0"):
            one, two = (
                {s.question: (s.text, s.tokens, s.finish) for s in records(f, f"samples/{run}/{ONE}/greedy", Sample)}
                for f in (out, built_in)
            )
            assert one == two
        scores = decode((out / "scores.json").read_bytes(), Scores)
        assert [(a.against, a.problems, a.other_text) for a in scores.agreement] == [("built-in", 4, 0)] * 3
        assert decode((out / "plan.json").read_bytes(), EvaluationPlan).backend == server.url
        sampled = [body for path, body in server.asked if body["temperature"] and path.endswith("/completions")]
        assert {(b["temperature"], b["top_p"]) for b in sampled} == {(0.7, 0.95)}
        assert len({b["seed"] for b in sampled}) == len(sampled) == 2 * 6 * 4  # the base is not drawn by chance

    def test_a_server_that_answers_otherwise_is_not_used(self, server: Server, finetuned: Path, tmp_path: Path) -> None:
        server.complete = lambda model, body: ("\\boxed{ 1 }", "stop", 4)
        with pytest.raises(JourneyError, match="gives the answer of the built-in sampler to 0% of 4 problems"):
            evaluate(finetuned, settings(server), tmp_path / "out")
        assert not (tmp_path / "out").exists()

    def test_a_run_that_is_not_served_is_named_with_the_line_that_serves_it(
        self, server: Server, base: Path, finetuned: Path, tmp_path: Path
    ) -> None:
        server.known.remove("journey-s0")
        with pytest.raises(
            UsageError, match="does not serve journey-s0; it knows base, large, shortcut-tokens-s0"
        ) as told:
            evaluate(finetuned, settings(server), tmp_path / "out")
        line = str(told.value).splitlines()[-1].strip()
        assert line == (
            f"vllm serve {base} --served-model-name base --dtype float32 --generation-config vllm --max-model-len 64 "
            f"--enable-lora --max-loras 3 --max-lora-rank 8 --lora-modules shortcut-tokens-s0={finetuned / 'shortcut-tokens-s0'} "
            f"journey-s0={finetuned / 'journey-s0'}"
        )
        assert plan(finetuned, settings(server))["serve"] == line


def test_a_larger_model_behind_a_server(server: Server, finetuned: Path, tmp_path: Path) -> None:
    asked = settings(
        server, endpoint=None, larger=f"large@{server.url}", larger_parameters=1e6, strategy=["greedy", "majority"]
    )
    scores = decode((evaluate(finetuned, asked, tmp_path / "out") / "scores.json").read_bytes(), Scores)
    (told,) = scores.larger
    assert told.model == f"large@{server.url}" and told.flops == 2 * 1_000_000 * (7 + 3 - 1)
    assert all("Using each of the numbers" in body["messages"][0]["content"] for _, body in server.asked)
    assert {one.arm for one in told.matched} == {"shortcut@tokens", "journey"}


class TestRewards:
    def test_a_model_that_says_yes_or_no(self, server: Server, finetuned: Path, tmp_path: Path) -> None:
        def judged(body: dict[str, Any]) -> dict[str, Any]:
            good = len(body["messages"][0]["content"]) % 2
            top = [
                {"token": word, "logprob": value, "bytes": None}
                for word, value in (("Yes", -0.1), (" no", -2.4 + good))
            ]
            content = [{"token": "Yes", "logprob": -0.1, "bytes": None, "top_logprobs": top}]
            return {"content": "Yes", "logprobs": {"content": content, "refusal": None}}

        server.chat = judged
        asked = settings(
            server,
            endpoint=None,
            strategy=["greedy", "best-of-reward"],
            reward=f"large@{server.url}",
            equal_tokens=False,
        )
        out = evaluate(finetuned, asked, tmp_path / "out")
        found = list(records(out, f"rewards/journey-s0/{ONE}", Reward))
        assert len(found) == 6 * 4 and {round(r.reward, 3) for r in found} == {0.909, 0.786}
        assert all(
            "Is the final answer of this solution correct?" in b["messages"][0]["content"] for _, b in server.asked
        )
        scores = decode((out / "scores.json").read_bytes(), Scores)
        assert {a.strategy for a in scores.arms} == {"greedy", "best-of-reward"}

    def test_a_local_classifier(self, base: Path, finetuned: Path, tmp_path: Path) -> None:
        config = LlamaForCausalLM.from_pretrained(base).config
        config.num_labels = 1
        torch.manual_seed(5)
        LlamaForSequenceClassification(config).save_pretrained(tmp_path / "reward")
        AutoTokenizer.from_pretrained(base).save_pretrained(tmp_path / "reward")
        asked = EvaluateSettings(
            benchmarks=[ONE], limit=4, workers=1, k=2, strategy=["greedy", "best-of-reward"], equal_tokens=False,
            reward=str(tmp_path / "reward"),
        )  # fmt: skip
        out = evaluate(finetuned, asked, tmp_path / "out" / "e")
        found = list(records(out, f"rewards/journey-s0/{ONE}", Reward))
        samples = list(records(out, f"samples/journey-s0/{ONE}/samples", Sample))
        model, tokenizer = load_classifier(find(str(tmp_path / "reward")), device="cpu")
        question = json.loads((out / f"questions/{ONE}.jsonl").read_text().splitlines()[0])
        mine = next(s for s in samples if s.question == question["id"] and s.index == 1)
        ids = tokenizer(f"{question['problem']['brief']} {mine.text}", return_tensors="pt")["input_ids"]
        with torch.inference_mode():
            value = float(model(input_ids=ids).logits[0, 0])
        assert next(r.reward for r in found if (r.question, r.index) == (mine.question, 1)) == pytest.approx(
            value, abs=1e-4
        )

    def test_a_language_model_is_no_reward_model(self, base: Path) -> None:
        with pytest.raises(UsageError, match="is no sequence classifier"):
            load_classifier(find(str(base)), device="cpu")


class TestTheClient:
    def test_names(self) -> None:
        assert reference("qwen@http://localhost:8000/v1/") == EndpointRef("qwen", "http://localhost:8000/v1")
        assert reference("org/name@main@https://h/v1") == EndpointRef("org/name@main", "https://h/v1")
        assert reference("org/name@main") is reference("pocket") is None
        for bad in ("http://localhost:8000/v1", "@http://x/v1", "a b@http://x"):
            with pytest.raises(UsageError, match="NAME@http"):
                reference(bad)
        with pytest.raises(UsageError, match="weights are needed here"):
            find("qwen@http://localhost:8000/v1")

    def test_what_goes_wrong_is_said(self, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
        with pytest.raises(UsageError, match="does not exist"):
            Endpoint(EndpointRef("other", server.url)).complete([1], cap=2)
        monkeypatch.setenv("JOURNEY_API_KEY", "wrong")
        with pytest.raises(AuthError, match="JOURNEY_API_KEY"):
            Endpoint(EndpointRef("base", server.url)).models()
        gone = Endpoint(EndpointRef("base", "http://127.0.0.1:9/v1"), timeout=2)
        with pytest.raises(RemoteError, match="is the server running"):
            gone.models()

    def test_thinking_that_a_server_took_out_is_put_back(self, server: Server) -> None:
        server.chat = lambda body: {"content": "\\boxed{2}", "reasoning_content": "hm"}
        assert Endpoint(EndpointRef("large", server.url)).chat("?", cap=3).text == "<think>\nhm\n</think>\n\n\\boxed{2}"

    def test_a_judge_without_log_probabilities(self, server: Server) -> None:
        server.chat = lambda body: {"content": " yes, it is"}
        assert Endpoint(EndpointRef("large", server.url)).says_yes("?") == 1.0


class TestCostAndReruns:
    """An evaluation that is stopped by its cost, or killed, and goes on."""

    prices: dict[str, Any] = {"price_in": 1.0, "price_out": 1.0}  # noqa: RUF012 - of a million tokens

    def asked(self, server: Server, **changes: Any) -> EvaluateSettings:
        plain = {"strategy": ["greedy"], "equal_tokens": False, "in_flight": 1, **self.prices}
        return settings(server, **(plain | changes))

    def test_a_stop_at_the_cost_keeps_what_is_there_and_the_rerun_pays_for_the_rest(
        self, server: Server, base: Path, finetuned: Path, tmp_path: Path
    ) -> None:
        server.complete = served(base, finetuned)
        whole = evaluate(finetuned, self.asked(server), tmp_path / "whole")
        used = ServersUsed.read(whole)
        checks, asked = 3 * 4, 3 * 6
        assert len(server.asked) == sum(one.answers for one in used.used) == checks + asked
        assert {one.server for one in used.used} == {f"{name}@{server.url}" for name in server.known[:3]}
        assert used.cost is not None and not list(tmp_path.glob("*.sqlite*"))

        server.asked.clear()
        with pytest.raises(CostReached) as told:
            evaluate(finetuned, self.asked(server, max_cost=used.cost * 0.8), tmp_path / "out")
        first = len(server.asked)
        assert told.value.exit_code == 3 and checks < first < checks + asked
        assert (tmp_path / "out.partial").is_dir() and (tmp_path / "out.requests.sqlite").is_file()
        out = evaluate(finetuned, self.asked(server), tmp_path / "out")
        assert len(server.asked) == checks + asked  # the checks are kept in parity.json, the answers in the file beside
        files = sorted(path.relative_to(whole) for path in (whole / "samples").rglob("*.jsonl"))
        assert len(files) == 3 and all((out / name).read_bytes() == (whole / name).read_bytes() for name in files)
        assert Manifest.read(out).config == Manifest.read(whole).config  # prices and limits are no part of it
        assert ServersUsed.read(out).cost == pytest.approx(used.cost)
        assert [path.name for path in tmp_path.iterdir() if "sqlite" in path.name] == []

    def test_a_thrown_away_folder_takes_its_answers_with_it(
        self, server: Server, base: Path, finetuned: Path, tmp_path: Path
    ) -> None:
        server.complete = served(base, finetuned)
        with pytest.raises(CostReached):
            evaluate(finetuned, self.asked(server, max_cost=2e-4), tmp_path / "out")
        shutil.rmtree(tmp_path / "out.partial")
        server.asked.clear()
        evaluate(finetuned, self.asked(server), tmp_path / "out")
        assert len(server.asked) == 3 * 4 + 3 * 6

    def test_a_server_without_log_probabilities_is_refused_where_they_are_needed(
        self, server: Server, base: Path, finetuned: Path, tmp_path: Path
    ) -> None:
        server.complete, good = served(base, finetuned), server.wrapped

        def without(kind: str, choice: dict[str, Any], tokens: int, model: str) -> dict[str, Any]:
            return good(kind, choice | {"logprobs": None}, tokens, model)

        server.wrapped = without  # type: ignore[method-assign]
        with pytest.raises(UsageError, match="no log-probabilities, which best-of-logprob needs"):
            evaluate(finetuned, self.asked(server, strategy=["greedy", "best-of-logprob"]), tmp_path / "out")

    def test_a_server_that_was_repaired_is_checked_anew(
        self, server: Server, base: Path, finetuned: Path, tmp_path: Path
    ) -> None:
        server.complete = lambda model, body: ("\\boxed{ 1 }", "stop", 4)
        with pytest.raises(JourneyError, match="is wanted"):
            evaluate(finetuned, self.asked(server), tmp_path / "out")
        server.complete = served(base, finetuned)
        evaluate(finetuned, self.asked(server), tmp_path / "out")

    def test_the_settings_are_no_part_of_a_result(self, server: Server) -> None:
        given = {"in_flight": 3, "answer_seconds": 5.0, "max_cost": 1.0, **self.prices}
        plain, priced = settings(server), settings(server, **given)
        assert not given.keys() & plain.model_dump(mode="json").keys()
        assert given.keys() <= _LEFT_OUT and given.items() <= priced.model_dump(mode="json").items()

    def test_a_limit_needs_prices(self, server: Server, finetuned: Path, tmp_path: Path) -> None:
        for prices in ({}, {"price_in": 0.0}):
            asked = settings(server, max_cost=3, **prices)
            for refused in (lambda: check(asked), lambda: evaluate(finetuned, asked, tmp_path / "out")):  # noqa: B023
                with pytest.raises(UsageError, match="max_cost = 3 needs prices\n.*--price-in and --price-out"):
                    refused()
        assert not server.asked and not list(tmp_path.iterdir())


STRANGE = {
    "a page": b"<html><body>nginx</body></html>",
    "half of a text": b'{"choices": [{"text": "\\\\boxed{1}", "finish_rea',
    "no choices": b'{"choices": []}',
    "null": b'{"choices": null}',
    "an error": b'{"error": {"message": "overloaded"}}',
    "half a character": b'{"choices": [{"text": "\\ud800", "finish_reason": "stop"}]}',
    "no text": b'{"choices": [{"text": 5}]}',
    "nested": b"[" * 100_000,
    "too much": b" " * 9_000_000 + b'{"choices": [{"text": "1"}]}',
}


class TestStrangeAnswers:
    @pytest.mark.parametrize("kind", STRANGE)
    def test_each_is_one_clear_error_with_its_beginning(
        self, server: Server, kind: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("journey.models.endpoints.STRANGE_WAIT", 0)
        server.raw = STRANGE[kind]
        endpoint = Endpoint(EndpointRef("base", server.url))
        for ask in (
            lambda: endpoint.complete([1], cap=2),
            lambda: endpoint.chat("?", cap=2),
            lambda: endpoint.says_yes("?"),
        ):
            if kind in ("half a character", "no text") and ask.__code__.co_names[-1] != "complete":
                continue
            with pytest.raises(StrangeAnswer) as told:
                ask()
            assert repr(server.raw.decode()[:200]) in str(told.value) and len(str(told.value)) < 600

    def test_a_list_of_models_that_is_none(self, server: Server) -> None:
        server.raw = b"<html>"
        with pytest.raises(RemoteError):
            Endpoint(EndpointRef("base", server.url)).models()

    def test_one_of_many_is_counted_and_nothing_of_the_shard_is_kept(
        self, server: Server, base: Path, finetuned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("journey.models.endpoints.STRANGE_WAIT", 0)
        server.complete = served(base, finetuned)
        asked = settings(server, strategy=["greedy"], equal_tokens=False)
        good, wrapped = server.wrapped, []

        def sometimes(kind: str, choice: dict[str, Any], tokens: int, model: str) -> dict[str, Any]:
            wrapped.append(model)
            return good(kind, choice, tokens, model) if model != "journey-s0" else {"error": "busy"}

        server.wrapped = sometimes  # type: ignore[method-assign]
        with pytest.raises(RemoteError, match=r"(\d+) of \d+ answers failed: .*'\{\"error\": \"busy\"\}'"):
            evaluate(finetuned, asked, tmp_path / "out")
        assert not (tmp_path / "out").exists()
        server.wrapped = good  # type: ignore[method-assign]
        out = evaluate(finetuned, asked, tmp_path / "out")  # the next run asks again
        assert len(list(records(out, f"samples/journey-s0/{ONE}/greedy", Sample))) == 6

    @pytest.mark.parametrize(
        "told", [{"completion_tokens": -3}, {"completion_tokens": 1e30}, {"prompt_tokens": True}, "x"]
    )
    def test_its_numbers_are_not_believed(self, server: Server, told: Any) -> None:
        server.raw = json.dumps({"choices": [{"text": "1", "finish_reason": "stop"}], "usage": told}).encode()
        reply = Endpoint(EndpointRef("base", server.url)).complete([1], cap=5)
        assert (reply.text, reply.tokens, reply.prompt_tokens) == ("1", 0, 0)

    def test_withheld_and_empty_answers_are_outcomes_of_their_own(self, server: Server) -> None:
        server.raw = b'{"choices": [{"message": {"content": "\\\\boxed{7}"}, "finish_reason": "content_filter"}]}'
        reply = Endpoint(EndpointRef("large", server.url)).chat("?", cap=3)
        problem = Problem("p", "?", "7", "test")
        assert grade(problem, reply.text, reply.finish) == ("no_answer", None, "withheld by the server")
        server.raw = b'{"choices": [{"message": {"content": null}, "finish_reason": "stop"}]}'
        reply = Endpoint(EndpointRef("large", server.url)).chat("?", cap=3)
        assert grade(problem, reply.text, reply.finish) == ("no_answer", None, "empty answer")

    def test_a_key_that_may_not_do_it(self, server: Server) -> None:
        server.raw, server.status = b'{"error": {"message": "no"}}', 403
        with pytest.raises(AuthError, match="does not allow"):
            Endpoint(EndpointRef("base", server.url)).chat("?", cap=3)


class TestSecrets:
    ADDRESS = "http://me:hunter2secret@127.0.0.1:9/v1"

    def test_no_address_with_a_login_is_taken_and_none_is_shown(self) -> None:
        for make in (
            lambda: reference(f"m@{self.ADDRESS}"),
            lambda: build(EvaluateSettings, {"endpoint": self.ADDRESS}, "x"),
        ):
            with pytest.raises(UsageError) as told:
                make()
            assert "hunter2" not in str(told.value) and "JOURNEY_API_KEY" in str(told.value)

    @pytest.mark.parametrize("text", ["hf_abcdefghijklmnop", "sk-abcdefghijklmnop", "http://h/v1?api_key=abcdefghij"])
    def test_no_message_holds_a_token(self, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
        assert "abcdefgh" not in str(JourneyError(f"{text} is refused"))
        monkeypatch.setenv("JOURNEY_API_KEY", "correct horse battery")
        assert "horse" not in str(UsageError("the server says: correct horse battery", "x"))
