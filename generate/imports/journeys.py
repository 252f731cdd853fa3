"""How answers of a data set become journeys: their labels told, a wrong one and a right one stitched, or roles read by rules."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from random import Random

from msgspec.structs import replace as replace_fields

from journey.answers import checker
from journey.answers.grading import grade
from journey.answers.prose_numbers import places, show
from journey.answers.steps import decidable_equations
from journey.generate.attempts.phrases import RECOMPUTED
from journey.generate.imports import phrases
from journey.generate.imports.cues import confirms, doubts, finds
from journey.generate.imports.readers.cells import halves, plain, stated_away
from journey.generate.imports.records import ImportedAnswer, ImportedProblem, ImportedSolution, ImportedStep
from journey.generate.imports.roles import read_roles
from journey.generate.imports.settings import ImportSettings
from journey.generate.imports.told import (
    LABELLED,
    REASONED,
    ToldJourney,
    ToldSegment,
    decided,
    recomputed,
)
from journey.generate.imports.units import units
from journey.schema import Problem, Role, Verdict

_VERDICTS: dict[str | None, Verdict] = {"right": "right", "wrong": "wrong"}


@dataclass(frozen=True)
class PossibleJourney:
    """One way of making a journey of a problem's answers: a right one, perhaps after a wrong one."""

    right: ImportedAnswer
    wrong: ImportedAnswer | None = None


def outcome(problem: Problem, answer: ImportedAnswer) -> str:
    """correct, wrong, no_answer or undecided: by the checker where the answer states one, else as the data set says."""
    stated = answer.answer
    if stated is None:
        text = answer.writeup[1] or answer.thinking
        stated = checker.extract(text[-20_000:]).answer if text else None
    if stated is None:
        return {True: "correct", False: "wrong", None: "no_answer"}[answer.right]
    graded = grade(problem, f"\\boxed{{{stated}}}").outcome
    if graded == "undecided" and answer.right is not None:
        return "correct" if answer.right else "wrong"
    return graded


def possible(imported: ImportedProblem) -> tuple[list[PossibleJourney], dict[str, int]]:
    """The journeys that can be tried, those with a wrong answer first, and what became of the answers."""
    problem = imported.problem
    found: dict[str, int] = {}
    right, wrong = [], []
    for answer in imported.answers:
        known = outcome(problem, answer) if answer.finished else "unfinished"
        if known == "correct" and answer.right is False:
            known = "flagged_wrong"  # the data set's own check and ours disagree: used for neither
        elif known == "wrong" and answer.right is True:
            known = "flagged_right"
        located = any(step.label == "wrong" for step in answer.steps)
        if known == "correct":
            right.append(answer)
        elif (known in ("wrong", "no_answer") and answer.right is False) or located:
            wrong.append(answer)
        found[known] = found.get(known, 0) + 1
    given = [solved(each) for each in imported.solutions]
    alone = [PossibleJourney(each) for each in right if not each.given]
    stitched = [PossibleJourney(one, other) for other in wrong for one in [*right, *(given if not right else [])]]
    return [*stitched, *alone], found


def solved(solution: ImportedSolution) -> ImportedAnswer:
    """A solution from elsewhere as an answer."""
    thinking, said = halves(solution.text)
    return ImportedAnswer(
        solution.name,
        thinking=thinking,
        writeup=("content", said) if said.strip() else ("", ""),
        right=True,
        given=True,
        sampled=solution.sampled,
    )


def tell(chosen: PossibleJourney, settings: ImportSettings, rng: Random) -> ToldJourney:
    """The journey of one choice. Nothing is decided yet, and its shortcut is still to be cut out of it."""
    path = segments_of(chosen.right, settings, rng)
    rows = tuple(each.where for each in (chosen.wrong, chosen.right) if each is not None)
    if chosen.wrong is None:
        return ToldJourney(tuple(path), rows=rows)
    failed, shared = _failed(chosen.wrong, chosen.right, settings, rng)
    path = path[shared:]
    if path and path[0].role == "step":
        path[0] = replace(path[0], role="correction", gap="\n")
    source = "sampled" if chosen.right.sampled else "given"
    way = f"{source}:{chosen.right.where}" if chosen.right.given else "cut"
    if not shared:
        failed = [replace(each, abandoned=True) for each in failed]
    return ToldJourney((*failed, *path), None, "fix" if shared else "fresh", rows, way)


def right_path(answer: ImportedAnswer) -> tuple[ToldSegment, ...]:
    """A right answer as a shortcut: what its row gives beside it, or its write-up, else its own right steps."""
    for _, text in (answer.shortcut, answer.writeup):
        if found := _steps_of(text):
            return found
    clean = ImportSettings(trials=0)
    told = segments_of(answer, clean, Random(0))  # nothing is drawn: no wrong step is told
    return tuple(replace(each, role="step") for each in told if each.role in REASONED)


def given(answer: ImportedAnswer) -> tuple[str, tuple[ToldSegment, ...]] | None:
    """The field that gives the right path beside the journey, and its steps; None where none does."""
    for field, text in (answer.shortcut, answer.writeup):
        if found := _steps_of(text):
            return field, found
    return None


def segments_of(answer: ImportedAnswer, settings: ImportSettings, rng: Random) -> list[ToldSegment]:
    """A right answer's own segments: labels and stated roles told, or roles read out of its prose."""
    if answer.steps:
        return list(_labelled(answer.steps, settings, rng))
    return read_roles(units(stated_away(plain(answer.thinking))))


