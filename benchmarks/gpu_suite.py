"""Every measurement of this project that wants a GPU, in one command and within nine minutes, into one JSON file.

    python -P benchmarks/gpu_suite.py --out docs/results/gpu.json
    python -P benchmarks/gpu_suite.py --quick --out FILE          # the same on the embedded base, to try the suite on a CPU

Parts, most wanted first; one that would not fit into the time left is named under `skipped` with the reason:

    parity      stacked against each run alone on this device, in float32 and in the precision that is used
    small       8 runs at 2,000 tokens a forward pass of a run: where launching kernels costs most
    memory      predicted against measured peak of a stack
    sampling    all adapters in one batch against one `generate` each, and how often bfloat16 changes an answer
    large       8 runs at 16,000 tokens a forward pass of a run: where arithmetic costs most
    scaling     1, 2 and 4 runs at 2,000 tokens
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ENVIRONMENT = {"PYTHONSAFEPATH": "1", "TOKENIZERS_PARALLELISM": "false", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}


def run(words: list[str], seconds: float) -> dict[str, Any]:
    """A measuring script's JSON, or why there is none."""
    began = time.monotonic()
    try:
        done = subprocess.run(
            [sys.executable, "-P", *words],
            capture_output=True,
            text=True,
            timeout=seconds,
            env={**os.environ, **ENVIRONMENT},
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"failed": f"not through after {seconds:.0f} s"}
    if done.returncode:
        return {"failed": (done.stderr.strip().splitlines() or ["no reason given"])[-1]}
    return {"seconds": round(time.monotonic() - began, 1), **json.loads(done.stdout)}


def training(base: str, *more: str) -> list[str]:
    """The command of one part of training_speed.py."""
    return [str(HERE / "training_speed.py"), "--base", base, "--lengths", "equal", *more]


def parity(base: str, quick: bool) -> dict[str, Any]:
    """How far a run in a stack of four is from the same run alone, relative to how far it moved."""
    import tempfile

    import torch
    import training_speed

    from journey.finetune.training.stacked import Training
    from journey.models import load

    device = load.best_device()
    told = argparse.Namespace(
        base=base,
        lengths="equal",
        row_tokens=64,
        micro_tokens=256,
        passes=2,
        steps=3 if quick else 18,
        rank=16,
        first=0,
        pass_tokens=1024,
    )
    found: dict[str, Any] = {}
    for dtype in dict.fromkeys((torch.float32, torch.float32 if device == "cpu" else torch.bfloat16)):
        weights = {}
        for count in (4, 1):
            with tempfile.TemporaryDirectory() as folder:
                runs, rows, setup = training_speed.make(told, count, folder)
                model: Any = load.load_model(load.ModelRef("base", setup.source), device="cpu", dtype=dtype)
                training = Training(model.to(device), 0, runs, rows, setup, lambda *_: None)
                begun = training.stack.flat[0].clone()
                for _ in training.work():
                    pass
                from safetensors.torch import load_file

                state = load_file(Path(folder) / runs[0].run / "adapter_model.safetensors")
                weights[count] = torch.cat([state[name].flatten() for name in sorted(state)])
                if count == 1:
                    first = torch.cat([value.flatten() for _, value in sorted(_initial(training, begun).items())])
        moved = float((weights[1] - first).norm())
        found[str(dtype).removeprefix("torch.")] = float((weights[4] - weights[1]).norm()) / moved
    return {"distance_relative_to_update": found, "steps": told.steps + training_speed.WARM}


