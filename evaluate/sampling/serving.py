"""The serving of runs by vLLM: the command line for it, and a gate that its answers are the built-in sampler's.

A server is only as good as its numerics: transformers issue 45323 (a stale length in CUDA graphs) halved GSM8K scores, and
vLLM's LoRA kernels may vary from run to run. So some problems of every run are answered by both, and an endpoint whose
answers differ too often is not used.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from journey.errors import JourneyError, UsageError
from journey.formats.adapter import read_adapter_config
from journey.formats.folders import FinetunedFolder
from journey.formats.plan import EvaluationPlan, RunInfo
from journey.formats.scores import Agreement
from journey.models.load import ModelRef

LORA_RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)  # that vLLM accepts as --max-lora-rank
BASE_NAME = "base"


def serve_line(
    finetuned: FinetunedFolder, ref: ModelRef, runs: Sequence[RunInfo], positions: int | None, dtype: str
) -> str:
    """The command that serves the base and every run under its name."""
    trained = [run for run in runs if run.adapter is not None]
    rank = max((_rank(finetuned, run) for run in trained), default=1)
    allowed = next((size for size in LORA_RANKS if size >= rank), rank)
    words = ["vllm", "serve", ref.source, "--served-model-name", BASE_NAME, "--dtype", dtype]
    words += ["--revision", ref.revision] if ref.revision else []
    words += ["--max-model-len", str(positions)] if positions else []
    if trained:
        words += ["--enable-lora", "--max-loras", str(len(trained)), "--max-lora-rank", str(allowed), "--lora-modules"]
        words += [f"{run.run}={finetuned.file(str(run.adapter)).parent}" for run in trained]
    return shlex.join(words)


def _rank(finetuned: FinetunedFolder, run: RunInfo) -> int:
    adapter = finetuned.file(str(run.adapter)).parent
    try:
        return read_adapter_config(adapter).rank
    except (ValueError, KeyError) as error:
        raise UsageError(f"{adapter} holds no readable adapter: {error!r}", "train it again") from None


def check_served(plan: EvaluationPlan, known: Sequence[str], wanted: Sequence[str], line: str) -> None:
    """Raises UsageError naming the runs that the server does not know, with the line that serves them."""
    missing = [name for name in wanted if name not in known]
    if missing:
        raise UsageError(
            f"{plan.backend} does not serve {', '.join(missing)}; it knows {', '.join(known) or 'nothing'}",
            f"serve them by their names, e.g.\n  {line}",
        )


def check_parity(agreements: Sequence[Agreement], least: float) -> None:
    """Raises JourneyError where a run's answers differ from the built-in sampler's more often than is allowed."""
    for one in agreements:
        same = 1 - one.other_answer / one.problems
        if same < least:
            raise JourneyError(
                f"{one.run}: the endpoint gives the answer of the built-in sampler to {100 * same:.0f}% of "
                f"{one.problems} problems, {100 * least:.0f}% is wanted (--set parity_least=...)\n"
                "  is it the same base, adapter, dtype and chat template? VLLM_BATCH_INVARIANT=1 makes vLLM repeatable"
            )
