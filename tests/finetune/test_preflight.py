"""Every refusal before training, and what it tells the user to do."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from journey import views
from journey.catalog import ARMS
from journey.errors import UsageError
from journey.finetune import preflight
from journey.finetune.tokens import Rows, encode
from journey.schema import Pair, Question

HEAD = "{% for m in messages %}"
TAIL = "{% endfor %}{% if add_generation_prompt %}<|assistant|> {% endif %}"
KEEPS = HEAD + "<|{{ m.role }}|> {{ m.content }} <eos> " + TAIL
DROPS = HEAD + "<|{{ m.role }}|> {{ m.content.split('</think>')[-1] }} <eos> " + TAIL
MOVES = (
    HEAD + "<|{{ m.role }}|> {% if '</think>' in m.content %}{{ m.content.split('</think>')[-1] }}"
    "{{ m.content.split('</think>')[0] }}</think>{% else %}{{ m.content }}{% endif %} <eos> " + TAIL
)
OPENS = KEEPS.replace("<|assistant|> {% endif %}", "<|assistant|> <think>\n{% endif %}")
OTHER_END = KEEPS.replace("<eos>", "<|end|>")


@pytest.fixture
def rows(pairs: list[Pair], word_tokenizer: Callable[..., Any], words_of: Callable[..., Any]) -> dict[str, Rows]:
    tokenizer = word_tokenizer(words_of(pairs))
    return {name: encode(pairs, ARMS.get(name)(), tokenizer, "compact") for name in ("shortcut", "journey")}


def test_good_rows_pass(rows: dict[str, Rows]) -> None:
    preflight.check_rows(rows, 512, 2)
    preflight.check_same_problems(rows)


def test_rows_that_would_be_truncated(rows: dict[str, Rows]) -> None:
    lengths = rows["journey"].lengths
    longest = int(max(lengths.max(), rows["shortcut"].lengths.max()))
    preflight.check_rows(rows, longest, 2)
    with pytest.raises(UsageError):
        preflight.check_rows(rows, longest - 1, 2)
    limit = int(np.sort(lengths)[-3])
    with pytest.raises(UsageError) as refused:
        preflight.check_rows(rows, limit, 2)
    said = str(refused.value)
    assert f"arm journey: 2 of 24 rows are longer than {limit} tokens (the longest has {lengths.max()})" in said
    assert f"journey curate --set max_tokens={limit}" in said


def test_rows_with_nothing_to_train_on(rows: dict[str, Rows]) -> None:
    weights = rows["shortcut"].weights.copy()
    weights[rows["shortcut"].at(3)] = 0
    with pytest.raises(UsageError, match="arm shortcut: 1 of 24 rows have nothing to train on"):
        preflight.check_rows({"shortcut": replace(rows["shortcut"], weights=weights)}, 512, 2)


def test_rows_that_do_not_train_their_end(rows: dict[str, Rows]) -> None:
    unended = rows["journey"].weights.copy()
    unended[rows["journey"].starts[1:3] - 1] = 0
    with pytest.raises(UsageError, match="arm journey: 2 of 24 rows do not train the end-of-turn token"):
        preflight.check_rows({"journey": replace(rows["journey"], weights=unended)}, 512, 2)
    with pytest.raises(UsageError, match="24 of 24 rows do not train the end-of-turn"):
        preflight.check_rows(rows, 512, 0)  # another token ends a turn


def test_arms_with_other_problems(rows: dict[str, Rows]) -> None:
    changed = ("other", *rows["journey"].problems[1:])
    with pytest.raises(UsageError, match="arms shortcut and journey differ in the problems of 1 rows"):
        preflight.check_same_problems({**rows, "journey": replace(rows["journey"], problems=changed)})


def test_rows_that_do_not_read_as_the_trace(
    pairs: list[Pair], rows: dict[str, Rows], word_tokenizer: Callable[..., Any], words_of: Callable[..., Any]
) -> None:
    tokenizer = word_tokenizer(words_of(pairs))
    text = views.render(pairs[0].journey, "compact").text
    preflight.check_text(tokenizer, "journey", rows["journey"], text)
    with pytest.raises(UsageError, match="arm journey: what would be trained on does not read as the trace"):
        preflight.check_text(tokenizer, "journey", rows["shortcut"], text)


def test_words_outside_the_vocabulary_are_named(
    pairs: list[Pair], word_tokenizer: Callable[..., Any], words_of: Callable[..., Any]
) -> None:
    words = words_of(pairs)
    preflight.check_words(word_tokenizer(words), pairs, "compact")
    with pytest.raises(UsageError) as refused:
        preflight.check_words(
            word_tokenizer([word for word in words if word not in ("high", "dead")]), pairs, "compact"
        )
    assert "cannot carry 2 of" in str(refused.value)
    assert "'dead'" in str(refused.value) and "'high'" in str(refused.value)


@pytest.fixture
def tokenizer_with(word_tokenizer: Callable[..., Any], words_of: Callable[..., Any]) -> Callable[..., Any]:
    def make(template: str, pair: Pair) -> Any:
        return word_tokenizer([*words_of([pair]), "<|user|>", "<|assistant|>", "<|end|>"], template=template)

    return make


@pytest.mark.parametrize(
    ("template", "says"),
    [
        (DROPS, "drops the thinking part"),
        (MOVES, "moves or changes the text"),
        (OPENS, "writes <think> itself"),
    ],
)
def test_templates_that_lose_the_thinking(
    written: Pair, template: str, says: str, tokenizer_with: Callable[..., Any]
) -> None:
    with pytest.raises(UsageError, match=says) as refused:
        preflight.check_template(tokenizer_with(template, written), [written], "think")
    assert "--set view=plain" in str(refused.value)


def test_templates_that_keep_the_thinking(written: Pair, tokenizer_with: Callable[..., Any]) -> None:
    assert preflight.check_template(tokenizer_with(KEEPS, written), [written], "think") == []
    assert preflight.check_template(tokenizer_with(DROPS, written), [written], "plain") == []
    assert preflight.check_template(tokenizer_with(DROPS, written), [written], "compact") == []
    assert preflight.check_template(tokenizer_with(OTHER_END, written), [written], "think") == [
        "the chat template ends an answer with '<|end|>', the training rows end with '<eos>'"
    ]


def test_length_limit(pairs: list[Pair]) -> None:
    tokenizer = SimpleNamespace(model_max_length=512)
    unlimited = SimpleNamespace(model_max_length=int(1e30))
    assert preflight.length_limit(None, 2048, tokenizer) == 512  # type: ignore[arg-type]
    assert preflight.length_limit(None, 2048, unlimited) == 2048  # type: ignore[arg-type]
    assert preflight.length_limit(700, 2048, tokenizer) == 700  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="the base has 2048 positions"):
        preflight.length_limit(4096, 2048, tokenizer)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="give --max-length"):
        preflight.length_limit(None, None, unlimited)  # type: ignore[arg-type]


def test_training_problems_among_the_questions(
    written: Pair, pairs: list[Pair], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Question] = []
    monkeypatch.setattr(sys.modules["journey.finetune.preflight"], "load_questions", lambda spec: (asked, None))
    asked.append(Question("q1", "b", pairs[0].problem))
    preflight.check_overlap([written], ["b"])
    changed = type(written.problem)("other", "how much is 2+3+4 ?", "9", "elsewhere")
    asked.append(Question("q2", "b", changed))
    with pytest.raises(UsageError, match="1 of 2 questions of b are training problems") as refused:
        preflight.check_overlap([written], ["b"])
    assert "journey curate --benchmarks b" in str(refused.value)
    asked[:] = [Question("q3", "b", type(written.problem)("other", "how much is 2 - 3 + 4 ?", "3", "elsewhere"))]
    preflight.check_overlap([written], ["b"])
    asked[:] = [Question("q4", "b", type(written.problem)(written.problem.id, "said otherwise", "9", "by hand"))]
    with pytest.raises(UsageError, match="1 of 1"):
        preflight.check_overlap([written], ["b"])


def test_a_family_at_its_trained_level_does_not_overlap(pairs: list[Pair]) -> None:
    preflight.check_overlap(pairs, ["countdown@1"])
