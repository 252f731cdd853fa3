"""How the compared runs came to be: the folders behind an evaluation, found by the hashes in their manifests.

An evaluation names its finetune folder by hash, that one its curate folder, that one its generate folders. They are
looked for beside the evaluation. What the report needs of them is kept as `training.json` in the evaluation folder, so
that the report can be rebuilt when they are gone; whatever is missing is said in `Training.missing`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from journey.errors import JourneyError
from journey.evaluate.report.examples import Example, examples
from journey.schema import decode
from journey.store import dump_json, manifest_hash, read_manifest, write_atomic

TRAINING_VERSION = 1
KEPT = "training.json"
MOST_POINTS = 150  # of one run's curve; longer ones are averaged
_MOST_FOLDERS = 400  # looked at in one place


class Curve(msgspec.Struct, frozen=True):
    """Loss of one run by optimiser step: `losses[i]` is the mean over the steps up to `steps[i]`, None where not finite.

    `planned` is the number of steps that the run was to have; `failed` the reason why it ended before.
    """

    run: str
    arm: str
    seed: int | None
    steps: tuple[int, ...]
    losses: tuple[float | None, ...]
    planned: int | None = None
    failed: str | None = None


class Training(msgspec.Struct, frozen=True):
    """What lies behind an evaluation. `audit` and `funnel` are audit.json and funnel.json as they were found.

    `generated` has the counts of each generate folder; `missing` says in sentences what could not be found.
    """

    finetune: str  # hash of the finetune folder's manifest
    audit: dict[str, Any] | None = None
    curves: tuple[Curve, ...] = ()
    funnel: dict[str, Any] | None = None
    generated: tuple[dict[str, Any], ...] = ()
    examples: tuple[Example, ...] = ()
    missing: tuple[str, ...] = ()
    version: int = TRAINING_VERSION


def training(folder: Path, finetuned: Path | None = None) -> Training | None:
    """What lies behind an evaluation folder, from the folders themselves or else from what was kept of them.

    `finetuned` is where the finetune folder lies if not beside it. None if the evaluation names no finetune folder.
    """
    try:
        wanted = read_manifest(folder, "evaluate")["inputs"]["finetune"]
    except (JourneyError, KeyError, TypeError):
        return None
    kept = _kept(folder, wanted)
    source = _found(wanted, "finetune", [finetuned] if finetuned else [], folder)
    if source is None:
        gone = f"The finetune folder of this evaluation ({wanted[:12]}) is not beside it any more"
        return kept or Training(wanted, missing=(f"{gone}, so the training is not shown.",))
    made = _gather(wanted, source, folder)
    if kept is not None and len(kept.missing) < len(made.missing):
        return kept  # an earlier report saw more
    if made != kept:
        write_atomic(folder / KEPT, dump_json(made))
    return made


def _gather(wanted: str, source: Path, folder: Path) -> Training:
    missing: list[str] = []
    audit = _json(source / "audit.json")
    if audit is None:
        missing.append("The finetune folder has no audit that can be read.")
    curves = tuple(_curves(source))
    curated = _input(source, "curate", missing, folder)
    funnel = None if curated is None else _json(curated / "funnel.json")
    sources = [] if curated is None else list(_inputs(curated, "generate", missing, folder))
    shown = () if curated is None else tuple(examples(curated, sources))
    counts = tuple(read_manifest(path)["counts"] for path in sources)
    return Training(wanted, audit, curves, funnel, counts, shown, tuple(missing))


def _kept(folder: Path, wanted: str) -> Training | None:
    """What an earlier report kept of the same finetune folder."""
    try:
        kept = decode((folder / KEPT).read_bytes(), Training)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None
    return kept if kept.finetune == wanted and kept.version == TRAINING_VERSION else None


def _input(of: Path, stage: str, missing: list[str], folder: Path) -> Path | None:
    return next(_inputs(of, stage, missing, folder), None)


def _inputs(of: Path, stage: str, missing: list[str], folder: Path) -> Iterator[Path]:
    """The folders of a stage that a folder was made from; those not found are added to `missing`."""
    named = read_manifest(of)["inputs"]
    for name, wanted in named.items():
        if name == stage or name.startswith(f"{stage} "):
            found = _found(wanted, stage, [], of, folder)
            if found is None:
                missing.append(f"The {stage} folder that the runs go back to ({wanted[:12]}) is not there any more.")
            else:
                yield found


def _found(wanted: str, stage: str, first: Iterable[Path], *near: Path) -> Path | None:
    """The folder whose manifest has this hash: among `first`, then in and beside the parents of `near`."""
    for path in [*first, *_around(stage, near)]:
        try:
            if (path / "manifest.json").is_file() and manifest_hash(path) == wanted:
                return path
        except OSError:
            continue
    return None


def _around(stage: str, near: Iterable[Path]) -> Iterator[Path]:
    """Folders beside those given and beside their parents, those named after the stage first."""
    for place in dict.fromkeys(parent for path in near for parent in path.resolve().parents[:2]):
        yield place / stage
        try:
            inside = sorted(path for path in place.iterdir() if path.is_dir())[:_MOST_FOLDERS]
        except OSError:
            continue
        yield from inside


def _json(path: Path) -> dict[str, Any] | None:
    try:
        told = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return told if isinstance(told, dict) else None


def _curves(source: Path) -> Iterator[Curve]:
    """The trajectory of every run of a finetune folder, failed ones included."""
    for path in sorted(source.glob("*/run.json")):
        told = _json(path) or {}
        steps, losses = _trajectory(path.parent / "trajectory.jsonl")
        failed = told.get("failed")
        yield Curve(
            run=path.parent.name,
            arm=f"{told.get('arm', path.parent.name)} {told.get('axis') or ''}".strip(),
            seed=told.get("seed"),
            steps=steps,
            losses=losses,
            planned=told.get("steps"),
            failed=None if failed is None else str(failed),
        )


def _trajectory(path: Path) -> tuple[tuple[int, ...], tuple[float | None, ...]]:
    """Steps and losses, at most MOST_POINTS of them; what cannot be read is left out."""
    lines = []
    try:
        with path.open("rb") as file:
            for line in file:
                told = json.loads(line)
                lines.append((int(told["step"]), _finite(told)))
    except (OSError, ValueError, KeyError, TypeError):
        pass  # a failed run may have left none, or half a line
    width = -(-len(lines) // MOST_POINTS) or 1
    blocks = [lines[at : at + width] for at in range(0, len(lines), width)]
    return tuple(block[-1][0] for block in blocks), tuple(_mean([loss for _, loss in block]) for block in blocks)


def _finite(told: Mapping[str, Any]) -> float | None:
    loss = told.get("loss")
    return float(loss) if isinstance(loss, int | float) and abs(loss) < float("inf") else None


def _mean(losses: list[float | None]) -> float | None:
    known = [loss for loss in losses if loss is not None]
    return round(sum(known) / len(known), 5) if len(known) == len(losses) else None
