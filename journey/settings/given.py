"""What is given as settings, made into settings: data of recipes and `--set a.b=c`, in layers; one clear error for what is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from journey.errors import UnknownName, UsageError
from journey.settings import fields, plain_yaml

M = TypeVar("M", bound=BaseModel)
# What other tools call the sharding of one model over several GPUs, which is not built; see `_refusal`.
SHARDING = frozenset(
    "fsdp fsdp_config deepspeed deepspeed_config device_map sharding zero_stage tensor_parallel tensor_parallel_size "
    "pipeline_parallel_size".split()
)


def build(kind: type[M], data: Mapping[str, Any], where: str) -> M:
    """Validated settings. Raises UsageError naming the key, what was given and what was expected."""
    plain_yaml.refuse_unwritable(data, where)
    try:
        return kind.model_validate(dict(data))
    except ValidationError as error:
        raise _refusal(kind, data, error, where) from None


def _refusal(kind: type[BaseModel], data: Mapping[str, Any], error: ValidationError, where: str) -> UsageError:
    """The first thing that is wrong, in our words."""
    first = error.errors()[0]
    if first["type"] == "extra_forbidden":
        path = ".".join(map(str, first["loc"]))
        if str(first["loc"][-1]).lower() in SHARDING:
            return UsageError(
                f"{where}: {path}: one run, or one model that is asked, is not sharded over several GPUs here",
                "training: --engine trl --processes N has the whole model on each of N GPUs; sampling: --sampler vllm "
                "--set 'vllm_args=[--tensor-parallel-size, N]' shards it there",
            )
        return UnknownName(f"setting of {where}", path, _keys_beside(kind, first["loc"]))
    innermost = fields.at(kind, first["loc"])
    path = fields.path_in(data, first["loc"])
    given = f"{path} = {fields.shown(first.get('input'))}: " if path else ""  # no path: a rule on several together
    if innermost is None or first["type"] == "value_error":
        return UsageError(f"{where}: {given}{first['msg'].removeprefix('Value error, ')}")
    name, field = innermost
    takes, hint = fields.takes(field.annotation, field.metadata), f"{name}: {field.description}"
    if first["type"] == "missing":
        return UsageError(f"{where}: {name} is missing", hint)
    return UsageError(f"{where}: {given}expected: {takes}", hint if field.description else "")


def _keys_beside(kind: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    """Dotted names of the keys known at the place of an unknown one."""
    model, before = kind, list(loc[:-1])
    for part in before:
        inner = model.model_fields[str(part)].annotation if str(part) in model.model_fields else None
        candidates = [inner, *get_args(inner)]
        model = next((c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)), model)
    prefix = "".join(f"{part}." for part in before)
    return [prefix + name for name in model.model_fields]


def parse_set(pairs: Iterable[str]) -> dict[str, Any]:
    """`a.b=c` strings as nested data; values are read as YAML (numbers, true, lists)."""
    data: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key.strip():
            raise UsageError(f"--set {pair!r} is not KEY=VALUE", "e.g. --set finetune.epochs=2")
        nested = data
        *parents, last = key.strip().split(".")
        if len(parents) > plain_yaml.DEEPEST:
            raise UsageError(f"--set {fields.shown(pair)}: no setting lies {len(parents)} levels deep")
        for parent in parents:
            nested = nested.setdefault(parent, {})
            if not isinstance(nested, dict):
                raise UsageError(f"--set {pair!r}: {parent} already has a value")
        nested[last] = plain_yaml.read(
            value, f"--set {fields.shown(pair)}", "quote the value, e.g. --set 'a.b=\"x: y\"'"
        )
    return data


def merge(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Nested data, later layers over earlier ones."""
    merged: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            if isinstance(value, Mapping) and isinstance(merged.get(key), Mapping):
                merged[key] = merge(merged[key], value)
            else:
                merged[key] = value
    return merged
