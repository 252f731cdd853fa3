"""The rules of one run, bound from the filters' catalog: options by preset and settings, in the filters' own order."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING, Any, Protocol, get_type_hints

from msgspec.structs import replace
from pydantic import create_model

from journey import catalog
from journey.catalog import Catalog, Entry
from journey.config import CurateSettings, Settings
from journey.curate.item import Drop, Item
from journey.errors import UsageError
from journey.formats.attempts import pass_rate
from journey.formats.files import sha256_of
from journey.formats.finetune import TemplateFile
from journey.formats.folders import SampledFolder, open_finished
from journey.models import load, policy, template
from journey.rng import digest
from journey.schema import Pair, Question
from journey.settings.given import build
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
        if self.model is None:
            if policy.wishes_of(self.settings):
                raise UsageError("a chat template is used with a base, and none is given", "add --base NAME")
            return None
        tokenizer = load.load_tokenizer(self.model)
        view = self.settings.view or template.default_view(tokenizer)
        return policy.attach(tokenizer, policy.find(tokenizer, view, policy.wishes_of(self.settings)))

    @cached_property
    def template(self) -> TemplateFile | None:
        """How the base's chat template is used, where that is not simply as it is."""
        own = policy.of(self.tokenizer)
        return own if policy.wishes_of(self.settings) or own != policy.PLAIN else None

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

        questions: dict[str, list[Question]] = {}
        for spec in self.settings.benchmarks:
            loaded, _ = load_questions(spec, split="test", seed=self.settings.seed, fields=self.settings.map)
            questions.setdefault(spec.partition("=")[0], []).extend(loaded)
        return questions

    @cached_property
    def sampled(self) -> SampledFolder | None:
        """The attempts that were given."""
        return None if self.settings.attempts is None else open_finished(self.settings.attempts, "sample")

    @cached_property
    def pass_rates(self) -> dict[str, float | None]:
        """How often the policy of the given attempts was right, by problem. Raises UsageError where several policies answered."""
        if self.sampled is None:
            if self.settings.policy is not None:
                raise UsageError("--policy is given without --attempts", "add --attempts DIR, or leave it out")
            return {}
        name = self.sampled.policy(self.settings.policy)
        return {problem: pass_rate(of_one) for problem, of_one in self.sampled.attempts(name).items()}

    def with_rate(self, pair: Pair) -> Pair:
        """The pair with the pass rate of its problem, where the given attempts tell it and the pair does not."""
        rate = self.pass_rates.get(pair.problem.id)
        if rate is None or "pass_rate" in pair.provenance:
            return pair
        return replace(pair, provenance={**pair.provenance, "pass_rate": rate})

    def inputs(self) -> dict[str, str]:
        """Hashes of what is read beside the pairs: the benchmarks' questions, the attempts."""
        given = self.settings.template
        texts = {} if given is None else {"template": sha256_of(policy.read_template(given).encode())}
        texts |= {"sample": self.sampled.sha256} if self.sampled is not None else {}
        return texts | {
            f"benchmark {name}": digest(*(f"{q.problem.id} {q.problem.question}" for q in questions)).hex()
            for name, questions in self.questions.items()
        }


