"""Models behind an OpenAI-compatible server: `NAME@http://HOST/v1`, asked through the openai client.

    reference("qwen@http://localhost:8000/v1")  -> EndpointRef("qwen", "http://localhost:8000/v1"); None for other names
    Endpoint(ref).chat("How many ...?", cap=512)
    Endpoint(ref).complete([1, 42, 7], cap=512)         # token ids, as vLLM and others take them

The key comes from the environment (JOURNEY_API_KEY, else OPENAI_API_KEY); a server without one gets "none". An answer with
status 200 that is no completion (a page, half of a JSON text, no choices) is asked for again and then a `StrangeAnswer`; what a
server says of numbers of tokens is believed only where it can be true. The openai client speaks to the server and names its
errors; tries are counted here, since its own hide every "too many requests" from `journey.servers.pace`.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, TypeVar

import msgspec

from journey.errors import AuthError, JourneyError, RemoteError, UsageError, has_login
from journey.models.completion import Finish
from journey.processes import map_in_threads
from journey.rng import digest
from journey.servers.answers import MAX_BYTES, ServedAnswer, ServedChoice, ServedMessage, decoded, read_answer
from journey.servers.kept import UsedTokens
from journey.servers.pace import LOCAL, Pace, on_this_machine, retry_after, wait_before
from journey.servers.use import ServerUse

T = TypeVar("T")
A = TypeVar("A")
TRIES = 4  # of a request that fails
BUSY_TRIES = 12  # of one that is refused as one too many
STRANGE_TRIES, STRANGE_WAIT = 3, 0.2  # for an answer that is no completion; seconds
_AROUND = 64  # tokens that a chat template puts around a message, at most
_SHOWN = 200  # characters of a strange answer that are shown
_NAME = re.compile(r"(?P<name>[^@\s]+(?:@(?!https?://)[^@\s]+)?)@(?P<url>https?://\S+)")


@dataclass(frozen=True)
class EndpointRef:
    """A model of a server: the name that the server knows it by, and the address up to /v1."""

    name: str
    url: str
    called: str = ""  # what its answers are kept under, where the address is another one every time

    def __str__(self) -> str:
        return f"{self.name}@{self.called or self.url}"


@dataclass(frozen=True)
class RunServer:
    """A server that knows several models, runs say, by their names.

    One that is known to be vLLM (`stops` is not None) is asked for token ids, special ones included, and ends an answer at
    the tokens `stops`, as the built-in sampler does. Of another the text is made into tokens again.
    """

    url: str
    called: str = ""
    stops: tuple[int, ...] | None = None


class StrangeAnswer(RemoteError):
    """A server answered with status 200, and not with a completion."""


class NotServed(UsageError):
    """There is no such model, or no such server, at the address."""


@dataclass(frozen=True)
class Reply:
    """One answer. `tokens` are as the server counts them, 0 where it does not tell or says what cannot be.

    `reason` is why it ended in the server's own word, "" where it does not tell.
    """

    text: str
    finish: Finish
    tokens: int
    prompt_tokens: int
    seconds: float
    logprob: float | None = None
    reason: str = ""
    ids: tuple[int, ...] | None = None  # of the answer, where they were asked for and given


@dataclass(frozen=True)
class _Request:
    """One request: what it is kept by, how many tokens it can use at most, and the call of the client."""

    server: str
    key: str
    prompt: int
    cap: int
    call: Callable[[], Awaitable[Any]]


@dataclass(frozen=True)
class _Completed:
    """The first choice of an answer, the answer, and the seconds from the try that gave it to its end."""

    choice: ServedChoice
    answer: ServedAnswer
    seconds: float


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
    """A server's model, ready to be asked, from any number of threads.

    `use` is what it shares with other endpoints of the command. With `cached=False` it takes no answer from those kept.
    """

    def __init__(
        self, ref: EndpointRef, *, timeout: float | None = None, use: ServerUse | None = None, cached: bool = True
    ) -> None:
        self.ref, self.use, self.cached = ref, use or ServerUse(), cached
        self.timeout = self.use.limits.answer_seconds if timeout is None else timeout

    @property
    def at_once(self) -> int:
        """How many requests the server gets at once, at most."""
        return self.use.at_once(self.ref.url)

    @property
    def client(self) -> Any:
        """The openai client, one for all that ask the server; its key is JOURNEY_API_KEY or OPENAI_API_KEY."""

        def made() -> Any:
            import openai

            key = os.environ.get("JOURNEY_API_KEY") or os.environ.get("OPENAI_API_KEY") or "none"
            # A proxy knows another machine by the name of this one.
            own = openai.DefaultAsyncHttpxClient(trust_env=False) if on_this_machine(self.ref.url) else None
            return openai.AsyncOpenAI(
                base_url=self.ref.url, api_key=key, timeout=self.timeout, max_retries=0, http_client=own
            )

        return self.use.client((self.ref.url, self.timeout), made)

    def models(self) -> list[str]:
        """The names that the server knows. Raises RemoteError or AuthError."""

        async def names() -> list[str]:
            page = await self._ask("models", lambda: self.client.models.list())
            try:
                return sorted(model.id for model in page.data)
            except (TypeError, AttributeError) as error:  # the client reads a list of models from what is none
                raise self._not_asked_for(error) from None

        return self.use.run(names())

    def complete(
        self,
        prompt: Sequence[int] | str,
        *,
        cap: int,
        temperature: float = 0.0,
        top_p: float = 1.0,
        seed: int | None = None,
        logprobs: bool = False,
        model: str | None = None,
        draw: str = "",
        stops: Sequence[int] | None = None,
    ) -> Reply:
        """Complete token ids, or a text. `model` is another name of the same server, e.g. an adapter's; `draw` tells samples apart.

        With `stops` the server has to be vLLM: the answer ends at these tokens too, and its own tokens are in the reply.
        """
        name, create = model or self.ref.name, self.client.completions.with_raw_response.create
        asked: dict[str, Any] = {
            "model": name,
            "prompt": prompt if isinstance(prompt, str) else list(prompt),
            "max_tokens": cap,
        }
        asked |= {"temperature": temperature, "top_p": top_p, "seed": seed}
        if stops is not None:
            exact = {"return_token_ids": True, "skip_special_tokens": False, "stop_token_ids": list(stops)}
            asked["extra_body"] = exact
        request = self._request(create, asked, _most_tokens(prompt) if isinstance(prompt, str) else len(prompt), draw)
        done = self._with_logprobs(create, asked | {"logprobs": 1}, request, draw) if logprobs else None
        done = done or self.use.run(self._completed(request))
        logprob = done.choice.logprob() if logprobs else None
        if logprobs and logprob is None and self.use.needs_logprobs:
            raise UsageError(
                f"{request.server} gives no log-probabilities, which best-of-logprob needs",
                "leave it out of --strategy",
            )
        return self._reply(done.choice.text or "", done, cap, logprob)

    def chat(
        self,
        text: str,
        *,
        cap: int,
        temperature: float = 0.0,
        top_p: float = 1.0,
        seed: int | None = None,
        turns: Sequence[tuple[str, str]] = (),
        draw: str = "",
        begun: str = "",
    ) -> Reply:
        """Answer one message of a user, after `turns` of message and answer; `draw` tells samples apart.

        An answer that is `begun` is a last message that servers which know `continue_final_message` go on from.
        """
        asked = self._message(text, cap) | {"temperature": temperature, "top_p": top_p, "seed": seed}
        for said, answer in reversed(turns):
            earlier = [{"role": "user", "content": said}, {"role": "assistant", "content": answer}]
            asked["messages"] = [*earlier, *asked["messages"]]
        if begun:
            asked["messages"] = [*asked["messages"], {"role": "assistant", "content": begun}]
            asked["extra_body"] = {"continue_final_message": True, "add_generation_prompt": False}
        create = self.client.chat.completions.with_raw_response.create
        most = sum(map(_most_tokens, [text, *([begun] if begun else ()), *(part for turn in turns for part in turn)]))
        done = self.use.run(self._completed(self._request(create, asked, most, draw)))
        message = done.choice.message or ServedMessage()
        return self._reply(message.text(done.choice.finish_reason), done, cap, None)

    def says_yes(self, text: str) -> float:
        """The probability of "yes" against "no" as the first token of the answer; 1 or 0 from the text without it."""
        asked, create = (
            self._message(text, 1) | {"temperature": 0.0},
            self.client.chat.completions.with_raw_response.create,
        )
        request = self._request(create, asked, _most_tokens(text))
        done = self._with_logprobs(create, asked | {"logprobs": True, "top_logprobs": 20}, request)
        return (done or self.use.run(self._completed(request))).choice.yes()

    def _message(self, text: str, cap: int) -> dict[str, Any]:
        return {"model": self.ref.name, "messages": [{"role": "user", "content": text}], "max_tokens": cap}

    def _request(self, create: Callable[..., Any], asked: dict[str, Any], prompt: int, draw: str = "") -> _Request:
        server = str(replace(self.ref, name=asked["model"]))
        key = digest("request", server, msgspec.json.encode(asked).decode(), draw).hex()
        return _Request(server, key, prompt, asked["max_tokens"], lambda: create(**asked))

    def _with_logprobs(
        self, create: Callable[..., Any], asked: dict[str, Any], plain: _Request, draw: str = ""
    ) -> _Completed | None:
        """An answer with log-probabilities; None from a server that refuses them, which is asked for them once."""
        refused = (plain.server, "log-probabilities")
        if refused in self.use.without:
            return None
        try:
            return self.use.run(self._completed(self._request(create, asked, plain.prompt, draw)))
        except NotServed:
            raise
        except UsageError as error:
            if "logprob" not in str(error).lower():
                raise
            self.use.without.add(refused)
            return None

    def _reply(self, text: str, done: _Completed, cap: int, logprob: float | None) -> Reply:
        reason, finish = done.choice.finish_reason or "", "stop"
        finish = reason if reason in ("length", "content_filter") else "stop"
        tokens, prompt = done.answer.tokens(cap)
        ids = None if done.choice.token_ids is None else tuple(done.choice.token_ids)
        return Reply(text, finish, tokens, prompt, done.seconds, logprob, reason, ids)  # type: ignore[arg-type]

    async def _completed(self, request: _Request) -> _Completed:
        """An answer, from those kept or from the server. Raises StrangeAnswer where it is no completion, time and again."""
        if self.cached and (stored := self.use.kept.get(request.key)) is not None:
            answer = decoded(stored[0])
            return _Completed(answer.choices[0], answer, stored[1])
        why, body, clock = "", b"", asyncio.get_running_loop().time
        async with self.use.paid(request.prompt, request.cap):
            for attempt in range(STRANGE_TRIES):
                await asyncio.sleep(STRANGE_WAIT * attempt)
                began: list[float] = []

                async def call(began: list[float] = began) -> Any:
                    began.append(clock())
                    return await request.call()

                body = (await self._ask(request.key, call)).content
                seconds = clock() - began[-1]
                answered, why = read_answer(body)
                if answered is not None:
                    self._keep(request, body, seconds, answered)
                    return _Completed(answered.choices[0], answered, seconds)
                if len(body) > MAX_BYTES:
                    break
        shown = body[: 4 * _SHOWN].decode("utf-8", "replace")[:_SHOWN]
        raise StrangeAnswer(f"{self.ref} answered with something else than a completion ({why}): {shown!r}")

    def _keep(self, request: _Request, body: bytes, seconds: float, answer: ServedAnswer) -> None:
        """Keep an answer; tokens that the server does not tell count as many as they can be, so that no limit is passed."""
        tokens, prompt = answer.tokens(request.cap)
        reason = answer.choices[0].finish_reason or "unknown"
        used = UsedTokens(request.server, reason[:40], 1, prompt or request.prompt, tokens or request.cap)
        self.use.keep(request.key if self.cached else None, body, seconds, used)

    async def _ask(self, key: str, call: Callable[[], Awaitable[T]]) -> T:
        """What a call of the client gives, tried again where that may help, within the time limit. One clear error else."""
        import openai

        pace, left, tries = self.use.pace(self.ref.url), self.timeout, 0
        while True:
            tries += 1
            async with pace.slot() as cuts:
                began = asyncio.get_running_loop().time()
                try:
                    async with asyncio.timeout(left):
                        answer = await call()
                    pace.succeeded()
                    return answer
                except (TimeoutError, openai.APITimeoutError):
                    raise self._late(pace, began) from None
                except openai.OpenAIError as error:
                    failure = error
                except (ValueError, TypeError, AttributeError) as error:
                    raise self._not_asked_for(error) from None
                left -= asyncio.get_running_loop().time() - began
                if not _may_help(failure):
                    self._stop(pace, failure)
                    raise self._meaning(failure) from None
                pace.failed(cuts)
                asked = retry_after(failure.response.headers) if isinstance(failure, openai.APIStatusError) else None
                wait = wait_before(key, tries, asked)
                busy = isinstance(failure, openai.RateLimitError)
                if tries >= (BUSY_TRIES if busy else TRIES) or wait >= left:
                    raise self._meaning(failure) from None
                if asked is not None:
                    pace.be_quiet(asked)
            await asyncio.sleep(wait)
            left -= wait

    def _late(self, pace: Pace, began: float) -> RemoteError:
        """The error of an answer that took too long. Where nothing else came meanwhile, the server is asked nothing more."""
        error = RemoteError(
            f"{self.ref} gave no answer within {self.timeout:g} seconds (--set answer_seconds=... allows more)"
        )
        if pace.answered < began:
            pace.stopped = error
        return error

    def _stop(self, pace: Pace, failure: Exception) -> None:
        """Ask nothing more of a server that refuses the key or does not know the model."""
        import openai

        if isinstance(failure, openai.AuthenticationError | openai.PermissionDeniedError | openai.NotFoundError):
            pace.stopped = self._meaning(failure)

    def _meaning(self, error: Exception) -> JourneyError:
        """What a failure of the client means, in one line."""
        import openai

        first = _first_line(error)
        match error:
            case openai.AuthenticationError():
                return AuthError(f"{self.ref.url} refuses the key: set JOURNEY_API_KEY (or OPENAI_API_KEY)")
            case openai.PermissionDeniedError():
                return AuthError(f"{self.ref.url} does not allow this key to do it: {first}")
            case openai.NotFoundError():
                return NotServed(f"{self.ref}: {first}; check the address and the model's name")
            case openai.BadRequestError():
                return UsageError(f"{self.ref} refuses the request: {first}")
            case openai.APIConnectionError():
                return RemoteError(f"cannot reach {self.ref.url}: {first}\n  is the server running?")
        return RemoteError(f"{self.ref} failed: {first}")

    def _not_asked_for(self, error: Exception) -> StrangeAnswer:
        return StrangeAnswer(f"{self.ref} answered with something else than was asked for: {error}")


def _may_help(error: Exception) -> bool:
    """Whether another try may succeed. Money that is used up comes as "too many requests" too, and does not come back."""
    import openai

    if not isinstance(error, openai.APIStatusError):
        return isinstance(error, openai.APIConnectionError)
    if error.code == "insufficient_quota" or error.response.headers.get("x-should-retry") == "false":
        return False
    return error.status_code in (408, 409, 429) or error.status_code >= 500


def _most_tokens(text: str) -> int:
    """The tokens that a message can have at most: one a byte."""
    return len(text.encode("utf-8", "replace")) + _AROUND


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]


def ask_all(ask: Callable[[A], T], items: Sequence[A], at_once: int = LOCAL) -> list[T]:
    """What `ask` gives for every item, many at a time. Raises what `ask_groups` raises."""
    return [answer for _, answers in ask_groups(ask, [items], at_once) for answer in answers]


def ask_groups(
    ask: Callable[[A], T], groups: Sequence[Sequence[A]], at_once: int = LOCAL
) -> Generator[tuple[int, list[T]], None, None]:
    """The index of every group with what `ask` gives for its items; the requests of all groups are under way together.

    Groups with a strange answer are left out, so that none of them is stored or scored; in the end RemoteError says how many
    answers were strange.
    """

    def one(item: A) -> T | StrangeAnswer:
        try:
            return ask(item)
        except StrangeAnswer as error:
            return error

    items = [item for group in groups for item in group]
    strange: list[StrangeAnswer] = []
    with closing(map_in_threads(one, items, at_once)) as answers:
        for index, group in enumerate(groups):
            part = list(islice(answers, len(group)))
            failed = [answer for answer in part if isinstance(answer, StrangeAnswer)]
            strange += failed
            if not failed:
                yield index, [answer for answer in part if not isinstance(answer, StrangeAnswer)]
    if strange:
        raise RemoteError(
            f"{len(strange)} of {len(items)} answers failed: {strange[0]}\n  "
            "what was finished before is kept; the same command asks again for the rest"
        )
