"""What every data set that `import` reads keeps, and what it makes of its rows: on rows written in each schema."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from journey import views
from journey.answers.claims import claim_is_false
from journey.config import CurateSettings, GenerateSettings
from journey.curate.item import Item
from journey.curate.rules import Context, bind, resolve_options
from journey.errors import UsageError
from journey.formats.folders import open_finished
from journey.generate.imports.formats import FORMATS, ImportFormat, of_hub, recognised
from journey.generate.made import MadePair, Rejection
from journey.generate.run import generate
from journey.publish.tables import columns
from journey.publish.tables.licences import known
from journey.schema import encode
from journey_testing.pairs import assert_round_trips
from journey_testing.traces import BY_NAME_ALONE, ROWS, made, read, told, write

ROOT = Path(__file__).resolve().parents[2]
EVERY_FORMAT = pytest.mark.parametrize("entry", FORMATS, ids=lambda entry: entry.name)
# Values that a row of somebody's file may hold where a text, a list or an object is expected.
HOSTILE: list[Any] = [
    None, "", 0, -1, True, 1e308, [], {}, [None], [[]], [{}], {"text": 1}, "\ud800", "\0<think>", "\\boxed{" * 300,
    "<|im_start|>", "9" * 5000, "(" * 5000, "x" * 400_001, [{"role": "user", "content": [1]}], [{"from": {}, "value": []}],
    {"steps": [{"completions": 7, "chosen_completion": "0"}], "finish_reason": []}, [1] * 500, "Step 1: +", "$$" * 3000,
]  # fmt: skip


@EVERY_FORMAT
class TestEveryFormat:
    def test_its_entry_says_all(self, entry: ImportFormat) -> None:
        assert re.fullmatch(r"[a-z0-9.-]+", entry.name) and entry.gives
        assert entry.licence is None or known(entry.licence) is not None
        assert entry.own != bool(entry.hub), "a published data set has a Hub id, one's own rows have none"
        assert all(of_hub(repo) is entry for repo in entry.hub)

    def test_its_rows_are_recognised_by_their_fields(self, entry: ImportFormat) -> None:
        if entry.name in BY_NAME_ALONE:
            with pytest.raises(UsageError, match="of no format that is known"):
                recognised(ROWS[entry.name])
            return
        assert all(recognised([row]) is entry for row in ROWS[entry.name])

    def test_docs_have_its_line(self, entry: ImportFormat) -> None:
        lines = (ROOT / "docs" / "import.md").read_text().splitlines()
        [line] = [line for line in lines if line.startswith(f"| `{entry.name}` |")]
        for said in (*entry.fields, *entry.hub, entry.licence or "none stated" if not entry.own else "yours"):
            assert f"{said}" in line, f"docs/import.md says no {said} of {entry.name}"

    def test_its_rows_give_pairs_each_with_its_kind_of_mistake(self, entry: ImportFormat) -> None:
        found = told(entry.name)
        assert found and all(isinstance(each, MadePair) for each in found), found
        for each in made(entry.name):
            pair, facts = each.pair, each.pair.provenance
            assert facts["dataset"] == entry.name and facts["roles"] in ("unverified", "labelled", "stated", "checked")
            assert facts["shortcut"].partition(":")[0] in ("given", "cut", "sampled")
            assert sum(facts.get("proofs", {}).values()) == pair.mistakes == len(each.tree.mistakes())
            assert all(node.origin == entry.origin and node.proof for node in each.tree.mistakes())
            assert (facts.get("origin") == entry.origin) == bool(pair.mistakes)
            assert pair.problem.held_out >= entry.held_out
            if not entry.own and entry.name != "countdown-backtracking":
                assert pair.problem.licence == entry.licence

    def test_the_same_call_gives_the_same_bytes_and_another_attempt_other_texts(self, entry: ImportFormat) -> None:
        first = [encode(each.pair) + encode(each.tree) for each in made(entry.name)]
        again = [each for each in told(entry.name) if isinstance(each, MadePair)]
        assert first == [encode(each.pair) + encode(each.tree) for each in again]
        other = {each.pair.pair_id for each in made(entry.name, attempt=1)}
        assert not other & {each.pair.pair_id for each in made(entry.name)}

    def test_every_checked_mistake_is_refuted_and_every_mistake_is_noticed(self, entry: ImportFormat) -> None:
        for each in made(entry.name):
            for node in each.tree.mistakes():
                assert (node.proof == "checked:question") == (node.claim is not None)
                assert node.claim is None or claim_is_false(node.claim, each.tree) is True
            roles = [segment.role for segment in each.pair.journey.segments]
            assert all("notice" in roles[place:] for place, role in enumerate(roles) if role == "mistake")
            assert not {"mistake", "notice", "backtrack", "correction"} & {s.role for s in each.pair.shortcut.segments}

    def test_views_round_trip(self, entry: ImportFormat) -> None:
        for each in (*made(entry.name), *made(entry.name, attempt=1)):
            assert_round_trips(each, "import", terse="numbers" in each.pair.problem.facts)
            row = columns.pair_row(each.pair, "think")
            assert encode(columns.pair_of(row, stated=columns.states_check(encode(each.pair)))) == encode(each.pair)
            for trace in (each.pair.shortcut, each.pair.journey):
                assert views.render(trace, "think").text.count("\\boxed") == 1

    def test_curation_keeps_every_pair(self, entry: ImportFormat) -> None:
        context = Context(CurateSettings())
        items = [Item(each.pair, each.tree) for each in made(entry.name)]
        for rule in bind(resolve_options(context.settings), context):
            dropped = [drop for drops in rule.judge(items) for drop in drops]
            assert not dropped, f"{rule.name}: {dropped[0]}"

    def test_a_hostile_row_is_counted_and_ends_nothing(self, entry: ImportFormat, tmp_path: Path) -> None:
        """Each field of a sound row with each hostile value: what can be read is read, and the rows after it are sound."""
        sound = ROWS[entry.name][0]
        rows = [{**sound, name: value} for name in sound for value in HOSTILE]
        rows += [{}, {"question": "q"}, dict.fromkeys(sound)]
        rows += ROWS[entry.name]
        path = write(tmp_path / "rows.jsonl", rows)
        problems = read(entry.name, [json.loads(line) for line in path.read_text().splitlines()], answers=1000)
        assert any(each.problem.answer for each in problems)
        for result in told(entry.name, rows):
            assert isinstance(result, MadePair | Rejection)


def test_generate_gives_the_same_bytes_whatever_the_workers(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", ROWS["prm800k"] * 2)
    for workers in (1, 2):
        settings = GenerateSettings(problems=str(path), method=["import"], per_problem=2)
        generate(settings, tmp_path / str(workers), workers=workers)
    one, two = (open_finished(tmp_path / str(workers), "generate") for workers in (1, 2))
    assert one.sha256 == two.sha256 and one.counts == two.counts
    assert one.counts.proofs == {"labelled": one.counts.mistakes}
    assert one.manifest.config["methods"][0]["format"] == "prm800k"
