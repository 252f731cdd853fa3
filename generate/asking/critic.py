"""The critic: what it is shown, and what is read of its reply.

In messages it is shown problem, steps and the proposed step as data between tags, and replies in one line (`data/prompts/critic.txt`).
A model that is asked in terse notation cannot follow a message: it reads the steps in its own notation, and what it goes on with
says what it thinks of them - `dead end` is back, `yes` is stop, anything else continue.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence

from journey.generate.asking.prompts import fill, prompt_hash
from journey.generate.asking.proposing import NO_STEPS
from journey.generate.asking.replies import CriticVerdict, read_verdict
from journey.generate.asking.requests import AskedModels, ModelRequest, Replies
from journey.schema import Problem

ASKED_AGAIN = 1  # times that a reply of another form is asked for anew
_WORD = re.compile(r"\bdead end\b|\byes\b")


def critic_prompts(models: AskedModels) -> dict[str, str]:
    """The prompts of the critic, by their hashes."""
    if models["critic"].view == "compact":
        return {}
    name = "critic_oracle" if models.oracle else "critic"
    return {name: prompt_hash(name)}


def ask_critic(
    models: AskedModels, problem: Problem, steps: str, step: str, cap: int
) -> Generator[Sequence[ModelRequest], Replies, CriticVerdict | None]:
    """What the critic says of a step that is proposed after `steps`; None where its reply has another form, twice."""
    if models["critic"].view == "compact":
        [reply] = yield [ModelRequest("critic", problem, "critic", begun=steps + step, cap=cap)]
        found = _WORD.search(reply.text)
        word = found[0] if found else ""
        actions = {"dead end": CriticVerdict("back", ""), "yes": CriticVerdict("stop", "")}
        return actions.get(word, CriticVerdict("continue", ""))
    texts = {"problem": problem.question, "steps": steps.strip() or NO_STEPS, "step": step.strip()}
    said = fill("critic_oracle", answer=problem.answer, **texts) if models.oracle else fill("critic", **texts)
    for number in range(ASKED_AGAIN + 1):
        draw = None if number == 0 else number - 1
        [reply] = yield [ModelRequest("critic", problem, "critic", said=said, draw=draw, cap=cap)]
        verdict = read_verdict(reply.text) if reply.finish == "stop" else None
        if verdict is not None:
            return verdict
    return None


def tells_gold(problem: Problem, reason: str) -> bool:
    """Whether a reason names the gold answer, which the question does not; an empty reason has nothing to be told either."""
    named = re.compile(rf"(?<![\w.]){re.escape(problem.answer.strip())}(?![\w]|\.\d)")
    return not reason or (named.search(reason) is not None and named.search(problem.question) is None)
