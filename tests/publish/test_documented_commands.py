"""Every command in README and docs: `sh run` is carried out as written, `sh other` is parsed, and nothing else is a command.

What is carried out works on one tiny run in `data/runs/demo` and on a Hub on the loopback address, with an account called
USER. Benchmarks have four problems, training one step: the commands are those of the page, the sizes behind them are not.
`make` is parsed wherever it stands; `make mini` carries out the demo.
"""

from __future__ import annotations

import ast
import io
import json
import os
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.main import get_command
from typer.testing import CliRunner

from journey import pipeline, questions
from journey.catalog import BENCHMARKS
from journey.cli.app import app
from journey.cli.flags.given import GivenFlags, options
from journey.cli.flags.make import VERBS
from journey.settings.given import parse_set
from journey.settings.recipe import resolve_run
from journey_testing.sources import ROOT

PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "data").glob("**/README.md")),
]
KINDS = {"sh run", "sh other", "text", "printed", "python", "json", "yaml"}
TOOLS = {
    "journey",
    ".venv/bin/journey",
    "make",
    "python",
    "hf",
    ".venv/bin/pytest",
    "vllm",
    "trl",
    "llama-cli",
    "cat",
    "ls",
    "export",
    "python3",
    "~/vllm/bin/pip",
}
KNOWN_FLAGS = {  # of programs that are not ours, as their documentation has them
    "hf": {"--repo-type", "--revision"},
    "vllm": {"--enable-lora", "--lora-modules", "--max-lora-rank", "--max-loras", "--dtype"},
    "trl": {"--model_name_or_path", "--dataset_name", "--dataset_config", "--output_dir", "--max_steps"},
    "llama-cli": {"-m"},
}
USER = "hf_" + "u" * 34


