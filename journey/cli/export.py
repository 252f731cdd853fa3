"""`journey export`: writes a tuned model that needs nothing of this project."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from journey.cli.shared import AsJson, next_, print_json
from journey.errors import UsageError


def export(
    run: Annotated[str, typer.Argument(help="A run's folder, FINETUNE/RUN, or a published adapter's Hub id.")],
    merge: Annotated[Path | None, typer.Option(help="Write a plain transformers folder, adapter merged in.")] = None,
    gguf: Annotated[Path | None, typer.Option(help="Write a GGUF file for llama.cpp, Ollama and others.")] = None,
    base: Annotated[str | None, typer.Option(help="The base, where the run does not name one that is here.")] = None,
    dtype: Annotated[str, typer.Option(help="float32, bfloat16, float16, or auto: as the base is stored.")] = "auto",
    outtype: Annotated[str, typer.Option(help="Of the GGUF file: f32, f16, bf16, q8_0.")] = "f16",
    as_json: AsJson = False,
) -> None:
    """Write a tuned model that needs nothing of this project: transformers format, or GGUF.

    Example: journey export data/runs/arms/journey-s0 --merge data/runs/journey-model
    """
    import journey.publish.export as stage

    if merge is None and gguf is None:
        raise UsageError("nothing to write", "add --merge DIR or --gguf FILE")
    facts = stage.export(run, merge=merge, gguf=gguf, base=base, dtype=dtype, outtype=outtype)
    if as_json:
        print_json(facts)
    else:
        from journey.cli.printing import terminal

        terminal.show_facts(facts)
    next_(*(("journey", "show", merge) if merge else ("llama-cli", "-m", str(gguf))))
