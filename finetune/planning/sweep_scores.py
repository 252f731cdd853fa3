"""The scores of a sweep's trials: greedy answers to dev problems, and the loss on the arm's own dev rows."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from journey import console
from journey.answers.grading import grade
from journey.errors import UsageError
from journey.finetune.rows.rows import Rows, encode
from journey.finetune.runs import Arm, ArmContext, Run
from journey.models import load, policy, template
from journey.models.compute.transfer import on_device
from journey.models.threads import one_thread_on
from journey.sampling.requests import PromptedQuestion, Request, Sampler, roomy_cap
from journey.schema import Pair
from journey.views import View

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from journey.finetune.planning.prepared import Sweep, TrainingSetup
    from journey.finetune.training.protocol import Setup
    from journey.models.lora import Stack

_ROWS = 64  # answers at once
_PASS = 2048  # tokens of a pass over dev rows


@dataclass(frozen=True)
class TrialScore:
    """How many dev problems were answered rightly, and the weighted mean loss of the dev rows."""

    correct: int
    dev_loss: float


def score(
    sweep: Sweep, trained: Collection[str], prepared: TrainingSetup, setup: Setup
) -> tuple[int, dict[str, TrialScore]]:
    """The cap of new tokens, the same for all, and the scores by run of the trials that were trained.

    Trials whose adapters can be stacked are answered and read side by side; what they held is free afterwards.
    """
    from transformers.utils import logging

    from journey.models.probe import free

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
    trials = [run for run in sweep.trials if run.run in trained]
    folders = {run.run: Path(setup.work) / run.run for run in trials}

    def scored() -> dict[str, TrialScore]:
        found: dict[str, TrialScore] = {}
        with one_thread_on(prepared.device), console.progress("dev answers", len(trials) * len(sweep.dev)) as ticker:
            base = load.load_model(ref, device=prepared.device)
            for models in _loaded(base, trials, folders):
                found |= _Asked(models, cap, tokenizer, prepared.view, questions, rows).scores()
                ticker.advance(len(models.trials) * len(sweep.dev), models.trials[-1].run)
        return found

    scores = scored()
    # Nothing here holds the base any more. The runs train in processes of their own, which are planned for all of the memory.
    free(prepared.device)
    return cap, scores


@dataclass(frozen=True)
class _Loaded:
    """Trials on a model: side by side on its stack, or one whose weights it is."""

    model: Any
    trials: Sequence[Run]
    stack: Stack | None = None


def _loaded(base: Any, trials: Sequence[Run], folders: Mapping[str, Path]) -> Iterator[_Loaded]:
    """The trials on the base, as many side by side as can be stacked: all of one rank and kind, or each by itself."""
    from journey.models.lora import stacked

    try:
        with stacked(base, [folders[trial.run] for trial in trials]) as stack:
            yield _Loaded(base, trials, stack)
        return
    except UsageError as error:  # other adapters than LoRA, quantised layers, whole models
        if not trials:
            return
        console.note(f"trials are answered one at a time: {str(error).splitlines()[0]}")
    for trial in trials:
        with load.adapted(base, folders[trial.run]) as model:
            yield _Loaded(model, [trial])


@dataclass(frozen=True)
class _Asked:
    """What trials are scored on."""

    models: _Loaded
    cap: int
    tokenizer: PreTrainedTokenizerBase
    view: View
    questions: Sequence[PromptedQuestion]
    rows: Mapping[str, Rows]

    def scores(self) -> dict[str, TrialScore]:
        """By run."""
        from journey.models.decode import Decoder

        models = self.models
        writer = Decoder.of(models.model, self.tokenizer, self.cap, models.stack, turns=True)
        names = tuple(trial.run for trial in models.trials)
        sampler = Sampler(writer, self.tokenizer, self.view, names, models.trials[0].seed, None)
        right = correct(sampler, self.questions)
        found = {}
        for index, trial in enumerate(models.trials):
            with ExitStack() as routes:
                if models.stack is not None:
                    routes.enter_context(models.stack.routed([index]))
                found[trial.run] = TrialScore(right[index], dev_loss(models.model, self.rows[trial.kind]))
        return found


def _dev_rows(dev: Sequence[Pair], arm: Arm, reading: ArmContext) -> Rows:
    """The arm's rows of the dev pairs that it has a trace for."""
    traced = [(pair, trace) for pair, trace in zip(dev, arm.traces(dev, reading), strict=True) if trace is not None]
    return encode([pair for pair, _ in traced], arm, reading.tokenizer, reading.view, [trace for _, trace in traced])


