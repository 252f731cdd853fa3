"""The verdict on two arms, by a rule fixed before scoring.

    family = declare(["gsm8k", "svamp"], [("shortcut@tokens", "journey")])     # stored in the plan
    adjusted = adjust(family, {item.key: comparison, ...})                     # Holm over all that was declared
    decide(comparison, adjusted[key], 0.05, first="shortcut@tokens", second="journey").words

Words: "too small to tell", "journey better" or "shortcut better" (named after the arms), "no difference shown".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import product

from journey import numbers
from journey.evaluate.statistics.paired import MIN_PROBLEMS, MIN_SEEDS, holm, needed
from journey.formats.comparison import Comparison, Declared, Size, Verdict

ALPHA = 0.05
MARGIN = 0.05  # a difference of 5 points matters, unless the plan says otherwise
ADVISED_SEEDS = 5
FLOOR, CEILING = 0.05, 0.95
BASE = "base"
LARGER = "larger"  # the larger untuned model of --larger
MIXED = "mixed"
BELOW = "below the untuned base"
TOO_SMALL, NO_DIFFERENCE = "too small to tell", "no difference shown"


EQUAL_TOKENS, EQUAL_FLOPS = "equal test tokens", "equal test FLOPs"


def declare(benchmarks: Iterable[str], pairs: Iterable[tuple[str, str]], *, base: bool = True) -> list[Declared]:
    """Every pair on every benchmark and, with `base`, every arm of the pairs against the untuned base."""
    pairs = list(pairs)
    if base:
        pairs += [(BASE, arm) for arm in dict.fromkeys(arm for pair in pairs for arm in pair) if arm != BASE]
    return [Declared(benchmark, *pair) for benchmark, pair in product(benchmarks, dict.fromkeys(pairs))]


def adjust(declared: Sequence[Declared], comparisons: Mapping[str, Comparison]) -> dict[str, float]:
    """Holm's p by key over the whole declared family; a declared comparison that has no result counts as p = 1.

    Raises ValueError on a comparison that was not declared.
    """
    keys = [item.key for item in declared]
    extra = sorted(set(comparisons) - set(keys))
    if extra:
        raise ValueError(f"not declared before scoring: {', '.join(extra)}; declared: {', '.join(keys) or 'none'}")
    return holm({key: comparisons[key].p if key in comparisons else None for key in keys})


def decide(
    comparison: Comparison,
    holm_p: float,
    margin: float = MARGIN,
    *,
    first: str = "shortcut",
    second: str = "journey",
    below_base: tuple[bool, bool] = (False, False),
) -> Verdict:
    """The verdict on `second` against `first` (positive difference = second better).

    `margin` is a share (0.05 = 5 points) set before scoring; `below_base` says for each arm whether `below` holds of
    its own comparison with the untuned base. Raises ValueError where the margin or the p cannot be right.
    """
    if not 0 < margin < 1:
        raise ValueError(f"margin is {margin}, expected a share between 0 and 1 (0.05 = 5 points)")
    if not (comparison.p or 0.0) <= holm_p <= 1:
        raise ValueError(f"Holm's p is {holm_p}, expected {comparison.p} (the comparison's own p) to 1")
    labels = _labels(first, second)
    winner: str | None = None
    sizes: tuple[Size, ...] = ()
    if _significant(comparison, holm_p):
        side = int(comparison.difference > 0)
        winner, words = (first, second)[side], f"{labels[side]} better"
        if comparison.seeds == 2:
            words += " (2 seeds, provisional)"
    elif _resolves(comparison, margin):
        words = NO_DIFFERENCE
    else:
        words, sizes = TOO_SMALL, needed(comparison, margin)
    facts = _facts(comparison, holm_p, first, second)
    return Verdict(
        words=words,
        winner=winner,
        qualifiers=_qualifiers(comparison, labels, below_base),
        explanation=f"{facts} {_meaning(words, comparison, margin, sizes)}",
        inside_margin=_inside(comparison, margin),
        needed=sizes,
        holm_p=holm_p,
        margin=margin,
        first=first,
        second=second,
    )


def below(comparison: Comparison, holm_p: float) -> bool:
    """Whether an arm is worse than the untuned base, by the same test and the same least sizes as a verdict."""
    return _significant(comparison, holm_p) and comparison.difference < 0


def mixed(verdicts: Iterable[Verdict]) -> bool:
    """Whether one pair of arms, over several benchmarks, has significant differences of both signs."""
    verdicts = list(verdicts)
    pairs = {(verdict.first, verdict.second) for verdict in verdicts}
    if len(pairs) > 1:
        raise ValueError(f"mixed() takes the verdicts of one pair of arms, got {sorted(pairs)}")
    return len({verdict.winner for verdict in verdicts} - {None}) == 2


def bare(arm: str) -> str:
    """An arm's name without its budget and without values of axes: `shortcut` for `shortcut@tokens r8`."""
    return arm.partition(" ")[0].partition("@")[0]


