"""What an answer says of itself last: each rule on its own, right traces of every kind, and the strategy on samples."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from journey import views
from journey.evaluate.behaviour.own_verdict import calls_itself_wrong
from journey.evaluate.strategies.best_of_self import BestOfSelf
from journey.evaluate.test_time.outcomes import SampleMatrix
from journey.formats.folders import open_finished
from journey.schema import Problem
from journey_testing.matrices import NUMBERS

OLD = Path(__file__).parents[2] / "golden" / "v0_1"
SEARCH = Problem(
    "s", "", "14", "t", "use 16 1 1 make 14 :", "countdown", 1, facts={"numbers": [16, 1, 1], "target": 14}
)
WORDS = Problem("w", "How many?", "18", "t")


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("try 16 - 1 = 15 left 1 . 15 + 1 = 16 high . \\boxed{ ( 16 - 1 ) + 1 }", True),
        ("try 16 - 1 = 15 left 1 . 15 + 1 = 16 high . 15 - 1 = 14 yes . \\boxed{ ( 16 - 1 ) - 1 }", False),
        ("try 16 + 1 = 17 left 1 . dead end . back to 16 1 1 . try 16 - 1 = 15 left 1 . \\boxed{ 15 }", True),
        ("try 16 - 1 = 15 left 1 . 15 - 1 = 14 . \\boxed{ ( 16 - 1 ) - 1 }", False),
        ("\\boxed{ 16 }", False),
        (
            "try 1 + 1 = 2 left 16 . 16 + 2 = 18 yes . \\boxed{ 18 } high .",
            False,
        ),  # what stands behind the box is too late
    ],
)
def test_a_search_calls_its_last_result_low_or_high(text: str, wrong: bool) -> None:
    assert calls_itself_wrong(text, SEARCH) is wrong


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("3 * 6 = 18. So \\boxed{18}.", False),
        ("3 * 6 = 17. Wait, that can't be right. \\boxed{17}", True),
        ("3 * 6 = 17. Wait, that can't be right. 3 * 6 = 18. \\boxed{18}", False),
        ("3 * 6 = 18. Let me check: it holds, so that is right. \\boxed{18}", False),
        ("3 * 6 = 17. Let me check that. It does not match the total. \\boxed{17}", True),
        ("3 * 6 = 18. Did I make a mistake there? No, it is fine. \\boxed{18}", False),
        ("I think it is 17, but that doesn't fit. <answer>17</answer>", True),
        ("The total comes to 17", False),
        ("3 * 6 = 17. Wait, I made an error. Actually the correct product is 18. \\boxed{18}", False),
        ("Wait, I made an error. Actually the correct product is 18. \\boxed{18}", False),
        ("3 * 6 = 17. Wait, 17 is wrong, so the answer is another one: \\boxed{18}", False),
        ("3 * 6 = 17. Wait, 17 is wrong. Still, I have no other. \\boxed{17}", True),
        ("3 * 6 = 18, I think. Let me check: 3 * 6 is 18, not 17. So the answer is \\boxed{18}", False),
        ("3 * 6 = 18? That should be 17 instead. I say \\boxed{18}", True),
        ("3 * 6 = 18. It should be 18 rather than 17. \\boxed{18}", False),
        ("That can't be right, but I have no other idea. \\boxed{5}", True),
        ("It comes to 1,800. Wait, that can't be right. <answer>1800</answer>", True),
    ],
)
def test_prose_by_its_last_self_check(text: str, wrong: bool) -> None:
    assert calls_itself_wrong(text, WORDS) is wrong


@pytest.mark.parametrize("view", ["think", "compact"])
def test_right_traces_do_not_call_themselves_wrong(view: views.View) -> None:
    """Journeys say "wrong" all the time, and mend it; at most one in fifty reads otherwise."""
    texts = [
        (views.render(trace, view).text, pair.problem)
        for name in ("generate", "generate-arithmetic")
        for pair in itertools.islice(open_finished(OLD / name, "generate").pairs(), 60)
        for trace in (pair.shortcut, pair.journey)
    ]
    wrong = [text for text, problem in texts if calls_itself_wrong(text, problem)]
    assert len(texts) > 100 and len(wrong) <= len(texts) / 50, wrong[:2]


def samples(called_wrong: list[bool], right: list[float], tokens: list[float], classes: list[int]) -> SampleMatrix:
    rows = (np.array([values], dtype=float) for values in (right, tokens, tokens))
    points, spent, seconds = rows
    return SampleMatrix(points, np.array([classes]), spent, seconds, called_wrong=np.array([called_wrong]))


class TestStrategy:
    def test_by_hand(self) -> None:
        """Of three samples one is disowned: of two, 2/3 of the orders begin with an accepted one, else the second is."""
        one = samples([True, False, False], [0, 1, 0], [10, 20, 40], [1, 0, 1])
        applied = BestOfSelf().apply(one, 2, NUMBERS)
        assert applied.scores[0] == pytest.approx(1 / 2)
        assert applied.tokens[0] == pytest.approx(
            1 / 3 * 10 + 30
        )  # a third of the orders pays for the disowned one too

    def test_every_order_gives_the_same(self) -> None:
        flags, right, tokens = [True, True, False, True], [1, 0, 1, 0], [10, 20, 40, 5]
        one = samples(flags, right, tokens, [0, 1, 0, 2])
        for k in (1, 2, 3, 4):
            scores, paid = [], []
            for order in itertools.permutations(range(4)):
                drawn = list(itertools.takewhile(lambda at: flags[at], order[:k]))
                chosen = [*order[:k]][len(drawn)] if len(drawn) < k else None
                scores.append(right[chosen] if chosen is not None else np.mean([right[at] for at in order[:k]]))
                paid.append(sum(tokens[at] for at in drawn) + (tokens[chosen] if chosen is not None else 0))
            applied = BestOfSelf().apply(one, k, NUMBERS)
            assert applied.scores[0] == pytest.approx(np.mean(scores)) and applied.tokens[0] == pytest.approx(
                np.mean(paid)
            )

    def test_a_sample_without_an_answer_is_taken_last(self) -> None:
        one = samples([True, False], [1, 0], [10, 10], [0, -1])
        assert BestOfSelf().apply(one, 2, NUMBERS).scores[0] == 1

    def test_it_needs_the_own_words(self) -> None:
        with pytest.raises(ValueError, match="own words"):
            BestOfSelf().apply(SampleMatrix(*(np.zeros((1, 2)) for _ in range(4))), 1, NUMBERS)
