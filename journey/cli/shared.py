"""Helpers of all verbs: flags that are no settings, and the printing of results."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

TYPED: list[str] = []  # the words of the command that is being carried out
Out = Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Folder to write (DIR.partial while it runs).")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]
Like = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Begin with the settings of this finished folder of the same stage.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the plan and its costs; do nothing.")]
Sets = Annotated[
    list[str],
    typer.Option("--set", metavar="KEY=VALUE", help="Override any setting, e.g. --set finetune.epochs=2. Repeats."),
]
RecipeName = Annotated[str, typer.Argument(help="A shipped recipe's name (see `journey list recipes`) or a YAML file.")]
Workers = Annotated[
    int | None, typer.Option(metavar="N", help="Processes; changes no result (default: by cores).", min=1)
]


def print_json(data: Any) -> None:
    """A result on stdout, records and paths as plain data."""
    import msgspec

    sys.stdout.write(json.dumps(msgspec.to_builtins(data), indent=2, ensure_ascii=False) + "\n")


def note(message: str) -> None:
    """A line for the person, on stderr."""
    from journey import console

    console.note(message)


def next_(*words: str | Path) -> None:
    """The last line of a verb: what to type next, quoted so that it can be pasted into a shell."""
    note(f"next: {shlex.join(map(str, words))}")


def again(without: str) -> list[str]:
    """The command that is being carried out, without one of its flags."""
    return ["journey", *(word for word in TYPED if word != without)]


def fitting_benchmarks(folder: Path, named: Sequence[str] = ()) -> list[str]:
    """What to ask models that were trained on a curated folder: `named`, else what was kept out of it, else its families."""
    from itertools import islice

    from journey.catalog import BENCHMARKS
    from journey.formats.folders import open_finished

    if named:
        return list(named)
    curated = open_finished(folder, "curate")
    usable = [name for name in curated.benchmarks if "=" not in name or Path(name.partition("=")[2]).is_file()]
    if usable:
        return usable
    problems = [pair.problem for pair in islice(curated.pairs("train"), 100)]
    names = {problem.source if problem.level is None else f"{problem.source}@{problem.level}" for problem in problems}
    return sorted(names & set(BENCHMARKS.names()))


def suggested(folder: Path, kind: str) -> str:
    """A model of the catalog that can read a folder's pairs, to be named in the next command."""
    from itertools import islice

    from journey.formats.folders import open_finished
    from journey.models.template import suggested_base
    from journey.schema import Pair

    return suggested_base(islice(open_finished(folder).records(kind, Pair), 100))


def show_plan(verb: str, plan: dict[str, Any], as_json: bool) -> None:
    """Print what a dry run found out: JSON, or the parts that a person decides by."""
    from journey.cli.printing import plans

    if as_json:
        print_json(plan)
    else:
        plans.show(verb, plan)


def show_counts(counts: dict[str, Any], as_json: bool) -> None:
    """Print the counts of a stage's manifest: JSON, or a table in two columns."""
    from journey.cli.printing import terminal

    if as_json:
        print_json(counts)
    else:
        terminal.show_facts(counts)


def show_scores(folder: Path, as_json: bool, finetuned: Path | None = None) -> None:
    """Print scores.json of an evaluation folder as it is, or its first screen and tables."""
    from journey.cli.printing import terminal

    if as_json:
        from journey.formats.scores import Scores

        sys.stdout.write((folder / Scores.FILE).read_text(encoding="utf-8"))
    else:
        terminal.show_scores(folder, finetuned)
