"""vLLM in place of this command's own workers (`--sampler vllm`): started for a group of policies, and ended after it.

Without it the built-in sampler answers; here is said how much it has to do, by which vLLM may be worth asking for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from journey.config import SampleSettings
from journey.errors import UsageError
from journey.generate.attempts.groups import CAP, BaseGroup, DrawingGroup
from journey.generate.attempts.policies import SamplingPolicy, on_one_base
from journey.models import flops
from journey.models.endpoints import RunServer
from journey.models.load import best_device, generation_config, own_base
from journey.servers import vllm
from journey.servers.advice import SamplingWork
from journey.servers.started import StartedServer
from journey.store import Folder


@contextmanager
def served(folder: Folder, group: DrawingGroup, install: vllm.VllmInstall | None) -> Iterator[DrawingGroup]:
    """The group, asked by a vLLM that knows its policies by name; as it is where none is to be started.

    Raises UsageError for policies that vLLM cannot serve, ResourceError where it does not start.
    """
    if install is None or not isinstance(group, BaseGroup):
        yield group
        return
    from journey.models.decode import stops_by

    settings, model = group.settings, _model(group)
    with StartedServer(
        f"vLLM {install.version}",
        lambda port: vllm.command(install, model, port, share=settings.vllm_memory, more=settings.vllm_args or ()),
        vllm.variables(install, settings.vllm_memory),
        folder.out.with_name(f"{folder.out.name}.vllm.log"),
    ) as server:
        server.start()
        stops = tuple(sorted(stops_by(generation_config(group.ref), group.tokenizer)))
        yield replace(group, server=RunServer(server.url, f"vllm {install.version}", stops))


def _model(group: BaseGroup) -> vllm.ServedModel:
    adapters = {policy.info.name: policy.adapter for policy in group.policies if policy.adapter is not None}
    for name, adapter in adapters.items():
        if own_base(adapter) is not None:
            raise UsageError(f"{name} stands on a model of its own", "leave out --sampler vllm")
    names = tuple(policy.info.name for policy in group.policies if policy.adapter is None) or (vllm.BASE_NAME,)
    longest = max(map(len, group.prompts.values())) + group.cap
    # What is gone on from may be as long as an answer.
    room = longest + group.cap if group.positions is None else min(longest + group.cap, group.positions)
    dtype = "float32" if group.device == "cpu" else "bfloat16"
    return vllm.ServedModel(group.ref.source, group.ref.revision, adapters, room, dtype, names)


def largest_work(policies: Sequence[SamplingPolicy], problems: int, settings: SampleSettings) -> SamplingWork | None:
    """The most that one vLLM would have to do, since one is started for each base; None where it can serve none of them."""
    works = []
    for group in on_one_base(policies):
        ref, adapters = group[0].ref, [policy.adapter for policy in group if policy.adapter is not None]
        if ref is None or any(own_base(adapter) is not None for adapter in adapters):
            continue
        answers, cap = problems * (settings.k + 1) * len(group), settings.max_new_tokens or CAP
        works.append(SamplingWork(best_device(), answers, cap, flops.cost_of(ref).parameters))
    return max(works, key=lambda work: work.answers * work.cap * work.parameters, default=None)
