"""The questions of a benchmark as the settings want them, fresh ones checked against the training data."""

from __future__ import annotations

from collections.abc import Collection

from journey.config import EvaluateSettings
from journey.errors import UsageError
from journey.formats.finetune import PROBLEMS
from journey.formats.folders import FinetunedFolder
from journey.questions import BenchmarkFacts, is_made_here, load_questions
from journey.schema import Question


def ask(
    spec: str, settings: EvaluateSettings, limit: int | None, seen: Collection[str]
) -> tuple[list[Question], BenchmarkFacts]:
    """The questions of one benchmark. Raises what `load_questions` raises."""
    return load_questions(
        spec,
        split=settings.split,
        seed=settings.seed,
        limit=limit,
        fields=settings.map,
        fresh=settings.fresh,
        seen=seen,
        strict=settings.strict,
    )


def trained_on(finetuned: FinetunedFolder, settings: EvaluateSettings) -> frozenset[str]:
    """The ids that fresh problems must not have; empty where none are asked for.

    Raises UsageError where no benchmark can be fresh, or where the finetune folder does not say what was trained on.
    """
    if settings.fresh is None:
        return frozenset()
    if not any(is_made_here(spec) for spec in settings.benchmarks):
        raise UsageError(
            "--fresh makes new problems, and none of the benchmarks is made here", "add a family, e.g. countdown@1"
        )
    trained = finetuned.problem_ids
    if trained is None:
        raise UsageError(
            f"{finetuned.path} has no {PROBLEMS}, so that fresh problems cannot be checked against the training data",
            "run `journey finetune` again: it writes the ids of the training problems",
        )
    return trained
