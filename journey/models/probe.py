"""The base probe: what a base can do, asked of the base itself by its behaviour and never looked up by its name.

    sampler_facts(model, tokenizer)        # does our decoder write what `generate` writes?
    draws(model, ids)                      # does chance enter what the base computes in training mode?
    reach(model, lora_config, ids)         # is every adapted layer called, and does its B get a gradient?

Families that are published tomorrow are then either trained exactly or refused before the first step.
"""

from __future__ import annotations

import copy
import gc
import random
import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from journey.errors import UsageError
from journey.models.completion import CompletionRequest
from journey.models.compute.precision import ran_out
from journey.models.load import ModelRef, load_model
from journey.rng import rng_for

if TYPE_CHECKING:
    from peft import LoraConfig
    from transformers import PreTrainedTokenizerBase

# Prompts (tokens) and caps (new tokens) of the six texts that are written three at a time: rows of unequal length end at
# unequal times, so rows leave the batch, and batches join.
PROMPTS, CAPS, TOGETHER = (5, 11, 3, 8, 2, 6), (2, 9, 4, 6, 1, 8), 3
# A written token's logit may lie this share of the logits' range below the largest one of a plain forward pass.
TOLERANCE = {torch.float64: 1e-5, torch.float32: 1e-4}
TOLERANCE_ELSEWHERE = 2e-2
_TRAINED = (4, 24)  # rows and tokens of the batch that stands for training
_TRIES = 16  # forward passes, where random numbers are drawn, until their effect must have been seen


# --- the batch ------------------------------------------------------------------------------------------------------


def plain_ids(tokenizer: PreTrainedTokenizerBase | None, size: int, count: int, *name: str | int) -> list[int]:
    """`count` random token ids of a vocabulary of `size`, none of them special, always the same."""
    special = set(tokenizer.all_special_ids) | set(tokenizer.added_tokens_decoder) if tokenizer is not None else {0}
    words = range(min(size, len(tokenizer)) if tokenizer is not None else size)
    rng, ids = rng_for("probe", *name), list[int]()
    while len(ids) < count:
        token = rng.randrange(len(words))
        if token not in special or len(special) >= len(words):
            ids.append(token)
    return ids


def training_ids(model: Any, tokenizer: PreTrainedTokenizerBase | None = None) -> Tensor:
    """Ids (row, token) of a small batch on the model's device."""
    size, (rows, tokens) = int(model.config.get_text_config().vocab_size), _TRAINED
    made = [plain_ids(tokenizer, size, tokens, "training", row) for row in range(rows)]
    return torch.tensor(made, device=_device(model))


def _device(model: Any) -> torch.device:
    return torch.device(next(model.parameters()).device)


# --- chance in training mode ----------------------------------------------------------------------------------------


@contextmanager
def _streams(device: torch.device) -> Iterator[Callable[[int], None]]:
    """Inside, `seed(n)` sets every global stream of random numbers; all are as before afterwards."""

    def seed(value: int) -> None:
        torch.manual_seed(value)
        random.seed(value)
        np.random.seed(value)

    python, numbers = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        try:
            yield seed
        finally:
            random.setstate(python)
            np.random.set_state(numbers)


def _next_numbers(device: torch.device) -> tuple[float, ...]:
    """The next number of every global stream: the same where nothing was drawn since they were set."""
    drawn = [float(torch.rand(())), random.random(), float(np.random.random())]
    return (*drawn, float(torch.rand((), device=device)))


@torch.no_grad()
def draws(model: Any, ids: Tensor) -> bool:
    """Whether what the model computes in training mode depends on chance: dropout of any spelling, jitter, dropped layers.

    Passes with one seed and with other seeds are compared, so that sums in no fixed order are not taken for chance; a
    model that draws numbers without an effect (a rate of 0) is none that drops values out.
    """
    training = model.training
    with _streams(ids.device) as seed:
        try:
            model.train()
            seed(0)
            untouched = _next_numbers(ids.device)
            seed(0)
            first = _logits(model, ids)
            if _next_numbers(ids.device) == untouched:
                return False
            seed(0)
            noise = _apart(first, _logits(model, ids))
            for other in range(1, _TRIES + 1):
                seed(other)
                if _apart(first, _logits(model, ids)) > 4 * noise + 1e-9:
                    return True
            return False
        finally:
            model.train(training)


def _logits(model: Any, ids: Tensor) -> Tensor:
    """(row, token, word), in float32 at least."""
    logits = model(input_ids=ids, use_cache=False).logits
    wide: Tensor = logits if logits.dtype == torch.float64 else logits.float()
    return wide


def _apart(one: Tensor, other: Tensor) -> float:
    """The largest difference as a share of the largest value."""
    return float((one - other).abs().max()) / max(float(one.abs().max()), 1e-30)


