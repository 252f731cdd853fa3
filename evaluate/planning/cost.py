"""What an evaluation takes, for its dry run: seconds from a few tokens of its own answers, bytes from the model's shape."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from journey.evaluate.planning.plan import ONE_BY_ONE, STACKED, EvaluationSetup
from journey.models import flops
from journey.models.threads import one_thread_on
from journey.sampling.requests import PromptedQuestion, Request
from journey.sampling.shards import SamplingShard
from journey.sampling.workers import RequestUnit, Worker, WorkerModel

PROCESS_BYTES = 500 << 20  # Python with the libraries
_TOKENS = 12  # written of each answer, after a first one that is timed apart with the prompt
_ANSWERS = 16  # of each run


@dataclass(frozen=True)
class AnsweringSpeed:
    """Measured seconds: of an answer's prompt and first token, and of every further token."""

    prompt: float
    token: float

    def seconds(self, answers: int, tokens: int, workers: int) -> float:
        """Until so many answers with so many new tokens together are written, by so many workers side by side."""
        return (answers * self.prompt + max(0, tokens - answers) * self.token) / max(1, workers)


def pace(model: WorkerModel, shards: Sequence[SamplingShard]) -> AnsweringSpeed | None:
    """How fast the first answers of an evaluation are written here; None where a server or the Hub has the model.

    They are written greedily by all runs of the first shard, as the evaluation itself would; other work on this machine
    counts. Raises what `Worker` raises.
    """
    if model.server or not model.ref.local or not shards:
        return None
    unit = shards[0].unit
    questions = unit.questions[: min(_ANSWERS, unit.batch)]
    asked = list(itertools.product(range(len(unit.runs)), questions))
    with one_thread_on(model.device):
        worker = Worker(model)
        try:
            timed = [_timed(worker, unit.runs, asked, unit.batch, cap) for cap in (1, 1, 1 + _TOKENS)]
        finally:
            worker.close()
    (first, _), (longer, tokens) = timed[1:]  # the very first batch loads adapters and fills caches
    further = tokens - len(asked)
    return AnsweringSpeed(first / len(asked), max(0.0, longer - first) / further if further else 0.0)


def _timed(
    worker: Worker,
    runs: tuple[tuple[str, Path | None], ...],
    asked: Iterable[tuple[int, PromptedQuestion]],
    batch: int,
    cap: int,
) -> tuple[float, int]:
    """Seconds and new tokens of answers that are cut at `cap` tokens."""
    requests = tuple(Request(run, question, cap=cap) for run, question in asked)
    began = time.perf_counter()
    texts = worker.answer(RequestUnit(f"{cap} tokens", runs, requests, batch)).texts
    return time.perf_counter() - began, sum(text.tokens for text in texts)


def memory(prepared: EvaluationSetup, shards: Sequence[SamplingShard]) -> int | None:
    """Bytes that one worker needs at most: process, weights, keys and values of a full batch at its longest, its logits.

    None where a server answers.
    """
    plan = prepared.plan
    if plan.backend not in (STACKED, ONE_BY_ONE):
        return None
    outline = flops.outline(prepared.ref)
    text, width = outline.text, 2 if plan.dtype in ("bfloat16", "float16") else 4
    heads = int(getattr(text, "num_attention_heads", None) or 1)
    groups = int(getattr(text, "num_key_value_heads", None) or heads)
    rows = max((plan.batch * len(shard.unit.runs) for shard in shards), default=0)
    prompt = max((len(one.prompt) for shard in shards for one in shard.unit.questions), default=0)
    kept = 2 * int(text.num_hidden_layers) * outline.attention_width // heads * groups * width
    weights = sum(weight.numel() for weight in outline.model.parameters()) * width
    return PROCESS_BYTES + weights + rows * ((prompt + plan.max_new_tokens) * kept + int(text.vocab_size) * 4 * 3)
