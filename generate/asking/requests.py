"""Requests of methods that ask models: a method is a generator that yields requests and is sent their replies.

    replies = yield [ModelRequest("policy", problem, "countdown", begun="try 3 + 4 = 7 left 9 7 .", draw=0, cap=48)]

So one problem's work reads from top to bottom, and the requests of many problems go to the models together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from journey.generate.made import MadePair, Rejection
from journey.models.completion import Finish
from journey.rng import digest
from journey.schema import Problem

AskedRole = Literal["policy", "critic", "rewriter"]
ASKED_ROLES: tuple[AskedRole, ...] = ("policy", "critic", "rewriter")


@dataclass(frozen=True)
class ModelRequest:
    """One text that is wanted of a model. `said` is the message (None: the problem as the model's view puts it).

    `begun` is what the answer begins with; `draw` numbers texts drawn by chance, None is greedy. `stream` tells equal requests
    of different places apart. With `rated` no text is wanted, but how much the model thinks of what is said.
    """

    role: AskedRole
    problem: Problem
    stream: str
    said: str | None = None
    begun: str = ""
    draw: int | None = None
    cap: int = 256
    rated: bool = False

    @property
    def name(self) -> str:
        """What names its stream of chance, whatever else is asked."""
        return digest("asked", self.role, self.problem.id, self.stream, self.said, self.begun).hex()


@dataclass(frozen=True)
class ModelReply:
    """What came of a request: the text after `begun`, why it ended, tokens of it and of its prompt, or a rating."""

    text: str
    finish: Finish
    tokens: int
    prompt_tokens: int
    rating: float = 0.0


@dataclass(frozen=True)
class ModelFacts:
    """Who is asked: name, the hashes of its weights, the view that it is asked in, and whether it can go on from a text.

    With `rates` it is a classifier, which reads the question and the steps themselves and no prompt about them.
    """

    name: str
    weights: str
    adapter: str | None
    view: str
    goes_on: bool
    rates: bool = False

    def plain(self) -> dict[str, str | None]:
        """As a pair's provenance has it."""
        return {"name": self.name, "weights": self.weights, "adapter": self.adapter}


@dataclass(frozen=True)
class AskedModels:
    """All that are asked, and whether the critic is shown the gold answer."""

    facts: Mapping[AskedRole, ModelFacts]
    oracle: bool = False

    def __getitem__(self, role: AskedRole) -> ModelFacts:
        return self.facts[role]


Replies: TypeAlias = Sequence[ModelReply]
Asking: TypeAlias = Generator[Sequence[ModelRequest], Replies, MadePair | Rejection]
"""What a method is while it works on one problem."""


@dataclass
class AskedTally:
    """What some work has used: answers, and the tokens of prompts and of answers, by role."""

    used: Counter[str] = field(default_factory=Counter)

    def add(self, requests: Sequence[ModelRequest], replies: Replies) -> None:
        """Count a round."""
        for request, reply in zip(requests, replies, strict=True):
            self.used[f"{request.role} answers"] += 1
            self.used[f"{request.role} prompt tokens"] += reply.prompt_tokens
            self.used[f"{request.role} tokens"] += reply.tokens

    def plain(self) -> dict[str, int]:
        """As a pair's provenance and a shard's counts have it: `{"policy answers": 52, ...}`."""
        return dict(sorted(self.used.items()))


def provenance_of(models: AskedModels, roles: Sequence[AskedRole], prompts: Mapping[str, str]) -> dict[str, Any]:
    """What a pair says of the models that it was made with; `policy` is who wrote the trace."""
    told: dict[str, Any] = {role: models[role].plain() for role in roles}
    return {**told, **({"prompts": dict(sorted(prompts.items()))} if prompts else {})}
