"""The tables of docs/statistics.md: how often the verdict rule errs and which words it gives, simulated, with the tests that
people use instead on the same runs.

    python benchmarks/statistics_tables.py                  # prints the tables, about two minutes on one core
    python benchmarks/statistics_tables.py --write          # and puts them into docs/statistics.md

The other tests are written here from their formulas. A run is one training seed; each of these tools sees an arm's seeds as
its documentation asks for repeats to be given:

    evalsig         `evalsig gate`: the mean over repeats of every problem, signs flipped at random
                    (github.com/vtensor/evalsig 504c35f, src/evalsig/inference/paired.py; a permutation for scores that are not 0/1)
    paired-eval     `run_paired_repeated`: the same, and an exact McNemar test over all (problem, repeat) pairs beside it
                    (github.com/alloevil/paired-eval d8bf11a, paired_eval/claim_eval.py and paired_bench.py)
    evalconfidence  `compare`: a paired t test over problems on the means over repeats
                    (github.com/stephlinds/evalconfidence f2bdb07, src/evalconfidence/compare.py)
    lm-eval         unpaired z of two accuracies with their standard errors over problems
                    (github.com/EleutherAI/lm-evaluation-harness 1c62da1, scripts/model_comparator.py)
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from scipy import stats

from journey.evaluate.statistics.paired import sign_flips
from journey.evaluate.statistics.simulated import PIECE, Answers, Array, Spread, draws, many, rule, shares
from journey.rng import seed_for

DOCS = Path(__file__).parents[1] / "docs" / "statistics.md"
BEGIN, END = "<!-- made by benchmarks/statistics_tables.py -->", "<!-- end of what is made -->"
MARGIN, FAMILY, PRIMARY = 0.05, 26, 3
SEEDS, SDS = (2, 3, 5, 10), (0, 1, 2)
SIZES, FEW = (300, 600, 1319), (2, 3, 5)
SPREADS: tuple[Spread, ...] = (1, 2, (0.5, 3), (1, 5))
TRUTHS = (0.0, MARGIN / 2, MARGIN)
PEER_CELLS: tuple[tuple[int, Spread], ...] = tuple(itertools.product((2, 3, 5), (0, 1, 2, 4)))


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def named(sd: Spread) -> str:
    """The spread of runs, of both arms alike or of each."""
    return f"{sd[0]:g} v {sd[1]:g}" if isinstance(sd, tuple) else f"{sd:g}"


def percent(values: Iterable[float], digits: int = 0) -> str:
    """Shares as percent, side by side."""
    return " / ".join(f"{100 * value:.{digits}f}" for value in values)


def operating(n: int, count: int) -> str:
    """Errors, coverage, width and power by seeds, runs that vary by 0 / 1 / 2 points."""
    names = (
        "false positives, rule (%)",
        "sign flips alone (%)",
        "coverage of the interval (%)",
        "half-width (points)",
        "detectable (points)",
        "power at the detectable effect (%)",
    )
    columns = []
    for seeds in SEEDS:
        cells = []
        for sd in SDS:
            null = many(count, n, seeds, sd, "null", all_flips=True)
            effect = float(np.median(null.detectable))
            real = many(count, n, seeds, sd, "effect", effect=effect)
            cells.append(
                (
                    float((null.p <= 0.05).mean()),
                    float((null.p_flips <= 0.05).mean()),
                    float((np.abs(null.difference) <= null.half).mean()),
                    float(np.median(null.half)),
                    effect,
                    float(((real.p <= 0.05) & (real.difference > 0)).mean()),
                )
            )
        digits = (1, 1, 1, 1, 1, 0)
        columns.append([percent(row, digits[at]) for at, row in enumerate(zip(*cells, strict=True))])
    rows = [(name, *(column[at] for column in columns)) for at, name in enumerate(names)]
    return table([f"{n:,} problems", *(f"{seeds} seeds" for seeds in SEEDS)], rows)


def unequal(count: int) -> str:
    """False positives where runs of two arms do not spread alike."""
    rows = []
    for n, seeds in itertools.product((300, 1319), FEW):
        rates = [
            float((many(count, n, seeds, sd, "null").p <= 0.05).mean()) for sd in ((1, 1), (2, 2), (0.5, 3), (1, 5))
        ]
        rows.append((f"{n:,}", f"{seeds}", *(percent([rate], 1) for rate in rates)))
    return table(["problems", "seeds", "1 v 1", "2 v 2", "0.5 v 3", "1 v 5"], rows)


def words(sd: Spread, count: int) -> str:
    """Which words are given: better / equal / too small, at three truths."""
    rows = []
    for n, seeds in itertools.product(SIZES, FEW):
        cells = []
        for effect in TRUTHS:
            given = shares(many(count, n, seeds, sd, f"words {effect}", effect=effect), MARGIN)
            better = given["first better"] + given["second better"] if not effect else given["second better"]
            cells.append(percent((better, given["equal"], given["too small"])))
        rows.append((f"{n:,}", f"{seeds}", *cells))
    return table(["problems", "seeds", "truth 0", "half the margin", "the margin"], rows)


def family(count: int) -> str:
    """A family of 26: how often any equal comparison is called better, and one of the margin in the worst place."""
    rows = []
    for n, seeds in itertools.product(SIZES, FEW):
        for sd in (1, 2):
            null = many(FAMILY * (count // 4), n, seeds, sd, "family", flips=100 * FAMILY)
            wrong = [
                float((null.p[: len(null.p) // size * size].reshape(-1, size) <= 0.05 / size).any(axis=1).mean())
                for size in (PRIMARY, FAMILY)
            ]
            real = many(count, n, seeds, sd, "family effect", effect=MARGIN, flips=100 * FAMILY)
            alone, worst = (shares(real, MARGIN, level)["second better"] for level in (0.05, 0.05 / FAMILY))
            equal = shares(many(count, n, seeds, sd, "words 0.0"), MARGIN, 0.05 / FAMILY)["equal"]
            rows.append((f"{n:,}", f"{seeds}", f"{sd}", *(percent([x]) for x in (*wrong, alone, worst, equal))))
    heads = [
        "problems",
        "seeds",
        "sd",
        f"any of {PRIMARY} wrongly better",
        f"any of {FAMILY} wrongly better",
        "margin found, alone",
        "margin found, worst of 26",
        "equal, truth 0",
    ]
    return table(heads, rows)


def peers(n: int, count: int) -> str:
    """False positives of the tests in use, and of the rule, on the same simulated runs without a difference."""
    rows = []
    for seeds, sd in PEER_CELLS:
        rng = np.random.default_rng(seed_for("peers", n, seeds, str(sd)))
        signs = sign_flips(n, 2000).astype(np.float64)
        parts = [list(peer_tests(*draws(rng, part, n, seeds, sd), signs)) for part in pieces(count, n * seeds)]
        rates = [float((np.concatenate(columns) <= 0.05).mean()) for columns in zip(*parts, strict=True)]
        rows.append((f"{seeds}", named(sd), *(percent([rate], 1) for rate in rates)))
    heads = [
        "seeds",
        "sd between runs",
        "evalsig, paired-eval",
        "paired-eval, McNemar",
        "evalconfidence",
        "lm-eval z",
        "this rule",
    ]
    return table(heads, rows)


def peer_tests(first: Answers, second: Answers, signs: Array) -> Iterator[Array]:
    """p of every draw, (draw,), by the sign flips, McNemar over all pairs, the paired t, the unpaired z, and the rule."""
    n = first.shape[2]
    by_problem = [y.mean(axis=1) for y in (first, second)]
    difference = by_problem[1] - by_problem[0]
    ruled = rule(first, second, signs, all_flips=True)
    yield ruled.p_flips
    only = [(one & ~other).sum(axis=(1, 2)) for one, other in ((first, second), (second, first))]
    yield np.minimum(1.0, 2 * stats.binom.cdf(np.minimum(*only), only[0] + only[1], 0.5))
    t = difference.mean(axis=1) / (difference.std(axis=1, ddof=1) / np.sqrt(n))
    yield 2 * stats.t.sf(np.abs(t), n - 1)
    errors = [y.std(axis=1, ddof=1) / np.sqrt(n) for y in by_problem]
    yield 2 * stats.norm.sf(np.abs(difference.mean(axis=1)) / np.hypot(*errors))
    yield ruled.p


def pieces(count: int, size: int) -> Iterator[int]:
    """A number of draws, in parts that fit in memory."""
    piece = max(1, PIECE // size)
    yield from (min(piece, count - done) for done in range(0, count, piece))


def made(count: int) -> str:
    """Everything that docs/statistics.md shows of this script."""
    parts = [
        (
            f"Runs whose accuracy varies between seeds by 0 / 1 / 2 points, no difference ({count:,} draws a cell, error of a rate at "
            f"most {100 * np.sqrt(0.05 * 0.95 / count):.1f} points near 5 %):"
        ),
        *(operating(n, count) for n in (300, 1319)),
        "False positives (%) where runs of two arms spread by the points named:",
        unequal(count),
        "## Which words are given",
        (
            "*Better / equal / too small*, in %, by what the truth is, margin 5 points, one comparison alone. *Better* at truth 0 is an "
            "error, and so is *equal* at the margin."
        ),
    ]
    for sd in SPREADS:
        parts += [f"Runs that vary by {named(sd)} point{'' if sd == 1 else 's'}:", words(sd, count)]
    parts += [
        (
            f"Families of {PRIMARY} (primary) and {FAMILY} (the secondary comparisons of the demo), independent of one another, in %. "
            "With 2 or 3 seeds the few degrees of freedom make p too small far out in the tail, where Holm looks in a large family: "
            "on large sets whose runs vary by 2 points a family of 26 errs more often than 1 in 20. Holm costs power for *better* "
            "alone: *equal* is judged at 5 % a comparison."
        ),
        family(count),
        "## Against the paired tests in use",
        (
            f"False positives (%) at the 5 % level on the same simulated runs, 300 problems, {count:,} trials a cell. An arm's seeds are "
            "given to each tool as repeats of the same problems. None of them knows that a trained run is itself a draw, so that more "
            "seeds or more problems make it surer of what is luck."
        ),
        peers(300, count),
        "With 1,319 problems:",
        peers(1319, count),
    ]
    return "\n\n".join(parts)


def main() -> None:
    """Print the tables, or write them into the docs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=2000, help="simulated comparisons a cell")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/statistics.md")
    given = parser.parse_args()
    text = made(given.draws)
    if given.write:
        before, _, rest = DOCS.read_text(encoding="utf-8").partition(BEGIN)
        DOCS.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{rest.partition(END)[2]}", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
