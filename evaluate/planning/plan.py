"""The evaluation plan: which runs get which questions, what is compared, within which limits; fixed before sampling."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import msgspec

from journey import console, views
from journey.config import EvaluateSettings
from journey.errors import UnknownName, UsageError
from journey.evaluate.planning import comparisons
from journey.evaluate.planning.check import check_benchmarks, check_grader, check_sampler
from journey.evaluate.planning.dev_questions import check_dev, dev_questions
from journey.evaluate.planning.larger import LargerModel, find_larger
from journey.evaluate.planning.questions import ask, dev_rows_of, info_of, limit_of, rows_of, trained_on
from journey.evaluate.planning.runs import pairs, read_runs, refuse_unservable, trained, twice, why_not_stacked
from journey.evaluate.statistics.verdict import BASE
from journey.formats.folders import FinetunedFolder
from journey.formats.plan import BenchmarkInfo, BenchmarkRows, EvaluationPlan, RunInfo
from journey.models import load, places, policy, template
from journey.models.endpoints import RunServer
from journey.sampling.requests import StrategySettings, roomy_cap
from journey.sampling.width import answers_together
from journey.schema import Question
from journey.servers.use import ServerUse, limits_of
from journey.servers.vllm import VllmInstall
from journey.views import View

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

CAP = 512  # new tokens, where no length is known
STACKED, ONE_BY_ONE = "stacked", "one adapter at a time"


def is_built_in(plan: EvaluationPlan) -> bool:
    """Whether the built-in sampler answers, and no server."""
    return plan.backend in (STACKED, ONE_BY_ONE)


@dataclass(frozen=True)
class EvaluationSetup:
    """A plan with what is needed to carry it out: questions (dev ones too) and their prompts (token ids) by benchmark.

    `vllm` is what will be started, `server` the one that answers, once it does.
    """

    plan: EvaluationPlan
    ref: load.ModelRef
    tokenizer: PreTrainedTokenizerBase
    questions: dict[str, list[Question]]
    prompts: dict[str, dict[str, list[int]]]
    device: str
    strategy_settings: StrategySettings
    positions: int | None
    larger: LargerModel | None = None
    servers: ServerUse | None = None
    vllm: VllmInstall | None = None
    server: RunServer | None = None
    batch_given: bool = True  # else it was chosen, and a plan that is there keeps its own

    def with_plan(self, plan: EvaluationPlan) -> EvaluationSetup:
        """A copy with another plan; questions, prompts and everything else stay as they are."""
        return replace(self, plan=plan)


def prepare(finetuned: FinetunedFolder, settings: EvaluateSettings) -> EvaluationSetup:
    """Everything that is fixed before sampling. Draws and loads questions, but no weights."""
    comparisons.check_strategies(settings)
    limits_of(settings)
    install = check_sampler(settings)
    check_grader(settings)
    check_dev(settings)
    runs = read_runs(finetuned)
    if install is not None:
        refuse_unservable(finetuned, runs)
    if settings.aa:
        runs = twice(runs, settings.aa_arm)
    ref = places.base_of(finetuned, settings.base)
    tokenizer = policy.attach(load.load_tokenizer(ref), finetuned.template)
    view = finetuned.view or template.default_view(tokenizer)
    infos, questions, rows = _ask(settings, finetuned)
    prompts = {name: _prompts(of_benchmark, tokenizer, view, ref, name) for name, of_benchmark in questions.items()}
    device = load.best_device()
    longest = max(len(prompt) for of_one in prompts.values() for prompt in of_one.values())
    positions = load.positions_of(ref)
    cap = _cap(settings, finetuned, ref, longest, positions)
    strategy_settings = comparisons.strategy_settings(settings, cap)
    larger = None if settings.larger is None else find_larger(settings, questions)
    plan = _plan(settings, runs, infos, strategy_settings, larger)
    plan = msgspec.structs.replace(
        plan,
        base=ref.name,
        view=view,
        max_new_tokens=cap,
        dtype=settings.dtype or ("float32" if device == "cpu" else "bfloat16"),
        backend=settings.endpoint or (f"vllm {install.version}" if install else _backend(finetuned, runs)),
        rows=rows,
    )
    given = "batch" in settings.model_fields_set
    if not given and is_built_in(plan):
        together = len(plan.runs) if plan.backend == STACKED else 1
        plan = msgspec.structs.replace(
            plan, batch=_width(ref, plan, min(together, settings.stack or together), longest)
        )
    return EvaluationSetup(
        plan,
        ref,
        tokenizer,
        questions,
        prompts,
        device,
        strategy_settings,
        positions,
        larger,
        vllm=install,
        batch_given=given,
    )


def _width(ref: load.ModelRef, plan: EvaluationPlan, runs: int, longest: int) -> int:
    """Answers of each run that are written together: as set by default on a CPU, by the memory of a GPU."""
    total = load.device_memory()
    if total is None:
        return plan.batch
    return answers_together(ref, runs, longest + plan.max_new_tokens, 4 if plan.dtype == "float32" else 2, total)


def _plan(
    settings: EvaluateSettings,
    runs: Sequence[RunInfo],
    infos: Mapping[str, BenchmarkInfo],
    strategy_settings: StrategySettings,
    larger: LargerModel | None,
) -> EvaluationPlan:
    """The plan as far as the settings say it; `infos` are all benchmarks by the name as asked for, dev ones too."""
    test = {spec: info for spec, info in infos.items() if not _is_dev(spec)}
    dev = [info for spec, info in infos.items() if _is_dev(spec)]
    asked = list(dict.fromkeys(settings.strategy))
    names = tuple(name for name in asked if not comparisons.strategy(name).probe)
    probed = tuple(comparisons.probed(settings, test)) if len(names) < len(asked) else ()
    left_out = comparisons.skipped(settings, test)
    arm_pairs = pairs(runs)
    arms = list(dict.fromkeys(run.arm for run in trained(runs)))
    primary = _primary(settings, test)
    declared = comparisons.family(
        names,
        test.values(),
        arms,
        arm_pairs,
        left_out,
        base=not settings.aa,
        equal=wants_equal_tokens(settings),
        larger=larger is not None and larger.cost is not None and not settings.aa,
        probed=probed,
    )
    drawn = comparisons.draws(names, strategy_settings, base_bins=settings.base_bins)
    return EvaluationPlan(
        base="",
        view="",
        runs=(RunInfo(BASE, BASE, None), *runs),
        benchmarks=tuple(test.values()),
        primary=primary,
        strategies=names,
        comparisons=declared,
        margin=settings.margin,
        max_new_tokens=0,
        batch=settings.batch,
        dtype="",
        seed=settings.seed,
        policies=comparisons.policies(names, strategy_settings),
        draws=drawn,
        base_draws=comparisons.base_draws(settings, drawn),
        skipped=tuple(left_out),
        dev=tuple(dev),
        larger=None if larger is None else larger.info,
        larger_template=None if larger is None else larger.template,
        aa=settings.aa,
        numbers=msgspec.to_builtins(strategy_settings),
        reward=settings.reward,
        probed=probed,
        primary_family=comparisons.primary_family(declared, primary),
    )


def wants_equal_tokens(settings: EvaluateSettings) -> bool:
    """Whether there are samples from which a policy of a given cost can be made."""
    return settings.equal_tokens and any(
        comparisons.strategy(name).draw == comparisons.SAMPLES for name in settings.strategy
    )


def _backend(finetuned: FinetunedFolder, runs: Sequence[RunInfo]) -> str:
    why = why_not_stacked(finetuned, runs)
    if why:
        console.note(f"{ONE_BY_ONE}, since {why}")
    return ONE_BY_ONE if why else STACKED


def _is_dev(spec: str) -> bool:
    return spec.startswith("dev of ")


def _ask(
    settings: EvaluateSettings, finetuned: FinetunedFolder
) -> tuple[dict[str, BenchmarkInfo], dict[str, list[Question]], dict[str, BenchmarkRows]]:
    """All benchmarks by the name as asked for ("dev of NAME" for dev problems); by name their questions and rows."""
    infos: dict[str, BenchmarkInfo] = {}
    rows: dict[str, BenchmarkRows] = {}
    questions: dict[str, list[Question]] = {}
    asked_for, seen = list(check_benchmarks(settings)), trained_on(finetuned, settings)
    for spec in asked_for:
        loaded, facts = ask(spec, settings, limit_of(spec, settings), seen)
        if facts.name in questions:
            raise UsageError(f"benchmark {facts.name} is asked for twice", "name each one once")
        chosen_on = None
        wanted = settings.sampled is None or bool({spec, facts.name} & set(settings.sampled))
        needed = wants_equal_tokens(settings) or settings.larger is not None
        dev = dev_questions(spec, facts.name, settings, finetuned) if needed and wanted else None
        if dev is not None:
            chosen_on = dev[1].name
            questions[chosen_on] = dev[0]
            infos[f"dev of {spec}"] = info_of(*dev)
            read = dev_rows_of(*dev, settings)
            if read is not None:
                rows[chosen_on] = read
        infos[spec] = msgspec.structs.replace(info_of(loaded, facts), dev=chosen_on)
        questions[facts.name] = loaded
        read = rows_of(spec, loaded, facts, settings)
        if read is not None:
            rows[facts.name] = read
    return infos, questions, rows


def _primary(settings: EvaluateSettings, infos: Mapping[str, BenchmarkInfo]) -> str:
    """The benchmark of the headline, by its name or as it was asked for."""
    names = [info.name for info in infos.values()]
    if settings.primary is None:
        return names[0]
    if settings.primary not in {*names, *infos}:
        raise UnknownName("primary benchmark", settings.primary, names)
    return infos[settings.primary].name if settings.primary in infos else settings.primary


def _prompts(
    questions: Sequence[Question], tokenizer: PreTrainedTokenizerBase, view: View, ref: load.ModelRef, name: str
) -> dict[str, list[int]]:
    """Token ids by question id. Raises UsageError naming words that the base cannot read."""
    ids = {}
    for question in questions:
        text = views.prompt(question.problem, view)
        if view == "compact" and not template.covers(tokenizer, text):
            words = ", ".join(template.unknown_words(tokenizer, text)[:8])
            raise UsageError(f"{ref.name} cannot read {name}: it has no word for {words}", "use a larger base")
        ids[question.id] = template.prompt_ids(tokenizer, question.problem, view)
    return ids


def _cap(
    settings: EvaluateSettings, finetuned: FinetunedFolder, ref: load.ModelRef, longest: int, positions: int | None
) -> int:
    """One cap of new tokens for all arms, within the base's positions.

    A quarter over the 99.5th percentile of the journeys trained on, where the runs tell it; else the longest row.
    """
    available = math.inf if positions is None else positions - longest
    least = finetuned.longest_completion
    cap = settings.max_new_tokens
    if cap is None:
        longest_row = finetuned.longest_row or CAP
        cap = int(min(longest_row if least is None else roomy_cap(least), available))
    if cap > available or cap < 1:
        raise UsageError(
            f"{ref.name} has {positions} positions: a prompt of {longest} tokens leaves room for {max(0, int(available))}",
            "lower --max-new-tokens, or leave out the benchmark with the long prompts",
        )
    if least is not None and cap < least:
        console.note(f"a cap of {cap} new tokens cuts answers off: the longest journeys trained on have {least:g}")
    return cap
