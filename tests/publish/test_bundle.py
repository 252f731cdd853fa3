"""The staged folder: opens without a network, resumes to the same bytes, holds no more than it should."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from journey.errors import PartialError, UsageError
from journey.formats.folders import CuratedFolder, open_finished
from journey.publish.bundle import card_dataset, dataset, preference, provenance
from journey.publish.bundle.source import BundleSource
from journey.publish.settings import PublishSettings
from journey.publish.tables import columns, licences, parquet
from journey.splits import SPLITS
from journey_testing.golden import check_golden

SETTINGS = PublishSettings(repo="tester/journey-math")


def opened(curated: Path) -> CuratedFolder:
    return open_finished(curated, "curate")


def source_of(curated: Path, extra: preference.Preference | None = None) -> BundleSource:
    folder = opened(curated)
    found = provenance.survey(folder)
    trees = provenance.trees_of(folder)
    return BundleSource(folder, trees, found, licences.choose(found.licences, None), extra or preference.Preference())


@pytest.fixture(scope="module")
def staged(curated: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return dataset.stage(source_of(curated), SETTINGS, tmp_path_factory.mktemp("staged") / "bundle")


def tables(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*.parquet"))}


@pytest.mark.parametrize("config", [None, "journey", "shortcut", "pairs", "trees", "stepwise"])
def test_datasets_opens_it_offline(staged: Path, config: str | None, tmp_path: Path) -> None:
    import datasets

    found = datasets.load_dataset(str(staged), config, cache_dir=str(tmp_path))
    assert {split: len(found[split]) for split in found} == json.loads((staged / "manifest.json").read_bytes())[
        "counts"
    ]["rows"][config or "journey"]
    if config in (None, "journey", "shortcut"):
        assert found["train"][0]["completion"][0]["content"].startswith("<think>")


def test_configs_share_pairs_and_splits_share_no_problem(staged: Path) -> None:
    problems: dict[str, set[str]] = {}
    for split in SPLITS:
        ids = {
            config: {row["pair_id"] for row in parquet.read_rows(sorted(staged.glob(f"{config}/{split}-*")))}
            for config in ("journey", "shortcut", "pairs", "trees", "stepwise")
        }
        assert len(set(map(frozenset, ids.values()))) == 1 and ids["pairs"]
        rows = parquet.read_rows(sorted(staged.glob(f"pairs/{split}-*")), ["problem_id"])
        problems[split] = {row["problem_id"] for row in rows}
    assert not problems["train"] & problems["test"] and not problems["train"] & problems["dev"]


def test_the_card_says_where_mistakes_come_from_and_how_they_are_known(staged: Path, curated: Path) -> None:
    """Every pair with a mistake stands in one line of the table, and the shares add up."""
    card = (staged / "README.md").read_text()
    told = [pair for split in SPLITS for pair in opened(curated).pairs(split) if pair.mistakes]
    table = card.partition("| mistakes come from |")[2].partition("\n\n")[0]
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]
    assert told and sum(int(line[2].replace(",", "")) for line in lines) == len(told), lines
    assert abs(sum(float(line[3].removesuffix("%")) for line in lines) - 100) <= len(lines)


def test_the_card_is_read_back_by_huggingface_hub(staged: Path) -> None:
    text = (staged / "README.md").read_text(encoding="utf-8")
    card_dataset.check(text, "dataset")
    data = yaml.safe_load(text.split("---")[1])
    assert data["license"] == "apache-2.0"
    assert [one["config_name"] for one in data["configs"] if one.get("default")] == ["journey"]
    for part in ("load_dataset(", "trl sft", "axolotl", "LLaMA-Factory", "unsloth", "Licences", "limits", "bibtex"):
        assert part in text, part


def test_cut_into_shards_and_resumed_it_is_the_same(
    curated: Path, staged: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several shards hold the rows of one; killed after any shard, it ends with the same bytes."""
    monkeypatch.setattr(parquet, "_BATCH", 8)
    source, small = source_of(curated), 40_000
    whole = dataset.stage(source, SETTINGS, tmp_path / "whole", shard_bytes=small)
    assert len(list((whole / "journey").glob("train-*"))) > 1
    for config in ("journey", "pairs", "trees", "stepwise"):
        cut, one = (list(parquet.read_rows(sorted(f.glob(f"{config}/train-*")))) for f in (whole, staged))
        assert cut == one
    wanted = tables(whole)
    marked: list[str] = []

    class Killed(Exception):
        pass

    for stop in (1, 4, len(wanted) - 1):
        out = tmp_path / f"stopped-{stop}"
        marked.clear()
        with pytest.MonkeyPatch.context() as patch:
            original = dataset.Folder.mark_files

            def mark(self: Any, key: Any, *rest: Any, stop: int = stop, original: Any = original) -> None:
                original(self, key, *rest)
                marked.append(str(key))
                if len(marked) == stop:
                    raise Killed

            patch.setattr(dataset.Folder, "mark_files", mark)
            with pytest.raises(Killed):
                dataset.stage(source, SETTINGS, out, shard_bytes=small)
        assert not out.exists()
        dataset.stage(source, SETTINGS, out, shard_bytes=small)
        assert tables(out) == wanted
        assert (out / "manifest.json").read_bytes() == (whole / "manifest.json").read_bytes()


