"""The held-out problems of every family at each of its levels: `countdown@2`. They need no network.

A problem belongs to the split that the hash of its id says; problems that are held out for another reason (targets
that no training problem has) are benchmarks of their own.
"""

from __future__ import annotations

from journey.catalog import BENCHMARKS, FAMILIES
from journey.schema import Problem


def ordinary(problem: Problem) -> bool:
    """Whether only the hash of its id decides the problem's split."""
    return not problem.held_out


for _family in FAMILIES.entries():
    for _level, _what in _family.facts["levels"].items():
        BENCHMARKS.add(
            f"{_family.name}@{_level}",
            summary=f"{_family.name}, {_what}",
            family=_family.name,
            level=_level,
            licence="Apache-2.0",
        )(ordinary)
