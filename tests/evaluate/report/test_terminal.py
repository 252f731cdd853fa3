"""The terminal summary at several widths."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from journey.evaluate.report import terminal
from journey.formats.plan import EvaluationPlan
from journey.formats.scores import Scores
from journey_testing.folders import plan_and_scores


def shown(plan: EvaluationPlan, scores: Scores, width: int) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None, force_terminal=False)
    console.print(terminal.summary(scores, plan))
    return console.file.getvalue()  # type: ignore[attr-defined]


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
def test_fits_and_says_the_verdict_first(folder: Path, width: int) -> None:
    plan, scores = plan_and_scores(folder)
    text = shown(plan, scores, width)
    assert max(map(len, text.splitlines())) <= width
    assert scores.headline[0].startswith(text.splitlines()[1].strip())
    words = " ".join(text.split())
    assert scores.headline[0] in words and "countdown@1 (headline)" in words


@pytest.mark.parametrize("width", [60, 120])
def test_numbers_and_names_are_not_broken(folder: Path, width: int) -> None:
    plan, scores = plan_and_scores(folder)
    lines = shown(plan, scores, width).splitlines()
    for arm in scores.arms:
        if arm.n:
            wanted = (arm.arm, f"{100 * arm.accuracy:.1f}%", f"{100 * arm.low:.1f} to {100 * arm.high:.1f}")
            assert any(all(part in line for part in wanted) for line in lines), wanted
    for item in scores.compared:
        if item.first != "base":
            wanted = (f"{item.second} minus {item.first}", f"{100 * item.comparison.difference:+.1f}")
            at = [place for place, line in enumerate(lines) if all(part in line for part in wanted)]
            assert at and any(item.verdict.words in " ".join(lines[place : place + 2]) for place in at)


def test_no_data(make: Callable[..., Path]) -> None:
    text = shown(*plan_and_scores(make(problems=0)), width=60)
    assert "Nothing could be compared (n = 0)." in " ".join(text.split())
    assert "n = 0" in text and "0.0%" not in text


def test_nothing_drives_the_terminal(folder: Path) -> None:
    plan, scores = plan_and_scores(folder)
    hostile = "\x1b[2J\x1b]0;owned\x07[bold]not markup[/bold] :smile:"
    text = shown(plan, msgspec.structs.replace(scores, headline=(hostile,), qualifiers=(hostile,)), width=80)
    assert "\x1b" not in text and "\x07" not in text
    assert "[bold]not markup[/bold] :smile:" in text
