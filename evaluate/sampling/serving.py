"""The serving of runs by vLLM: the command line for it, and a gate that its answers are the built-in sampler's.

A server is only as good as its numerics: transformers issue 45323 (a stale length in CUDA graphs) halved GSM8K scores, and
vLLM's LoRA kernels may vary from run to run. So some problems of every run are answered by both, and an endpoint whose
answers differ too often is not used.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from journey.config import EvaluateSettings
from journey.errors import JourneyError, UsageError
from journey.evaluate.planning.plan import EvaluationSetup
from journey.formats.folders import FinetunedFolder
from journey.formats.plan import EvaluationPlan
from journey.formats.scores import Agreement
from journey.servers import vllm

_WITHIN_CAP = {"greedy", "samples"}  # draws whose prompt and answer together are a question and the cap


def serve_line(finetuned: FinetunedFolder, prepared: EvaluationSetup) -> str:
    """The command that serves the base and every run under its name, for a person who starts the server."""
    model = served_model(finetuned, prepared, prepared.positions)
    return shlex.join(["vllm", "serve", model.source, *model.arguments()])


def start_words(
    finetuned: FinetunedFolder, prepared: EvaluationSetup, settings: EvaluateSettings, port: int
) -> list[str]:
    """The command that is carried out for `--sampler vllm`. Raises UsageError where the GPU has no room."""
    assert prepared.vllm is not None
    model = served_model(finetuned, prepared, _longest(prepared))
    more = settings.vllm_args or ()
    return vllm.command(prepared.vllm, model, port, share=settings.vllm_memory, more=more)


def served_model(finetuned: FinetunedFolder, prepared: EvaluationSetup, positions: int | None) -> vllm.ServedModel:
    """The base with every run that has an adapter."""
    adapters = {run.run: finetuned.file(run.adapter).parent for run in prepared.plan.runs if run.adapter is not None}
    return vllm.ServedModel(prepared.ref.source, prepared.ref.revision, adapters, positions, prepared.plan.dtype)


def _longest(prepared: EvaluationSetup) -> int | None:
    """The most tokens of a prompt and its answer: a server sets memory aside for so many, and has no need of all positions."""
    if prepared.plan.probed or {draw.name for draw in prepared.plan.draws} - _WITHIN_CAP:
        return prepared.positions  # what revisions and continuations grow to
    longest = max(len(prompt) for of_one in prepared.prompts.values() for prompt in of_one.values())
    return longest + prepared.plan.max_new_tokens


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
