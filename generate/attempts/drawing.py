"""The drawing of attempts: problems in shards, all policies of a base asked at once, every shard on disk as soon as it is there.

A shard is drawn in rounds: the greedy answer and k by chance; more of them at problems that were never right; then
continuations from the longest checked prefix of those that still are not. A round of a shard depends on the rounds before it
in that shard alone, so an interrupted run goes on at the round that is missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import msgspec

from journey import console
from journey.answers.grading import grade
from journey.answers.steps import steps
from journey.config import SampleSettings
from journey.errors import UsageError
from journey.formats.attempts import ATTEMPTS, PolicyInfo
from journey.formats.files import read_lines
from journey.generate.attempts import served
from journey.generate.attempts.locate import locate
from journey.generate.attempts.policies import SamplingPolicy
from journey.generate.attempts.profile import HIGH, LOW, rate_of
from journey.generate.attempts.shots import cut_after_box, prompt_ids
from journey.models import load, template
from journey.models.policy import PLAIN, attach, unusual
from journey.rng import digest
from journey.sampling import workers
from journey.sampling.requests import PromptedQuestion, Request, StrategySettings, Text
from journey.sampling.shards import cut
from journey.sampling.workers import RequestUnit, WorkerModel
from journey.schema import Attempt, Problem
from journey.servers.use import ServerUse
from journey.store import Folder

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

CAP = 512  # new tokens, unless the model has less room
GREEDY = -1
_NO_STRATEGY = StrategySettings(1, 1, 1.0, 1.0, 1, 1, ())
Shown = Mapping[str, Sequence[tuple[Problem, str]]]
Wanted = tuple[int, Problem, int, str]  # place of the policy, problem, number of the draw, what is gone on from


@dataclass(frozen=True)
class DrawingGroup:
    """Policies that are asked at once, with the problems as they are put to them, cut into shards."""

    number: int
    policies: tuple[SamplingPolicy, ...]
    settings: SampleSettings
    prompts: Mapping[str, tuple[int, ...]]
    shards: tuple[tuple[Problem, ...], ...]
    cap: int
    positions: int | None
    tokenizer: PreTrainedTokenizerBase | None
    device: str
    texts: Mapping[str, str]

    def key(self, shard: int, part: str = "") -> str:
        """The key of a shard's file, of one round of it."""
        group = f"-{self.number}" if self.number else ""
        return f"{ATTEMPTS}/{shard:05d}{group}{part and f'-{part}'}"

    @property
    def runs(self) -> tuple[tuple[str, Path | None], ...]:
        """The policies as a worker wants them: name, and folder of the adapter."""
        return tuple((policy.info.name, policy.adapter) for policy in self.policies)

    @property
    def model(self) -> WorkerModel:
        """What the workers load."""
        first = self.policies[0]
        return WorkerModel(
            first.base,
            self.device,
            self.cap,
            first.view,
            self.settings.seed,
            _NO_STRATEGY,
            self.positions,
            template=first.info.template,
        )

    def with_policy(self, policy: SamplingPolicy) -> DrawingGroup:
        """The same problems put to another model alone."""
        problems = [problem for shard in self.shards for problem in shard]
        return group_of(0, [policy], problems, self.settings, {})

    def unit(self, key: str, wanted: Sequence[Wanted]) -> RequestUnit:
        """The requests for some texts: which policy, which problem, which draw, and what it goes on from."""
        info = self.policies[0].info
        requests = tuple(self._request(*one) for one in wanted)
        return RequestUnit(key, self.runs, requests, self.settings.batch, info.temperature, info.top_p)

    def _request(self, run: int, problem: Problem, index: int, prefix: str) -> Request:
        name = problem.id if not prefix else f"{problem.id} after {digest('prefix', prefix).hex()}"
        question = PromptedQuestion(name, problem, self.prompts[problem.id])
        assert self.tokenizer is not None  # servers are not asked so
        own = unusual(prefix, self.policies[0].info.template or PLAIN)
        ids = tuple(self.tokenizer(own, add_special_tokens=False)["input_ids"]) if prefix else ()
        return Request(run, question, ids, sample=None if index == GREEDY else index)

    def attempt(self, wanted: Wanted, text: Text) -> Attempt:
        """The graded record of a text, with its first mistake."""
        run, problem, index, prefix = wanted
        info = self.policies[run].info
        said = cut_after_box(text.text) if self.settings.shots else text.text
        finish = "stop" if len(said) < len(text.text) else text.finish
        graded = grade(problem, said, finish)
        return Attempt(
            problem=problem.id,
            policy=info.name,
            index=index,
            text=said,
            steps=tuple(steps(said)),
            tokens=text.tokens,
            finish=finish,
            outcome=graded.outcome,
            answer=graded.answer,
            why=graded.why,
            temperature=0.0 if index == GREEDY else info.temperature,
            top_p=1.0 if index == GREEDY else info.top_p,
            prefix=len(prefix),
            mistake=locate(problem, said, graded.outcome),
        )