def _labels(first: str, second: str) -> tuple[str, str]:
    """What the words call the arms: without budget and axes, unless they alone tell them apart."""
    short = bare(first), bare(second)
    return (first, second) if short[0] == short[1] else short


def _enough(comparison: Comparison) -> bool:
    return comparison.seeds >= MIN_SEEDS and comparison.problems >= MIN_PROBLEMS


def _significant(comparison: Comparison, holm_p: float) -> bool:
    return _enough(comparison) and comparison.p is not None and holm_p <= ALPHA


def _resolves(comparison: Comparison, margin: float) -> bool:
    """Large enough that a difference of the margin would have been seen; arms that never differ resolve nothing."""
    alike = comparison.se == 0 and comparison.difference == 0
    return _enough(comparison) and not alike and comparison.detectable is not None and comparison.detectable <= margin


def _inside(comparison: Comparison, margin: float) -> bool | None:
    if comparison.low is None or comparison.high is None:
        return None
    return -margin <= comparison.low and comparison.high <= margin


def _qualifiers(comparison: Comparison, labels: tuple[str, str], below_base: tuple[bool, bool]) -> tuple[str, ...]:
    qualifiers = []
    if all(below_base):
        qualifiers.append(f"both {BELOW}")
    else:
        qualifiers += [f"{label} {BELOW}" for label, low in zip(labels, below_base, strict=True) if low]
    accuracies = comparison.first_accuracy, comparison.second_accuracy
    if max(accuracies) < FLOOR:
        qualifiers.append("floor")
    if min(accuracies) > CEILING:
        qualifiers.append("ceiling")
    return tuple(qualifiers)


def _facts(comparison: Comparison, holm_p: float, first: str, second: str) -> str:
    """The sentence of numbers, in points."""
    text = f"{second} minus {first}: {numbers.points(comparison.difference)} points"
    if comparison.low is not None and comparison.high is not None:
        between, p = numbers.interval(comparison.low, comparison.high), numbers.p_equals(holm_p)
        text += f" (95% interval {between}; p {p} after Holm)"
    text += (
        f" on {numbers.plural(comparison.problems, 'problem')} with {numbers.plural(comparison.seeds, 'training seed')}"
    )
    if comparison.detectable is not None:
        text += f"; minimum detectable effect {numbers.points(comparison.detectable, signed=False)} points (80% power)"
    return text + "."


def _meaning(words: str, comparison: Comparison, margin: float, sizes: tuple[Size, ...]) -> str:
    """The sentence that says what the words mean here."""
    points = f"{100 * margin:g} points"
    if words == TOO_SMALL:
        return f"{_lacking(comparison, points)}: {_sizes_that_do(comparison, sizes, points)}."
    if words == NO_DIFFERENCE and _inside(comparison, margin):
        return f"The whole interval lies inside the margin of {points}."
    if words == NO_DIFFERENCE:
        return f"The interval reaches beyond the margin of {points}, so a difference that large is not excluded."
    if comparison.seeds < ADVISED_SEEDS:
        return f"That is more than chance explains; {ADVISED_SEEDS} or more seeds are recommended."
    return "That is more than the choice of problems and the luck of training runs explain."


def _lacking(comparison: Comparison, points: str) -> str:
    if comparison.seeds < MIN_SEEDS:
        return "One training seed cannot tell a better method from a lucky run"
    if comparison.problems < MIN_PROBLEMS:
        return f"Fewer than {MIN_PROBLEMS} problems are too few"
    if comparison.se == 0 and comparison.difference == 0:
        return "Both arms have the same score on every problem, which leaves no variation to judge by"
    return f"A difference of {points}, the margin, could have been missed"


def _sizes_that_do(comparison: Comparison, sizes: tuple[Size, ...], points: str) -> str:
    if not sizes:
        return f"how many seeds and problems would do for a margin of {points} cannot be told from these scores"
    ways = ", or ".join(
        f"{numbers.plural(size.seeds, 'seed')} on {numbers.plural(size.problems, 'problem')}" for size in sizes
    )
    return f"{'at least' if comparison.seeds < MIN_SEEDS else 'about'} {ways} would do for a margin of {points}"
