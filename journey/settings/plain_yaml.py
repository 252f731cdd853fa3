"""YAML as settings need it: small, shallow and plain, so that no text can crash the reader or keep it busy.

Tags of YAML's own kinds are read, anchors and aliases are not: a few lines of them can stand for gigabytes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from journey.errors import UsageError

LARGEST = 100_000  # characters
DEEPEST = 20  # lists and mappings inside one another


class _Loader(yaml.SafeLoader):
    """The safe loader, which stops at the first node that lies too deep and at the first alias."""

    depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark
            raise yaml.MarkedYAMLError(
                problem="an alias, which is not read here: write the value out", problem_mark=mark
            )
        self.depth += 1
        if self.depth > DEEPEST:
            mark = self.peek_event().start_mark
            raise yaml.MarkedYAMLError(problem=f"more than {DEEPEST} levels inside one another", problem_mark=mark)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


def read(text: str, where: str, hint: str) -> Any:
    """The value of a YAML text. Raises UsageError, which ends in `hint`, for one that is broken, too large or too deep."""
    if len(text) > LARGEST:
        raise UsageError(f"{where}: more than {LARGEST:,} characters, which is no recipe", hint)
    try:
        return yaml.load(text, _Loader)
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark and "\n" in text else ""
        raise UsageError(f"{where}{line}: not YAML that can be read: {error.problem}", hint) from None
    except (yaml.YAMLError, ValueError, LookupError, AttributeError, TypeError) as error:  # of values like !!int x
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise UsageError(f"{where}: not YAML that can be read: {lines[0]}", hint) from None


def read_mapping(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file. Raises UsageError if it is missing or something else."""
    hint = "`journey list recipes quickstart` shows what one holds"
    try:
        with path.open("rb") as file:
            text = file.read(LARGEST + 1).decode("utf-8-sig")
    except FileNotFoundError:
        raise UsageError(f"no recipe file {path}", "see `journey list recipes`") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not text in UTF-8: {error.reason} at byte {error.start}", hint) from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}", "give a YAML file") from None
    data = read(text, str(path), hint)
    if not isinstance(data, dict):
        raise UsageError(f"{path} holds {type(data).__name__}, a mapping of settings is wanted", hint)
    return data


def refuse_unwritable(value: Any, where: str, path: tuple[str, ...] = ()) -> None:
    """Raises UsageError for what no manifest could hold: NaN, infinity, numbers beyond 64 bits, dates, too deep data."""
    setting = ".".join(path)
    if len(path) > DEEPEST:
        raise UsageError(f"{where}: {setting[:60]}: more than {DEEPEST} levels inside one another")
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if not isinstance(key, str):
                raise UsageError(f"{where}: {'.'.join([*path, str(key)])}: a name is text", f'quote it: "{key}"')
            refuse_unwritable(inner, where, (*path, key))
    elif isinstance(value, list | tuple):
        for number, inner in enumerate(value):
            refuse_unwritable(inner, where, (*path, str(number)))
    elif isinstance(value, float) and not math.isfinite(value):
        raise UsageError(f"{where}: {setting} = {value}: expected a finite number")
    elif isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise UsageError(f"{where}: {setting}: expected a number of at most 64 bits")
    elif value is not None and not isinstance(value, str | int | float | Path):
        raise UsageError(f"{where}: {setting} = {value} is read as a {type(value).__name__}", f'quote it: "{value}"')
