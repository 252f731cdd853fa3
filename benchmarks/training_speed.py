"""Training N runs stacked, against one after the other through TRL, in a PEFT loop, and in N processes at once.

    python -P benchmarks/training_speed.py --out training_speed.json                 # CPU, the embedded base, some minutes
    python -P benchmarks/training_speed.py --base smollm2-135m --micro-tokens 2048 --runs 8 --out FILE    # one GPU

Each way has a process of its own for each kind of lengths, which does all numbers of runs, the smallest first: wall and CPU
seconds of the optimiser steps after the first (CPU seconds are of all processes together; they hold on a machine that is
busy), and the peak memory so far (resident memory, or the GPU's as its driver sees it). All do the same work: rows of random
tokens of the same lengths, the same steps, rank, precision and loss. With `ragged` lengths a third of the runs has rows
more than twice as long, and a third shorter ones, as arms have that are trained on other texts.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

WARM = 1  # optimiser steps that are not timed
WAYS = ("stacked", "trl", "peft", "processes")
ROWS = 64


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", default="pocket")
    parser.add_argument("--runs", default="1,3,6,12", help="numbers of runs, a,b, rising")
    parser.add_argument("--lengths", default="equal,ragged", help="lengths of rows: equal, ragged or both")
    parser.add_argument("--ways", default="stacked,trl,peft", help="what to measure, of stacked,trl,peft,processes")
    parser.add_argument(
        "--micro-tokens", type=int, default=512, help="tokens of a run's forward pass, padding included"
    )
    parser.add_argument("--row-tokens", type=int, default=85, help="tokens of the longest row; the shortest has half")
    parser.add_argument("--passes", type=int, default=2, help="forward passes of a run in an optimiser step")
    parser.add_argument("--steps", type=int, default=4, help="optimiser steps that are timed")
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument(
        "--pass-tokens", type=int, help="tokens of a stack's forward pass (default: of all runs' together)"
    )
    parser.add_argument("--threads", type=int, default=1, help="threads of a process on a CPU")
    parser.add_argument("--split", type=int, default=1, help="processes that a stack is split over (CPU)")
    parser.add_argument("--repeat", type=int, default=1, help="measure everything so often, in turn")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("--first", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--wait", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


# --- in a process of its own ------------------------------------------------------------------------------------------


SHARES = {"equal": (1.0,), "ragged": (1.0, 2.4, 0.7)}  # of --row-tokens, by run


def make(args: argparse.Namespace, count: int, folder: str) -> tuple[Any, Any, Any]:
    """Runs, the rows of every kind, and the setup."""
    from journey.finetune.runs import Run
    from journey.finetune.training.protocol import Setup
    from journey.models import load

    ref = load.find(args.base)
    words = len(load.load_tokenizer(ref))
    shares = SHARES[args.lengths]
    data = {f"k{kind}": rows_of(kind, int(share * args.row_tokens), words) for kind, share in enumerate(shares)}
    micro = max(1, args.micro_tokens // args.row_tokens)
    per_step, steps = micro * args.passes, args.steps + WARM
    runs = []
    for seed in range(args.first, args.first + count):
        kind = f"k{seed % len(shares)}"
        seen = per_step * steps
        runs.append(
            Run(f"r-s{seed}", kind, kind, "examples", seed, 1e-4, ROWS, seen, steps, 1, args.rank, 2 * args.rank)
        )
    setup = Setup(
        "any",
        "base",
        ref.source,
        ref.revision,
        per_step,
        micro,
        int(max(shares) * args.row_tokens),
        folder,
        folder,
        1e9,
        checkpointing=False,
        pass_tokens=args.pass_tokens or min(2048, args.micro_tokens * count),
    )
    return runs, data, setup


def rows_of(kind: int, longest: int, words: int) -> Any:
    """Rows of random tokens, the shortest half as long as the longest."""
    from journey.finetune.rows.rows import Rows

    rng = np.random.default_rng(kind)
    lengths = rng.integers(longest // 2, longest + 1, ROWS)
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    ids = rng.integers(5, words, starts[-1]).astype(np.int32)
    weights = np.ones(starts[-1], dtype=np.float32)
    for start in starts[:-1]:
        weights[start : start + 8] = 0
    prompts = np.full(ROWS, 8, dtype=np.int64)
    return Rows(tuple(map(str, range(ROWS))), ids, weights, np.zeros(starts[-1], dtype=np.int8), starts, prompts)


class Clock:
    """Seconds from the end of the warm-up to the end of the last step, over all runs told of."""

    def __init__(self, steps: int, wait: Path | None) -> None:
        self.steps, self.wait, self.seconds, self.at = steps, wait, 0.0, 0.0
        self.cpu_seconds, self.cpu_at = 0.0, 0.0

    def __call__(self, run: str, step: int, loss: float) -> None:
        synchronise()
        if step == WARM:
            if self.wait is not None:
                print("ready", flush=True)
                while not self.wait.exists():
                    time.sleep(0.005)
            self.at, self.cpu_at = time.perf_counter(), time.process_time()
        elif step == self.steps + WARM:
            self.seconds += time.perf_counter() - self.at
            self.cpu_seconds += time.process_time() - self.cpu_at


def synchronise() -> None:
    """Let the GPU finish what it was given."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()


