"""Thinking beside the content of an answer, and the preflight that decodes what a trainer would learn of it."""

from __future__ import annotations

from typing import Any

import pytest

from journey import views
from journey.errors import UsageError
from journey.publish.bundle import reasoning
from journey.publish.tables import columns
from journey_testing import templates
from journey_testing.models import byte_tokenizer
from journey_testing.pairs import pairs_of

PAIRS = pairs_of("countdown", "search", 3)


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    texts = [views.render(pair.journey, "think").text for pair in PAIRS]
    return byte_tokenizer(texts, 400, special=templates.SPECIAL, eos_token="<|end|>", bos_token="<bos>")


def test_both_parts_make_the_answer_again_and_fit_the_schema() -> None:
    import pyarrow

    rows = [row for pair in PAIRS for row in columns.rows_of("journey", pair, None, "think", True)]
    assert pyarrow.Table.from_pylist(rows, schema=columns.schema("journey", "think", True)).num_rows == len(PAIRS)
    for row, pair in zip(rows, PAIRS, strict=True):
        answer = row["completion"][0]
        whole = f"{views.THINK_OPEN}{answer['reasoning_content']}{views.THINK_CLOSE}{answer['content']}"
        assert whole == views.render(pair.journey, "think").text
        assert row["messages"] == [*row["prompt"], answer] and "<think>" not in answer["content"]


def test_without_the_setting_rows_and_schema_are_as_they_were() -> None:
    assert "reasoning_content" not in str(columns.schema("journey", "think"))
    assert "reasoning_content" not in str(columns.rows_of("journey", PAIRS[0], None, "think"))


@pytest.mark.parametrize("name", ["hybrid", "always thinking", "empty part", "channels"])
def test_templates_that_read_it_pass(name: str, tokenizer: Any) -> None:
    tokenizer.chat_template = templates.ALL[name]
    reasoning.check_labels(tokenizer, PAIRS)


@pytest.mark.parametrize("name", ["chatml", "distilled"])
def test_templates_that_drop_it_are_refused_with_what_is_left(name: str, tokenizer: Any) -> None:
    tokenizer.chat_template = templates.ALL[name]
    with pytest.raises(UsageError, match="does not train on reasoning_content: .* the labels read '"):
        reasoning.check_labels(tokenizer, PAIRS)
