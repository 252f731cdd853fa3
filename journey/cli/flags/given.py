"""Flags that are made from settings. `flags.json` has them in words, so that no `--help` needs a settings model.

    @settings_flags("generate")
    def generate(out: Out, given: GivenFlags, as_json: AsJson = False) -> None:
        settings = given.build(GenerateSettings)

The models import pydantic, which costs more than all of `--help` may; `make golden` writes the file from them
(`journey/cli/flags/make.py`), and `make check` and a test hold it equal to them.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Container
from dataclasses import dataclass
from functools import cache, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from journey.errors import UsageError

if TYPE_CHECKING:
    from pydantic import BaseModel

M = TypeVar("M", bound="BaseModel")
FILE = Path(__file__).with_name("flags.json")
_EXAMPLE = "NAME=VALUE"


@dataclass(frozen=True)
class SettingFlag:
    """One flag: the setting that it is, how its value is typed, and its help. `shape` is that of `journey.settings.fields`."""

    name: str
    flag: str
    shape: str
    metavar: str
    help: str
    split: bool = True
    required: bool = False
    example: str = ""

    def parameter(self) -> inspect.Parameter:
        """The flag as typer wants it. It is None where it is absent, so that its default never counts as given."""
        several = self.shape in ("list", "map")
        kind: Any = bool | None if self.shape == "switch" else list[str] | None if several else str | None
        typed = f"{self.flag}/--no-{self.flag.removeprefix('--')}" if self.shape == "switch" else self.flag
        option = typer.Option(typed, help=self.help, metavar=self.metavar or None, show_default=False)
        default = inspect.Parameter.empty if self.required else None
        kind = str if self.required else kind
        return inspect.Parameter(
            self.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, option]
        )

    def read(self, value: Any) -> Any:
        """What was typed as data, which the settings model reads further; None if the flag is absent."""
        if value is None or (self.shape in ("list", "map") and not value):
            return None
        if self.shape == "map" or (self.shape == "value or map" and "=" in value):
            return self._map(value if self.shape == "map" else [value])
        return self._items(value) if self.shape == "list" else value

    def _items(self, values: list[str]) -> list[str]:
        if not self.split:
            return list(values)
        return [item.strip() for value in values for item in value.split(",") if item.strip()]

    def _map(self, values: list[str]) -> dict[str, str]:
        mapping = {}
        for item in self._items(values):
            name, equals, value = item.partition("=") if self.split else item.rpartition("=")
            if not equals or not name.strip() or not value.strip():
                wanted = self.metavar.partition(",")[0] if "=" in self.metavar else _EXAMPLE
                raise UsageError(f"{self.flag} {item!r} is not {wanted}", f"e.g. {self.flag} {self.example}")
            mapping[name.strip()] = value.strip()
        return mapping


@dataclass(frozen=True)
class GivenFlags:
    """What was typed behind a verb: the flags that are really there, and `--set`."""

    verb: str
    flags: dict[str, Any]
    sets: tuple[str, ...] = ()

    def build(self, kind: type[M], like: Path | None = None) -> M:
        """The settings: defaults, then those of the folder `like`, then `--set`, then flags.

        A `--set` key that is no setting goes to plug-in options. Raises UsageError or UnknownName.
        """
        from journey.settings.given import build, merge, parse_set

        data, known = parse_set(self.sets), kind.model_fields
        options = {name: data.pop(name) for name in list(data) if name not in known and "options" in known}
        for name, value in options.items():
            if not isinstance(value, dict):
                raise UsageError(
                    f"--set {name}={value}: no setting of {self.verb} is called {name!r}",
                    f"known: {', '.join(known)}",
                )
        if options:
            data["options"] = merge(data.get("options") or {}, options)
        flags = {name: value for name, value in self.flags.items() if name in known}
        return build(kind, merge(self._of(like, known), data, flags), self.verb)

    def _of(self, folder: Path | None, known: Container[str]) -> dict[str, Any]:
        """The settings that a finished folder of this stage was made with."""
        if folder is None:
            return {}
        from journey.formats.folders import read_manifest

        config = read_manifest(folder, self.verb).config
        return {name: value for name, value in config.items() if name in known}


@cache
def _file() -> dict[str, Any]:
    data: dict[str, Any] = json.loads(FILE.read_bytes())
    return data


def options(verb: str) -> list[SettingFlag]:
    """The flags of a verb that are settings."""
    return [SettingFlag(**each) for each in _file()[verb]["flags"]]


def settings_flags(verb: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Put the verb's flags (and `--set`, where some settings are no flags) in the place of its parameter `given`."""

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        own, flags = inspect.signature(function, eval_str=True), options(verb)
        added = [option.parameter() for option in flags]
        if _file()[verb]["set"]:
            added.append(_sets(verb))
        parameters = []
        for parameter in own.parameters.values():
            parameters += added if parameter.name == "given" else [parameter.replace(kind=parameter.KEYWORD_ONLY)]

        @wraps(function)
        def called(**values: Any) -> None:
            read = {option.name: option.read(values.pop(option.name)) for option in flags}
            given = {name: value for name, value in read.items() if value is not None}
            function(given=GivenFlags(verb, given, tuple(values.pop("sets", ()))), **values)

        called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        called.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return called

    return decorate


def _sets(verb: str) -> inspect.Parameter:
    words = f"Override any setting, flag or not: `journey list settings {verb}`. Repeats."
    option = typer.Option("--set", metavar="KEY=VALUE", help=words)
    return inspect.Parameter(
        "sets", inspect.Parameter.KEYWORD_ONLY, default=[], annotation=Annotated[list[str], option]
    )


def plug_ins(verb: str) -> str:
    """The end of a verb's help: its plug-ins by name, and where their settings are told."""
    kinds: dict[str, list[str]] = _file()[verb]["plug_ins"]
    named = ". ".join(f"{kind.capitalize()}: {', '.join(names)}" for kind, names in kinds.items())
    command = " or ".join(f"`journey list {kind} NAME`" for kind in kinds)
    return f"{named}. What one is and its settings: {command}. All settings: `journey list settings {verb}`."
