"""Descriptions of what a setting takes: one wording for the command line's help, for `journey list` and for errors.

    lr: Annotated[float, Flag("RATE"), Unit("points")] = Field(0.1, gt=0, le=1, description="how fast")

A field of a settings model says everything about itself: name, type, default and meaning as pydantic has them, its unit
as `Unit`, its range as pydantic's bounds, and `Flag` where it is a flag of its verb.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types as bounds
from pydantic import BaseModel
from pydantic.fields import FieldInfo

Shape = Literal["switch", "value", "list", "map", "value or map"]
NUMBERS = {int: "whole number", float: "number"}


@dataclass(frozen=True)
class Flag:
    """Marks a field that is a flag of its verb; every other field is reached by `--set` alone.

    `metavar` stands for the value in the help. Lists and maps are split at commas, and every flag that takes several
    may be repeated; `split=False` is for paths and free names, which may hold commas themselves: one item a flag.
    """

    metavar: str = ""
    split: bool = True


@dataclass(frozen=True)
class Setting:
    """One field in words: `takes` says type, unit and range, `default` is as `--set` would be given it, "" for none."""

    name: str
    takes: str
    default: str
    meaning: str
    shape: Shape
    required: bool = False
    flag: Flag | None = None
    example: str = ""


def settings_of(model: type[BaseModel]) -> list[Setting]:
    """The fields of a settings model, in the order in which they are declared."""
    own = model.__annotations__
    return [
        _setting(name, field) for name, field in sorted(model.model_fields.items(), key=lambda one: one[0] not in own)
    ]


def _setting(name: str, field: FieldInfo) -> Setting:
    return Setting(
        name,
        takes(field.annotation, field.metadata),
        "" if field.is_required() else written(field.get_default(call_default_factory=True)),
        field.description or "",
        shape_of(field.annotation),
        field.is_required(),
        next((each for each in field.metadata if isinstance(each, Flag)), None),
        str(field.examples[0]) if field.examples else "",
    )


def written(value: Any) -> str:
    """A default as a person would type it: `16`, `a,b`, `false`; "" for nothing at all."""
    if value is None or value == [] or value == () or value == {} or isinstance(value, BaseModel):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple):
        return ",".join(map(written, value))
    return str(value)


def shape_of(annotation: Any) -> Shape:
    """How a value of this type is typed behind a flag."""
    inner = [_plain(each) for each in _without_none(_plain(annotation))]
    origins = [get_origin(each) or each for each in inner]
    if bool in origins:
        return "switch"
    if dict in origins:
        return "map" if len(origins) == 1 else "value or map"
    return "list" if list in origins or tuple in origins else "value"


def takes(annotation: Any, metadata: list[Any] | tuple[Any, ...] = ()) -> str:
    """The values of a type in words, e.g. "tokens, 16 or more", "standard or strict", "number, 0 to 1, or a list"."""
    if get_origin(annotation) is Annotated:
        inner, *more = get_args(annotation)
        known = [each for item in more for each in (item.metadata if isinstance(item, FieldInfo) else [item])]
        return takes(inner, [*metadata, *known])
    parts = _without_none(annotation)
    if len(parts) > 1:
        return _either([_plain(part) for part in parts], [takes(part, metadata) for part in parts])
    annotation, origin = parts[0], get_origin(parts[0])
    if get_origin(annotation) is Annotated:
        return takes(annotation, metadata)
    if origin is Literal:
        return _or([str(each) for each in get_args(annotation)])
    if origin in (list, tuple):
        inside = takes(get_args(annotation)[0])
        return "list" if inside == "text" else f"list: {inside}"
    if origin is dict:
        inside = get_args(annotation)[1]
        return "settings" if inside is Any else f"by name: {takes(inside)}"
    if annotation is bool:
        return "true or false"
    if annotation in NUMBERS:
        unit = next((each.unit for each in metadata if isinstance(each, bounds.Unit)), NUMBERS[annotation])
        return ", ".join(filter(None, [unit, _range(metadata)]))
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "settings"
    return "text" if annotation in (str, Any) else "path"


def at(model: type[BaseModel], loc: tuple[int | str, ...]) -> tuple[str, FieldInfo] | None:
    """The innermost field that the place of an error leads through, with its dotted name; None for a place in no field."""
    innermost = None
    names: list[str] = []
    listed = False
    for part in loc:
        if listed and isinstance(part, int):
            names.append(str(part))
            listed = False
            continue
        field = model.model_fields.get(str(part))
        if field is None:
            break
        names.append(str(part))
        innermost = ".".join(names), field
        inner, listed = field.annotation, get_origin(field.annotation) is list
        inner = get_args(inner)[0] if listed else inner
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            break
        model = inner
    return innermost


def path_in(data: Any, loc: tuple[int | str, ...]) -> str:
    """The dotted place of an error, as far as the data has it: pydantic adds the kinds that it tried."""
    names: list[str] = []
    for part in loc:
        inside = data if isinstance(data, Mapping) else dict(enumerate(data)) if isinstance(data, list | tuple) else {}
        if part not in inside:
            break
        data = inside[part]
        names.append(str(part))
    return ".".join(names)


def shown(value: Any) -> str:
    """A value that was given, short enough for one line; text as it was typed, quoted only where that is not readable."""
    text = value if isinstance(value, str) and value.isprintable() and value.strip() == value != "" else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _plain(annotation: Any) -> Any:
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation


def _without_none(annotation: Any) -> list[Any]:
    if get_origin(annotation) not in (Union, types.UnionType):
        return [annotation]
    return [each for each in get_args(annotation) if each is not type(None)]


def _either(parts: list[Any], words: list[str]) -> str:
    """A union; a value or a list of such values is "X, or several"."""
    if len(parts) == 2 and get_origin(parts[1]) is list:
        return f"{words[0]}, or a list"
    if len(parts) == 2 and get_origin(parts[1]) is dict:
        return f"{words[0]}, or by name"
    return _or(words)


def _or(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _range(metadata: list[Any] | tuple[Any, ...]) -> str:
    """ "1 to 8", "1 or more", "above 0, at most 1"."""
    by_type = {type(each): each for each in metadata}
    least, above = by_type.get(bounds.Ge), by_type.get(bounds.Gt)
    most, below = by_type.get(bounds.Le), by_type.get(bounds.Lt)
    if least and most:
        return f"{_number(least.ge)} to {_number(most.le)}"
    if least and not below:
        return f"{_number(least.ge)} or more"
    ends = [f"{_number(least.ge)} or more"] if least else [f"above {_number(above.gt)}"] if above else []
    ends += [f"at most {_number(most.le)}"] if most else [f"below {_number(below.lt)}"] if below else []
    return ", ".join(ends)


def _number(value: Any) -> str:
    if value >= 1e6:
        return f"{value:.0e}".replace("e+0", "e").replace("e+", "e")
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"
