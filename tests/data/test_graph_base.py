"""The embedded base for `graph`: its text is right, of training problems alone, and never goes back."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from journey.answers.equations import equations
from journey.catalog import FAMILIES, METHODS
from journey.data import graph_text, pocket_text
from journey.data.base_texts import TEXTS
from journey.models.load import find, load_model, load_tokenizer
from journey.schema import Problem
from journey.splits import split_of
from journey.views import render

NAME = "pocket-graph"
COUNT = 1200
PIECES = [graph_text.piece(0, index, first=index < COUNT // 2) for index in range(COUNT)]  # of both texts
FAMILY = FAMILIES.get("graph")()
STEP = re.compile(r"([a-l]) = ([^=.]+) = (\d+) \.")


def parts(piece: str) -> tuple[dict[str, list[str]], str]:
    """How each count is told, as words, and what is said of it."""
    head, _, said = piece.partition(":")
    told = dict(re.findall(r"([a-l]) = ([^;]+) ;", head))
    return {letter: words.split() for letter, words in told.items()}, said.strip()


def early(told: dict[str, list[str]], letter: str, known: set[str]) -> list[str]:
    """The computed counts that one needs and that are not known."""
    return [word for word in told[letter] if word in told and len(told[word]) > 1 and word not in known]


def test_pieces_are_reproducible_and_in_the_vocabulary() -> None:
    assert PIECES[-50:] == [graph_text.piece(0, index) for index in range(COUNT - 50, COUNT)]
    assert PIECES[:50] == [graph_text.piece(0, index, first=True) for index in range(50)]
    assert not set(PIECES[-50:]) & {graph_text.piece(1, index) for index in range(COUNT - 50, COUNT)}
    known = set(pocket_text.VOCABULARY)
    assert all(word in known for piece in PIECES for word in piece.split())
    assert [sum(share for share, _ in mix) for mix in (graph_text.FIRST, graph_text.MIX)] == pytest.approx([1.0, 1.0])


def test_every_equation_is_true_and_every_step_has_what_it_needs() -> None:
    steps = 0
    for piece in PIECES:
        told, said = parts(piece)
        values: dict[str, int] = {}
        for letter, of, value in STEP.findall(said):
            assert not early(told, letter, set(values))
            numbers = [str(values.get(word, told[word][0])) if word in told else word for word in told[letter]]
            assert of.split() == numbers
            assert [one.true for one in equations(f"{of} = {value}")] == [True]
            values[letter] = int(value)
            steps += 1
    assert steps > 2000


def test_problems_are_training_ones_with_the_shortcut_of_slips(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: dict[str, Problem] = {}

    def seen(problem: Problem) -> Any:
        drawn[problem.brief] = problem
        return split_of(problem)

    monkeypatch.setattr(graph_text, "split_of", seen)
    again = [graph_text.piece(0, index, first=index < 150) for index in range(300)]
    asked = [piece for piece in again if " find " in piece]
    briefs = {f"{piece.partition(':')[0]}:" for piece in asked}
    assert {split_of(drawn[brief]) for brief in briefs} == {"train"} and len(asked) > 100
    assert {split_of(problem) for problem in drawn.values()} == {"train", "dev", "test"}
    ended = [piece for piece in asked if piece.endswith(pocket_text.EOS)]
    for piece in ended[:30]:
        head, _, said = piece.partition(" : ")
        pair = METHODS.get("slips")().make(drawn[f"{head} :"], 0, 0).pair
        assert said == f"{render(pair.shortcut, 'compact').text} {pocket_text.EOS}"


def test_no_piece_goes_back_or_doubts() -> None:
    said = {word for piece in PIECES for word in piece.split()}
    numbers = {word for word in said if word.isdecimal()}
    assert said - numbers <= {*"abcdefghijkl", *"= ; : . + - * find \\boxed{ }".split(), pocket_text.EOS}


def test_the_shipped_base_is_made_from_this_text() -> None:
    name, folder = NAME, Path(find(NAME).source)
    made = json.loads((folder / "made.json").read_text())
    assert made["command"] == "python -P -m journey.data.make_pocket" + TEXTS[name].flags
    assert made["parameters"] == 916_608 and made.get("start") == TEXTS[name].start
    assert (folder / "tokenizer.json").read_bytes() == (Path(find("pocket").source) / "tokenizer.json").read_bytes()
    assert 2e6 < (folder / "model.safetensors").stat().st_size < 4e6


def test_after_an_attempt_that_is_too_early_it_does_not_go_back() -> None:
    import torch

    ref = find(NAME)
    tokenizer, model = load_tokenizer(ref), load_model(ref)
    slips = METHODS.get("slips")
    retry = slips(slips.Settings(kinds=("retry",), mistakes=1, rechecks=0.0))
    going_back = tokenizer.convert_tokens_to_ids(["no", "back", "dead", "wait", "not"])
    for index in range(8):
        problem = FAMILY.problem(0, index, 1)
        said = render(retry.make(problem, 0, 0).pair.journey, "compact").text.partition(" no ")[0]
        ids = torch.tensor(
            [[tokenizer.bos_token_id, *tokenizer(f"{problem.brief} {said}", add_special_tokens=False)["input_ids"]]]
        )
        with torch.inference_mode():
            chances = model(ids).logits[0, -1].softmax(-1)
        assert said.endswith(".") and float(chances[going_back].sum()) < 1e-3