def test_memory_is_bounded_by_the_row_group_and_shards_by_their_size(
    curated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many pairs: what is held before it is written is one row group, what is written before a cut one shard."""
    import pyarrow.parquet as pq

    batch, group, shard = 8, 60_000, 200_000
    monkeypatch.setattr(parquet, "_BATCH", batch)
    monkeypatch.setattr(parquet, "GROUP_BYTES", group)
    groups: list[int] = []
    original = pq.ParquetWriter.write_table
    monkeypatch.setattr(
        pq.ParquetWriter, "write_table", lambda self, t: (groups.append(t.nbytes), original(self, t))[1]
    )
    pairs = list(provenance.read(opened(curated), "train"))
    taken = 0

    def endless() -> Iterator[list[dict[str, Any]]]:
        nonlocal taken
        for _ in range(40):
            for pair in pairs:
                taken += 1
                yield columns.rows_of("pairs", pair, None, "think")

    rows = 0
    place = lambda number: tmp_path / f"train-{number:05d}.parquet"
    for made in parquet.write_shards(endless(), columns.schema("pairs", "think"), place, shard_bytes=shard):
        rows += made.rows
        assert taken - rows < 2 * batch  # it reads no further ahead than what it has written
    largest = max(len(json.dumps(columns.pair_row(pair, "think"))) for pair in pairs) * batch * 2
    assert rows == 40 * len(pairs) and max(groups) < group + largest
    sizes = [pq.ParquetFile(path).metadata for path in sorted(tmp_path.glob("*.parquet"))]
    assert len(sizes) > 5 and sum(one.num_rows for one in sizes) == rows


def test_compact_view_is_plain_text(curated: Path, tmp_path: Path) -> None:
    made = dataset.stage(source_of(curated), SETTINGS.model_copy(update={"view": "compact"}), tmp_path / "b")
    row = next(parquet.read_rows(sorted(made.glob("journey/train-*"))))
    assert row["prompt"].startswith("use ") and row["completion"].startswith(" try ")
    assert row["messages"][1] == {"role": "assistant", "content": row["completion"].strip()}


def test_preference_rows_go_along(curated: Path, tmp_path: Path) -> None:
    pairs = list(provenance.read(opened(curated), "train"))[:3]
    lines = [{"pair_id": p.pair_id, "chosen": "yes \\boxed{1}", "rejected": "no", "policy": "org/model"} for p in pairs]
    file = tmp_path / "preference.jsonl"
    file.write_text("\n".join(map(json.dumps, lines)))
    made = dataset.stage(source_of(curated, preference.read(file, opened(curated))), SETTINGS, tmp_path / "b")
    rows = list(parquet.read_rows(sorted(made.glob("preference/train-*"))))
    assert [row["pair_id"] for row in rows] == [pair.pair_id for pair in pairs]
    assert rows[0]["chosen"] == [{"role": "assistant", "content": "yes \\boxed{1}"}]
    assert "org/model" in (made / "README.md").read_text()
    table = tmp_path / "preference.csv"
    cells = [[p.pair_id, "yes \\boxed{1}", "no", "org/model"] for p in pairs]
    table.write_text("\n".join(map(",".join, [["pair_id", "chosen", "rejected", "policy"], *cells])))
    assert preference.read(table, opened(curated)).rows == preference.read(file, opened(curated)).rows


@pytest.mark.parametrize(
    "line, said",
    [
        ('{"pair_id": "gone", "chosen": "a", "rejected": "b"}', "line 1.*no pair 'gone'"),
        ('{"pair_id": "x", "chosen": "a"}', "line 1.*rejected"),
        ("not json", "line 1"),
        ("", "is empty"),
    ],
)
def test_a_bad_preference_file_is_one_clear_error(curated: Path, tmp_path: Path, line: str, said: str) -> None:
    file = tmp_path / "p.jsonl"
    file.write_text(line)
    with pytest.raises(UsageError, match=said):
        preference.read(file, opened(curated))


def test_trees_that_are_elsewhere_are_asked_for(curated: Path, tmp_path: Path) -> None:
    import shutil

    moved = shutil.copytree(curated, tmp_path / "alone")
    with pytest.raises(UsageError, match="--trees"):
        provenance.trees_of(opened(moved))
    (found,) = provenance.trees_of(opened(moved), [curated.with_name("generated")])
    assert found.path == curated.with_name("generated")


def test_a_pair_without_its_tree_is_named(curated: Path, generated: Path) -> None:
    with pytest.raises(PartialError, match="has no tree"):
        list(provenance.joined(opened(curated), [], "train"))


def test_recipes_are_the_documented_field_mappings(staged: Path) -> None:
    """axolotl's `chat_template` (docs/dataset-formats/conversation) and LLaMA-Factory's `sharegpt` (data/README)."""
    check_golden("publish_axolotl.yaml", (staged / "recipes" / "axolotl.yaml").read_text())
    check_golden("publish_dataset_info.json", (staged / "recipes" / "dataset_info.json").read_text())
    check_golden("publish_trl_sft.yaml", (staged / "recipes" / "trl_sft.yaml").read_text())


def test_other_trainers_mappings_find_their_fields(staged: Path) -> None:
    row = next(parquet.read_rows(sorted(staged.glob("journey/train-*"))))
    axolotl = yaml.safe_load((staged / "recipes" / "axolotl.yaml").read_text())["datasets"][0]
    keys = axolotl["message_property_mappings"]
    turns = [(turn[keys["role"]], turn[keys["content"]]) for turn in row[axolotl["field_messages"]]]
    told = json.loads((staged / "recipes" / "dataset_info.json").read_bytes())["journey_math_journey"]
    tags = told["tags"]
    factory = [(turn[tags["role_tag"]], turn[tags["content_tag"]]) for turn in row[told["columns"]["messages"]]]
    assert turns == factory
    assert [role for role, _ in factory] == [tags["user_tag"], tags["assistant_tag"]]
    assert turns[1][0] in axolotl["roles_to_train"] and turns[1][1].endswith("}.") or "\\boxed" in turns[1][1]
