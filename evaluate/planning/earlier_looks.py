"""Earlier looks: evaluations that had some of these runs and benchmarks, whose verdict somebody has seen.

Adding seeds until a difference is significant finds one sooner or later, so a later evaluation says that it looked before
and how often. Folders named with `--after` stand in the plan. Others are found beside the folder that is written and beside
the runs: finished ones that hold an adapter of this plan (by hash) and one of its benchmarks. They stand in a file of their own
that is never hashed, since plan and scores must not depend on what else lies on the disk.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

from journey.errors import JourneyError, UsageError
from journey.formats.folders import EvaluatedFolder, open_finished, read_manifest
from journey.formats.manifest import MANIFEST
from journey.formats.plan import EarlierLook, EvaluationPlan


def earlier_looks(plan: EvaluationPlan, given: Iterable[EvaluatedFolder]) -> tuple[EarlierLook, ...]:
    """The looks that are named. Raises UsageError for a folder that is no evaluation of any of these runs."""
    looks: dict[Path, EarlierLook] = {}
    for folder in given:
        look = _look(folder, plan, "given")
        if look is None:
            raise UsageError(f"{folder.path} shares no run and benchmark with this evaluation", "leave out --after")
        looks[folder.path.resolve()] = look
    return tuple(looks.values())


def looks_beside(
    plan: EvaluationPlan, given: Iterable[EvaluatedFolder], beside: Iterable[Path], out: Path
) -> tuple[EarlierLook, ...]:
    """The looks that lie about and are not named."""
    known = {out.resolve(), *(folder.path.resolve() for folder in given)}
    looks: dict[Path, EarlierLook] = {}
    for parent in dict.fromkeys(path.resolve() for path in beside):
        for manifest in sorted(parent.glob(f"*/{MANIFEST}")):
            path = manifest.parent
            if path in known or path in looks:
                continue
            look = _look_beside(path, plan)
            if look is not None:
                looks[path] = look
    return tuple(looks.values())


def _look_beside(path: Path, plan: EvaluationPlan) -> EarlierLook | None:
    """What a neighbouring folder has in common with the plan; None if it is no whole evaluation of this version."""
    try:
        if read_manifest(path).stage != "evaluate":
            return None
        return _look(open_finished(path, "evaluate"), plan, "beside")
    except JourneyError:
        return None


def _look(folder: EvaluatedFolder, plan: EvaluationPlan, how: Literal["given", "beside"]) -> EarlierLook | None:
    """What a folder has in common with the plan; None if nothing."""
    hashes = {run.adapter_sha256 for run in folder.plan.runs} - {None}
    runs = tuple(run.run for run in plan.runs if run.adapter_sha256 in hashes)
    names = {benchmark.name for benchmark in folder.plan.benchmarks}
    benchmarks = tuple(benchmark.name for benchmark in plan.benchmarks if benchmark.name in names)
    if not runs or not benchmarks:
        return None
    return EarlierLook(folder.path.name, folder.plan_sha256, runs, benchmarks, folder.scores.headline, how)


def in_words(looks: Sequence[EarlierLook]) -> str:
    """What the report says about them; empty without any."""
    count = len(looks)
    if not count:
        return ""
    times = "once" if count == 1 else f"{count} times"
    names = ", ".join(look.folder for look in looks)
    return (
        f"These runs were looked at {times} before ({names}). The p values are those of a single look: adding seeds until "
        "a difference shows finds one more often than they say."
    )


def looked(plan: EvaluationPlan) -> str:
    """The qualifier of the whole; empty without earlier looks."""
    count = len(plan.earlier)
    return "" if not count else f"looked before ({'once' if count == 1 else f'{count} times'})"
