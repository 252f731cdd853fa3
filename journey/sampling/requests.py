"""The sampler of the strategies: requests by question and run, from the built-in decoder or a server, batch by batch.

A strategy says what it wants written (`Request`): after which prompt and which earlier text, by which run, greedily or by
chance. What it gets (`Text`) has the tokens, the seconds and the FLOPs that it cost.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeAlias

from journey import views
from journey.answers.checker import turn_end
from journey.models import policy, template
from journey.models.completion import Completion, CompletionRequest, Finish
from journey.models.flops import Cost
from journey.models.random import uniforms
from journey.schema import Problem
from journey.views import View

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class Writer(Protocol):
    """What completes token ids: `journey.models.decode.Decoder`, or an endpoint with the same call."""

    @property
    def cap(self) -> int:
        """The most new tokens."""

    def write(
        self,
        requests: Sequence[CompletionRequest],
        temperature: float = 1.0,
        top_p: float = 1.0,
        rows: int | None = None,
    ) -> list[Completion]:
        """Complete all requests, in their order, so many at a time."""


@dataclass(frozen=True)
class PromptedQuestion:
    """A question as it is put to a model: its id, the problem, and the prompt's token ids."""

    id: str
    problem: Problem
    prompt: tuple[int, ...]


@dataclass(frozen=True)
class Text:
    """A text written after a prompt. `tokens` and `flops` are what it takes to write it, `ids` are its tokens."""

    text: str
    ids: tuple[int, ...]
    finish: Finish
    tokens: int
    prompt_tokens: int
    flops: int | None
    seconds: float
    logprob: float | None = None
    reason: str = ""  # why it ended, in the word of the server that wrote it


@dataclass(frozen=True)
class Request:
    """One text that is wanted of a run (by its index). `prefix` are tokens that the answer begins with.

    `prompt` replaces the question's own; `sample` numbers texts that are drawn by chance, None is greedy.
    """

    run: int
    question: PromptedQuestion
    prefix: tuple[int, ...] = ()
    prompt: tuple[int, ...] | None = None
    cap: int | None = None
    sample: int | None = None


@dataclass(frozen=True)
class Sampler:
    """Writes what strategies request. `runs` are the runs' names, `seed` names the streams of chance.

    `positions` is how many tokens, prompt included, the model has positions for (None: any number).
    `batch` is how many answers of each run are written together.
    """

    writer: Writer
    tokenizer: PreTrainedTokenizerBase
    view: View
    runs: tuple[str, ...]
    seed: int
    cost: Cost | None
    positions: int | None = None
    batch: int | None = None

    @property
    def cap(self) -> int:
        """The most new tokens of an answer."""
        return self.writer.cap

    def write(self, requests: Sequence[Request], temperature: float = 1.0, top_p: float = 1.0) -> list[Text]:
        """All texts, in the order of the requests; a request without room comes back as it was, cut off."""
        completion_requests = [self._completion_request(request) for request in requests]
        rows = None if self.batch is None else self.batch * len(self.runs)
        completions = self.writer.write(completion_requests, temperature, top_p, rows)
        return [self._text(*each) for each in zip(requests, completion_requests, completions, strict=True)]

    def ids(self, text: str) -> tuple[int, ...]:
        """The tokens of a text that stands within an answer."""
        own = policy.unusual(text, policy.of(self.tokenizer))
        return tuple(self.tokenizer(own, add_special_tokens=False)["input_ids"])

    def decode(self, ids: Sequence[int]) -> str:
        """The text of the tokens of an answer, in the view's own tags; its spaces as the model wrote them."""
        text = str(self.tokenizer.decode(list(ids), clean_up_tokenization_spaces=False))
        return text if text == "" else policy.usual(text, policy.of(self.tokenizer))

    def again(self, question: PromptedQuestion, attempt: str) -> tuple[int, ...]:
        """The prompt of a revision; of an attempt that leaves no room for an answer, only its end is shown."""
        prompt = template.text_ids(self.tokenizer, views.again(question.problem, attempt, self.view), self.view)
        over = 0 if self.positions is None else len(prompt) + self.cap - self.positions
        while over > 0 and attempt:
            attempt = self.decode(self.ids(attempt)[over:]).lstrip()
            prompt = template.text_ids(self.tokenizer, views.again(question.problem, attempt, self.view), self.view)
            over = 0 if self.positions is None else len(prompt) + self.cap - self.positions
        return tuple(prompt)

    def _completion_request(self, request: Request) -> CompletionRequest:
        prompt = (*(request.question.prompt if request.prompt is None else request.prompt), *request.prefix)
        cap = self.cap if request.cap is None else request.cap
        if self.positions is not None:
            cap = min(cap, self.positions - len(prompt))
        chance = None
        if request.sample is not None:
            chance = uniforms(self.cap, self.seed, self.runs[request.run], request.question.id, request.sample)
        return CompletionRequest(prompt, request.run, max(0, cap), chance, begun=len(request.prefix))

    def _text(self, request: Request, completion_request: CompletionRequest, completion: Completion) -> Text:
        ended = completion.finish == "stop" and not completion.turned
        ids = (*request.prefix, *(completion.ids[:-1] if ended else completion.ids))
        tokens = len(request.prefix) + completion.tokens
        prompt = len(completion_request.prompt) - len(request.prefix)
        flops = None if self.cost is None else self.cost.flops(prompt, tokens)
        text, finish = self.decode(ids), completion.finish
        # A server does not stop there by itself, and what it wrote is paid for; what is kept is the same of either.
        if (end := turn_end(text)) is not None:
            ids = ids[: bisect.bisect_right(range(1, len(ids) + 1), end, key=lambda n: len(self.decode(ids[:n])))]
            text, finish = text[:end], "stop" if finish == "length" else finish
        seconds, logprob, reason = completion.seconds, completion.logprob, completion.reason
        return Text(text, ids, finish, tokens, prompt, flops, seconds, logprob, reason)


Written: TypeAlias = list[list[list[Text]]]  # by run, question and number of the sample
CAP_SLACK, CAP_STEP = 1.25, 32  # new tokens over the longest answer that is expected, and what they are rounded up to


def roomy_cap(longest: float) -> int:
    """A cap of new tokens a quarter above the longest answer that is expected, rounded up."""
    return math.ceil(longest * CAP_SLACK / CAP_STEP) * CAP_STEP


@dataclass(frozen=True)
class StrategySettings:
    """What strategies are carried out with: samples and how they are drawn, rounds, continuations, caps."""

    k: int
    samples: int
    temperature: float
    top_p: float
    rounds: int
    waits: int
    caps: tuple[int, ...]
    logprob: str = "mean"
    options: dict[str, float] = field(default_factory=dict)


class DrawWriter(Protocol):
    """What the catalog of strategies has for every draw: it asks a sampler for the texts of all questions."""

    def write(
        self, sampler: Sampler, questions: Sequence[PromptedQuestion], settings: StrategySettings, first: Written
    ) -> Written:
        """The texts by run, question and number; `first` has the greedy answers."""
