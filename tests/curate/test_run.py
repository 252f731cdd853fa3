"""The stage: nothing lost, nothing unpaired, byte-identical when resumed, and clear about what it cannot use."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from msgspec.structs import replace

from journey.config import CurateSettings
from journey.curate import run
from journey.curate.item import Item
from journey.curate.rules import Context, bind, in_order, resolve_options
from journey.errors import PartialError, UnknownName, UsageError
from journey.formats.folders import read_manifest
from journey.schema import Pair, Problem, Question
from journey.splits import SPLITS, split_of
from journey.store import Folder
from journey.views import lay_out
from journey_testing.folders import records

UNHASHED = {"environment.json", "timing.json"}


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "ROWS_PER_SHARD", 10)


@pytest.fixture
def settings(base: Path) -> CurateSettings:
    return CurateSettings(base=str(base), view="compact")


@pytest.fixture(scope="session")
def mixed(searches: list[Item], slips: list[Item]) -> list[Item]:
    """Sound pairs with damaged ones among them, in one half or in the tree, and copies."""
    items = [item for both in zip(searches, slips, strict=True) for item in both]
    for place in range(0, len(items), 7):
        item = items[place]
        half = "journey" if place % 2 else "shortcut"
        trace = item.trace(half)
        told = [(each.role, each.text, each.brief, each.node) for each in trace.segments[:-1]]
        wrong = replace(trace, segments=lay_out([*told, ("answer", "\\boxed{999}", "\\boxed{ 999 }", 1)]))
        items[place] = Item(replace(item.pair, **{half: wrong}), item.tree)
    for place in range(3, len(items), 11):
        item = items[place]
        nodes = tuple(replace(node, claim=None) for node in item.tree.nodes)
        items[place] = Item(item.pair, replace(item.tree, nodes=nodes))
    return [*items, *items[:9]]


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file() and ".done" not in path.parts)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files if path.name not in UNHASHED}


def ledger(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "ledger.jsonl").read_text().splitlines()]


def kept(folder: Path) -> Iterator[Pair]:
    for split in SPLITS:
        yield from records(folder, split, Pair)


def test_books_balance(
    mixed: list[Item], settings: CurateSettings, generated: Callable[..., Path], tmp_path: Path
) -> None:
    """Per rule rows in = kept + dropped, a rule sees what the one before kept, and the ledger has every drop once."""
    out = run.curate(generated(tmp_path / "made", mixed), settings, tmp_path / "out")
    funnel = json.loads((out / "funnel.json").read_bytes())
    rows, lines = len(mixed), ledger(out)
    assert [row["rule"] for row in funnel["rules"]] == [e.name for e in in_order() if not e.facts.get("asked")]
    for row in funnel["rules"]:
        assert (row["in"], row["in"] - row["dropped"]) == (rows, row["kept"])
        mine = [line for line in lines if line["rule"] == row["rule"]]
        assert len(mine) == row["dropped"] == sum(row["reasons"].values())
        assert {reason: sum(line["reason"] == reason for line in mine) for reason in row["reasons"]} == row["reasons"]
        rows = row["kept"]
    totals = funnel["totals"]
    assert totals["in"] == len(mixed) == totals["kept"] + totals["dropped"]
    assert totals["dropped"] == len(lines) > 15
    assert totals["kept"] == rows == len(list(kept(out))) == sum(totals[split] for split in SPLITS)
    assert read_manifest(out, "curate").counts == totals
    dropped = {line["rule"] for line in lines}
    assert {"answer_correct", "mistakes_refuted", "exact_duplicate"} <= dropped


def test_a_pair_is_dropped_whole_and_kept_untouched(
    mixed: list[Item], settings: CurateSettings, generated: Callable[..., Path], tmp_path: Path
) -> None:
    """Damage in one half takes the other with it; what is kept is the very pair, in input order, in its own split."""
    out = run.curate(generated(tmp_path / "made", mixed), settings, tmp_path / "out")
    there = list(kept(out))
    order = [item.pair for item in mixed]
    assert all(pair in order for pair in there)
    for split in SPLITS:
        mine = list(records(out, split, Pair))
        assert [split_of(pair.problem) for pair in mine] == [split] * len(mine)
        assert [order.index(pair) for pair in mine] == sorted(order.index(pair) for pair in mine)
    damaged = {item.pair.pair_id for item in mixed if "999" in item.pair.journey.segments[-1].brief}
    damaged |= {item.pair.pair_id for item in mixed if "999" in item.pair.shortcut.segments[-1].brief}
    assert damaged and not damaged & {pair.pair_id for pair in there}
    assert min(path.name for path in (out / "train").iterdir()) == "00000.jsonl"
    assert all(len(path.read_bytes().splitlines()) <= 10 for path in (out / "train").iterdir())


def test_curating_the_kept_pairs_keeps_them_all(
    mixed: list[Item], settings: CurateSettings, generated: Callable[..., Path], tmp_path: Path
) -> None:
    once = run.curate(generated(tmp_path / "made", mixed), settings, tmp_path / "once")
    pairs = {pair.pair_id for pair in kept(once)}
    again = [item for item in mixed[: len(mixed) - 9] if item.pair.pair_id in pairs]
    twice = run.curate(generated(tmp_path / "kept", again), settings, tmp_path / "twice")
    assert ledger(twice) == []
    assert [contents(twice)[f"{split}/00000.jsonl"] for split in SPLITS if (once / split).exists()] == [
        contents(once)[f"{split}/00000.jsonl"] for split in SPLITS if (once / split).exists()
    ]


def test_rules_on_single_pairs_do_not_depend_on_order(mixed: list[Item], context: Context) -> None:
    own = Context(context.settings)
    own.questions = {}
    for rule in bind(resolve_options(own.settings), own):
        if rule.per != "pair":
            continue
        shuffled = Random(1).sample(mixed, len(mixed))
        verdicts = [dict(zip(items, rule.judge(items), strict=True)) for items in (mixed, shuffled)]
        assert verdicts[0] == verdicts[1], rule.name


def test_the_first_rule_that_objects_gets_the_pair_with_all_its_reasons(
    searches: list[Item], settings: CurateSettings, generated: Callable[..., Path], tmp_path: Path
) -> None:
    item = next(each for each in searches[1:] if each.pair.mistakes >= 2)
    nodes = tuple(replace(node, claim=None) for node in item.tree.nodes)
    damaged = Item(item.pair, replace(item.tree, nodes=nodes))
    made = generated(tmp_path / "made", [searches[0], damaged])
    (line,) = ledger(run.curate(made, settings, tmp_path / "out"))
    assert (line["rule"], line["reason"]) == ("mistakes_refuted", "mistake_without_claim")
    found = [line["node"], *(drop["node"] for drop in line["also"])]
    assert found == [node.id for node in item.tree.mistakes()]
    assert line["problem"] == item.pair.problem.id


def test_resumed_after_a_kill_it_ends_byte_identical(
    mixed: list[Item],
    settings: CurateSettings,
    generated: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = generated(tmp_path / "made", mixed)
    whole = run.curate(made, settings, tmp_path / "whole")
    write = Folder.write_shard
    for stop in (0, 1, 3):
        left = [stop]

        def killed(self: Folder, *args: Any, left: list[int] = left, **more: Any) -> None:
            if left[0] == 0:
                raise KeyboardInterrupt
            left[0] -= 1
            write(self, *args, **more)

        out = tmp_path / f"stopped-{stop}"
        with monkeypatch.context() as patched:
            patched.setattr(Folder, "write_shard", killed)
            with pytest.raises(KeyboardInterrupt):
                run.curate(made, settings, out)
        assert not out.exists()
        assert contents(run.curate(made, settings, out)) == contents(whole)


def test_a_damaged_output_shard_is_made_again(
    searches: list[Item], settings: CurateSettings, generated: Callable[..., Path], tmp_path: Path
) -> None:
    made = generated(tmp_path / "made", searches)
    out = run.curate(made, settings, tmp_path / "out")
    before = contents(out)
    (out / "train" / "00001.jsonl").write_bytes(b"{}\n")
    (out / "ledger.jsonl").write_bytes(b"nothing\n")
    assert contents(run.curate(made, settings, out)) == before


@pytest.mark.parametrize("kind", ["pairs", "trees"])
@pytest.mark.parametrize("lost", [100, -1], ids=["bytes", "line"])
def test_a_damaged_source_is_refused(
    lost: int, kind: str, searches: list[Item], settings: CurateSettings, generated: Callable[..., Path], tmp_path: Path
) -> None:
    made = generated(tmp_path / "made", searches)
    path = made / kind / "00001.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole[:-lost] if lost > 0 else b"".join(whole.splitlines(keepends=True)[:-1]))
    with pytest.raises(PartialError, match=f"{kind}/00001.jsonl"):
        run.curate(made, settings, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_pair_without_its_tree_is_refused(
    searches: list[Item], settings: CurateSettings, generated: Callable[..., Path], tmp_path: Path
) -> None:
    alone = Item(replace(searches[0].pair, tree="gone"), searches[0].tree)
    with pytest.raises(PartialError, match="no tree gone"):
        run.curate(generated(tmp_path / "made", [alone]), settings, tmp_path / "out")


def test_trees_are_joined_by_id(searches: list[Item], settings: CurateSettings, tmp_path: Path) -> None:
    """Trees in another order than their pairs change nothing."""
    with Folder.open(tmp_path / "made", "generate", {"per_problem": 1}) as folder:
        pairs, trees = [item.pair for item in searches], [item.tree for item in searches[::-1]]
        folder.write_shard(0, {"pairs/00000.jsonl": pairs, "trees/00000.jsonl": trees})
        folder.finish({"pairs": len(pairs)})
    assert ledger(run.curate(tmp_path / "made", settings, tmp_path / "out")) == []


def test_several_sources_are_one_input(
    searches: list[Item], slips: list[Item], settings: CurateSettings, generated: Callable[..., Path], tmp_path: Path
) -> None:
    """Their pairs come in the order given, and a pair that both hold is kept once."""
    first = generated(tmp_path / "first", searches)
    second = generated(tmp_path / "second", [*searches[:5], *slips])
    out = run.curate([first, second], settings, tmp_path / "out")
    assert [line["reason"] for line in ledger(out)] == ["duplicate"] * 5
    assert read_manifest(out).counts["in"] == 85


def test_trees_of_one_problem_are_kept_as_they_were_asked_for(
    searches: list[Item], settings: CurateSettings, generated: Callable[..., Path], tmp_path: Path
) -> None:
    item = searches[0]
    plan = replace(item.pair.journey.segments[0], brief="so")
    other = replace(item.pair, journey=replace(item.pair.journey, segments=(plan, *item.pair.journey.segments[1:])))
    items = [item, Item(other, item.tree), item]
    one = run.curate(generated(tmp_path / "a", items, per_problem=1), settings, tmp_path / "one")
    two = run.curate(generated(tmp_path / "b", items, per_problem=2), settings, tmp_path / "two")
    assert [line["reason"] for line in ledger(one)] == ["duplicate_problem", "duplicate"]
    assert [line["reason"] for line in ledger(two)] == ["duplicate"]


def test_benchmark_questions_are_left_out(
    searches: list[Item],
    settings: CurateSettings,
    generated: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Their bytes are an input: other questions under the same name are another run."""
    made, named = generated(tmp_path / "made", searches), settings.model_copy(update={"benchmarks": ["mine"]})

    def questions(problem: Problem) -> Callable[..., tuple[list[Question], None]]:
        return lambda spec, **_: ([Question(problem.id, spec, problem)], None)

    monkeypatch.setattr("journey.questions.load_questions", questions(searches[3].pair.problem))
    out = run.curate(made, named, tmp_path / "out")
    assert [(line["reason"], line["threshold"]) for line in ledger(out)] == [("same_problem", "mine")]
    monkeypatch.setattr("journey.questions.load_questions", questions(searches[4].pair.problem))
    with pytest.raises(UsageError, match="benchmark mine"):
        run.curate(made, named, tmp_path / "out")


