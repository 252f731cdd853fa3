"""What answers: the built-in sampler, a server that is named, or vLLM, started for this command and ended with it.

The built-in sampler's answers for the parity check are written before vLLM is started, in a process that ends: so the base and
its adapters lie in memory once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from journey import console
from journey.config import EvaluateSettings
from journey.evaluate.planning.plan import EvaluationSetup, is_built_in
from journey.evaluate.sampling import parity
from journey.evaluate.sampling.serving import serve_line, start_words
from journey.formats.folders import FinetunedFolder
from journey.models.endpoints import RunServer
from journey.models.load import generation_config
from journey.servers import vllm
from journey.servers.started import StartedServer
from journey.store import Folder


@contextmanager
def chosen(
    folder: Folder, finetuned: FinetunedFolder, prepared: EvaluationSetup, settings: EvaluateSettings
) -> Iterator[EvaluationSetup]:
    """The setup with the server that answers, if one does, once it has shown that it answers as the built-in sampler.

    Raises UsageError, ResourceError or JourneyError where it cannot be used.
    """
    plan, install = prepared.plan, prepared.vllm
    if is_built_in(plan):
        yield prepared
    elif install is None:
        console.note(f"served by: {serve_line(finetuned, prepared)}")
        asked = replace(prepared, server=RunServer(plan.backend))
        if not parity.is_known(folder):
            parity.refuse_others(finetuned, asked)
            ours = parity.built_in(finetuned, prepared, settings.parity)
            parity.check(folder, finetuned, asked, ours, settings.parity_least)
        yield asked
    else:
        ours = None
        if not parity.is_known(folder):
            ours = parity.built_in(finetuned, prepared, settings.parity, apart=True)
        with StartedServer(
            f"vLLM {install.version}",
            lambda port: start_words(finetuned, prepared, settings, port),
            vllm.variables(install, settings.vllm_memory),
            folder.out.with_name(f"{folder.out.name}.vllm.log"),
        ) as server:
            server.start()
            stops = _stops(prepared)
            asked = replace(prepared, server=RunServer(server.url, plan.backend, stops))
            if ours is not None:
                parity.check(folder, finetuned, asked, ours, settings.parity_least)
            yield asked


def _stops(prepared: EvaluationSetup) -> tuple[int, ...]:
    from journey.models.decode import stops_by

    return tuple(sorted(stops_by(generation_config(prepared.ref), prepared.tokenizer)))
