"""Nothing that must stay here goes up: secrets, paths and pickles are found wherever they hide."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest

from journey.errors import UsageError
from journey.publish.tables import scan

TOKEN = "hf_" + "aB3" * 12
BAD = {
    "hub token": f"see {TOKEN}.",
    "api key": "key sk-proj-abcdefghijklmnop1234",
    "github": "ghp_" + "a1" * 18,
    "github fine": "github_pat_" + "a1B2" * 10,
    "aws": "AKIAABCDEFGHIJKLMNOP",
    "private key": "-----BEGIN RSA PRIVATE KEY-----",
    "password": "https://me:hunter2@example.org/x",
    "home": '{"base": "/home/ada/models/tiny"}',
    "temporary": "from /tmp/run1/curated it came",
    "mac": "/Users/ada/data.jsonl",
    "windows": "C:\\Users\\ada\\data",
    "uri": "file:///srv/data/x.jsonl",
}
GOOD = [
    "the speed is 5 km/home or 3/4 of the work/day",
    "https://huggingface.co/datasets/tester/home/tree/main/data/train",
    "and/or, n/a, 24/7, m/s; data/runs/demo; ./tmp/x",
    "a <b>bold</b> </script> </style>",
    "risk-free sk-ip hf_small ghost",
    "ratio 3:4@noon, user@example.org",
]


@pytest.mark.parametrize("name", BAD)
def test_found_in_text(name: str, tmp_path: Path) -> None:
    path = tmp_path / "card.md"
    path.write_text("x" * 100 + "\n" + BAD[name])
    assert list(scan.scan_file("card.md", path))


@pytest.mark.parametrize("text", GOOD)
def test_ordinary_text_passes(text: str, tmp_path: Path) -> None:
    path = tmp_path / "card.md"
    path.write_text(text)
    assert list(scan.scan_file("card.md", path)) == []


@pytest.mark.parametrize("column", ["plain", "list", "struct", "deep", "metadata"])
def test_found_in_parquet_however_deep(column: str, tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    bad = BAD["home"]
    rows = [{"plain": "a", "list": ["b"], "struct": {"x": "c"}, "deep": [{"y": [{"z": "d"}]}]} for _ in range(500)]
    last = rows[-1]
    match column:
        case "plain":
            last["plain"] = bad
        case "list":
            last["list"] = ["b", bad]
        case "struct":
            last["struct"] = {"x": bad}
        case "deep":
            last["deep"] = [{"y": [{"z": bad}]}]
    table = pa.Table.from_pylist(rows)
    if column == "metadata":
        table = table.replace_schema_metadata({"made": bad})
    path = tmp_path / "train-00000.parquet"
    pq.write_table(table, path, compression="zstd", row_group_size=100)
    assert [one.what for one in scan.scan_file("t", path)] == ["a path of this machine"]


def test_found_on_the_border_of_two_blocks(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_bytes(b"." * (scan._BLOCK - 10) + TOKEN.encode() + b"." * 100)
    assert [one.what for one in scan.scan_file("report.html", path)] == ["a Hugging Face token"]


def test_own_folders_and_own_token_are_found_without_a_pattern(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_SERVICE_TOKEN", "an-odd-secret-of-mine")
    path = tmp_path / "x.md"
    path.write_text("an-odd-secret-of-mine")
    with pytest.raises(UsageError) as error:
        scan.check([("x.md", path)])
    assert "an-odd-secret-of-mine" not in str(error.value) and "x.md" in str(error.value)
    path.write_text("in /volume7/ada/corpus there")
    assert scan.check([("x.md", path)]) == 1
    path.write_text("in /b\u00e4nde/\u00e4da there", encoding="utf-8")
    with pytest.raises(UsageError, match="x.md"):
        scan.check([("x.md", path)], own=["/b\u00e4nde/\u00e4da"])
    path.write_text("in /volume7/ada/corpus there")
    with pytest.raises(UsageError, match="/volume7/ada"):
        scan.check([("x.md", path)], own=["/volume7/ada"])


def test_pickles_are_found_by_content_and_by_name(tmp_path: Path) -> None:
    import torch

    hidden = tmp_path / "model.safetensors"
    hidden.write_bytes(pickle.dumps({"a": 1}, protocol=4))
    torch.save({"a": torch.zeros(2)}, tmp_path / "weights.json")
    (tmp_path / "training_args.bin").write_bytes(b"nothing")
    for name in ("model.safetensors", "weights.json", "training_args.bin"):
        assert [one.what for one in scan.scan_file(name, tmp_path / name)] == ["a pickle or an array file"], name


def test_a_safetensors_header_is_read(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import save_file

    path = tmp_path / "adapter_model.safetensors"
    save_file({"a": torch.zeros(2)}, path, metadata={"from": "/home/ada/base"})
    assert [one.shown for one in scan.scan_file("a", path)] == ["header: /home/ada"]
    path.write_bytes(b"\x00" * 64)
    with pytest.raises(UsageError, match="no safetensors"):
        list(scan.scan_file("a", path))


def test_links_are_refused(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert [one.what for one in scan.scan_file("link", tmp_path / "link")] == ["a link"]


def test_a_secret_is_never_shown_whole(tmp_path: Path) -> None:
    path = tmp_path / "log.json"
    path.write_text(json.dumps({"token": TOKEN}))
    with pytest.raises(UsageError) as error:
        scan.check([("log.json", path)])
    assert TOKEN not in str(error.value)