def test_what_cannot_be_used_is_said(
    searches: list[Item], settings: CurateSettings, generated: Callable[..., Path], tmp_path: Path
) -> None:
    made = generated(tmp_path / "made", searches[:2])
    out = tmp_path / "out"

    def tried(**changes: Any) -> None:
        run.curate(made, settings.model_copy(update=changes), out)

    with pytest.raises(UnknownName, match=r"unknown filter 'lenght'.*length"):
        tried(options={"lenght": {"max_tokens": 100}})
    with pytest.raises(UnknownName, match="max_token.*max_tokens"):
        tried(options={"length": {"max_token": 100}})
    with pytest.raises(UsageError, match="max_tokens = 3"):
        tried(options={"length": {"max_tokens": 3}})
    with pytest.raises(UsageError, match="not a finished folder"):
        run.curate(tmp_path / "nothing", settings, out)
    done = run.curate(made, settings, tmp_path / "done")
    with pytest.raises(UsageError, match="a generate folder is wanted|generate folder"):
        run.curate(done, settings, out)
    with pytest.raises(UsageError, match="max_tokens: None there, 100 now"):
        run.curate(made, settings.model_copy(update={"max_tokens": 100}), done)
    assert run.curate(made, settings, done) == done


def test_nothing_left_is_an_error_that_says_why(
    searches: list[Item], settings: CurateSettings, generated: Callable[..., Path], tmp_path: Path
) -> None:
    made, narrow = generated(tmp_path / "made", searches), settings.model_copy(update={"max_tokens": 16})
    with pytest.raises(UsageError, match=r"no pair of 40 is left \(length: too_long 40\)"):
        run.curate(made, narrow, tmp_path / "out")
    assert len((tmp_path / "out.partial" / "ledger.jsonl").read_text().splitlines()) == 40
