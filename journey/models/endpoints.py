"""Models behind an OpenAI-compatible server: `NAME@http://HOST/v1`, asked through the openai client.

    reference("qwen@http://localhost:8000/v1")  -> EndpointRef("qwen", "http://localhost:8000/v1"); None for other names
    Endpoint(ref).chat("How many ...?", cap=512)
    Endpoint(ref).complete([1, 42, 7], cap=512)         # token ids, as vLLM and others take them

The key comes from the environment (JOURNEY_API_KEY, else OPENAI_API_KEY); a server without one gets "none". An answer with
status 200 that is no completion (a page, half of a JSON text, no choices) is asked for again and then a `StrangeAnswer`; what a
server says of numbers of tokens is believed only where it can be true.
"""

from __future__ import annotations

import math
import os
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from journey.errors import AuthError, RemoteError, UsageError, has_login
from journey.models.completion import Completion, CompletionRequest, Finish
from journey.processes import map_in_threads

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

T = TypeVar("T")
A = TypeVar("A")
AT_ONCE = 32  # requests in flight; the server batches them
TIMEOUT = 600.0  # seconds for one answer
TRIES = 3  # for an answer that is no completion
MAX_BYTES = 8_000_000  # of one answer: far more than any completion has
_SHOWN = 200  # characters of a strange answer that are shown
_NAME = re.compile(r"(?P<name>[^@\s]+(?:@(?!https?://)[^@\s]+)?)@(?P<url>https?://\S+)")


@dataclass(frozen=True)
class EndpointRef:
    """A model of a server: the name that the server knows it by, and the address up to /v1."""

    name: str
    url: str

    def __str__(self) -> str:
        return f"{self.name}@{self.url}"


class StrangeAnswer(RemoteError):
    """A server answered with status 200, and not with a completion."""


class _Message(msgspec.Struct):
    content: str | None = None
    reasoning_content: str | None = None  # some servers take the thinking out of the text


class _TopLogprob(msgspec.Struct):
    token: str
    logprob: float


class _TokenLogprob(msgspec.Struct):
    top_logprobs: list[_TopLogprob] = []


class _Logprobs(msgspec.Struct):
    token_logprobs: list[float | None] | None = None
    content: list[_TokenLogprob] | None = None


class _Choice(msgspec.Struct):
    finish_reason: str | None = None
    text: str | None = None
    message: _Message | None = None
    logprobs: _Logprobs | None = None


class _Answer(msgspec.Struct):
    """What is read of a completion, in either of its two forms."""

    choices: list[_Choice]
    usage: Any = None


@dataclass(frozen=True)
class Reply:
    """One answer. `tokens` are as the server counts them, 0 where it does not tell or says what cannot be."""

    text: str
    finish: Finish
    tokens: int
    prompt_tokens: int
    seconds: float
    logprob: float | None = None


def reference(name: str) -> EndpointRef | None:
    """The endpoint that a MODEL names, or None if it is another kind of name. Raises UsageError for half of one."""
    if "://" not in name:
        return None
    match = _NAME.fullmatch(name)
    if match is None:
        raise UsageError(f"{name!r} is no NAME@http://HOST/v1", "e.g. qwen@http://localhost:8000/v1")
    if has_login(match["url"]):
        raise UsageError(f"{name!r}: the address holds a login or key", "leave it out, and set JOURNEY_API_KEY")
    return EndpointRef(match["name"], match["url"].rstrip("/"))


