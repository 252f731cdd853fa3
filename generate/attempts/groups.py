"""Groups of policies that are asked at once: models on one base, in this process or behind vLLM, or a model of a server.

A group says how a text is asked for and what record comes of it; which texts are wanted is `drawing`'s business.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from journey import views
from journey.answers.grading import Grade, grade
from journey.answers.spelling import unspelled
from journey.answers.steps import Span, steps
from journey.config import SampleSettings
from journey.errors import UsageError
from journey.formats.attempts import ATTEMPTS, PolicyInfo
from journey.generate.attempts.locate import locate
from journey.generate.attempts.policies import SamplingPolicy
from journey.generate.attempts.shots import cut_after_box, prompt_ids
from journey.models import load, template
from journey.models.completion import Finish
from journey.models.endpoints import Endpoint, Reply, RunServer, ask_groups
from journey.models.policy import PLAIN, attach, unusual
from journey.rng import digest, seed_for
from journey.sampling import workers
from journey.sampling.requests import PromptedQuestion, Request, StrategySettings, Text
from journey.sampling.shards import cut
from journey.sampling.workers import RequestUnit, WorkerModel
from journey.schema import Attempt, FirstMistake, Problem
from journey.servers.use import ServerUse

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

CAP = 512  # new tokens, unless the model has less room
GREEDY = -1
_NO_STRATEGY = StrategySettings(1, 1, 1.0, 1.0, 1, 1, ())
Shown = Mapping[str, Sequence[tuple[Problem, str]]]
Wanted = tuple[int, Problem, int, str]  # place of the policy, problem, number of the draw, what is gone on from


@dataclass(frozen=True)
class DrawingGroup(ABC):
    """Policies that are asked at once, with the problems as they are put to them, cut into shards."""

    number: int
    policies: tuple[SamplingPolicy, ...]
    settings: SampleSettings
    shards: tuple[tuple[Problem, ...], ...]
    cap: int
    use: ServerUse | None

    @property
    @abstractmethod
    def goes_on(self) -> bool:
        """Whether a text can be gone on from."""

    @abstractmethod
    def texts(
        self, parts: Mapping[str, Sequence[Wanted]], count: int | None
    ) -> Generator[tuple[str, list[Text]], None, None]:
        """The key of every part with its texts, as they come, from so many workers."""

    def key(self, shard: int, part: str = "") -> str:
        """The key of a shard's file, of one round of it."""
        group = f"-{self.number}" if self.number else ""
        return f"{ATTEMPTS}/{shard:05d}{group}{part and f'-{part}'}"

    def with_policy(self, policy: SamplingPolicy) -> DrawingGroup:
        """The same problems put to another model alone."""
        problems = [problem for shard in self.shards for problem in shard]
        return group_of(0, [policy], problems, self.settings, {}, self.use)

    def attempts(self, wanted: Sequence[Wanted], texts: Sequence[Text]) -> list[Attempt]:
        """The graded records of the texts of a shard, with their first mistakes. Texts that are the same are read once."""
        readings: dict[tuple[str, str, Finish], _Reading] = {}
        return [self._attempt(*both, readings) for both in zip(wanted, texts, strict=True)]

    def _attempt(self, wanted: Wanted, text: Text, readings: dict[tuple[str, str, Finish], _Reading]) -> Attempt:
        run, problem, index, prefix = wanted
        info = self.policies[run].info
        said = cut_after_box(text.text) if self.settings.shots else text.text
        finish = "stop" if len(said) < len(text.text) else text.finish
        reading = readings.get(key := (problem.id, said, finish))
        if reading is None:
            reading = readings[key] = _read(problem, said, finish)
        return Attempt(
            problem=problem.id,
            policy=info.name,
            index=index,
            text=said,
            steps=reading.steps,
            tokens=text.tokens,
            finish=finish,
            outcome=reading.grade.outcome,
            answer=reading.grade.answer,
            why=reading.grade.why,
            temperature=0.0 if index == GREEDY else info.temperature,
            top_p=1.0 if index == GREEDY else info.top_p,
            prefix=len(prefix),
            mistake=reading.mistake,
        )


class _Reading(NamedTuple):
    """What is read in a text, whoever wrote it."""

    grade: Grade
    steps: tuple[Span, ...]
    mistake: FirstMistake


def _read(problem: Problem, said: str, finish: Finish) -> _Reading:
    graded = grade(problem, said, finish)
    found = tuple(steps(unspelled(said) if problem.facts.get("spelled") else said))
    return _Reading(graded, found, locate(problem, said, graded.outcome))


