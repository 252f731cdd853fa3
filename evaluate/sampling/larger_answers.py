"""Answers of a larger untuned model to the same test problems (`--larger`), built in or behind a server."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from journey import console
from journey.evaluate.planning.plan import EvaluationSetup
from journey.evaluate.sampling.run_samples import worker_model
from journey.evaluate.statistics.verdict import LARGER
from journey.models.endpoints import Endpoint, Reply, ask_groups
from journey.sampling import workers
from journey.sampling.requests import PromptedQuestion, Text
from journey.sampling.resume import unfinished
from journey.sampling.shards import SamplingShard, cut, samples_folder, write_samples
from journey.sampling.workers import WorkUnit, WorkUnitResult
from journey.store import Folder


def sample_larger(folder: Folder, prepared: EvaluationSetup, count: int | None) -> None:
    """One greedy answer of the larger model to every test problem; nothing where the plan has none."""
    larger = prepared.larger
    if larger is None:
        return
    shards = list(_shards(prepared))
    left, missing = unfinished(folder, shards)
    by_key = {shard.unit.key: shard for shard in left}
    with console.progress(f"answers of {larger.info.model}", len(shards), len(shards) - len(left)) as ticker:
        for result in _answers(prepared, left, count):
            write_samples(folder, by_key[result.key], result, missing)
            ticker.advance(1, result.key.partition("/")[0])


def larger_keys(prepared: EvaluationSetup) -> list[str]:
    """The keys of the files of the larger model's answers."""
    return [] if prepared.larger is None else [key for shard in _shards(prepared) for key in shard.keys.values()]


def _shards(prepared: EvaluationSetup) -> Iterator[SamplingShard]:
    larger, plan = prepared.larger, prepared.plan
    assert larger is not None
    for info in plan.benchmarks:
        questions = prepared.questions[info.name]
        prompts = larger.prompts.get(info.name, {})
        prompted = [PromptedQuestion(q.id, q.problem, prompts.get(q.id, ())) for q in questions]
        lengths = [len(one.prompt) or len(one.problem.question) for one in prompted]
        for number, members in enumerate(cut(lengths, plan.batch)):
            key = f"{samples_folder(LARGER, info.name, 'greedy')}/{number:05d}"
            part = tuple(prompted[index] for index in members)
            unit = WorkUnit(f"{info.name}/larger/{number:05d}", ((LARGER, None),), ("greedy",), part, plan.batch)
            yield SamplingShard(unit, [questions[index] for index in members], {(LARGER, "greedy"): key}, {key: ""})


def _answers(prepared: EvaluationSetup, shards: Sequence[SamplingShard], count: int | None) -> Iterator[WorkUnitResult]:
    larger = prepared.larger
    assert larger is not None
    if larger.ref is not None:
        model = replace(
            worker_model(prepared),
            ref=larger.ref,
            view=larger.view,
            template=larger.template,
            positions=None,
            one_by_one=False,
            server=None,
            use=None,
        )
        units = [shard.unit for shard in shards]
        yield from workers.answer_all(model, units, count or workers.default_workers(prepared.device))
        return
    assert larger.server is not None
    endpoint, cap = Endpoint(larger.server, use=prepared.servers), prepared.plan.max_new_tokens

    def text(reply: Reply) -> Text:
        flops = None if larger.cost is None else larger.cost.flops(reply.prompt_tokens, reply.tokens)
        return Text(reply.text, (), reply.finish, reply.tokens, reply.prompt_tokens, flops, reply.seconds)

    messages = [[larger.texts[question.benchmark][question.id] for question in shard.questions] for shard in shards]
    for index, replies in ask_groups(lambda message: endpoint.chat(message, cap=cap), messages, endpoint.at_once):
        yield WorkUnitResult(shards[index].unit.key, {"greedy": [[[text(reply)] for reply in replies]]})
