"""`journey export`: writes a tuned model, or pairs, in a form that needs nothing of this project."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from journey.cli.shared import AsJson, next_, note, print_json
from journey.errors import UsageError

if TYPE_CHECKING:
    from journey.publish.data_export import FileKind


def export(
    run: Annotated[str, typer.Argument(help="A run, FINETUNE/RUN or an adapter's Hub id; or a folder with pairs.")],
    merge: Annotated[Path | None, typer.Option(help="Write a plain transformers folder, adapter merged in.")] = None,
    gguf: Annotated[Path | None, typer.Option(help="Write a GGUF file for llama.cpp, Ollama and others.")] = None,
    parquet: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write pairs as parquet for load_dataset.")
    ] = None,
    jsonl: Annotated[Path | None, typer.Option(metavar="DIR", help="The same as JSON lines.")] = None,
    config: Annotated[
        str, typer.Option(metavar="NAME", help="Which table: journey, shortcut, pairs, trees, stepwise.")
    ] = "journey",
    view: Annotated[str, typer.Option(metavar="VIEW", help="Of the text in it: think, plain or compact.")] = "think",
    base: Annotated[str | None, typer.Option(help="The base, where the run does not name one that is here.")] = None,
    dtype: Annotated[str, typer.Option(help="float32, bfloat16, float16, or auto: as the base is stored.")] = "auto",
    outtype: Annotated[str, typer.Option(help="Of the GGUF file: f32, f16, bf16, q8_0.")] = "f16",
    as_json: AsJson = False,
) -> None:
    """Write a tuned model (transformers, GGUF) or pairs (parquet, JSON lines) for use without this project.

    Example: journey export data/runs/arms/journey-s0 --merge data/runs/journey-model
    Example: journey export data/runs/curated --parquet data/runs/table --config journey
    """
    if parquet is not None or jsonl is not None:
        if merge is not None or gguf is not None:
            raise UsageError("--merge and --gguf are for models, --parquet and --jsonl for pairs", "give one kind")
        _pairs(Path(run), {"parquet": parquet, "jsonl": jsonl}, config, view, as_json)
        return
    import journey.publish.export as stage

    if merge is None and gguf is None:
        raise UsageError("nothing to write", "add --merge DIR or --gguf FILE; for pairs --parquet DIR or --jsonl DIR")
    facts = stage.export(run, merge=merge, gguf=gguf, base=base, dtype=dtype, outtype=outtype)
    if as_json:
        print_json(facts)
    else:
        from journey.cli.printing import terminal

        terminal.show_facts(facts)
    next_(*(("journey", "show", merge) if merge else ("llama-cli", "-m", str(gguf))))


def _pairs(folder: Path, to: dict[FileKind, Path | None], config: str, view: str, as_json: bool) -> None:
    """Pairs as files that `load_dataset` opens."""
    from journey.cli.printing import terminal
    from journey.publish import data_export

    written = [
        data_export.write(folder, out, kind, config, terminal.as_view(view))
        for kind, out in to.items()
        if out is not None
    ]
    if as_json:
        print_json(written)
        return
    for facts in written:
        terminal.show_facts(facts)
        note(f"to open it: load_dataset({facts['folder']!r})")
    next_("journey", "show", written[0]["folder"])
