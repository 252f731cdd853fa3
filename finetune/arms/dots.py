"""The filler-token control: dots in place of the journey's reasoning (arXiv 2404.15758, 2503.01307)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from journey.catalog import ARMS
from journey.finetune.rows.rows import FILLER
from journey.finetune.rows.traces import with_reasoning
from journey.finetune.runs import Arm, ArmContext
from journey.models import template
from journey.schema import Pair, Trace

ROUNDS = 6
Counts = NDArray[np.int64]


@ARMS.add("dots", question="is it only that the answer comes after more tokens?", trains=True)
def dots() -> Arm:
    """Train on as many dots as the journey's reasoning has tokens, then the answer."""
    return Arm("dots", filled)


def filled(pairs: Sequence[Pair], reading: ArmContext) -> list[Trace]:
    """As many dots as make the row as long as the journey's; the nearest number where a dot is several tokens."""
    if not pairs:
        return []
    wanted = _tokens([pair.journey for pair in pairs], reading)
    bare = _tokens(_dotted(pairs, np.zeros(len(pairs), dtype=np.int64)), reading)
    counts = np.maximum(1, wanted - bare)
    best, error = counts, np.full(len(pairs), np.iinfo(np.int64).max)
    for _ in range(ROUNDS):
        sizes = _tokens(_dotted(pairs, counts), reading)
        missing = wanted - sizes
        closer = np.abs(missing) < error
        best, error = np.where(closer, counts, best), np.where(closer, np.abs(missing), error)
        if not error.any():
            break
        a_dot = np.maximum((sizes - bare) / counts, 0.1)
        counts = np.maximum(1, counts + np.rint(missing / a_dot).astype(np.int64))
    return _dotted(pairs, best)


def _dotted(pairs: Sequence[Pair], counts: Counts) -> list[Trace]:
    """The pairs with this many dots each before the answer."""
    traces = []
    for pair, count in zip(pairs, counts.tolist(), strict=True):
        text = " ".join("." * count)
        traces.append(with_reasoning(pair.journey, [("plan", text, text, FILLER)]))
    return traces


def _tokens(traces: Sequence[Trace], reading: ArmContext) -> Counts:
    """Tokens of every completion."""
    texts = [template.render(reading.tokenizer, trace, reading.view).text for trace in traces]
    ids = reading.tokenizer(texts, add_special_tokens=False)["input_ids"]
    return np.array([len(row) for row in ids], dtype=np.int64)
