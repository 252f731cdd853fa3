"""What holds of files between stages: their names and their JSON are the business of journey/formats alone."""

from __future__ import annotations

import ast
import re
import subprocess

import pytest

from journey.formats import document
from journey_testing.sources import ROOT, SOURCES, module_of, shown, syntax

NAMES = {
    *("manifest.json", "run.json", "audit.json", "lr_sweep.json", "warmup.json", "plan.json", "scores.json", "identities.json"),
    *("funnel.json", "identity.json", "environment.json", "timing.json", "training.json", "behaviour.json", "published.json"),
    *("hub.json", "profile.json", "export.json", "harness.json", "parity.json", "flips.json", "servers.json"),
    *("ledger.jsonl", "trajectory.jsonl", "rejected.jsonl", "problems.txt"),
}  # fmt: skip
# Modules that read JSON which is no file of a stage folder, and what it is.
OTHER_JSON = {
    "journey.schema": "the one decoder of records",
    "journey.store": "settings and counts made plain before they are hashed",
    "journey.answers.mathworker": "lines between two processes",
    "journey.servers.answers": "what a server answered",
    "journey.cli.flags.given": "a file of the package",
    "journey.tables.files": "a user's own rows",
    "journey.finetune.training.protocol": "the seal of a checkpoint",
    "journey.finetune.training.worker": "lines between two processes",
    "journey.finetune.training.stacked": "a checkpoint",
    "journey.finetune.planning.memory": "the passes of an unfinished folder, in its scratch space",
    "journey.finetune.training.side_runs": "lines between two processes",
    "journey.finetune.training.distributed": "lines between two processes",
    "journey.evaluate.behaviour.judge": "a model's own words, kept in judge.jsonl",
    "journey.evaluate.harness": "what another harness wrote",
    "journey.publish.tables.columns": "columns of a parquet table",
    "journey.publish.run": "a record made plain",
}
DECODERS = {("json", "loads"), ("json", "load"), ("orjson", "loads"), ("json", "decode")}


def _ours(module: str) -> bool:
    return module.startswith("journey.formats")


def test_names_of_stage_files_are_written_in_the_formats_alone() -> None:
    offenders = [
        f"{shown(path)}:{node.lineno} writes {node.value!r}"
        for path in SOURCES
        if not _ours(module_of(path))
        for node in ast.walk(syntax(path))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if " " not in node.value and node.value.rsplit("/", 1)[-1] in NAMES
    ]
    assert not offenders, "\n  ".join(
        ["use the record's FILE, or the constant beside it in journey/formats:", *offenders]
    )


def test_json_of_stage_files_is_read_by_records_alone() -> None:
    offenders, used = [], set()
    for path in SOURCES:
        module = module_of(path)
        for node in ast.walk(syntax(path)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                owner = node.func.value
                name = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
                if (name, node.func.attr) in DECODERS and not _ours(module):
                    used.add(module)
                    if module not in OTHER_JSON:
                        offenders.append(f"{shown(path)}:{node.lineno} decodes JSON")
    assert not offenders, "\n  ".join(["read a stage's file by its record (see journey/formats):", *offenders])
    assert used == OTHER_JSON.keys(), f"these decode no JSON any more: {sorted(OTHER_JSON.keys() - used)}"


def test_the_page_of_formats_is_what_the_records_say() -> None:
    page = ROOT / "docs" / "formats.md"
    assert page.read_text(encoding="utf-8") == document.content(), "run `make golden` and look at the difference"


def test_no_text_holds_the_marks_of_a_merge() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], check=False, cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    marks = re.compile(rb"^(<{7} |>{7} |={7}$)", re.MULTILINE)
    offenders = [name for name in listed.stdout.split("\0") if name and marks.search((ROOT / name).read_bytes())]
    assert not offenders, "\n  ".join(["left over from a merge:", *offenders])
