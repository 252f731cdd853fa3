"""Models behind an OpenAI-compatible server: `NAME@http://HOST/v1`, asked through the openai client.

    reference("qwen@http://localhost:8000/v1")  -> EndpointRef("qwen", "http://localhost:8000/v1"); None for other names
    Endpoint(ref).chat("How many ...?", cap=512)
    Endpoint(ref).complete([1, 42, 7], cap=512)         # token ids, as vLLM and others take them

The key comes from the environment (JOURNEY_API_KEY, else OPENAI_API_KEY); a server without one gets "none".
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

from journey.errors import AuthError, RemoteError, UsageError
from journey.models.completion import Completion, CompletionRequest, Finish
from journey.processes import map_in_threads

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

T = TypeVar("T")
AT_ONCE = 32  # requests in flight; the server batches them
TIMEOUT = 600.0  # seconds for one answer
_NAME = re.compile(r"(?P<name>[^@\s]+(?:@(?!https?://)[^@\s]+)?)@(?P<url>https?://\S+)")


@dataclass(frozen=True)
class EndpointRef:
    """A model of a server: the name that the server knows it by, and the address up to /v1."""

    name: str
    url: str

    def __str__(self) -> str:
        return f"{self.name}@{self.url}"


@dataclass(frozen=True)
class Reply:
    """One answer. `tokens` are as the server counts them; `logprob` where it was asked for and is told."""

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
        response = self._ask(
            lambda: self.client.completions.create(
                model=model or self.ref.name,
                prompt=list(prompt),
                max_tokens=cap,
                temperature=temperature,
                top_p=top_p,
                seed=seed,
                **more,
            )
        )
        choice = response.choices[0]
        token_logprobs = getattr(choice.logprobs, "token_logprobs", None) if logprobs else None
        logprob = math.fsum(value for value in token_logprobs if value is not None) if token_logprobs else None
        return self._reply(choice.text or "", choice, response, started, logprob)

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
        response = self._ask(
            lambda: self.client.chat.completions.create(
                model=self.ref.name,
                messages=[{"role": "user", "content": text}],
                max_tokens=cap,
                temperature=temperature,
                top_p=top_p,
                seed=seed,
            )
        )
        choice = response.choices[0]
        thought = getattr(choice.message, "reasoning_content", None)  # some servers take the thinking out of the text
        answer = choice.message.content or ""
        return self._reply(
            f"<think>\n{thought}\n</think>\n\n{answer}" if thought else answer, choice, response, started, None
        )

    def says_yes(self, text: str) -> float:
        """The probability of "yes" against "no" as the first token of the answer; 1 or 0 from the text without it."""
        response = self._ask(
            lambda: self.client.chat.completions.create(
                model=self.ref.name,
                messages=[{"role": "user", "content": text}],
                max_tokens=1,
                temperature=0.0,
                logprobs=True,
                top_logprobs=20,
            )
        )
        choice = response.choices[0]
        first = choice.logprobs.content[0].top_logprobs if choice.logprobs and choice.logprobs.content else []
        mass = {"yes": 0.0, "no": 0.0}
        for token in first:
            word = token.token.strip().lower()
            if word in mass:
                mass[word] += math.exp(token.logprob)
        if sum(mass.values()) > 0:
            return mass["yes"] / sum(mass.values())
        return float((choice.message.content or "").strip().lower().startswith("yes"))

    def _reply(self, text: str, choice: Any, response: Any, started: float, logprob: float | None) -> Reply:
        finish: Finish = "length" if choice.finish_reason == "length" else "stop"
        usage = response.usage
        tokens, prompt = (usage.completion_tokens, usage.prompt_tokens) if usage else (0, 0)
        return Reply(text, finish, tokens, prompt, time.perf_counter() - started, logprob)

    def _ask(self, call: Callable[[], T]) -> T:
        """Run a call of the client, turning what can go wrong into one clear error."""
        import openai

        try:
            return call()
        except openai.AuthenticationError:
            raise AuthError(f"{self.ref.url} refuses the key\n  set JOURNEY_API_KEY (or OPENAI_API_KEY)") from None
        except openai.NotFoundError as error:
            raise UsageError(f"{self.ref}: {_first_line(error)}", "check the address and the model's name") from None
        except openai.BadRequestError as error:
            raise UsageError(f"{self.ref} refuses the request: {_first_line(error)}") from None
        except openai.APIConnectionError as error:
            raise RemoteError(f"cannot reach {self.ref.url}: {_first_line(error)}\n  is the server running?") from None
        except openai.OpenAIError as error:
            raise RemoteError(f"{self.ref} failed: {_first_line(error)}") from None


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

        return list(map_in_threads(complete, requests, AT_ONCE))
