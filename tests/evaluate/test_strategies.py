"""Strategies: what each makes of samples and asks of a model, read by a model that only repeats what it is told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from journey import views
from journey.catalog import STRATEGIES
from journey.evaluate.test_time.contract import Strategy
from journey.evaluate.test_time.outcomes import Pool
from journey.models.completion import Completion, Job
from journey.models.flops import Cost
from journey.sampling.requests import Asked, Numbers, Sampler, Written
from journey.schema import Problem
from journey.views import View

NUMBERS = Numbers(k=4, samples=8, temperature=0.7, top_p=0.95, rounds=2, waits=2, caps=(10, 40))


def made(name: str) -> Strategy:
    return STRATEGIES.get(name)()


def test_more_samples_pass_more_often_and_the_best_by_gold_passes() -> None:
    rng = np.random.default_rng(0)
    classes = rng.integers(-1, 4, (60, 8))
    samples = Pool((classes == 0) * 1.0, classes, np.ones((60, 8)), np.ones((60, 8)))
    passed = [made("pass").apply(samples, k, NUMBERS).scores for k in (1, 2, 4)]
    assert (passed[1] >= passed[0] - 1e-12).all() and (passed[2] >= passed[1] - 1e-12).all()
    assert (made("best-of-gold").apply(samples, 4, NUMBERS).scores == passed[2]).all()


def test_best_of_takes_an_answer_before_none() -> None:
    classes = np.array([[-1, 0, 1, 1]])
    samples = Pool(
        (classes == 0) * 1.0, classes, np.ones((1, 4)), np.ones((1, 4)), rewards=np.array([[9.0, 5.0, 1.0, 1.0]]),
        logprobs=np.array([[-0.1, -0.2, -9.0, -9.0]]),
    )  # fmt: skip
    assert made("best-of-reward").apply(samples, 4, NUMBERS).scores == [1.0]
    assert made("best-of-logprob").apply(samples, 4, NUMBERS).scores == [1.0]


def test_adaptive_pays_for_what_it_draws() -> None:
    classes = np.array([[0, 0, 0, 0], [0, 1, 2, 3]])
    tokens = np.array([[1.0, 1.0, 1.0, 1.0], [1.0, 2.0, 3.0, 4.0]])
    samples = Pool((classes == 0) * 1.0, classes, tokens, tokens)
    applied = made("adaptive").apply(samples, 4, NUMBERS)
    assert applied.tokens == pytest.approx([2.0, 10.0]) and applied.scores == pytest.approx([1.0, 0.25])


def test_revision_keeps_the_last_answer_and_pays_for_every_round() -> None:
    classes = np.array([[0, 1, -1], [1, 0, 0], [-1, -1, -1]])
    tokens = np.full((3, 3), 5.0)
    samples = Pool((classes == 0) * 1.0, classes, tokens, tokens)
    one = made("revision")
    assert one.apply(samples, 0, NUMBERS).scores.tolist() == [1, 0, 0]
    assert one.apply(samples, 2, NUMBERS).scores.tolist() == [0, 1, 0]
    assert one.apply(samples, 2, NUMBERS).tokens.tolist() == [15, 15, 15]


# --- what is asked of a model ----------------------------------------------------------------------------------------


class Letters:
    """A tokenizer of characters."""

    chat_template = None
    bos_token_id = None
    eos_token_id = 0

    def __call__(self, text: str, add_special_tokens: bool = True) -> dict[str, list[int]]:
        return {"input_ids": [ord(c) for c in text]}

    def decode(self, ids: Sequence[int], **options: Any) -> str:
        return "".join(map(chr, ids))


class Script:
    """A writer that says what a function of the prompt's text tells it to, and keeps what it was asked."""

    def __init__(self, says: Callable[[str], str], cap: int = 400) -> None:
        self.says, self.cap, self.asked = says, cap, []  # type: ignore[var-annotated]

    def write(
        self, jobs: Sequence[Job], temperature: float = 1.0, top_p: float = 1.0, rows: int | None = None
    ) -> list[Completion]:
        done = []
        for job in jobs:
            prompt = "".join(map(chr, job.prompt))
            self.asked.append((prompt, job))
            ids = [*map(ord, self.says(prompt)), 0]
            cap = self.cap if job.cap is None else job.cap
            done.append(Completion(tuple(ids[:cap]), "stop" if len(ids) <= cap else "length", 1.0, -1.0))
        return done


PROBLEM = Problem(id="p", question="How many?", answer="18", source="test", brief="how many :")


def sampler(
    says: Callable[[str], str], view: View, positions: int | None = None, cap: int = 400
) -> tuple[Sampler, Script]:
    script = Script(says, cap)
    letters: Any = Letters()
    return Sampler(script, letters, view, ("base", "journey-s0"), 0, Cost(1, 10, 5, 1, 2), positions), script


def asked(view: View) -> list[Asked]:
    return [Asked("q", PROBLEM, tuple(map(ord, views.prompt(PROBLEM, view) + ("" if view == "compact" else "\n\n"))))]


