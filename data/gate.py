"""Whether an embedded base can be the policy of a comparison about mistakes: measured on dev problems, written into its made.json.

    journey sample --family multiplication@1 --policy data/pocket-digits --k 8 --pilot 200 --set split=dev --out data/runs/gate
    python -P -m journey.data.gate data/runs/gate --into data/pocket-digits

A base that is nearly always right has no mistakes to learn from, one that seldom is has no right paths to repair them with; one
that copies numbers wrongly errs in a way that no check of a calculation finds. It ends its answers, and never goes back.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from journey.formats.attempts import PolicyProfile
from journey.formats.files import write_atomic
from journey.formats.folders import open_finished
from journey.schema import Attempt

LIMITS = (
    ("right greedily", 0.30, 0.70),
    ("right at temperature 1", 0.30, 0.70),
    ("problems with right and wrong attempts of 8", 0.40, 1),
    ("kinds of first mistakes", 3, 99),
    ("miscopied numbers among first mistakes", 0, 0.20),
    ("attempts that do not end in an answer", 0, 0.02),
    ("attempts with a word of going back", 0, 0),
)
A_KIND = 0.02  # of the wrong attempts: a kind that is rarer does not count
COPYING = ("wrong number", "number that is not there")
BACK = re.compile(r"\b(?:back|wait|check|again|dead|wrong)\b")


@dataclass(frozen=True)
class Condition:
    """One condition of the gate: what was measured, within what it has to be, both in words of made.json."""

    name: str
    measured: float
    low: float
    high: float

    @property
    def held(self) -> bool:
        """Whether the base meets it."""
        return self.low <= self.measured <= self.high


def conditions(profile: PolicyProfile, attempts: Iterable[Attempt]) -> list[Condition]:
    """The conditions on the attempts of one policy. Raises ValueError where it was never wrong or never asked greedily."""
    if not profile.wrong or profile.greedy_right is None or profile.pass_rate is None:
        raise ValueError("a policy that was wrong at least once, and asked greedily too")
    wrong = profile.wrong
    kinds = sum(count >= A_KIND * wrong for kind, count in profile.kinds.items() if kind != "unlocated")
    miscopied = sum(count for kind, count in profile.kinds.items() if kind.startswith(COPYING))
    unended = (profile.no_answer + profile.cut_off) / profile.attempts
    back = sum(BACK.search(each.text) is not None for each in attempts)
    measured = (
        profile.greedy_right / profile.problems,
        profile.pass_rate,
        profile.mixed / profile.problems,
        kinds,
        miscopied / wrong,
        unended,
        back,
    )
    return [Condition(name, value, low, high) for (name, low, high), value in zip(LIMITS, measured, strict=True)]


def record(family: str, profile: PolicyProfile, found: Iterable[Condition]) -> dict[str, Any]:
    """What made.json says of the gate."""
    return {
        "family": family,
        "split": "dev",
        "problems": profile.problems,
        "attempts": profile.attempts,
        "measured": {each.name: round(each.measured, 4) for each in found},
        "first_mistakes": {kind: round(count / profile.wrong, 4) for kind, count in profile.kinds.items()},
    }


def main() -> None:
    """Print the conditions; with --into write them into the base's made.json. Exit code 1 where one does not hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sampled", type=Path, help="a folder of `journey sample` with k = 8, of the dev split")
    parser.add_argument("--into", type=Path, help="the folder of the base")
    args = parser.parse_args()
    folder = open_finished(args.sampled, "sample")
    if folder.manifest.config["split"] != "dev" or folder.manifest.config["k"] != 8:
        parser.error(f"{args.sampled} is not of the dev split with 8 attempts: add --k 8 --set split=dev")
    [profile] = folder.profile.policies
    attempts = [each for of_one in folder.attempts(profile.policy.name).values() for each in of_one]
    found = conditions(profile, attempts)
    for each in found:
        print(f"{'holds' if each.held else 'FAILS':6} {each.name}: {each.measured:.4g} ({each.low:g} to {each.high:g})")
    if args.into:
        path = args.into / "made.json"
        made = msgspec.json.decode(path.read_bytes())
        made["gate"] = record(folder.manifest.config["family"], profile, found)
        write_atomic(path, msgspec.json.format(msgspec.json.encode(made), indent=2) + b"\n")
    sys.exit(not all(each.held for each in found))


if __name__ == "__main__":
    main()
