"""The next steps of a policy, and what they are worth: by continuations, a reward model, a judge, or the family's own solver."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Literal

from journey.answers.grading import grade
from journey.generate.asking.prompts import fill, prompt_hash
from journey.generate.asking.replies import read_rating
from journey.generate.asking.requests import AskedModels, ModelRequest, Replies
from journey.generate.asking.steps import JudgedStep, ProposedStep, first_step
from journey.schema import Problem

Scorer = Literal["solver", "montecarlo", "reward", "judge"]
NO_STEPS = "(none yet)"
_UNSURE = 0.5


def step_requests(
    models: AskedModels, problem: Problem, begun: str, draws: Sequence[int], cap: int
) -> list[ModelRequest]:
    """Requests for the next step after `begun`: gone on from where the policy can, else asked for in a message."""
    if models["policy"].goes_on:
        return [ModelRequest("policy", problem, "step", begun=begun, draw=draw, cap=cap) for draw in draws]
    said = fill("step", problem=problem.question, steps=begun.strip() or NO_STEPS)
    return [ModelRequest("policy", problem, "step", said=said, draw=draw, cap=cap) for draw in draws]


def read_steps(models: AskedModels, begun: str, replies: Replies) -> list[ProposedStep | None]:
    """The step of every reply."""
    gap = "" if models["policy"].goes_on or not begun else "\n"
    found = []
    for reply in replies:
        step = first_step(begun, gap + reply.text, reply.finish)
        found.append(step if step is None or step.text.strip() else None)
    return found


def prompts_used(models: AskedModels, score: Scorer) -> dict[str, str]:
    """The prompts that steps are asked for and scored with, by their hashes."""
    names = [] if models["policy"].goes_on else ["step"]
    names += [score] if score == "judge" or (score == "reward" and not models["critic"].rates) else []
    return {name: prompt_hash(name) for name in names}


def scores(
    models: AskedModels,
    problem: Problem,
    paths: Sequence[tuple[str, JudgedStep]],
    score: Scorer,
    continuations: int,
    cap: int,
) -> Generator[Sequence[ModelRequest], Replies, list[float]]:
    """A score for every path (its text, and its last step as it was judged); higher is better."""
    if not paths:
        return []
    if score == "solver":
        worth = {"right": 1.0, "wrong": 0.0, "unknown": _UNSURE}
        return [worth[judged.verdict] for _, judged in paths]
    if score == "montecarlo":
        requests = [
            ModelRequest("policy", problem, "continuation", begun=text, draw=draw, cap=cap)
            for text, _ in paths
            for draw in range(continuations)
        ]
        replies = yield requests
        right = [
            grade(problem, request.begun + reply.text, reply.finish).outcome == "correct"
            for request, reply in zip(requests, replies, strict=True)
        ]
        parts = [right[n * continuations : (n + 1) * continuations] for n in range(len(paths))]
        return [round(sum(part) / continuations, 4) for part in parts]
    rated = score == "reward"
    if rated and models["critic"].rates:
        replies = yield [ModelRequest("critic", problem, score, begun=text.strip(), rated=True) for text, _ in paths]
        return [round(reply.rating, 4) for reply in replies]
    said = [fill(score, problem=problem.question, steps=text.strip()) for text, _ in paths]
    replies = yield [ModelRequest("critic", problem, score, said=text, cap=256, rated=rated) for text in said]
    if rated:
        return [round(reply.rating, 4) for reply in replies]
    # A reply that was cut off may end in a word that it only quoted.
    ratings = (read_rating(reply.text) if reply.finish == "stop" else None for reply in replies)
    return [_UNSURE if rating is None else rating for rating in ratings]
