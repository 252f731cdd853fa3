"""What is taken out of a trace before its roles are read: boxes, tags, empty math."""

from __future__ import annotations

import pytest

from journey.generate.imports.readers.cells import LONGEST, bounded, plain
from journey.tables.cells import Unusable


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("so \\boxed{7} it is", "so 7 it is"),
        ("\\boxed{\\frac{1}{\\boxed{2}}} x", "\\frac{1}{2} x"),
        ("so \\boxed{7", "so 7"),
        ("so {\\boxed{7} and \\boxed 8}", "so {7 and  8}"),
        ("a } b \\boxed{c} d", "a } b c d"),
        ("so\n\\[\n\\boxed{7}\n\\].\nDone", "so\n\nDone"),
        ("so\n$$\n**\\boxed{7}**\n$$", "so"),
        (f"so \\boxed{{{'x' * 1999}}} y", f"so {'x' * 1999} y"),
        (f"so \\boxed{{{'x' * 2000}}} y", f"so {'x' * 2000}}} y"),  # too far away to be its brace
        ("<think>a</think>b <<1+1=2>>2", "ab 2"),
    ],
)
def test_a_trace_without_its_boxes(text: str, left: str) -> None:
    assert plain(text) == left


@pytest.mark.parametrize("shape", ["\\boxed{", "\n", "\n \n", "{", "}", "$", "\\[", "<<", "<think>"])
def test_one_shape_without_end_is_read_to_its_end(shape: str) -> None:
    """As long as anything is read; each was, or could be, read in the square of its length."""
    assert "\\boxed" not in plain(shape * (LONGEST // len(shape)))


def test_what_is_longer_than_anything_is_left_out() -> None:
    assert bounded("x" * LONGEST, "f")
    with pytest.raises(Unusable, match=f"at most {LONGEST:,} are read"):
        bounded("x" * (LONGEST + 1), "f")
