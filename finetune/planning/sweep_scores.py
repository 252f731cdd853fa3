"""The scores of a sweep's trials: greedy answers to dev problems, and the loss on the arm's own dev rows."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from journey import console
from journey.answers.grading import grade
from journey.finetune.rows.rows import Rows, encode
from journey.finetune.runs import Arm, ArmContext
from journey.models import load, policy, template
from journey.models.threads import one_thread_on
from journey.sampling.requests import PromptedQuestion, Request, Sampler, roomy_cap
from journey.schema import Pair

if TYPE_CHECKING:
    from journey.finetune.planning.prepared import Sweep, TrainingSetup
    from journey.finetune.training.protocol import Setup

_BATCH = 64  # prompts at once


@dataclass(frozen=True)
class TrialScore:
    """How many dev problems were answered rightly, and the weighted mean loss of the dev rows."""

    correct: int
    dev_loss: float


def score(
    sweep: Sweep, trained: Collection[str], prepared: TrainingSetup, setup: Setup
) -> tuple[int, dict[str, TrialScore]]:
    """The cap of new tokens, the same for all, and the scores by run of the trials that were trained."""
    from transformers.utils import logging

    from journey.models.decode import Decoder
    from journey.models.load import adapted

    logging.disable_progress_bar()  # a bar for each load of the weights would break into ours
    ref = load.ModelRef(setup.base, setup.source, setup.revision)
    tokenizer = policy.attach(load.load_tokenizer(prepared.ref), prepared.template)
    arms = {choice.arm.name: choice.arm for choice in prepared.choices}
    rows = {name: _dev_rows(sweep.dev, arm, ArmContext(tokenizer, prepared.view)) for name, arm in arms.items()}
    questions = [
        PromptedQuestion(
            pair.problem.id, pair.problem, tuple(template.prompt_ids(tokenizer, pair.problem, prepared.view))
        )
        for pair in sweep.dev
    ]
    cap = _cap(prepared, max(len(question.prompt) for question in questions))
    scores = {}
    with one_thread_on(prepared.device), console.progress("dev answers", len(trained) * len(sweep.dev)) as ticker:
        base = load.load_model(ref, device=prepared.device)
        for run in sweep.trials:
            if run.run not in trained:
                continue
            with adapted(base, Path(setup.work) / run.run) as model:
                sampler = Sampler(
                    Decoder.of(model, tokenizer, cap, turns=True), tokenizer, prepared.view, (run.run,), run.seed, None
                )
                scores[run.run] = TrialScore(_correct(sampler, questions), dev_loss(model, rows[run.kind]))
            ticker.advance(len(sweep.dev), run.run)
    return cap, scores


def _dev_rows(dev: Sequence[Pair], arm: Arm, reading: ArmContext) -> Rows:
    """The arm's rows of the dev pairs that it has a trace for."""
    traced = [(pair, trace) for pair, trace in zip(dev, arm.traces(dev, reading), strict=True) if trace is not None]
    return encode([pair for pair, _ in traced], arm, reading.tokenizer, reading.view, [trace for _, trace in traced])


def _cap(prepared: TrainingSetup, longest_prompt: int) -> int:
    """A quarter more new tokens than the longest answer that any arm is trained on, within the base's positions."""
    longest = max(int((rows.lengths - rows.prompts).max()) for rows in prepared.data.values())
    cap = roomy_cap(longest)
    return cap if prepared.shape.positions is None else max(1, min(cap, prepared.shape.positions - longest_prompt))


def _correct(sampler: Sampler, questions: Sequence[PromptedQuestion]) -> int:
    """How many questions are answered rightly, greedily. Logits that are no numbers answer nothing."""
    ordered = sorted(questions, key=lambda question: len(question.prompt))
    right = 0
    for start in range(0, len(ordered), _BATCH):
        part = ordered[start : start + _BATCH]
        try:
            texts = sampler.write([Request(0, question) for question in part])
        except FloatingPointError:
            return 0
        for question, text in zip(part, texts, strict=True):
            right += grade(question.problem, text.text, text.finish).outcome == "correct"
    return right


def dev_loss(model: Any, rows: Rows) -> float:
    """The weighted mean loss over all rows, taken one by one; 0 without rows."""
    import torch

    total = weighed = 0.0
    with torch.inference_mode():
        for row in range(len(rows)):
            span = rows.at(row)
            ids = torch.from_numpy(rows.ids[span].astype("int64")).to(model.device)
            weights = torch.from_numpy(rows.weights[span].astype("float64"))[1:]
            logits = model(input_ids=ids[None]).logits[0, :-1].float()
            losses = torch.nn.functional.cross_entropy(logits, ids[1:], reduction="none").double().cpu()
            total += float((losses * weights).sum())
            weighed += float(weights.sum())
    return total / weighed if weighed else 0.0
