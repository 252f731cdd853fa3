"""Models that are no models, for methods that ask some: each answers a request by a function of this process."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
