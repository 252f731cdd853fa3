"""The embedded base for grids: its text is right from start to end, of training problems alone, and never goes back."""

from __future__ import annotations

import json
import re
from collections import Counter
from hashlib import sha256
from pathlib import Path

import pytest

from journey.answers.grading import grade
from journey.catalog import FAMILIES, METHODS
from journey.data import grids_text, make_pocket, pocket_text
from journey.data.base_texts import TEXTS
from journey.models.load import find, load_model, load_tokenizer
from journey.splits import split_of
from journey.views import render

NAME, LEVEL = "pocket-grids", "sudoku@1"
PIECES = [grids_text.piece(0, index) for index in range(1500)]
FAMILY = FAMILIES.get("sudoku")()
GIVEN = re.compile(r"([a-p]) = ([1-4]) ;")


def grid_of(piece: str) -> tuple[int, ...]:
    """The grid that a piece asks for, 0 for an empty cell."""
    given = {letter: int(digit) for letter, digit in GIVEN.findall(piece)}
    return tuple(given.get(letter, 0) for letter in "abcdefghijklmnop")


def test_pieces_are_reproducible_and_in_the_vocabulary() -> None:
    assert PIECES[:50] == [grids_text.piece(0, index) for index in range(50)]
    assert PIECES[:50] != [grids_text.piece(1, index) for index in range(50)]
    known = set(pocket_text.VOCABULARY)
    assert all(word in known for piece in PIECES for word in piece.split())
    assert sum(share for share, _ in grids_text.MIX) == pytest.approx(1.0)


def test_every_problem_is_a_training_one_with_a_solution_without_a_mistake() -> None:
    empty: Counter[int] = Counter()
    for piece in PIECES:
        if " find " not in piece:
            continue
        problem = FAMILY.build(grid_of(piece))
        assert split_of(problem) == "train"
        head, _, told = piece.partition(" : ")
        assert f"{head} :" == problem.brief and told.endswith(pocket_text.EOS)
        assert grade(problem, told).outcome == "correct"
        found = FAMILY.first_mistake(problem, told)
        assert found.kind is None and found.before
        empty[problem.facts["grid"].count(0)] += 1
    assert set(range(4, 12)) <= set(empty) and sum(empty.values()) > 1000


def test_no_piece_goes_back_or_doubts() -> None:
    said = {word for piece in PIECES for word in piece.split()}
    assert said <= {*"abcdefghijklmnop", *"1234", *"= ; : . try find to \\boxed{ }".split(), pocket_text.EOS}


@pytest.mark.parametrize("level", [1, 2])
def test_a_right_path_is_the_shortcut_of_the_search(level: int) -> None:
    for index in range(15):
        problem = FAMILY.problem(3, index, level)
        pair = METHODS.get("search")().make(problem, 0).pair
        ours = grids_text.right_path(tuple(problem.facts["grid"]), FAMILY.end(problem))
        assert ours == render(pair.shortcut, "compact").text


def test_full_grids_without_a_question_are_right() -> None:
    bare = [piece for piece in PIECES if " find " not in piece]
    assert len(bare) > 100 and len(set(grids_text.FULL)) == 288
    assert all(grid_of(piece) in grids_text.FULL for piece in bare)
    assert any(piece[0] != "a" for piece in bare)


def test_the_shipped_base_is_made_from_this_text_and_carries_the_family() -> None:
    folder = Path(find(NAME).source)
    made = json.loads((folder / "made.json").read_text())
    assert made["command"] == "python -P -m journey.data.make_pocket" + TEXTS[NAME].flags
    assert made["parameters"] == 916_608 and made["tokens"] <= TEXTS[NAME].tokens
    assert (folder / "tokenizer.json").read_bytes() == (Path(find("pocket").source) / "tokenizer.json").read_bytes()
    assert 2e6 < (folder / "model.safetensors").stat().st_size < 4e6
    stream = make_pocket.blocks(0, 20_000, TEXTS[NAME]).numpy().tobytes()
    assert sha256(stream).hexdigest()[:16] == "e6399a399b73354b"
    assert sha256((folder / "model.safetensors").read_bytes()).hexdigest()[:16] == "fd1e12294cf831ff"


def test_the_gate_was_passed_when_it_was_measured() -> None:
    """The figures are those of `benchmarks/base_gate.py`; its conditions once more, by hand."""
    made = json.loads((Path(find(NAME).source) / "made.json").read_text())
    gate = made["gate"][LEVEL]
    assert gate["problems"] >= 300
    assert 0.3 <= gate["right_greedily"] <= 0.7 and 0.3 <= gate["right_at_temperature_1"] <= 0.7
    assert gate["problems_with_right_and_wrong"] >= 0.4
    assert sum(share >= 0.02 for share in gate["first_mistakes"].values()) >= 3
    assert gate["first_mistakes"].get("wrong answer", 0) < 0.2
    assert gate["without_an_end"] <= 0.01 and gate["goes_back"] == 0


def test_it_never_begins_to_go_back() -> None:
    """The start of a journey up to its first dead end: the word that says so has hardly a chance."""
    import torch

    ref = find(NAME)
    tokenizer, model = load_tokenizer(ref), load_model(ref)
    told = 0
    for index in range(12):
        problem = FAMILY.problem(0, index, 2)
        journey = render(METHODS.get("search")().make(problem, 0).pair.journey, "compact").text
        text = f"{problem.brief} {journey.partition(' no ')[0]}"
        ids = torch.tensor([[tokenizer.bos_token_id, *tokenizer(text, add_special_tokens=False)["input_ids"]]])
        with torch.inference_mode():
            chances = model(ids).logits[0, -1].softmax(-1)
        words = tokenizer.convert_tokens_to_ids(["no", "dead", "back", "wait", "not"])
        told += journey != text
        assert float(chances[words].sum()) < 1e-4
    assert told == 12
