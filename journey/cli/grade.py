"""`journey grade`: says why an answer is the same as a gold answer, different, or undecided."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from journey.cli.shared import AsJson, next_, print_json


def grade(
    gold: Annotated[str | None, typer.Argument(help="The gold answer.")] = None,
    answer: Annotated[str | None, typer.Argument(help="An answer, or a whole output that ends in one.")] = None,
    file: Annotated[
        Path | None, typer.Option("--file", metavar="FILE", help='JSON lines: {"gold": ..., "answer": ...}.')
    ] = None,
    second_grader: Annotated[
        str | None, typer.Option("--second-grader", metavar="NAME", help="math-verify: list where it disagrees.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Explain how an answer is judged: same, different or undecided, and why.

    Example: journey grade "(3,4]" "3 < x \\le 4"
    """
    from journey import console
    from journey.answers.explaining import explained, pairs
    from journey.answers.second import GRADERS
    from journey.errors import UnknownName, UsageError

    if file is not None and gold is not None:
        raise UsageError("GOLD and --file are given, not both can be judged", "journey grade --file FILE")
    if file is None and (gold is None or answer is None):
        raise UsageError("nothing to judge", "give GOLD and ANSWER, or --file FILE")
    if second_grader is not None and second_grader not in GRADERS:
        raise UnknownName("second grader", second_grader, GRADERS)
    asked = pairs(file) if file is not None else [(gold or "", answer or "")]
    rows: list[dict[str, Any]] = [explained(one, other, second_grader is not None) for one, other in asked]
    if as_json:
        print_json(rows if file is not None else rows[0])
        return
    for row in rows:
        if file is not None and second_grader is not None and row["agree"]:
            continue
        console.out.print(f"{row['outcome']}: {row['why']}", markup=False, highlight=False, soft_wrap=True)
        for name in ("gold", "answer", "taken_from", "gold_read_as", "answer_read_as", "second"):
            if name in row:
                text = console.clean(f"  {name.replace('_', ' ')}: {row[name]}")
                console.out.print(text, markup=False, highlight=False, soft_wrap=True)
    if file is not None:
        counts = {
            outcome: sum(row["outcome"] == outcome for row in rows) for outcome in ("same", "different", "undecided")
        }
        differ = (
            f"; {sum(not row['agree'] for row in rows)} judged otherwise by {second_grader}" if second_grader else ""
        )
        shown = ", ".join(f"{count} {outcome}" for outcome, count in counts.items())
        console.out.print(f"{len(rows)} answers: {shown}{differ}", markup=False, highlight=False)
    asked_again = ["--file", file] if file is not None else ["--", gold or "", answer or ""]
    next_("journey", "grade", "--second-grader", "math-verify", *asked_again)