def stacked(runs: Any, data: Any, setup: Any, clock: Clock) -> None:
    """All runs at once."""
    from journey.catalog import ENGINES

    last = runs[-1].run

    def report(run: str, step: int, loss: float) -> None:
        if run == last:
            clock(run, step, loss)

    for _ in ENGINES.get("stacked")(runs, data, setup, report):
        pass


def trl(runs: Any, data: Any, setup: Any, clock: Clock) -> None:
    """TRL's SFTTrainer, one run after the other."""
    from journey.finetune.training.one_run import train_run

    for run in runs:
        train_run(run, data[run.kind], setup, clock)


def peft(runs: Any, data: Any, setup: Any, clock: Clock) -> None:
    """A loop of PyTorch's own over PEFT, one run after the other, as one would write it by hand."""
    import torch

    from journey.finetune.rows import budget
    from journey.finetune.training import adapters, batches
    from journey.models import load

    device = load.best_device()
    dtype = torch.float32 if device == "cpu" else torch.bfloat16
    ref = load.ModelRef("base", setup.source, setup.revision)
    for run in runs:
        rows = data[run.kind]
        base = load.load_model(ref, device="cpu", dtype=dtype)
        model = adapters.new_adapter(base, run, setup).to(device).train()
        trained = [weight for weight in model.parameters() if weight.requires_grad]
        optimizer = torch.optim.AdamW(trained, lr=run.lr, fused=device != "cpu")
        for step, members in enumerate(budget.laid_out(run, rows, setup.rows_per_step), start=1):
            tokens = int(rows.supervised[members].sum())
            for part in budget.micro_batches(members, rows.lengths, setup.rows_per_step, setup.micro_batch):
                batch = {name: value.to(device) for name, value in batches.collate(rows, part, 0).items()}
                with torch.autocast(device, dtype=torch.bfloat16, enabled=device != "cpu"):
                    logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
                loss = torch.nn.functional.cross_entropy(
                    logits[:, :-1].float().flatten(0, 1), batch["labels"][:, 1:].flatten(), reduction="sum"
                )
                (loss / tokens).backward()
            torch.nn.utils.clip_grad_norm_(trained, 1.0)
            optimizer.step()
            optimizer.zero_grad()
            clock(run.run, step, 0.0)


def worker(args: argparse.Namespace) -> None:
    """Measure one way and print what was found."""
    import torch
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    gpu = torch.cuda.is_available()
    if not gpu:
        torch.set_num_threads(args.threads)
    for count in map(int, args.runs.split(",")):
        clock = Clock(args.steps, args.wait)
        with tempfile.TemporaryDirectory() as folder:
            runs, data, setup = make(args, count, folder)
            {"stacked": stacked, "trl": trl, "peft": peft}[args.worker](runs, data, setup, clock)
        found = {"seconds": clock.seconds, "cpu_seconds": clock.cpu_seconds, "peak_bytes": peak(gpu)}
        print(json.dumps({"runs": count, **found}), flush=True)


