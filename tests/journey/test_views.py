"""Views: one box, spans that fit, the same answer for both traces."""

from __future__ import annotations

import pytest

from journey import views
from journey.catalog import FAMILIES, METHODS
from journey.schema import Pair, Trace


def made(index: int) -> Pair:
    problem = FAMILIES.get("countdown")().problem(0, index, 1)
    return METHODS.get("search")().make(problem, 0).pair


@pytest.mark.parametrize("view", views.VIEWS)
def test_spans_lie_in_the_text_and_there_is_one_box(view: views.View) -> None:
    for index in range(40):
        pair = made(index)
        for trace in (pair.shortcut, pair.journey):
            rendered = views.render(trace, view)
            for span, segment in zip(rendered.spans, trace.segments, strict=True):
                said = segment.brief if view == "compact" else segment.text
                assert rendered.text[span.start : span.end] == said
            assert rendered.text.count("\\boxed{") == 1
            assert rendered.spans[-1].role == "answer"
            assert rendered.spans[-1].end == len(rendered.text)


def test_stored_spans_are_those_of_the_think_view() -> None:
    pair = made(3)
    rendered = views.render(pair.journey, "think")
    assert [(s.start, s.end) for s in pair.journey.segments] == [(s.start, s.end) for s in rendered.spans]


def test_both_traces_end_in_the_same_words() -> None:
    pair = made(5)
    assert pair.shortcut.segments[-1].text == pair.journey.segments[-1].text


def test_a_trace_without_work_still_closes_its_thinking() -> None:
    bare = Trace(views.lay_out([("answer", "The answer is \\boxed{3}.", "\\boxed{ 3 }", 0)]), "3")
    assert views.render(bare, "think").text == "<think>\n\n</think>\n\nThe answer is \\boxed{3}."
    assert views.render(bare, "compact").text == "\\boxed{ 3 }"
    assert bare.segments[0].start == views.render(bare, "think").spans[0].start


def test_compact_text_is_single_words() -> None:
    text = views.render(made(7).journey, "compact").text
    assert "  " not in text and text == text.strip()
