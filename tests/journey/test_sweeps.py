"""Sweeps: which axes there are, what points share, what is compared and how, and what is left after a kill."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from journey import pipeline
from journey.cli.app import app
from journey.errors import UsageError
from journey.evaluate.scoring.across import ScoredPair, decide_across, scores_of
from journey.evaluate.scoring.score import book_of
from journey.evaluate.statistics import paired
from journey.formats.comparison import Declared
from journey.formats.folders import open_finished
from journey.formats.recipes.sweep import SweepPlan, SweepResults
from journey.settings.recipe import RunSettings
from journey.sweeps import run as sweeps
from journey_testing.scored_run import Share, run_folder

RECIPE: dict[str, Any] = {
    "name": "small",
    "benchmarks": ["countdown@1", "arithmetic@1"],
    "generate": {"family": ["countdown@1"], "method": ["search"], "pairs": 200},
    "finetune": {"arms": ["shortcut@examples", "journey"], "seeds": 3},
    "evaluate": {"strategy": ["greedy"]},
}


def planned(*over: str, sets: dict[str, Any] | None = None, **more: Any) -> sweeps.PlannedSweep:
    recipe = pipeline.Recipe("small", "", {**RECIPE, **more}, "small.yaml")
    return sweeps.prepare(recipe, over, sets or {})


def by_rank(arm: str, seed: int | None, settings: RunSettings) -> float:
    """The journey gains with its rank; seed 2 apart, which is the same at every rank."""
    grows = arm == "journey" and seed != 2
    return 0.2 if arm == "base" else 0.4 + (0.02 * settings.finetune.ranks[0] if grows else 0.0)


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished sweep over three ranks."""
    out = tmp_path_factory.mktemp("sweep") / "s"
    with pytest.MonkeyPatch.context() as patch:
        assert faked(patch, by_rank) == []
        sweeps.sweep(planned("finetune.rank=1,4,16"), out)
    return out


