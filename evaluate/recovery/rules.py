"""What a continuation does about the step that its prefix ends with, read by rules from the text alone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from journey.answers.grading import grade
from journey.answers.spelling import as_read
from journey.evaluate.behaviour.reading import read
from journey.evaluate.behaviour.sentences import marked
from journey.evaluate.behaviour.steps import AnswerStep, noticed
from journey.evaluate.recovery import digits
from journey.evaluate.recovery.prefixes import method_pair
from journey.formats.behaviour import RecoveryPrefix, RecoveryText
from journey.schema import Problem, Question
from journey.views import View, render

_BOX = re.compile(r"\\(?:boxed|fbox)\s*\{|<answer>")


@dataclass(frozen=True)
class Continuation:
    """Right in the end; the step doubted before the answer; written again with the true value, or with the same one."""

    right: bool
    doubted: bool
    true_later: bool
    same_again: bool
    changed: bool  # written again with another value


def joined(prefix: str, text: str) -> str:
    """A prefix with what was written after it."""
    gap = "" if not text or prefix[-1:].isspace() or text[:1].isspace() else " "
    return f"{prefix}{gap}{text}"


def judge(prefix: RecoveryPrefix, text: RecoveryText, problem: Problem) -> Continuation:
    """What the continuation does about the last step of its prefix, wrong or clean."""
    start = prefix.wrong if text.after == "wrong" else prefix.clean
    value = Fraction(prefix.value if text.after == "wrong" else prefix.truth)
    whole = joined(start, text.text)
    right = grade(problem, whole, text.finish).outcome == "correct"
    return behaviour(whole, len(start), value, Fraction(prefix.truth), prefix, problem, right)


def behaviour(
    whole: str, cut: int, value: Fraction, truth: Fraction, prefix: RecoveryPrefix, problem: Problem, right: bool
) -> Continuation:
    """The rules on a whole text whose last step before character `cut` has this value."""
    if digits.is_grid(problem):
        return Continuation(right, *digits.after(prefix, whole, cut, int(value)))
    whole = as_read(problem, whole)
    boxes = list(_BOX.finditer(whole, cut))
    before = whole[: boxes[-1].start()] if boxes else whole
    steps = read(whole, problem).steps
    earlier = [
        step
        for step in steps
        if step.start < cut and step.value == value and _plain(step.left) == _plain(prefix.calculation)
    ]
    probed = earlier[-1] if earlier else AnswerStep("false", value, prefix.calculation, prefix.name, 0, cut)
    later = [step for step in steps if step.start >= cut and _same_quantity(step, probed)]
    # A mark that began within the prefix is of the prefix.
    marks = [mark for mark in marked(before) if mark.start >= cut]
    doubted = noticed(probed, [probed, *(s for s in steps if s.start >= cut and s.end <= len(before))], marks, before)
    return Continuation(
        right=right,
        doubted=doubted,
        true_later=any(step.value == truth for step in later),
        same_again=any(step.value == value for step in later),
        changed=any(step.value != value for step in later),
    )


def _same_quantity(step: AnswerStep, probed: AnswerStep) -> bool:
    if probed.name is not None and step.name is not None:
        return step.name == probed.name
    return _plain(step.left) == _plain(probed.left)


def _plain(calculation: str) -> str:
    return calculation.replace(" ", "")


def recall(question: Question, view: View, seed: int) -> list[bool]:
    """Whether the rule sees the notice of every mistake with a false equation in the journey of the problem's own method."""
    pair = method_pair(question.problem, seed)
    if pair is None:
        return []
    shown = render(pair.journey, view)
    seen = []
    roles = [span.role for span in shown.spans]
    for at, span in enumerate(shown.spans):
        steps = [s for s in read(shown.text, question.problem).steps if span.start <= s.start < span.end]
        if span.role != "mistake" or "notice" not in roles[at:] or not steps or steps[-1].verdict != "false":
            continue
        step = steps[-1]
        stand_in = RecoveryPrefix(question.id, "", None, "", "", step.left, step.name, str(step.value), "0")
        told = behaviour(shown.text, span.end, step.value, Fraction(0), stand_in, question.problem, True)
        seen.append(told.doubted)
    return seen
