"""Rounds of requests: the work on many problems goes on side by side, each round's requests answered together.

Which requests meet in a round depends on the work alone, so that batches, and with them the bytes, are the same every time.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import TypeVar

from journey.generate.asking.requests import AskedTally, ModelReply, ModelRequest, Replies

T = TypeVar("T")
Work = Generator[Sequence[ModelRequest], Replies, T]


def carried_out(
    works: Sequence[Work[T]], answer: Callable[[Sequence[ModelRequest]], list[ModelReply]], tally: AskedTally
) -> list[T]:
    """What every work returns, in their order; `tally` counts all that was asked."""
    results: dict[int, T] = {}
    sent: dict[int, Replies | None] = dict.fromkeys(range(len(works)))
    while sent:
        wanted: dict[int, Sequence[ModelRequest]] = {}
        for number, replies in sent.items():
            try:
                wanted[number] = next(works[number]) if replies is None else works[number].send(replies)
            except StopIteration as end:
                results[number] = end.value
        requests = [request for of_one in wanted.values() for request in of_one]
        answered = answer(requests) if requests else []
        tally.add(requests, answered)
        sent, start = {}, 0
        for number, of_one in wanted.items():
            sent[number] = answered[start : start + len(of_one)]
            start += len(of_one)
    return [results[number] for number in range(len(works))]


def counted(work: Work[T], tally: AskedTally) -> Work[T]:
    """The same work; `tally` counts what it asks for."""
    replies: Replies | None = None
    while True:
        try:
            requests = next(work) if replies is None else work.send(replies)
        except StopIteration as end:
            result: T = end.value
            return result
        replies = yield requests
        tally.add(requests, replies)
