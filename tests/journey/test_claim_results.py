"""What comes of claims: fixed before scoring, decided by the plan's own verdicts, and printed as published, here, agrees."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from journey import pipeline
from journey.claims import page, shipped
from journey.claims.fixed import fix
from journey.claims.results import agreement, finding, results
from journey.cli.app import app
from journey.errors import UsageError
from journey.formats.files import sha256, write_atomic
from journey.formats.folders import open_finished
from journey.formats.recipes.claims import ClaimResults, FixedClaims
from journey.settings.recipe import RunSettings
from journey.sweeps import run as sweeps
from journey_testing.scored_run import run_folder
from journey_testing.sources import ROOT

BEST = {"agrees": ["second better"], "contradicts": ["first better", "equal"]}
SOURCE = {"source": "a made-up paper, table 1", "published": "Journeys gain 8 points."}
RECIPE: dict[str, Any] = {
    "name": "small",
    "summary": "A small recipe.",
    "benchmarks": ["countdown@1"],
    "generate": {"family": ["countdown@1"], "method": ["search"], "pairs": 200},
    "finetune": {"arms": ["shortcut@examples", "shortcut@tokens", "journey"], "seeds": 3},
    "evaluate": {"strategy": ["greedy"]},
    "differs": ["The base is small."],
    "kept": ["The arms."],
    "claims": [
        {"name": "in-the-plan", "benchmark": "countdown@1", "first": "shortcut@examples", **BEST, **SOURCE},
        {"name": "reversed", "benchmark": "countdown@1", "first": "shortcut@tokens", **SOURCE, "agrees": ["first better"],
         "contradicts": ["second better"]},
        {"name": "of-two-shortcuts", "benchmark": "countdown@1", "first": "shortcut@examples", "second": "shortcut@tokens",
         **BEST, **SOURCE},
    ],
}  # fmt: skip


def resolved(**more: Any) -> RunSettings:
    return pipeline.resolve(pipeline.Recipe("small", "", {**RECIPE, **more}, "small.yaml"), {})


def share(arm: str, seed: int | None, settings: RunSettings) -> float:
    return {"base": 0.1, "journey": 0.8}.get(arm, 0.4)


def run(out: Path, settings: RunSettings) -> Path:
    """A finished run folder with its claims, as the pipeline leaves it."""
    fix(settings.claims, out, scored=False)
    run_folder(settings, out, share)
    write_atomic(out / pipeline.RESOLVED, pipeline.as_yaml(settings))
    return out


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run(tmp_path_factory.mktemp("claims") / "small", resolved())


def test_a_claim_has_the_verdict_of_its_plan(finished: Path) -> None:
    found = {claim.name: claim for claim in results(finished).claims}
    scores = open_finished(finished / "evaluate", "evaluate").scores
    item = scores.compared[0]
    claim = found["in-the-plan"]
    assert (claim.first, claim.second) == (item.first, item.second)
    assert (claim.verdict, claim.comparison) == (item.verdict, item.comparison)
    assert (claim.finding, claim.agrees) == ("second better", "yes")
    assert claim.survives == scores.survival[0].in_words and "words without" in claim.survives
    assert (found["reversed"].finding, found["reversed"].agrees) == ("second better", "no")


def test_pairs_that_no_plan_declares_are_a_family_of_their_own(finished: Path) -> None:
    claim = results(finished).claims[2]
    assert (claim.first, claim.second) == ("shortcut@examples", "shortcut@tokens")
    assert claim.verdict.holm_p == claim.comparison.p  # one claim, one comparison
    assert (claim.finding, claim.agrees) == ("too small to tell", "not decided")
    assert len(claim.without) == 3


def test_the_record_names_what_it_came_from(finished: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(
        app, ["claims", str(finished), "--out", str(tmp_path / "small.json")], catch_exceptions=False
    )
    assert done.exit_code == 0
    record = shipped.read(tmp_path / "small.json")
    assert record == results(finished)
    assert record.recipe_sha256 == sha256(finished / "recipe.yaml")
    assert record.scores_sha256 == {"evaluate": sha256(finished / "evaluate" / "scores.json")}
    assert {"journey-learning", "torch"} <= record.versions.keys() and record.before_scoring


def test_negatives_come_first(finished: Path) -> None:
    listed = page.rows([results(finished)])
    assert [row.agrees for row in listed] == ["no", "not decided", "yes"]
    here = listed[0].here
    assert (
        here.startswith("journey better: +") and "3 seeds; 120 problems; countdown@1 with greedy; base pocket" in here
    )
    text = page.markdown(results(finished))
    assert text.index("| reversed |") < text.index("| of-two-shortcuts |") < text.index("| in-the-plan |")
    assert "The base is small." in text and "The arms." in text and "Fixed before anything was scored" in text


def test_the_table_in_a_terminal(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for columns in ("60", "140"):
        monkeypatch.setenv("COLUMNS", columns)
        done = CliRunner().invoke(app, ["claims", str(finished)], catch_exceptions=False)
        words = " ".join(done.stdout.split())
        assert words.index("reversed") < words.index("in-the-plan") and "not decided" in words
    done = CliRunner().invoke(app, ["claims", str(finished), "--markdown"], catch_exceptions=False)
    assert done.stdout == page.markdown(results(finished))


def test_claims_do_not_change_after_scoring(tmp_path: Path) -> None:
    out, settings = tmp_path / "r", resolved()
    fix(settings.claims[:1], out, scored=False)
    fix(settings.claims, out, scored=False)  # nothing was scored yet
    run(out, settings)
    fix(settings.claims, out, scored=True)
    with pytest.raises(UsageError, match="was scored under other claims"):
        fix(settings.claims[:2], out, scored=True)
    with pytest.raises(UsageError, match="was scored under other claims"):
        fix([], out, scored=True)
    fix(settings.claims, tmp_path / "late", scored=True)
    assert not FixedClaims.read(tmp_path / "late").before_scoring


def test_a_run_fixes_its_claims_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is there before the first stage is begun, so before anything is scored."""
    seen: list[bool] = []

    def stage(*args: Any, **more: Any) -> Path:
        seen.append((tmp_path / "r" / "claims.json").is_file())
        raise KeyboardInterrupt

    monkeypatch.setattr(pipeline, "_generate", stage)
    with pytest.raises(KeyboardInterrupt):
        pipeline.run(resolved(), tmp_path / "r")
    assert seen == [True] and len(FixedClaims.read(tmp_path / "r").claims) == 3


