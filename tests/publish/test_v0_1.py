"""What version 0.1.0 wrote and published: every folder opens, and every bundle gives its folder back byte for byte."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from journey.config import CurateSettings, GenerateSettings
from journey.curate.run import curate
from journey.evaluate.report.build import build
from journey.evaluate.scoring.score import rescore
from journey.formats.folders import open_finished, open_run
from journey.formats.manifest import MANIFEST
from journey.generate.run import generate
from journey.publish.transfer.restore import local_folder

OLD = Path(__file__).parents[1] / "golden" / "v0_1"
FOLDERS = {path.parent for path in OLD.glob("**/manifest.json") if "provenance" not in path.parts}
NEVER_HASHED = {"environment.json", "timing.json", "hub.json"}
BUNDLES = [
    ("datasets", "published-dataset", "tester/golden", "curate"),
    ("models", "published-adapters", "tester/golden-runs", "finetune"),
    ("models", "published-warm", "tester/golden-warm", "finetune-warm"),
]


def stored(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in NEVER_HASHED and ".done" not in path.parts
    }


@pytest.mark.parametrize("folder", sorted(FOLDERS), ids=lambda path: path.relative_to(OLD).as_posix())
def test_every_folder_opens_and_its_records_are_read(folder: Path) -> None:
    opened: Any = open_finished(folder)
    if opened.stage == "generate":
        assert len(list(opened.pairs())) == len(list(opened.trees())) == opened.counts.pairs
    if opened.stage == "curate":
        assert opened.funnel.totals.train == len(list(opened.pairs("train"))) and opened.base in ("pocket", "tiny-base")
    if opened.stage == "finetune":
        assert opened.runs.keys() == opened.trained.keys() == {run.run for run in opened.audit.runs}
        assert all(opened.trajectory(run) and opened.adapter_config(run) for run in opened.runs)
        assert all(open_run(folder / run) for run in opened.runs)
    if opened.stage == "evaluate":
        samples = {where: list(opened.samples(*where)) for where in opened.sampled()}
        assert len(samples) >= len(opened.plan.runs) and all(samples.values())
        assert opened.identities().keys() == {name for name in opened.manifest.files if name.startswith("samples/")}


# Of the verdict rule since 0.1: degrees of freedom, what is n/a, intervals within what is possible, words, qualifiers.
RULE = re.compile(
    r"^\.(?:headline|qualifiers)\b|\.(?:verdict\.\w+|comparison\.(?:df|low|high|low90|high90|p|p_t|detectable|run_intervals|"
    r"mean_squares\.arms)|conduct)\b"
)


@pytest.mark.parametrize("name", ["evaluate", "evaluate-warm", "evaluate-after"])
def test_scores_come_out_of_the_stored_samples_again(name: str) -> None:
    """All that the rule's changes since 0.1 do not touch."""
    evaluated = open_finished(OLD / name, "evaluate")
    others = [
        said for said in differences(rescore(evaluated).plain(), evaluated.scores.plain()) if not RULE.search(said)
    ]
    assert others == []


@pytest.mark.parametrize("name", ["evaluate", "evaluate-warm", "evaluate-after"])
def test_the_report_of_an_old_evaluation_is_built(name: str, tmp_path: Path) -> None:
    shutil.copytree(OLD / name, tmp_path / name)
    evaluated = open_finished(tmp_path / name, "evaluate")
    page, text = (path.read_text(encoding="utf-8") for path in build(evaluated))
    assert all(item.verdict.words in page and item.verdict.words in text for item in evaluated.scores.compared)


def differences(now: Any, then: Any, key: str = "") -> list[str]:
    """What differs in words, or in numbers by more than their last bits: votes are summed in another order since."""
    if isinstance(now, dict) and isinstance(then, dict):
        return [said for name in {*now, *then} for said in differences(now.get(name), then.get(name), f"{key}.{name}")]
    if isinstance(now, list) and isinstance(then, list) and len(now) == len(then):
        pairs = enumerate(zip(now, then, strict=True))
        return [said for place, (one, other) in pairs for said in differences(one, other, f"{key}[{place}]")]
    if isinstance(now, float) and isinstance(then, float):
        return [] if now == pytest.approx(then, rel=1e-9, abs=1e-12) else [f"{key}: {then} is {now}"]
    return [] if now == then else [f"{key} : {then} is {now}"]


def test_generate_and_curate_write_the_same_records_again(tmp_path: Path) -> None:
    search = GenerateSettings(family=["countdown@1"], method=["search"], pairs=60)
    made = generate(search, tmp_path / "generate", workers=1)
    curated = curate([made, OLD / "generate-arithmetic"], CurateSettings(base="pocket"), tmp_path / "curate")
    for folder in (made, curated):
        now, then = stored(folder), stored(OLD / folder.name)
        assert {name for name in now if now[name] != then.get(name)} == {MANIFEST} and now.keys() == then.keys()


def test_slips_say_their_revision_and_keep_the_problems(tmp_path: Path) -> None:
    settings = GenerateSettings(family=["arithmetic@1"], method=["slips"], pairs=12)
    made = open_finished(generate(settings, tmp_path / "generate-arithmetic", workers=1), "generate")
    then = open_finished(OLD / "generate-arithmetic", "generate")
    assert made.manifest.config["revisions"] == {"method slips": 4}
    assert [pair.problem for pair in made.pairs()] == [pair.problem for pair in then.pairs()]


@pytest.mark.parametrize(("kind", "bundle", "repo", "folder"), BUNDLES)
def test_a_bundle_gives_its_folder_back(hub: Any, kind: str, bundle: str, repo: str, folder: str) -> None:
    hub.put(kind, repo, stored(OLD / bundle / "bundle"))
    hub.put("models", "tester/golden-warm-warmup", stored(OLD / "published-warm-warmup" / "bundle"))
    back = local_folder(repo, "curate" if kind == "datasets" else "finetune")
    assert stored(back) == stored(OLD / folder)
