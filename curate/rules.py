"""From the filters' catalog to the rules of one run: options by preset and settings, in the filters' own order.

A filter is a function `(item, *, option=...)` or a class `(context, *, option=...)` whose objects are called with an
item; it yields a `Drop` for each objection and nothing to keep. Its keyword-only parameters are its options. Facts in
the catalog: `reads`, `per` ("pair", or "dataset" where earlier pairs matter), `order`, `reasons`, and `strict`, the
options under `--preset strict`. A class may have a static method `check(settings, *, option=...)` that refuses options which
the run's settings leave without effect, before a pair is read.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, get_type_hints

from pydantic import create_model

from journey.catalog import FILTERS, Entry
from journey.config import CurateSettings, Settings, build
from journey.curate.item import Drop, Item
from journey.models import load, template
from journey.rng import digest
from journey.schema import Question
from journey.views import View

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass
class Context:
    """What filters may ask of the run: its settings, the base's tokenizer, the benchmarks' questions.

    `per_problem` is how many trees of one problem were asked for when the pairs were made (None: not known).
    """

    settings: CurateSettings
    per_problem: int | None = None

    @cached_property
    def model(self) -> load.ModelRef | None:
        """The base, where one is given."""
        return None if self.settings.base is None else load.find(self.settings.base)

    @cached_property
    def tokenizer(self) -> PreTrainedTokenizerBase | None:
        """The base's tokenizer, where a base is given."""
        return None if self.model is None else load.load_tokenizer(self.model)

    @cached_property
    def view(self) -> View:
        """The view that is trained on; prose where neither it nor a base is given."""
        if self.settings.view is not None:
            return self.settings.view
        return "think" if self.tokenizer is None else template.default_view(self.tokenizer)

    @cached_property
    def questions(self) -> dict[str, list[Question]]:
        """Every question of the benchmarks, by the benchmark's name."""
        from journey.questions import load_questions

        found: dict[str, list[Question]] = {}
        for spec in self.settings.benchmarks:
            asked, _ = load_questions(spec, split="test", seed=self.settings.seed)
            found.setdefault(spec.partition("=")[0], []).extend(asked)
        return found

    def inputs(self) -> dict[str, str]:
        """Hashes of what is read beside the pairs: the benchmarks' questions."""
        return {
            f"benchmark {name}": digest(*(f"{q.problem.id} {q.problem.question}" for q in asked)).hex()
            for name, asked in self.questions.items()
        }


@dataclass(frozen=True)
class Rule:
    """A filter with its options, ready to judge."""

    name: str
    per: str
    call: Callable[[Item], Iterable[Drop]]

    def judge(self, items: Sequence[Item]) -> list[list[Drop]]:
        """What the rule has against each item, in order; a filter's `prepare` sees all of them first."""
        prepare = getattr(self.call, "prepare", None)
        if prepare is not None:
            prepare(items)
        return [list(self.call(item)) for item in items]

    @property
    def note(self) -> str:
        """What the filter wants a person to know when all items are judged; empty if nothing."""
        said = getattr(self.call, "note", None)
        return said() if said is not None else ""


def in_order() -> list[Entry]:
    """The catalog's filters in the order in which they judge."""
    return sorted(FILTERS.entries(), key=lambda entry: (entry.facts["order"], entry.name))


def options_model(target: Any) -> type[Settings]:
    """The options of a filter: its keyword-only parameters with their types and defaults."""
    signed = target.__init__ if inspect.isclass(target) else target
    hints = get_type_hints(signed, include_extras=True)
    parameters = inspect.signature(signed).parameters.values()
    fields: dict[str, Any] = {p.name: (hints[p.name], p.default) for p in parameters if p.kind is p.KEYWORD_ONLY}
    return create_model("Options", __base__=Settings, **fields)


def resolve_options(settings: CurateSettings) -> dict[str, dict[str, Any]]:
    """Every filter's options, in order: default < preset < settings. Raises UnknownName or UsageError."""
    for name in settings.options:
        FILTERS.entry(name)
    resolved = {}
    for entry in in_order():
        preset = entry.facts.get("strict", {}) if settings.preset == "strict" else {}
        chosen = {**preset, **settings.options.get(entry.name, {})}
        options = build(options_model(entry.target), chosen, f"filter {entry.name}").model_dump(mode="json")
        if hasattr(entry.target, "check"):
            entry.target.check(settings, **options)
        resolved[entry.name] = options
    return resolved


def check(settings: CurateSettings) -> None:
    """Raises UnknownName or UsageError for filters, options or benchmarks that cannot be; reads no pair."""
    from journey.questions import name_of

    resolve_options(settings)
    for spec in settings.benchmarks:
        name_of(spec)


def bind(options: dict[str, dict[str, Any]], context: Context) -> list[Rule]:
    """The rules of a run."""
    found = []
    for entry in in_order():
        target, chosen = entry.target, options[entry.name]
        call = target(context, **chosen) if isinstance(target, type) else partial(target, **chosen)
        found.append(Rule(entry.name, entry.facts["per"], call))
    return found