def _cap(prepared: TrainingSetup, longest_prompt: int) -> int:
    """A quarter more new tokens than the longest answer that any arm is trained on, within the base's positions."""
    longest = max(int((rows.lengths - rows.prompts).max()) for rows in prepared.data.values())
    cap = roomy_cap(longest)
    return cap if prepared.shape.positions is None else max(1, min(cap, prepared.shape.positions - longest_prompt))


def correct(sampler: Sampler, questions: Sequence[PromptedQuestion]) -> list[int]:
    """How many questions each run of the sampler answers rightly, greedily. Logits that are no numbers answer nothing."""
    from journey.models.batch import NotNumbers

    ordered = sorted(questions, key=lambda question: len(question.prompt))
    right = [0] * len(sampler.runs)
    left = set(range(len(right)))
    size = max(1, _ROWS // len(right))
    for start in range(0, len(ordered), size):
        part = ordered[start : start + size]
        requests = [Request(run, question) for question in part for run in sorted(left)]
        while requests:
            try:
                texts = sampler.write(requests)
                break
            except NotNumbers as error:
                left.discard(error.run)
                right[error.run] = 0
                requests = [request for request in requests if request.run in left]
        else:
            continue
        for request, text in zip(requests, texts, strict=True):
            problem = request.question.problem
            right[request.run] += grade(problem, text.text, text.finish).outcome == "correct"
    return right


def dev_loss(model: Any, rows: Rows) -> float:
    """The weighted mean loss over all rows, in passes of rows of like length; 0 without rows.

    The head is applied to some of the weighted tokens at a time, where it is one that is known.
    """
    import torch

    from journey.finetune.training import losses

    total = weighed = 0.0
    order = sorted(range(len(rows)), key=lambda row: int(rows.lengths[row]))
    with torch.inference_mode():
        model = model.get_base_model() if hasattr(model, "get_base_model") else model  # PEFT's layers are in it
        try:
            head = losses.head_of(model)
        except UsageError:
            head = None
        for part in parts_of(rows, order):
            width = int(rows.lengths[part].max())
            # (row, token), padded on the right with what nobody looks at
            ids = torch.zeros(len(part), width, dtype=torch.long)
            weights = torch.zeros(len(part), width, dtype=torch.float64)
            for place, row in enumerate(part):
                span = rows.at(row)
                ids[place, : span.stop - span.start] = torch.from_numpy(rows.ids[span].astype("int64"))
                weights[place, 1 : span.stop - span.start] = torch.from_numpy(rows.weights[span].astype("float64"))[1:]
            flat = weights.flatten()
            places = flat.nonzero()[:, 0]  # (weighted token,), in the order of the flattened rows
            labels, shares = ids.flatten()[places], flat[places]
            ids, before, labels, shares = (on_device(one, model.device) for one in (ids, places - 1, labels, shares))
            if head is None:
                logits = model(input_ids=ids).logits.flatten(0, 1)[before].float()
                lost = torch.nn.functional.cross_entropy(logits, labels, reduction="none") * shares
            else:
                lost = losses.weighted_loss(losses.hidden_states(model, ids), before, labels, shares, head)
            total += float(lost.double().sum())
            weighed += float(shares.sum())
    return total / weighed if weighed else 0.0


def parts_of(rows: Rows, order: Sequence[int]) -> Iterator[list[int]]:
    """The rows, shortest first, in parts of `_PASS` tokens at most, padding included, a row at least."""
    part: list[int] = []
    for row in order:
        if part and (len(part) + 1) * int(rows.lengths[row]) > _PASS:
            yield part
            part = []
        part.append(row)
    if part:
        yield part
