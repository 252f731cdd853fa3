"""Estimates of where an attempt goes wrong: the first step after which continuations no longer come out right.

No check refutes most wrong steps of prose. A step is accepted as the first mistake where at least 3 of 8 continuations succeed
before it and none of 8 after it (or the difference has a one-sided p of 0.05 at most); else the attempt stays unlocated, is
counted and is not used. "At least one of m" was tried first: of 200 attempts whose first mistake was known it named 114
exactly, 63 nowhere and 23 wrongly; with this guard it is 78 of 80, and 73 % of the attempts are accepted.

    right continuations of 8 after step:    0    1    2    3        the first mistake is step 2: 5 before it, 0 after it
                                            6    5    0    0
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from math import comb

from journey import console
from journey.answers.grading import grade
from journey.formats.attempts import ATTEMPTS, ESTIMATES, EstimatedMistake
from journey.formats.files import read_lines
from journey.generate.attempts.groups import DrawingGroup, Wanted
from journey.generate.attempts.locate import NO_FIRST_MISTAKE
from journey.generate.attempts.policies import find_policy
from journey.schema import Attempt, FirstMistake
from journey.store import Folder

CONTINUATIONS = 8  # after each prefix that is looked at
LEAST_BEFORE = 3  # of them that must come out right before the step
LEVEL = 0.05  # or the one-sided p of the difference
A_PROBLEM = 2  # wrong attempts at one problem that are looked into
_FIRST = 1_000_000  # number of the first draw: no attempt of the same prompt has it


def accepted(before: int, after: int, of: int = CONTINUATIONS) -> bool:
    """Whether `before` right continuations of `of` before a step and `after` of them after it make it the first mistake."""
    if after == 0 and before * CONTINUATIONS >= LEAST_BEFORE * of:
        return True
    return before > after and one_sided_p(before, after, of) <= LEVEL


def one_sided_p(before: int, after: int, of: int) -> float:
    """Fisher's exact p that so few come out right after the step by chance."""
    right = before + after
    ways = sum(comb(of, k) * comb(of, right - k) for k in range(max(0, right - of), after + 1))
    return ways / comb(2 * of, right)


