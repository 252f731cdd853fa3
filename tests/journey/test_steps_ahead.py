"""Decoding several tokens before the device is waited for: the same texts, and few waits."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch

from journey.models import batch
from journey.models.completion import Completion, CompletionRequest
from journey.models.decode import Decoder
from journey.models.lora import stacked
from journey.models.random import pick, pick_ahead, uniforms
from journey_testing.counting import Operations, Waits
from journey_testing.models import save_adapters, tiny_model

WORDS, STOPS, CAP = 48, frozenset([2, 5]), 30


def tiny(kind: str = "llama") -> Any:
    own = {"tie_word_embeddings": False} if kind == "gemma2" else {}
    return tiny_model(kind, vocab_size=WORDS, initializer_range=0.6, **own).eval()


def requests(by_chance: bool, runs: int = 1) -> list[CompletionRequest]:
    """Prompts of unequal length, so that batches are padded."""
    rng = Random(1)
    prompts = [[1, *(rng.randrange(3, WORDS) for _ in range(rng.randint(1, 9)))] for _ in range(9)]
    chances = [uniforms(CAP, 0, number) if by_chance else None for number in range(len(prompts) * runs)]
    return [
        CompletionRequest(prompt, run, cap=CAP - 3 * (number % 3), chance=chances[number * runs + run])
        for number, prompt in enumerate(prompts)
        for run in range(runs)
    ]


def written(decoder: Decoder, by_chance: bool, runs: int = 1, rows: int | None = None) -> list[Completion]:
    return decoder.write(requests(by_chance, runs), 1.0, 0.9, rows)


@pytest.mark.parametrize("by_chance", [False, True])
@pytest.mark.parametrize("kind", ["llama", "qwen2", "gemma2"])
def test_the_same_texts_however_far_ahead(
    kind: str, by_chance: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With adapters, in batches that thin out and join; also where every nucleus is larger than what is looked at first."""
    model = tiny(kind)
    paths = save_adapters(tiny(kind), tmp_path, (4, 2))
    with stacked(model, [None, *paths]) as stack:
        decoder = Decoder(model, STOPS, 0, CAP, stack)
        wanted = written(decoder, by_chance, 3, rows=9)
        for ahead, few in ((4, 1024), (7, 2)):
            monkeypatch.setattr(batch, "AHEAD", {"cpu": ahead})
            monkeypatch.setattr(batch, "FEW_AHEAD", few)
            assert written(decoder, by_chance, 3, rows=9) == wanted
    assert len({len(one.ids) for one in wanted}) > 4
    if by_chance:
        assert all(one.logprob is not None and one.logprob < 0 for one in wanted)


@pytest.mark.parametrize("by_chance", [False, True])
@pytest.mark.parametrize("kind", ["llama", "gemma2"])
def test_the_device_is_waited_for_once_in_many_tokens(
    kind: str, by_chance: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the cache cannot be rewound, since a window slides over it."""
    monkeypatch.setattr(batch, "AHEAD", {})  # as many steps as on a GPU: 16
    monkeypatch.setattr(batch, "FEW_AHEAD", WORDS - 1)  # fewer than all, as with the vocabularies of real bases
    decoder = Decoder(tiny(kind), frozenset([WORDS]), 0, CAP)  # nothing ends: 30 tokens a row
    with Waits() as waits:
        texts = written(decoder, by_chance)
    assert max(len(one.ids) for one in texts) == CAP
    # two blocks of steps; the prompts are left-padded, at whose mask the batch and transformers look once each
    assert waits.names["tolist"] == 2
    assert waits.total - waits.names["tolist"] <= 3


def test_operations_of_a_token_do_not_grow_with_the_adapters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two products more for each of the two layers' seven matrices, whether one adapter answers or three."""
    monkeypatch.setattr(batch, "AHEAD", {})

    def operations(stack: Any, runs: int) -> int:
        decoder, counted = Decoder(model, frozenset([WORDS]), 0, CAP, stack), []
        for cap in (17, 33):
            asked = [CompletionRequest([1, 4, 5, 6], run, cap=cap) for run in range(runs) for _ in range(2)]
            with Operations() as told:
                decoder.write(asked)
            counted.append(told.total)
        return counted[1] - counted[0]

    model = tiny()
    paths, found = save_adapters(tiny(), tmp_path, (4, 2, 4)), {0: operations(None, 1)}
    for runs in (1, 3):
        with stacked(model, paths[:runs]) as stack:
            found[runs] = operations(stack, runs)
    assert found[3] == found[1] == found[0] + 16 * 2 * 7 * 2


def test_few_candidates_are_told_of_where_they_are_too_few() -> None:
    logits = torch.stack([torch.zeros(100), torch.arange(100.0)])
    chance = torch.tensor([0.5, 0.5])
    ids, short = pick_ahead(logits, chance, 1.0, 0.9, 10)
    assert short.tolist() == [True, False]
    every, none = pick_ahead(logits, chance, 1.0, 0.9, 100)
    assert not none.any() and every.tolist() == pick(logits, chance, 1.0, 0.9).tolist() and ids[1] == every[1]


def test_logits_that_are_no_numbers_are_found_within_a_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "AHEAD", {"cpu": 8})
    model = tiny()
    model.lm_head.weight.data[:] = float("nan")
    with pytest.raises(batch.NotNumbers):
        written(Decoder(model, STOPS, 0, CAP), False)
