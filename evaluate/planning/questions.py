"""The questions of a benchmark as the settings want them: golds checked, fresh problems checked against the training data."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import partial
from pathlib import Path

from journey import console
from journey.catalog import BENCHMARKS
from journey.config import EvaluateSettings
from journey.errors import AuthError, RemoteError, UsageError
from journey.evaluate.planning.dev_questions import SUFFIX, dev_questions, dev_spec
from journey.formats.files import json_lines, sha256_of
from journey.formats.finetune import PROBLEMS
from journey.formats.folders import FinetunedFolder
from journey.formats.plan import BenchmarkInfo, BenchmarkRows, EvaluationPlan
from journey.questions import BenchmarkFacts, is_made_here, load_questions, name_of
from journey.schema import Question
from journey.tables import golds


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


def limit_of(spec: str, settings: EvaluateSettings) -> int | None:
    """How many problems of a benchmark are asked for, at most; None: all."""
    return min((n for n in (settings.sizes.get(spec), settings.limit) if n is not None), default=None)


def info_of(questions: Sequence[Question], facts: BenchmarkFacts) -> BenchmarkInfo:
    """A benchmark as the plan names it, with the hash of its questions."""
    sha256 = sha256_of(json_lines(questions))
    return BenchmarkInfo(
        facts.name, len(questions), facts.source, facts.revision, facts.licence, sha256, facts.check, facts.summary
    )


def rows_of(
    spec: str, questions: Sequence[Question], facts: BenchmarkFacts, settings: EvaluateSettings
) -> BenchmarkRows | None:
    """How a benchmark's rows were read, golds checked; None where there is nothing to say. What is wrong is said.

    Raises UsageError for a user's own set with too many golds that cannot be judged by, unless they are allowed.
    """
    return None if is_made_here(spec) else _rows_read(questions, facts, settings)


def dev_rows_of(
    questions: Sequence[Question], facts: BenchmarkFacts, settings: EvaluateSettings
) -> BenchmarkRows | None:
    """The same of dev problems, on which policies are chosen."""
    return _rows_read(questions, facts, settings)


def _rows_read(
    questions: Sequence[Question], facts: BenchmarkFacts, settings: EvaluateSettings
) -> BenchmarkRows | None:
    read = golds.check_golds([question.problem for question in questions])
    hopeless = facts.own and read.unread > golds.MOST_UNREAD * read.checked
    if hopeless and not settings.allow_golds:
        golds.refuse(facts.name, read)
    for line in golds.words(facts.name, read):
        console.note(line)
    said = bool(read.unread or facts.unusable)
    return BenchmarkRows(read, dict(facts.unusable), hopeless) if said else None


def refuse_changed(plan: EvaluationPlan, finetuned: FinetunedFolder, settings: EvaluateSettings, folder: str) -> None:
    """Raises UsageError where a file no longer gives the questions (dev ones too) that a folder asked.

    So for Hub data sets without a revision, where the Hub can be reached. Sets that are made here and pinned ones are left
    alone: what they give is fixed by seed and revision.
    """
    asked = {info.name: info.sha256 for info in (*plan.benchmarks, *plan.dev)}
    for spec in settings.benchmarks:
        name, given = name_of(spec, settings.split), spec.partition("=")[2] or spec
        if name in asked and _may_change(spec):
            _refuse_changed_one(
                asked[name], partial(ask, spec, settings, limit_of(spec, settings), frozenset()), given, folder
            )
        dev = settings.dev.get(spec) or settings.dev.get(name)
        if dev and f"{name}{SUFFIX}" in asked and _may_change(dev_spec(name, dev)):
            _refuse_changed_one(
                asked[f"{name}{SUFFIX}"],
                partial(dev_questions, spec, name, settings, finetuned),
                dev,
                folder,
            )


def _may_change(spec: str) -> bool:
    """Whether what a spec gives is fixed neither by a seed nor by a revision."""
    place = spec.partition("=")[2]
    if not place:
        return spec not in BENCHMARKS.names() and not is_made_here(spec) and "@" not in spec
    return Path(place).expanduser().exists() or "@" not in place


def _refuse_changed_one(
    sha256: str, load: Callable[[], tuple[list[Question], BenchmarkFacts] | None], given: str, folder: str
) -> None:
    try:
        loaded = load()
    except (AuthError, RemoteError) as error:
        console.note(f"whether {given} has changed cannot be seen: {str(error).splitlines()[0]}")
        return
    if loaded is not None:
        _refuse_other(sha256, loaded, given, folder)


def _refuse_other(sha256: str, loaded: tuple[list[Question], BenchmarkFacts], file: str, folder: str) -> None:
    questions, facts = loaded
    if info_of(questions, facts).sha256 != sha256:
        raise UsageError(
            f"{folder} asked other questions of {facts.name} than {file} gives now: another evaluation",
            "give another --out; `journey report` shows the scores that are there",
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
