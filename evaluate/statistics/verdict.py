"""The verdict on two arms, by a rule fixed before scoring.

    family = declare(["gsm8k", "svamp"], [("shortcut@tokens", "journey")])     # stored in the plan
    adjusted = adjust(family, {item.key: comparison, ...})                     # Holm over all that was declared
    decide(comparison, adjusted[key], 0.05, first="shortcut@tokens", second="journey").words

Words, the first that holds: "too small to tell" (under 2 seeds or 100 problems), "journey better" or "shortcut better"
(named after the arms), "equal within the margin", "too small to tell" (everything else).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import product

from journey import numbers
from journey.evaluate.statistics.paired import holm, levels
from journey.evaluate.statistics.sizes import ALPHA, MIN_PROBLEMS, MIN_SEEDS, detectable, needed
from journey.formats.comparison import Comparison, Declared, Outcome, Size, Verdict

MARGIN = 0.05  # a difference of 5 points matters, unless the plan says otherwise
ADVISED_SEEDS = 5
FLOOR, CEILING = 0.05, 0.95
BASE = "base"
LARGER = "larger"  # the larger untuned model of --larger
MIXED = "mixed"
BELOW = "below the untuned base"
TOO_SMALL, EQUAL = "too small to tell", "equal within the margin"
PROVISIONAL = " (2 seeds, provisional)"
NO_DIFFERENCE = "no difference shown"  # of 0.1


EQUAL_TOKENS, EQUAL_FLOPS = "equal test tokens", "equal test FLOPs"
AFTER_MISTAKE, AGAINST_TWIN = "right after a mistake", "mistake against clean twin"  # of the recovery probe


def declare(benchmarks: Iterable[str], pairs: Iterable[tuple[str, str]], *, base: bool = True) -> list[Declared]:
    """Every pair on every benchmark and, with `base`, every arm of the pairs against the untuned base."""
    pairs = list(pairs)
    if base:
        pairs += [(BASE, arm) for arm in dict.fromkeys(arm for pair in pairs for arm in pair) if arm != BASE]
    return [Declared(benchmark, *pair) for benchmark, pair in product(benchmarks, dict.fromkeys(pairs))]


def adjust(declared: Sequence[Declared], comparisons: Mapping[str, Comparison]) -> dict[str, float]:
    """Holm's p by key over one declared family; a comparison that has no result or no p counts as p = 1.

    Raises ValueError on a comparison that was not declared.
    """
    return holm(_pvalues(declared, comparisons))


def asked(declared: Sequence[Declared], comparisons: Mapping[str, Comparison]) -> dict[str, float]:
    """The level by key that Holm would have asked of every comparison of one declared family."""
    return levels(_pvalues(declared, comparisons))


def _pvalues(declared: Sequence[Declared], comparisons: Mapping[str, Comparison]) -> dict[str, float | None]:
    keys = [item.key for item in declared]
    extra = sorted(set(comparisons) - set(keys))
    if extra:
        raise ValueError(f"not declared before scoring: {', '.join(extra)}; declared: {', '.join(keys) or 'none'}")
    return {key: comparisons[key].p if key in comparisons else None for key in keys}


def decide(
    comparison: Comparison,
    holm_p: float,
    margin: float = MARGIN,
    *,
    first: str = "shortcut",
    second: str = "journey",
    below_base: tuple[bool, bool] = (False, False),
    level: float = ALPHA,
    shares: bool = True,
) -> Verdict:
    """The verdict on `second` against `first` (positive difference = second better).

    `margin` is a share (0.05 = 5 points) set before scoring; `below_base` says for each arm whether `below` holds of
    its own comparison with the untuned base; `level` is what Holm asked of this comparison. Without `shares` each arm's
    figure is itself a difference, from -1 to 1, which has no floor and no ceiling. Raises ValueError where the margin or
    the p cannot be right.
    """
    if not 0 < margin < 1:
        raise ValueError(f"margin is {margin}, expected a share between 0 and 1 (0.05 = 5 points)")
    if not (comparison.p or 0.0) <= holm_p <= 1:
        raise ValueError(f"Holm's p is {holm_p}, expected {comparison.p} (the comparison's own p) to 1")
    labels, inside = _labels(first, second), _inside(comparison, margin)
    side = int(comparison.difference > 0)
    winner: str | None = None
    leaning: str | None = None
    sizes: tuple[Size, ...] = ()
    outcome: Outcome
    if _enough(comparison) and comparison.p is not None and holm_p <= ALPHA:
        outcome, winner, words = "better", (first, second)[side], f"{labels[side]} better"
        words += ", by less than the margin" if inside else ""
    elif _enough(comparison) and inside:
        outcome, words = "equal", EQUAL
        if _leaves_out_zero(comparison):
            leaning, words = (first, second)[side], f"{EQUAL}, leaning to {labels[side]}"
    else:
        outcome, words, sizes = "too small", TOO_SMALL, needed(comparison, margin, level)
    visible = comparison.detectable if level == ALPHA else detectable(comparison, level)
    facts = _facts(comparison, holm_p, first, second, visible, level, shares)
    return Verdict(
        words=words + (PROVISIONAL if comparison.seeds == 2 else ""),
        winner=winner,
        qualifiers=_qualifiers(comparison, labels, below_base, shares),
        explanation=f"{facts} {_meaning(outcome, comparison, margin, sizes, leaning, shares)}",
        inside_margin=inside,
        needed=sizes,
        holm_p=holm_p,
        margin=margin,
        first=first,
        second=second,
        outcome=outcome,
        leaning=leaning,
        level=level,
        detectable=visible,
    )


def below(comparison: Comparison, margin: float = MARGIN) -> bool:
    """Whether an arm is below the untuned base, which is a description and no verdict.

    Its mean lies below by more than the margin, and either the rule's own p (no Holm) is at most 0.05 or the interval of
    every single run lies below 0.
    """
    if comparison.difference >= -margin:
        return False
    shown = comparison.p is not None and comparison.p <= ALPHA
    return shown or bool(comparison.run_intervals) and all(high < 0 for _, high in comparison.run_intervals)


def mixed(verdicts: Iterable[Verdict]) -> bool:
    """Whether one pair of arms, over several benchmarks, has significant differences of both signs."""
    verdicts = list(verdicts)
    pairs = {(verdict.first, verdict.second) for verdict in verdicts}
    if len(pairs) > 1:
        raise ValueError(f"mixed() takes the verdicts of one pair of arms, got {sorted(pairs)}")
    return len({verdict.winner for verdict in verdicts} - {None}) == 2


def listed(arms: Sequence[str]) -> str:
    """Names as a list in a sentence: a, b and c."""
    return " and ".join(filter(None, (", ".join(arms[:-1]), arms[-1])))


def bare(arm: str) -> str:
    """An arm's name without its budget and without values of axes: `shortcut` for `shortcut@tokens r8`."""
    return arm.partition(" ")[0].partition("@")[0]


