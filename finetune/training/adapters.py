"""LoRA adapters as PEFT makes and saves them; both engines begin from the same weights and write the same files."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

import safetensors.torch
import torch
from peft import LoraConfig, PeftModel, get_peft_model, get_peft_model_state_dict
from torch import Tensor

from journey.errors import UnknownName, UsageError
from journey.finetune.runs import Run
from journey.finetune.training.protocol import Setup
from journey.formats.files import write_atomic
from journey.rng import seed_for

_SET_ELSEWHERE = {
    "r": "--rank",
    "lora_alpha": "--set alpha=N",
    "lora_dropout": "--set dropout=P",
    "use_rslora": "--set rslora=true",
    "task_type": "no other task",
}
Origin = tuple[int, int]  # seed and rank: what the initial weights depend on


def origin(run: Run) -> Origin:
    """Runs with the same origin begin from the same weights, whatever they are trained on."""
    return run.seed, run.rank


class Options(Protocol):
    """What settings and setups say of adapters."""

    @property
    def dropout(self) -> float: ...
    @property
    def rslora(self) -> bool: ...
    @property
    def lora_options(self) -> dict[str, Any]: ...


def lora_config(rank: int, alpha: int, options: Options, modules: Iterable[str] | None = None) -> LoraConfig:
    """An adapter on every linear layer but the head, or on the modules named.

    `options.lora_options` come on top. Raises UsageError for one that LoraConfig does not have or does not take.
    """
    facts: dict[str, Any] = {
        "r": rank,
        "lora_alpha": alpha,
        "lora_dropout": options.dropout,
        "use_rslora": options.rslora,
        "target_modules": "all-linear",
        "task_type": "CAUSAL_LM",
        **options.lora_options,
    }
    if modules is not None:
        facts["target_modules"] = set(modules)
    known = {field.name for field in dataclasses.fields(LoraConfig)}
    for name in options.lora_options:
        if name in _SET_ELSEWHERE:
            raise UsageError(f"lora_options.{name} is a setting of its own", f"give {_SET_ELSEWHERE[name]}")
        if name not in known:
            raise UnknownName("field of LoraConfig", name, known)
    try:
        return LoraConfig(**facts)
    except (TypeError, ValueError) as error:
        raise UsageError(f"lora_options {options.lora_options}: {str(error).splitlines()[0]}") from None


def new_adapter(base: Any, run: Run, setup: Setup) -> PeftModel:
    """The base with the run's new adapter on it; equal seeds give equal weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_for("adapter", run.seed))
        return get_peft_model(base, lora_config(run.rank, run.alpha, setup))


def dropout_seed(run: Run, step: int, process: int = 0) -> int:
    """The seed of a run's dropout masks in an optimiser step (from 0), the same in both engines.

    Begun anew at every step, a run draws the same masks whoever else is in its stack and wherever it was resumed.
    """
    return seed_for("dropout", run.seed, step, process)


def adapter_state(model: PeftModel) -> dict[str, Tensor]:
    """The adapter's tensors by their names in a PEFT file, on the CPU."""
    state = get_peft_model_state_dict(model, save_embedding_layers=False)
    return {name: state[name].detach().cpu().contiguous() for name in sorted(state)}


def initial_states(base: Any, runs: Sequence[Run], setup: Setup) -> dict[Origin, dict[str, Tensor]]:
    """The tensors that PEFT begins each of the runs with; the base is as before afterwards."""
    states: dict[Origin, dict[str, Tensor]] = {}
    for run in runs:
        if origin(run) not in states:
            adapter = new_adapter(base, run, setup)
            states[origin(run)] = {name: tensor.clone() for name, tensor in adapter_state(adapter).items()}
            adapter.unload()
    if hasattr(base, "peft_config"):
        del base.peft_config  # left behind by unload
    return states


def short_names(modules: Iterable[str]) -> set[str]:
    """The last parts of the layers' names, as PEFT writes `target_modules`."""
    return {name.rpartition(".")[2] for name in modules}


def save_adapter(state: dict[str, Tensor], lora: LoraConfig, folder: Path, setup: Setup) -> None:
    """Write an adapter as PEFT does, but the same bytes every time and without paths of this machine."""
    config = lora.to_dict()
    config |= {"base_model_name_or_path": setup.base, "revision": setup.revision, "inference_mode": True}
    plain = {name: sorted(value) if isinstance(value, set) else value for name, value in config.items()}
    data = safetensors.torch.save(state, metadata={"format": "pt"})
    write_atomic(folder / "adapter_config.json", (json.dumps(plain, indent=2, sort_keys=True) + "\n").encode())
    write_atomic(folder / "adapter_model.safetensors", data)


def digest_of(state: dict[str, Tensor]) -> str:
    """Hash of an adapter's tensors."""
    hashed = hashlib.blake2b(digest_size=16)
    for name, tensor in state.items():
        hashed.update(name.encode() + tensor.float().numpy().tobytes())
    return hashed.hexdigest()