@dataclass(frozen=True)
class BaseGroup(DrawingGroup):
    """Policies on one base, asked by token ids; by workers of this command, or by `server`, which knows them by name."""

    prompts: Mapping[str, tuple[int, ...]]
    positions: int | None
    tokenizer: PreTrainedTokenizerBase
    device: str
    server: RunServer | None = None

    @property
    def goes_on(self) -> bool:
        """Token ids can be gone on from."""
        return True

    @property
    def ref(self) -> load.ModelRef:
        """The base."""
        ref = self.policies[0].ref
        assert ref is not None
        return ref

    @property
    def runs(self) -> tuple[tuple[str, Path | None], ...]:
        """The policies as a worker wants them: name, and folder of the adapter."""
        return tuple((policy.info.name, policy.adapter) for policy in self.policies)

    @property
    def model(self) -> WorkerModel:
        """What the workers load."""
        view, seed = self.policies[0].view, self.settings.seed
        own = self.policies[0].info.template
        model = WorkerModel(self.ref, self.device, self.cap, view, seed, _NO_STRATEGY, self.positions, template=own)
        return model if self.server is None else replace(model, server=self.server, use=self.use)

    def texts(
        self, parts: Mapping[str, Sequence[Wanted]], count: int | None
    ) -> Generator[tuple[str, list[Text]], None, None]:
        """See `DrawingGroup`."""
        units = [self.unit(key, part) for key, part in parts.items()]
        with closing(workers.answer_all(self.model, units, count or workers.default_workers(self.device))) as results:
            for result in results:
                yield result.key, result.texts

    def unit(self, key: str, wanted: Sequence[Wanted]) -> RequestUnit:
        """The requests for some texts: which policy, which problem, which draw, and what it goes on from."""
        info = self.policies[0].info
        requests = tuple(self._request(*one) for one in wanted)
        return RequestUnit(key, self.runs, requests, self.settings.batch, info.temperature, info.top_p)

    def _request(self, run: int, problem: Problem, index: int, prefix: str) -> Request:
        name = problem.id if not prefix else f"{problem.id} after {digest('prefix', prefix).hex()}"
        question = PromptedQuestion(name, problem, self.prompts[problem.id])
        return Request(run, question, self._ids(prefix), sample=None if index == GREEDY else index)

    def _ids(self, prefix: str) -> tuple[int, ...]:
        if not prefix:
            return ()
        own = unusual(prefix, self.policies[0].info.template or PLAIN)
        return tuple(self.tokenizer(own, add_special_tokens=False)["input_ids"])


@dataclass(frozen=True)
class ServedGroup(DrawingGroup):
    """One model of a server, asked in messages; what it says cannot be gone on from."""

    shown: Shown

    @property
    def goes_on(self) -> bool:
        """A message is answered from its beginning."""
        return False

    def texts(
        self, parts: Mapping[str, Sequence[Wanted]], count: int | None
    ) -> Generator[tuple[str, list[Text]], None, None]:
        """See `DrawingGroup`; a server has workers of its own."""
        policy = self.policies[0]
        assert policy.server is not None
        endpoint = Endpoint(policy.server, use=self.use)

        def ask(wanted: Wanted) -> Text:
            return _text(self._reply(endpoint, policy, wanted))

        keys = list(parts)
        with closing(ask_groups(ask, [parts[key] for key in keys], endpoint.at_once)) as answers:
            for index, texts in answers:
                yield keys[index], texts

    def _reply(self, endpoint: Endpoint, policy: SamplingPolicy, wanted: Wanted) -> Reply:
        _, problem, index, _ = wanted
        info, greedy = policy.info, index == GREEDY
        turns = [(views.prompt(other, policy.view), text) for other, text in self.shown.get(problem.id, ())]
        # 31 bits, which is as much as every server takes; the draw is what answers are kept by.
        seed = None if greedy else seed_for("served attempt", self.settings.seed, info.name, problem.id, index) >> 33
        return endpoint.chat(
            views.prompt(problem, policy.view),
            cap=self.cap,
            temperature=0.0 if greedy else info.temperature,
            top_p=1.0 if greedy else info.top_p,
            seed=seed,
            turns=turns,
            draw="" if greedy else str(index),
        )


def _text(reply: Reply) -> Text:
    return Text(
        reply.text, (), reply.finish, reply.tokens, reply.prompt_tokens, None, reply.seconds, reason=reply.reason
    )


def group_of(
    number: int,
    policies: Sequence[SamplingPolicy],
    problems: Sequence[Problem],
    settings: SampleSettings,
    shown: Shown,
    use: ServerUse | None = None,
) -> DrawingGroup:
    """The group with its prompts. Raises UsageError for words that the base cannot read, or prompts without room."""
    ref, view = policies[0].ref, policies[0].view
    if ref is None:
        cap = settings.max_new_tokens or CAP
        lengths = [len(problem.question) for problem in problems]
        return ServedGroup(
            number, _with_cap(policies, cap), settings, _cut(lengths, problems, settings), cap, use, shown
        )
    tokenizer = attach(load.load_tokenizer(ref), policies[0].info.template)
    if view == "compact":
        said = " ".join(dict.fromkeys(word for problem in problems for word in problem.brief.split()))
        if not template.covers(tokenizer, said):
            words = ", ".join(template.unknown_words(tokenizer, said)[:8])
            raise UsageError(f"{ref.name} cannot read these problems: it has no word for {words}", "use a larger model")
    prompts = {each.id: tuple(prompt_ids(tokenizer, each, view, shown.get(each.id, ()))) for each in problems}
    longest, positions = max(map(len, prompts.values())), load.positions_of(ref)
    room = CAP if positions is None else positions - longest
    cap = min(CAP, room) if settings.max_new_tokens is None else settings.max_new_tokens
    if cap < 1 or (positions is not None and cap > room):
        raise UsageError(
            f"{ref.name} has {positions} positions: a prompt of {longest} tokens leaves room for {max(0, room)}",
            "lower --max-new-tokens or --shots, or leave out the problems with long questions",
        )
    shards = _cut([len(prompts[problem.id]) for problem in problems], problems, settings)
    named = _with_cap(policies, cap)
    return BaseGroup(number, named, settings, shards, cap, use, prompts, positions, tokenizer, load.best_device())


def _cut(
    lengths: Sequence[int], problems: Sequence[Problem], settings: SampleSettings
) -> tuple[tuple[Problem, ...], ...]:
    members = cut(lengths, settings.batch, settings.k + 1)
    return tuple(tuple(problems[place] for place in of_shard) for of_shard in members)


def _with_cap(policies: Sequence[SamplingPolicy], cap: int) -> tuple[SamplingPolicy, ...]:
    def capped(info: PolicyInfo) -> PolicyInfo:
        return msgspec.structs.replace(info, max_new_tokens=cap)

    return tuple(replace(one, info=capped(one.info)) for one in policies)
