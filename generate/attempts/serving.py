"""vLLM in place of this command's own workers (`--sampler vllm`): started for a group of policies, and ended after it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from journey.errors import UsageError
from journey.generate.attempts.groups import BaseGroup, DrawingGroup
from journey.models.endpoints import RunServer
from journey.models.load import generation_config, own_base
from journey.servers import vllm
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
