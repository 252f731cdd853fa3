"""An evaluation folder as it is published, and the tables that are made of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from journey.formats.folders import EvaluatedFolder
from journey.formats.plan import BenchmarkInfo

if TYPE_CHECKING:
    import pyarrow


def benchmarks_of(evaluated: EvaluatedFolder) -> tuple[BenchmarkInfo, ...]:
    """All sets of questions: those that are scored, and those on which policies are chosen."""
    return (*evaluated.plan.benchmarks, *evaluated.plan.dev)


def licences_of(evaluated: EvaluatedFolder) -> dict[str, str | None]:
    """The licence of every benchmark, by name."""
    return {benchmark.name: benchmark.licence for benchmark in benchmarks_of(evaluated)}


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
