"""The probe of the real base before the first step: what was found, what is refused, and the settings that were tried.

    facts = probe(ref, tokenizer, settings, device)     # raises UsageError where runs would train or sample wrongly

The same facts are printed by `journey doctor --base` and kept in the audit.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from journey.catalog import ENGINES
from journey.config import FinetuneSettings
from journey.errors import JourneyError, UsageError
from journey.finetune.planning import abilities
from journey.formats.finetune import BaseProbe
from journey.models import load, policy, template

if TYPE_CHECKING:
    from peft import LoraConfig
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class Probed:
    """What a base did. `refused` has why by what refuses it: `stacked` (chance in training mode), `adapters`, `sampler`."""

    facts: BaseProbe
    refused: dict[str, UsageError]


_probed: dict[tuple[Any, ...], Probed] = {}


def probe(ref: load.ModelRef, tokenizer: PreTrainedTokenizerBase, settings: FinetuneSettings, device: str) -> BaseProbe:
    """The facts of a base that can be trained and sampled as the settings say. Raises UsageError for any other."""
    found = examine(ref, tokenizer, settings, device)
    together = ENGINES.entry(settings.engine).facts.get("together")
    for what in ("sampler", "adapters", *(["stacked"] if together else [])):
        if what in found.refused:
            raise found.refused[what]
    return found.facts


def examine(ref: load.ModelRef, tokenizer: PreTrainedTokenizerBase, settings: FinetuneSettings, device: str) -> Probed:
    """Load the base and try everything, once a process for the same files and adapters."""
    from journey.finetune.training.adapters import lora_config
    from journey.models.probe import free

    wanted = None if settings.full else lora_config(max(settings.ranks), settings.alpha, settings)
    key = (ref.source, ref.revision, _files(ref), device, settings.full, str(wanted and wanted.to_dict()))
    if key not in _probed:
        model = load.load_model(ref, device=device)
        _probed[key] = _examine(model, ref, tokenizer, wanted)
        del model
        free(device)
    return _probed[key]


def _files(ref: load.ModelRef) -> tuple[tuple[str, int, int], ...]:
    """Names, sizes and times of a local base's files, by which a changed base is known."""
    if not ref.local:
        return ()
    stats = ((path.name, path.stat()) for path in sorted(Path(ref.source).iterdir()) if path.is_file())
    return tuple((name, stat.st_size, stat.st_mtime_ns) for name, stat in stats)


def _examine(model: Any, ref: load.ModelRef, tokenizer: PreTrainedTokenizerBase, wanted: LoraConfig | None) -> Probed:
    from journey.models import probe as tried
    from journey.models.compute.precision import ran_out

    ids = tried.training_ids(model, tokenizer)
    refused: dict[str, UsageError] = {}
    sampler = tried.sampler_facts(model, tokenizer)
    if not sampler.right:
        refused["sampler"] = UsageError(
            f"{ref.name}: {sampler}", "name another --base: what is trained on this one could not be evaluated"
        )
    chance = tried.draws(model, ids)
    if chance:
        refused["stacked"] = _chance(model, ref, ids)
    idle: tuple[str, ...] = ()
    missed: tuple[str, ...] = ()
    if wanted is not None:
        try:
            reach = tried.reach(model, wanted, ids)
            idle, missed = reach.idle, reach.missed
            if reach.bypassed:
                refused["adapters"] = _bypassed(model, ref, wanted, ids, reach.bypassed)
        except Exception as error:
            if ran_out(error):
                raise
            refused["adapters"] = UsageError(
                f"{ref.name} with adapters cannot take a training step: {tried.first_line(error)}",
                "name another --base",
            )
    config = model.config.get_text_config()
    facts = BaseProbe(
        sampler=str(sampler),
        chance=chance,
        idle=idle,
        missed=missed,
        clock=policy.tells_the_time(tokenizer),
        router_loss=hasattr(config, "router_aux_loss_coef"),
        dtype=str(model.dtype).removeprefix("torch."),
        device=str(model.device.type),
    )
    return Probed(facts, refused)


def _chance(model: Any, ref: load.ModelRef, ids: Any) -> UsageError:
    """The refusal of a base that draws in training mode; that fields of its config stop it is tried, not guessed."""
    from transformers import AutoModelForCausalLM

    from journey.models.probe import chance_fields, draws

    names, config = chance_fields(model.config), copy.deepcopy(model.config)
    for name in names:
        setattr(config.get_text_config(), name, 0.0)
    hint = "give --engine trl, which trains runs one by one, or a base without dropout"
    if names:
        quiet = AutoModelForCausalLM.from_config(config).to(ids.device)
        if not draws(quiet, ids):
            fields = " and ".join(f'"{name}": 0.0' for name in names)
            hint = f"set {fields} in a copy of its config.json (tried: it draws nothing then), or give --engine trl"
    return UsageError(
        f"{ref.name} draws random numbers in training mode (dropout or the like of its own: two forward passes on one batch "
        "differ), and runs in a stack would share the draws",
        hint,
    )


def _bypassed(model: Any, ref: load.ModelRef, wanted: LoraConfig, ids: Any, kinds: tuple[str, ...]) -> UsageError:
    """The refusal of adapters that the base computes past; leaving them out is tried."""
    from journey.models.probe import reach

    tried = abilities.without(wanted, kinds)
    try:
        helps = not reach(model, tried, ids).bypassed
    except Exception:  # noqa: BLE001 - then it does not help
        helps = False
    hint = f"leave them out (tried): {abilities.leave_out(tried)}" if helps else "name another --base"
    return UsageError(
        f"{ref.name} never calls its layers {', '.join(kinds)}: adapters on them would not be trained", hint
    )


def notes(facts: BaseProbe) -> list[str]:
    """What a person should know of the base, in sentences; nothing where all is as usual."""
    said = []
    if facts.chance:
        said.append("the base draws random numbers in training mode (dropout or the like of its own)")
    if facts.idle:
        said.append(f"adapters on {', '.join(facts.idle)} got no gradient in a trial batch")
    if facts.missed:
        shown = ", ".join(facts.missed[:4]) + (" ..." if len(facts.missed) > 4 else "")
        said.append(f"a trial batch did not reach {len(facts.missed)} of the adapted layers (experts): {shown}")
    if facts.router_loss:
        said.append("mixture of experts: the router's load-balancing loss is off, in both engines")
    return said


def described(ref: load.ModelRef, settings: FinetuneSettings, device: str) -> dict[str, Any]:
    """The probe for `journey doctor --base`: facts, and what would be refused with which way out."""
    tokenizer = load.load_tokenizer(ref)
    try:
        reached = str(abilities.check_layers(ref, settings))
    except JourneyError as error:
        reached = f"refused: {error}"
        settings = settings.model_copy(update={"full": True})  # the rest can be tried all the same
    found = examine(ref, tokenizer, settings, device)
    facts = found.facts
    verdicts = {what: f"refused: {error}" for what, error in found.refused.items()}
    return {
        "base": ref.name,
        "sampler": verdicts.get("sampler", facts.sampler),
        "adapters": verdicts.get("adapters", reached),
        "engine stacked": verdicts.get("stacked", "trains it: two forward passes in training mode agree"),
        "template": template.described(tokenizer, settings.view or template.default_view(tokenizer)),
        "notes": notes(facts),
        "dtype": f"{facts.dtype} on {facts.device}",
    }
