"""The pre-registered part of a plan: strategies with their numbers, their draws, and the family of comparisons."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from journey.catalog import STRATEGIES
from journey.config import EvaluateSettings
from journey.errors import UnknownName, UsageError
from journey.evaluate.statistics.verdict import (
    AFTER_MISTAKE,
    AGAINST_TWIN,
    BASE,
    EQUAL_FLOPS,
    EQUAL_TOKENS,
    LARGER,
    bare,
    declare,
)
from journey.evaluate.test_time.contract import Strategy
from journey.formats.comparison import Declared
from journey.formats.plan import BenchmarkInfo, DrawInfo, EvaluationPlan, Skipped, StrategyInfo
from journey.sampling.requests import StrategySettings
from journey.schema import BY_GOLD

CAP_SHARES = (8, 4, 2)  # budget-cap's default levels are these parts of the cap of new tokens
GREEDY, SAMPLES = "greedy", "samples"


def strategy(name: str) -> Strategy:
    """The strategy of a name. Raises UnknownName."""
    instance: Strategy = STRATEGIES.get(name)()
    return instance


def strategy_settings(settings: EvaluateSettings, cap: int) -> StrategySettings:
    """What strategies are carried out with. Raises UsageError where it does not go together."""
    samples = settings.samples or 2 * settings.k
    if samples < settings.k:
        raise UsageError(f"{samples} samples cannot give the best of {settings.k}", "raise samples or lower --k")
    caps = settings.caps or sorted({max(1, cap // share) for share in CAP_SHARES})
    if min(caps) < 1 or sorted(set(caps)) != list(caps):
        raise UsageError(f"caps {list(caps)} are no rising numbers of tokens", "e.g. --set caps=[64,128]")
    return StrategySettings(
        k=settings.k,
        samples=samples,
        temperature=settings.temperature,
        top_p=settings.top_p,
        rounds=settings.rounds,
        waits=settings.waits,
        caps=tuple(caps),
        logprob=settings.logprob,
    )


def settings_of(plan: EvaluationPlan) -> StrategySettings:
    """What the strategies of a plan are carried out with, as it was fixed there."""
    if not plan.numbers:
        return _FIRST_PLANS
    return StrategySettings(**{**plan.numbers, "caps": tuple(plan.numbers.get("caps", ()))})


_FIRST_PLANS = StrategySettings(1, 1, 0.7, 0.95, 0, 0, ())  # of plans made when greedy was the only strategy


def policies(names: Sequence[str], given: StrategySettings) -> tuple[StrategyInfo, ...]:
    """The plan's record of each strategy, in the order given, with its policy at its last setting."""
    infos = []
    for name in names:
        one = strategy(name)
        summary = STRATEGIES.entry(name).summary
        policy = one.policy(one.places(given)[-1])
        infos.append(StrategyInfo(name, policy, one.draw, summary, one.oracle, one.checker))
    return tuple(infos)


def draws(names: Sequence[str], given: StrategySettings, *, base_bins: bool = False) -> tuple[DrawInfo, ...]:
    """What is drawn for these strategies, each draw once; greedy first, which the equal-token comparison needs too.

    With `base_bins` samples too, which are those of the base alone where no strategy reads them.
    """
    drawing = dict.fromkeys([GREEDY, *(strategy(name).draw for name in names), *([SAMPLES] if base_bins else [])])
    return tuple(strategy(name).drawn(given) for name in drawing)


def base_draws(settings: EvaluateSettings, drawn: Sequence[DrawInfo]) -> tuple[str, ...] | None:
    """What is drawn of the untuned base: what is not drawn by chance, what the first strategy reads (by which arms are
    compared with it), what an oracle reads (pass@k of the base is what others are held against), and samples where bins of
    problems by how often it is right are asked for. None for all.
    """
    if settings.sample_base and not settings.base_bins:
        return None
    read = {strategy(name).draw for rank, name in enumerate(settings.strategy) if not rank or strategy(name).oracle}
    if settings.base_bins:
        read.add(SAMPLES)
    kept = tuple(draw.name for draw in drawn if not draw.temperature or draw.name in read)
    return None if len(kept) == len(drawn) and not settings.base_bins else kept


def skipped(settings: EvaluateSettings, benchmarks: Mapping[str, BenchmarkInfo]) -> list[Skipped]:
    """Strategies that a benchmark cannot have or is not asked for. Raises UsageError where one is left without any.

    `benchmarks` are by the name as it was asked for.
    """
    for name in settings.sampled or ():
        if name not in {*benchmarks, *(info.name for info in benchmarks.values())}:
            raise UnknownName("benchmark in sampled", name, benchmarks)
    left_out = []
    for spec, info in benchmarks.items():
        wanted = settings.sampled is None or bool({spec, info.name} & set(settings.sampled))
        for rank, name in enumerate(settings.strategy):
            if strategy(name).checker and info.check in BY_GOLD:
                if rank == 0:
                    raise UsageError(f"{info.name} has no checker, which {name} needs", "name another strategy first")
                left_out.append(Skipped(info.name, name, "has no checker that needs the problem alone"))
            elif rank and not wanted:
                left_out.append(Skipped(info.name, name, "not asked for on this benchmark"))
    return left_out