class Endpoint:
    """A server's model, ready to be asked."""

    def __init__(self, ref: EndpointRef, *, timeout: float = TIMEOUT) -> None:
        self.ref, self.timeout = ref, timeout

    @cached_property
    def client(self) -> Any:
        """The openai client, made at first use; its key is JOURNEY_API_KEY or OPENAI_API_KEY."""
        import openai

        key = os.environ.get("JOURNEY_API_KEY") or os.environ.get("OPENAI_API_KEY") or "none"
        return openai.OpenAI(base_url=self.ref.url, api_key=key, timeout=self.timeout, max_retries=3)

    def models(self) -> list[str]:
        """The names that the server knows. Raises RemoteError or AuthError."""
        return self._ask(lambda: sorted(model.id for model in self.client.models.list()))

    def complete(
        self,
        prompt: Sequence[int],
        *,
        cap: int,
        temperature: float = 0.0,
        top_p: float = 1.0,
        seed: int | None = None,
        logprobs: bool = False,
        model: str | None = None,
    ) -> Reply:
        """Complete token ids. `model` is another name of the same server, e.g. an adapter's."""
        more = {"logprobs": 1} if logprobs else {}
        started = time.perf_counter()
        choice, answer = self._completed(
            lambda: self.client.completions.with_raw_response.create(
                model=model or self.ref.name,
                prompt=list(prompt),
                max_tokens=cap,
                temperature=temperature,
                top_p=top_p,
                seed=seed,
                **more,
            )
        )
        told = choice.logprobs.token_logprobs if logprobs and choice.logprobs else None
        logprob = math.fsum(value for value in told if value is not None) if told else None
        return self._reply(choice.text or "", choice, answer, cap, started, logprob)

    def chat(
        self,
        text: str,
        *,
        cap: int,
        temperature: float = 0.0,
        top_p: float = 1.0,
        seed: int | None = None,
    ) -> Reply:
        """Answer one message of a user."""
        started = time.perf_counter()
        choice, response = self._completed(
            lambda: self.client.chat.completions.with_raw_response.create(
                model=self.ref.name,
                messages=[{"role": "user", "content": text}],
                max_tokens=cap,
                temperature=temperature,
                top_p=top_p,
                seed=seed,
            )
        )
        message = choice.message or _Message()
        thought, said = message.reasoning_content, message.content or ""
        return self._reply(
            f"<think>\n{thought}\n</think>\n\n{said}" if thought else said, choice, response, cap, started, None
        )

    def says_yes(self, text: str) -> float:
        """The probability of "yes" against "no" as the first token of the answer; 1 or 0 from the text without it."""
        choice, _ = self._completed(
            lambda: self.client.chat.completions.with_raw_response.create(
                model=self.ref.name,
                messages=[{"role": "user", "content": text}],
                max_tokens=1,
                temperature=0.0,
                logprobs=True,
                top_logprobs=20,
            )
        )
        first = choice.logprobs.content[0].top_logprobs if choice.logprobs and choice.logprobs.content else []
        mass = {"yes": 0.0, "no": 0.0}
        for token in first:
            word = token.token.strip().lower()
            if word in mass:
                mass[word] += math.exp(token.logprob)
        if sum(mass.values()) > 0:
            return mass["yes"] / sum(mass.values())
        said = (choice.message.content if choice.message else None) or ""
        return float(said.strip().lower().startswith("yes"))

    def _reply(
        self, text: str, choice: _Choice, answer: _Answer, cap: int, started: float, logprob: float | None
    ) -> Reply:
        finish: Finish = "stop"
        if choice.finish_reason in ("length", "content_filter"):
            finish = choice.finish_reason  # type: ignore[assignment]
        told = answer.usage if isinstance(answer.usage, dict) else {}
        tokens = _count(told.get("completion_tokens"), cap)
        prompt = _count(told.get("prompt_tokens"), _MOST_PROMPT)
        return Reply(text, finish, tokens, prompt, time.perf_counter() - started, logprob)

    def _completed(self, call: Callable[[], Any]) -> tuple[_Choice, _Answer]:
        """The first choice of an answer, and the answer. Raises StrangeAnswer where it is no completion, time and again."""
        why = ""
        for attempt in range(TRIES):
            if attempt:
                time.sleep(0.2 * attempt)
            body: bytes = self._ask(call).content
            if len(body) > MAX_BYTES:
                why = f"{len(body):,} bytes, at most {MAX_BYTES:,} are read"
                break
            try:
                answer = msgspec.json.decode(body, type=_Answer)
                if answer.choices:
                    return answer.choices[0], answer
                why = "it has no choices"
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                why = str(error)
        shown = body[: 4 * _SHOWN].decode("utf-8", "replace")[:_SHOWN]
        raise StrangeAnswer(f"{self.ref} answered with something else than a completion ({why}): {shown!r}")

    def _ask(self, call: Callable[[], T]) -> T:
        """Run a call of the client, turning what can go wrong into one clear error."""
        import openai

        try:
            return call()
        except openai.AuthenticationError:
            raise AuthError(f"{self.ref.url} refuses the key\n  set JOURNEY_API_KEY (or OPENAI_API_KEY)") from None
        except openai.PermissionDeniedError as error:
            raise AuthError(f"{self.ref.url} does not allow this key to do it: {_first_line(error)}") from None
        except openai.NotFoundError as error:
            raise UsageError(f"{self.ref}: {_first_line(error)}", "check the address and the model's name") from None
        except openai.BadRequestError as error:
            raise UsageError(f"{self.ref} refuses the request: {_first_line(error)}") from None
        except openai.APIConnectionError as error:
            raise RemoteError(f"cannot reach {self.ref.url}: {_first_line(error)}\n  is the server running?") from None
        except openai.OpenAIError as error:
            raise RemoteError(f"{self.ref} failed: {_first_line(error)}") from None
        except (ValueError, TypeError, AttributeError) as error:  # the client reads a list of models from what is none
            raise StrangeAnswer(f"{self.ref} answered with something else than was asked for: {error}") from None


