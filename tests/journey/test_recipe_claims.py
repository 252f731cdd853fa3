"""Claims of a recipe: what a recipe must train and ask for them, and what a dry run shows of them."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from journey.cli.app import app
from journey.errors import UsageError
from journey.pipeline import read_recipe, resolve

CLAIM: dict[str, Any] = {
    "name": "journeys-beat-shortcuts",
    "source": "a made-up paper, table 1",
    "published": "Journeys gain 8 points.",
    "benchmark": "countdown@1",
    "first": "shortcut@examples",
    "second": "journey",
    "agrees": ["second better"],
    "contradicts": ["first better", "equal"],
}


def recipe(tmp_path: Path, *claims: dict[str, Any], **more: Any) -> Path:
    """A small recipe that trains two arms, with these claims."""
    data = {
        "name": "small",
        "benchmarks": ["countdown@1"],
        "generate": {"family": ["countdown@1"], "method": ["search"], "pairs": 200},
        "finetune": {"arms": ["shortcut@examples", "journey"], "seeds": 3},
        "evaluate": {"strategy": ["greedy"], "sizes": {"countdown@1": 100}},
        "claims": list(claims),
        **more,
    }
    path = tmp_path / "small.yaml"
    path.write_text(json.dumps(data))
    return path


def resolved(tmp_path: Path, *claims: dict[str, Any], **more: Any) -> Any:
    return resolve(read_recipe(str(recipe(tmp_path, *claims, **more))), {})


GRID = {"sweep": {"over": {"finetune.rank": [4, 8]}}}


@pytest.mark.parametrize(
    ("changed", "more", "said"),
    [
        ({"second": "journey-masked"}, {}, "unknown arm that the recipe trains 'journey-masked'"),
        ({"second": "base"}, {}, "the base stands first"),
        ({"benchmark": "countdown@2"}, {}, "unknown benchmark 'countdown@2'"),
        ({"strategy": "majority"}, {}, "unknown strategy of a comparison in this recipe 'majority'"),
        ({"strategy": "equal test tokens"}, {}, "unknown strategy of a comparison"),
        ({"strategy": "right after a mistake"}, {}, "unknown strategy of a comparison"),
        ({"contradicts": ["second better"]}, {}, "second better both agrees and contradicts"),
        ({"agrees": []}, {}, "expected at least one finding"),
        ({"agrees": ["better"]}, {}, "second better, first better, equal or too small to tell"),
        ({"first": "journey"}, {}, "journey is compared with itself"),
        ({"name": "No Slug"}, {}, "lower-case letters"),
        ({"at": {"finetune.rank": 4}}, {}, "the recipe has none"),
        ({"at": {"finetune.lr": 4}}, GRID, "unknown axis of the sweep 'finetune.lr'"),
        ({"at": {"finetune.rank": 5}}, GRID, "finetune.rank = 5 is no value of the sweep"),
        ({"source": " "}, {}, "expected some text"),
    ],
)
def test_a_claim_that_the_recipe_cannot_decide_is_refused(
    tmp_path: Path, changed: dict[str, Any], more: dict[str, Any], said: str
) -> None:
    with pytest.raises(UsageError) as error:
        resolved(tmp_path, {**CLAIM, **changed}, **more)
    assert said in str(error.value) and error.value.exit_code == 2


def test_two_claims_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="two claims are called"):
        resolved(tmp_path, CLAIM, deepcopy(CLAIM))


def test_claims_and_places_that_fit_are_taken(tmp_path: Path) -> None:
    swept = {**CLAIM, "at": {"finetune.rank": 8}, "first_at": {"finetune.rank": 4}, "first": "journey", "name": "more"}
    further = {**CLAIM, "strategy": "equal test tokens", "name": "tokens"}
    more = {**GRID, "evaluate": {"strategy": ["greedy", "majority", "recover"], "sizes": {"countdown@1": 100}}}
    probe = {**CLAIM, "strategy": "right after a mistake", "name": "probe"}
    settings = resolved(tmp_path, {**CLAIM, "first": "base"}, swept, further, probe, **more)
    assert [claim.name for claim in settings.claims] == [CLAIM["name"], "more", "tokens", "probe"]


def test_what_has_no_claims_writes_none(tmp_path: Path) -> None:
    settings = resolved(tmp_path)
    assert not {"claims", "kept", "differs", "sweep"} & settings.model_dump().keys()


def test_a_dry_run_shows_what_would_count(tmp_path: Path) -> None:
    words = ["run", str(recipe(tmp_path, CLAIM)), "--out", str(tmp_path / "out"), "--dry-run"]
    done = CliRunner().invoke(app, words, catch_exceptions=False)
    shown = " ".join(done.stdout.split())
    assert "claim journeys-beat-shortcuts" in shown
    assert "journey minus shortcut@examples on countdown@1" in shown
    assert "agrees if second better; contradicted by: first better, equal" in shown
