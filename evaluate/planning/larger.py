"""The comparison with a larger untuned model at equal FLOPs: sample a small model more, or a large one once?

Snell et al. 2024 (arXiv 2408.03314, section 7) ask it of a model 14 times as large. Here the larger model answers the test
problems once, greedily, in its own prompt format, and every arm gets its best policy of at most the same FLOPs at test
time; what pre-training cost is not counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from journey import views
from journey.config import EvaluateSettings
from journey.errors import UsageError
from journey.formats.plan import LargerInfo
from journey.models import load, template
from journey.models.endpoints import EndpointRef, reference
from journey.models.flops import Cost, by_parameters, cost_of
from journey.schema import Question
from journey.views import View


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
    view = template.default_view(tokenizer)
    prompts = {}
    for of, of_benchmark in questions.items():
        for question in of_benchmark if view == "compact" else ():
            if not template.covers(tokenizer, views.prompt(question.problem, view)):
                raise UsageError(f"{name} cannot read {of}", "name another model as --larger")
        prompts[of] = {q.id: tuple(template.prompt_ids(tokenizer, q.problem, view)) for q in of_benchmark}
    cost = cost_of(ref)
    return LargerModel(LargerInfo(name, view, cost.parameters, ref.revision), view, ref, None, cost, prompts, {})
