"""What is particular to each arm: masks, doses, dots, doubts, and mistakes that nobody notices."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from journey import views
from journey.answers.doubts import backwards, doubt, last_equation
from journey.answers.grading import grade
from journey.catalog import ARMS, FAMILIES, METHODS
from journey.finetune.rows.rows import ANSWER, FRAME, MISTAKE, encode
from journey.finetune.runs import ArmContext
from journey.generate.made import MadePair
from journey.rng import rng_for
from journey.schema import Pair, Trace
from journey.tables.problems import read_problems
from journey.views import View
from journey_testing.pairs import pairs_of


@pytest.fixture(scope="session")
def slips() -> list[Pair]:
    """40 arithmetic pairs with slips."""
    return pairs_of("arithmetic", "slips", 40, split="train")


@pytest.fixture(scope="session")
def gsm8k(real_data: Callable[[str], Path]) -> list[Pair]:
    """150 pairs with slips in real solutions."""
    method = METHODS.get("slips")()
    problems = itertools.islice(read_problems(str(real_data("gsm8k_train.jsonl"))), 250)
    made = [method.make(problem, 0) for problem in problems]
    return [each.pair for each in made if hasattr(each, "pair")][:150]


def traces_of(name: str, pairs: list[Pair], tokenizer: Any, view: View = "compact") -> list[Trace | None]:
    return ARMS.get(name)().traces(pairs, ArmContext(tokenizer, view))


def test_masked_journeys_are_journeys_without_the_loss_on_mistakes(slips: list[Pair], pocket: Any) -> None:
    journey, masked = (encode(slips, ARMS.get(n)(), pocket, "compact") for n in ("journey", "journey-masked"))
    assert np.array_equal(journey.ids, masked.ids) and np.array_equal(journey.roles, masked.roles)
    mistakes = masked.roles == MISTAKE
    assert mistakes.any() and not masked.weights[mistakes].any()
    assert np.array_equal(journey.weights[~mistakes], masked.weights[~mistakes])


@pytest.mark.parametrize("share", [25, 50, 75])
def test_mixes_have_their_share_of_journeys_and_are_nested(share: int, pairs: list[Pair], slips: list[Pair]) -> None:
    both = [*slips, *pairs]
    chosen = [trace is pair.journey for pair, trace in zip(both, traces_of(f"mix-{share}", both, None), strict=True)]
    for count in (4, 12, 40, 64):
        assert sum(chosen[:count]) == count * share // 100
    for more in (50, 75):
        wider = [trace is pair.journey for pair, trace in zip(both, traces_of(f"mix-{more}", both, None), strict=True)]
        assert more <= share or all(wider[at] for at, one in enumerate(chosen) if one)


@pytest.mark.parametrize("view", ["compact", "think", "plain"])
def test_dots_are_as_long_as_the_journey(
    view: View, pairs: list[Pair], slips: list[Pair], pocket: Any, word_tokenizer: Callable[..., Any]
) -> None:
    both = [*pairs, *slips]
    texts = [views.render(pair.journey, view).text for pair in both] + [views.prompt(p.problem, view) for p in both]
    tokenizer = pocket if view == "compact" else word_tokenizer(["."] + [w for text in texts for w in text.split()])
    journeys, dots = (encode(both, ARMS.get(name)(), tokenizer, view) for name in ("journey", "dots"))
    assert np.array_equal(journeys.lengths, dots.lengths)
    assert np.array_equal(journeys.supervised, dots.supervised)
    roles = set(dots.roles.tolist())
    assert roles == {FRAME, ANSWER}


def test_dots_of_several_tokens_come_as_near_as_they_can(slips: list[Pair]) -> None:
    """A tokenizer of single characters: a dot is two tokens, with the blank before it."""
    from tokenizers import Tokenizer
    from tokenizers import models as tokenizer_models
    from transformers import PreTrainedTokenizerFast

    texts = "".join(views.render(pair.journey, "think").text for pair in slips) + "."
    alphabet = {sign: place for place, sign in enumerate(sorted(set(texts)))}
    backend = Tokenizer(tokenizer_models.BPE(vocab=alphabet, merges=[]))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend)
    for pair, trace in zip(slips, traces_of("dots", slips, tokenizer, "think"), strict=True):
        assert trace is not None
        sizes = [len(views.render(each, "think").text) for each in (trace, pair.journey)]
        assert abs(sizes[0] - sizes[1]) <= 1


def test_shuffled_is_a_permutation_of_the_journey(slips: list[Pair], pairs: list[Pair]) -> None:
    both = [*slips, *pairs]
    for pair, trace in zip(both, traces_of("shuffled", both, None), strict=True):
        assert trace is not None

        def told(segments: Any) -> list[tuple[str, str, str, int]]:
            return [(s.role, s.text.strip(), s.brief, s.node) for s in segments]

        journey, mixed = told(pair.journey.segments[:-1]), told(trace.segments[:-1])
        assert Counter(journey) == Counter(mixed)
        assert len(journey) < 2 or journey != mixed


def test_of_deleted_steps_a_third_stays_in_order(slips: list[Pair], pairs: list[Pair]) -> None:
    both = [*slips, *pairs]
    for pair, trace in zip(both, traces_of("deleted-steps", both, None), strict=True):
        assert trace is not None
        journey = [(s.text.strip(), s.node) for s in pair.journey.segments[:-1]]
        kept = [(s.text.strip(), s.node) for s in trace.segments[:-1]]
        assert len(kept) == max(1, round(len(journey) / 3))
        rest = iter(journey)
        assert all(each in rest for each in kept)  # a subsequence


def test_changed_digits_keep_every_word_and_the_form_of_every_number(slips: list[Pair], pairs: list[Pair]) -> None:
    spelled = pairs_of("multiplication", "slips", 10)
    both, changed, numbers = [*slips, *pairs, *spelled], 0, 0
    for pair, trace in zip(both, traces_of("changed-digits", both, None), strict=True):
        assert trace is not None
        for old, new in zip(pair.journey.segments, trace.segments, strict=True):
            for before, after in ((old.text, new.text), (old.brief, new.brief)):
                assert re.sub(r"\d", "#", before) == re.sub(r"\d", "#", after)
            if old.role == "answer":
                assert (old.text, old.brief) == (new.text, new.brief)
                continue
            both_numbers = [re.findall(r"(?<!\w)\d+(?!\w)", each.text) for each in (old, new)]
            for one, other in zip(*both_numbers, strict=True):
                numbers += 1
                changed += one != other
                assert one == other or not any(a == b for a, b in zip(one, other, strict=True))
                assert len(other) == 1 or other[0] != "0"
            if old.role == "step" and pair.problem.facts.get("spelled"):
                assert new.brief.replace(" ", "").rstrip(".") in new.text.replace(" ", "")
    assert 0.6 < changed / numbers < 0.8


def test_markers_doubt_without_a_mistake(slips: list[Pair], pairs: list[Pair]) -> None:
    both = [*slips, *pairs]
    doubts: list[str] = []
    for pair, trace in zip(both, traces_of("marker", both, None), strict=True):
        assert trace is not None
        assert {s.role for s in trace.segments} <= {"plan", "step", "check", "answer"}
        kept = [s.text for s in trace.segments if s.role != "check"]
        assert kept == [s.text for s in pair.shortcut.segments]
        checks = [s for s in trace.segments if s.role == "check"]
        steps = sum(s.role != "plan" for s in pair.shortcut.segments[:-1])
        notices = sum(s.role == "notice" for s in pair.journey.segments)
        own = [s.text for s in pair.journey.segments if s.role == "check"]
        assert not Counter(own) - Counter(s.text for s in checks)  # the journey's own stay, and come as they do there
        assert len(checks) == len(own) + min(steps - len(own), notices)
        if not pair.mistakes:
            assert trace.segments == pair.journey.segments
        doubts += [s.text.strip() for s in checks]
    assert len(set(doubts)) > 0.9 * len(doubts)  # varied


@pytest.mark.parametrize(
    ("brief", "calculation", "value", "undone"),
    [
        ("b = 18 * 3 = 54 .", "18 * 3", "54", ("54 / 3", "18")),
        ("try 16 - 1 = 15 left 15 1 .", "16 - 1", "15", ("15 + 1", "16")),
        ("15 + 1 = 16 .", "15 + 1", "16", ("16 - 1", "15")),
        ("2 * 3 = 6 . 6 + 4 = 10 .", "6 + 4", "10", ("10 - 4", "6")),
        ("4 * 5 = 20 .", "4 * 5", "20", ("20 / 5", "4")),
        ("d = 13 - 40 = - 27 .", "13 - 40", "- 27", None),
        ("12 / 60 = 0.2 .", "12 / 60", "0.2", ("0.2 * 60", "12")),
        ("5 * 0 = 0 .", "5 * 0", "0", None),
        ("+ 30 + 46 = 76 .", "+ 30 + 46", "76", None),
    ],
)
def test_a_doubt_speaks_of_the_steps_own_equation(
    brief: str, calculation: str, value: str, undone: tuple[str, str] | None
) -> None:
    equation = last_equation(brief)
    assert equation is not None and (equation.left, equation.right) == (calculation, value)
    assert backwards(equation) == undone


@pytest.mark.parametrize("brief", ["2 + 2 = 5 .", "10 / 30 = 1 / 3 .", "1 / 3 = 0.33 .", "x = 4 .", ""])
def test_no_doubt_speaks_of_an_equation_that_does_not_hold_as_written(brief: str) -> None:
    assert last_equation(brief) is None


def test_doubts_write_negative_numbers_and_brackets_as_prose_does() -> None:
    said = {doubt("- 1 * ( 2 + 3 ) = - 5 .", rng_for("doubt", index))[0] for index in range(60)}
    assert all(" - 1" not in text and "( " not in text and " )" not in text for text in said)
    assert any("-1 * (2 + 3)" in text and "-5" in text for text in said)


@pytest.mark.parametrize("kind", ["countdown", "slips", "gsm8k"])
def test_only_wrong_is_refuted_by_the_answer_checker(kind: str, request: pytest.FixtureRequest) -> None:
    found: list[Pair] = request.getfixturevalue({"countdown": "pairs"}.get(kind, kind))
    made = traces_of("only-wrong", found, None)
    assert sum(trace is not None for trace in made) > 0.95 * len(found)
    for pair, trace in zip(found, made, strict=True):
        if trace is None:
            continue
        for view in views.VIEWS if kind != "gsm8k" else ("think",):
            assert grade(pair.problem, views.render(trace, view).text).outcome == "wrong"
        roles = [segment.role for segment in trace.segments]
        assert roles.count("mistake") == 1
        assert not {"notice", "backtrack", "correction", "check"} & set(roles)
        assert "mistake" not in roles[: roles.index("mistake")]


@pytest.mark.parametrize("kind", ["pairs", "slips", "gsm8k"])
def test_only_wrong_makes_the_journeys_own_mistake_where_it_can(kind: str, request: pytest.FixtureRequest) -> None:
    found: list[Pair] = request.getfixturevalue(kind)
    own = 0
    for pair, trace in zip(found, traces_of("only-wrong", found, None), strict=True):
        mistakes = {s.brief for s in pair.journey.segments if s.role == "mistake"}
        own += trace is not None and any(s.role == "mistake" and s.brief in mistakes for s in trace.segments)
    assert own > (0.6 if kind == "gsm8k" else 0.8) * sum(pair.mistakes > 0 for pair in found)


def test_pairs_of_a_method_that_cannot_follow_a_mistake_have_no_only_wrong(written: Pair) -> None:
    assert traces_of("only-wrong", [written], None) == [None]


def test_a_marker_computes_again_where_numbers_are_spelled_too() -> None:
    """As the journey's own re-checks do: it differs from the journey in the mistakes alone."""
    method, family = METHODS.get("slips"), FAMILIES.get("multiplication")()
    made = [method(method.Settings(rechecks=0)).make(family.problem(0, index, 1), 0) for index in range(6)]
    told = [each.pair for each in made if isinstance(each, MadePair) and each.pair.mistakes]
    checks = [s for trace in traces_of("marker", told, None) for s in trace.segments if s.role == "check"]
    assert len(checks) > 3
    for check in checks:
        assert re.search(r"\d [-+*/] \d+.* \d", check.text) and re.search(r" = (?:\d )+", check.brief), check
        assert not re.search(r"\d\d", check.brief)
