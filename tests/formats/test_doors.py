"""One changed byte in any file that a manifest lists, or in the manifest: every reader refuses the folder with one message."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from journey.cli.app import app
from journey.config import CurateSettings, GenerateSettings
from journey.curate.run import curate
from journey.errors import JourneyError
from journey.formats.manifest import MANIFEST, Manifest
from journey.generate.run import generate

OLD = Path(__file__).parents[1] / "golden" / "v0_1"
READERS = {
    "generate": ["curate {folder} --out {out}", "show {folder}"],
    "curate": [
        "finetune {folder} --base {base} --out {out}",
        "finetune {folder} --base {base} --dry-run --out {out}",
        "finetune {old}/curate --base {base} --warmup {folder} --out {out}",
        "publish {folder} --repo a/b --trees {old}/generate --trees {old}/generate-arithmetic --dry-run --out {out}",
        "show {folder}",
    ],
    "finetune": [
        "evaluate {folder} --benchmarks countdown@1 --out {out}",
        "evaluate {folder} --benchmarks countdown@1 --dry-run --out {out}",
        "publish {folder} --repo a/b --base-repo a/c --base-license mit --dataset none --dry-run --out {out}",
        "export {folder}/journey-r1-s0 --merge {out}",
        "finetune {old}/curate --base {base} --warmup {folder}/journey-r1-s0 --out {out}",
    ],
    "evaluate": [
        "report {folder}",
        "evaluate {old}/finetune-warm --benchmarks countdown@1 --after {folder} --out {out}",
        "publish {folder} --repo a/b --dry-run --out {out}",
    ],
}
FOLDERS = {"generate": "generate", "curate": "curate", "finetune": "finetune-warm", "evaluate": "evaluate-warm"}


def kinds(folder: Path) -> Iterator[str]:
    """The manifest, and one file of every kind that it lists: names that differ in run or number are of one kind."""
    yield MANIFEST
    seen = set()
    for name in Manifest.read(folder).files:
        kind = re.sub(r"^[a-z-]+(-r\d+)?-s\d+/", "RUN/", re.sub(r"\d{5}", "N", name))
        kind = re.sub(r"^(samples)/.*", r"\1", kind)
        if kind not in seen:
            seen.add(kind)
            yield name.replace("journey-masked-r1-s0", "journey-r1-s0")


def copied(stage: str, to: Path) -> Path:
    """A folder of the small 0.1.0 run, sealed as it would be written today."""
    folder = shutil.copytree(OLD / FOLDERS[stage], to)
    (folder / MANIFEST).write_bytes(Manifest.read(folder).sealed().encoded())
    return folder


def flip(path: Path) -> None:
    """Change one bit of the byte in the middle; an empty file gets a byte."""
    data = bytearray(path.read_bytes() or b"?")
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


CASES = [(stage, name) for stage, folder in FOLDERS.items() for name in kinds(OLD / folder)]


@pytest.mark.parametrize(("stage", "name"), CASES, ids=lambda value: str(value))
def test_a_changed_byte_is_refused_by_every_reader(
    stage: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    folder = copied(stage, tmp_path / stage)
    flip(folder / name)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    for reader in READERS[stage]:
        command = reader.format(folder=folder, out=tmp_path / "out", base=OLD / "tiny-base", old=OLD)
        with pytest.raises(JourneyError) as refusal:
            app(command.split(), standalone_mode=False)
        message = str(refusal.value)
        assert refusal.value.exit_code in (2, 3), command
        assert str(folder) in message and len(message.splitlines()) <= 2, f"{command}: {message}"
        assert not (tmp_path / "out").exists(), command
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


@pytest.mark.parametrize("stage", ["generate", "curate"])
def test_the_verb_that_wrote_a_folder_repairs_it(stage: str, tmp_path: Path) -> None:
    source = tmp_path / "generate"
    settings = GenerateSettings(family=["countdown@1"], method=["search"], pairs=20)

    def write() -> Path:
        if stage == "generate":
            return generate(settings, source, workers=1)
        return curate([source], CurateSettings(base=str(OLD / "tiny-base")), tmp_path / "curate")

    if stage == "curate":
        generate(settings, source, workers=1)
    _repaired_by(write)


def _repaired_by(write: Callable[[], Path]) -> None:
    folder = write()
    files = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and ".done" not in path.parts}
    for name in kinds(folder):
        flip(folder / name)
        write()
        assert (folder / name).read_bytes() == files[folder / name], name
