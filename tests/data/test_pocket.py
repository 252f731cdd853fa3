"""The embedded base: its text is neutral and free of held-out problems, its words cover the compact view."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from hashlib import sha256
from pathlib import Path

import pytest

from journey.catalog import FAMILIES, METHODS
from journey.data import make_pocket, pocket_text
from journey.data.base_texts import TEXTS
from journey.models.load import find, load_model, load_tokenizer
from journey.models.template import default_view, unknown_words
from journey.splits import split_of
from journey.views import prompt, render

PIECES = [pocket_text.piece(0, index) for index in range(4000)]


def test_pieces_are_reproducible_and_in_the_vocabulary() -> None:
    assert PIECES[:50] == [pocket_text.piece(0, index) for index in range(50)]
    shared = set(PIECES) & {pocket_text.piece(1, index) for index in range(300)}
    assert len(shared) < 5  # short fragments can meet by chance, another seed's stream does not repeat this one
    known = set(pocket_text.VOCABULARY)
    assert all(word in known for piece in PIECES for word in piece.split())
    assert len(known) == len(pocket_text.VOCABULARY)


def test_no_piece_names_a_held_out_problem() -> None:
    family = FAMILIES.get("countdown")()
    named = 0
    for piece in PIECES:
        asked = re.match(r"use (\d+) (\d+) (\d+) make (\d+) :", piece)
        if asked:
            *numbers, target = map(int, asked.groups())
            problem = family.build(tuple(sorted(numbers, reverse=True)), target)
            assert split_of(problem) == "train"
            named += 1
    assert named > 800


def test_no_piece_shows_a_second_branch_or_a_solved_three_number_problem() -> None:
    for piece in PIECES:
        assert piece.count("try ") <= 1, piece
        assert not re.search(r"back to [\d ]+\. \S", piece), piece
        three = re.match(r"use \d+ \d+ \d+ make", piece)
        assert not (three and "\\boxed{" in piece), piece


def test_plain_pieces_are_the_same_without_going_back() -> None:
    plain = [pocket_text.piece(0, index, plain=True) for index in range(len(PIECES))]
    assert not any(word in piece.split() for piece in plain for word in ("dead", "end", "back"))
    changed = [(ours, theirs) for ours, theirs in zip(plain, PIECES, strict=True) if ours != theirs]
    assert len(changed) > 100
    assert all(theirs.partition(" dead end . back to ")[0] == ours for ours, theirs in changed)


def test_equations_are_true_and_judged_rightly() -> None:
    sign = {"+": int.__add__, "-": int.__sub__, "*": int.__mul__}
    judged: Counter[str] = Counter()
    for piece in PIECES:
        target = re.search(r"make (\d+) :", piece)
        for a, op, b, c, word in re.findall(r"(\d+) ([-+*]) (\d+) = (\d+) (\w+|\.)", piece):
            assert sign[op](int(a), int(b)) == int(c), piece
            if word in ("low", "high", "yes"):
                assert target is not None
                right = (int(c) > int(target[1])) - (int(c) < int(target[1]))
                assert word == ("yes", "high", "low")[right], piece
                judged[word] += 1
    assert min(judged.values()) > 500


def test_shares_of_the_mix_add_up() -> None:
    assert sum(share for share, _ in pocket_text.MIX) == pytest.approx(1.0)


def test_the_shipped_base_loads_and_covers_what_it_claims() -> None:
    ref = find("pocket")
    tokenizer = load_tokenizer(ref)
    assert default_view(tokenizer) == "compact"
    assert [tokenizer.convert_ids_to_tokens(i) for i in range(len(tokenizer))] == pocket_text.VOCABULARY
    for family, method, level in (
        ("countdown", "search", 1),
        ("countdown", "search", 2),
        ("arithmetic", "slips", 1),
        ("arithmetic", "slips", 2),
    ):
        for index in range(60):
            problem = FAMILIES.get(family)().problem(5, index, level)
            pair = METHODS.get(method)().make(problem, 0).pair
            text = f"{prompt(problem, 'compact')} {render(pair.journey, 'compact').text}"
            assert not unknown_words(tokenizer, text), (family, level, text)
    assert unknown_words(tokenizer, "use 3 eggs make 7 :") == ["eggs"]
    facts = json.loads((Path(ref.source) / "made.json").read_text())
    net = load_model(ref)
    assert sum(p.numel() for p in net.parameters()) == facts["parameters"] < 5_000_000
    assert (Path(ref.source) / "model.safetensors").stat().st_size < 6_000_000


@pytest.mark.parametrize(
    ("name", "begins"), [("model.safetensors", "3c7e9209c3114665"), ("tokenizer.json", "a943c15dd769d4b2")]
)
def test_the_base_is_byte_for_byte_that_of_0_1_0(name: str, begins: str) -> None:
    """Adapters made with it stand on these weights; another base has another name."""
    assert hashlib.sha256((Path(find("pocket").source) / name).read_bytes()).hexdigest().startswith(begins)


def test_the_plain_base_is_the_same_in_shape_and_never_begins_to_go_back() -> None:
    """After a branch that failed `pocket` says so in most cases; `pocket-plain` has never seen the word."""
    import torch

    text = "use 45 9 3 make 11 : try 9 + 3 = 12 left 45 12 . 45 - 12 = 33 high ."
    chance = {}
    for name in ("pocket", "pocket-plain"):
        ref = find(name)
        tokenizer, model = load_tokenizer(ref), load_model(ref)
        ids = torch.tensor([[tokenizer.bos_token_id, *tokenizer(text, add_special_tokens=False)["input_ids"]]])
        with torch.inference_mode():
            logits = model(ids).logits[0, -1].softmax(-1)
        chance[name] = float(logits[tokenizer.convert_tokens_to_ids("dead")])
        assert sum(weights.numel() for weights in model.parameters()) == 916_608
    folders = [Path(find(name).source) for name in chance]
    assert len({(folder / "tokenizer.json").read_bytes() for folder in folders}) == 1
    assert chance["pocket"] > 0.9 and 1e-6 > chance["pocket-plain"]


@pytest.mark.parametrize(
    ("name", "stream", "weights"),
    [("pocket", "eb85e6292032f17d", "3c7e9209c3114665"), ("pocket-plain", "2e745ac363460903", "bb8cf49978208883")],
)
def test_the_bases_stay_byte_for_byte(name: str, stream: str, weights: str) -> None:
    """What they are trained on is what it was when they were made, however many bases share the code."""
    data = make_pocket.blocks(0, 50_000, TEXTS[name])
    assert sha256(data.numpy().tobytes()).hexdigest()[:16] == stream
    folder = Path(find(name).source)
    assert sha256((folder / "model.safetensors").read_bytes()).hexdigest()[:16] == weights
    command = json.loads((folder / "made.json").read_text())["command"]
    assert command == "python -P -m journey.data.make_pocket" + TEXTS[name].flags
