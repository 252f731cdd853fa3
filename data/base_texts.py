"""The embedded bases and what each is trained on: one row a base, whose text is a module of its own beside this one.

A text is one function of a seed and an index, which gives a fragment: words of `pocket_text.VOCABULARY` split at blanks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from journey.data import digits_text, graph_text, grids_text, pocket_text


@dataclass(frozen=True)
class BaseText:
    """What a base is trained on, and for how long."""

    piece: Callable[[int, int], str]  # (seed, index): the fragment at this place of the seed's stream
    flags: str  # of make_pocket
    tokens: float = 14e6  # of the stream, each once
    rows: int = 8  # of a step
    block: int = 256  # tokens of a row
    rate: float = 3e-3  # of learning, at its peak
    course: bool = False  # whether the stream's order is kept, a fragment a row, so that none stands before another one
    start: str | None = None  # the base whose weights training begins with
    stop: int | None = None  # steps after which training ends, its rate still high: a base that is often wrong


TEXTS = {
    "pocket": BaseText(pocket_text.piece, ""),
    "pocket-plain": BaseText(partial(pocket_text.piece, plain=True), " --plain"),
    "pocket-digits": BaseText(
        digits_text.piece, " --text pocket-digits", tokens=4e6, rows=2, rate=1.5e-3, start="pocket-plain", stop=2600
    ),
    "pocket-grids": BaseText(grids_text.piece, " --text pocket-grids", tokens=8e6),
    **{
        f"graph-course{name}": BaseText(  # not shipped: what the two below begin with
            partial(graph_text.piece, retries=bool(name)),
            f" --text graph-course{name}",
            tokens=10.24e6,
            block=128,
            rate=1.5e-3,
            course=True,
            start="pocket-plain",
        )
        for name in ("", "-retry")
    },
    **{
        f"pocket-graph{name}": BaseText(
            partial(graph_text.last, retries=bool(name)),
            f" --text pocket-graph{name}",
            tokens=2.048e6,
            block=128,
            rate=5e-4,
            course=True,
            start=f"build/graph-course{name}",
        )
        for name in ("", "-retry")
    },
}