def check_strategies(settings: EvaluateSettings) -> None:
    """Raises UnknownName or UsageError for strategies that cannot be carried out or cannot give a verdict."""
    for name in settings.strategy:
        if strategy(name).reward and settings.reward is None:
            raise UsageError(f"{name} needs a reward model", "--set reward=FOLDER, or reward=NAME@http://HOST/v1")
    first = settings.strategy[0] if settings.strategy else None
    if first is None:
        raise UsageError("no strategy", "e.g. --strategy greedy,majority; see `journey list strategies`")
    if strategy(first).probe:
        raise UsageError(f"{first} is a probe and gives no headline", f"e.g. --strategy greedy,{first}")
    if strategy(first).oracle:
        raise UsageError(f"{first} looks at the gold answer and gives no verdict", "name another strategy first")


def family(
    names: Sequence[str],
    benchmarks: Iterable[BenchmarkInfo],
    arms: Sequence[str],
    arm_pairs: Sequence[tuple[str, str]],
    left_out: Iterable[Skipped],
    *,
    base: bool,
    equal: bool,
    larger: bool,
    probed: Iterable[str] = (),
) -> tuple[Declared, ...]:
    """Every comparison that gets a verdict; `primary_family` names those that the headline speaks of.

    The first strategy: all pairs, and every arm against the base. Other strategies (no oracles): the pairs. At equal
    test tokens: the pairs, where there are dev problems to choose a policy on. A larger model: every arm. The recovery
    probe: the pairs, after a mistake and against its clean twin.
    """
    benchmarks, left = list(benchmarks), {(one.benchmark, one.strategy) for one in left_out}
    bases = [(BASE, arm) for arm in arms] if base else []
    declared = declare([b.name for b in benchmarks], [*arm_pairs, *bases], base=False)
    for name in names[1:]:
        if not strategy(name).oracle:
            declared += [
                Declared(b.name, *pair, name) for b in benchmarks if (b.name, name) not in left for pair in arm_pairs
            ]
    chosen = [b.name for b in benchmarks if b.dev is not None]
    declared += [Declared(name, *pair, EQUAL_TOKENS) for name in chosen for pair in arm_pairs if equal]
    declared += [Declared(name, LARGER, arm, EQUAL_FLOPS) for name in chosen for arm in arms if larger]
    probes = [
        Declared(name, *pair, at) for name in probed for pair in arm_pairs for at in (AFTER_MISTAKE, AGAINST_TWIN)
    ]
    return (*declared, *probes)


def probed(settings: EvaluateSettings, benchmarks: Mapping[str, BenchmarkInfo]) -> list[str]:
    """The benchmarks with the recovery probe: those that get strategies other than the first, by the name as asked for."""
    wanted = settings.sampled
    return [i.name for spec, i in benchmarks.items() if wanted is None or {spec, i.name} & set(wanted)]


def primary_family(declared: Iterable[Declared], primary: str) -> tuple[str, ...]:
    """The keys of the primary comparisons: on the primary benchmark, one a question that is asked of the journey.

    Which budget the shortcut had (`@examples`, `@tokens`) is a question each; equal test tokens is one more, asked of the
    shortcut that had equal training tokens where there is one. Journeys of another origin count as shortcuts do. Controls
    are secondary, unless there is nothing else.
    """
    there = [item for item in declared if item.benchmark == primary and item.first not in (BASE, LARGER)]
    named = [item for item in there if bare(item.first).partition(":")[0] in ("shortcut", "journey")] or there
    questions = [item for item in named if not item.at]
    equal: dict[str, Declared] = {}
    for item in (one for one in named if one.at == EQUAL_TOKENS):
        if item.second not in equal or "@tokens" in item.first and "@tokens" not in equal[item.second].first:
            equal[item.second] = item
    return tuple(item.key for item in [*questions, *equal.values()])


def is_primary(plan: EvaluationPlan, item: Declared) -> bool:
    """Whether the headline speaks of a comparison."""
    if plan.primary_family:
        return item.key in plan.primary_family
    return item.benchmark == plan.primary and item.first not in (BASE, LARGER) and item.at in ("", EQUAL_TOKENS)


def families(plan: EvaluationPlan) -> list[list[Declared]]:
    """The comparisons that Holm covers together: the primary ones, and the others; all in one in plans of 0.1."""
    if not plan.primary_family:
        return [list(plan.comparisons)]
    primary = [item for item in plan.comparisons if is_primary(plan, item)]
    return [primary, [item for item in plan.comparisons if item not in primary]]
