"""The strategy protocol: how samples are written (or whose are shared), and what the strategy makes of them.

A strategy that has samples of its own defines `write`; others name in `draw` the strategy whose samples they read, so that
what is drawn once serves pass@k, majority and best-of-k alike. `apply` needs no model: it is also what re-scoring does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal, TypeVar

from journey import catalog
from journey.catalog import Catalog
from journey.evaluate.test_time.outcomes import PolicyResult, SampleMatrix
from journey.formats.plan import DrawInfo
from journey.sampling.requests import PromptedQuestion, Request, Sampler, StrategySettings, Text, Written

Axis = Literal["samples", "rounds", "continuations", "cap"]


class Strategy:
    """Base of all strategies; each is one class in a file of evaluate/strategies/, put into the catalog by `@in_catalog`.

    Laws, held to by `tests/contracts/test_strategies.py`: `places` rise and have different names; scores are expectations
    in [0, 1], one a problem, whatever the order of the problems; one sample out of one is that sample; nothing that may be
    in a verdict scores above pass@k of the same samples.
    """

    name: ClassVar[str]  # as it is given to --strategy and stands in the files
    draw: ClassVar[str]  # the strategy whose samples it reads: its own name, or another's
    axis: ClassVar[Axis] = "samples"
    oracle: ClassVar[bool] = False  # looks at the gold answer, so it is never in a verdict
    checker: ClassVar[bool] = False  # needs a checker that works from the problem alone
    reward: ClassVar[bool] = False  # needs a reward model
    logprobs: ClassVar[bool] = False  # needs the log-probabilities of samples, which some servers do not give
    own_words: ClassVar[bool] = False  # reads what a sample's text says of its own answer
    probe: ClassVar[bool] = False  # no way of answering: it asks runs something else and has a table of its own
    settings: ClassVar[tuple[str, ...]] = ()  # what it reads of evaluate's settings, beside what its `draw` reads

    def places(self, settings: StrategySettings) -> list[int]:
        """The settings on the curve; the last is the strategy as the plan names it."""
        raise NotImplementedError

    def policy(self, k: int) -> str:
        """Its name at one setting, e.g. majority@8."""
        return f"{self.name}@{k}"

    def apply(self, matrix: SampleMatrix, k: int, settings: StrategySettings) -> PolicyResult:
        """Expected score and costs of every problem at this setting."""
        raise NotImplementedError

    def drawn(self, settings: StrategySettings) -> DrawInfo:
        """What `write` writes: how many samples, and how."""
        raise NotImplementedError(f"{self.name} reads the samples of {self.draw}")

    def write(
        self, sampler: Sampler, questions: Sequence[PromptedQuestion], settings: StrategySettings, first: Written
    ) -> Written:
        """The samples of all questions and runs; `first` has the greedy answers."""
        raise NotImplementedError(f"{self.name} reads the samples of {self.draw}")


# The catalog of the core, typed: mypy holds every class registered through this name to the base.
STRATEGIES: Catalog[type[Strategy]] = catalog.STRATEGIES
S = TypeVar("S", bound=type[Strategy])


def in_catalog(kind: S) -> S:
    """Puts a strategy into the catalog under its own `name`; the facts of `journey list` are those of its class."""
    facts: dict[str, Any] = {flag: True for flag in ("oracle", "checker", "reward", "probe") if getattr(kind, flag)}
    facts |= {"settings": kind.settings} if kind.settings else {}
    STRATEGIES.add(kind.name, draw=kind.draw, **facts)(kind)
    return kind


def each(sampler: Sampler, questions: Sequence[PromptedQuestion]) -> list[tuple[int, int]]:
    """Every (run, question) as indices, runs outside."""
    return [(run, index) for run in range(len(sampler.runs)) for index in range(len(questions))]


def go_on(
    sampler: Sampler, questions: Sequence[PromptedQuestion], prefixes: dict[tuple[int, int], tuple[int, ...]], cap: int
) -> dict[tuple[int, int], Text]:
    """Greedy texts by (run, question) that begin with these tokens, up to `cap` tokens in all, in one batch."""
    keys = [key for key, prefix in prefixes.items() if len(prefix) < cap]
    requests = [
        Request(run, questions[index], prefixes[run, index], cap=cap - len(prefixes[run, index])) for run, index in keys
    ]
    return dict(zip(keys, sampler.write(requests), strict=True))