def sampling(base: str, quick: bool) -> dict[str, Any]:
    """Greedy answers of six adapters in one batch, against PEFT's `generate` with each, and again one row at a time."""
    import tempfile

    import torch
    from peft import PeftModel

    from journey.models import load
    from journey.models.completion import CompletionRequest
    from journey.models.decode import Decoder
    from journey.models.lora import stacked

    count, rows, cap = (2, 4, 8) if quick else (6, 32, 128)
    ref = load.find(base)
    tokenizer = load.load_tokenizer(ref)
    with tempfile.TemporaryDirectory() as folder:
        folders = _adapters(base, count, folder)
        rng = torch.Generator().manual_seed(0)
        prompts = [torch.randint(5, len(tokenizer), (48,), generator=rng).tolist() for _ in range(rows)]
        model: Any = load.load_model(ref)
        jobs = [CompletionRequest(prompt, run) for run in range(count) for prompt in prompts]
        with stacked(model, folders) as stack:
            decoder = Decoder.of(model, tokenizer, cap, stack)
            together, seconds = _timed(lambda: [one.ids for one in decoder.write(jobs)])
            few = jobs[:: max(1, len(jobs) // 16)]
            alone = [decoder.write([job])[0].ids for job in few]
        changed = sum(one != two for one, two in zip(together[:: max(1, len(jobs) // 16)], alone, strict=True))
        ids = torch.tensor(prompts, device=model.device)

        def generate() -> int:
            tokens = 0
            for path in folders:
                tuned: Any = PeftModel.from_pretrained(load.load_model(ref), str(path)).eval()
                with torch.inference_mode():
                    made = tuned.generate(
                        input_ids=ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=cap
                    )
                tokens += int(made[:, ids.shape[1] :].numel())
            return tokens

        _, plain = _timed(generate)
    return {
        "adapters": count,
        "prompts": rows,
        "cap": cap,
        "stacked_seconds": seconds,
        "generate_seconds": plain,
        "answers_changed_one_at_a_time": f"{changed} of {len(few)}",
        "dtype": str(model.dtype).removeprefix("torch."),
    }


def _adapters(base: str, count: int, folder: str) -> list[Path]:
    """Adapters that have made a few steps."""
    import training_speed

    from journey.catalog import ENGINES

    told = argparse.Namespace(
        base=base,
        lengths="equal",
        row_tokens=64,
        micro_tokens=256,
        passes=1,
        steps=2,
        rank=16,
        first=0,
        pass_tokens=1024,
    )
    runs, rows, setup = training_speed.make(told, count, folder)
    for _ in ENGINES.get("stacked")(runs, rows, setup, lambda *_: None):
        pass
    return [Path(folder) / run.run for run in runs]


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """What it gives, and the seconds of a second go: the first may compile kernels."""
    import torch

    work()
    began = time.perf_counter()
    found = work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return found, round(time.perf_counter() - began, 3)


def _initial(training: Any, begun: Any) -> dict[str, Any]:
    """The run's tensors before training, by their names in PEFT."""
    training.stack._hold(begun[None])
    return training.stack.state(0)


def memory(base: str, quick: bool) -> dict[str, Any]:
    """Predicted and measured bytes of a stack of four runs."""
    import torch

    from journey.config import FinetuneSettings
    from journey.finetune import cost
    from journey.finetune.planning import memory as memory_plan
    from journey.models import load

    tokens = 1024 if quick else 8192
    words = ["--runs", "4", "--ways", "stacked", "--steps", "2", "--micro-tokens", str(tokens // 4)]
    words += ["--row-tokens", "64" if quick else "256", "--pass-tokens", str(tokens)]
    measured = run(training(base, *words), 120)
    gpu = torch.cuda.is_available()
    settings = FinetuneSettings(base=base, rank=16)
    row = 64 if quick else 256
    footprint = memory_plan.footprint_of(load.find(base), settings, row, "cuda" if gpu else "cpu")
    predicted = cost.PROCESS_BYTES + footprint.peak(4, tokens, False)
    return {"predicted_bytes": predicted, "measured": measured}


def parts(base: str, quick: bool) -> dict[str, tuple[float, Callable[[float], dict[str, Any]]]]:
    """By name: about how many seconds a part takes, and what runs it within a limit."""
    rows = ["--row-tokens", "64"] if quick else ["--row-tokens", "256"]
    steps = ["--steps", "2" if quick else "10", "--passes", "1" if quick else "2"]
    few, many = ("256", "512") if quick else ("2048", "16384")
    eight = "2" if quick else "8"
    this = [str(Path(__file__).resolve()), "--base", base, *(["--quick"] if quick else [])]
    every = ["--ways", "stacked,trl,peft,processes"]
    small = training(base, "--runs", eight, "--micro-tokens", few, *rows, *steps, *every)
    large = training(base, "--runs", eight, "--micro-tokens", many, *rows, *steps)
    ways = ["--ways", "stacked,trl"]
    one_to_four = training(base, "--runs", "1" if quick else "1,2,4", "--micro-tokens", few, *rows, *steps, *every)
    return {
        "parity": (60, lambda limit: run([*this, "--part", "parity"], limit)),
        "small": (150, lambda limit: run(small, limit)),
        "memory": (30, lambda limit: run([*this, "--part", "memory"], limit)),
        "sampling": (120, lambda limit: run([*this, "--part", "sampling"], limit)),
        "large": (90, lambda limit: run([*large, *ways, "--pass-tokens", "1024" if quick else "32768"], limit)),
        "scaling": (90, lambda limit: run(one_to_four, limit)),
    }


def facts() -> dict[str, Any]:
    """The device and the versions."""
    import importlib.metadata
    import platform

    import torch

    names = ("torch", "transformers", "peft", "trl", "journey-learning")
    versions: dict[str, str | None] = {}
    for name in names:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = None
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=HERE, capture_output=True, text=True, check=False)
    return {
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "versions": versions,
        "commit": commit.stdout.strip() or None,
    }


def main() -> None:
    """Measure, part after part, and write after each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", help="default: smollm2-135m, with --quick pocket")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--minutes", type=float, default=9.0)
    parser.add_argument("--quick", action="store_true", help="small numbers, to try the suite itself")
    parser.add_argument("--only", help="parts, a,b")
    parser.add_argument("--part", choices=("parity", "memory", "sampling"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    base = args.base or ("pocket" if args.quick else "smollm2-135m")
    if args.part:
        sys.path.insert(0, str(HERE))  # training_speed.py
        print(json.dumps({"parity": parity, "memory": memory, "sampling": sampling}[args.part](base, args.quick)))
        return
    began, found = time.monotonic(), {**facts(), "base": base, "quick": args.quick, "parts": {}, "skipped": {}}
    for name, (expected, work) in parts(base, args.quick).items():
        left = args.minutes * 60 - (time.monotonic() - began)
        if args.only and name not in args.only.split(","):
            found["skipped"][name] = "not asked for"
        elif left < (0.3 if args.quick else 0.8) * expected:
            found["skipped"][name] = f"{left:.0f} s were left of {args.minutes:g} minutes, about {expected} are needed"
        else:
            found["parts"][name] = work(left)
            print(name, json.dumps(found["parts"][name])[:200], file=sys.stderr, flush=True)
        if args.out:
            args.out.write_text(json.dumps(found, indent=1) + "\n")
    if not args.out:
        print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
