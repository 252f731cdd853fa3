"""Dev problems: where a policy is chosen, so that the test problems only judge it.

A family gives problems of its dev split. A published test set is all test, so its dev problems come from the training
source: the dev split of the curated folder that the runs were trained from, or a file of your own
(`--set dev={gsm8k: FILE.jsonl}`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

from journey.catalog import BENCHMARKS
from journey.config import EvaluateSettings
from journey.errors import UnknownName
from journey.formats.folders import CuratedFolder, FinetunedFolder, find_folder, open_finished
from journey.formats.manifest import MANIFEST
from journey.questions import BenchmarkFacts, load_questions
from journey.schema import BY_GOLD, Problem, Question
from journey.splits import split_of

SUFFIX = ".dev"


def dev_questions(
    spec: str, name: str, settings: EvaluateSettings, finetuned: FinetunedFolder
) -> tuple[list[Question], BenchmarkFacts] | None:
    """Dev problems for a benchmark, by the name as it was asked for and its own; None where there are none.

    They are a benchmark called `NAME.dev`.
    """
    given = settings.dev.get(spec) or settings.dev.get(name)
    limit, loaded = settings.dev_problems, None
    if given is not None:
        loaded = load_questions(
            dev_spec(name, given),
            split="dev" if given in BENCHMARKS.names() else "test",
            seed=settings.seed,
            limit=limit,
            fields=settings.map,
            strict=settings.strict,
        )
    elif settings.split == "dev":
        return None  # the benchmark itself is dev
    elif "=" not in spec and name in BENCHMARKS.names() and "family" in BENCHMARKS.entry(name).facts:
        source = BENCHMARKS.entry(name).facts.get("dev", name)
        loaded = load_questions(source, split="dev", seed=settings.seed, limit=limit)
    else:
        problems = list(islice(_curated(finetuned), limit))
        if problems:
            questions = [Question(problem.id, name, problem) for problem in problems]
            facts = BenchmarkFacts(name, "dev problems of the curated data", licence=problems[0].licence)
            loaded = questions, facts
    if loaded is None:
        return None
    questions, facts = loaded
    own_name = f"{name}{SUFFIX}"
    renamed = [Question(question.id, own_name, question.problem) for question in questions]
    return renamed, replace(facts, name=own_name)


def dev_spec(name: str, given: str) -> str:
    """The benchmark that `--set dev={NAME: GIVEN}` names: one of the catalog, NAME=FILE, or a file for that name."""
    return given if "=" in given or given in BENCHMARKS.names() else f"{name}={given}"


def check_dev(settings: EvaluateSettings) -> None:
    """Raises UnknownName for dev problems of a benchmark that is not asked for."""
    known = {name for spec in settings.benchmarks for name in (spec, spec.partition("=")[0])}
    for name in settings.dev:
        if name not in known:
            raise UnknownName("benchmark in dev", name, known)


def _curated(finetuned: FinetunedFolder) -> Iterator[Problem]:
    """The dev problems, judged by their gold, of the folder that was trained from, where it lies beside the finetune folder."""
    curated = curated_folder(finetuned)
    if curated is None:
        return
    seen: set[str] = set()
    for pair in curated.pairs("dev"):
        problem = pair.problem
        if problem.id not in seen and problem.check in BY_GOLD and split_of(problem) == "dev":
            seen.add(problem.id)
            yield problem


def curated_folder(finetuned: FinetunedFolder) -> CuratedFolder | None:
    """The folder beside this one whose manifest is the finetune stage's input. Raises PartialError if it is damaged."""
    if finetuned.curated is None:
        return None
    beside = (path.parent for path in sorted(finetuned.path.resolve().parent.glob(f"*/{MANIFEST}")))
    path = find_folder(finetuned.curated, beside)
    return None if path is None else open_finished(path, "curate")
