"""Earlier looks: evaluations that had some of these runs and benchmarks, whose verdict somebody has seen.

Adding seeds until a difference is significant finds one sooner or later, so a later evaluation says that it looked before
and how often. Folders are named with `--after`, or found beside the folder that is written and beside the runs: finished
ones that hold an adapter of this plan (by hash) and one of its benchmarks.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import msgspec

from journey import store
from journey.errors import UsageError
from journey.evaluate.results import EarlierLook, Plan, Scores
from journey.schema import decode


def earlier_looks(plan: Plan, given: Iterable[str], beside: Iterable[Path], out: Path) -> tuple[EarlierLook, ...]:
    """All looks, those named first. Raises UsageError for a named folder that is no evaluation of any of these runs."""
    found: dict[Path, EarlierLook] = {}
    for name in given:
        path = Path(name).resolve()
        store.read_manifest(path, "evaluate")
        look = _look(path, plan, "given")
        if look is None:
            raise UsageError(f"{name} shares no run and benchmark with this evaluation", "leave out --after")
        found[path] = look
    for parent in dict.fromkeys(path.resolve() for path in beside):
        for manifest in sorted(parent.glob("*/manifest.json")):
            path = manifest.parent
            if path != out.resolve() and path not in found and (look := _look(path, plan, "beside")) is not None:
                found[path] = look
    return tuple(found.values())


def _look(folder: Path, plan: Plan, how: Literal["given", "beside"]) -> EarlierLook | None:
    """What a folder has in common with the plan; None if it is no finished evaluation, or nothing."""
    if not all((folder / name).is_file() for name in ("manifest.json", "plan.json", "scores.json")):
        return None
    try:
        then = decode((folder / "plan.json").read_bytes(), Plan)
        scores = decode((folder / "scores.json").read_bytes(), Scores)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None  # of another version, or of something else
    hashes = {run.adapter_sha256 for run in then.runs} - {None}
    runs = tuple(run.run for run in plan.runs if run.adapter_sha256 in hashes)
    names = {benchmark.name for benchmark in then.benchmarks}
    benchmarks = tuple(benchmark.name for benchmark in plan.benchmarks if benchmark.name in names)
    if not runs or not benchmarks:
        return None
    sha256 = store.sha256(folder / "plan.json")
    return EarlierLook(folder.name, sha256, runs, benchmarks, scores.headline, how)


def sentence(plan: Plan) -> str:
    """What the report says about them; empty without any."""
    count = len(plan.earlier)
    if not count:
        return ""
    times = "once" if count == 1 else f"{count} times"
    names = ", ".join(look.folder for look in plan.earlier)
    return (
        f"These runs were looked at {times} before ({names}). The p values are those of a single look: adding seeds until "
        "a difference shows finds one more often than they say."
    )


def looked(plan: Plan) -> str:
    """The qualifier of the whole; empty without earlier looks."""
    count = len(plan.earlier)
    return "" if not count else f"looked before ({'once' if count == 1 else f'{count} times'})"