def chance_fields(config: Any) -> list[str]:
    """The fields of a config that may be rates of chance: numbers between 0 and 1 that are named after dropping or noise."""
    facts = config.get_text_config().to_dict()
    return sorted(
        name
        for name, value in facts.items()
        if isinstance(value, float) and 0 < value < 1 and re.search(r"drop|pdrop|noise|jitter", name)
    )


# --- adapters -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Coverage:
    """What adapters are on: kinds of layers by their short names, and the share of all weights that those layers hold.

    `kept` are kinds of stacked weights (experts) that no adapter reaches.
    """

    layers: int
    kinds: tuple[str, ...]
    share: float
    kept: tuple[str, ...] = ()

    def __str__(self) -> str:
        kinds = "1 kind" if len(self.kinds) == 1 else f"{len(self.kinds)} kinds"
        words = f"adapters reach {kinds} of layers ({', '.join(self.kinds)}), {self.share:.0%} of the weights"
        return words + "".join(f"; {name} are not adapted" for name in self.kept)


def coverage(model: Any, modules: Iterable[str]) -> Coverage:
    """The coverage of adapters on the named modules of a model without adapters (on any device, `meta` too)."""
    named = list(modules)
    everything = sum(weight.numel() for weight in model.parameters())
    reached = sum(model.get_submodule(name).weight.numel() for name in named)
    kept = Counter[str]()
    for name, weight in model.named_parameters():
        module = model.get_submodule(name.rpartition(".")[0])
        # A matrix for each expert in one tensor; a convolution's weights have three axes as well.
        if weight.ndim == 3 and min(weight.shape) > 1 and not isinstance(module, nn.Conv1d):
            kept[_kind(name.rpartition(".")[0])] += weight.numel()
    return Coverage(
        len(named), tuple(sorted({_kind(name) for name in named})), reached / everything, tuple(sorted(kept))
    )


def _kind(name: str) -> str:
    """The last part of a module's name that is no number."""
    return next((part for part in reversed(name.split(".")) if not part.isdigit()), name)


@dataclass(frozen=True)
class Reach:
    """Which adapted layers the base really computes with.

    `bypassed` kinds of layers are never called: the base reads their weights past the adapter. `idle` kinds are called and
    their B gets no gradient. `missed` layers had none in the batch of the probe while others of their kind had: experts
    that no token was sent to.
    """

    bypassed: tuple[str, ...]
    idle: tuple[str, ...]
    missed: tuple[str, ...]


