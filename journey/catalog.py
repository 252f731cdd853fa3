"""Catalogs: the names that the command line knows, each defined in one plug-in file.

    @FAMILIES.add("countdown", levels={1: "3 numbers"}, methods=("search",))
    class Countdown: ...

A plug-in is found by scanning its folder, so adding one is one file; a stage asks for another stage's plug-in by
name and never imports its file (`FAMILIES.get("countdown")`). The core cannot name what a stage defines, so the entries
are untyped here; a stage that states the contract of its plug-ins gives the catalog its type there, under the same name.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from journey.errors import UnknownName

T = TypeVar("T")


@dataclass(frozen=True)
class Entry(Generic[T]):
    """One catalog entry: the object, the module that defined it, a one-line summary and facts for `journey list`.

    `revision` goes up when the same settings give other bytes; folders remember it, see `revisions`.
    """

    name: str
    target: T
    module: str
    summary: str
    facts: dict[str, Any] = field(default_factory=dict)
    revision: int = 1


class Catalog(Generic[T]):
    """Names of one kind of plug-in, loaded on first use from one package folder."""

    def __init__(self, kind: str, package: str) -> None:
        self.kind, self.package = kind, package
        self._entries: dict[str, Entry[T]] = {}
        self._loaded = False

    def add(self, name: str, *, summary: str = "", revision: int = 1, **facts: Any) -> Callable[[T], T]:
        """Register the decorated object; the summary defaults to the first line of its docstring."""

        def register(target: T) -> T:
            module = getattr(target, "__module__", type(target).__module__)
            if name in self._entries and self._entries[name].module != module:
                raise RuntimeError(f"{self.kind} {name!r} is defined in {self._entries[name].module} and in {module}")
            text = summary or (getattr(target, "__doc__", None) or "").strip().split("\n")[0]
            self._entries[name] = Entry(name, target, module, text, facts, revision)
            return target

        return register

    def load(self) -> None:
        """Import every module of the folder, in sorted order, once."""
        if self._loaded:
            return
        package = importlib.import_module(self.package)
        for module in sorted(info.name for info in pkgutil.iter_modules(package.__path__)):
            importlib.import_module(f"{self.package}.{module}")
        self._loaded = True

    def names(self) -> list[str]:
        """The names that are registered, sorted; imports the folder first."""
        self.load()
        return sorted(self._entries)

    def entry(self, name: str) -> Entry[T]:
        """The entry of a name. Raises UnknownName, which offers the nearest names."""
        self.load()
        if name not in self._entries:
            raise UnknownName(self.kind, name, self._entries)
        return self._entries[name]

    def get(self, name: str) -> T:
        """The object registered under a name. Raises UnknownName."""
        return self.entry(name).target

    def entries(self) -> list[Entry[T]]:
        """The entries with their facts and summaries, sorted by name."""
        return [self._entries[name] for name in self.names()]


FAMILIES: Catalog[Any] = Catalog("family", "journey.generate.families")
METHODS: Catalog[Any] = Catalog("method", "journey.generate.methods")
FILTERS: Catalog[Any] = Catalog("filter", "journey.curate.filters")
ARMS: Catalog[Any] = Catalog("arm", "journey.finetune.arms")
ENGINES: Catalog[Any] = Catalog("engine", "journey.finetune.engines")
BENCHMARKS: Catalog[Any] = Catalog("benchmark", "journey.evaluate.benchmarks")
STRATEGIES: Catalog[Any] = Catalog("strategy", "journey.evaluate.strategies")


def revisions(*used: tuple[Catalog[Any], Iterable[str]]) -> dict[str, dict[str, int]]:
    """What a folder's settings hold of the plug-ins that made it: `{"revisions": {"method slips": 2}}`.

    A run that was begun under one revision is not gone on with under another. The first revision goes without saying,
    so the manifests of plug-ins that never changed stay what they were.
    """
    numbers = {
        f"{catalog.kind} {name}": catalog.entry(name).revision for catalog, names in used for name in sorted({*names})
    }
    changed = {name: number for name, number in numbers.items() if number > 1}
    return {"revisions": changed} if changed else {}
