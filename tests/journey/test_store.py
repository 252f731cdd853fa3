"""The folder contract: atomic, resumable, repairable, refused under another config."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from journey.errors import PartialError, ResourceError, UsageError
from journey.formats.files import read_lines, sha256, write_atomic
from journey.formats.folders import open_finished, read_manifest
from journey.schema import Quantity
from journey.store import Folder

CONFIG = {"size": 3, "inner": {"rate": 0.5}}


def records(key: int) -> list[Quantity]:
    return [Quantity(id=f"{key}-{i}", value=str(i)) for i in range(3)]


def fill(out: Path, keys: range = range(3)) -> Path:
    with Folder.open(out, "generate", CONFIG, seed=1) as folder:
        for key in folder.missing(keys):
            folder.write_shard(key, {f"pairs/{key:05d}.jsonl": records(int(key))}, {"pairs": 3})
        if not folder.finished:
            folder.finish({"pairs": 9})
    return out


def digests(folder: Path) -> dict[str, str]:
    names = [*read_manifest(folder).files, "manifest.json"]
    return {name: sha256(folder / name) for name in names}


def test_finished_folder_holds_what_was_written(tmp_path: Path) -> None:
    out = fill(tmp_path / "out")
    assert [r.id for r in open_finished(out).records("pairs", Quantity)][:4] == ["0-0", "0-1", "0-2", "1-0"]
    assert not out.with_name("out.partial").exists()
    assert read_manifest(out, "generate").counts == {"pairs": 9}


def test_interrupted_run_ends_with_the_same_bytes(tmp_path: Path) -> None:
    whole = fill(tmp_path / "whole")
    with Folder.open(tmp_path / "cut", "generate", CONFIG, seed=1) as folder:
        folder.write_shard(1, {"pairs/00001.jsonl": records(1)}, {"pairs": 3})
    assert not (tmp_path / "cut").exists()
    with Folder.open(tmp_path / "cut", "generate", CONFIG, seed=1) as folder:
        assert folder.missing(range(3)) == [0, 2]
    assert digests(fill(tmp_path / "cut")) == digests(whole)


def test_a_corrupt_shard_of_an_unfinished_run_is_set_aside_and_made_again(tmp_path: Path) -> None:
    with Folder.open(tmp_path / "out", "generate", CONFIG, seed=1) as folder:
        folder.write_shard(0, {"pairs/00000.jsonl": records(0)}, {"pairs": 3})
    (tmp_path / "out.partial/pairs/00000.jsonl").write_bytes(b"\x00garbage")
    with Folder.open(tmp_path / "out", "generate", CONFIG, seed=1) as folder:
        assert folder.missing([0]) == [0]
    assert (tmp_path / "out.quarantine/pairs/00000.jsonl").read_bytes() == b"\x00garbage"
    assert digests(fill(tmp_path / "out")) == digests(fill(tmp_path / "whole"))


def test_a_corrupt_shard_of_a_finished_folder_is_made_again_and_no_other(tmp_path: Path) -> None:
    out = fill(tmp_path / "out")
    before = digests(out)
    (out / "pairs/00002.jsonl").write_bytes(b"{}")
    with pytest.raises(PartialError, match=r"damaged or missing: pairs/00002\.jsonl\n  rerun the command"):
        open_finished(out)
    with Folder.open(out, "generate", CONFIG, seed=1) as folder:
        assert folder.missing(range(3)) == [2]
    assert digests(fill(out)) == before


def test_another_config_is_refused_naming_the_key(tmp_path: Path) -> None:
    out = fill(tmp_path / "out")
    with pytest.raises(UsageError, match=r"config\.inner\.rate: 0\.5 there, 0\.7 now"):
        Folder.open(out, "generate", {**CONFIG, "inner": {"rate": 0.7}}, seed=1)
    with Folder.open(tmp_path / "cut", "generate", CONFIG, seed=1):
        pass
    with pytest.raises(UsageError, match="seed: 1 there, 2 now"):
        Folder.open(tmp_path / "cut", "generate", CONFIG, seed=2)


def test_a_folder_with_other_things_in_it_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/notes.txt").write_text("precious")
    with pytest.raises(UsageError, match="not a finished generate folder"):
        Folder.open(tmp_path / "mine", "generate", CONFIG)
    assert (tmp_path / "mine/notes.txt").read_text() == "precious"


def test_two_writers_of_one_folder_are_refused(tmp_path: Path) -> None:
    with (
        Folder.open(tmp_path / "out", "generate", CONFIG),
        pytest.raises(UsageError, match="in use by another process"),
    ):
        Folder.open(tmp_path / "out", "generate", CONFIG)


def test_a_full_disk_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    write_atomic(path, b"old")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ResourceError, match="no space left"):
        write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_line_that_does_not_decode_is_named(tmp_path: Path) -> None:
    path = tmp_path / "00000.jsonl"
    path.write_text('{"id": "a", "value": "1"}\n{"id": 7}\n')
    with pytest.raises(PartialError, match=r"line 2: .*`\$\.id`"):
        list(read_lines(path, Quantity))


def test_manifest_is_deterministic_and_has_no_clock(tmp_path: Path) -> None:
    a, b = fill(tmp_path / "a"), fill(tmp_path / "b")
    assert (a / "manifest.json").read_bytes() == (b / "manifest.json").read_bytes()
    assert b"wall_seconds" not in (a / "manifest.json").read_bytes()


def test_reading_an_unfinished_or_foreign_folder_says_what_to_do(tmp_path: Path) -> None:
    with Folder.open(tmp_path / "cut", "generate", CONFIG):
        pass
    with pytest.raises(UsageError, match="not finished"):
        read_manifest(tmp_path / "cut")
    with pytest.raises(UsageError, match="a curate folder is wanted"):
        read_manifest(fill(tmp_path / "out"), "curate")


def test_bad_input_leaves_no_partial_folder_and_work_done_is_kept(tmp_path: Path) -> None:
    with pytest.raises(UsageError), Folder.open(tmp_path / "out", "generate", CONFIG):
        raise UsageError("no such file")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(UsageError), Folder.open(tmp_path / "out", "generate", CONFIG) as folder:
        folder.write_shard(0, {"pairs/00000.jsonl": records(0)})
        raise UsageError("line 2 is malformed")
    assert (tmp_path / "out.partial/pairs/00000.jsonl").is_file()


def test_an_out_that_cannot_be_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UsageError, match="is a file"):
        Folder.open(tmp_path / "file", "generate", CONFIG)
    with pytest.raises(UsageError, match="cannot write"):
        Folder.open(tmp_path / "file" / "inner", "generate", CONFIG)
    assert (tmp_path / "file").read_text() == "mine"
