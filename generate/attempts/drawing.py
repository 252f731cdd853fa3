"""The drawing of attempts: problems in shards, all policies of a base asked at once, every shard on disk as soon as it is there.

A shard is drawn in rounds: the greedy answer and k by chance; more of them at problems that were never right; then
continuations from the longest checked prefix of those that still are not. A round of a shard depends on the rounds before it
in that shard alone, so an interrupted run goes on at the round that is missing.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Protocol

from journey import console
from journey.formats.files import read_lines
from journey.generate.attempts.groups import GREEDY, DrawingGroup, Wanted
from journey.generate.attempts.profile import HIGH, LOW, rate_of
from journey.schema import Attempt, Problem
from journey.store import Folder


def is_drawn(folder: Folder, group: DrawingGroup) -> bool:
    """Whether every round of every shard is there."""
    settings, parts = group.settings, [""]
    if settings.k_hard is not None and settings.k_hard > settings.k:
        parts += ["hard", "onward"] if settings.continuations and group.goes_on else ["hard"]
    return not folder.missing(group.key(number, part) for number in range(len(group.shards)) for part in parts)


def draw(folder: Folder, group: DrawingGroup, count: int | None, watch: RateWatch) -> None:
    """Every round of every shard that is not there yet."""
    settings = group.settings
    rounds: list[tuple[str, Round]] = [("", first_round)]
    if settings.k_hard is not None and settings.k_hard > settings.k:
        rounds.append(("hard", hard_round))
        if settings.continuations and group.goes_on:
            rounds.append(("onward", onward_round))
    for part, wanted_of in rounds:
        keys = [group.key(number, part) for number in range(len(group.shards))]
        missing = set(map(str, folder.missing(keys)))
        wanted = {key: wanted_of(folder, group, number) for number, key in enumerate(keys) if key in missing}
        total = sum(map(len, wanted.values()))
        for key in (key for key, texts in wanted.items() if not texts):
            folder.write_shard(key, {f"{key}.jsonl": []}, {"seconds": 0.0})
        asked = {key: texts for key, texts in wanted.items() if texts}
        if not asked:
            continue
        what = {"": "attempts", "hard": "more attempts at hard problems", "onward": "continuations"}[part]
        with (
            console.progress(what, total) as ticker,
            closing(group.texts(asked, count)) as results,
            _only_new_collected(),
        ):
            for key, texts in results:
                made = group.attempts(asked[key], texts)
                spent = round(sum(text.seconds for text in texts), 3)
                folder.write_shard(key, {f"{key}.jsonl": made}, {"seconds": spent})
                ticker.advance(len(texts))
                if not part:
                    watch.see(made)


@contextmanager
def _only_new_collected() -> Iterator[None]:
    """Leaves what is there out of Python's garbage collections: to walk PyTorch and the model once takes a third of a second."""
    frozen = gc.get_freeze_count()
    gc.freeze()
    try:
        yield
    finally:
        if not frozen:  # by who called this
            gc.unfreeze()


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