@pytest.fixture
def ran(swept: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Points of the finished sweep are run as copies of it; gives the names of those that were."""
    names: list[str] = []

    def run(settings: RunSettings, out: Path, *, workers: int | None = None) -> Path:
        names.append(out.name)
        for stage in ("finetune", "evaluate"):
            shutil.copytree(swept / out.name / stage, out / stage)
        return out

    monkeypatch.setattr(pipeline, "run", run)
    return names


def faked(
    monkeypatch: pytest.MonkeyPatch, share: Share, asked: Callable[[RunSettings], int] = lambda _: 0
) -> list[str]:
    names: list[str] = []

    def run(settings: RunSettings, out: Path, *, workers: int | None = None) -> Path:
        names.append(out.name)
        return run_folder(settings, out, share, asked(settings))

    monkeypatch.setattr(pipeline, "run", run)
    return names


@pytest.mark.parametrize(
    ("over", "said"),
    [
        (["finetune.rank=4"], "axis finetune.rank has one value"),
        (["finetune.rank"], "is not SETTING=VALUE,VALUE"),
        (["finetune.rank=4,4"], "lists 4 twice"),
        (["finetune.rank=4,8", "finetune.rank=1,2"], "finetune.rank is an axis twice"),
        (["finetune.rnk=4,8"], "unknown setting of small.yaml 'finetune.rnk'"),
        (["finetune.rank=4,0"], "at rank 0: small.yaml: finetune.rank = 0: expected"),
        (["generate.search.widht=2,3"], "unknown setting of method search 'widht'"),
        (["evaluate.sizes={countdown@1: 100},{countdown@1: 200}"], "it changes what is asked"),
        (["evaluate.seed=0,1"], "it changes what is asked"),
        (["benchmarks=[countdown@1],[countdown@2]"], "it changes what is asked"),
        (["name=a,b"], "it changes nothing that is run"),
        (["finetune=1,2"], "finetune is a stage, no setting of one"),
        (["finetune.rank=4,8.0,8"], "are the same settings"),
        ([], "has no axes of its own"),
        (["finetune.rank=[4"], "not YAML that can be read"),
        ([f"generate.seed={','.join(map(str, range(300)))}"], "300 points are more than a sweep has"),
    ],
)
def test_a_bad_axis_is_refused_before_anything_runs(
    over: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("small.yaml").write_text(json.dumps(RECIPE))
    words = [word for one in over for word in ("--over", one)]
    done = CliRunner().invoke(app, ["sweep", "small.yaml", *words, "--out", "s"])
    assert isinstance(done.exception, UsageError) and done.exception.exit_code == 2, done.exception
    assert said in str(done.exception)
    assert not Path("s").exists()


def test_an_axis_cannot_be_set_too() -> None:
    with pytest.raises(UsageError, match="is an axis, and --set fixes it"):
        planned("finetune.rank=4,8", sets={"finetune": {"rank": 2}})


def test_an_axis_can_be_a_setting_of_every_method() -> None:
    matched = {
        "sample": {"family": "countdown@1", "policy": ["pocket"], "limit": 20},
        "generate": {"method": ["own", "injected"]},
        "finetune": {"arms": ["shortcut", "journey:own"]},
    }
    made = planned("generate.*.rechecks=0.0,0.2", **matched)
    assert [point.folder for point in made.points] == ["rechecks-0.0", "rechecks-0.2"]
    for point, share in zip(made.points, (0.0, 0.2), strict=True):
        options = point.settings.generate.options
        assert [options[name]["rechecks"] for name in ("own", "injected")] == [share, share]
    with pytest.raises(UsageError, match="--set fixes it"):
        planned(
            "generate.*.rechecks=0.0,0.2",
            sets={"generate": {"options": {name: {"rechecks": 0.3} for name in ("own", "injected")}}},
            **matched,
        )
    with pytest.raises(UsageError, match="every method"):
        planned("finetune.*.rank=4,8")


@pytest.mark.parametrize(
    ("axis", "shared"),
    [
        ("generate.search.width=2,3", set()),
        ("curate.max_tokens=100,200", {"generate"}),
        ("finetune.rank=4,16", {"generate", "curate"}),
        ("evaluate.max_new_tokens=40,80", {"generate", "curate", "finetune"}),
    ],
)
def test_stages_before_an_axis_are_done_once(axis: str, shared: set[str]) -> None:
    first, second = planned(axis).plan.points
    assert first.shares == {} and second.shares == dict.fromkeys(sorted(shared), first.folder)


def test_every_value_is_compared_with_the_first_of_its_axis() -> None:
    plan = planned("finetune.rank=4,8,16", "finetune.epochs=1,2").plan
    assert [point.folder for point in plan.points][:2] == ["rank-4_epochs-1", "rank-4_epochs-2"]
    pairs = {(pair.first, pair.second) for pair in plan.pairs}
    assert pairs == {
        *((f"rank-4_epochs-{e}", f"rank-{r}_epochs-{e}") for r in (8, 16) for e in (1, 2)),
        *((f"rank-{r}_epochs-1", f"rank-{r}_epochs-2") for r in (4, 8, 16)),
    }
    assert len(plan.pairs) == len(pairs) * 2 * 2  # arms, benchmarks


def test_a_recipe_carries_its_own_axes() -> None:
    plan = planned(sweep={"over": {"generate.search.width": [2, 3]}}).plan
    assert [axis.setting for axis in plan.axes] == ["generate.options.search.width"]
    assert [
        axis.setting for axis in planned("finetune.rank=4,8", sweep={"over": {"finetune.epochs": [1, 2]}}).plan.axes
    ] == ["finetune.rank"]


def test_points_are_compared_by_the_rule_of_every_verdict(swept: Path) -> None:
    record = SweepResults.read(swept)
    assert [point.folder for point in record.points] == ["rank-1", "rank-4", "rank-16"]
    assert (swept / "report.md").is_file()
    assert {arm.arm for arm in record.points[0].arms} == {"base", "shortcut@examples", "journey"}
    books = {one.folder: book_of(open_finished(swept / one.folder / "evaluate", "evaluate")) for one in record.points}
    by_label = {(one.compared.benchmark, one.compared.second): one for one in record.compared}
    found = by_label["countdown@1", "journey at rank 16"]
    first, second = (scores_of(books[f"rank-{rank}"], "countdown@1", "greedy", "journey") for rank in (1, 16))
    expected = paired.compare(
        *(paired.np.stack([side[seed] for seed in (0, 1, 2)], axis=1) for side in (first, second)),
        parts=(0, "countdown@1: journey at rank 1 v journey at rank 16, greedy"),
        resamples=0,
    )
    assert found.compared.comparison == expected
    assert found.compared.primary and not by_label["arithmetic@1", "journey at rank 16"].compared.primary
    primary = [one for one in record.compared if one.compared.primary]
    adjusted = paired.holm({one.compared.second: one.compared.comparison.p for one in primary})
    assert [one.compared.verdict.holm_p for one in primary] == list(adjusted.values()) and len(primary) == 4
    assert "rank-16/evaluate/report.html" in (swept / "report.html").read_text()


def test_problems_are_paired_by_id(swept: Path) -> None:
    """The first answer of a book is that of the problem whose id comes first, whatever the order of the questions."""
    book = book_of(open_finished(swept / "rank-1" / "evaluate", "evaluate"))
    cell = book.cells["journey-s0", "countdown@1", "greedy"]
    ids = [question.id for question in cell.questions]
    assert ids != sorted(ids)
    scores = scores_of(book, "countdown@1", "greedy", "journey")[0]
    raw = dict(zip(ids, book.applied("journey-s0", "countdown@1", "greedy").scores, strict=True))
    assert list(scores) == [raw[name] for name in sorted(ids)]


def test_words_survive_or_not_without_each_seed(swept: Path) -> None:
    """Law: what is said without a seed is what is said of scores that never had it."""
    record, names = SweepResults.read(swept), ("rank-1", "rank-4", "rank-16")
    books = {name: book_of(open_finished(swept / name / "evaluate", "evaluate")) for name in names}
    for seed in (0, 1, 2):
        pairs = []
        for one in record.compared:
            item = one.compared
            points = ("rank-1", item.second.rpartition(" at ")[2].replace(" ", "-"))
            sides = [scores_of(books[name], item.benchmark, "greedy", one.arm) for name in points]
            kept = [{s: scores for s, scores in side.items() if s != seed} for side in sides]
            declared = Declared(item.benchmark, item.first, item.second, "greedy")
            pairs.append(ScoredPair(declared, kept[0], kept[1], item.primary))
        fewer = decide_across(pairs, record.margin, 0)
        assert [one.compared.verdict.words for one in fewer] == [
            next(left.words for left in one.without if left.seed == seed) for one in record.compared
        ]


def test_a_killed_sweep_goes_on_and_finished_points_are_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, swept: Path, ran: list[str]
) -> None:
    whole, fake = planned("finetune.rank=1,4,16"), pipeline.run

    def killed(settings: RunSettings, out: Path, *, workers: int | None = None) -> Path:
        if out.name == "rank-4":
            raise KeyboardInterrupt
        return fake(settings, out, workers=workers)

    monkeypatch.setattr(pipeline, "run", killed)
    with pytest.raises(KeyboardInterrupt):
        sweeps.sweep(whole, tmp_path / "s")
    with pytest.raises(UsageError, match="rank-4 is not finished"):
        from journey.evaluate.sweep import build

        build.build(tmp_path / "s")
    monkeypatch.setattr(pipeline, "run", fake)
    ran.clear()
    sweeps.sweep(whole, tmp_path / "s")
    assert ran == ["rank-4", "rank-16"]
    assert SweepResults.read(tmp_path / "s") == SweepResults.read(swept)


def test_stages_of_an_earlier_point_are_linked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    faked(monkeypatch, by_rank)
    sweeps.sweep(planned("evaluate.max_new_tokens=40,80"), tmp_path / "s")
    link = tmp_path / "s" / "max_new_tokens-80" / "finetune"
    assert link.is_symlink() and not link.readlink().is_absolute()
    (tmp_path / "s").rename(tmp_path / "moved")
    assert open_finished(tmp_path / "moved" / "max_new_tokens-80" / "finetune", "finetune").runs


def test_another_sweep_or_another_folder_is_refused(tmp_path: Path, ran: list[str]) -> None:
    sweeps.sweep(planned("finetune.rank=1,4"), tmp_path / "s")
    with pytest.raises(UsageError, match="holds another sweep: over"):
        sweeps.sweep(planned("finetune.rank=1,8"), tmp_path / "s")
    with pytest.raises(UsageError, match="other settings \\(finetune\\)"):
        sweeps.sweep(planned("finetune.rank=1,4", sets={"finetune": {"epochs": 3}}), tmp_path / "s")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thing").write_text("mine")
    with pytest.raises(UsageError, match="is no folder of a sweep"):
        sweeps.sweep(planned("finetune.rank=1,4"), tmp_path / "other")


def test_points_that_were_asked_other_problems_are_not_paired(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    faked(monkeypatch, by_rank, lambda settings: settings.finetune.ranks[0])
    with pytest.raises(UsageError, match="was asked other problems than rank-1"):
        sweeps.sweep(planned("finetune.rank=1,4"), tmp_path / "s")


def test_what_is_shown_of_a_sweep(tmp_path: Path, swept: Path) -> None:
    shutil.copytree(swept, tmp_path / "s", symlinks=True)
    (tmp_path / "s" / "report.html").unlink()
    for verb in ("report", "show"):
        done = CliRunner().invoke(app, [verb, str(tmp_path / "s")], catch_exceptions=False)
        assert "small over finetune.rank = 1, 4, 16" in done.stdout and "journey at rank 16" in done.stdout
    assert (tmp_path / "s" / "report.html").is_file()
    (tmp_path / "s" / "sweep.json").unlink()
    done = CliRunner().invoke(app, ["show", str(tmp_path / "s")], catch_exceptions=False)
    assert "rank-16" in done.stdout and "finished" in done.stdout
    plan = CliRunner().invoke(app, ["sweep", "quickstart", "--over", "finetune.rank=4,8", "--dry-run"])
    shown = " ".join(plan.stdout.split())
    assert "1 x generate, 1 x curate, 2 x finetune, 2 x evaluate" in shown
    assert SweepPlan.read(tmp_path / "s").primary == "countdown@1"