def draw(
    name: str, view: View, says: Callable[[str], str], numbers: Numbers = NUMBERS, **more: Any
) -> tuple[Written, Script]:
    one, script = sampler(says, view, **more)
    first = made("greedy").write(one, asked(view), numbers, [])
    return made(name).write(one, asked(view), numbers, first), script


THINKS = {
    "think": "<think>\nIt is 20 - 2, so 17 it is.\n</think>\n\nThe result is \\boxed{17}.",
    "plain": "It is 20 - 2, so 17 it is.\n\nThe result is \\boxed{17}.",
    "compact": "20 - 2 = 17 . \\boxed{ 17 }",
}
VIEWS: tuple[View, ...] = ("think", "plain", "compact")


def test_samples_have_streams_of_their_own() -> None:
    written, script = draw("samples", "plain", lambda prompt: "\\boxed{1}")
    jobs = [job for _, job in script.asked[2:]]
    assert len(jobs) == 16 and [len(texts) for of_run in written for texts in of_run] == [8, 8]
    streams = {tuple(job.chance) for job in jobs if job.chance is not None}
    assert len(streams) == 16 and {job.run for job in jobs} == {0, 1}


def test_costs_of_a_text() -> None:
    written, _ = draw("greedy", "compact", lambda prompt: "\\boxed{1}")
    text = written[0][0][0]
    assert (text.tokens, text.prompt_tokens, text.finish) == (10, len("how many :"), "stop")
    assert text.flops == Cost(1, 10, 5, 1, 2).flops(10, 10) == 2 * 10 * 19 + 2 * 5 * 10 + 4 * 2 * (19 * 20 // 2)


@pytest.mark.parametrize("view", VIEWS)
def test_a_cap_asks_for_the_answer(view: View) -> None:
    def says(prompt: str) -> str:
        return "18}." if prompt.endswith("\\boxed{") else THINKS[view]

    written, script = draw("budget-cap", view, says)
    short, long = written[0][0]
    assert short.text == THINKS[view][:10] + views.ANSWER_NOW[view] + "18}."
    assert script.asked[2][0].endswith(views.ANSWER_NOW[view]) and short.tokens == len(short.text) + 1
    if view == "compact":
        assert long.text == THINKS[view] and len(written[1][0]) == 2  # ended within 40 tokens: as it was


def test_a_cap_after_the_thinking_does_not_close_it_again() -> None:
    text = "<think>\nx\n</think>\n\nSo, the result, which was asked for, is 17."
    written, _ = draw("budget-cap", "think", lambda p: "18}" if p.endswith("\\boxed{") else text)
    assert written[0][0][1].text == text[:40] + "\n\nThe answer is \\boxed{18}"


@pytest.mark.parametrize("view", VIEWS)
def test_wait_takes_the_answer_away(view: View) -> None:
    def says(prompt: str) -> str:
        return f", no. {THINKS[view].removeprefix('<think>')}" if prompt.endswith(views.GO_ON[view]) else THINKS[view]

    written, script = draw("budget-wait", view, says)
    first, second, third = written[0][0]
    kept = views.without_answer(THINKS[view], view)
    assert first.text == THINKS[view] and "\\boxed" not in kept and "</think>" not in kept
    assert second.text.startswith(kept + views.GO_ON[view] + ", no. ") and second.text.count("\\boxed") == 1
    assert third.text.count(views.GO_ON[view]) == 2 and third.tokens == len(third.text) + 1
    assert third.seconds == 3.0 and len(script.asked) == 6


def test_wait_at_the_cap_of_tokens_changes_nothing() -> None:
    written, _ = draw("budget-wait", "plain", lambda prompt: "x" * 500, cap=50)
    assert [text.text for text in written[0][0]] == ["x" * 50] * 3


@pytest.mark.parametrize("view", VIEWS)
def test_a_revision_sees_the_problem_and_the_attempt(view: View) -> None:
    written, script = draw("revision", view, lambda prompt: f"\\boxed{{{len(script_of(prompt))}}}")
    texts = [text.text for text in written[0][0]]
    assert texts[0] == "\\boxed{0}" and texts[1] == "\\boxed{1}" and len(texts) == 3
    prompt = script.asked[2][0]
    question = PROBLEM.brief if view == "compact" else PROBLEM.question
    assert question in prompt and "\\boxed{0}" in prompt and (view == "compact" or "may be wrong" in prompt)
    assert "<think>" not in prompt


def script_of(prompt: str) -> list[str]:
    """The attempts that a prompt shows."""
    return [part for part in prompt.split("\\boxed{") if part[0].isdigit()]


def test_an_attempt_without_room_is_shown_by_its_end() -> None:
    words = " ".join(f"w{n}" for n in range(100))
    _, script = draw("revision", "compact", lambda prompt: f"{words} \\boxed{{7}}", positions=1000, cap=800)
    prompt = script.asked[-1][0]
    assert prompt.endswith("\\boxed{7} how many :") and len(prompt) + 800 <= 1000 and "w0 " not in prompt
