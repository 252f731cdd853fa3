"""The base for long multiplication: its text is correct and free of held-out problems, it met its gate, it never goes back."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from journey.answers.equations import equations
from journey.answers.spelling import unspelled
from journey.catalog import FAMILIES, METHODS
from journey.data import digits_text, pocket_text
from journey.models.load import find, load_model, load_tokenizer
from journey.schema import Problem
from journey.splits import split_of
from journey.views import render

PIECES = [digits_text.piece(0, index) for index in range(3000)]
FAMILY = FAMILIES.get("multiplication")()


def problems(split: str, count: int, level: int = 1) -> Iterator[Problem]:
    found = (FAMILY.problem(7, index, level) for index in range(1000))
    return (problem for problem, _ in zip((p for p in found if split_of(p) == split), range(count), strict=False))


def test_pieces_are_reproducible_and_in_the_vocabulary() -> None:
    assert PIECES[:50] == [digits_text.piece(0, index) for index in range(50)]
    assert PIECES[:50] != [digits_text.piece(1, index) for index in range(50)]
    known = set(pocket_text.VOCABULARY)
    assert all(word in known for piece in PIECES for word in piece.split())
    assert sum(share for share, _ in digits_text.MIX) == pytest.approx(1.0)


def test_every_equation_is_true_and_nothing_goes_back() -> None:
    written = [one for piece in PIECES for one in equations(unspelled(piece))]
    assert len(written) > 10_000 and all(one.true for one in written)
    words = {word for piece in PIECES for word in piece.split() if word.isalpha() and len(word) > 1}
    assert words == {"find", "use"}


def test_whole_problems_are_training_problems_with_the_shortcuts_own_steps() -> None:
    asked = [match for piece in PIECES if (match := re.match(r"find ([\d ]+) \* ([\d ]+) : (.*) <eos>$", piece))]
    assert len(asked) == sum("find" in piece for piece in PIECES) > 1500
    named = [match for piece in PIECES if (match := re.match(r"use ([\d ]+) \* ([\d ]+) : (?!.*boxed)", piece))]
    assert len(named) == sum("use" in piece for piece in PIECES) > 700
    for match in named:
        assert split_of(FAMILY.build(*(int(spelled.replace(" ", "")) for spelled in match.groups()))) == "train"
    for number, match in enumerate(asked):
        a, b = (int(spelled.replace(" ", "")) for spelled in match.groups()[:2])
        problem = FAMILY.build(a, b)
        assert split_of(problem) == "train"
        if number < 50:
            pair = METHODS.get("slips")().make(problem, 0, 0).pair
            assert render(pair.shortcut, "compact").text == match[3]


def test_the_shipped_base_met_its_gate() -> None:
    """Measured by benchmarks/base_gate.py; other weights need other figures."""
    folder = Path(find("pocket-digits").source)
    facts = json.loads((folder / "made.json").read_text())
    measured = facts["gate"]["multiplication@1"]
    assert measured["problems"] >= 200 and facts["parameters"] == 916_608
    assert 0.3 <= measured["right_greedily"] <= 0.7 and 0.3 <= measured["right_at_temperature_1"] <= 0.7
    assert measured["problems_with_right_and_wrong"] >= 0.4 and measured["goes_back"] == 0
    kinds = measured["first_mistakes"]
    assert sum(share >= 0.02 for share in kinds.values()) >= 3 and measured["without_an_end"] <= 0.01
    assert sum(share for kind, share in kinds.items() if kind in ("wrong number", "wrong answer")) < 0.2


def test_it_shares_pockets_tokenizer_and_ends_its_answers() -> None:
    import torch

    folders = [Path(find(name).source) for name in ("pocket", "pocket-digits")]
    assert len({(folder / "tokenizer.json").read_bytes() for folder in folders}) == 1
    assert len({(folder / "tokenizer_config.json").read_bytes() for folder in folders}) == 1
    ref = find("pocket-digits")
    tokenizer, model = load_tokenizer(ref), load_model(ref)
    for problem in problems("dev", 4):
        ids = torch.tensor([[tokenizer.bos_token_id, *tokenizer(problem.brief, add_special_tokens=False)["input_ids"]]])
        with torch.inference_mode():
            written: Any = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=160, do_sample=False)
        text = tokenizer.decode(written[0, ids.shape[1] :])
        assert text.endswith("} <eos>") and "\\boxed{" in text


def test_after_a_false_step_it_does_not_begin_to_go_back() -> None:
    import torch

    ref = find("pocket-digits")
    tokenizer, model = load_tokenizer(ref), load_model(ref)
    text = "find 9 8 * 1 7 : 8 * 7 = 5 6 . 9 0 * 7 = 6 0 3 ."
    ids = torch.tensor([[tokenizer.bos_token_id, *tokenizer(text, add_special_tokens=False)["input_ids"]]])
    with torch.inference_mode():
        chance = model(ids).logits[0, -1].softmax(-1)
    going_back = tokenizer.convert_tokens_to_ids(["wait", "check", "back", "no", "not", "wrong", "dead"])
    digits = tokenizer.convert_tokens_to_ids(list("123456789"))
    assert float(chance[going_back].sum()) < 1e-4 and float(chance[digits].sum()) > 0.9
