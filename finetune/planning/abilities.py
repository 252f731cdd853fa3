"""Capability checks: whether an engine and a base can do what is asked of them, before anything is trained."""

from __future__ import annotations

import copy
import importlib.util
import re
import warnings
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from journey.catalog import ENGINES
from journey.config import FinetuneSettings
from journey.errors import UnknownName, UsageError
from journey.models import load
from journey.models.flops import outline

if TYPE_CHECKING:
    from peft import LoraConfig

    from journey.models.probe import Coverage

_TRL_ONLY = {
    "full": "full fine-tuning",
    "packing": "packing",
    "attention": "another attention",
    "liger": "liger",
    "report_to": "--report-to",
}
# Where the weights are stored quantised: the package that transformers reads each method with.
_READERS = {
    "bitsandbytes": "bitsandbytes",
    "bitsandbytes_4bit": "bitsandbytes",
    "bitsandbytes_8bit": "bitsandbytes",
    "gptq": "gptqmodel",
    "awq": "gptqmodel",
    "aqlm": "aqlm",
    "hqq": "hqq",
    "quanto": "optimum-quanto",
    "torchao": "torchao",
    "compressed-tensors": "compressed-tensors",
    "fbgemm_fp8": "fbgemm-gpu",
}
_MODULES = {"optimum-quanto": "optimum.quanto", "compressed-tensors": "compressed_tensors", "fbgemm-gpu": "fbgemm_gpu"}


def check_engine(settings: FinetuneSettings, ref: load.ModelRef, device: str) -> list[str]:
    """Notes on what was asked for. Raises UsageError naming what engine, machine or base cannot do, and the way out."""
    notes = check_trl_only(settings)
    _check_processes(settings.processes, device)
    _check_liger(settings.liger, device)
    _check_attention(settings.attention)
    _check_reporter(settings.report_to)
    _check_quantised(settings, ref)
    return notes


def check_trl_only(settings: FinetuneSettings) -> list[str]:
    """Notes on the engine's settings. Raises UsageError for those that the engine does not have."""
    entry = ENGINES.entry(settings.engine)
    wanted = [words for name, words in _TRL_ONLY.items() if getattr(settings, name)]
    wanted += [f"{settings.processes} processes a run"] if settings.processes > 1 else []
    if wanted and entry.facts.get("together"):
        raise UsageError(f"engine {settings.engine} does not do {' or '.join(wanted)}", "give --engine trl")
    notes = []
    if settings.full:
        notes.append(
            "every weight of the base is trained; good learning rates are some ten times lower than an adapter's: "
            "pick them with --lr-sweep"
        )
    if settings.packing:
        notes.append(
            "the rows of a forward pass lie end to end and do not see one another; which rows share an optimiser step is "
            "as without packing, sums are rounded otherwise"
        )
    if settings.processes > 1:
        notes.append(
            f"each run is trained by {settings.processes} processes, which share the forward passes of every step; sums "
            "are rounded otherwise than in one process" + (", and dropout draws otherwise" if settings.dropout else "")
        )
    return notes


def _check_processes(processes: int, device: str) -> None:
    if processes > 1 and device != "cpu":
        import torch

        count = torch.cuda.device_count()
        if processes > count:
            raise UsageError(f"{processes} processes need as many GPUs; there are {count}", f"--processes {count}")


def _check_liger(liger: bool, device: str) -> None:
    if not liger:
        return
    if importlib.util.find_spec("liger_kernel") is None:
        raise UsageError("liger is not installed", "pip install liger-kernel, or train without --liger")
    if device == "cpu":
        raise UsageError("liger's kernels run on a GPU, and there is none", "train without --liger")


def _check_attention(name: str | None) -> None:
    if name is None:
        return
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
    from transformers.utils import is_flash_attn_2_available, is_flash_attn_3_available

    known = ["eager", *ALL_ATTENTION_FUNCTIONS.valid_keys()]
    if name not in known:
        raise UnknownName("attention", name, known)
    optional = {"flash_attention_2": is_flash_attn_2_available, "flash_attention_3": is_flash_attn_3_available}
    if name in optional and not optional[name]():
        raise UsageError(
            f"{name} is not installed, or there is no GPU for it", "pip install flash-attn, or leave it out"
        )


def _check_reporter(name: str | None) -> None:
    if name is None:
        return
    from transformers.integrations.integration_utils import (
        INTEGRATION_TO_CALLBACK,
        get_available_reporting_integrations,
    )

    if name not in INTEGRATION_TO_CALLBACK:
        raise UnknownName("reporter", name, INTEGRATION_TO_CALLBACK)
    if name not in get_available_reporting_integrations():
        raise UsageError(f"{name} is not installed", f"pip install {name.replace('_', '-')}, or leave out --report-to")