def group_of(
    number: int, policies: Sequence[SamplingPolicy], problems: Sequence[Problem], settings: SampleSettings, shown: Shown
) -> DrawingGroup:
    """The group with its prompts. Raises UsageError for words that the base cannot read, or prompts without room."""
    if policies[0].server is not None:
        return _served_group(number, policies, problems, settings, shown)
    ref, view = policies[0].base, policies[0].view
    tokenizer = attach(load.load_tokenizer(ref), policies[0].info.template)
    prompts = {}
    for problem in problems:
        if view == "compact" and not template.covers(tokenizer, problem.brief):
            words = ", ".join(template.unknown_words(tokenizer, problem.brief)[:8])
            raise UsageError(f"{ref.name} cannot read these problems: it has no word for {words}", "use a larger model")
        prompts[problem.id] = tuple(prompt_ids(tokenizer, problem, view, shown.get(problem.id, ())))
    longest, positions = max(map(len, prompts.values())), load.positions_of(ref)
    room = CAP if positions is None else positions - longest
    cap = min(CAP, room) if settings.max_new_tokens is None else settings.max_new_tokens
    if cap < 1 or (positions is not None and cap > room):
        raise UsageError(
            f"{ref.name} has {positions} positions: a prompt of {longest} tokens leaves room for {max(0, room)}",
            "lower --max-new-tokens or --shots, or leave out the problems with long questions",
        )
    members = cut([len(prompts[problem.id]) for problem in problems], settings.batch, settings.k + 1)
    shards = tuple(tuple(problems[place] for place in of_shard) for of_shard in members)
    named = tuple(replace(one, info=_with_cap(one, cap)) for one in policies)
    return DrawingGroup(number, named, settings, prompts, shards, cap, positions, tokenizer, load.best_device(), {})


def _served_group(
    number: int, policies: Sequence[SamplingPolicy], problems: Sequence[Problem], settings: SampleSettings, shown: Shown
) -> DrawingGroup:
    """A group of one model behind a server, with what it is sent."""
    view = policies[0].view
    texts = {each.id: served.message(each, view, shown.get(each.id, ())) for each in problems}
    members = cut([len(texts[problem.id]) for problem in problems], settings.batch, settings.k + 1)
    shards = tuple(tuple(problems[place] for place in of_shard) for of_shard in members)
    cap = CAP if settings.max_new_tokens is None else settings.max_new_tokens
    named = tuple(replace(one, info=_with_cap(one, cap)) for one in policies)
    return DrawingGroup(number, named, settings, {}, shards, cap, None, None, "cpu", texts)


def _with_cap(policy: SamplingPolicy, cap: int) -> PolicyInfo:
    return msgspec.structs.replace(policy.info, max_new_tokens=cap)


def draw(
    folder: Folder, group: DrawingGroup, count: int | None, watch: RateWatch, use: ServerUse | None = None
) -> None:
    """Every round of every shard that is not there yet; servers share `use`."""
    settings, server = group.settings, group.policies[0].server
    rounds: list[tuple[str, Round]] = [("", first_round)]
    if settings.k_hard is not None and settings.k_hard > settings.k:
        rounds.append(("hard", hard_round))
        if settings.continuations and server is None:
            rounds.append(("onward", onward_round))
    for part, wanted_of in rounds:
        keys = [group.key(number, part) for number in range(len(group.shards))]
        missing = set(map(str, folder.missing(keys)))
        wanted = {key: wanted_of(folder, group, number) for number, key in enumerate(keys) if key in missing}
        total = sum(map(len, wanted.values()))
        for key in (key for key, texts in wanted.items() if not texts):
            folder.write_shard(key, {f"{key}.jsonl": []}, {"seconds": 0.0})
        left = {key: texts for key, texts in wanted.items() if texts}
        if not left:
            continue
        what = {"": "attempts", "hard": "more attempts at hard problems", "onward": "continuations"}[part]
        if server is None:
            units = [group.unit(key, texts) for key, texts in left.items()]
            results = workers.answer_all(group.model, units, count or workers.default_workers(group.device))
        else:
            results = served.answer_all(group, left, use)
        with console.progress(what, total) as ticker, closing(results):
            for result in results:
                texts = result.texts
                made = [group.attempt(*both) for both in zip(wanted[result.key], texts, strict=True)]
                spent = round(sum(text.seconds for text in texts), 3)
                folder.write_shard(result.key, {f"{result.key}.jsonl": made}, {"seconds": spent})
                ticker.advance(len(texts))
                if not part:
                    watch.see(made)


