"""`journey problems`: writes a problem file to begin with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from journey.cli.shared import AsJson, next_, note, print_json


def problems(
    name: Annotated[
        str, typer.Argument(help="words or first-grade (shipped with the package), or a set on the Hub such as gsm8k.")
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FILE", help="File to write, JSON lines; first-grade is a csv file.")
    ],
    split: Annotated[str, typer.Option(metavar="NAME", help="train or test.")] = "train",
    as_json: AsJson = False,
) -> None:
    """Write a problem file: a small one that is shipped, or a published set from the Hub.

    Example: journey problems words --out words.jsonl
    Example: journey problems first-grade --out mine.csv
    Example: journey problems gsm8k --split test --out gsm8k_test.jsonl
    """
    from journey.generate import problem_files

    count = problem_files.write(name, split, out)
    if as_json:
        print_json({"file": str(out), "problems": count, "split": split})
        return
    note(f"{out}: {count:,} problems of {name}, {split} split")
    if name == "first-grade":
        next_(
            "journey", "sample", "--problems", out, "--policy", "smollm2-135m", "--shots", "3", "--out", "data/runs/a"
        )
    elif split == "train":
        next_("journey", "generate", "--problems", out, "--method", "slips", "--out", out.with_suffix(""))
    else:
        next_("journey", "list", "benchmarks")
