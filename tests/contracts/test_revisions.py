"""Bytes that a plug-in makes change with its revision only: a folder that was begun would mix the two otherwise.

tests/golden/revisions.txt holds, of every plug-in, its revision and a hash of what it makes of fixed input. Where a hash
changes, raise `revision=` where the plug-in is registered, and let `make golden` write the file again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from journey.catalog import ARMS, FAMILIES, FILTERS, METHODS, STRATEGIES, Catalog, Entry, revisions
from journey.config import CurateSettings, GenerateSettings
from journey.curate.item import Item
from journey.curate.rules import Context, bind, resolve_options
from journey.errors import UsageError
from journey.finetune.runs import ArmContext
from journey.formats.folders import open_finished
from journey.generate.attempts.matched import AttemptedProblem
from journey.generate.protocols import AttemptReader, TraceReader
from journey.generate.run import generate
from journey.models import load
from journey.schema import Verdict, encode
from journey_testing import traces
from journey_testing.attempts import attempted
from journey_testing.golden import GOLDEN, check_golden
from journey_testing.matrices import NUMBERS, matrix

PROBLEMS = 8
VARIANTS = 9
MADE = GOLDEN / "v0_1"  # pairs that no later change of a family or method touches


def digest(parts: Iterable[bytes]) -> str:
    return hashlib.sha256(b"\n".join(parts)).hexdigest()[:16]


def of_family(name: str) -> Iterable[bytes]:
    """Its problems, their difficulty, and what its checker accepts."""
    family = FAMILIES.get(name)()
    for level in FAMILIES.entry(name).facts["levels"]:
        for index in range(PROBLEMS):
            problem = family.problem(0, index, level)
            yield encode(problem) + f" {family.difficulty(problem)!r}".encode()


def of_method(name: str) -> Iterable[bytes]:
    """Pairs and trees of every family that it works on, or of the attempts of a made-up policy."""
    method = METHODS.get(name)()
    if isinstance(method, AttemptReader):
        for each in tried():
            one = method.make_of(each, 0)
            yield encode(one.pair) + encode(one.tree) if hasattr(one, "pair") else repr(one).encode()
    if isinstance(method, TraceReader):
        for rows in traces.ROWS:
            yield from (encode(one.pair) + encode(one.tree) for one in traces.made(rows))
    for family in FAMILIES.entries():
        if name in family.facts["methods"]:
            for index in range(PROBLEMS):
                one = method.make(family.target().problem(0, index, min(family.facts["levels"])), 0)
                yield encode(one.pair) + encode(one.tree) if hasattr(one, "pair") else repr(one).encode()


@cache
def tried() -> list[AttemptedProblem]:
    return attempted(PROBLEMS)


@cache
def kept_items() -> list[Item]:
    """Pairs of 0.1.0 with their trees, whole and damaged: the last segment cut off, and each a second time."""
    items: list[Item] = []
    for folder in ("generate", "generate-arithmetic", "generate-words"):
        made = open_finished(MADE / folder, "generate")
        grown = {tree.id: tree for tree in made.trees()}
        sound = [Item(pair, grown[pair.tree]) for pair in made.pairs()][:PROBLEMS]
        for item, other in zip(sound, sound[1:] + sound[:1], strict=True):
            items += variants(item, other)
    return items


def variants(item: Item, other: Item) -> Iterable[Item]:
    """A sound pair, and what may be wrong with it."""
    pair, tree = item.pair, item.tree
    journey, shortcut = pair.journey, pair.shortcut
    yield item
    yield item  # an exact duplicate
    yield Item(replace(pair, journey=replace(journey, segments=journey.segments[:-1])), tree)
    yield Item(replace(pair, shortcut=journey, journey=shortcut), tree)
    yield Item(pair, other.tree)
    yield Item(pair, replace(tree, nodes=tuple(replace(node, verdict=turned(node.verdict)) for node in tree.nodes)))
    yield Item(pair, replace(tree, nodes=tuple(replace(node, claim=None) for node in tree.nodes)))
    for changed in ("1 + 1 = 3 <think>", "right, low and high."):
        text = tuple(replace(each, text=f"{each.text} {changed}") for each in journey.segments)
        yield Item(replace(pair, journey=replace(journey, segments=text)), tree)


def turned(verdict: Verdict) -> Verdict:
    return "wrong" if verdict == "right" else "right"


def of_filter(name: str) -> Iterable[bytes]:
    """What it objects to in the kept pairs, as it is by default and as it is at its strictest."""
    for options in ({}, FILTERS.entry(name).facts.get("strict", {})):
        settings = CurateSettings(base="pocket", view="compact", options={name: options})
        (rule,) = (rule for rule in bind(resolve_options(settings), Context(settings)) if rule.name == name)
        objections = rule.judge(kept_items())
        assert name in UNPROVOKED or any(objections), f"{name} objects to none of the damaged pairs: add to variants()"
        yield repr(objections).encode()


def of_arm(name: str) -> Iterable[bytes]:
    """The traces that it makes of the kept pairs."""
    arm = ARMS.get(name)()
    if arm.trace is not None:
        pairs = [item.pair for item in kept_items()[::VARIANTS]]
        context = ArmContext(load.load_tokenizer(load.find("pocket")), "compact")
        yield from (encode(trace) for trace in arm.traces(pairs, context))
    yield repr(sorted(arm.weights.items())).encode()


def of_strategy(name: str) -> Iterable[bytes]:
    """Scores and tokens of random samples at every place."""
    strategy = STRATEGIES.get(name)()
    if strategy.probe:
        return
    for place in strategy.places(NUMBERS):
        applied = strategy.apply(matrix(strategy), place, NUMBERS)
        yield repr((applied.scores.round(9).tolist(), applied.tokens.round(6).tolist())).encode()


UNPROVOKED = {"benchmark_overlap", "pass_rate"}  # asks for the problems of a benchmark
KINDS: list[tuple[Catalog[Any], Callable[[str], Iterable[bytes]]]] = [
    (FAMILIES, of_family),
    (METHODS, of_method),
    (FILTERS, of_filter),
    (ARMS, of_arm),
    (STRATEGIES, of_strategy),
]


def test_bytes_change_with_the_revision_only() -> None:
    lines = [
        f"{catalog.kind} {entry.name} {entry.revision} {digest(made(entry.name))}"
        for catalog, made in KINDS
        for entry in catalog.entries()
    ]
    check_golden("revisions.txt", "\n".join(lines) + "\n")


@pytest.fixture
def raised(monkeypatch: pytest.MonkeyPatch) -> Callable[[Catalog[Any], str], None]:
    """Puts the revision of a plug-in up, as an edit of its file would."""

    def put_up(catalog: Catalog[Any], name: str) -> None:
        old: Entry[Any] = catalog.entry(name)
        new = Entry(old.name, old.target, old.module, old.summary, old.facts, old.revision + 1)
        monkeypatch.setitem(catalog._entries, name, new)

    return put_up


def test_a_begun_folder_is_not_gone_on_with_under_another_revision(tmp_path: Path, raised: Any) -> None:
    settings = GenerateSettings(family=["countdown@1"], method=["search"], pairs=3)
    out = generate(settings, tmp_path / "made")
    assert open_finished(out, "generate").manifest.config["revisions"] == {"method search": 2}
    raised(METHODS, "search")
    with pytest.raises(UsageError, match="method search: 2 there, 3 now"):
        generate(settings, out)
    again = generate(settings, tmp_path / "again")
    assert open_finished(again, "generate").manifest.config["revisions"] == {"method search": 3}


def test_only_plug_ins_in_use_count(raised: Any) -> None:
    raised(FILTERS, "length")
    assert revisions((FILTERS, ["exact_duplicate"])) == {}
    assert revisions((FILTERS, ["exact_duplicate", "length"])) == {"revisions": {"filter length": 2}}
