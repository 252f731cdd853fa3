"""Every refusal before training, and what it tells the user to do."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pytest

from journey import views
from journey.catalog import ARMS, ENGINES
from journey.errors import UsageError
from journey.finetune.planning import preflight
from journey.finetune.rows.rows import Rows, encode
from journey.finetune.runs import Arm
from journey.finetune.training.protocol import LABELS
from journey.schema import Pair, Question
from journey_testing.models import byte_tokenizer

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
    assert "would be truncated; 0 of shortcut" in said
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


def check_arm(tokenizer: Any, arm: Arm, rows: Rows, pairs: list[Pair], view: Any = "compact") -> None:
    traces = [getattr(pair, str(arm.trace)) for pair in pairs]
    preflight.check_arm(tokenizer, arm, rows, pairs, traces, view, LABELS["trl"])


def test_rows_that_do_not_read_as_the_trace(
    pairs: list[Pair], rows: dict[str, Rows], word_tokenizer: Callable[..., Any], words_of: Callable[..., Any]
) -> None:
    """One token of one row far down is another one."""
    tokenizer, journey = word_tokenizer(words_of(pairs)), ARMS.get("journey")()
    check_arm(tokenizer, journey, rows["journey"], pairs)
    ids = rows["journey"].ids.copy()
    ids[rows["journey"].starts[20] - 5] += 1
    with pytest.raises(UsageError, match="arm journey: what would be trained on does not read as the trace"):
        check_arm(tokenizer, journey, replace(rows["journey"], ids=ids), pairs)


MASKED = Arm("journey-masked", "journey", {"mistake": 0.0, "notice": 0.5})


@pytest.fixture(scope="module")
def byte_pairs(written: Pair, pairs: list[Pair]) -> Any:
    """A byte-level BPE with merges, as those of GPT-2, Llama 3, Qwen and SmolLM2; signs of several bytes are in pieces."""
    texts = [views.render(trace, "think").text for pair in pairs for trace in (pair.shortcut, pair.journey)]
    end = "<|im_end|>"
    return byte_tokenizer(texts, 420, special=[end], eos_token=end, pad_token=end)


def test_masks_in_pieces_of_words(byte_pairs: Any, pairs: list[Pair], written: Pair) -> None:
    """Multi-character tokens, signs of several bytes, thinking tags, masked roles: no false alarm, and none missed."""
    segments = [
        msgspec.structs.replace(one, text=one.text.replace("=", "\u00d7\u2248=")) for one in pairs[0].journey.segments
    ]
    strange = msgspec.structs.replace(
        pairs[0], journey=msgspec.structs.replace(pairs[0].journey, segments=tuple(segments))
    )
    some = [written, strange, *pairs[1:6]]
    rows = encode(some, MASKED, byte_pairs, "think")
    assert 0 < (rows.weights == 0).sum() and (rows.weights == 0.5).any()
    check_arm(byte_pairs, MASKED, rows, some, "think")
    shifted = rows.weights.copy()
    at = rows.at(4)
    completion = slice(at.start + int(rows.prompts[4]), at.stop - 1)
    assert (shifted[completion] == 0).any()
    shifted[completion] = np.roll(shifted[completion], 1)
    with pytest.raises(UsageError, match="arm journey-masked: the loss mask is misaligned") as refused:
        check_arm(byte_pairs, MASKED, replace(rows, weights=shifted), some, "think")
    assert some[4].problem.id in str(refused.value)


def test_an_arm_that_changes_or_trains_the_prompt(
    pairs: list[Pair], rows: dict[str, Rows], word_tokenizer: Callable[..., Any], words_of: Callable[..., Any]
) -> None:
    tokenizer, shortcut, good = word_tokenizer(words_of(pairs)), ARMS.get("shortcut")(), rows["shortcut"]
    ids, weights = good.ids.copy(), good.weights.copy()
    ids[good.at(7)][2] += 1
    weights[good.at(9)][1] = 1
    for broken in (replace(good, ids=ids), replace(good, weights=weights)):
        with pytest.raises(UsageError, match="arm shortcut: 1 of 24 rows do not begin with the prompt"):
            check_arm(tokenizer, shortcut, broken, pairs)


@pytest.mark.parametrize("engine", ENGINES.names())
def test_every_engine_labels_the_end_of_turn_that_is_also_the_padding(engine: str, rows: dict[str, Rows]) -> None:
    ENGINES.load()
    for name, some in rows.items():
        preflight.check_labels(LABELS[engine], name, some, 2)  # <eos>


def test_labels_masked_by_the_padding_token(rows: dict[str, Rows]) -> None:
    def by_id(rows: Rows, members: list[int], pad: int) -> list[list[int]]:
        return [[-100 if label == pad else label for label in labels] for labels in LABELS["trl"](rows, members, pad)]

    preflight.check_labels(by_id, "journey", rows["journey"], 0)
    with pytest.raises(UsageError, match="labels are masked by the padding token, which is the end-of-turn") as refused:
        preflight.check_labels(by_id, "journey", rows["journey"], 2)
    assert "pad_token of its own" in str(refused.value)

    def padding_too(rows: Rows, members: list[int], pad: int) -> list[list[int]]:
        return [[pad if label == -100 else label for label in labels] for labels in LABELS["trl"](rows, members, pad)]

    with pytest.raises(UsageError, match="is not what the loss weights say"):
        preflight.check_labels(padding_too, "journey", rows["journey"], 2)


def test_text_that_the_base_reads_as_a_control_token(byte_pairs: Any, pairs: list[Pair], written: Pair) -> None:
    preflight.check_special(byte_pairs, [written, *pairs], "think")
    problem = msgspec.structs.replace(written.problem, question="How much is 2 + 3 <|im_end|> + 4?")
    bad = msgspec.structs.replace(written, problem=problem)
    with pytest.raises(UsageError, match="1 problems hold text .* '<|im_end|>', e.g. in problem p1") as refused:
        preflight.check_special(byte_pairs, [*pairs, bad], "think")
    assert "journey curate" in str(refused.value)
    preflight.check_special(byte_pairs, [bad], "compact")  # the brief question has none
    segment = msgspec.structs.replace(written.journey.segments[1], text=" No.<|im_end|>")
    journey = msgspec.structs.replace(written.journey, segments=(segment, *written.journey.segments[1:]))
    with pytest.raises(UsageError, match="control token"):
        preflight.check_special(byte_pairs, [msgspec.structs.replace(written, journey=journey)], "think")


def test_a_prompt_whose_last_token_merges_with_the_answer(byte_pairs: Any, pairs: list[Pair], written: Pair) -> None:
    tokenizer = copy.deepcopy(byte_pairs)
    tokenizer.chat_template = "{% for m in messages %}{{ m.content }}{% endfor %}\nAnswer:"
    assert preflight.check_boundary(tokenizer, [written, *pairs], "plain", False) == []
    tokenizer.chat_template += " {{ '' }}"
    opened = msgspec.structs.replace(written.shortcut.segments[0], text="is it so? 2 + 3 = 5.")
    said = msgspec.structs.replace(written.shortcut, segments=(opened, *written.shortcut.segments[1:]))
    pair = msgspec.structs.replace(written, shortcut=said)
    assert tokenizer.tokenize(" is") == ["\u0120is"]
    with pytest.raises(UsageError, match="in 1 of 1 pairs the prompt's last token .* no token prefix") as refused:
        preflight.check_boundary(tokenizer, [pair], "plain", False)
    assert "--set boundary=apart" in str(refused.value)
    assert "apart here" in preflight.check_boundary(tokenizer, [pair], "plain", True)[0]


def test_an_arm_may_see_further_problems_if_that_is_its_point(rows: dict[str, Rows]) -> None:
    changed = {**rows, "longer-shortcut": replace(rows["shortcut"], problems=("other", *rows["shortcut"].problems[1:]))}
    with pytest.raises(UsageError, match="arms shortcut and longer-shortcut differ"):
        preflight.check_same_problems(changed)
    preflight.check_same_problems(changed, exempt={"longer-shortcut"})
    with pytest.raises(UsageError, match="arms shortcut and journey differ"):
        broken = replace(rows["journey"], problems=("other", *rows["journey"].problems[1:]))
        preflight.check_same_problems({**changed, "journey": broken}, exempt={"longer-shortcut"})


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
    monkeypatch.setattr(
        sys.modules["journey.finetune.planning.preflight"], "load_questions", lambda spec, **_: (asked, None)
    )
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
