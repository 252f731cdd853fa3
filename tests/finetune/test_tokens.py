"""Rows: what is supervised, drawn as text; roles; the file they travel in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from journey.catalog import ARMS
from journey.finetune.rows.rows import ANSWER, CORRECT_PATH, FRAME, Rows, _roles, draw, encode
from journey.finetune.runs import Arm
from journey.models import template
from journey.schema import ROLES, Pair
from journey.views import Span

CHAT = (
    "{% for m in messages %}<|{{ m.role }}|> {{ m.content }} <eos> {% endfor %}"
    "{% if add_generation_prompt %}<|assistant|> {% endif %}"
)
GOLDEN = {
    ("shortcut", "compact"): "<bos> use 2 3 4 : [[ 2 + 3 = 5 . 5 + 4 = 9 . \\boxed{ 9 } <eos> ]]",
    ("journey", "compact"): ("<bos> use 2 3 4 : [[ 2 + 3 = 6 . no . 2 + 3 = 5 . 5 + 4 = 9 . \\boxed{ 9 } <eos> ]]"),
    ("shortcut", "think"): (
        "<|user|> How much is 2 + 3 + 4? Please reason step by step, and put your final answer within \\boxed{}. <eos> "
        "<|assistant|> [[ <think> 2 + 3 = 5. 5 + 4 = 9. </think> The answer is \\boxed{9}. <eos> ]]"
    ),
    ("journey", "think"): (
        "<|user|> How much is 2 + 3 + 4? Please reason step by step, and put your final answer within \\boxed{}. <eos> "
        "<|assistant|> [[ <think> 2 + 3 = 6. No, 6 - 3 is not 2. 2 + 3 = 5. 5 + 4 = 9. </think> The answer is "
        "\\boxed{9}. <eos> ]]"
    ),
}


@pytest.fixture
def tokenizer_for(word_tokenizer: Callable[..., Any], words_of: Callable[..., Any]) -> Callable[..., Any]:
    def make(pair: Pair, pad: str = "<pad>") -> Any:
        return word_tokenizer([*words_of([pair]), "<|user|>", "<|assistant|>"], pad=pad, template=CHAT)

    return make


@pytest.mark.parametrize(("arm", "view"), GOLDEN)
@pytest.mark.parametrize("pad", ["<pad>", "<eos>"])
def test_what_is_supervised_drawn_as_text(
    written: Pair, arm: str, view: Any, pad: str, tokenizer_for: Callable[..., Any]
) -> None:
    tokenizer = tokenizer_for(written, pad)
    rows = encode([written], ARMS.get(arm)(), tokenizer, view)
    assert draw(rows, 0, tokenizer) == GOLDEN[arm, view]


def test_rows_are_those_of_models_row(
    pairs: list[Pair], word_tokenizer: Callable[..., Any], words_of: Callable[..., Any]
) -> None:
    tokenizer = word_tokenizer(words_of(pairs))
    rows = encode(pairs, ARMS.get("journey")(), tokenizer, "compact")
    for place, pair in enumerate(pairs):
        expected = template.row(tokenizer, pair.problem, pair.journey, "compact")
        assert rows.ids[rows.at(place)].tolist() == expected.prompt + expected.completion
        assert rows.prompts[place] == len(expected.prompt)
        assert rows.supervised[place] == len(expected.completion)
        assert rows.lengths[place] == len(expected.prompt) + len(expected.completion)
    assert rows.problems == tuple(pair.problem.id for pair in pairs)


@pytest.mark.parametrize("view", ["compact", "think"])
def test_every_token_has_the_role_of_its_segment(written: Pair, view: Any, tokenizer_for: Callable[..., Any]) -> None:
    tokenizer = tokenizer_for(written)
    rows = encode([written], ARMS.get("journey")(), tokenizer, view)
    words: dict[str, list[str]] = {}
    for token, role in zip(rows.ids.tolist(), rows.roles.tolist(), strict=True):
        words.setdefault("frame" if role == FRAME else ROLES[role], []).append(tokenizer.decode([token]))
    mistake, notice = ("2 + 3 = 6 .", "no .") if view == "compact" else ("2 + 3 = 6.", "No, 6 - 3 is not 2.")
    assert (" ".join(words["mistake"]), " ".join(words["notice"])) == (mistake, notice)
    assert words["answer"][-1] == "<eos>"
    assert ("<think>" in words["frame"]) == (view == "think")


def test_blanks_in_front_of_a_token_belong_to_what_follows() -> None:
    """Byte-level tokenizers cover the blank with the next word; a tag between segments has no role."""
    text = "one two</think>\n\nthree"
    spans = (Span("step", 1, 0, 3), Span("mistake", 2, 4, 7), Span("answer", 3, 17, 22))
    places = [(0, 3), (3, 7), (7, 15), (15, 17), (17, 22)]
    found = [FRAME if role == FRAME else ROLES[role] for role in _roles(text, spans, places)]
    assert found == ["step", "mistake", FRAME, FRAME, "answer"]


def test_weights_by_role_and_shares(written: Pair, tokenizer_for: Callable[..., Any]) -> None:
    arm = Arm("masked", "journey", {"mistake": 0.0, "notice": 0.5})
    rows = encode([written], arm, tokenizer_for(written), "compact")
    by_role = {
        role: set(rows.weights[rows.roles == ROLES.index(role)].tolist()) for role in ("mistake", "notice", "step")
    }
    assert by_role == {"mistake": {0.0}, "notice": {0.5}, "step": {1.0}}
    assert set(rows.weights[: int(rows.prompts[0])].tolist()) == {0.0}
    assert rows.supervised[0] == 2 + 6 + 6 + 4  # notice, correction, step, answer with its end
    assert rows.weight_on([ANSWER])[0] == 4
    assert rows.weight_on(CORRECT_PATH)[0] == 12


def test_rows_travel_in_one_file_without_pickles(
    written: Pair, pairs: list[Pair], tmp_path: Path, word_tokenizer: Callable[..., Any], words_of: Callable[..., Any]
) -> None:
    rows = encode([written, *pairs], ARMS.get("journey")(), word_tokenizer(words_of([written, *pairs])), "compact")
    rows.save(tmp_path / "rows.npz")
    again = Rows.load(tmp_path / "rows.npz")
    assert again.problems == rows.problems
    for name in ("ids", "weights", "roles", "starts", "prompts"):
        assert np.array_equal(getattr(again, name), getattr(rows, name))
        assert getattr(again, name).dtype == getattr(rows, name).dtype
