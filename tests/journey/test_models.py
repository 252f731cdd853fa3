"""Finding models, refusing unsafe ones, and the tokens of prompts and rows."""

from __future__ import annotations

from pathlib import Path

import pytest
from transformers import PreTrainedTokenizerFast

from journey.catalog import FAMILIES, METHODS
from journey.errors import JourneyError, UnknownName, UsageError
from journey.models.load import find, load_model, load_tokenizer
from journey.models.template import covers, default_view, prompt_ids, row, unknown_words
from journey_testing.models import save_model, tiny_model, word_tokenizer

TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def words(*extra: str) -> PreTrainedTokenizerFast:
    made: PreTrainedTokenizerFast = word_tokenizer(extra)
    return made


def test_unknown_names_and_folders_say_what_to_type(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="did you mean pocket"):
        find("pockt")
    with pytest.raises(UsageError, match="no model folder ./nowhere"):
        find("./nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=r"no config\.json"):
        find(str(tmp_path / "empty"))


@pytest.mark.parametrize(
    "name, source, revision",
    [
        ("Qwen/Qwen2.5-1.5B-Instruct", "Qwen/Qwen2.5-1.5B-Instruct", None),
        ("meta-llama/Llama-3.2-1B@v1.0", "meta-llama/Llama-3.2-1B", "v1.0"),
        ("nobody/nothing", "nobody/nothing", None),
        ("o.rg/a_b-c.d@refs/pr/1", "o.rg/a_b-c.d", "refs/pr/1"),
    ],
)
def test_a_hub_id_is_one_whatever_dots_it_has(name: str, source: str, revision: str | None) -> None:
    ref = find(name)
    assert (ref.source, ref.revision, ref.local) == (source, revision, False)


@pytest.mark.parametrize("name", ["./a/b", "/a/b", "~/a/b", "../a/b", "a/b/c", "a/b c", "a/..", "-a/b"])
def test_what_the_hub_would_not_take_is_a_folder_that_is_not_there(name: str) -> None:
    with pytest.raises(UsageError, match="no model folder"):
        find(name)


def test_pickled_weights_are_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(UsageError, match="no weights"):
        find(str(tmp_path))
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x04evil")
    with pytest.raises(UsageError, match=r"pickled weights \(pytorch_model\.bin\)"):
        find(str(tmp_path))


def test_a_folder_with_a_broken_config_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{not json")
    (tmp_path / "model.safetensors").write_bytes(b"")
    for load in (load_tokenizer, load_model):
        with pytest.raises(UsageError, match="cannot load the"):
            load(find(str(tmp_path)))


def test_a_local_folder_loads(tmp_path: Path) -> None:
    save_model(tmp_path, tiny_model(vocab_size=8), words("a", "b"))
    ref = find(str(tmp_path))
    assert ref.local and load_model(ref).dtype.is_floating_point
    assert load_tokenizer(ref).eos_token == "<eos>"


def test_a_hub_id_that_cannot_be_reached_is_a_remote_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(JourneyError, match="cannot get the tokenizer of nobody/nothing") as caught:
        load_tokenizer(find("nobody/nothing@main"))
    assert caught.value.exit_code == 5


def test_the_view_is_looked_up_from_what_the_tokenizer_carries() -> None:
    small = words("use", "3", "make")
    assert covers(small, "use 3 make 3")
    assert not covers(small, "use 3 eggs")
    assert unknown_words(small, "use 3 eggs and eggs") == ["eggs", "and"]
    assert default_view(small) == "compact"


def test_rows_end_in_end_of_turn_and_prompts_are_their_prefix() -> None:
    problem = FAMILIES.get("countdown")().problem(0, 0, 1)
    pair = METHODS.get("search")().make(problem, 0).pair
    tokenizer = words(*dict.fromkeys(pair.problem.brief.split() + "try left . yes low high dead end back to".split()))
    for trace in (pair.shortcut, pair.journey):
        made = row(tokenizer, problem, trace, "compact")
        assert made.completion[-1] == tokenizer.eos_token_id
        assert made.prompt == prompt_ids(tokenizer, problem, "compact")
        assert made.prompt[0] == tokenizer.bos_token_id


def test_a_chat_template_frames_the_prompt() -> None:
    problem = FAMILIES.get("countdown")().problem(0, 0, 1)
    tokenizer = words("<|im_start|>user", "<|im_start|>assistant")
    tokenizer.chat_template = TEMPLATE
    said = tokenizer.decode(prompt_ids(tokenizer, problem, "think"))
    assert said.startswith("<|im_start|>user") and said.endswith("<|im_start|>assistant")
