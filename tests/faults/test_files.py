"""Files that are cut, changed, full, half written, held by somebody else, or named to lead elsewhere."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from journey.cli.printing import file_errors
from journey.config import CurateSettings, EvaluateSettings, FinetuneSettings, GenerateSettings
from journey.curate.run import curate
from journey.errors import JourneyError, PartialError, UsageError
from journey.formats.files import inside, sha256, write_atomic
from journey.formats.folders import open_finished
from journey.generate.run import generate
from journey.publish.tables import parquet
from journey.settings.given import build
from journey.store import Folder, Lock
from journey_testing.commands import run
from journey_testing.folders import change
from journey_testing.sources import ROOT

GOLDEN = ROOT / "tests" / "golden" / "v0_1"
Outcome = Callable[[str], None]
FILES = {
    "generate": ["pairs/*.jsonl", "trees/*.jsonl", "rejected.jsonl", "manifest.json"],
    "curate": ["train/*.jsonl", "dev/*.jsonl", "ledger.jsonl", "funnel.json", "manifest.json"],
    "finetune": [
        "*/adapter_model.safetensors",
        "*/adapter_config.json",
        "*/run.json",
        "*/trajectory.jsonl",
        "audit.json",
    ],
    "evaluate": ["plan.json", "questions/*.jsonl", "samples/*/*/*/*.jsonl", "scores.json"],
}
FAULTS: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda data: data[: -max(3, len(data) // 10)],
    "changed": lambda data: data[: len(data) // 2] + bytes([data[len(data) // 2] ^ 1]) + data[len(data) // 2 + 1 :],
    "no UTF-8": lambda data: data[: len(data) // 3] + b"\xff\xfe" + data[len(data) // 3 :],
    "another type": lambda data: b"[1, 2]\n",
    "empty": lambda data: b"",
}
KINDS = [(stage, pattern) for stage, patterns in FILES.items() for pattern in patterns]


@pytest.mark.case(3, 4)
@pytest.mark.parametrize(("stage", "pattern"), KINDS)
def test_no_damaged_file_is_read(stage: str, pattern: str, tmp_path: Path, outcome: Outcome) -> None:
    """One door for all stages: whatever the fault and the kind of file, exit code 3 (2 for a folder without a manifest)."""
    folder = shutil.copytree(GOLDEN / stage, tmp_path / stage)
    path = max(folder.glob(pattern), key=lambda each: each.stat().st_size)
    good = path.read_bytes()
    if not good:
        change(folder, {pattern: b'{"a": 1}\n'})
        good = path.read_bytes()
    for name, fault in FAULTS.items():
        path.write_bytes(fault(good))
        if path.read_bytes() == good:
            continue
        with pytest.raises(JourneyError) as told:
            open_finished(folder, stage)  # type: ignore[call-overload]
        assert told.value.exit_code in (2, 3), name
        path.write_bytes(good)
    open_finished(folder, stage)  # type: ignore[call-overload]
    path.unlink()
    with pytest.raises(JourneyError):
        open_finished(folder, stage)  # type: ignore[call-overload]
    outcome(f"{len(KINDS)} kinds of file, {len(FAULTS) + 1} faults each: refused by name")


@pytest.mark.case(3, 4)
def test_a_damaged_shard_of_our_own_is_made_again(tmp_path: Path, outcome: Outcome) -> None:
    settings = GenerateSettings(family=["countdown@1"], method=["search"], pairs=30)
    out = generate(settings, tmp_path / "g", workers=1)
    shard = out / "pairs" / "00000.jsonl"
    good = shard.read_bytes()
    for fault in FAULTS.values():
        shard.write_bytes(fault(good))
        assert generate(settings, out, workers=1) == out and shard.read_bytes() == good
    outcome("our own shard: put aside and made again, the same bytes")


@pytest.mark.case(4)
@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (FileNotFoundError(2, "No such file or directory", "x"), 2),
        (PermissionError(13, "Permission denied", "x"), 2),
        (OSError(30, "Read-only file system", "x"), 2),
        (OSError(28, "No space left on device"), 6),
        (OSError(5, "Input/output error", "x"), 6),
        (json.JSONDecodeError("Expecting value", "", 0), 3),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"), 3),
        (msgspec.DecodeError("Input data was truncated"), 3),
        (ConnectionResetError("reset"), 5),
        (ValueError("a bug"), None),
    ],
)
def test_an_error_of_a_file_is_one_line_with_its_code(fault: Exception, code: int | None) -> None:
    meant = file_errors.meaning(fault)
    assert (meant and meant.exit_code) == code


def _on_a_small_disk(mount: Path, kilobytes: int, words: str) -> subprocess.CompletedProcess[str]:
    """A command on a file system of its own, which needs no rights where user namespaces are allowed; then its files."""
    if shutil.which("unshare") is None or subprocess.run(["unshare", "-rm", "true"], check=False).returncode:
        pytest.skip("no user namespaces here (unshare -rm)")
    inner = f"mount -t tmpfs -o size={kilobytes}k tmpfs {mount} && exec {sys.executable} -P -m journey"
    command = ["unshare", "-rm", "sh", "-c", f"{inner} {words}; code=$?; find {mount} -type f; exit $code"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    if "permission denied" in done.stderr.lower():
        pytest.skip("no file system may be mounted here")
    return done


@pytest.mark.faults
@pytest.mark.case(5)
def test_a_full_disk(tmp_path: Path, outcome: Outcome) -> None:
    mount = tmp_path / "small"
    mount.mkdir()
    words = f"generate --family countdown@1 --method search --pairs 3000 --workers 1 --out {mount}/g"
    done = _on_a_small_disk(mount, 300, words)
    assert done.returncode == 6 and "no space left" in done.stderr.lower(), done.stderr
    assert "Traceback" not in done.stderr and ".tmp-" not in done.stdout
    outcome("300 kB of disk: exit 6, a message with the bytes needed, no temporary left")


@pytest.mark.faults
@pytest.mark.case(5)
def test_a_disk_too_full_for_the_weights_is_met_before_the_training(tmp_path: Path, outcome: Outcome) -> None:
    pairs, curated, mount = tmp_path / "g", tmp_path / "c", tmp_path / "small"
    mount.mkdir()
    for words in (
        f"generate --family countdown@1 --pairs 200 --out {pairs}",
        f"curate {pairs} --base pocket --out {curated}",
    ):
        subprocess.run([sys.executable, "-P", "-m", "journey", *words.split()], check=True, capture_output=True)
    training = "--arms shortcut@examples,journey --seeds 2 --rank 16 --rows-per-step 12"
    done = _on_a_small_disk(mount, 1000, f"finetune {curated} --base pocket {training} --out {mount}/f")
    assert done.returncode == 6 and "nothing was trained" in done.stderr, done.stderr
    assert "Traceback" not in done.stderr and "adapter_model" not in done.stdout
    outcome("too little for the weights: exit 6 before the first step")


@pytest.mark.case(6)
def test_killed_between_writing_and_renaming(tmp_path: Path, outcome: Outcome) -> None:
    code = f"""
        import os, signal
        from pathlib import Path
        from journey.config import GenerateSettings
        from journey.generate.run import generate
        replace, calls = os.replace, []
        def killed(*names):
            calls.append(names)
            if len(calls) == 3:
                os.kill(os.getpid(), signal.SIGKILL)
            replace(*names)
        os.replace = killed
        generate(GenerateSettings(family=["countdown@1"], method=["search"], pairs=40), Path({str(tmp_path / "g")!r}), workers=1)
    """
    done = subprocess.run(
        [sys.executable, "-P", "-c", textwrap.dedent(code)], check=False, capture_output=True, timeout=120
    )
    assert done.returncode == -9, done.stderr
    partial = tmp_path / "g.partial"
    assert list(partial.rglob("*.tmp-*"))  # what was written and not renamed
    settings = GenerateSettings(family=["countdown@1"], method=["search"], pairs=40)
    again, whole = generate(settings, tmp_path / "g", workers=1), generate(settings, tmp_path / "h", workers=1)
    assert sha256(again / "manifest.json") == sha256(whole / "manifest.json")
    assert not list(tmp_path.rglob("*.tmp-*")) and not partial.exists()
    outcome("only a temporary is left, and cleaned away by the next call")


@pytest.mark.case(8, 12)
def test_another_version_or_other_settings_are_refused_by_name(tmp_path: Path, outcome: Outcome) -> None:
    with Folder.open(tmp_path / "x", "generate", {"pairs": 5, "schema": 1}, seed=1) as folder:
        folder.write_shard(0, {"pairs/00000.jsonl": []})
    for changed, seed, named in (
        ({"pairs": 6, "schema": 1}, 1, "pairs: 5 there, 6 now"),
        ({"pairs": 5, "schema": 2}, 1, "schema"),
        ({"pairs": 5, "schema": 1}, 2, "seed: 1 there, 2 now"),
    ):
        with pytest.raises(UsageError, match=named):
            Folder.open(tmp_path / "x", "generate", changed, seed=seed)
    outcome("refused, the key and both values named")


@pytest.mark.case(9)
def test_a_second_process_is_turned_away_and_a_killed_one_leaves_no_lock(tmp_path: Path, outcome: Outcome) -> None:
    hold = f"import time; from pathlib import Path; from journey.store import Lock; Lock.take(Path({str(tmp_path / 'x')!r})); print('held', flush=True); time.sleep(60)"
    holder = subprocess.Popen([sys.executable, "-P", "-c", hold], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None and holder.stdout.readline() == "held\n"
    with pytest.raises(UsageError, match="in use by another process"):
        Lock.take(tmp_path / "x")
    holder.kill()
    holder.communicate()
    Lock.take(tmp_path / "x").release()
    outcome("exit 2; the lock of a killed process is free at once")


@pytest.mark.case(21)
@pytest.mark.parametrize("name", ["../x", "/etc/x", "a/../../x", "", ".", "a\0b", "..\\x", "x" * 300, "~/x"])
def test_names_that_lead_elsewhere(name: str, tmp_path: Path, outcome: Outcome) -> None:
    (tmp_path / "root").mkdir()
    os.symlink("/etc", tmp_path / "root" / "link")
    with pytest.raises(UsageError):
        inside(tmp_path / "root", "link/passwd")
    if name not in ("x" * 300, "~/x", "."):
        with pytest.raises(UsageError):
            inside(tmp_path / "root", name)
    from journey.settings.recipe import folder_name

    with pytest.raises(ValueError, match="letters, digits"):
        folder_name(name)
    outcome("names from files stay below their folder; a recipe's name is letters, digits and . _ -")


@pytest.mark.case(24)
def test_pickles_and_code_of_others(tmp_path: Path, outcome: Outcome) -> None:
    from journey_testing.sources import SOURCES

    texts = {path: path.read_text(encoding="utf-8") for path in SOURCES}
    assert not [path for path, text in texts.items() if "trust_remote_code=True" in text or "import pickle" in text]
    assert not [path for path, text in texts.items() if re.search(r"(?<!safetensors\.)torch\.load\(", text)]
    for settings in (GenerateSettings, CurateSettings, FinetuneSettings, EvaluateSettings):
        with pytest.raises(JourneyError, match="trust_remote_code"):
            build(settings, {"trust_remote_code": True}, "recipe")
    folder = shutil.copytree(GOLDEN / "finetune", tmp_path / "f")
    weights = folder / "journey-s0" / "adapter_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))
    with pytest.raises(PartialError):
        open_finished(folder, "finetune")
    outcome("no setting turns it on, no source loads one, a folder with a pickle in the place of weights is refused")


@pytest.mark.case(24)
def test_a_bundle_that_unpacks_to_far_more_than_it_is_long(tmp_path: Path, outcome: Outcome) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    one = pa.DictionaryArray.from_arrays(pa.array([0] * 50_000, pa.int32()), pa.array(["x" * 100_000]))
    pq.write_table(
        pa.table({"text": one}),
        tmp_path / "bomb.parquet",
        compression="zstd",
        store_schema=False,
    )
    size = (tmp_path / "bomb.parquet").stat().st_size
    assert size < 1_000_000  # for 5 GB of text
    with pytest.raises(PartialError, match="unpacks to"):
        for _ in parquet.read_rows([tmp_path / "bomb.parquet"]):
            pass
    outcome(f"{size:,} bytes that stand for 5 GB: refused")


@pytest.mark.case(27)
def test_nothing_is_left_to_train_on(tmp_path: Path, outcome: Outcome) -> None:
    from journey.finetune.run import finetune

    made = generate(GenerateSettings(family=["countdown@1"], method=["search"], pairs=3), tmp_path / "g", workers=1)
    strict = {"filters": {"length": {"longest": 1}}}
    try:
        kept = curate(made, build(CurateSettings, strict, "x"), tmp_path / "c")
        with pytest.raises(JourneyError) as told:
            finetune(kept, FinetuneSettings(base="pocket", arms=["journey"], seeds=1), tmp_path / "f")
    except JourneyError as error:
        assert error.exit_code == 2
    else:
        assert told.value.exit_code == 2
    assert not (tmp_path / "f").exists()
    outcome("exit 2 before any training")


@pytest.mark.case(5)
def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_atomic(tmp_path / "a", b"old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(JourneyError) as told:
        write_atomic(tmp_path / "a", b"new")
    assert told.value.exit_code == 6 and (tmp_path / "a").read_bytes() == b"old" and len(list(tmp_path.iterdir())) == 1


@pytest.mark.faults
@pytest.mark.case(7)
def test_any_number_of_workers(tmp_path: Path, outcome: Outcome) -> None:
    found = set()
    for workers in (1, 2, 8):
        out = tmp_path / f"w{workers}"
        run(
            "generate",
            "--family",
            "countdown@1",
            "--method",
            "search",
            "--pairs",
            "3500",
            "--workers",
            str(workers),
            "--out",
            out,
        )
        found.add(sha256(out / "manifest.json"))
    assert len(found) == 1
    outcome("one manifest hash")


@pytest.mark.faults
@pytest.mark.case(31, 32)
def test_offline_in_another_language_with_a_home_that_cannot_be_written(tmp_path: Path, outcome: Outcome) -> None:
    odd = tmp_path / "Ordner mit Ä und \u96ea"
    odd.mkdir()
    sealed = tmp_path / "home"
    sealed.mkdir(mode=0o500)
    changed = {
        "LANG": "C",
        "LC_ALL": "C",
        "TZ": "Pacific/Kiritimati",
        "HOME": str(sealed),
        "HF_HUB_OFFLINE": "1",
        "PYTHONUTF8": "0",
    }
    for where, names in ((odd, changed), (tmp_path, {})):
        run("generate", "--family", "countdown@1", "--method", "search", "--pairs", "60", "--out", where / "g", **names)
        run("curate", where / "g", "--base", "pocket", "--out", where / "c", **names)
    assert sha256(odd / "c" / "manifest.json") == sha256(tmp_path / "c" / "manifest.json")
    said = run("publish", tmp_path / "c", "--repo", "tester/data", code=4, **changed, HF_TOKEN="")
    assert "no login" in said
    outcome("the same bytes; only publish needs the network, and says what it lacks (exit 4)")
