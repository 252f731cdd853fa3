"""The comparison with a larger untuned model at equal FLOPs: sample a small model more, or a large one once?

Snell et al. 2024 (arXiv 2408.03314, section 7) ask it of a model 14 times as large. Here the larger model answers the test
problems once, greedily, in its own prompt format, and every arm gets its best policy of at most the same FLOPs at test
time; what pre-training cost is not counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from journey import views
from journey.config import EvaluateSettings
from journey.errors import UsageError
from journey.formats.finetune import TemplateFile
from journey.formats.plan import LargerInfo
from journey.models import load, policy, template
from journey.models.endpoints import EndpointRef, reference
from journey.models.flops import Cost, by_parameters, cost_of
from journey.schema import Question
from journey.views import View

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class LargerModel:
    """The model, local or behind a server, what its FLOPs are counted with, and its prompts: token ids, or text for a server."""

    info: LargerInfo
    view: View
    ref: load.ModelRef | None
    server: EndpointRef | None
    cost: Cost | None
    prompts: dict[str, dict[str, tuple[int, ...]]]
    texts: dict[str, dict[str, str]]
    template: TemplateFile | None = None  # how its chat template is used, where that is not as it is


def find_larger(settings: EvaluateSettings, questions: Mapping[str, Sequence[Question]]) -> LargerModel:
    """The model of `--larger`. Raises UsageError if it is not there or cannot read the questions."""
    name = str(settings.larger)
    size = None if settings.larger_parameters is None else int(settings.larger_parameters)
    server = reference(name)
    if server is not None:
        view: View = "plain"
        info = LargerInfo(str(server), view, size)
        cost = None if size is None else by_parameters(size)
        texts = {
            of: {q.id: views.prompt(q.problem, view) for q in of_benchmark} for of, of_benchmark in questions.items()
        }
        return LargerModel(info, view, None, server, cost, {}, texts)
    ref = load.find(name)
    tokenizer = load.load_tokenizer(ref)
    view, own = _asked_in(tokenizer)
    policy.attach(tokenizer, own)
    prompts = {}
    for of, of_benchmark in questions.items():
        for question in of_benchmark if view == "compact" else ():
            if not template.covers(tokenizer, views.prompt(question.problem, view)):
                raise UsageError(f"{name} cannot read {of}", "name another model as --larger")
        prompts[of] = {q.id: tuple(template.prompt_ids(tokenizer, q.problem, view)) for q in of_benchmark}
    cost = cost_of(ref)
    return LargerModel(LargerInfo(name, view, cost.parameters, ref.revision), view, ref, None, cost, prompts, {}, own)


def _asked_in(tokenizer: PreTrainedTokenizerBase) -> tuple[View, TemplateFile | None]:
    """The view that a model is asked in and its template policy: thinking, unless its template leaves no room for that."""
    view = template.default_view(tokenizer)
    try:
        return view, policy.find(tokenizer, view, policy.Wishes())
    except UsageError:
        return "plain", policy.find(tokenizer, "plain", policy.Wishes())