def _labelled(steps: Sequence[ImportedStep], settings: ImportSettings, rng: Random) -> Iterator[ToldSegment]:
    """Steps in order: wrong ones tried in a step's place come before it, each noticed and left."""
    told = 0
    open_mistake: ToldSegment | None = None
    corrected = False
    skipped = 0
    for step in steps:
        text = stated_away(plain(step.text))
        if not text:
            continue
        gap = "\n"
        if step.role is not None:
            yield _stated(step, text, gap)
            continue
        if step.label == "wrong":
            if open_mistake is None:
                open_mistake = _mistake(text, step.kind, step.reason)
                told, skipped = told + 1, 0
                yield open_mistake
            elif skipped < settings.delay:
                skipped += 1
                yield ToldSegment("consequence", text, gap)
            continue
        if open_mistake is not None:
            if doubts(text) or finds(text):
                yield ToldSegment("notice", text, gap)
                open_mistake, corrected = None, True
                continue
            yield from _leave(open_mistake, rng, phrases.ONE_STEP_BACK)
            open_mistake, corrected = None, True
        wrong = list(step.wrong)
        rng.shuffle(wrong)
        room = settings.trials if settings.mistakes is None else min(settings.trials, settings.mistakes - told)
        for text_of_wrong in [plain(each) for each in wrong][: max(0, room)]:
            if not text_of_wrong or text_of_wrong == text:
                continue
            failed = _mistake(text_of_wrong, step.kind, None)
            yield failed
            yield from _leave(failed, rng, phrases.ONE_STEP_BACK)
            told, corrected = told + 1, True
        if confirms(text) and not corrected:
            yield ToldSegment("check", text, gap)
            continue
        role: Role = "correction" if corrected else "step"
        corrected = False
        yield ToldSegment(role, text, gap, _VERDICTS.get(step.label, "unknown"))
    if open_mistake is not None:
        yield from _leave(open_mistake, rng, phrases.FROM_THE_START)


def _stated(step: ImportedStep, text: str, gap: str) -> ToldSegment:
    """A segment whose role its author states."""
    role: Role = step.role or "step"
    if role == "mistake":
        return replace(_mistake(text, step.kind, step.reason), gap=gap)
    return ToldSegment(role, text, gap, "right" if role in ("step", "correction", "check") else "unknown")


def _mistake(text: str, kind: str | None, reason: str | None) -> ToldSegment:
    return ToldSegment("mistake", text, "\n", "wrong", LABELLED, kind or "labelled", reason=reason)


def _decimal(value: str) -> str:
    """A value as prose has it: 503/10 as 50.3; a fraction only where no short decimal is the same."""
    number = Fraction(value)
    return value if places(number) is None else show(number)


def _leave(
    mistake: ToldSegment, rng: Random, back: Sequence[str], without_reason: Sequence[str] = phrases.NOTICES
) -> Iterator[ToldSegment]:
    """A notice and a way back, where the source has none: with the calculation done again where that refutes it."""
    known = decided(mistake)
    if known.claim is not None:
        said_of = " ".join(known.claim.expression.split())
        slots = {"e": said_of, "v": _decimal(str(known.truth)), "x": _decimal(known.claim.value)}
        said = rng.choice(RECOMPUTED) % slots
        yield ToldSegment("notice", said, " ", check=recomputed(known.claim), added=True)
    else:
        if without_reason is phrases.NOTICES and decidable_equations(mistake.text):
            without_reason = phrases.LEADS_AWAY
        yield ToldSegment("notice", rng.choice(without_reason), " ", added=True)
    yield ToldSegment("backtrack", rng.choice(back), " ", added=True)


def _failed(
    wrong: ImportedAnswer, right: ImportedAnswer, settings: ImportSettings, rng: Random
) -> tuple[list[ToldSegment], int]:
    """A wrong answer up to its first mistake (to its end, where none is located), left; and the right steps that it shares."""
    if not wrong.steps:
        path = read_roles(units(stated_away(plain(wrong.thinking))))
        return _to_its_end(path, wrong, rng), 0
    first = next((n for n, step in enumerate(wrong.steps) if step.label == "wrong"), None)
    if first is None:
        path = [ToldSegment("step", text) for step in wrong.steps if (text := stated_away(plain(step.text)))]
        return _to_its_end(path, wrong, rng), 0
    before = [plain(step.text) for step in wrong.steps[:first]]
    same = [plain(step.text) for step in right.steps[:first]]
    shared = first if right.steps and before == same and not any(s.wrong for s in right.steps[:first]) else 0
    steps = [replace_fields(step, wrong=()) for step in wrong.steps[: first + 1 + settings.delay]]
    told = list(_labelled(steps, settings, rng))
    if shared and told[-1].role == "backtrack":
        told[-1] = replace(told[-1], text=rng.choice(phrases.ONE_STEP_BACK))
    return told, shared


def _to_its_end(path: list[ToldSegment], wrong: ImportedAnswer, rng: Random) -> list[ToldSegment]:
    """A wrong answer whole: its last step is the mistake that is known, since what it ends in is wrong."""
    last = next((n for n in range(len(path) - 1, -1, -1) if path[n].role in ("step", "correction")), None)
    if last is None:
        return path
    end = ToldSegment("mistake", path[last].text, path[last].gap, "wrong", LABELLED, "wrong answer")
    left = list(_leave(replace(end, claim=None), rng, phrases.FROM_THE_START, phrases.WRONG_ANSWERS))
    left[0] = replace(left[0], gap="\n\n")
    return [*path[:last], end, *left]


def _steps_of(text: str) -> tuple[ToldSegment, ...]:
    return tuple(ToldSegment("step", unit.text, unit.gap) for unit in units(stated_away(plain(text))))
