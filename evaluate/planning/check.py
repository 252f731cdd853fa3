"""Checks of evaluate's settings alone, before a run or a question is read: strategies, benchmarks, models."""

from __future__ import annotations

from pathlib import Path

from journey.answers.second import GRADERS
from journey.catalog import BENCHMARKS
from journey.config import EvaluateSettings
from journey.errors import UnknownName, UsageError
from journey.evaluate.planning import comparisons
from journey.evaluate.planning.dev_questions import check_dev, dev_spec
from journey.formats.folders import open_finished
from journey.models import load
from journey.models.endpoints import reference
from journey.questions import check_fields, is_made_here, load_questions, name_of
from journey.schema import BY_GOLD
from journey.servers.use import limits_of
from journey.servers.vllm import VllmInstall, find_vllm

_CAP = 512  # new tokens, where nothing is said: it only has to be some number here


def check(settings: EvaluateSettings) -> None:
    """Raises UsageError or UnknownName for settings that `evaluate` would refuse; draws no more than one question."""
    comparisons.check_strategies(settings)
    comparisons.strategy_settings(settings, settings.max_new_tokens or _CAP)
    limits_of(settings)
    check_grader(settings)
    check_benchmarks(settings)
    check_dev(settings)
    for spec, given in settings.dev.items():
        name_of(dev_spec(spec.partition("=")[0], given))
    check_fields(settings.map)
    for model in filter(None, (settings.larger, settings.reward)):
        if reference(model) is None:
            load.find(model)
    check_sampler(settings)
    if settings.endpoint is not None and not settings.endpoint.startswith(("http://", "https://")):
        raise UsageError(f"endpoint {settings.endpoint!r} is no http://HOST/v1", "e.g. http://localhost:8000/v1")
    for folder in settings.after:
        open_finished(Path(folder), "evaluate")


def check_sampler(settings: EvaluateSettings) -> VllmInstall | None:
    """The vLLM that will be started, if one will be. Raises UsageError where there is none, or a server is named as well."""
    if settings.sampler == "built-in":
        for name in ("vllm_memory", "vllm_args"):
            if getattr(settings, name) is not None:
                raise UsageError(f"{name} is for a vLLM that is started here", "add --sampler vllm")
        return None
    if settings.endpoint is not None:
        raise UsageError("--sampler vllm starts a server, and --endpoint names another", "leave one of them out")
    return find_vllm()


def check_grader(settings: EvaluateSettings) -> None:
    """Raises UnknownName for a second grader that there is not."""
    if settings.second_grader is not None and settings.second_grader not in GRADERS:
        raise UnknownName("second grader", settings.second_grader, GRADERS)


def check_benchmarks(settings: EvaluateSettings) -> dict[str, str]:
    """The benchmarks' names by how they are asked for. Raises UsageError or UnknownName for what is none, or is not asked."""
    if not settings.benchmarks:
        raise UsageError("no benchmark to evaluate on", "e.g. --benchmarks countdown@1; see `journey list benchmarks`")
    names: dict[str, str] = {}
    for spec in settings.benchmarks:
        name = name_of(spec, settings.split)
        if name in names.values():
            raise UsageError(f"benchmark {name} is asked for twice", "name each one once")
        names[spec] = name
    known = {*names, *names.values()}
    for setting, wanted, more in (
        ("primary benchmark", [settings.primary] if settings.primary is not None else [], ()),
        ("benchmark in sampled", settings.sampled or [], ()),
        ("benchmark in sizes", settings.sizes, BENCHMARKS.names()),  # a recipe's sizes may name more than is asked
    ):
        for name in wanted:
            if name not in known and name not in more:
                raise UnknownName(setting, name, known)
    if settings.fresh is not None and not any(map(is_made_here, names)):
        raise UsageError(
            "--fresh makes new problems, and none of the benchmarks is made here", "add a family, e.g. countdown@1"
        )
    if comparisons.strategy(settings.strategy[0]).checker:
        _has_checker(settings, names)
    return names


def _has_checker(settings: EvaluateSettings, names: dict[str, str]) -> None:
    """Raises UsageError for a benchmark on which the first strategy would find no checker."""
    for spec, name in names.items():
        facts = is_made_here(spec) and load_questions(spec, split=settings.split, seed=settings.seed, limit=1)[1]
        if not facts or facts.check in BY_GOLD:
            raise UsageError(
                f"{name} has no checker, which {settings.strategy[0]} needs", "name another strategy first"
            )
