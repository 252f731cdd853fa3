"""What every method keeps on every family that names it: the contract of `journey.generate.protocols.Method`."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import pytest
from pydantic import ValidationError

from journey import views
from journey.answers.grading import grade
from journey.catalog import FAMILIES, METHODS, Entry
from journey.cli.printing.catalogs import rows as catalog_rows
from journey.config import CurateSettings
from journey.curate.item import Item
from journey.curate.rules import Context, bind, resolve_options
from journey.generate.made import MadePair, Rejection
from journey.generate.protocols import AskingMethod, AttemptReader, Method, TraceReader, UnnoticedMistakes
from journey.schema import Problem, encode
from journey_testing.pairs import assert_round_trips

COUNT = 50
LIMITS = {"limit_reached"}  # a method may give up on large problems, where its settings say when
EXACT = {"search": "backtracks", "slips": "mistakes"}  # the setting that says how many mistakes a journey has
COMBINATIONS = [
    (family.name, level, method)
    for family in FAMILIES.entries()
    for level in family.facts["levels"]
    for method in family.facts["methods"]
]
EVERY_COMBINATION = pytest.mark.parametrize(
    ("family", "level", "method"),
    COMBINATIONS,
    ids=[f"{method}-{name}@{level}" for name, level, method in COMBINATIONS],
)


@lru_cache
def results(family: str, level: int, method: str, seed: int = 0, attempt: int = 0) -> tuple[MadePair | Rejection, ...]:
    """What the method gives for the first problems of a level."""
    ask, make = FAMILIES.get(family)().problem, METHODS.get(method)().make
    return tuple(make(ask(0, index, level), seed, attempt) for index in range(COUNT))


def pairs(*combination: Any, **more: Any) -> list[MadePair]:
    return [one for one in results(*combination, **more) if isinstance(one, MadePair)]


@pytest.mark.parametrize("entry", METHODS.entries(), ids=lambda entry: entry.name)
class TestEveryMethod:
    def test_it_is_what_the_protocol_says(self, entry: Entry[Any]) -> None:
        assert isinstance(entry.target(), Method) and entry.module.rpartition(".")[2] in (entry.name, f"{entry.name}ed")
        assert isinstance(entry.facts["model"], bool)
        known = {"model", "problems", "attempts", "traces", "needs", "may_need", "prompts"}
        assert set(entry.facts) <= known, "which families it works on is said by them"
        assert isinstance(entry.target(), AskingMethod) == entry.facts["model"]
        if entry.facts["model"]:
            assert set(entry.target().asks) <= {*entry.facts["needs"], *entry.facts.get("may_need", ())}
        named = any(entry.name in family.facts["methods"] for family in FAMILIES.entries())
        reads = entry.facts.get("problems") or entry.facts.get("attempts") or entry.facts.get("traces")
        assert named or reads, "no family names it, and it reads neither problem files nor attempts"
        assert isinstance(entry.target(), AttemptReader) == bool(entry.facts.get("attempts"))
        assert isinstance(entry.target(), TraceReader) == bool(entry.facts.get("traces"))

    def test_settings_have_defaults_and_descriptions_and_refuse_what_they_do_not_know(self, entry: Entry[Any]) -> None:
        settings = entry.target.Settings
        assert all(field.description and not field.is_required() for field in settings.model_fields.values())
        with pytest.raises(ValidationError, match="no_such_setting"):
            settings(no_such_setting=1)
        made = settings()
        with pytest.raises(ValidationError, match="frozen"):
            setattr(made, next(iter(settings.model_fields)), None)

    def test_a_problem_that_it_cannot_use_is_refused_with_a_reason(self, entry: Entry[Any]) -> None:
        bare = Problem("0" * 32, "Why?", "because", "somewhere")
        refused = entry.target().make(bare, 0)
        assert isinstance(refused, Rejection) and re.fullmatch("[a-z_]+", refused.reason)


def test_the_lists_show_the_link_of_families_and_methods_from_both_ends() -> None:
    """It is declared by the family alone."""
    by_family = {row["name"]: row["facts"]["methods"] for row in catalog_rows("families")}
    for row in catalog_rows("methods"):
        working = tuple(family for family, methods in by_family.items() if row["name"] in methods)
        assert row["facts"].get("families", ()) == working


@EVERY_COMBINATION
class TestEveryCombination:
    def test_nine_of_ten_problems_give_a_pair(self, family: str, level: int, method: str) -> None:
        refused = [one.reason for one in results(family, level, method) if isinstance(one, Rejection)]
        assert all(re.fullmatch("[a-z_]+", reason) for reason in refused)
        assert sum(reason not in LIMITS for reason in refused) <= 0.1 * COUNT, f"refused: {sorted(refused)}"
        assert pairs(family, level, method)

    def test_the_same_call_gives_the_same_bytes_and_another_seed_other_texts(
        self, family: str, level: int, method: str
    ) -> None:
        first = pairs(family, level, method)
        ask, make = FAMILIES.get(family)().problem, METHODS.get(method)().make
        again = [make(ask(0, index, level), 0) for index in reversed(range(COUNT))][::-1]
        assert [encode(one.pair) + encode(one.tree) for one in again if isinstance(one, MadePair)] == [
            encode(one.pair) + encode(one.tree) for one in first
        ]
        texts = {views.render(one.pair.journey, "think").text for one in first}
        for other in ({"seed": 1}, {"attempt": 1}):
            drawn = pairs(family, level, method, **other)
            told = {views.render(one.pair.journey, "think").text for one in drawn}
            assert len(texts & told) < len(texts) / 2, f"{other} draws the same texts"
            assert not {one.pair.pair_id for one in first} & {one.pair.pair_id for one in drawn}

    def test_views_round_trip(self, family: str, level: int, method: str) -> None:
        """Records survive being written, spans are where the text is, and both halves end in the same right box."""
        for one in pairs(family, level, method):
            assert_round_trips(one, method)

    def test_curation_keeps_every_pair(self, family: str, level: int, method: str) -> None:
        """Each mistake refuted, each notice checked, each move legal: by every filter that needs no base."""
        context = Context(CurateSettings())
        once = {
            one.pair.problem.id: one for one in pairs(family, level, method)
        }  # small levels come to the same problem again
        items = [Item(one.pair, one.tree) for one in once.values()]
        for rule in bind(resolve_options(context.settings), context):
            dropped = [drop for drops in rule.judge(items) for drop in drops]
            assert not dropped, f"{rule.name}: {dropped[0]}"

    @pytest.mark.parametrize("wanted", [0, 1, 3])
    def test_an_exact_number_of_mistakes(self, family: str, level: int, method: str, wanted: int) -> None:
        """So many in every pair, or the problem is refused; none is the shortcut's path, with the re-checks that pass."""
        made, ask = METHODS.get(method), FAMILIES.get(family)().problem
        counted = made(made.Settings(**{EXACT[method]: wanted}))
        told = [counted.make(ask(0, index, level), 0) for index in range(12)]
        refused = {one.reason for one in told if isinstance(one, Rejection)}
        assert refused <= {*LIMITS, "too_few_mistakes", "too_few_steps", "too_few_places"} and (
            wanted or refused <= LIMITS
        )
        found = [one.pair for one in told if isinstance(one, MadePair)]
        assert {pair.mistakes for pair in found} <= {wanted}
        for pair in found:
            assert pair.mistakes == sum(s.role == "mistake" for s in pair.journey.segments)
            if not wanted:
                right = [s.text for s in pair.journey.segments if s.role != "check"]
                assert right == [s.text for s in pair.shortcut.segments]

    def test_mistakes_that_nobody_notices_end_in_a_wrong_box(self, family: str, level: int, method: str) -> None:
        made = METHODS.get(method)()
        if not isinstance(made, UnnoticedMistakes):
            pytest.skip(f"{method} does not follow mistakes to the end")
        for one in pairs(family, level, method)[:10]:
            trace = made.unnoticed(one.pair)
            assert trace is None or grade(one.pair.problem, views.render(trace, "think").text).outcome == "wrong"
