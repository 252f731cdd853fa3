"""The report's section on training: budgets, curves, curation, and pairs that were trained on, as text and pictures.

All numbers of the audit are shown, under their own names where this module has no words for them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from journey import numbers, views
from journey.console import clean
from journey.evaluate.report.charts import chart, tree
from journey.formats.curation import FunnelFile, GenerateCounts
from journey.formats.finetune import AuditFile, RunCounts
from journey.formats.training_view import LossCurve, TrainingExample, TrainingView
from journey.numbers import NOT_KNOWN
from journey.schema import Trace
from journey.views import View

LABELS = {
    "pairs": "Pairs to draw from",
    "problems": "Different problems",
    "rows": "Rows seen",
    "epochs": "Epochs",
    "rows_per_step": "Rows in an optimiser step",
    "steps": "Optimiser steps",
    "supervised_tokens": "Supervised tokens",
    "total_tokens": "All tokens",
    "flops": "Training FLOPs",
    "lr": "Learning rate",
    "rank": "LoRA rank",
    "mistake_weight": "Loss weight of mistakes",
    "answer_share": "Loss on the answer",
    "correct_path_share": "Loss on the correct path",
    "mistake_share": "Loss on mistakes",
    "completion_tokens_p995": "Tokens of a long completion (99.5th percentile)",
    "seconds": "Seconds",
}
_NAMES = {"run", "arm", "seed", "axis"}


@dataclass(frozen=True)
class BudgetTable:
    """The audit as a table (an arm a column) and as sentences."""

    arms: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]  # label, then a value for each arm
    equal: tuple[str, ...]
    differs: tuple[str, ...]
    notes: tuple[str, ...]
    failed: tuple[str, ...]


@dataclass(frozen=True)
class Panel:
    """The curves of one arm; `failed` says which of its runs ended early, and why."""

    arm: str
    picture: Markup
    failed: tuple[str, ...]


@dataclass(frozen=True)
class FunnelRow:
    """One rule of the funnel; the shares are of all pairs that came in."""

    name: str
    came: str
    dropped: str
    reasons: str
    kept_share: float
    dropped_share: float


@dataclass(frozen=True)
class FunnelTable:
    """Curation: what came in, what each rule dropped, what was kept in which split."""

    generated: tuple[str, ...]  # sentences on what was generated
    rules: tuple[FunnelRow, ...]
    idle: tuple[str, ...]  # rules that dropped nothing
    came: str
    kept: str
    kept_share: float | None
    splits: str


@dataclass(frozen=True)
class TracePart:
    """A stretch of a trace with its role."""

    role: str
    text: str


@dataclass(frozen=True)
class Shown:
    """A training pair: the question, both traces in pieces (as trained, and in prose where that differs), the tree."""

    name: str
    question: str
    answer: str
    shortcut: tuple[TracePart, ...]
    journey: tuple[TracePart, ...]
    prose: tuple[tuple[TracePart, ...], tuple[TracePart, ...]] | None
    tree: Markup | None
    left_out: int
    mistakes: str


@dataclass(frozen=True)
class TrainingSection:
    """Everything on training; a part that is None or empty has no data, and `missing` says why."""

    budget: BudgetTable | None = None
    panels: tuple[Panel, ...] = ()
    funnel: FunnelTable | None = None
    pairs: tuple[Shown, ...] = ()
    missing: tuple[str, ...] = ()


def trained(behind: TrainingView | None, view: View, arms: Iterable[str] = ()) -> TrainingSection:
    """What the report shows of the training behind an evaluation; `arms` gives the order of its pictures."""
    if behind is None:
        return TrainingSection(missing=("This evaluation does not name the training folder it was made from.",))
    return TrainingSection(
        budget=None if not behind.audit else _budget(behind.audit),
        panels=tuple(_panels(behind.curves, arms)),
        funnel=None if not behind.funnel else _funnel(behind.funnel, behind.generated),
        pairs=tuple(_shown(example, view) for example in behind.examples),
        missing=behind.missing,
    )


def _budget(audit: AuditFile) -> BudgetTable:
    arms = tuple(dict.fromkeys(run.label for run in audit.runs))
    fields = [name for name in RunCounts.__struct_fields__ if name not in _NAMES]
    rows = []
    for name in [key for key in LABELS if key in fields] + [key for key in fields if key not in LABELS]:
        values = [[getattr(run, name) for run in audit.runs if run.label == arm] for arm in arms]
        rows.append((LABELS.get(name, name.replace("_", " ").capitalize()), *(_range(name, of) for of in values)))
    failed = tuple(f"{run}: {why}" for run, why in audit.failed.items())
    return BudgetTable(arms, tuple(rows), audit.equal, audit.differs, audit.notes, failed)


def _range(key: str, values: Iterable[Any]) -> str:
    """One value, or the lowest and highest where seeds differ."""
    known = [value for value in values if isinstance(value, int | float)]
    if not known:
        return NOT_KNOWN
    return numbers.spread(_number(key, min(known)), _number(key, max(known)))


def _number(key: str, value: float) -> str:
    return numbers.percent(value) if key.endswith("_share") else numbers.number(value, commas=False)


def _panels(curves: Sequence[LossCurve], arms: Iterable[str]) -> Iterable[Panel]:
    """A picture for each arm, all with the same axes."""
    losses = [loss for curve in curves for loss in curve.losses if loss is not None]
    last = max((step for curve in curves for step in (curve.planned or 0, *curve.steps[-1:])), default=0)
    if not losses or not last:
        return
    top = max(_most(losses), 1e-9)
    axes = chart.ChartAxes("optimiser step", "loss", x_ends=(0, last), y_ends=(0, top))
    tones = chart.tones([*arms, *(curve.arm for curve in curves)])
    for arm, tone in tones.items():
        members = [curve for curve in curves if curve.arm == arm]
        picture = chart.chart(arm, [_line(curve, tone, top) for curve in members], axes)
        failed = tuple(_ended(curve) for curve in members if curve.failed)
        if picture or failed:
            yield Panel(arm, picture, failed)


def _most(losses: list[float]) -> float:
    """The top of the loss axis: all but the wildest hundredth, so that one spike does not flatten every curve."""
    ordered = sorted(losses)
    usual = ordered[int(0.99 * (len(ordered) - 1))]
    return 1.05 * (ordered[-1] if ordered[-1] <= 2 * usual else usual)


def _line(curve: LossCurve, tone: int, top: float) -> chart.Line:
    pairs = zip(curve.steps, curve.losses, strict=True)
    points = tuple(chart.ChartPoint(step, None if loss is None else min(loss, top)) for step, loss in pairs)
    return chart.Line(curve.run, tone, points, dots=False, ended=curve.failed is not None)


def _ended(curve: LossCurve) -> str:
    step = f" after step {curve.steps[-1]:,}" if curve.steps else ""
    of = f" of {curve.planned:,}" if curve.planned and curve.steps else ""
    return f"{curve.run} failed{step}{of}: {curve.failed}"


def _funnel(funnel: FunnelFile, generated: Sequence[GenerateCounts]) -> FunnelTable:
    totals, rules, idle = funnel.totals, [], []
    for rule in funnel.rules:
        if not rule.dropped:
            idle.append(_words(rule.rule))
            continue
        reasons = ", ".join(f"{_words(why)} {count:,}" for why, count in rule.reasons.items())
        shares = (rule.kept / totals.rows_in, rule.dropped / totals.rows_in)
        rules.append(FunnelRow(_words(rule.rule), f"{rule.rows_in:,}", f"{rule.dropped:,}", reasons, *shares))
    splits = f"train {totals.train:,}, dev {totals.dev:,}, test {totals.test:,}"
    if totals.without_mistake:
        splits += f"; solved at the first try {totals.without_mistake:,}"
    sentences = tuple(sentence for counts in generated for sentence in _made(counts))
    share = totals.kept / totals.rows_in if totals.rows_in else None
    return FunnelTable(sentences, tuple(rules), tuple(idle), f"{totals.rows_in:,}", f"{totals.kept:,}", share, splits)


def _made(counts: GenerateCounts) -> Iterable[str]:
    """Sentences on one generate folder."""
    yield f"Generated: {numbers.plural(counts.pairs, 'pair')} with {numbers.plural(counts.mistakes, 'mistake')}."
    by_head = {
        "Kinds of mistakes": counts.kinds,
        "How they are noticed": counts.notices,
        "Rejected": counts.rejected,
    }
    for head, tally in by_head.items():
        if tally:
            yield f"{head}: {', '.join(f'{_words(name)} {count:,}' for name, count in tally.items())}."


def _words(name: str) -> str:
    return name.replace("_", " ")


def _shown(example: TrainingExample, view: View) -> Shown:
    pair = example.pair
    correct = {segment.node for segment in pair.shortcut.segments}
    problem = pair.problem
    traces = (pair.shortcut, pair.journey)
    compact = view == "compact"
    return Shown(
        name=f"{problem.source}, {pair.method}",
        question=(compact and problem.brief) or problem.question,
        answer=problem.answer,
        shortcut=_pieces(pair.shortcut, view),
        journey=_pieces(pair.journey, view),
        prose=(_pieces(traces[0], "plain"), _pieces(traces[1], "plain")) if compact else None,
        tree=None if example.tree is None else tree.draw(example.tree, correct),
        left_out=0 if example.tree is None else tree.left_out(example.tree),
        mistakes=numbers.plural(pair.mistakes, "mistake") if pair.mistakes else "no mistake",
    )


def _pieces(trace: Trace, view: View) -> tuple[TracePart, ...]:
    """The text as it is trained on, cut where a segment begins or ends; between segments the role is empty."""
    rendered = views.render(trace, view)
    parts, position = [], 0
    for span in rendered.spans:
        lead = len(rendered.text[span.start : span.end]) - len(rendered.text[span.start : span.end].lstrip())
        parts.append(TracePart("", rendered.text[position : span.start + lead]))
        parts.append(TracePart(span.role, rendered.text[span.start + lead : span.end]))
        position = span.end
    parts.append(TracePart("", rendered.text[position:]))
    return tuple(TracePart(piece.role, clean(piece.text)) for piece in parts if piece.text)
