"""docs/formats.md, made from the records: `python -m journey.formats.document` writes it, `--check` compares it.

A record's docstring and the comments beside its fields are its documentation; what is not a record (weights, tables, reports)
is in the prose here.
"""

from __future__ import annotations

import importlib
import inspect
import re
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, Union

import msgspec
import orjson

from journey.formats.files import write_or_check
from journey.formats.record import FileRecord

FILE = Path(__file__).resolve().parents[2] / "docs" / "formats.md"

HEAD = """\
# Files

<!-- Made from journey/formats and journey/schema.py by `make golden`; change the records there. -->

Every stage writes `DIR.partial/` and renames it to `DIR` when it is complete; `DIR.lock` beside it is held meanwhile. JSON lines are
the record. A file that another stage reads has one typed record with a version; unknown fields and other versions are refused by name.

| stage | files |
|---|---|
| sample | `attempts/NNNNN.jsonl`, `attempts/NNNNN-hard.jsonl` (Attempt; the latter are further attempts at problems never right), `problems.jsonl` (Problem), `profile.json` |
| generate | `pairs/NNNNN.jsonl` (Pair), `trees/NNNNN.jsonl` (Tree), `rejected.jsonl` (RejectedLine) |
| curate | `train/`, `dev/`, `test/` (`NNNNN.jsonl`, Pair), `ledger.jsonl` (LedgerLine), `funnel.json` |
| finetune | by run `RUN/adapter_model.safetensors`, `RUN/adapter_config.json` (PEFT's; a whole model with `--full`), `RUN/run.json`, `RUN/trajectory.jsonl` (TrajectoryPoint); `audit.json`; `problems.txt` (ids of the problems trained on, one a line); `warmup/` (a model, and `warmup.json`) with `--warmup`; `lr_sweep.json` with `--lr-sweep` |
| evaluate | `plan.json`, `questions/BENCHMARK.jsonl` (Question), `samples/RUN/BENCHMARK/DRAW/NNNNN.jsonl` (Sample), `rewards/RUN/BENCHMARK/NNNNN.jsonl` (Reward), `recover/BENCHMARK/` (`prefixes.jsonl`, RecoveryPrefix; `RUN.jsonl`, RecoveryText), `identities.json`, `scores.json`, `parity.json` and `flips.json`; views of them: `behaviour.json`, `training.json`, `samples.parquet`, `report.html`, `report.md`, `judge.jsonl`, `looks_beside.json`, `second_grader.json`, `servers.json` |
| run | `recipe.yaml` (resolved settings), `claims.json`, and a folder for each stage |
| sweep | `sweep_plan.json`, `recipe.yaml`, `claims.json`, a run folder for each point; `sweep.json` and, made from it, `report.html` and `report.md` |
| publish | `bundle/` (what goes up; see `docs/publish.md`), `published.json` |

All have `manifest.json`, `environment.json` and `timing.json`; the last two are never hashed. `.done/` holds the marks by which a damaged
shard can be made again on its own: run the command that wrote the folder once more. Every reader compares hashes first, and refuses
names that the manifest does not list or that lead out of the folder.

DRAW is what was drawn (`greedy`, `samples`, `revision`, `budget-cap`, `budget-wait`), not the strategy; `plan.json` says under `policies`
which draw each strategy reads. Dev problems, on which policies are chosen, are benchmarks called `NAME.dev`; the larger model is the
run `larger`. `samples.parquet` is all samples in one table, with grade, answer class, seconds and reward; an export, written anew
at the end of each evaluation and never hashed.

In the tables below, a field with a default, or one that may be null, may be missing in the file; null is what could not be computed or
was not asked for.
"""

MODULES = (
    "journey.schema", "journey.formats.manifest", "journey.formats.marks", "journey.formats.attempts", "journey.formats.curation", "journey.formats.finetune",
    "journey.formats.plan", "journey.formats.scores", "journey.formats.comparison",
    "journey.formats.behaviour", "journey.formats.training_view", "journey.formats.publication", "journey.formats.recipes.claims", "journey.formats.recipes.sweep",
)  # fmt: skip
_PLAIN = {str: "text", int: "whole number", float: "number", bool: "true or false", type(None): "null", Any: "JSON"}
_NAMED_ELSEWHERE = {"Record", "FileRecord"}


def content() -> str:
    """The page as the records have it now."""
    return "\n".join([HEAD, *(_section(importlib.import_module(name)) for name in MODULES)]).rstrip() + "\n"


def _section(module: types.ModuleType) -> str:
    title, _, more = (module.__doc__ or "").strip().partition("\n\n")
    records = [
        kind
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and kind.__module__ == module.__name__
        if not kind.__name__.startswith("_") and kind.__name__ not in _NAMED_ELSEWHERE
    ]
    parts = [f"## {title.rstrip('.').replace(chr(10), ' ')}", *([_prose(more)] if more else []), *map(_record, records)]
    return "\n\n".join(parts) + "\n"


def _record(kind: type[msgspec.Struct]) -> str:
    version = ""
    if issubclass(kind, FileRecord):
        version = f" (`{kind.FILE}`, version {' or '.join(map(str, kind.READS))})"
    rows = [f"| `{name}` | {words} |" for name, words in _fields(kind)]
    table = "\n".join(["| field | holds |", "|---|---|", *rows])
    return "\n\n".join(
        [f"### {kind.__name__}{version}", _prose(inspect.cleandoc(kind.__doc__ or "")), *([table] if rows else [])]
    )


def _fields(kind: type[msgspec.Struct]) -> Iterator[tuple[str, str]]:
    comments = dict(re.findall(r"^    (\w+): .*?  # (.+)$", inspect.getsource(kind), re.MULTILINE))
    hints = typing.get_type_hints(kind)
    for field in msgspec.structs.fields(kind):
        holds = _takes(hints[field.name]) + _default(field)
        comment = comments.get(field.name)
        yield field.encode_name, f"{holds}: {comment}" if comment else holds


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return ""
    value = field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
    return "" if value is None else f", default `{orjson.dumps(msgspec.to_builtins(value)).decode()}`"


def _takes(hint: Any) -> str:
    """A type in words."""
    if hint in _PLAIN:
        return _PLAIN[hint]
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in parts)
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(map(_takes, parts)))
    if origin in (tuple, list):
        inner = [part for part in parts if part is not Ellipsis]
        return (
            f"list of {_takes(inner[0])}"
            if len(inner) < len(parts) or len(inner) == 1
            else f"[{', '.join(map(_takes, inner))}]"
        )
    if origin is dict:
        return f"map to {_takes(parts[1])}"
    return f"{hint.__name__}"


def _prose(text: str) -> str:
    """Paragraphs, each on one line; examples of code are left out."""
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n") if not part.startswith("    "))


if __name__ == "__main__":
    write_or_check(FILE, content, "the records", __doc__)
