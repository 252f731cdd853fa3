"""The pair of one question of a data set: which answers it is told of, and where its shortcut comes from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from journey.generate.imports import journeys, search_build
from journey.generate.imports.build import build
from journey.generate.imports.formats import ImportFormat
from journey.generate.imports.journeys import PossibleJourney
from journey.generate.imports.records import ImportedAnswer, ImportedProblem
from journey.generate.imports.settings import ImportSettings
from journey.generate.imports.told import UNVERIFIED, ToldJourney
from journey.generate.made import MadePair, Rejection
from journey.rng import rng_for

_OF_THE_SHORTCUT = ("no_shortcut", "false_equation_in_shortcut")


def make(
    imported: ImportedProblem, source: ImportFormat, settings: ImportSettings, seed: int, attempt: int
) -> MadePair | Rejection:
    """The pair of a question, or why it gives none. Another attempt is told of other answers."""
    problem = imported.problem
    if not problem.answer:
        return Rejection("no_gold", "no row says what the answer is")
    if "numbers" in problem.facts:
        return search_build.make(imported, seed, attempt, _stated(settings), {"dataset": source.name})
    found, outcomes = journeys.possible(imported)
    if not found:
        said = ", ".join(f"{outcome} {count}" for outcome, count in sorted(outcomes.items()))
        return Rejection("no_right_answer", said)
    order = rng_for("import order", seed, problem.id)
    stitched = [each for each in found if each.wrong is not None]
    alone = [each for each in found if each.wrong is None]
    order.shuffle(stitched)
    order.shuffle(alone)
    if attempt >= len(found):
        return Rejection("no_more_answers", f"{len(found)} can be told")
    chosen = [*stitched, *alone][attempt]
    rng = rng_for("import", seed, problem.id, attempt)
    told = journeys.tell(chosen, settings, rng)
    facts = _provenance(chosen, source)
    policies = {each.name for each in imported.solutions if each.sampled}
    refused: Rejection | None = None
    for way in _ways(told, chosen, imported, settings, found):
        voice = rng_for("import voice", seed, problem.id, attempt)
        named = way.way.partition(":")[2]
        drawn = {"sampled_from": named} if named in policies else {}
        made = build(problem, way, (seed, attempt), _stated(settings), {**facts, **drawn}, voice)
        if isinstance(made, MadePair) or made.reason not in _OF_THE_SHORTCUT:
            return made
        refused = refused or made
    return refused or Rejection("no_shortcut", f"none by the way {settings.shortcut}")


def _ways(
    told: ToldJourney,
    chosen: PossibleJourney,
    imported: ImportedProblem,
    settings: ImportSettings,
    found: list[PossibleJourney],
) -> Iterator[ToldJourney]:
    """The journey with each shortcut that may be tried, in order."""
    wanted = ("given", "cut", "sampled") if settings.shortcut == "auto" else (settings.shortcut,)
    for way in wanted:
        if way == "cut":
            yield told
        elif way == "given" and (given := journeys.given(chosen.right)) is not None:
            yield replace(told, shortcut=given[1], way=f"given:{given[0]}")
        elif way == "sampled":
            for where, other in _others(chosen, imported, found):
                yield replace(told, shortcut=journeys.right_path(other), way=f"sampled:{where}")


def _others(
    chosen: PossibleJourney, imported: ImportedProblem, found: list[PossibleJourney]
) -> Iterator[tuple[str, ImportedAnswer]]:
    """Right answers to the question besides the one that the journey tells."""
    for solution in imported.solutions:
        if solution.name != chosen.right.where:
            yield solution.name, journeys.solved(solution)
    for each in found:
        if each.wrong is None and each.right is not chosen.right:
            yield each.right.where, each.right


def _provenance(chosen: PossibleJourney, source: ImportFormat) -> dict[str, Any]:
    right = chosen.right
    stated = any(step.role for step in right.steps)
    labelled = bool(right.steps) or (chosen.wrong is not None and bool(chosen.wrong.steps))
    facts: dict[str, Any] = {
        "dataset": source.name,
        "roles": "stated" if stated else "labelled" if labelled else UNVERIFIED,
        "origin": source.origin,
    }
    told = chosen.wrong or right
    writer = told.writer or source.writer
    if writer is not None:
        facts["teacher"] = writer
    if writer == source.writer and source.writer_licence is not None:
        facts["teacher_licence"] = source.writer_licence
    return facts


def _stated(settings: ImportSettings) -> dict[str, Any]:
    """The settings as a record holds them: a file by its name alone."""
    told = settings.model_dump(mode="json")
    if settings.solutions is not None:
        told["solutions"] = Path(settings.solutions).name
    return told