_MOST_PROMPT = 100_000_000  # tokens of a prompt that are believed


def _count(value: object, most: int) -> int:
    """A number of tokens that a server tells, or 0 where it cannot be one."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most else 0


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]


@dataclass(frozen=True)
class EndpointWriter:
    """Completes requests as `Decoder.write` does, from a server that knows every run by a name."""

    endpoint: Endpoint
    names: tuple[str, ...]  # by place of the run
    tokenizer: PreTrainedTokenizerBase
    cap: int

    def write(
        self,
        requests: Sequence[CompletionRequest],
        temperature: float = 1.0,
        top_p: float = 1.0,
        rows: int | None = None,
    ) -> list[Completion]:
        """All requests, many at a time (the server makes its own batches); the server's seed of a sample comes from its stream."""

        def complete(request: CompletionRequest) -> Completion:
            cap = self.cap if request.cap is None else request.cap
            if cap < 1:
                return Completion((), "length")
            seed = None if request.chance is None else int.from_bytes(request.chance[:1].tobytes(), "little") >> 1
            reply = self.endpoint.complete(
                request.prompt,
                cap=cap,
                temperature=0.0 if request.chance is None else temperature,
                top_p=1.0 if request.chance is None else top_p,
                seed=seed,
                logprobs=request.chance is not None,
                model=self.names[request.run],
            )
            ids = list(self.tokenizer(reply.text, add_special_tokens=False)["input_ids"])
            if reply.finish == "stop":
                ids.append(int(self.tokenizer.eos_token_id))  # what ended it is not in the text
            return Completion(tuple(ids), reply.finish, reply.seconds, reply.logprob, reply.tokens or None)

        return ask_all(complete, requests)


def ask_all(ask: Callable[[A], T], items: Sequence[A]) -> list[T]:
    """What `ask` gives for every item, many at a time.

    Raises RemoteError with the number of strange answers where there are any, so that none of them is stored or scored.
    """

    def one(item: A) -> T | StrangeAnswer:
        try:
            return ask(item)
        except StrangeAnswer as error:
            return error

    good: list[T] = []
    strange: list[StrangeAnswer] = []
    for answer in map_in_threads(one, items, AT_ONCE):
        if isinstance(answer, StrangeAnswer):
            strange.append(answer)
        else:
            good.append(answer)
    if strange:
        raise RemoteError(
            f"{len(strange)} of {len(items)} answers failed: {strange[0]}\n  "
            "what was finished before is kept; the same command asks again for the rest"
        )
    return good
