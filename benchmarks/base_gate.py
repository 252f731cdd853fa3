"""Whether an embedded base is of use for journeys at a level of a family: its gate, measured on dev problems, as a table.

    python benchmarks/base_gate.py pocket-grids sudoku@1
    python benchmarks/base_gate.py pocket-grids sudoku@1 --write    # keeps the figures in the base's made.json

A base passes where it is right in 30 to 70 % of the answers, greedily and at temperature 1, where 40 % of the problems or more have
right and wrong attempts among eight, where its first mistakes are of three kinds or more, fewer than 20 % of them miscopied
numbers, where it ends its answers, and where it never goes back.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from journey.config import SampleSettings
from journey.formats.attempts import ATTEMPTS, PolicyProfile
from journey.formats.folders import open_finished
from journey.generate.sample import sample
from journey.models.load import find
from journey.schema import Attempt

COPIED = ("wrong answer", "wrong number", "number not there")
BACK = ("back", "dead", "wait", "no", "not")
LEAST_OF_A_KIND = 0.02  # of the first mistakes, for a kind to count


def figures(profile: PolicyProfile, texts: Sequence[str]) -> dict[str, Any]:
    """What the gate reads, as shares; kinds are shares of the wrong attempts."""
    decided = profile.right + profile.wrong + profile.no_answer
    return {
        "problems": profile.problems,
        "attempts": profile.attempts,
        "right_greedily": round((profile.greedy_right or 0) / profile.problems, 4),
        "right_at_temperature_1": round(profile.right / decided, 4),
        "problems_with_right_and_wrong": round(profile.mixed / profile.problems, 4),
        "first_mistakes": {kind: round(count / profile.wrong, 4) for kind, count in profile.kinds.items()},
        "without_an_end": round((profile.cut_off + profile.no_answer) / profile.attempts, 4),
        "goes_back": sum(any(word in BACK for word in text.split()) for text in texts),
    }


def judged(measured: Mapping[str, Any]) -> dict[str, bool]:
    """Each condition in words, and whether it holds."""
    kinds: Mapping[str, float] = measured["first_mistakes"]
    return {
        "30 to 70 % right greedily": 0.3 <= measured["right_greedily"] <= 0.7,
        "30 to 70 % right at temperature 1": 0.3 <= measured["right_at_temperature_1"] <= 0.7,
        "40 % of the problems with right and wrong attempts": measured["problems_with_right_and_wrong"] >= 0.4,
        "three kinds of first mistakes": sum(share >= LEAST_OF_A_KIND for share in kinds.values()) >= 3,
        "under 20 % miscopied": sum(kinds.get(kind, 0) for kind in COPIED) < 0.2,
        "ends its answers": measured["without_an_end"] <= 0.01,
        "never goes back": measured["goes_back"] == 0,
    }


def main() -> int:
    """Sample the base, print its figures and the gate; 1 where a condition fails."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base", help="a catalog name or a folder")
    parser.add_argument("family", metavar="NAME@LEVEL")
    parser.add_argument("--problems", type=int, default=300)
    parser.add_argument("--max-new-tokens", type=int, default=200)
    parser.add_argument("--write", action="store_true", help="keep the figures in made.json of the base")
    args = parser.parse_args()
    settings = SampleSettings(
        family=args.family,
        limit=args.problems,
        split="dev",
        policy=[args.base],
        k=8,
        temperature=1.0,
        top_p=1.0,
        max_new_tokens=args.max_new_tokens,
    )
    with tempfile.TemporaryDirectory() as scratch:
        folder = open_finished(sample(settings, Path(scratch) / "attempts", workers=1), "sample")
        texts = [each.text for each in folder.records(ATTEMPTS, Attempt)]
        measured = figures(folder.profile.policies[0], texts)
    print(json.dumps(measured, indent=2))
    held = judged(measured)
    for condition, holds in held.items():
        print(f"{'holds' if holds else 'FAILS':6} {condition}")
    if args.write:
        path = Path(find(args.base).source) / "made.json"
        made = json.loads(path.read_text())
        made["gate"] = {**made.get("gate", {}), args.family: measured}
        path.write_text(json.dumps(made, indent=2) + "\n")
    return 0 if all(held.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
