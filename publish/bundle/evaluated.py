"""An evaluation folder as it is published, and the tables that are made of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from journey.errors import UsageError
from journey.store import corrupt_files, read_manifest

if TYPE_CHECKING:
    import pyarrow


@dataclass(frozen=True)
class Evaluation:
    """A finished evaluation folder."""

    folder: Path
    plan: dict[str, Any]
    scores: dict[str, Any]

    @property
    def licences(self) -> dict[str, str | None]:
        """The licence of every benchmark, by name."""
        return {one["name"]: one["licence"] for one in self.benchmarks}

    @property
    def benchmarks(self) -> list[dict[str, Any]]:
        """All sets of questions: those that are scored, and those on which policies are chosen."""
        return [*self.plan["benchmarks"], *(self.plan.get("dev") or [])]


def read(folder: Path) -> Evaluation:
    """The folder's plan and scores. Raises UsageError if it is none or damaged."""
    read_manifest(folder, "evaluate")
    damaged = corrupt_files(folder)
    if damaged:
        raise UsageError(f"{folder} is damaged: {', '.join(damaged[:3])}", "run `journey evaluate` again")
    plan, scores = (json.loads((folder / name).read_bytes()) for name in ("plan.json", "scores.json"))
    return Evaluation(folder, plan, scores)


def schemas() -> dict[str, pyarrow.Schema]:
    """The Arrow types of every config."""
    import pyarrow as pa

    text, whole, real = pa.string(), pa.int32(), pa.float64()
    run = [("run", text), ("arm", text), ("seed", whole), ("benchmark", text)]
    return {
        "samples": pa.schema(
            [
                *run, ("draw", text), ("index", whole), ("question_id", text), ("question", text), ("gold", text),
                ("text", text), ("outcome", text), ("answer", text), ("why", text), ("tokens", whole),
                ("prompt_tokens", whole), ("flops", pa.int64()), ("logprob", real), ("finish", text),
            ]
        ),
        "questions": pa.schema(
            [
                ("question_id", text), ("benchmark", text), ("question", text), ("gold", text), ("check", text),
                ("level", whole), ("source", text), ("licence", text), ("facts", text),
            ]
        ),
        "scores": pa.schema(
            [
                *run, ("strategy", text), ("n", whole), ("accuracy", real), ("samples", whole), ("correct", whole),
                ("wrong", whole), ("no_answer", whole), ("undecided", whole), ("truncated", whole),
                ("mean_tokens", real), ("mean_flops", real), ("mean_seconds", real),
            ]
        ),
    }  # fmt: skip
