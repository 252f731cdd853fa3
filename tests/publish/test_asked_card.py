"""The card of pairs that models were asked for: origin, proof, models, prompts, terms and cost, as the folders have them."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from journey.config import CurateSettings, GenerateSettings
from journey.curate.run import curate
from journey.errors import UsageError
from journey.formats.folders import open_finished
from journey.generate.asking.prompts import prompt_hash
from journey.generate.run import generate
from journey.publish import pieces
from journey.publish.bundle import dataset, provenance
from journey.publish.bundle.source import BundleSource
from journey.publish.settings import Given, PublishSettings
from journey.publish.tables import columns, licences
from journey.splits import SPLITS
from journey_testing.asked import chat_server, pens, pens_problems
from journey_testing.attempts import sample_folder

TERMS = {"the-policy": "mit", "the-critic": "other"}
SETTINGS = PublishSettings(repo="tester/pens", source_license=TERMS)


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Counter[str]]:
    """A curated folder of pairs by rollouts and critique, and how often each model was asked."""
    folder = tmp_path_factory.mktemp("asked")
    rows = [{**row, "source": "pens", "licence": "cc-by-4.0"} for row in pens_problems(12)]
    (folder / "problems.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with chat_server(pens) as server:
        settings = GenerateSettings(
            problems=str(folder / "problems.jsonl"), method=["rollouts", "critique"], continues="never",
            policy=f"the-policy@{server.url}", critic=f"the-critic@{server.url}",
            options={"rollouts": {"score": "judge"}},
        )  # fmt: skip
        generated = generate(settings, folder / "generated")
    counts = Counter(str(body["model"]) for body in server.asked)
    return curate(generated, CurateSettings(), folder / "curated"), counts


@pytest.fixture(scope="module")
def card(asked: tuple[Path, Counter[str]], tmp_path_factory: pytest.TempPathFactory) -> str:
    curated = open_finished(asked[0], "curate")
    found = provenance.survey(curated)
    source = BundleSource(curated, provenance.trees_of(curated), found, licences.choose(found.licences, None))
    return (dataset.stage(source, SETTINGS, tmp_path_factory.mktemp("staged") / "bundle") / "README.md").read_text()


def table(card: str, head: str) -> list[list[str]]:
    """The rows of the card's table that begins with these words."""
    lines = card.partition(f"| {head} |")[2].partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip().replace("\\", "") for cell in line.strip("|").split("|")] for line in lines]


def test_it_says_where_mistakes_come_from_and_how_they_are_known(asked: tuple[Path, Counter[str]], card: str) -> None:
    curated = open_finished(asked[0], "curate")
    pairs = [pair for split in SPLITS for pair in curated.pairs(split)]
    known = Counter(
        (
            str(columns.origin(pair.method, pair.mistakes, pair.provenance)),
            str(columns.proof(pair.method, pair.mistakes, pair.problem.source, pair.provenance)),
        )
        for pair in pairs
        if pair.mistakes
    )
    assert {origin for origin, _ in known} == {"own", "model"}
    rows = table(card, "mistakes come from")
    assert {(row[0], row[1]): int(row[2]) for row in rows} == known
    assert dict(table(card, "made by")) == {
        name: str(n) for name, n in sorted(Counter(pair.method for pair in pairs).items())
    }


def test_it_says_which_models_with_which_prompts_for_how_many_tokens(
    asked: tuple[Path, Counter[str]], card: str
) -> None:
    """Every request of the server stands in the card, at the seven and five tokens that it says of each."""
    counts = asked[1]
    assert counts["the-policy"] and counts["the-critic"]
    named = {
        "policy": f"step {prompt_hash('step')}",
        "critic": ", ".join(f"{name} {prompt_hash(name)}" for name in ("critic", "judge")),
    }
    wanted = [
        [role, f"the-{role}", named[role], f"{n:,}", f"{7 * n:,}", f"{5 * n:,}"]
        for role, n in (("critic", counts["the-critic"]), ("policy", counts["the-policy"]))
    ]
    assert table(card, "asked as") == wanted


def test_it_says_under_which_terms_problems_and_models_stand(asked: tuple[Path, Counter[str]], card: str) -> None:
    curated = open_finished(asked[0], "curate")
    pairs = [pair for split in SPLITS for pair in curated.pairs(split)]
    models = table(card, "model that wrote traces, or parts of them")
    assert [(row[0], row[2]) for row in models] == [("the-critic", "other"), ("the-policy", "mit")]
    assert models[1][1] == str(len(pairs)) and 0 < int(models[0][1]) <= len(pairs)
    assert table(card, "problems from") == [["pens", str(len(pairs)), "cc-by-4.0"]]
    assert "published under **cc-by-4.0**" in card and "license: cc-by-4.0" in card.split("---")[1]


@pytest.mark.parametrize("silent", TERMS)
def test_a_model_of_whose_terms_nothing_is_said_stops_it(
    silent: str, asked: tuple[Path, Counter[str]], tmp_path: Path
) -> None:
    said = SETTINGS.model_copy(update={"source_license": {name: TERMS[name] for name in TERMS if name != silent}})
    with pytest.raises(UsageError, match=f"the model {silent} wrote some of the traces"):
        pieces.dataset(open_finished(asked[0], "curate"), said, Given(), tmp_path / "out")


def test_attempts_that_were_drawn_beforehand_stand_in_it_with_their_tokens(tmp_path: Path) -> None:
    sampled = sample_folder(tmp_path / "a", 12)
    made = generate(GenerateSettings(attempts=str(sampled), method=["stitch"]), tmp_path / "generated")
    curated = open_finished(curate(made, CurateSettings(), tmp_path / "curated"), "curate")
    found = provenance.survey(curated)
    source = BundleSource(curated, provenance.trees_of(curated), found, licences.choose(found.licences, None))
    settings = PublishSettings(repo="tester/stitched", source_license={"guesser": "mit"})
    card = (dataset.stage(source, settings, tmp_path / "staged") / "README.md").read_text()
    drawn = [each for of in open_finished(sampled, "sample").attempts("guesser").values() for each in of]
    tokens = f"{sum(each.tokens for each in drawn):,}"
    told = ["policy, sampled", "guesser", "those of evaluation", str(len(drawn)), "not counted", tokens]
    assert table(card, "asked as") == [told]