def _check_quantised(settings: FinetuneSettings, ref: load.ModelRef) -> None:
    method = load.quantisation(ref)
    if method is None:
        return
    if settings.full:
        raise UsageError(
            f"{ref.name} is quantised ({method}); quantised weights cannot be trained themselves",
            "train without --full",
        )
    if ENGINES.entry(settings.engine).facts.get("together"):
        raise UsageError(
            f"{ref.name} is quantised ({method}), which engine {settings.engine} does not take", "give --engine trl"
        )
    package = _READERS.get(method)
    if package is None:
        raise UsageError(
            f"{ref.name} is quantised by {method!r}, which adapters have not been tried on here",
            "give the base in plain weights, or quantised by bitsandbytes",
        )
    if importlib.util.find_spec(_MODULES.get(package, package)) is None:
        raise UsageError(
            f"{ref.name} is quantised by {method}, and {package} is not installed",
            f"pip install {package}, or give the base in plain weights",
        )


def check_layers(ref: load.ModelRef, settings: FinetuneSettings) -> Coverage:
    """What adapters reach. Raises UsageError if they would match no layer, or if the engine cannot stack them exactly.

    What PEFT and the stack do is tried on weights without memory.
    """
    import torch
    from peft import get_peft_model_state_dict

    from journey.finetune.training.adapters import lora_config
    from journey.models.lora import Stack, modules_of, refuse_unstackable
    from journey.models.probe import coverage

    wanted = lora_config(max(settings.ranks), settings.alpha, settings)
    together = ENGINES.entry(settings.engine).facts.get("together")
    if together:
        refuse_unstackable(wanted.to_dict())
    wrapped = _on_outline(ref, wanted)
    modules = modules_of(get_peft_model_state_dict(wrapped, save_embedding_layers=False))
    plain = wrapped.unload()
    reached = coverage(plain, [name for name in modules if isinstance(_module(plain, name), torch.nn.Module)])
    if together:
        Stack(plain, modules, runs=1, rank=1)
    return reached


def stacked_modules(ref: load.ModelRef, settings: FinetuneSettings) -> tuple[str, ...]:
    """The names of the layers that adapters of a stack are put on."""
    from peft import get_peft_model_state_dict

    from journey.finetune.training.adapters import lora_config
    from journey.models.lora import modules_of

    wrapped = _on_outline(ref, lora_config(1, settings.alpha, settings))
    return tuple(modules_of(get_peft_model_state_dict(wrapped, save_embedding_layers=False)))


def _module(model: Any, name: str) -> Any:
    """The module of a name, None where there is none (PEFT names parameters that it adapts by paths of its own)."""
    try:
        return model.get_submodule(name)
    except AttributeError:
        return None


def _on_outline(ref: load.ModelRef, wanted: LoraConfig) -> Any:
    """The base without memory for its weights, with adapters. Raises UsageError where PEFT puts none, in PEFT's words."""
    import torch
    from peft import get_peft_model

    shape = outline(ref)
    with torch.device("meta"), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # between PEFT and transformers, nothing to do with the user
        try:
            wrapped = get_peft_model(shape.model, wanted)
            adapted = any(weight.requires_grad for weight in wrapped.parameters())
        except ValueError as error:
            if any(module is not shape.last for module in shape.linear):
                raise _refused_by_peft(ref, wanted, str(error)) from None
            adapted = False
    if not adapted:
        raise UsageError(
            f"adapters would match no layer of {ref.name} ({type(shape.model).__name__}): it has no linear layer but its "
            "output",
            "name another --base, or train every weight: --engine trl --full",
        )
    return wrapped


def _refused_by_peft(ref: load.ModelRef, wanted: LoraConfig, words: str) -> UsageError:
    """PEFT's own refusal, with the kinds of layers that it names left out if that is found to help."""
    import torch
    from peft import get_peft_model

    shape = outline(ref)
    linear = (name.rpartition(".")[2] for name, module in shape.model.named_modules() if module in shape.linear)
    kinds = sorted({kind for kind in linear if re.search(rf"\b{re.escape(kind)}\b", words)})
    hint = "name another --base, or train every weight: --engine trl --full"
    if kinds:
        tried = without(wanted, kinds)
        try:
            with torch.device("meta"), warnings.catch_warnings():
                warnings.simplefilter("ignore", FutureWarning)
                get_peft_model(shape.model, tried)
            hint = f"leave them out (tried): {leave_out(tried)}"
        except ValueError:
            pass
    return UsageError(f"PEFT refuses adapters on {ref.name}: {words.strip().splitlines()[0]}", hint)


def without(wanted: LoraConfig, kinds: Iterable[str]) -> LoraConfig:
    """The adapters without those on some kinds of layers."""
    tried = copy.deepcopy(wanted)
    before = wanted.exclude_modules or []
    tried.exclude_modules = sorted({*([before] if isinstance(before, str) else before), *kinds})
    return tried


def leave_out(wanted: LoraConfig) -> str:
    """The setting by which these adapters leave layers out."""
    return f"--set lora_options.exclude_modules=[{','.join(wanted.exclude_modules or ())}]"
