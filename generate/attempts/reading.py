"""The attempts of a finished sample folder as methods read them: by problem, with the policy and the profile of its errors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec

from journey.answers.spelling import unspelled
from journey.errors import UsageError
from journey.formats.folders import SampledFolder
from journey.generate.attempts import branches, moves
from journey.generate.attempts.matched import MATCHED, AttemptedProblem, MatchedSettings
from journey.generate.attempts.values import count_value_errors
from journey.generate.grids import matched as grids
from journey.generate.shards import PairSource
from journey.schema import Attempt, Problem


def read_attempts(
    folder: SampledFolder, policy: str | None, methods: Sequence[str]
) -> tuple[str, tuple[AttemptedProblem, ...]]:
    """The name of the policy, and every problem with its attempts. Raises UsageError where it is not clear whose are meant,
    or where no problem can give what the methods make.
    """
    infos = {each.policy.name: each.policy for each in folder.profile.policies}
    name = folder.policy(policy)
    by_problem = folder.attempts(name)
    problems = list(folder.problems())
    by_problem |= {each.id: as_numbers(each, by_problem[each.id]) for each in problems if each.id in by_problem}
    strange = by_problem.keys() - {problem.id for problem in problems}
    if strange:
        raise UsageError(f"{folder.path} holds attempts at {len(strange)} problems that are not in it", "sample again")
    found: list[Counter[str]] = []
    for problem in problems:
        tried = by_problem.get(problem.id, ())
        found.append(count_errors(problem, tried))
    errors = moves.weigh(found)
    attempted = tuple(
        AttemptedProblem(problem, tuple(by_problem.get(problem.id, ())), infos[name], errors) for problem in problems
    )
    profile = folder.profile.of(name)
    if not profile.right and not any(each.right() for each in attempted):
        raise UsageError(
            f"{name} was never right: no mistake of its own can be repaired", "easier problems, or a stronger policy"
        )
    if not profile.wrong and set(methods) != {"reject"}:
        raise UsageError(f"{name} was never wrong: it has no mistakes of its own", "harder problems, or more attempts")
    return name, attempted


def count_errors(problem: Problem, attempts: Sequence[Attempt]) -> Counter[str]:
    """The errors of a policy at one problem by class, as the problem's kind of journeys counts them."""
    if branches.is_search(problem):
        return moves.count_errors(problem, attempts)
    return grids.count_errors(problem, attempts) if grids.is_grid(problem) else count_value_errors(attempts)


def as_numbers(problem: Problem, attempts: Sequence[Attempt]) -> list[Attempt]:
    """Attempts with spelled numbers joined, where the problem's terse notation spells them; no place of a text changes."""
    if not problem.facts.get("spelled"):
        return list(attempts)
    return [msgspec.structs.replace(each, text=unspelled(each.text)) for each in attempts]


def check_alike(combined: Sequence[PairSource]) -> None:
    """Raises UsageError where kinds of matched journeys have different settings: they would not be matched."""
    matched = [source for source in combined if source.method in MATCHED]
    for source in matched[1:]:
        first = matched[0]
        # A setting that is newer than some folder is left out where it is not given.
        default = MatchedSettings().__dict__
        for name in dict.fromkeys((*first.options, *source.options)):
            one, other = (_plain(each.options.get(name, default[name])) for each in (first, source))
            if one != other:
                raise UsageError(
                    f"{first.method}.{name} = {one} and {source.method}.{name} = {other}: "
                    "matched journeys have one setting for all",
                    f"--set {source.method}.{name}={one}",
                )


def _plain(value: object) -> object:
    """A setting as it is typed."""
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else value
