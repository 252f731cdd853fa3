"""What lies behind an evaluation: found by hash, kept for later, and said where it is gone."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from journey.evaluate.report import build, lineage, training
from journey.evaluate.report.examples import MOST_CHARACTERS, PER_KIND
from journey.formats.files import sha256
from journey.formats.finetune import TrajectoryPoint
from journey.formats.folders import open_finished
from journey.schema import Tree
from journey_testing import behind_evaluation as behind
from journey_testing.folders import finetune_files, records, run_file, write_folder

Make = Callable[..., Path]


@pytest.fixture
def behind_it(make: Make) -> tuple[Path, Path]:
    """An evaluation folder and its finetune folder."""
    evaluation = make(problems=2)
    return evaluation, behind.lineage(evaluation)


def test_everything_is_found_beside_the_evaluation(behind_it: tuple[Path, Path]) -> None:
    evaluation, finetuned = behind_it
    found = lineage.training(open_finished(evaluation, "evaluate"))
    assert found is not None and found.missing == ()
    assert found.audit == open_finished(finetuned, "finetune").audit
    assert found.funnel is not None and found.funnel.totals.rows_in == 40
    assert [counts.pairs for counts in found.generated] == [40]
    assert len(found.curves) == 6 and 0 < len(found.examples) <= PER_KIND
    trees = {tree.id: tree for tree in records(evaluation.parent / "generate", "trees", Tree)}
    assert all(example.tree == trees[example.pair.tree] for example in found.examples)


def test_a_failed_run_ends_in_a_gap_and_says_why(behind_it: tuple[Path, Path]) -> None:
    found = lineage.training(open_finished(behind_it[0], "evaluate"))
    assert found is not None
    failed = next(curve for curve in found.curves if curve.run == "journey-s1")
    assert failed.losses[-1] is None and len(failed.losses) == 30
    assert (failed.planned, failed.failed) == (60, "NotFinite: loss is no number <b>any more</b>")
    told = training.trained(found, "compact")
    panel = next(panel for panel in told.panels if panel.arm == "journey")
    assert panel.failed == ("journey-s1 failed after step 30 of 60: NotFinite: loss is no number <b>any more</b>",)
    assert 'class="cross"' in panel.picture


def test_long_curves_are_averaged_and_a_gap_is_never_averaged_away(tmp_path: Path) -> None:
    points = [TrajectoryPoint(n + 1, None if n == 700 else 1.0 + n % 2, 0.5, 1e-3, 9) for n in range(1500)]
    files = {**finetune_files([run_file("journey-s0", "journey", steps=1500)]), "journey-s0/trajectory.jsonl": points}
    (curve,) = lineage._curves(open_finished(write_folder(tmp_path / "f", "finetune", files), "finetune"))
    assert len(curve.steps) == len(curve.losses) == lineage.MOST_POINTS and curve.steps[-1] == 1500
    assert curve.losses.count(None) == 1 and set(curve.losses) == {None, 1.5}


def test_found_by_hash_under_other_names(behind_it: tuple[Path, Path]) -> None:
    evaluation, _ = behind_it
    for name in ("finetune", "curate", "generate"):
        (evaluation.parent / name).rename(evaluation.parent / f"my-{name}")
    found = lineage.training(open_finished(evaluation, "evaluate"))
    assert found is not None and found.missing == () and found.examples


def test_given_elsewhere(behind_it: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> None:
    evaluation, _ = behind_it
    away = tmp_path_factory.mktemp("far") / "away"
    away.mkdir()
    for name in ("finetune", "curate", "generate"):
        shutil.move(evaluation.parent / name, away / name)
    assert lineage.training(open_finished(evaluation, "evaluate")).curves == ()  # type: ignore[union-attr]
    found = lineage.training(open_finished(evaluation, "evaluate"), away / "finetune")
    assert found is not None and found.missing == () and found.curves and found.examples


def test_another_finetune_folder_is_not_taken_for_this_one(behind_it: tuple[Path, Path]) -> None:
    evaluation, finetuned = behind_it
    manifest = finetuned / "manifest.json"
    manifest.write_bytes(manifest.read_bytes() + b"\n")
    found = lineage.training(open_finished(evaluation, "evaluate"))
    assert found is not None and found.audit is None
    assert "is not beside it any more" in found.missing[0]


def test_what_was_seen_once_is_kept(behind_it: tuple[Path, Path]) -> None:
    evaluation, _ = behind_it
    first = [path.read_text(encoding="utf-8") for path in build.build(open_finished(evaluation, "evaluate"))]
    for name in ("finetune", "curate", "generate"):
        shutil.rmtree(evaluation.parent / name)
    again = [path.read_text(encoding="utf-8") for path in build.build(open_finished(evaluation, "evaluate"))]
    commands = (r'<section class="steps">.*?</section>\n', r"## What next\?.*?(?=## )")  # they go with their folders
    assert [re.sub(one, "", page, count=1, flags=re.DOTALL) for one, page in zip(commands, first, strict=True)] == again
    assert again != first
    (evaluation / "training.json").unlink()
    assert b"is not beside it any more" in build.build(open_finished(evaluation, "evaluate"))[0].read_bytes()


def test_a_part_that_went_missing_does_not_replace_what_was_kept(behind_it: tuple[Path, Path]) -> None:
    evaluation, _ = behind_it
    build.build(open_finished(evaluation, "evaluate"))
    before = sha256(evaluation / "training.json")
    shutil.rmtree(evaluation.parent / "curate")
    build.build(open_finished(evaluation, "evaluate"))
    assert sha256(evaluation / "training.json") == before


def test_without_the_curate_folder_it_says_so(behind_it: tuple[Path, Path]) -> None:
    evaluation, _ = behind_it
    shutil.rmtree(evaluation.parent / "curate")
    page = build.build(open_finished(evaluation, "evaluate"))[0].read_text(encoding="utf-8")
    assert "The curate folder that this goes back to" in page and "is not beside it any more" in page
    assert "Loss by step" in page and "Training pairs" not in page and "From pairs made" not in page


def test_without_trees_pairs_are_shown_and_it_says_so(behind_it: tuple[Path, Path]) -> None:
    evaluation, _ = behind_it
    shutil.rmtree(evaluation.parent / "generate")
    page = build.build(open_finished(evaluation, "evaluate"))[0].read_text(encoding="utf-8")
    assert "The tree of this pair is not there any more." in page and "Training pairs" in page


def test_an_evaluation_that_names_no_training(make: Make) -> None:
    page = build.build(open_finished(make(problems=2), "evaluate"))[0].read_text(encoding="utf-8")
    assert "does not name the training folder" in page and "Loss by step" not in page


@pytest.mark.parametrize("name", ["finetune/audit.json", "curate/train/00000.jsonl", "generate/trees/00000.jsonl"])
def test_a_damaged_folder_behind_is_not_shown_and_it_says_so(behind_it: tuple[Path, Path], name: str) -> None:
    evaluation, _ = behind_it
    (evaluation.parent / name).write_bytes(b"\x00\xff{")
    page = build.build(open_finished(evaluation, "evaluate"))[0].read_text(encoding="utf-8")
    stage = name.partition("/")[0]
    assert f"The {stage} folder that this goes back to cannot be used" in page
    assert ("Loss by step" in page) == (stage != "finetune")


def test_examples_are_of_every_kind_and_short_enough(behind_it: tuple[Path, Path]) -> None:
    found = lineage.training(open_finished(behind_it[0], "evaluate"))
    assert found is not None
    assert len({example.pair.pair_id for example in found.examples}) == len(found.examples)
    assert all(example.pair.mistakes for example in found.examples)
    assert all(sum(len(s.text) for s in example.pair.journey.segments) <= MOST_CHARACTERS for example in found.examples)


def test_pieces_of_a_pair_are_its_text(behind_it: tuple[Path, Path]) -> None:
    from journey import views

    found = lineage.training(open_finished(behind_it[0], "evaluate"))
    assert found is not None
    for view in ("compact", "plain", "think"):
        for example, shown in zip(found.examples, training.trained(found, view).pairs, strict=True):  # type: ignore[arg-type]
            for trace, pieces in ((example.pair.shortcut, shown.shortcut), (example.pair.journey, shown.journey)):
                assert "".join(piece.text for piece in pieces) == views.render(trace, view).text  # type: ignore[arg-type]
                roles = [segment.role for segment in trace.segments if segment.brief or view != "compact"]
                assert [piece.role for piece in pieces if piece.role] == roles
