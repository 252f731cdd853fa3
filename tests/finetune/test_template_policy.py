"""Chat templates of every structure: what is trained is what is asked, on any day, in every view, and can be exported."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from journey import views
from journey.errors import JourneyError, UsageError
from journey.finetune.planning import make_rows
from journey.finetune.runs import ArmContext, choose
from journey.models import load, policy, template
from journey.models.policy import Wishes
from journey.schema import Pair
from journey.views import View
from journey_testing import templates
from journey_testing.models import byte_tokenizer, save_model, tiny_model

VIEWS: tuple[View, ...] = ("think", "plain")


@pytest.fixture(scope="module")
def backend(pairs: list[Pair]) -> Any:
    texts = [views.prompt(pair.problem, "think") for pair in pairs]
    texts += [views.render(pair.journey, "think").text for pair in pairs]
    named = {"eos_token": "<|end|>", "pad_token": "<pad>", "bos_token": "<bos>", "model_max_length": 4096}
    return byte_tokenizer(texts, 500, special=templates.SPECIAL, **named)


def with_template(backend: Any, text: str | None) -> Any:
    import copy

    tokenizer = copy.deepcopy(backend)
    tokenizer.chat_template = text
    if text == templates.CHANNELS:
        tokenizer.eos_token = "<|return|>"
    return tokenizer


def rows_of(tokenizer: Any, pairs: list[Pair], view: View) -> make_rows.ArmRows:
    choices, _ = choose(["shortcut", "journey"], "examples", None)
    return make_rows.make(pairs, choices, ArmContext(tokenizer, view), None, seeds=1, epochs=1.0, max_length=4096)


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("name", templates.ALL)
def test_every_structure_trains_in_both_views(name: str, view: View, backend: Any, pairs: list[Pair]) -> None:
    tokenizer = with_template(backend, templates.ALL[name])
    own = policy.find(tokenizer, view, Wishes())
    assert tokenizer.chat_template == templates.ALL[name] and policy.of(tokenizer) == policy.PLAIN  # left as it was
    policy.attach(tokenizer, own)
    made = rows_of(tokenizer, pairs[:3], view)  # raises where a preflight check refuses
    rows, pair = made.data["journey"], pairs[0]
    ids = rows.ids[rows.at(0)].tolist()
    prompt, completion = ids[: rows.prompts[0]], ids[rows.prompts[0] : -1]
    asked, written = str(tokenizer.decode(prompt)), str(tokenizer.decode(completion))
    assert asked == template.prompt_text(tokenizer, pair.problem, view)
    # One thinking part at most, opened and closed once, wherever the border of prompt and answer lies.
    tail = asked.rpartition(views.INSTRUCTION)[2] + written
    if name != "channels":
        assert tail.count("<think>") == tail.count("</think>") <= 1
        assert (policy.of(tokenizer).opened or "<think>" in written) == (view == "think")
    # The same answer in the view's own tags, whatever stands around it.
    assert policy.usual(written, policy.of(tokenizer)) == views.render(pair.journey, view).text
    assert policy.unusual(views.render(pair.journey, view).text, policy.of(tokenizer)) == written
    assert all(sentence in made.notes for sentence in policy.sentences(policy.of(tokenizer)))


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("name", templates.ALL)
def test_the_exported_template_does_it_alone(name: str, view: View, backend: Any, pairs: list[Pair]) -> None:
    tokenizer = with_template(backend, templates.ALL[name])
    policy.attach(tokenizer, policy.find(tokenizer, view, Wishes()))
    alone = with_template(backend, policy.exported(tokenizer))
    problem = pairs[0].problem
    assert template.prompt_ids(alone, problem, view) == template.prompt_ids(tokenizer, problem, view)
    assert not policy.tells_the_time(alone)


@pytest.mark.parametrize("name", ["dated", "dated hybrid"])
def test_prompts_are_the_same_on_any_day(
    name: str, backend: Any, pairs: list[Pair], monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers.utils import chat_template_utils

    def asked_on(day: int) -> set[str]:
        class Clock(datetime):
            @classmethod
            def now(cls, tz: Any = None) -> datetime:
                return datetime(2031, 5, day)

        monkeypatch.setattr(chat_template_utils, "datetime", Clock)
        tokenizer = with_template(backend, templates.ALL[name])
        bare = template.prompt_text(tokenizer, pairs[0].problem, "think")
        assert f"{day} May 2031" in bare  # without a policy it is the engine's clock
        policy.attach(tokenizer, policy.find(tokenizer, "think", Wishes()))
        return {template.prompt_text(tokenizer, pairs[0].problem, "think")}

    assert asked_on(11) == asked_on(12)


@pytest.mark.parametrize("view", VIEWS)
def test_a_template_that_needs_nothing_is_used_as_0_1_used_it(view: View, backend: Any) -> None:
    tokenizer = with_template(backend, templates.CHATML)
    assert policy.find(tokenizer, view, Wishes()) is None
    asked = tokenizer.apply_chat_template(
        [{"role": "user", "content": "7?"}], add_generation_prompt=True, tokenize=False
    )
    assert template.said_text(tokenizer, "7?", view) == asked
    assert policy.find(with_template(backend, templates.HYBRID), "think", Wishes()) is None
    assert template.said_text(with_template(backend, None), "7?", view) == "7?\n\n"


def test_defaults_are_what_the_template_does(backend: Any) -> None:
    def found(text: str, view: View, **wishes: Any) -> Any:
        return policy.find(with_template(backend, text), view, Wishes(**wishes))

    for text in (templates.DISTILLED, templates.ALWAYS_THINKING):
        assert (found(text, "think").opened, found(text, "think").open) == (True, "<think>\n")
        assert found(text, "plain").before == "\n</think>\n\n"
    assert found(templates.HYBRID, "plain").args == {"enable_thinking": False}
    assert found(templates.EMPTY_PART, "plain").before == "<think>\n\n</think>\n\n"
    think = found(templates.CHANNELS, "think")
    assert (think.open, think.opened) == ("<|channel|>analysis<|body|>", False)
    assert think.close == "<|end|><|turn|>assistant<|channel|>final<|body|>"
    assert found(templates.CHANNELS, "plain").before == "<|channel|>final<|body|>"
    assert found(templates.DATED, "think").date == policy.TODAY
    assert found(templates.DATED, "think", date="2024-07-26").date == "2024-07-26"
    assert "26 Jul 2024" in template.said_text(
        policy.attach(with_template(backend, templates.DATED), found(templates.DATED, "think", date="2024-07-26")),
        "7?",
        "think",
    )
    assert found(templates.CHATML, "plain", thinking="closed").before == "<think>\n\n</think>\n\n"
    opened = found(templates.CHATML, "think", thinking="opened")
    assert (opened.before, opened.opened) == ("<think>\n", True)
    with pytest.raises(UsageError, match="closes the thinking part") as refused:
        found(templates.HYBRID, "think", args={"enable_thinking": False})
    assert "template_args.enable_thinking=true" in str(refused.value)
    assert found(templates.HYBRID, "think", args={"enable_thinking": True}).args == {"enable_thinking": True}
    with pytest.raises(UsageError, match="is no date"):
        found(templates.DATED, "think", date="tomorrow")


def test_advice_never_leads_back_to_the_same_place(backend: Any, pairs: list[Pair]) -> None:
    """A template that rewrites answers is refused in either view, and only the thinking one is sent to the plain one."""
    mangling = "{% for m in messages %}<|turn|>{{ m.content | upper }}{% endfor %}{% if add_generation_prompt %}<|turn|>{% endif %}"
    for view in VIEWS:
        with pytest.raises(UsageError, match="chat template") as refused:
            rows_of(with_template(backend, mangling), pairs[:2], view)
        assert "--template FILE" in str(refused.value)
        assert ("view=plain" in str(refused.value)) == (view == "think")


@pytest.mark.parametrize("view", VIEWS)
def test_bases_without_a_template_part_question_and_answer_where_no_token_merges(
    view: View, backend: Any, pairs: list[Pair]
) -> None:
    from tokenizers import Regex, pre_tokenizers

    tokenizer = with_template(backend, None)
    gpt2 = r"'s|'t| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(gpt2), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    found = policy.find(tokenizer, view, Wishes())
    assert found is None or found.separator != "\n\n"
    rows_of(policy.attach(tokenizer, found), pairs[:3], view)
    assert policy.find(tokenizer, view, Wishes(), apart=True) is None  # as 0.1 had it
    given = policy.find(tokenizer, view, Wishes(separator="\n###\n"))
    assert given is not None and given.separator == "\n###\n"


def test_a_base_that_stops_in_the_middle_of_an_answer_is_refused(backend: Any, pairs: list[Pair]) -> None:
    tokenizer = with_template(backend, templates.CHANNELS)
    tokenizer.eos_token = "<|end|>"  # ends the thinking too
    policy.attach(tokenizer, policy.find(tokenizer, "think", Wishes()))
    with pytest.raises(UsageError, match="in the middle of an answer") as refused:
        rows_of(tokenizer, pairs[:2], "think")
    assert "set eos_token" in str(refused.value)


@pytest.mark.parametrize("name", ["distilled", "dated hybrid", "channels"])
def test_a_warm_start_and_a_whole_model_carry_what_they_were_trained_with(
    name: str, backend: Any, pairs: list[Pair], tmp_path: Path
) -> None:
    from journey.finetune.planning.warmup import merge
    from journey.finetune.training.one_run import save_model as save_whole
    from journey.finetune.training.protocol import Setup

    tokenizer = with_template(backend, templates.ALL[name])
    base = save_model(tmp_path / "base", tiny_model(vocab_size=500), tokenizer)
    own = policy.find(tokenizer, "plain", Wishes())
    assert own is not None
    ref = load.find(str(base))
    merge(ref, base, tmp_path / "warmup", own)
    setup = Setup("trl", "base", str(base), None, 1, 1, 64, str(tmp_path), str(tmp_path / "scratch"), template=own)
    save_whole(load.load_model(ref, device="cpu"), tmp_path / "run", setup)
    wanted = template.prompt_ids(policy.attach(tokenizer, own), pairs[0].problem, "plain")
    for folder in (tmp_path / "warmup", tmp_path / "run"):
        alone = load.load_tokenizer(load.find(str(folder)))
        assert template.prompt_ids(alone, pairs[0].problem, "plain") == wanted


def test_a_policy_that_no_template_can_hold_leaves_the_base_its_own(
    backend: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(tokenizer: Any) -> str:
        raise JourneyError("it cannot be written")

    monkeypatch.setattr(policy, "exported", fails)
    tokenizer = with_template(backend, templates.DISTILLED)
    policy.for_a_folder(tokenizer, policy.find(tokenizer, "plain", Wishes()))
    assert tokenizer.chat_template == templates.DISTILLED and "it cannot be written" in capsys.readouterr().err


def test_a_template_file_is_read_or_refused(tmp_path: Path) -> None:
    (tmp_path / "own.jinja").write_text(templates.CHATML)
    assert policy.read_template(str(tmp_path / "own.jinja")) == templates.CHATML
    for content in (None, b"", b"\xff\xfe"):
        path = tmp_path / "other.jinja"
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(UsageError, match="--template"):
            policy.read_template(str(path))
