"""Worked examples in front of a question, for bases that do not follow the answer format by themselves.

An example is another problem with its reference solution (annotations taken out) and a boxed answer. A base that goes on with
a question of its own is cut off after the line that holds its first box.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from journey import views
from journey.answers.spelling import spelling
from journey.catalog import FAMILIES
from journey.errors import UsageError
from journey.generate.search.narrate import terse_expression
from journey.models import policy, template
from journey.rng import rng_for
from journey.schema import Problem
from journey.views import View

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_ANNOTATION = re.compile(r"<<[^<>]*>>")
_LINE_WITH_BOX = re.compile(r"\\boxed\{[^\n]*\}[^\n]*")


def worked(problem: Problem, view: View) -> str | None:
    """A problem's solution with its boxed answer, as an example is told; None without a solution."""
    answer = problem.answer.strip().lstrip("$").replace(",", "")
    if problem.check != "value":
        family = FAMILIES.get(problem.check)()
        gold = family.gold(problem)
        spaced = spelling(problem)(terse_expression(gold))
        return f"\\boxed{{ {spaced} }}" if view == "compact" else f"The answer is \\boxed{{{gold}}}."
    if not problem.solution or view == "compact":
        return None
    body = _ANNOTATION.sub("", problem.solution).rpartition("####")[0].strip() or problem.solution.strip()
    return f"{body}\nThe answer is \\boxed{{{answer}}}."


def examples(problems: Sequence[Problem], count: int, view: View, seed: int) -> dict[str, list[tuple[Problem, str]]]:
    """For each problem `count` others with their solutions, drawn by its own stream. Raises UsageError for too few."""
    told = [(problem, text) for problem in problems if (text := worked(problem, view)) is not None]
    if len(told) < count + 1:
        raise UsageError(
            f"{count} worked examples are asked for, {len(told)} problems have a solution to show",
            "leave --shots out, or give problems with a field solution",
        )
    chosen = {}
    for problem in problems:
        others = rng_for("shots", seed, problem.id).sample(told, count + 1)
        chosen[problem.id] = [each for each in others if each[0].id != problem.id][:count]
    return chosen


def prompt_ids(
    tokenizer: PreTrainedTokenizerBase, problem: Problem, view: View, shown: Sequence[tuple[Problem, str]]
) -> list[int]:
    """The token ids of a prompt with examples in front: earlier turns where there is a chat template, else text."""
    if not shown:
        return template.prompt_ids(tokenizer, problem, view)
    if view == "compact" or not tokenizer.chat_template:
        gap = " " if view == "compact" else "\n\n"
        parts = [part for other, text in shown for part in (views.prompt(other, view), text)]
        text = gap.join([*parts, views.prompt(problem, view)]) + ("" if view == "compact" else "\n\n")
        return [*template.prompt_start(tokenizer, view), *tokenizer(text, add_special_tokens=False)["input_ids"]]
    messages: list[dict[str, Any]] = []
    for other, text in shown:
        messages.append({"role": "user", "content": views.prompt(other, view)})
        messages.append({"role": "assistant", "content": text})
    messages.append({"role": "user", "content": views.prompt(problem, view)})
    own = policy.of(tokenizer)
    text = policy.render(tokenizer, messages, own, True) + own.before
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def cut_after_box(text: str) -> str:
    """The text up to the end of the line that holds its first box."""
    match = _LINE_WITH_BOX.search(text)
    return text if match is None else text[: match.end()]