@dataclass
class StepSearch:
    """A binary search over the steps of one attempt; `counts` are right continuations by how many steps are kept."""

    steps: int
    counts: dict[int, int] = field(default_factory=dict)
    low: int = 0  # steps after which some continuation succeeds, as far as is known
    high: int = -1  # steps after which none does

    def __post_init__(self) -> None:
        self.high = self.steps

    def asks(self) -> list[int]:
        """Numbers of steps to be kept, whose continuations are wanted next; none at the end."""
        if 0 not in self.counts:
            return [n for n in (0, self.steps) if n not in self.counts]
        if self.counts[0] == 0 or self.counts[self.steps] > 0 or self.high - self.low <= 1:
            return []
        return [(self.low + self.high) // 2]

    def see(self, kept: int, right: int) -> None:
        """The right continuations after so many steps."""
        self.counts[kept] = right
        if right == 0:
            self.high = min(self.high, kept)
        else:
            self.low = max(self.low, kept)

    def found(self) -> tuple[int, int, int] | None:
        """(index of the step, right ones before it, right ones after it); None where the search ended nowhere."""
        return first_failure(self.counts, self.steps)


def first_failure(counts: dict[int, int], steps: int) -> tuple[int, int, int] | None:
    """The first step with some right continuations before it and none after it, from counts by number of steps kept."""
    for step in range(steps):
        if counts.get(step + 1) == 0 and counts.get(step, 0) > 0:
            return step, counts[step], 0
    return None


def is_estimated(folder: Folder, group: DrawingGroup) -> bool:
    """Whether every shard has been looked into."""
    return not folder.missing(_keys(group))


def _keys(group: DrawingGroup) -> list[str]:
    return [group.key(number).replace(ATTEMPTS, ESTIMATES, 1) for number in range(len(group.shards))]


def estimate(folder: Folder, group: DrawingGroup, count: int | None) -> None:
    """Look into wrong attempts that no check locates, shard by shard; every shard's estimates are a file of their own."""
    names = _keys(group)
    missing = set(map(str, folder.missing(names)))
    with console.progress("shards estimated", len(names), len(names) - len(missing)) as ticker:
        for number, name in enumerate(names):
            if name in missing:
                found = _estimated(folder, group, number, count)
                folder.write_shard(name, {f"{name}.jsonl": found}, {"estimates": len(found)})
                ticker.advance(1, f"{len(found)} attempts")


def _estimated(folder: Folder, group: DrawingGroup, shard: int, count: int | None) -> list[EstimatedMistake]:
    problems = {problem.id: problem for problem in group.shards[shard]}
    runs = {policy.info.name: run for run, policy in enumerate(group.policies)}
    other = None if group.settings.locate_with is None else find_policy(group.settings.locate_with, group.settings)
    writing = group if other is None else group.with_policy(other)
    attempts = unlocated(read_lines(folder.file(f"{group.key(shard)}.jsonl"), Attempt))
    searches = [StepSearch(len(attempt.steps)) for attempt in attempts]
    while True:
        asked = [(n, kept) for n, search in enumerate(searches) for kept in search.asks()]
        if not asked:
            break
        wanted: list[Wanted] = []
        for n, kept in asked:
            attempt = attempts[n]
            prefix = attempt.text[: attempt.steps[kept - 1][1]] if kept else ""
            run = 0 if other is not None else runs[attempt.policy]
            wanted += [(run, problems[attempt.problem], _FIRST + m, prefix) for m in range(CONTINUATIONS)]
        right = _right(writing, f"{group.key(shard)}/{len(asked)}", wanted, count)
        for place, (n, kept) in enumerate(asked):
            searches[n].see(kept, sum(right[place * CONTINUATIONS : (place + 1) * CONTINUATIONS]))
    return [_record(attempt, search) for attempt, search in zip(attempts, searches, strict=True)]


def unlocated(attempts: Iterable[Attempt]) -> list[Attempt]:
    """The first wrong attempts at each problem that no check locates, drawn by chance, with steps to look into."""
    by_problem: dict[tuple[str, str], list[Attempt]] = {}
    for attempt in attempts:
        if attempt.outcome == "wrong" and attempt.index >= 0 and attempt.mistake.proof is None and attempt.steps:
            by_problem.setdefault((attempt.policy, attempt.problem), []).append(attempt)
    return [attempt for of_one in by_problem.values() for attempt in of_one[:A_PROBLEM]]


def _right(group: DrawingGroup, key: str, wanted: Sequence[Wanted], count: int | None) -> list[bool]:
    """Whether each continuation comes out right. A unit has one batch, so that the batches are those of any worker count."""
    size = group.settings.batch * max(1, len(group.policies))
    parts = {f"{key}/{start}": wanted[start : start + size] for start in range(0, len(wanted), size)}
    right: dict[str, list[bool]] = {}
    with closing(group.texts(parts, count)) as results:
        for name, texts in results:
            both = zip(parts[name], texts, strict=True)
            right[name] = [grade(one[1], text.text, text.finish).outcome == "correct" for one, text in both]
    return [each for name in parts for each in right[name]]


def _record(attempt: Attempt, search: StepSearch) -> EstimatedMistake:
    found, mistake = search.found(), NO_FIRST_MISTAKE
    if found is not None:
        step, before, after = found
        counts = (before, CONTINUATIONS, after, CONTINUATIONS)
        sure = accepted(before, after)
        mistake = FirstMistake(
            "estimated" if sure else None,
            attempt.steps[step] if sure else None,
            "estimated" if sure else None,
            before=sure,
            counts=counts,
        )
    return EstimatedMistake(attempt.problem, attempt.policy, attempt.index, attempt.prefix, mistake)
