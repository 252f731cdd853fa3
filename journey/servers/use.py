"""The use of servers by one command: its limits, the pace of each server, answers kept, tokens and cost.

    with ServerUse(ServerLimits(price_out=2.0, max_cost=5.0), KeptAnswers.beside(out)) as use:
        Endpoint(ref, use=use).chat("How many ...?", cap=512)

Callers wait in threads of their own; everything here runs in one event loop of the process (`wait_for`).
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

from journey.errors import PartialError, UsageError
from journey.formats.marks import ServedTokens, ServersUsed
from journey.servers.kept import KeptAnswers, UsedTokens
from journey.servers.pace import Pace, most_at_once

T = TypeVar("T")
ANSWER_SECONDS = 600.0  # for one answer, its tries and waits together
_MILLION = 1_000_000


@dataclass(frozen=True)
class ServerLimits:
    """Settings of the use of servers. Prices are for a million tokens of prompt and of answer, in any one currency."""

    in_flight: int | None = None  # requests at once (default: by address)
    answer_seconds: float = ANSWER_SECONDS
    price_in: float = 0.0
    price_out: float = 0.0
    max_cost: float | None = None

    def cost(self, prompt: int, completion: int) -> float:
        """What so many tokens cost."""
        return (prompt * self.price_in + completion * self.price_out) / _MILLION


class LimitSettings(Protocol):
    """What settings say of the use of servers: `journey.settings.servers.ServerSettings`."""

    @property
    def in_flight(self) -> int | None: ...
    @property
    def answer_seconds(self) -> float | None: ...
    @property
    def price_in(self) -> float | None: ...
    @property
    def price_out(self) -> float | None: ...
    @property
    def max_cost(self) -> float | None: ...


def limits_of(settings: LimitSettings, at_once: int | None = None) -> ServerLimits:
    """The limits that settings give; `at_once` requests where they say nothing of that (a server started here). Raises UsageError for a limit of the cost without what things cost."""
    price_in, price_out = settings.price_in or 0.0, settings.price_out or 0.0
    if settings.max_cost is not None and not (price_in or price_out):
        raise UsageError(
            f"max_cost = {settings.max_cost:g} needs prices",
            "give --price-in and --price-out, of a million tokens each (prices of 0 are no limit)",
        )
    seconds = settings.answer_seconds or ANSWER_SECONDS
    return ServerLimits(settings.in_flight or at_once, seconds, price_in, price_out, settings.max_cost)


class CostReached(PartialError):
    """The next answer could cost more than is left of `--max-cost`; what came before is kept."""


class ServerUse:
    """What the endpoints of one command share. Ends as a context: the file of answers is closed, and stays."""

    def __init__(
        self, limits: ServerLimits | None = None, kept: KeptAnswers | None = None, *, needs_logprobs: bool = False
    ) -> None:
        self.limits = limits or ServerLimits()
        self.needs_logprobs = needs_logprobs  # of samples: a server that gives none is refused at the first
        self.kept = kept or KeptAnswers()
        self._paces: dict[str, Pace] = {}
        self._clients: dict[tuple[str, float], Any] = {}
        self._making = threading.Lock()
        self._tasks: set[Any] = set()
        self._reserved = 0.0
        self._waiting = 0
        self._over: CostReached | None = None
        self._settled = asyncio.Condition()
        self._closed = False
        self.without: set[tuple[str, str]] = set()  # (server, what it has refused), e.g. log-probabilities
        self._spent = self.limits.cost(*self._tokens()) if self.limits.max_cost is not None else 0.0

    def _tokens(self) -> tuple[int, int]:
        used = self.kept.used()
        return sum(one.prompt for one in used), sum(one.completion for one in used)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        wait_for(self._close())

    async def _close(self) -> None:
        self._closed = True
        under_way = list(self._tasks)  # after an error: their threads would hold up the end of the process
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
        self.kept.close()
        for client in self._clients.values():
            await client.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """What a coroutine gives, for any thread; it is cancelled where the use ends before."""
        return wait_for(self._tracked(work))

    async def _tracked(self, work: Coroutine[Any, Any, T]) -> T:
        task = asyncio.current_task()
        self._tasks.add(task)
        try:
            return await work
        finally:
            self._tasks.discard(task)

    def client(self, key: tuple[str, float], made: Callable[[], Any]) -> Any:
        """What speaks to a server, made once: it holds the connections, and takes long to make."""
        with self._making:
            if key not in self._clients:
                self._clients[key] = made()
            return self._clients[key]

    def at_once(self, url: str) -> int:
        """How many requests a server gets at once, at most."""
        return self.limits.in_flight or most_at_once(url)

    def pace(self, url: str) -> Pace:
        """The pace of a server, one for all that ask it."""
        return self._paces.setdefault(url, Pace(self.at_once(url)))

    @asynccontextmanager
    async def paid(self, prompt: int, completion: int) -> AsyncIterator[None]:
        """Room for an answer of at most so many tokens, waited for while others may turn out cheaper. Raises CostReached."""
        most = self.limits.cost(prompt, completion)
        if self.limits.max_cost is not None:
            async with self._settled:
                await self._settled.wait_for(lambda: self._over or self._fits(most) or not self._reserved)
                if not self._over and not self._fits(most):
                    self._over = CostReached(
                        f"{self._spent:.4g} is spent, and one more answer may cost {most:.4g}: --max-cost is "
                        f"{self.limits.max_cost:g}\n  what came so far is kept; the same command with a higher "
                        "--max-cost goes on"
                    )
                    self._settled.notify_all()
                if self._over:
                    raise self._over
                self._reserved += most
                self._waiting += 1
        try:
            yield
        finally:
            if self.limits.max_cost is not None:
                async with self._settled:
                    self._waiting -= 1
                    self._reserved = self._reserved - most if self._waiting else 0.0  # sums of floats end near 0
                    self._settled.notify_all()

    def _fits(self, most: float) -> bool:
        assert self.limits.max_cost is not None
        return self._spent + self._reserved + most <= self.limits.max_cost

    def record(self) -> ServersUsed | None:
        """What was used so far, earlier calls for the same folder included; None where no server was asked."""
        used = self.kept.used()
        rows = tuple(ServedTokens(one.server, one.finish, one.answers, one.prompt, one.completion) for one in used)
        priced = self.limits.price_in or self.limits.price_out
        return ServersUsed(rows, round(self.limits.cost(*self._tokens()), 6) if priced else None) if rows else None

    def keep(self, key: str | None, body: bytes, seconds: float, used: UsedTokens) -> None:
        """Keep and count an answer that came."""
        self._spent += self.limits.cost(used.prompt, used.completion)
        if not self._closed:
            self.kept.put(key, body, seconds, used)


_loops: list[asyncio.AbstractEventLoop] = []  # none, or the one of this process in which servers are asked
_making_loop = threading.Lock()


def _loop() -> asyncio.AbstractEventLoop:
    with _making_loop:  # many threads may ask for their first answer at once
        if not _loops:
            _loops.append(asyncio.new_event_loop())
            threading.Thread(target=_loops[0].run_forever, name="servers", daemon=True).start()
    return _loops[0]


def wait_for(work: Coroutine[Any, Any, T]) -> T:
    """What a coroutine gives, run in the loop of the process; for any thread but the loop's own."""
    return asyncio.run_coroutine_threadsafe(work, _loop()).result()
