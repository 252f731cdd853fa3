"""Models beside the arms: the larger one and a judge in memory follow their chat template's policy and are tried first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from journey import views
from journey.config import EvaluateSettings
from journey.errors import UsageError
from journey.evaluate.behaviour import judge
from journey.evaluate.planning.larger import find_larger
from journey.models import decode, load, policy, probe, template
from journey.models.completion import Completion
from journey.schema import Problem, Question
from journey_testing import templates
from journey_testing.models import byte_tokenizer, save_model, tiny_model

PROBLEM = Problem(id="1", question="How many are 3 and 4?", answer="7", source="t", brief="3 + 4 =")


@pytest.fixture(scope="module")
def reasoning(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose template writes the date and opens the thinking part."""
    texts = [views.prompt(PROBLEM, "think"), "<think>\nSo 3 + 4 = 7.\n</think>\n\n\\boxed{7}", judge.PROMPT]
    named = {"eos_token": "<|end|>", "pad_token": "<pad>", "bos_token": "<bos>", "model_max_length": 4096}
    words = byte_tokenizer(texts, 400, special=templates.SPECIAL, **named)
    words.chat_template = templates.DATED.replace(templates.CHATML, templates.DISTILLED)
    model = tiny_model(vocab_size=400, max_position_embeddings=4096, eos_token_id=2)
    return save_model(tmp_path_factory.mktemp("reasoning") / "model", model, words)


def test_the_larger_model_is_asked_by_its_own_template_policy(reasoning: Path) -> None:
    asked = {"b": [Question("q", "b", PROBLEM)]}
    larger = find_larger(EvaluateSettings(larger=str(reasoning)), asked)
    assert larger.template is not None and larger.template.opened and larger.template.date == policy.TODAY
    words = policy.attach(load.load_tokenizer(load.find(str(reasoning))), larger.template)
    assert larger.prompts["b"]["q"] == tuple(template.prompt_ids(words, PROBLEM, "think"))
    shown = str(words.decode(larger.prompts["b"]["q"]))
    assert "01 Jan 2026" in shown and shown.rstrip().endswith("<think>")


def test_a_template_that_leaves_no_room_for_thoughts_is_asked_plainly(reasoning: Path, tmp_path: Path) -> None:
    words: Any = load.load_tokenizer(load.find(str(reasoning)))
    words.chat_template = templates.CHATML.replace("assistant\n", "assistant\n<think>\n\n</think>\n\n")
    path = save_model(tmp_path / "closed", tiny_model(vocab_size=400, eos_token_id=2), words)
    larger = find_larger(EvaluateSettings(larger=str(path)), {"b": [Question("q", "b", PROBLEM)]})
    assert larger.view == larger.info.view == "plain"


def test_a_judge_in_memory_is_asked_plainly_on_any_day(reasoning: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[int]] = []

    def greedy(decoder: Any, prompts: Any) -> list[Completion]:
        asked.extend(prompts)
        return [Completion((5,), "length")]

    monkeypatch.setattr(decode.Decoder, "greedy", greedy)
    assert [place for place, _ in judge.asker(str(reasoning))(["Is it?"])] == [0]
    shown = str(load.load_tokenizer(load.find(str(reasoning))).decode(asked[0]))
    assert "01 Jan 2026" in shown and "Is it?" in shown and shown.rstrip().endswith("</think>")


def test_a_judge_that_cannot_be_written_with_is_refused(reasoning: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "_sampled", {})
    monkeypatch.setattr(probe, "sampler_facts", lambda *_: probe.SamplerFacts(6, 2, 0.5, 1e-4))
    with pytest.raises(UsageError, match="2 of 6 are equal") as refused:
        judge.asker(str(reasoning))
    assert "--judge" in str(refused.value)


def test_attempts_are_asked_by_the_template_policy_too(reasoning: Path) -> None:
    from journey.config import SampleSettings
    from journey.generate.attempts.groups import group_of
    from journey.generate.attempts.policies import find_policy

    settings = SampleSettings(policy=[str(reasoning)], problems="p.jsonl", max_new_tokens=8)
    found = find_policy(str(reasoning), settings)
    assert found.view == "think" and found.info.template is not None and found.info.template.opened
    group = group_of(0, [found], [PROBLEM], settings, {PROBLEM.id: [(PROBLEM, "\\boxed{7}")]})
    shown = str(group.tokenizer.decode(list(group.prompts[PROBLEM.id])))
    assert shown.count("How many are 3 and 4?") == 2 and "01 Jan 2026" in shown and shown.rstrip().endswith("<think>")
    assert group.model.template == found.info.template
    request = group.unit("k", [(0, PROBLEM, 1, "<think>\nSo")]).requests[0]
    assert "<think>" not in str(group.tokenizer.decode(list(request.prefix)))  # the prompt has it already