def shown(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def fences(page: Path) -> Iterator[tuple[str, list[str], int]]:
    """(kind, lines, number of the first line) of every fenced block; the rest of the page has kind ""."""
    kind, lines, start = "", [], 1
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
        if line.startswith("```"):
            yield kind, lines, start
            kind, lines, start = "" if kind else line[3:].strip() or "unmarked", [], number + 1
        else:
            lines.append(line)
    assert kind == "", f"{shown(page)} ends inside a block"
    yield kind, lines, start


def commands(lines: list[str]) -> list[list[str]]:
    """The words of every command of a block, comments left out."""
    joined = "\n".join(lines).replace("\\\n", " ").splitlines()
    return [words for words in (shlex.split(line, comments=True) for line in joined) if words]


def blocks(kind: str) -> list[Any]:
    """A parameter a block of this kind."""
    return [
        pytest.param(commands(lines), id=f"{shown(page)}:{start}")
        for page in PAGES
        for block, lines, start in fences(page)
        if block == kind
    ]


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_every_block_is_marked_and_no_command_stands_outside_of_one(page: Path) -> None:
    offenders = []
    for kind, lines, start in fences(page):
        if kind not in KINDS | {""}:
            offenders.append(f"{shown(page)}:{start - 1} is a block of kind {kind!r}")
        if kind.startswith("sh "):
            continue
        for number, line in enumerate(lines):
            typed = re.match(r"(?:\.venv/bin/)?journey [a-z]+ .*(?:--|-n |data/|USER/)", line)
            if typed or (not kind and line.startswith("    ") and not lines[number - 1].strip()):
                offenders.append(f"{shown(page)}:{start + number} is a command outside of a block: {line.strip()[:60]}")
    assert not offenders, "\n  ".join(["write ```sh run or ```sh other:", *offenders])


# --- parsing


def parse(words: list[str]) -> None:
    """Fail unless the command's tool knows its names and flags."""
    while re.fullmatch(r"[A-Z_]+=.*", words[0]):
        words = words[1:]
    tool, rest = words[0], words[1:]
    flags = [word.partition("=")[0] for word in rest if word.startswith("-") and len(word) > 1]
    if tool in ("journey", ".venv/bin/journey"):
        parse_journey(rest)
    elif tool == "make":
        makefile = (ROOT / "Makefile").read_text()
        for word in rest:
            if "=" in word:
                assert re.search(rf"^{word.partition('=')[0]} \?=", makefile, re.MULTILINE), word
            else:
                assert re.search(rf"^{word}:", makefile, re.MULTILINE), word
    elif tool == "python":
        parse_python(rest)
    elif tool == ".venv/bin/pytest":
        assert (ROOT / rest[0]).exists(), rest
    elif tool in ("cat", "ls", "export"):
        assert not flags
    elif tool == "python3" or tool.endswith("/bin/pip"):
        assert rest[:2] == ["-m", "venv"] or rest[0] == "install", words
    else:
        assert set(flags) <= KNOWN_FLAGS[tool], f"{tool} knows no {sorted(set(flags) - KNOWN_FLAGS[tool])}"


def parse_journey(words: list[str]) -> None:
    """Fail unless the command line takes the words, and the settings models what they set."""
    verbs = get_command(app).commands  # type: ignore[attr-defined]
    assert words[0] in verbs, words
    verb, values = words[0], verbs[words[0]].make_context(words[0], words[1:]).params
    for model in VERBS.get(verb, ()):
        read = {option.name: option.read(values.get(option.name)) for option in options(verb)}
        given = {name: value for name, value in read.items() if value is not None}
        GivenFlags(verb, given, tuple(values.get("sets") or ())).build(model)
    if verb == "run":
        recipe = pipeline.read_recipe(values["recipe"])
        resolve_run(recipe.data, parse_set(values["sets"]), recipe.where)


def parse_python(words: list[str]) -> None:
    """Fail unless the script or module is there and adds every flag by name."""
    words = [word for word in words if word != "-P"]
    if words[0] == "-m":
        file = ROOT / (words[1].removeprefix("journey.").replace(".", "/") + ".py")
        file = file if file.is_file() else ROOT / (words[1].replace(".", "/") + ".py")
        words = words[1:]
    else:
        file = ROOT / words[0]
    tree = ast.parse(file.read_text(encoding="utf-8"))
    known = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    for flag in (word for word in words[1:] if word.startswith("--")):
        assert flag in known, f"{file.name} has no {flag}"


@pytest.mark.parametrize("block", blocks("sh other"))
def test_commands_that_are_not_run_here_are_parsed(block: list[list[str]]) -> None:
    for words in block:
        assert words[0] in TOOLS or "=" in words[0], words
        parse(words)


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_commands_named_in_a_sentence_have_known_flags(page: Path) -> None:
    verbs = get_command(app).commands  # type: ignore[attr-defined]
    text = "\n".join("\n".join(lines) for kind, lines, _ in fences(page) if not kind)
    for code in re.findall(r"`((?:\.venv/bin/)?journey [a-z][^`]*)`", text):
        verb = code.split()[1].split("|")[0]
        assert verb in verbs, code
        known = {flag for parameter in verbs[verb].params for flag in (*parameter.opts, *parameter.secondary_opts)}
        for flag in re.findall(r"(?<![\w-])--?[a-z][\w-]*", code):
            assert flag in known | {"--help"}, f"{shown(page)}: `{code}`: no {flag}"


# --- carrying out


@pytest.fixture
def workplace(
    hub: Any, generated: Path, curated: Path, finetuned: Path, evaluated: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:  # fmt: skip
    """An empty folder to work in with a tiny run of the demo, and a Hub that has GSM8K and knows USER."""
    import datasets

    from journey.evaluate import run as evaluation
    from journey.finetune import run as training

    for name, folder in (
        ("generate", generated),
        ("curate", curated),
        ("finetune", finetuned),
        ("evaluate", evaluated),
    ):
        shutil.copytree(folder, tmp_path / "data/runs/demo" / name)
    hub.accounts[USER] = {"name": "USER"}
    monkeypatch.setenv("HF_TOKEN", USER)
    put_gsm8k(hub)
    monkeypatch.setattr(datasets.config, "HF_ENDPOINT", hub.url)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "hf" / "datasets"))
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(questions, "PROCEDURAL_SIZE", 4)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0}, raising=False)  # one process for everything
    train, ask = training.finetune, evaluation.evaluate
    monkeypatch.setattr(training, "finetune", lambda a, s, out: train(a, s.model_copy(update={"max_steps": 1}), out))
    small = {"limit": 4, "max_new_tokens": 8}
    monkeypatch.setattr(evaluation, "evaluate", lambda a, s, out: ask(a, s.model_copy(update=small), out))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def put_gsm8k(hub: Any) -> None:
    """GSM8K as it lies on the Hub, with the problems that are shipped in place of its own."""
    files = {"README.md": b"---\nconfigs:\n- config_name: main\n  data_files:\n"}
    for split in ("train", "test"):
        path = ROOT / "data/problems" / f"words_{split}.jsonl"
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        raw = [{"question": row["question"], "answer": f"{row['solution']}\n#### {row['answer']}"} for row in rows]
        held = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(raw), held)
        files["README.md"] += f"  - split: {split}\n    path: main/{split}-*\n".encode()
        files[f"main/{split}-00000-of-00001.parquet"] = held.getvalue()
    files["README.md"] += b"---\n"
    repo = hub.put("datasets", BENCHMARKS.entry("gsm8k").facts["source"], files)
    repo.tags[BENCHMARKS.entry("gsm8k").facts["source_revision"]] = repo.heads["main"]


def carry_out(words: list[str]) -> tuple[str, list[str]]:
    """What a command of ours prints, and the commands that it says come next."""
    done = CliRunner().invoke(app, words, env={"COLUMNS": "200"})
    assert done.exit_code == 0, f"journey {shlex.join(words)}: {done.exception!r}\n{done.stderr[-2000:]}"
    return done.stdout + done.stderr, [line[6:] for line in done.stderr.splitlines() if line.startswith("next: ")]


RUN = [page for page in PAGES if any(kind == "sh run" for kind, _, _ in fences(page))]


@pytest.mark.parametrize("page", RUN, ids=shown)
def test_commands_work_as_they_are_written_and_so_does_what_they_say_comes_next(page: Path, workplace: Path) -> None:
    printed = ""
    for kind, lines, start in fences(page):
        if kind == "printed":
            have = [" ".join(line.split()) for line in printed.splitlines()]
            missing = [line for line in lines if line.strip() and " ".join(line.split()) not in have]
            assert not missing, f"{shown(page)}:{start}: not printed: {missing}\n{printed}"
        if kind != "sh run":
            continue
        for words in commands(lines):
            if words[0] not in ("journey", ".venv/bin/journey"):
                parse(words)
                continue
            printed, following = carry_out(words[1:])
            for line in following:
                again = shlex.split(line)
                parse(again)
                if again[:2] in (["journey", "show"], ["journey", "list"], ["journey", "curate"]):
                    carry_out(again[1:])