class Filter(Protocol):
    """One rule of curation, ready to judge: `@FILTERS.add(NAME, reads=..., per=..., reasons=...)` over a function or class.

    A filter is a function `(item, *, option=...)`, or a class `(context, *, option=...)` whose objects are called with an
    item, where it needs the run's settings or keeps something between pairs. Its keyword-only parameters are its options,
    each with a default and a description (`Annotated[int, Field(description=...)]`).

    Facts: `asked`, whether it judges only where the settings name it; `reads`, of "problem", "traces" and "tree", what it looks at; `per`, "pair", or "dataset" where earlier pairs
    matter; `reasons`, every word that its drops may give; `strict`, its options under `--preset strict`; `after`, the
    filters that judge before it. A pair is dropped by the first filter that objects, and the ledger gives that one's
    reason; so a filter comes after those whose objection would explain its own (a tree that is broken, before anything
    that is computed from it). Filters per dataset come after all others, so that only pairs that are kept count as seen.

    Laws: the same item gives the same drops, in a filter per pair whatever was judged before it; what the catalogs make is
    kept. `tests/contracts/test_filters.py` holds every filter to them, and `tests/curate/filters/test_NAME.py` provokes
    each of its reasons.

    Two more methods are taken where they are there: `prepare(items)`, called with a whole shard before its items are
    judged, and `note()`, a sentence for the person at the end of the run (empty: none). A class may have a static method
    `check(settings, *, option=...)`, which refuses options that do not go with the run's settings before a pair is read.
    """

    def __call__(self, item: Item) -> Iterable[Drop]:
        """An objection for each thing that is wrong with the pair; nothing to keep it."""


# The catalog of the core, typed: mypy holds every filter registered through this name to the protocol.
FILTERS: Catalog[Filter | Callable[[Context], Filter]] = catalog.FILTERS


@dataclass(frozen=True)
class BoundFilter:
    """A filter with its options, ready to judge."""

    name: str
    per: str
    call: Filter

    def judge(self, items: Sequence[Item]) -> list[list[Drop]]:
        """What the rule has against each item, in order; a filter's `prepare` sees all of them first."""
        prepare = getattr(self.call, "prepare", None)
        if prepare is not None:
            prepare(items)
        return [list(self.call(item)) for item in items]

    @property
    def note(self) -> str:
        """What the filter wants a person to know when all items are judged; empty if nothing."""
        note = getattr(self.call, "note", None)
        return note() if note is not None else ""


def in_order() -> list[Entry[Filter | Callable[[Context], Filter]]]:
    """The catalog's filters in the order in which they judge: each after those it names, else by name.

    Raises UnknownName for a filter that names another one that is not there, CycleError where they go round in a circle.
    """
    entries = {entry.name: entry for entry in FILTERS.entries()}
    pairwise = {name for name, entry in entries.items() if entry.facts["per"] == "pair"}
    before: dict[str, set[str]] = {}
    for name, entry in entries.items():
        before[name] = {FILTERS.entry(other).name for other in entry.facts.get("after", ())}
        if name not in pairwise:
            before[name] |= pairwise
    sorter = TopologicalSorter(before)
    sorter.prepare()
    names: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        sorter.done(*ready)
        names += ready
    return [entries[name] for name in names]


def options_model(target: Any) -> type[Settings]:
    """The options of a filter: its keyword-only parameters with their types and defaults."""
    signed = target.__init__ if inspect.isclass(target) else target
    hints = get_type_hints(signed, include_extras=True)
    parameters = inspect.signature(signed).parameters.values()
    fields: dict[str, Any] = {p.name: (hints[p.name], p.default) for p in parameters if p.kind is p.KEYWORD_ONLY}
    return create_model("Options", __base__=Settings, **fields)


def resolve_options(settings: CurateSettings) -> dict[str, dict[str, Any]]:
    """The options of every filter that judges, in order: default < preset < settings. Raises UnknownName or UsageError."""
    for name in settings.options:
        FILTERS.entry(name)
    resolved = {}
    for entry in in_order():
        if entry.facts.get("asked") and entry.name not in settings.options:
            continue
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


def bind(options: dict[str, dict[str, Any]], context: Context) -> list[BoundFilter]:
    """The filters of a run, each with its options (as `resolve_options` gives them), in the order in which they judge."""
    rules = []
    for entry in in_order():
        if entry.name not in options:
            continue
        target, chosen = entry.target, options[entry.name]
        call: Any = target(context, **chosen) if isinstance(target, type) else partial(target, **chosen)
        rules.append(BoundFilter(entry.name, entry.facts["per"], call))
    return rules
