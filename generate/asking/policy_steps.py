"""Rollouts of a problem in words: a tree of steps that a policy writes, leaves by the checker, told back to common ancestors.

A step is a mistake where question and text refute it. Steps that were only scored low are told where that is asked for, with the
proof `estimated` (continuations) or `unverified` (a judge, a reward model), and else kept in the tree with their score.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field

from journey.answers.grading import grade
from journey.generate.asking.proposing import read_steps, scores, step_requests
from journey.generate.asking.requests import AskedModels, ModelRequest, Replies
from journey.generate.asking.settings import RolloutsSettings
from journey.generate.asking.steps import NOT_THERE, JudgedStep, ProposedStep, judge
from journey.generate.attempts.estimate import accepted
from journey.generate.attempts.locate import locate
from journey.schema import Problem

LOW = 0.5  # a rating below this is one of a wrong step


@dataclass
class GrownStep:
    """A step in the tree of rollouts: its place, the text of its path up to its end, and what is known of it.

    `outcome` is that of an answer, `reason` why it is no part of what stands.
    """

    number: int
    parent: int
    step: ProposedStep
    text: str
    judged: JudgedStep
    score: float | None = None
    outcome: str | None = None
    answer: str | None = None
    reason: str = ""


@dataclass
class StepTree:
    """All steps by number; 0 is the problem itself."""

    steps: list[GrownStep] = field(default_factory=list)
    root_score: float | None = None

    def path(self, number: int) -> list[GrownStep]:
        """The steps from the problem to one of them."""
        path: list[GrownStep] = []
        while number:
            path.append(self.steps[number - 1])
            number = self.steps[number - 1].parent
        return path[::-1]

    def right_ends(self) -> Iterator[GrownStep]:
        """The right answers after steps in which no check finds a mistake."""
        for step in self.steps:
            if step.outcome == "correct" and all(each.judged.verdict != "wrong" for each in self.path(step.number)):
                yield step


def grown(
    models: AskedModels, problem: Problem, settings: RolloutsSettings, offset: int
) -> Generator[Sequence[ModelRequest], Replies, StepTree]:
    """The tree, depth by depth: `width` steps of every one that is kept, the best `beam` of a depth kept."""
    tree = StepTree()
    if settings.score == "montecarlo":
        [tree.root_score] = yield from scores(
            models,
            problem,
            [("", JudgedStep("unknown"))],
            settings.score,
            settings.continuations,
            settings.answer_tokens,
        )
    layer = [0]
    for _ in range(settings.depth):
        begun = {number: tree.steps[number - 1].text if number else "" for number in layer}
        draws = range(offset, offset + settings.width)
        replies = yield [
            request
            for number in layer
            for request in step_requests(models, problem, begun[number], draws, settings.step_tokens)
        ]
        new: list[GrownStep] = []
        for place, number in enumerate(layer):
            part = replies[place * settings.width : (place + 1) * settings.width]
            new += _children(models, problem, tree, number, begun[number], part)
        alive = [step for step in new if step.outcome is None and step.judged.verdict != "wrong" and not step.reason]
        if settings.score != "solver" or settings.beam is not None:
            paths = [(step.text, step.judged) for step in alive]
            values = yield from scores(
                models, problem, paths, settings.score, settings.continuations, settings.answer_tokens
            )
            for step, value in zip(alive, values, strict=True):
                step.score = value
        if settings.beam is not None:
            alive.sort(key=lambda step: (-(step.score or 0.0), step.number))
            for step in alive[settings.beam :]:
                step.reason = "cut by the beam"
            alive = sorted(alive[: settings.beam], key=lambda step: step.number)
        layer = [step.number for step in alive]
        if not layer:
            break
    for number in layer:
        tree.steps[number - 1].reason = "not followed further"
    return tree


def _children(
    models: AskedModels, problem: Problem, tree: StepTree, parent: int, begun: str, replies: Replies
) -> list[GrownStep]:
    """The different steps that were proposed after one, each judged."""
    found: dict[str, GrownStep] = {}
    for proposed in read_steps(models, begun, replies):
        if proposed is None:
            continue
        whole = begun + proposed.text
        if proposed.answers:
            graded = grade(problem, whole)
            step = GrownStep(
                0, parent, proposed, whole, JudgedStep("unknown"), outcome=graded.outcome, answer=graded.answer
            )
            key = f"answer {graded.answer}"
            if graded.outcome == "correct" and locate(problem, whole, "correct").kind is not None:
                step.outcome, step.reason = "wrong", "a right answer after a mistake"
        else:
            judged = judge(problem, begun, proposed.text)
            reason = judged.kind if judged.kind == NOT_THERE else None
            step, key = GrownStep(0, parent, proposed, whole, judged, reason=reason or ""), judged.same_as
        if key not in found:
            step.number = len(tree.steps) + 1
            tree.steps.append(step)
            found[key] = step
    return list(found.values())


def doubtful(tree: StepTree, step: GrownStep, settings: RolloutsSettings) -> bool:
    """Whether a step that no check decides was scored as wrong, by the score of what it was tried from where there is one."""
    if step.score is None or step.judged.verdict != "unknown" or step.outcome is not None:
        return False
    if settings.score == "montecarlo":
        before = tree.steps[step.parent - 1].score if step.parent else tree.root_score
        of = settings.continuations
        return before is not None and accepted(round(before * of), round(step.score * of), of)
    return step.score < LOW and settings.score != "solver"
