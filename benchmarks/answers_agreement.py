"""What the answer checker decides and gets wrong, beside math-verify alone: a table with a row for every set of pairs.

    python benchmarks/answers_agreement.py                                      # last: docs/results/answers.md
    python benchmarks/answers_agreement.py --pairs FILE.jsonl --math500 FILE.jsonl

A pair has a gold answer, another text, and whether that is right ("same") or a near miss ("different"). Wrong is a right
text that is found different, or a near miss that is found the same; everything else that is not "undecided" is decided
rightly. math-verify is asked as `--second-grader` asks it: it is undecided where it cannot read a text, or not in time.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "tests" / "support"))
SEEDS = 3  # of every kind of the grammar


class Pair(NamedTuple):
    """A gold answer, another text, and whether the two are the same."""

    gold: str
    answer: str
    same: bool


def listed(path: Path) -> list[Pair]:
    """Pairs of a file with `gold`, `answer` and `want` (same, different) in every line."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    return [Pair(row["gold"], row["answer"], row["want"] == "same") for row in rows]


def golden() -> list[Pair]:
    """The pairs that the tests hold the checker to: right ones and near misses, by hand."""
    rows = json.loads((ROOT / "tests" / "golden" / "answers_pairs.json").read_text(encoding="utf-8"))
    return [
        Pair(row["gold"], row["answer"], row["want"] == "right") for row in rows if row["want"] in ("right", "wrong")
    ]


def kinds(names: list[str] | None = None) -> list[Pair]:
    """Right respellings and near misses of the grammar of the tests, of the hard kinds or of all."""
    from journey_testing.answer_kinds import KINDS

    cases = [KINDS[name](random.Random(f"{name} {seed}")) for name in names or KINDS for seed in range(SEEDS)]
    return [Pair(case.gold, text, True) for case in cases for text in case.right] + [
        Pair(case.gold, text, False) for case in cases for text in case.wrong
    ]


def respelled(golds: list[str]) -> list[Pair]:
    """Gold answers set otherwise (spaces, other fractions, brackets that grow), and with one digit or sign changed."""
    return [pair for gold in golds for pair in _respelled(gold)]


def _respelled(gold: str) -> Iterator[Pair]:
    wide = re.sub(r"(?<![\\A-Za-z])([+=,-])", r" \1 ", gold) if "," not in gold else gold
    for text in (
        wide,
        gold.replace("\\frac", "\\dfrac"),
        f"\\displaystyle {gold}",
        re.sub(r"\(([^()]*)\)", r"\\left(\1\\right)", gold),
    ):
        if text != gold:
            yield Pair(gold, text, True)
    draw = random.Random(gold)
    digits = [match.start() for match in re.finditer(r"\d", gold)]
    if digits:
        place = draw.choice(digits)
        other = draw.choice([digit for digit in "123456789" if digit != gold[place]])
        yield Pair(gold, gold[:place] + other + gold[place + 1 :], False)
    if gold != "0" and re.fullmatch(r"[\d\\].*", gold) and "pm" not in gold and "text" not in gold and "," not in gold:
        yield Pair(gold, f"-{gold}", False)


def judged(pairs: list[Pair], judge: Callable[[str, str], str]) -> tuple[Counter[str], Counter[str]]:
    """How often each outcome was given, to right texts and to near misses."""
    right, wrong = Counter[str](), Counter[str]()
    for pair in pairs:
        (right if pair.same else wrong)[judge(pair.gold, pair.answer)] += 1
    return right, wrong


def main() -> None:
    """Print the table."""
    from answers_speed import HARD

    from journey.answers.checker import compare
    from journey.answers.second import second_opinion

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=Path, help="rows with gold, answer and want: another set")
    parser.add_argument("--math500", type=Path, help="MATH-500 as JSON lines with `answer`: two more sets")
    given = parser.parse_args()
    sets = {"by hand (tests)": golden(), "hard kinds": kinds(HARD), "all kinds": kinds()}
    if given.pairs:
        sets = {"MATH-500 golds, by hand": listed(given.pairs), **sets}
    if given.math500:
        rows = [json.loads(line) for line in given.math500.read_text(encoding="utf-8").splitlines()]
        sets["MATH-500 golds, by machine"] = respelled([row["answer"] for row in rows])
    graders = (
        ("ours", lambda gold, answer: compare(gold, answer).value),
        ("math-verify", lambda gold, answer: second_opinion(gold, answer).outcome.value),
    )
    print("| set | grader | right: same / undecided / different | near misses: different / undecided / same |")
    print("|---|---|---:|---:|")
    for name, pairs in sets.items():
        for grader, judge in graders:
            right, wrong = judged(pairs, judge)
            print(
                f"| {name} | {grader} | {right['same']} / {right['undecided']} / {right['different']} "
                f"| {wrong['different']} / {wrong['undecided']} / {wrong['same']} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
