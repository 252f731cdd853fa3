"""Attempts without a model: a made-up policy that combines numbers by chance, and sample folders of such attempts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

from journey.answers.grading import grade
from journey.answers.steps import steps
from journey.formats.attempts import ATTEMPTS, PROBLEMS_FILE, PolicyInfo, ProfileFile
from journey.formats.files import json_lines
from journey.generate.attempts.locate import locate
from journey.generate.attempts.matched import AttemptedProblem
from journey.generate.attempts.moves import count_errors, weigh
from journey.generate.attempts.profile import profile_of
from journey.generate.families.countdown import Countdown
from journey.rng import rng_for
from journey.schema import Attempt, Problem
from journey.splits import split_of
from journey.store import Folder

POLICY = PolicyInfo("guesser", "pocket", "w" * 64, None, "compact", 1.0, 1.0, "default", "default", 64)


def attempt_of(problem: Problem, text: str, index: int, policy: str = POLICY.name) -> Attempt:
    """The graded and located record of a text."""
    graded = grade(problem, text)
    mistake = locate(problem, text, graded.outcome)
    tokens = len(text.split())
    return Attempt(
        problem.id, policy, index, text, tuple(steps(text)), tokens, "stop", graded.outcome, graded.answer, graded.why,
        1.0, 1.0, 0, mistake,
    )  # fmt: skip


def guess(problem: Problem, rng: Random, slips: float = 0.2) -> str:
    """An answer that plays legal moves by chance, in terse notation; by `slips` a value is one off."""
    space = Countdown().space(problem)
    state, target, parts, terms = tuple(space.start), space.target, [], {n: str(n) for n in space.start}
    while len(state) > 1:
        moves = space.moves(state) if len(state) > 2 else space.last_moves(*state, True)
        if not moves:  # nothing that the level allows is left: the answer stops here
            break
        a, sign, b, result, left = moves[rng.randrange(len(moves))]
        term = f"( {terms.get(a, a)} {sign} {terms.get(b, b)} )"
        if rng.random() < slips:
            left = tuple(sorted([*(n for n in left if n != result), result + 1], reverse=True))
            result += 1
        state, terms = left, {**terms, result: term}
        if len(state) == 1:
            word = "yes" if result == target else "high" if result > target else "low"
            parts.append(f"{a} {sign} {b} = {result} {word} .")
        else:
            parts.append(f"try {a} {sign} {b} = {result} left {' '.join(map(str, state))} .")
    return f"{' '.join(parts)} \\boxed{{ {terms[state[0]][2:-2] or state[0]} }}"


def problems_of(count: int) -> list[Problem]:
    """Countdown problems of the training split."""
    family, found = Countdown(), {}
    for index in range(20 * count):
        problem = family.problem(0, index, 1)
        if split_of(problem) == "train":
            found[problem.id] = problem
    return list(found.values())[:count]


def attempts_at(problem: Problem, count: int = 30) -> tuple[Attempt, ...]:
    """Attempts of the made-up policy."""
    rng = rng_for("guesser", problem.id)
    return tuple(attempt_of(problem, guess(problem, rng), index) for index in range(count))


def attempted(count: int, each: int = 30) -> list[AttemptedProblem]:
    """Problems with the made-up policy's attempts, so many each, and its errors."""
    tried = {problem.id: (problem, attempts_at(problem, each)) for problem in problems_of(count)}
    errors = weigh(count_errors(*both) for both in tried.values())
    return [AttemptedProblem(problem, attempts, POLICY, errors) for problem, attempts in tried.values()]


def sample_folder(
    path: Path,
    count: int = 12,
    policies: tuple[str, ...] = (POLICY.name,),
    keep: Callable[[Attempt], bool] = lambda attempt: True,
    problems: int | None = None,
) -> Path:
    """A finished sample folder of those attempts that are kept, under one name or several; of so many `problems` it tells."""
    import msgspec

    asked = problems_of(count)
    with Folder.open(path, "sample", {"made": count, "policies": list(policies)}) as folder:
        folder.write(PROBLEMS_FILE, json_lines(asked[:problems]))
        profiles = []
        for name in policies:
            tried = {p.id: [msgspec.structs.replace(a, policy=name) for a in attempts_at(p) if keep(a)] for p in asked}
            folder.write(f"{ATTEMPTS}/{name}.jsonl", json_lines(a for of_one in tried.values() for a in of_one))
            profiles.append(profile_of(msgspec.structs.replace(POLICY, name=name), tried, 30))
        ProfileFile(tuple(profiles)).write(folder)
        folder.finish({"problems": count})
    return path


def folder_of_answers(path: Path, problem: Problem, texts: list[str]) -> Path:
    """A finished sample folder of a policy's answers to one problem."""
    tried = {problem.id: [attempt_of(problem, text, index) for index, text in enumerate(texts)]}
    with Folder.open(path, "sample", {"made": 1}) as folder:
        folder.write(PROBLEMS_FILE, json_lines([problem]))
        folder.write(f"{ATTEMPTS}/{POLICY.name}.jsonl", json_lines(tried[problem.id]))
        ProfileFile((profile_of(POLICY, tried, 30),)).write(folder)
        folder.finish({"problems": 1})
    return path