def test_claims_between_points_of_a_sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def drawn(arm: str, seed: int | None, settings: RunSettings) -> float:
        return 0.1 if arm == "base" else 0.3 + 0.02 * settings.finetune.ranks[0] * (arm == "journey")

    monkeypatch.setattr(pipeline, "run", lambda settings, out, workers=None: run_folder(settings, out, drawn))
    high, low = {"finetune.rank": 16}, {"finetune.rank": 1}
    claims = [
        {
            "name": "more-rank",
            "benchmark": "countdown@1",
            "first": "journey",
            "at": high,
            "first_at": low,
            **BEST,
            **SOURCE,
        },
        {
            "name": "at-one-point",
            "benchmark": "countdown@1",
            "first": "shortcut@examples",
            "at": high,
            **BEST,
            **SOURCE,
        },
        {"name": "for-a-run", "benchmark": "countdown@1", "first": "shortcut@examples", **BEST, **SOURCE},
    ]
    data = {**RECIPE, "sweep": {"over": {"finetune.rank": [1, 16]}}, "claims": claims}
    planned = sweeps.prepare(pipeline.Recipe("small", "", data, "small.yaml"), [], {})
    out = tmp_path / "s"
    sweeps.sweep(planned, out)
    found = results(out)
    assert [claim.name for claim in found.claims] == ["more-rank", "at-one-point"]
    more, within = found.claims
    assert (more.first, more.second) == ("journey at rank 1", "journey at rank 16")
    assert more.verdict.words == "journey at rank 16 better" and more.agrees == "yes"
    stored = open_finished(out / "rank-16" / "evaluate", "evaluate").scores.compared[0]
    assert within.verdict == stored.verdict and within.second == "journey"
    assert (more.at, within.at) == ("", "rank 16")
    assert "; at rank 16; " in page.here(within, found) and "; at rank" not in page.here(more, found)
    assert "journey minus shortcut@examples at rank 16; agrees if" in page.markdown(found)
    assert set(found.scores_sha256) == {"rank-1/evaluate", "rank-16/evaluate"}
    with pytest.raises(UsageError, match="lies on the recipe's own grid"):
        sweeps.prepare(pipeline.Recipe("small", "", data, "small.yaml"), ["finetune.rank=2,4"], {})


