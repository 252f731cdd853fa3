"""The lineage of the compared runs: the folders behind an evaluation, found by the hashes in their manifests.

An evaluation names its finetune folder by hash, that one its curate folder, that one its generate folders. They are
looked for beside the evaluation. What the report needs of them is kept as `training.json` in the evaluation folder, so
that the report can be rebuilt when they are gone; whatever is missing is said in `Training.missing`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Literal, overload

from journey.errors import JourneyError
from journey.evaluate.report.examples import examples
from journey.formats.files import write_atomic
from journey.formats.folders import (
    CuratedFolder,
    EvaluatedFolder,
    FinetunedFolder,
    FinishedFolder,
    GeneratedFolder,
    find_folder,
    open_finished,
)
from journey.formats.training_view import LossCurve, TrainingView

MOST_POINTS = 150  # of one run's curve; longer ones are averaged
_MOST_FOLDERS = 400  # looked at in one place


def training(evaluated: EvaluatedFolder, finetuned: Path | None = None) -> TrainingView | None:
    """What lies behind an evaluation folder, from the folders themselves or else from what was kept of them.

    `finetuned` is where the finetune folder lies if not beside it. None if the evaluation names no finetune folder.
    """
    wanted = evaluated.finetuned
    if wanted is None:
        return None
    before = _kept(evaluated, wanted)
    missing: list[str] = []
    runs = _opened(wanted, "finetune", [finetuned] if finetuned else [], missing, evaluated.path)
    if runs is None:
        return before or TrainingView(wanted, missing=(*missing, "So the training is not shown."))
    gathered = _gather(wanted, runs, evaluated.path)
    if before is not None and len(before.missing) < len(gathered.missing):
        return before  # an earlier report saw more
    if gathered != before:
        write_atomic(evaluated.path / TrainingView.FILE, gathered.encoded())
    return gathered


def folders_behind(
    evaluated: EvaluatedFolder, finetuned: Path | None = None
) -> tuple[FinetunedFolder | None, CuratedFolder | None]:
    """The finetune folder that was evaluated and the curate folder behind it, where they are found."""
    if evaluated.finetuned is None:
        return None, None
    runs = _opened(evaluated.finetuned, "finetune", [finetuned] if finetuned else [], [], evaluated.path)
    if runs is None or runs.curated is None:
        return runs, None
    return runs, _opened(runs.curated, "curate", [], [], runs.path, evaluated.path)


def kept(evaluated: EvaluatedFolder) -> TrainingView | None:
    """What the last report kept of the training; None if there is nothing, or of another training."""
    return None if evaluated.finetuned is None else _kept(evaluated, evaluated.finetuned)


def _gather(wanted: str, runs: FinetunedFolder, folder: Path) -> TrainingView:
    missing: list[str] = []
    curated = None
    if runs.curated is not None:
        curated = _opened(runs.curated, "curate", [], missing, runs.path, folder)
    near = (curated.path, folder) if curated is not None else (folder,)
    digests = [] if curated is None else curated.inputs("generate")
    opened = (_opened(digest, "generate", [], missing, *near) for digest in digests)
    sources = [source for source in opened if source is not None]
    return TrainingView(
        finetune=wanted,
        audit=runs.audit,
        curves=tuple(_curves(runs)),
        funnel=None if curated is None else curated.funnel,
        generated=tuple(source.counts for source in sources),
        examples=() if curated is None else tuple(examples(curated, sources)),
        missing=tuple(missing),
    )


def _kept(evaluated: EvaluatedFolder, wanted: str) -> TrainingView | None:
    """What an earlier report kept of the same finetune folder."""
    try:
        kept = TrainingView.read(evaluated.path)
    except JourneyError:
        return None
    return kept if kept.finetune == wanted else None


@overload
def _opened(
    wanted: str, stage: Literal["finetune"], first: Iterable[Path], missing: list[str], *near: Path
) -> FinetunedFolder | None: ...
@overload
def _opened(
    wanted: str, stage: Literal["curate"], first: Iterable[Path], missing: list[str], *near: Path
) -> CuratedFolder | None: ...
@overload
def _opened(
    wanted: str, stage: Literal["generate"], first: Iterable[Path], missing: list[str], *near: Path
) -> GeneratedFolder | None: ...
def _opened(
    wanted: str,
    stage: Literal["finetune", "curate", "generate"],
    first: Iterable[Path],
    missing: list[str],
    *near: Path,
) -> FinishedFolder | None:
    """The folder of a stage whose manifest has this hash; if there is none, or it is damaged, `missing` says so."""
    path = find_folder(wanted, chain(first, _around(stage, near)))
    if path is None:
        missing.append(f"The {stage} folder that this goes back to ({wanted[:12]}) is not beside it any more.")
        return None
    try:
        return open_finished(path, stage)
    except JourneyError as error:
        missing.append(f"The {stage} folder that this goes back to cannot be used: {str(error).splitlines()[0]}")
        return None


def _around(stage: str, near: Iterable[Path]) -> Iterator[Path]:
    """Folders beside those given and beside their parents, those named after the stage first."""
    for folder in dict.fromkeys(parent for path in near for parent in path.resolve().parents[:2]):
        yield folder / stage
        try:
            inside = sorted(path for path in folder.iterdir() if path.is_dir())[:_MOST_FOLDERS]
        except OSError:
            continue
        yield from inside


def _curves(runs: FinetunedFolder) -> Iterator[LossCurve]:
    """The trajectory of every run of a finetune folder, failed ones included."""
    for name, run in runs.runs.items():
        points = [(point.step, point.loss) for point in runs.trajectory(name)]
        width = -(-len(points) // MOST_POINTS) or 1
        blocks = [points[start : start + width] for start in range(0, len(points), width)]
        yield LossCurve(
            run=name,
            arm=run.label,
            seed=run.seed,
            steps=tuple(block[-1][0] for block in blocks),
            losses=tuple(_mean([loss for _, loss in block]) for block in blocks),
            planned=run.steps,
            failed=run.failed,
        )


def _mean(losses: list[float | None]) -> float | None:
    known = [loss for loss in losses if loss is not None]
    return round(sum(known) / len(known), 5) if len(known) == len(losses) else None