def peak(gpu: bool) -> int:
    """Most memory this process held: reserved on the GPU, else resident."""
    import resource

    import torch

    if gpu:
        return int(torch.cuda.max_memory_reserved()) + (500 << 20)  # and about what a CUDA context takes
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


# --- the parent -------------------------------------------------------------------------------------------------------


def command(args: argparse.Namespace, way: str, lengths: str, counts: str, *more: str) -> list[str]:
    """What measures one way."""
    told = [sys.executable, "-P", __file__, "--worker", way, "--runs", counts, "--lengths", lengths]
    for name in ("base", "micro_tokens", "row_tokens", "passes", "steps", "rank", "threads"):
        told += [f"--{name.replace('_', '-')}", str(getattr(args, name))]
    if args.pass_tokens:
        told += ["--pass-tokens", str(args.pass_tokens)]
    return told + list(more)


def at_once(commands: list[list[str]], folder: Path) -> dict[str, float]:
    """Several measuring processes from the same moment on; seconds until the last is through, memory of all."""
    go = folder / "go"
    env = {**os.environ, "PYTHONSAFEPATH": "1", "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}
    started = [
        subprocess.Popen(
            [*one, "--wait", str(go)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=env
        )
        for one in commands
    ]
    for process in started:
        assert process.stdout
        if "ready" not in process.stdout.readline():
            raise RuntimeError("a measuring process died")
    go.touch()
    found = [json.loads(list(process.stdout)[-1]) for process in started if process.stdout]
    for process in started:
        process.wait()
    return {
        "seconds": max(one["seconds"] for one in found),
        "cpu_seconds": sum(one["cpu_seconds"] for one in found),
        "peak_bytes": sum(one["peak_bytes"] for one in found),
    }


def measure(args: argparse.Namespace, way: str, lengths: str) -> Iterator[dict[str, Any]]:
    """The figures of one way, by number of runs."""
    counts = [int(count) for count in args.runs.split(",")]
    if way == "processes" or (way == "stacked" and args.split > 1):
        for count in counts:
            with tempfile.TemporaryDirectory() as folder:
                if way == "processes":
                    commands = [command(args, "peft", lengths, "1", "--first", str(seed)) for seed in range(count)]
                else:
                    parts = [len(range(place, count, args.split)) for place in range(min(args.split, count))]
                    commands = [
                        command(args, "stacked", lengths, str(part), "--first", str(sum(parts[:k])))
                        for k, part in enumerate(parts)
                    ]
                yield {"runs": count, **at_once(commands, Path(folder))}
        return
    run = subprocess.run(command(args, way, lengths, args.runs), capture_output=True, text=True, check=False)
    found = [json.loads(line) for line in run.stdout.splitlines() if line.startswith('{"runs"')]
    yield from found
    for count in counts[len(found) :]:
        yield {"runs": count, "failed": run.stderr.strip().splitlines()[-1:] or ["no reason given"]}


def measurements(args: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Every way with every kind of lengths, in turn, so that a machine that slows down slows all of them."""
    for repeat in range(args.repeat):
        for lengths in args.lengths.split(","):
            for way in args.ways.split(","):
                for found in measure(args, way, lengths):
                    yield {"repeat": repeat, "lengths": lengths, "way": way, **found}


def facts(args: argparse.Namespace) -> dict[str, Any]:
    """What was measured on what."""
    import importlib.metadata

    import torch

    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    versions = {name: importlib.metadata.version(name) for name in ("torch", "transformers", "peft", "trl")}
    told = {name: value for name, value in vars(args).items() if name not in ("out", "worker", "first", "wait")}
    return {"settings": told, "gpu": gpu, "cores": os.cpu_count(), "versions": versions}


def main() -> None:
    """Measure and write."""
    args = parse()
    if args.worker:
        worker(args)
        return
    found = {**facts(args), "measured": []}
    for one in measurements(args):
        found["measured"].append(one)
        print(json.dumps(one), file=sys.stderr, flush=True)
        if args.out:
            args.out.write_text(json.dumps(found, indent=1) + "\n")
    if not args.out:
        print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
