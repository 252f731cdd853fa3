"""Batches as wide as a card's memory class allows, the same for all cards of a class."""

from __future__ import annotations

from pathlib import Path

import pytest

from journey.models.load import ModelRef
from journey.sampling.width import LEAST, MOST, answers_together, bytes_of_row, memory_class
from journey_testing.models import number_tokenizer, save_model, tiny_config, tiny_model

GB = 10**9


@pytest.mark.parametrize(
    ("total", "expected"),
    [
        (25_298_141_184, 24),
        (25_757_220_864, 24),
        (51_033_931_776, 48),
        (84_987_740_160, 80),
        (150_754_820_096, 141),
        (12 * GB, 8),
    ],
)
def test_cards_are_of_the_class_that_they_are_sold_as(total: int, expected: int) -> None:
    """By the bytes that drivers name for an A10G, a 4090, an L40S, an A100 80 GB, an H200, and a card with less than all."""
    assert memory_class(total) == expected * GB


def test_a_row_holds_its_keys_values_and_logits() -> None:
    """Two layers, two heads of keys and values, 8 wide, 100 tokens in bfloat16; 64 words in float32, six times."""
    assert bytes_of_row(tiny_config(), 100, 2) == 2 * 2 * 2 * 8 * 2 * 100 + 6 * 4 * 64


def test_more_memory_makes_wider_batches_and_more_runs_narrower_ones(tmp_path: Path) -> None:
    wide = tiny_model(vocab_size=32_000, hidden_size=64, num_hidden_layers=8)
    ref = ModelRef("tiny", str(save_model(tmp_path / "tiny", wide, number_tokenizer(32_000))))

    def together(runs: int, total: int, tokens: int = 20_000) -> int:
        return answers_together(ref, runs, tokens, 2, total)

    widths = [together(10, total * GB) for total in (24, 48, 80, 141)]
    assert widths == sorted(widths) and widths[0] < widths[1] < widths[3]  # a power of two each
    assert all(width & (width - 1) == 0 for width in widths)
    assert together(20, 48 * GB) == widths[1] // 2
    assert together(10, 48 * GB) == together(10, 51_033_931_776) == together(10, 49 * GB)  # what is free plays no part
    assert together(1, 180 * GB, 10) == MOST and together(10_000, 24 * GB) == LEAST
