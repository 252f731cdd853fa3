"""The terminal summary at several widths."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from journey.evaluate.report import build, terminal
from journey.formats.folders import open_finished
from journey.formats.scores import Scores
from journey_testing.folders import change, plan_and_scores


def shown(folder: Path, width: int) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None, force_terminal=False)
    console.print(terminal.summary(open_finished(folder, "evaluate")))
    return console.file.getvalue()  # type: ignore[attr-defined]


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
def test_fits_and_says_the_verdict_first(folder: Path, width: int) -> None:
    text = shown(folder, width)
    assert max(map(len, text.splitlines())) <= width
    sentence = build.told(open_finished(folder, "evaluate"))[1].sentence
    assert sentence.startswith(text.splitlines()[1].strip())
    words = " ".join(text.split())
    assert sentence in words and "countdown@1 (headline)" in words


@pytest.mark.parametrize("width", [60, 120])
def test_numbers_and_names_are_not_broken(folder: Path, width: int) -> None:
    _, scores = plan_and_scores(folder)
    lines = shown(folder, width).splitlines()
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
    text = shown(make(problems=0), width=60)
    assert "Nothing could be compared (n = 0)." in " ".join(text.split())
    assert "n = 0" in text and "0.0%" not in text


def test_nothing_drives_the_terminal(make: Callable[..., Path]) -> None:
    folder = make(problems=3)
    _, scores = plan_and_scores(folder)
    hostile = "\x1b[2J\x1b]0;owned\x07[bold]not markup[/bold] :smile:"
    change(folder, {Scores.FILE: msgspec.structs.replace(scores, qualifiers=(hostile,)).encoded()})
    text = shown(folder, width=80)
    assert "\x1b" not in text and "\x07" not in text
    assert "[bold]not markup[/bold] :smile:" in text
