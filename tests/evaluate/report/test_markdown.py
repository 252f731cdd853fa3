"""The Markdown report: verdict first, tables whole, content escaped."""

from __future__ import annotations

from pathlib import Path

import pytest

from journey.evaluate.report import build, markdown
from journey.formats.folders import open_finished
from journey_testing.folders import plan_and_scores


@pytest.fixture(scope="module")
def text(folder: Path) -> str:
    return (folder / "report.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("a | b", r"a \| b"),
        ("`x` **b** _c_", r"\`x\` \*\*b\*\* \_c\_"),
        ("<script>alert(1)</script> & co", "&lt;script&gt;alert(1)&lt;/script&gt; &amp; co"),
        ("[a](javascript:b) ![i](u)", r"\[a\](javascript:b) !\[i\](u)"),
        ("two\nlines\r\n| x", r"two lines \| x"),
        ("\x1b[31mred\x1b[0m\x07", "red"),
        ("C:\\|", "C:\\\\\\|"),
        ("# head ~~gone~~", r"\# head \~\~gone\~\~"),
    ],
)
def test_escaped(raw: str, expected: str) -> None:
    assert markdown.escaped(raw) == expected


def test_verdict_first(text: str, folder: Path) -> None:
    _, scores = plan_and_scores(folder)
    lines = text.splitlines()
    sentence = build.told(open_finished(folder, "evaluate"))[1].sentence
    assert lines[0] == "# Verdict" and lines[2] == f"**{sentence}**"
    assert all(f"**{line}**" in lines for line in scores.headline)
    assert text.endswith("\n") and not text.endswith("\n\n")


def test_tables_are_whole(text: str, folder: Path) -> None:
    """Every row of a table has as many cells as its head, whatever the names hold."""
    blocks = [block.splitlines() for block in text.split("\n\n") if block.startswith("|")]
    assert len(blocks) == 8  # the headline's, sources, four benchmarks, comparisons, further tests
    for block in blocks:
        cells = {line.replace("\\|", "").count("|") for line in block}
        assert len(cells) == 1, block
    plan, _ = plan_and_scores(folder)
    assert len(blocks[-2]) == 2 + len(plan.comparisons)


def test_says_what_it_must(text: str) -> None:
    assert "speaks of these adapters only" in text
    assert "| base | n = 0 |" in text
    assert "unpinned" in text
    assert r"someone's&lt;/b&gt; file \| with \`ticks\`" in text