def first_line(error: BaseException) -> str:
    """An error in one line, with its kind."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else 'no reason given'}"


def reach(model: Any, config: LoraConfig, ids: Tensor) -> Reach:
    """Put adapters on a base, go forward and back once, and look which are called and get a gradient in B.

    (A's gradient is zero at the start.) The base is as before afterwards. Raises PEFT's ValueError where it refuses the base.
    """
    from peft import get_peft_model

    frozen = {name: weight.requires_grad for name, weight in model.named_parameters()}
    called, alive, known = set[str](), set[str](), set[str]()
    with _streams(ids.device), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # between PEFT and transformers, nothing to do with the user
        wrapped: Any = get_peft_model(model, copy.deepcopy(config))  # PEFT writes into it
        try:
            for name, module in wrapped.named_modules():
                if hasattr(module, "lora_B") and len(module.lora_B):
                    layer = name.removeprefix("base_model.model.")
                    known.add(layer)
                    module.register_forward_hook(lambda *_, layer=layer: called.add(layer))
            with torch.enable_grad():
                logits = wrapped(input_ids=ids, use_cache=False).logits
                # Of every token's next one, in float32: the loss that training has, without its weights.
                losses = nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1).float(), ids[:, 1:].flatten())
                losses.backward()
            for name, weight in wrapped.named_parameters():
                if ".lora_B." in name and weight.grad is not None and bool((weight.grad != 0).any()):
                    alive.add(name.removeprefix("base_model.model.").partition(".lora_B.")[0])
        finally:
            wrapped.unload()
            if hasattr(model, "peft_config"):
                del model.peft_config  # left behind by unload
            for name, weight in model.named_parameters():
                weight.requires_grad_(frozen.get(name, True))
                weight.grad = None
    kinds_called, kinds_alive = ({_kind(layer) for layer in layers} for layers in (called, alive))
    return Reach(
        tuple(sorted({_kind(layer) for layer in known} - kinds_called)),
        tuple(sorted(kinds_called - kinds_alive)),
        tuple(sorted(layer for layer in known - alive if _kind(layer) in kinds_alive)),
    )


# --- the sampler ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SamplerFacts:
    """How the decoder's texts compare with those of `generate`, and with a plain forward pass over what was written.

    `equal` texts of `texts`; `gap` is the largest share of the logits' range by which a written token lies below the
    likeliest one, which may be `tolerance`. `failed` says why nothing could be written.
    """

    texts: int
    equal: int
    gap: float
    tolerance: float
    failed: str | None = None

    @property
    def right(self) -> bool:
        """Whether the decoder writes what the model says."""
        return self.failed is None and self.gap <= self.tolerance

    def __str__(self) -> str:
        if self.failed is not None:
            return f"the sampler cannot write with this base: {self.failed}"
        if not self.right:
            return (
                f"the sampler writes other texts than `generate`: {self.equal} of {self.texts} are equal, a token lies "
                f"{self.gap:.1%} of the logits' range below the likeliest one"
            )
        if self.equal == self.texts:
            return f"the sampler writes what `generate` writes: {self.texts} of {self.texts} texts"
        return f"the sampler's tokens are the likeliest ones of a plain forward pass to {self.tolerance:.2g} of the logits' range"


@torch.inference_mode()
def sampler_facts(model: Any, tokenizer: PreTrainedTokenizerBase) -> SamplerFacts:
    """Write texts of unequal length that end at unequal times, and compare them with `generate`, one by one."""
    from journey.models.decode import Decoder

    size = int(model.config.get_text_config().vocab_size)
    prompts = [plain_ids(tokenizer, size, length, "prompt", index) for index, length in enumerate(PROMPTS)]
    tolerance = TOLERANCE.get(model.dtype, TOLERANCE_ELSEWHERE)
    if getattr(model, "is_quantized", False):
        tolerance = TOLERANCE_ELSEWHERE
    training = model.training
    model.eval()
    try:
        decoder = Decoder.of(model, tokenizer, max(CAPS))
        requests = [CompletionRequest(prompt, cap=cap) for prompt, cap in zip(prompts, CAPS, strict=True)]
        texts = [completion.ids for completion in decoder.write(requests, rows=TOGETHER)]
        gap = max(_gap(model, prompt, text) for prompt, text in zip(prompts, texts, strict=True))
        wanted = [_generated(model, decoder, prompt, cap) for prompt, cap in zip(prompts, CAPS, strict=True)]
    except Exception as error:
        if ran_out(error):
            raise
        return SamplerFacts(len(prompts), 0, 1.0, tolerance, first_line(error))
    finally:
        model.train(training)
    return SamplerFacts(len(prompts), sum(map(_same, texts, wanted)), gap, tolerance)


def _same(one: Sequence[int], other: Sequence[int]) -> bool:
    return list(one) == list(other)


def _gap(model: Any, prompt: Sequence[int], text: Sequence[int]) -> float:
    """How far the written tokens lie below the likeliest ones of a plain forward pass, as a share of the logits' range."""
    ids = torch.tensor([[*prompt, *text]], device=_device(model))
    # (1, token, word) to (written, word): the logits that each written token was chosen from.
    logits = _logits(model, ids)[0, len(prompt) - 1 : -1]
    chosen = logits.gather(-1, ids[0, len(prompt) :, None])[:, 0]
    if bool(logits.isnan().any()):
        return 1.0
    spread = (logits.amax(-1) - logits.amin(-1)).clamp(min=1e-30)
    return float(((logits.amax(-1) - chosen) / spread).max())


def _generated(model: Any, decoder: Any, prompt: Sequence[int], cap: int) -> list[int]:
    """What transformers writes after one prompt, greedily; the model's own habits of generation left out."""
    from transformers import GenerationConfig

    own = model.generation_config
    plain = GenerationConfig(
        do_sample=False, max_new_tokens=cap, eos_token_id=sorted(decoder.stops), pad_token_id=decoder.pad
    )
    ids = torch.tensor([prompt], device=_device(model))
    model.generation_config = plain
    try:
        out = model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), generation_config=plain)
    finally:
        model.generation_config = own
    return [int(token) for token in out[0, len(prompt) :].tolist()]


def check_sampler(
    ref: ModelRef, tokenizer: PreTrainedTokenizerBase, device: str, dtype: str | None = None, option: str = "--base"
) -> SamplerFacts:
    """The sampler on the real model, tried once a process. Raises UsageError for one that it cannot write with.

    `option` is what named the model.
    """
    key = (ref.source, ref.revision, device, dtype)
    if key not in _sampled:
        model = load_model(ref, device=device, dtype=None if dtype is None else getattr(torch, dtype))
        _sampled[key] = sampler_facts(model, tokenizer)
        del model
        free(device)
    facts = _sampled[key]
    if not facts.right:
        end = "; the journey of this one cannot be evaluated" if option == "--base" else ""
        raise UsageError(f"{ref.name}: {facts}", f"name another {option}{end}")
    return facts


_sampled: dict[tuple[str, str | None, str, str | None], SamplerFacts] = {}


def free(device: str) -> None:
    """Give memory of models that are no longer held back to the device."""
    gc.collect()
    if device != "cpu":
        torch.cuda.empty_cache()
