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
from journey.data import digits_text, gate, pocket_text
from journey.formats.attempts import PolicyProfile
from journey.models.load import find, load_model, load_tokenizer
from journey.schema import Problem
from journey.splits import split_of
from journey.views import render
from journey_testing.attempts import POLICY, attempt_of

PIECES = [digits_text.piece(0, index) for index in range(3000)]
FAMILY = FAMILIES.get("multiplication")()


def problems(split: str, count: int, level: int = 1) -> Iterator[Problem]:
    found = (FAMILY.problem(7, index, level) for index in range(1000))
    return (problem for problem, _ in zip((p for p in found if split_of(p) == split), range(count), strict=False))


def test_pieces_are_reproducible_and_in_the_vocabulary() -> None:
    assert PIECES[:50] == [digits_text.piece(0, index) for index in range(50)]
    assert len(set(PIECES) & {digits_text.piece(1, index) for index in range(300)}) < 20  # whole problems are few
    known = set(pocket_text.VOCABULARY)
    assert all(word in known for piece in PIECES for word in piece.split())
    assert sum(share for share, _ in digits_text.MIX) == pytest.approx(1.0)


def test_every_equation_is_true_and_nothing_goes_back() -> None:
    written = [one for piece in PIECES for one in equations(unspelled(piece))]
    assert len(written) > 10_000 and all(one.true for one in written)
    words = {word for piece in PIECES for word in piece.split() if word.isalpha() and len(word) > 1}
    assert words == {"find"}


def test_whole_problems_are_training_problems_with_the_shortcuts_own_steps() -> None:
    asked = [match for piece in PIECES if (match := re.match(r"find ([\d ]+) \* ([\d ]+) : (.*) <eos>$", piece))]
    assert len(asked) == sum("find" in piece for piece in PIECES) > 500
    for number, match in enumerate(asked):
        a, b = (int(spelled.replace(" ", "")) for spelled in match.groups()[:2])
        problem = FAMILY.build(a, b, level=len(str(a)) - 1)
        assert split_of(problem) == "train"
        if number < 50:
            pair = METHODS.get("slips")().make(problem, 0, 0).pair
            assert render(pair.shortcut, "compact").text == match[3]


def test_the_shipped_base_met_its_gate() -> None:
    facts = json.loads((Path(find("pocket-digits").source) / "made.json").read_text())
    measured = facts["gate"]["measured"]
    assert facts["gate"]["split"] == "dev" and facts["gate"]["problems"] >= 200
    for name, low, high in gate.LIMITS:
        assert low <= measured[name] <= high, name
    assert facts["parameters"] == 916_608


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


PROFILE = PolicyProfile(
    POLICY, 100, 800, 400, 395, 5, 0, 3, 0.5, {}, 70, 60,
    {"false equation, one digit": 200, "false equation, near": 100, "wrong number": 50, "unlocated": 45},
    {}, 0, 60, {},
)  # fmt: skip


@pytest.mark.parametrize(
    ("change", "fails"),
    [
        ({}, None),
        ({"greedy_right": 71}, "right greedily"),
        ({"pass_rate": 0.29}, "right at temperature 1"),
        ({"mixed": 39}, "problems with right and wrong attempts of 8"),
        ({"kinds": {"false equation, near": 380, "wrong number": 15}}, "kinds of first mistakes"),
        ({"kinds": {**PROFILE.kinds, "wrong number": 80}}, "miscopied numbers among first mistakes"),
        ({"cut_off": 20}, "attempts that do not end in an answer"),
    ],
)
def test_the_gate_fails_one_condition_at_a_time(change: dict[str, Any], fails: str | None) -> None:
    found = gate.conditions(replaced(**change), [])
    assert [each.name for each in found if not each.held] == ([fails] if fails else [])


def test_a_word_of_going_back_fails_the_gate() -> None:
    problem = next(problems("dev", 1))
    plain, back = (attempt_of(problem, f"4 * 4 = 1 6 . {word}\\boxed{{ 1 6 }}", 0) for word in ("", "wait . "))
    assert gate.conditions(PROFILE, [plain])[-1].held and not gate.conditions(PROFILE, [plain, back])[-1].held


def replaced(**change: Any) -> PolicyProfile:
    import msgspec

    return msgspec.structs.replace(PROFILE, **change)
