"""The verbs that leave the project: `journey publish` (to the Hugging Face Hub) and `journey export` (to a model folder)."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from journey.errors import UsageError

AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]


def publish(
    target: Annotated[
        str,
        typer.Argument(
            help="A folder of curate (dataset), finetune (adapters) or evaluate; a run, with --all; or a model.",
            metavar="DIR",
        ),
    ],
    repo: Annotated[str, typer.Option(help="USER/NAME on the Hub.")],
    all_: Annotated[bool, typer.Option("--all", help="A whole run: dataset, evaluation and adapters.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Build and check the folder, print what would go up; ask no Hub.")
    ] = False,
    public: Annotated[bool, typer.Option("--public", help="Visible to everybody (private if not given).")] = False,
    gated: Annotated[str | None, typer.Option(help="Readers accept conditions: auto or manual.")] = None,
    revision: Annotated[str | None, typer.Option(help="Branch to publish on.")] = None,
    tag: Annotated[str | None, typer.Option(help="Name of the version (default: the next vN).")] = None,
    create_pr: Annotated[bool, typer.Option("--create-pr", help="Open a pull request instead of committing.")] = False,
    license_: Annotated[
        str | None, typer.Option("--license", help="Licence, checked against sources and base (default: theirs).")
    ] = None,
    source_license: Annotated[
        list[str], typer.Option(help="Licence that a source or teacher does not state, NAME=ID. Repeats.")
    ] = [],  # noqa: B006 - typer reads the default
    base_repo: Annotated[str | None, typer.Option(help="The base on the Hub, ID[@REVISION].")] = None,
    base_license: Annotated[str | None, typer.Option(help="The base's licence, where its card says none.")] = None,
    per_run: Annotated[bool, typer.Option("--per-run", help="One repository a run, NAME-RUN.")] = False,
    dataset: Annotated[
        str | None, typer.Option(help="The published data of the runs, ID@REVISION, or none (default: found).")
    ] = None,
    view: Annotated[str, typer.Option(help="How traces are written: think, plain or compact.")] = "think",
    trees: Annotated[
        list[Path], typer.Option(help="Generate folders, if they do not lie beside the curated one. Repeats.")
    ] = [],  # noqa: B006
    evaluation: Annotated[
        Path | None, typer.Option(help="Evaluation of the runs (default: found beside them).")
    ] = None,
    preference: Annotated[
        Path | None, typer.Option(help="Preference rows of the pairs: pair_id, chosen, rejected; jsonl.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Folder of the bundle and the ids.")] = None,
    as_json: AsJson = False,
) -> None:
    """Publish to the Hugging Face Hub: one commit, tagged, read back and compared. Private unless --public.

    Example: `journey publish data/runs/curated --repo USER/NAME --dry-run`
    """
    from journey.config import build
    from journey.publish import run as stage
    from journey.publish.pieces import Given
    from journey.publish.settings import PublishSettings

    given = {
        "repo": repo, "view": view, "license": license_, "source_license": _pairs(source_license),
        "base_repo": base_repo, "base_license": base_license, "per_run": per_run, "dataset": dataset,
        "public": public, "gated": gated, "revision": revision, "tag": tag, "create_pr": create_pr,
    }  # fmt: skip
    settings = build(PublishSettings, given, "publish")
    beside = Given(tuple(trees), evaluation, preference)
    done = stage.publish(target, settings, given=beside, everything=all_, out=out, dry_run=dry_run)
    if as_json:
        _print_json(done)
    else:
        (_show_plan if dry_run else _show_done)(done)
    if dry_run:
        _note(f"next: the same command without --dry-run; or open it: load_dataset({done[0]['folder']!r})")
    else:
        _note(f"next: {_what_next(done[0])}")


def _what_next(line: dict[str, Any]) -> str:
    there = f"{line['repo']}@{line['tag'] or line['commit']}"
    if line["piece"] == "dataset":
        return f"journey finetune {there} --base NAME --out DIR"
    return f"journey evaluate {there} --benchmarks NAME,... --out DIR" if line["piece"] == "adapters" else line["url"]


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

    Example: `journey export data/runs/arms/journey-s0 --merge data/runs/journey-model`
    """
    import journey.publish.export as stage

    if merge is None and gguf is None:
        raise UsageError("nothing to write", "add --merge DIR or --gguf FILE")
    made = stage.export(run, merge=merge, gguf=gguf, base=base, dtype=dtype, outtype=outtype)
    if as_json:
        _print_json(made)
    else:
        from journey.cli import show

        show.show_facts(made)
    _note(f"next: load {merge or gguf} like any model")


def _pairs(values: list[str]) -> dict[str, str]:
    found = {}
    for value in values:
        name, equals, licence = value.rpartition("=")
        if not equals or not name or not licence:
            raise UsageError(f"--source-license {value!r} is not NAME=ID", "e.g. --source-license gsm8k=mit")
        found[name] = licence
    return found


def _show_plan(done: list[dict[str, Any]]) -> None:
    from journey import console

    for one in done:
        console.out.print(
            f"{one['piece']}: {one['type']} {one['repo']}, {one['visibility']}, {one['licence']}", style="bold"
        )
        for name, size in one["files"].items():
            console.out.print(f"  {size:>13,}  {name}", markup=False, highlight=False)
        console.out.print(
            f"  {one['bytes']:>13,}  bytes in {len(one['files'])} files, in {one['folder']}", highlight=False
        )


def _show_done(done: list[dict[str, Any]]) -> None:
    from journey import console

    for one in done:
        lines = [f"{one['piece']}: {one['url']}"]
        version = f", tagged {one['tag']}" if one["tag"] else ""
        lines.append(f"  commit {one['commit']}{version}")
        if one["pull_request"]:
            lines.append(f"  pull request {one['pull_request']}")
        if one["changed"]:
            back = f"{one['downloaded']} of them read back"
            lines.append(f"  {one['files']} files, {one['bytes']:,} bytes; all compared by hash, {back}")
        else:
            lines.append("  nothing changed, so no new commit; all files compared by hash")
        lines += [f"  - {line}" for line in one["changes"]]
        for line in lines:
            console.out.print(line, markup=False, highlight=False, soft_wrap=True)


def _print_json(data: Any) -> None:
    sys.stdout.write(json.dumps(data, indent=2, ensure_ascii=False) + "\n")


def _note(message: str) -> None:
    from journey import console

    console.note(message)