def _labels(first: str, second: str) -> tuple[str, str]:
    """What the words call the arms: without budget and axes, unless they alone tell them apart."""
    short = bare(first), bare(second)
    return (first, second) if short[0] == short[1] else short


def _enough(comparison: Comparison) -> bool:
    return comparison.seeds >= MIN_SEEDS and comparison.problems >= MIN_PROBLEMS


def _inside(comparison: Comparison, margin: float) -> bool | None:
    """Whether the 90 % interval lies within the margin on both sides; None where there is no interval."""
    if comparison.low90 is None or comparison.high90 is None:
        return None
    return -margin < comparison.low90 and comparison.high90 < margin


def _leaves_out_zero(comparison: Comparison) -> bool:
    return comparison.low is not None and comparison.high is not None and not comparison.low <= 0 <= comparison.high


def _qualifiers(
    comparison: Comparison, labels: tuple[str, str], below_base: tuple[bool, bool], shares: bool
) -> tuple[str, ...]:
    qualifiers = []
    if all(below_base):
        qualifiers.append(f"both {BELOW}")
    else:
        qualifiers += [f"{label} {BELOW}" for label, low in zip(labels, below_base, strict=True) if low]
    accuracies = comparison.first_accuracy, comparison.second_accuracy
    if shares and max(accuracies) < FLOOR:
        qualifiers.append("floor")
    if shares and min(accuracies) > CEILING:
        qualifiers.append("ceiling")
    return tuple(qualifiers)


