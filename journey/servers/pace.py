"""How many requests a server is given at once, and how long one waits after a failure.

A server is given as many as it is said to bear, half as many after each "too many requests" or failure (once for all requests
that were under way), and one more for every round of answers after that: the rule by which TCP shares a line (Chiu and
Jain 1989). All of it runs in one event loop, so that nothing here needs a lock.
"""

from __future__ import annotations

import asyncio
import ipaddress
import math
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from journey.errors import JourneyError
from journey.rng import rng_for

LOCAL, REMOTE = 256, 32  # requests in flight, unless a setting says
LONGEST_WAIT = 30.0  # seconds between two tries where the server names no time
_FIRST_WAIT = 0.5  # seconds, doubled with every try


class Pace:
    """The requests under way to one server, at most `limit`; `stopped` is why nothing is asked of it any more."""

    def __init__(self, most: int) -> None:
        self.most, self.limit = most, float(most)
        self.under_way = 0
        self.cuts = 0
        self.answered = float("-inf")  # when the last answer came, by the loop's clock
        self.stopped: JourneyError | None = None
        self._quiet_until = float("-inf")
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[int]:
        """One of the requests under way; gives the number of cuts so far. Raises what stopped the pace."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.stopped or self.under_way < int(self.limit))
            self.under_way += 1
        try:
            while (wait := self._quiet_until - asyncio.get_running_loop().time()) > 0 and not self.stopped:
                await asyncio.sleep(min(wait, 0.5))
            if self.stopped:
                raise self.stopped
            yield self.cuts
        finally:
            async with self._changed:
                self.under_way -= 1
                if self.stopped:
                    self._changed.notify_all()
                else:
                    self._changed.notify(max(int(self.limit) - self.under_way, 0))

    def succeeded(self) -> None:
        """An answer came: room for one more after `limit` of them."""
        self.answered = asyncio.get_running_loop().time()
        self.limit = min(float(self.most), self.limit + 1 / self.limit)

    def failed(self, cuts: int) -> None:
        """The server was asked too much by a request that began after so many cuts: half as many from now on."""
        if cuts == self.cuts:
            self.cuts += 1
            self.limit = max(1.0, self.limit / 2)

    def be_quiet(self, seconds: float) -> None:
        """No request is begun for so long: the server has asked for it."""
        self._quiet_until = max(self._quiet_until, asyncio.get_running_loop().time() + seconds)


def most_at_once(url: str) -> int:
    """How many requests a server gets at once: LOCAL on this machine or network, else REMOTE."""
    host = urlsplit(url).hostname or ""
    try:
        local = not ipaddress.ip_address(host).is_global
    except ValueError:  # a name
        local = "." not in host or host.endswith((".local", ".localhost", ".internal"))
    return LOCAL if local else REMOTE


def on_this_machine(url: str) -> bool:
    """Whether an address is that of this very machine, which no proxy leads to."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds that a server asks to wait: milliseconds, seconds or a date; None where it asks for nothing readable."""
    for name, divisor in (("retry-after-ms", 1000), ("retry-after", 1)):
        try:
            seconds = float(headers.get(name, "")) / divisor
        except ValueError:
            continue
        return None if math.isnan(seconds) else max(seconds, 0.0)
    try:
        return max(parsedate_to_datetime(headers.get("retry-after", "")).timestamp() - time.time(), 0.0)
    except (ValueError, TypeError, OverflowError):
        return None


def wait_before(key: str, tries: int, asked: float | None) -> float:
    """Seconds before the next try of a request that was tried so often; `asked` is what the server named, kept at least.

    The jitter has a stream of its own for every request and try, so that requests that failed together do not return together.
    """
    chance = rng_for("wait of a request", key, tries).random()
    if asked is not None:
        return asked + chance * min(0.25 * asked, 1.0)
    return min(_FIRST_WAIT * 2.0 ** min(tries - 1, 30), LONGEST_WAIT) * (0.5 + 0.5 * chance)
