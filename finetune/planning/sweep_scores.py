"""Scoring the trials of a sweep: greedy answers to dev problems, and the loss on the arm's own dev rows."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from journey import console
from journey.answers.grading import grade
from journey.finetune.rows.rows import Rows, encode
from journey.finetune.runs import Arm, Reading
from journey.models import load, template
from journey.schema import Pair

if TYPE_CHECKING:
    from journey.finetune.planning.prepared import Prepared, Sweep
    from journey.finetune.training.protocol import Setup

_BATCH, _SLACK, _ROUND = 64, 1.25, 32  # prompts at once; new tokens over the longest trained answer, rounded up


@dataclass(frozen=True)
class Score:
    """How many dev problems were answered rightly, and the weighted mean loss of the dev rows."""

    correct: int
    dev_loss: float


def score(sweep: Sweep, trained: Collection[str], made: Prepared, setup: Setup) -> tuple[int, dict[str, Score]]:
    """The cap of new tokens, the same for all, and the scores by run of the trials that were trained."""
    from transformers.utils import logging

    from journey.models.load import adapted

    logging.disable_progress_bar()  # a bar for each load of the weights would break into ours
    ref = load.ModelRef(setup.base, setup.source, setup.revision)
    tokenizer = load.load_tokenizer(ref)
    arms = {choice.arm.name: choice.arm for choice in made.choices}
    rows = {name: _dev_rows(sweep.dev, arm, Reading(tokenizer, made.view)) for name, arm in arms.items()}
    prompts = [template.prompt_ids(tokenizer, pair.problem, made.view) for pair in sweep.dev]
    cap = _cap(made, max(map(len, prompts)))
    scores = {}
    with _threads(made.device), console.progress("dev answers", len(trained) * len(sweep.dev)) as ticker:
        base = load.load_model(ref, device=made.device)
        for run in sweep.trials:
            if run.run not in trained:
                continue
            with adapted(base, Path(setup.work) / run.run) as model:
                found = _correct(model, tokenizer, sweep, prompts, cap)
                scores[run.run] = Score(found, dev_loss(model, rows[run.kind]))
            ticker.advance(len(sweep.dev), run.run)
    return cap, scores


def _dev_rows(dev: Sequence[Pair], arm: Arm, reading: Reading) -> Rows:
    """The arm's rows of the dev pairs that it has a trace for."""
    told = [(pair, trace) for pair, trace in zip(dev, arm.traces(dev, reading), strict=True) if trace is not None]
    return encode([pair for pair, _ in told], arm, reading.tokenizer, reading.view, [trace for _, trace in told])


def _cap(made: Prepared, longest_prompt: int) -> int:
    """A quarter more new tokens than the longest answer that any arm is trained on, within the base's positions."""
    longest = max(int((rows.lengths - rows.prompts).max()) for rows in made.data.values())
    cap = math.ceil(longest * _SLACK / _ROUND) * _ROUND
    return cap if made.shape.positions is None else max(1, min(cap, made.shape.positions - longest_prompt))


def _correct(model: Any, tokenizer: Any, sweep: Sweep, prompts: Sequence[Sequence[int]], cap: int) -> int:
    """How many dev problems are answered rightly. Logits that are no numbers answer nothing."""
    from journey.models.decode import Decoder

    decoder = Decoder.of(model, tokenizer, cap)
    order = sorted(range(len(prompts)), key=lambda place: (len(prompts[place]), place))
    right = 0
    for start in range(0, len(order), _BATCH):
        part = order[start : start + _BATCH]
        try:
            written = decoder.greedy([prompts[place] for place in part])
        except FloatingPointError:
            return 0
        for place, completion in zip(part, written, strict=True):
            ids = completion.ids[:-1] if completion.finish == "stop" else completion.ids
            text = str(tokenizer.decode(list(ids), clean_up_tokenization_spaces=False))
            right += grade(sweep.dev[place].problem, text, completion.finish).outcome == "correct"
    return right


def dev_loss(model: Any, rows: Rows) -> float:
    """The weighted mean loss over all rows, taken one by one; 0 without rows."""
    import torch

    total = weighed = 0.0
    with torch.inference_mode():
        for row in range(len(rows)):
            at = rows.at(row)
            ids = torch.from_numpy(rows.ids[at].astype("int64")).to(model.device)
            weights = torch.from_numpy(rows.weights[at].astype("float64"))[1:]
            logits = model(input_ids=ids[None]).logits[0, :-1].float()
            losses = torch.nn.functional.cross_entropy(logits, ids[1:], reduction="none").double().cpu()
            total += float((losses * weights).sum())
            weighed += float(weights.sum())
    return total / weighed if weighed else 0.0


@contextmanager
def _threads(device: str) -> Iterator[None]:
    """One thread on a CPU, so that sums are rounded alike on every machine; as before afterwards."""
    import torch

    before = torch.get_num_threads()
    if device == "cpu":
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