def _facts(
    comparison: Comparison, holm_p: float, first: str, second: str, visible: float | None, level: float, shares: bool
) -> str:
    """The sentence of numbers, in points."""
    text = f"{second} minus {first}: {numbers.points(comparison.difference)} points"
    if comparison.low is not None and comparison.high is not None:
        between, p = numbers.interval(comparison.low, comparison.high), numbers.p_equals(holm_p)
        text += f" (95% interval {between}; p {p} after Holm)"
    text += (
        f" on {numbers.plural(comparison.problems, 'problem')} with {numbers.plural(comparison.seeds, 'training seed')}"
    )
    if visible is not None:
        at_level = "" if level == ALPHA else f" at {level:.2g}, the level that Holm asks here"
        size = (
            f"{numbers.points(visible, signed=False)} points"
            if visible <= (1 if shares else 2)
            else "more than is possible"
        )
        text += f"; minimum detectable effect {size} (80% power{at_level})"
    return text + "."


def _meaning(
    outcome: Outcome,
    comparison: Comparison,
    margin: float,
    sizes: tuple[Size, ...],
    leaning: str | None,
    shares: bool,
) -> str:
    """The sentence that says what the words mean here."""
    points = f"{100 * margin:g} points"
    narrow = f"The 90% interval, {numbers.interval(comparison.low90, comparison.high90)},"
    if outcome == "too small":
        return f"{_lacking(comparison, narrow, points, shares)}: {_sizes_that_do(comparison, sizes, points)}."
    if outcome == "equal" and leaning is not None:
        return (
            f"{narrow} lies inside the margin of {points}; the 95% interval leaves out 0 on the side of {leaning}, "
            "which is not enough for Holm."
        )
    if outcome == "equal":
        return f"{narrow} lies inside the margin of {points} on both sides."
    more = f" {narrow} lies inside the margin of {points}." if _inside(comparison, margin) else ""
    if comparison.seeds < ADVISED_SEEDS:
        return f"That is more than chance explains; {ADVISED_SEEDS} or more seeds are recommended.{more}"
    return f"That is more than the choice of problems and the luck of training runs explain.{more}"


def _lacking(comparison: Comparison, narrow: str, points: str, shares: bool) -> str:
    if comparison.seeds < MIN_SEEDS:
        return "One training seed cannot tell a better method from a lucky run"
    if comparison.problems < MIN_PROBLEMS:
        return f"Fewer than {MIN_PROBLEMS} problems are too few"
    if comparison.low is None:
        means = {comparison.first_accuracy, comparison.second_accuracy}
        where = {0.0: "Both arms solve nothing", 1.0: "Both arms solve everything"}
        what = where.get(means.pop()) if shares and len(means) == 1 else None
        return f"{what or 'Both arms have the same scores'}, which leaves no variation to judge by"
    return f"{narrow} reaches beyond the margin of {points}, and the difference is not shown"


def _sizes_that_do(comparison: Comparison, sizes: tuple[Size, ...], points: str) -> str:
    if not sizes:
        return f"how many seeds and problems would do for a margin of {points} cannot be told from these scores"
    ways = ", or ".join(
        f"{numbers.plural(size.seeds, 'seed')} on {numbers.plural(size.problems, 'problem')}" for size in sizes
    )
    return f"{'at least' if comparison.seeds < MIN_SEEDS else 'about'} {ways} would do for a margin of {points}"