def test_a_sweep_over_bases_names_them_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "run", lambda settings, out, workers=None: run_folder(settings, out, share))
    monkeypatch.setattr("journey.claims.results._weights", lambda run: f"weights of {run.name}")
    one, other = {"base": "pocket"}, {"base": "pocket-plain"}
    claim = {"name": "of-bases", "benchmark": "countdown@1", "first": "journey", "first_at": one, "at": other}
    data = {**RECIPE, "sweep": {"over": {"base": ["pocket", "pocket-plain"]}}, "claims": [{**claim, **BEST, **SOURCE}]}
    planned = sweeps.prepare(pipeline.Recipe("small", "", data, "small.yaml"), [], {})
    sweeps.sweep(planned, tmp_path / "s")
    found = results(tmp_path / "s")
    assert found.base == "pocket, pocket-plain"
    assert found.claims[0].second == "journey at base pocket-plain"
    assert found.base_sha256 == "weights of base-pocket, weights of base-pocket-plain"


@pytest.mark.parametrize(
    ("made", "words", "said"),
    [
        (False, [], "holds no claims"),
        (True, [], "is not finished"),
        (True, ["--out", "x.txt"], "is no .json file"),
    ],
)
def test_a_folder_without_results_is_refused(tmp_path: Path, made: bool, words: list[str], said: str) -> None:
    if made:
        fix(resolved().claims, tmp_path, scored=False)
    done = CliRunner().invoke(app, ["claims", str(tmp_path), *words])
    assert isinstance(done.exception, UsageError) and said in str(done.exception)


@pytest.mark.parametrize(
    ("outcome", "winner", "expected"),
    [
        ("better", "b", "second better"),
        ("better", "a", "first better"),
        ("equal", None, "equal"),
        ("too small", None, "too small to tell"),
    ],
)
def test_findings_are_outcomes_without_names(finished: Path, outcome: str, winner: str | None, expected: str) -> None:
    import msgspec

    verdict = results(finished).claims[0].verdict
    verdict = msgspec.structs.replace(verdict, first="a", second="b", outcome=outcome, winner=winner)
    assert finding(verdict) == expected
    assert agreement(expected, [expected], []) == "yes"
    assert agreement(expected, ["x"], [expected]) == "no"
    assert agreement(expected, ["x"], ["y"]) == "not decided"


def test_shipped_results_are_those_of_their_pages() -> None:
    """Each shipped record renders to the page that is committed, and every page has its record."""
    pages = ROOT / "docs" / "results" / "claims"
    for name, path in shipped.files().items():
        assert (pages / f"{name}.md").read_text(encoding="utf-8") == page.markdown(shipped.read(path)), "make golden"
    assert {path.stem for path in pages.glob("*.md")} == set(shipped.files())


def test_shipped_results_belong_to_the_shipped_recipes() -> None:
    """A recipe whose settings have changed since has results of another recipe."""
    from journey.formats.files import sha256_of

    for name, path in shipped.files().items():
        settings = pipeline.resolve(pipeline.read_recipe(name), {})
        assert shipped.read(path).recipe_sha256 == sha256_of(pipeline.as_yaml(settings)), name


def test_without_a_folder_the_shipped_table_is_printed(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_atomic(tmp_path / "small.json", results(finished).encoded())
    monkeypatch.setattr(shipped, "files", lambda: {"small": tmp_path / "small.json"})
    done = CliRunner().invoke(app, ["claims", "--json"], catch_exceptions=False)
    import json

    [table] = json.loads(done.stdout)
    assert ClaimResults.parse(json.dumps(table).encode(), "stdout") == results(finished)