class Round(Protocol):
    """What one round of a shard asks for; a function of what the folder holds of that shard."""

    def __call__(self, folder: Folder, group: DrawingGroup, shard: int) -> list[Wanted]:
        """The texts that are wanted."""


def first_round(folder: Folder, group: DrawingGroup, shard: int) -> list[Wanted]:
    """The greedy answer, and k by chance."""
    numbers = (GREEDY, *range(group.settings.k))
    return [
        (run, problem, index, "")
        for run in range(len(group.policies))
        for problem in group.shards[shard]
        for index in numbers
    ]


def hard_round(folder: Folder, group: DrawingGroup, shard: int) -> list[Wanted]:
    """Up to `k_hard` attempts at problems that were never right."""
    settings = group.settings
    assert settings.k_hard is not None
    numbers = range(settings.k, settings.k_hard)
    return [(run, problem, index, "") for run, problem, _ in _never_right(folder, group, shard) for index in numbers]


def onward_round(folder: Folder, group: DrawingGroup, shard: int) -> list[Wanted]:
    """Continuations from the longest prefix before a first mistake, where all attempts have failed."""
    wanted: list[Wanted] = []
    for run, problem, attempts in _never_right(folder, group, shard, "hard"):
        prefixes = [
            a.text[: a.mistake.span[0]].rstrip() for a in attempts if a.mistake.checked_first and a.mistake.span
        ]
        longest = max(prefixes, key=lambda prefix: (len(prefix), prefix), default="")
        if longest:
            wanted += [(run, problem, index, longest) for index in range(group.settings.continuations)]
    return wanted


def _never_right(
    folder: Folder, group: DrawingGroup, shard: int, *more: str
) -> Iterator[tuple[int, Problem, list[Attempt]]]:
    """Problems without a right attempt in the rounds before, by policy, with their attempts."""
    by_policy: dict[tuple[str, str], list[Attempt]] = {}
    for part in ("", *more):
        for attempt in read_lines(folder.file(f"{group.key(shard, part)}.jsonl"), Attempt):
            by_policy.setdefault((attempt.policy, attempt.problem), []).append(attempt)
    for run, policy in enumerate(group.policies):
        for problem in group.shards[shard]:
            attempts = by_policy.get((policy.info.name, problem.id), [])
            if attempts and not any(attempt.outcome == "correct" for attempt in attempts):
                yield run, problem, attempts


class RateWatch:
    """Says once of a policy that it is too weak or too strong, while the most of its attempts are still to be paid for."""

    def __init__(self, problems: int) -> None:
        self.problems = problems  # after which it speaks
        self._seen: dict[str, dict[str, list[Attempt]]] = {}
        self._spoken: set[str] = set()

    def see(self, attempts: Sequence[Attempt]) -> None:
        """Attempts that have just been drawn."""
        for attempt in attempts:
            if attempt.policy not in self._spoken and attempt.index != GREEDY:
                self._seen.setdefault(attempt.policy, {}).setdefault(attempt.problem, []).append(attempt)
        for policy, by_problem in list(self._seen.items()):
            if len(by_problem) >= self.problems:
                self._speak(policy, [each for of_one in by_problem.values() for each in of_one])

    def _speak(self, policy: str, attempts: Sequence[Attempt]) -> None:
        self._spoken.add(policy)
        del self._seen[policy]
        rate = rate_of(attempts)
        if rate is not None and not LOW <= rate <= HIGH:
            console.note(
                f"{policy} is right in {rate:.0%} of its first attempts; own mistakes are best used between 20 % and 80 %"
            )
