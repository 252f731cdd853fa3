"""What every filter keeps: the contract of `journey.curate.rules.Filter`, over the whole catalog."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import pytest

from journey.catalog import FILTERS, Entry
from journey.curate.item import Item
from journey.curate.rules import Context, bind, in_order, options_model, resolve_options
from journey_testing.curation import pair, reasons

TESTS = Path(__file__).resolve().parent.parent / "curate" / "filters"


def provoked(path: Path) -> set[str]:
    """The filters whose reasons a test file provokes: `filter = "NAME"` in a class over EveryReason."""
    return {
        line.value.value
        for made in ast.walk(ast.parse(path.read_text()))
        if isinstance(made, ast.ClassDef) and any(ast.unparse(base).endswith("EveryReason") for base in made.bases)
        for line in made.body
        if isinstance(line, ast.Assign)
        and ast.unparse(line.targets[0]) == "filter"
        and isinstance(line.value, ast.Constant)
    }


@pytest.mark.parametrize("entry", FILTERS.entries(), ids=lambda entry: entry.name)
class TestEveryFilter:
    def test_facts_are_stated(self, entry: Entry) -> None:
        assert entry.summary.endswith(".")
        assert entry.facts["per"] in ("pair", "dataset")
        assert set(entry.facts["reads"]) <= {"tree", "traces", "problem"}
        assert entry.facts["reasons"] and len(set(entry.facts["reasons"])) == len(entry.facts["reasons"])
        assert entry.module.rpartition(".")[2] == entry.name
        known = {"reads", "per", "reasons", "strict", "after", "asked"}
        assert set(entry.facts) <= known, f"facts that nothing reads: {sorted(set(entry.facts) - known)}"

    def test_strict_is_made_of_its_options_and_each_is_described(self, entry: Entry) -> None:
        model = options_model(entry.target)
        model.model_validate(entry.facts.get("strict", {}))
        assert all(field.description for field in model.model_fields.values())

    def test_state_is_kept_by_dataset_rules_alone(self, entry: Entry) -> None:
        assert entry.facts["per"] == "pair" or inspect.isclass(entry.target)

    def test_each_of_its_reasons_is_provoked(self, entry: Entry) -> None:
        """The file's own class holds the damages to the declared reasons; here it must be there at all."""
        path = TESTS / f"test_{entry.name}.py"
        assert path.is_file() and provoked(path) == {entry.name}, (
            f"write {path.relative_to(TESTS.parent.parent.parent)} with a class over journey_testing.curation.EveryReason: "
            f'filter = "{entry.name}" and damages = a damaged pair for each of {", ".join(entry.facts["reasons"])}'
        )

    def test_what_the_catalogs_make_is_kept(self, entry: Entry, items: list[Item], context: Context) -> None:
        own = Context(context.settings)
        own.questions = {}
        assert reasons(entry.name, items, own, {}) == set()


@pytest.mark.parametrize("name", [entry.name for entry in FILTERS.entries() if entry.facts["per"] == "pair"])
def test_pairs_are_judged_one_by_one(name: str, items: list[Item], context: Context) -> None:
    """A rule per pair says the same of a pair, sound or with its halves exchanged, whatever it judged before."""
    own = Context(context.settings)
    own.questions = {}
    turned = [pair(item, shortcut=item.pair.journey, journey=item.pair.shortcut) for item in items[::3]]
    options = resolve_options(own.settings.model_copy(update={"options": {name: {}}}))
    rules = [next(rule for rule in bind(options, own) if rule.name == name) for _ in range(2)]
    forth, back = rules[0].judge([*items, *turned]), rules[1].judge([*items, *turned][::-1])
    assert forth == back[::-1]


def test_whole_sets_are_judged_last() -> None:
    per = [entry.facts["per"] for entry in in_order()]
    assert per == sorted(per, key=lambda one: one == "dataset")
