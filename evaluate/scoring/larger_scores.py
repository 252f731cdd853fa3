"""Scores beside those of the arms: the larger model, and the same questions answered in another way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from journey.evaluate.scoring.equal_cost import GREEDY, ComparedAtCost
from journey.evaluate.scoring.graded import GradedSamples
from journey.evaluate.statistics import paired
from journey.evaluate.statistics.verdict import LARGER
from journey.formats.folders import StoredFiles
from journey.formats.scores import Agreement, AgreementFile, LargerScore


def larger(book: GradedSamples, budgets: Mapping[str, ComparedAtCost]) -> Iterator[LargerScore]:
    """The larger model on every benchmark, with what the arms do for its FLOPs."""
    if book.plan.larger is None:
        return
    for info in book.plan.benchmarks:
        cell, applied = book.cells[LARGER, info.name, GREEDY], book.applied(LARGER, info.name, GREEDY)
        accuracy = paired.accuracy_interval(applied.scores[:, None])
        matched = [b.record for b in budgets.values() if b.record.unit == "flops" and b.record.benchmark == info.name]
        yield LargerScore(
            benchmark=info.name,
            model=book.plan.larger.model,
            accuracy=accuracy.mean,
            low=accuracy.low,
            high=accuracy.high,
            tokens=float(applied.tokens.mean()),
            flops=applied.cost("flops"),
            seconds=float(applied.seconds.mean()),
            truncation_rate=float(np.mean([samples[0].finish == "length" for samples in cell.samples])),
            no_answer_rate=float(np.mean([grades[0].outcome == "no_answer" for grades in cell.grades])),
            matched=tuple(matched),
        )


def agreement(stored: StoredFiles) -> Iterator[Agreement]:
    """What was stored about endpoints, and about batches of one."""
    for name in (AgreementFile.PARITY, AgreementFile.FILE):
        if stored.has(name):
            path = stored.file(name)
            yield from AgreementFile.parse(path.read_bytes(), str(path)).agreement
