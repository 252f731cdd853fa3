"""Every measurement of this project that wants a GPU, in one process and within ten minutes, into one JSON file.

    python -P benchmarks/gpu_suite.py --out docs/results/gpu.json
    python -P benchmarks/gpu_suite.py --small --out FILE          # tiny shapes, to try the suite on a CPU
    python -P benchmarks/gpu_suite.py --parts parity,memory --out FILE

All models have random weights of the shapes named, so nothing is downloaded. The file is written after each part. A part that
fails, or is not through in its time, is recorded with its error and the suite goes on. Parts, cheapest first:

    parity      one run in a stack of three, alone, and by TRL, in float32 and in what is used here; and the same bytes twice
    drills      memory runs out in a step; training is killed and resumed, with deterministic algorithms: the same bytes as without
    memory      a stack on the larger shape: predicted against the allocator's peak
    profile     the operations that take most of a step
    training    tokens a second of 1, 3 and 9 runs, both shapes: stack, TRL, a PEFT loop
    sampling    64, 256 and 1,024 rows of four adapters: stack, `generate` one adapter at a time, PEFT's mixed batch
    pipeline    `journey run gsm8k` on the smaller shape, in a process of its own, with the word problems of the package
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SMOL = {"kind": "llama", "hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 30, "vocab_size": 49152}
SMOL |= {"num_attention_heads": 9, "num_key_value_heads": 3, "tie_word_embeddings": True}
QWEN = {"kind": "qwen2", "hidden_size": 1536, "intermediate_size": 8960, "num_hidden_layers": 28, "vocab_size": 151936}
QWEN |= {"num_attention_heads": 12, "num_key_value_heads": 2, "tie_word_embeddings": True}
TINY = {"kind": "llama", "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "vocab_size": 512}
TINY |= {"num_attention_heads": 4, "num_key_value_heads": 2, "tie_word_embeddings": True}

DRILL_STEPS = 12  # of the runs that are killed: so many that they do not end before they are killed


@dataclass(frozen=True)
class Sizes:
    """The bases (folders, by name) and how much is done on them."""

    bases: dict[str, str]
    runs: tuple[int, ...]
    row: int  # tokens
    steps: int
    micro: int  # tokens of a run's pass
    rows: tuple[int, ...]  # of a batch that is sampled
    cap: int
    small: bool

    @property
    def first(self) -> str:
        """The smaller base."""
        return next(iter(self.bases.values()))

    @property
    def last(self) -> str:
        """The larger base."""
        return list(self.bases.values())[-1]


def random_base(folder: Path, shape: dict[str, Any]) -> str:
    """A base of this shape with random weights, and a tokenizer that reads any text, made on the word problems of the package."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

    facts = {name: value for name, value in shape.items() if name != "kind"}
    config = AutoConfig.for_model(shape["kind"], bos_token_id=1, eos_token_id=2, pad_token_id=0, **facts)
    torch.manual_seed(0)
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    model.save_pretrained(folder)
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer, backend.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=min(shape["vocab_size"], 4096),
        special_tokens=["<pad>", "<bos>", "<eos>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train([str(word_problems("train", folder))], trainer)
    named = {"bos_token": "<bos>", "eos_token": "<eos>", "pad_token": "<pad>"}
    PreTrainedTokenizerFast(tokenizer_object=backend, **named).save_pretrained(folder)
    return str(folder)


def word_problems(split: str, folder: Path) -> Path:
    """A file of the word problems that come with the package, in GSM8K's form."""
    from journey.generate.problem_files import write

    path = folder / f"words_{split}.jsonl"
    write("words", split, path)
    return path


def told(sizes: Sizes, base: str, steps: int, micro: int | None = None) -> argparse.Namespace:
    """What training_speed.py takes from its command line."""
    facts = {"base": base, "lengths": "equal", "row_tokens": sizes.row, "micro_tokens": micro or sizes.micro}
    return argparse.Namespace(**facts, passes=1, steps=steps, rank=16, first=0, pass_tokens=16384)


def weights(folder: Path) -> Any:
    """All weights of a saved adapter as one tensor."""
    import torch
    from safetensors.torch import load_file

    state = load_file(folder / "adapter_model.safetensors")
    return torch.cat([state[name].flatten().float() for name in sorted(state)])


def train(sizes: Sizes, base: str, count: int, dtype: Any, folder: Path, hook: Any = None) -> tuple[Any, Any]:
    """The first run's weights before and after a stack of so many was trained."""
    import training_speed

    from journey.finetune.training.stacked import Training
    from journey.models import load

    runs, rows, setup = training_speed.make(told(sizes, base, sizes.steps), count, str(folder))
    model: Any = load.load_model(load.ModelRef("base", setup.source), device="cpu", dtype=dtype)
    training = Training(model.to(load.best_device()), 0, runs, rows, setup, lambda *_: None)
    state = training.stack.state(0)
    import torch

    before = torch.cat([state[name].flatten().float() for name in sorted(state)])
    if hook is not None:
        hook(training)
    for _ in training.work():
        pass
    return before, weights(folder / runs[0].run)


def parity(sizes: Sizes) -> dict[str, Any]:
    """Distances from the run alone, relative to how far it moved, and whether the same command gave the same bytes."""
    import torch
    import training_speed

    used = torch.bfloat16 if torch.cuda.is_available() else torch.float32
    found: dict[str, Any] = {}
    for dtype in dict.fromkeys((torch.float32, used)):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            before, alone = train(sizes, sizes.first, 1, dtype, folder / "alone")
            _, again = train(sizes, sizes.first, 1, dtype, folder / "again")
            _, stacked = train(sizes, sizes.first, 3, dtype, folder / "stacked")
            moved = float((alone - before).norm())
            one = {"stack": float((stacked - alone).norm()) / moved, "same_bytes_twice": alone.equal(again)}
            if dtype is used:  # TRL loads the base in what is used on the device
                try:
                    runs, rows, setup = training_speed.make(
                        told(sizes, sizes.first, sizes.steps), 1, str(folder / "trl")
                    )
                    training_speed.trl(runs, rows, setup, training_speed.Clock(sizes.steps, None))
                    one["trl"] = float((weights(folder / "trl" / runs[0].run) - alone).norm()) / moved
                except TimeoutError:
                    raise
                except Exception as error:  # noqa: BLE001 -- whatever it is, it is recorded and the suite goes on
                    one["trl"] = said(error)
            found[str(dtype).removeprefix("torch.")] = one
    return found


def drills(sizes: Sizes) -> dict[str, Any]:
    """Whether weights are the same where memory ran out in a step, and where training was killed and resumed."""
    import torch

    def runs_out(training: Any) -> None:
        real, calls = training._backward, iter(range(10**9))

        def backward(one: Any) -> Any:
            if next(calls) == 1:
                raise torch.OutOfMemoryError("a drill")
            return real(one)

        training._backward = backward

    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        before, plain = train(sizes, sizes.first, 3, torch.float32, folder / "plain")
        _, short = train(sizes, sizes.first, 3, torch.float32, folder / "short", runs_out)
        found["memory_ran_out"] = float((short - plain).norm()) / float((plain - before).norm())
        whole, _ = in_process(sizes, folder / "whole")
        in_process(sizes, folder / "killed", kill_at=2)
        resumed, first = in_process(sizes, folder / "killed")
        found |= {"killed_same_bytes": resumed == whole, "resumed_at_step": first}
    return found


def in_process(sizes: Sizes, folder: Path, kill_at: int | None = None) -> tuple[list[bytes], int]:
    """The weights of three runs that a worker process trains with deterministic algorithms, and the first step that it told of.

    The worker is killed (SIGKILL) when it tells of step `kill_at`; begun again in the same folder it goes on from a checkpoint.
    """
    import msgspec
    import training_speed

    from journey.finetune.training import pool
    from journey.finetune.training.events import read_events
    from journey.finetune.training.worker import WorkerPlan
    from journey.formats.files import dump_json, write_atomic
    from journey.processes import start_program

    runs, rows, setup = training_speed.make(told(sizes, sizes.first, DRILL_STEPS), 3, str(folder))
    setup = msgspec.structs.replace(setup, engine="stacked", checkpoint_seconds=0.0, deterministic=True)
    for kind, of_kind in rows.items():
        of_kind.save(folder / f"{kind}.npz")
    write_atomic(folder / WorkerPlan.FILE, dump_json(WorkerPlan(setup, tuple(runs))))
    left, steps = {run.run for run in runs}, list[int]()
    command = pool.command(folder / WorkerPlan.FILE)
    with start_program(command, stderr=subprocess.DEVNULL, threads=1 if sizes.small else None) as worker:
        try:
            assert worker.stdin is not None and worker.stdout is not None
            worker.stdin.write(msgspec.json.encode([run.run for run in runs]) + b"\n")
            worker.stdin.flush()
            for event in read_events(worker.stdout):
                if event.failed is not None:
                    raise RuntimeError(event.failed)
                if event.ends:
                    left.discard(event.run)
                elif event.step:
                    steps.append(event.step)
                if not left or event.step == kill_at:
                    break
        finally:
            worker.kill()
    if kill_at is not None:
        return [], kill_at
    if left:
        raise RuntimeError("the worker ended before its runs were trained")
    return [(folder / run.run / "adapter_model.safetensors").read_bytes() for run in runs], min(
        steps, default=DRILL_STEPS
    )


def memory(sizes: Sizes) -> dict[str, Any]:
    """Predicted and measured bytes of a stack of three runs on the larger shape; on a CPU the prediction alone."""
    import torch

    from journey.config import FinetuneSettings
    from journey.finetune.planning import memory as memory_plan
    from journey.models import load

    gpu = torch.cuda.is_available()
    settings = FinetuneSettings(base=sizes.last, rank=16)
    footprint = memory_plan.footprint_of(load.find(sizes.last), settings, sizes.row, "cuda" if gpu else "cpu")
    tokens = 3 * sizes.micro
    found: dict[str, Any] = {"predicted_bytes": footprint.peak(3, tokens, False), "pass_tokens": tokens}
    if gpu:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        with tempfile.TemporaryDirectory() as name:
            train(sizes, sizes.last, 3, torch.bfloat16, Path(name))
        found["measured_bytes"] = int(torch.cuda.max_memory_allocated())
        found["predicted_over_measured"] = round(found["predicted_bytes"] / found["measured_bytes"], 3)
    return found


def profile(sizes: Sizes) -> dict[str, Any]:
    """The fifteen operations that take most of a step of three runs on the smaller shape, in microseconds of the device."""
    import torch
    from torch.profiler import ProfilerActivity
    from torch.profiler import profile as profiler

    gpu = torch.cuda.is_available()
    made: list[Any] = []

    def hook(training: Any) -> None:
        training.model.train()
        training._one_step()
        kinds = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if gpu else [])]
        with profiler(activities=kinds) as trace:
            training._one_step()
        made.append(trace)

    with tempfile.TemporaryDirectory() as name:
        train(sizes, sizes.first, 3, torch.bfloat16 if gpu else torch.float32, Path(name), hook)
    by = "self_device_time_total" if gpu else "self_cpu_time_total"
    rows = sorted(made[0].key_averages(), key=lambda row: -getattr(row, by))[:15]
    return {row.key: {"microseconds": round(getattr(row, by)), "calls": row.count} for row in rows}


def training(sizes: Sizes) -> dict[str, Any]:
    """Tokens a second, padding left out, by shape, number of runs and way."""
    import training_speed

    ways: dict[str, Callable[..., None]] = {
        "stacked": training_speed.stacked,
        "trl": training_speed.trl,
        "peft": training_speed.peft,
    }
    found: dict[str, Any] = {}
    for name, base in sizes.bases.items():
        for count in sizes.runs:
            for way, work in ways.items():
                clock = training_speed.Clock(sizes.steps, None)
                try:
                    with tempfile.TemporaryDirectory() as folder:
                        runs, data, setup = training_speed.make(told(sizes, base, sizes.steps), count, folder)
                        work(runs, data, setup, clock)
                    tokens = count * sizes.steps * setup.rows_per_step * float(data[runs[0].kind].lengths.mean())
                    figure: Any = round(tokens / clock.seconds)
                except TimeoutError:
                    raise
                except Exception as error:  # noqa: BLE001 -- whatever it is, it is recorded and the suite goes on
                    figure = said(error)
                found.setdefault(name, {}).setdefault(str(count), {})[way] = figure
    return found


def sampling(sizes: Sizes) -> dict[str, Any]:
    """New tokens a second of greedy answers, all of one length, loading left out."""
    import torch
    import training_speed
    from peft import PeftModel

    from journey.models import load
    from journey.models.completion import CompletionRequest
    from journey.models.decode import Decoder
    from journey.models.lora import stacked

    count, found = 4, dict[str, Any]()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as opened:
        runs, rows, setup = training_speed.make(told(sizes, sizes.first, 1), count, folder)
        training_speed.stacked(runs, rows, setup, training_speed.Clock(1, None))
        folders = [Path(folder) / run.run for run in runs]
        ref = load.find(sizes.first)
        model: Any = load.load_model(ref)
        stack = opened.enter_context(stacked(model, folders))
        decoder = Decoder(model, frozenset([-1]), 0, sizes.cap, stack)
        tuned: Any = PeftModel.from_pretrained(load.load_model(ref), str(folders[0]), adapter_name="a0").eval()
        for index in range(1, count):
            tuned.load_adapter(str(folders[index]), adapter_name=f"a{index}")
        for width in sizes.rows:
            generator = torch.Generator().manual_seed(0)
            prompts = torch.randint(5, 90, (width // count, 32), generator=generator)
            given = {"do_sample": False, "min_new_tokens": sizes.cap, "max_new_tokens": sizes.cap}

            def stack_of_all(prompts: Any = prompts) -> None:
                decoder.write([CompletionRequest(ids, run) for run in range(count) for ids in prompts.tolist()])

            def one_at_a_time(prompts: Any = prompts, given: Any = given) -> None:
                ids = prompts.to(tuned.device)
                for index in range(count):
                    tuned.set_adapter(f"a{index}")
                    tuned.generate(input_ids=ids, attention_mask=torch.ones_like(ids), **given)

            def mixed(prompts: Any = prompts, given: Any = given) -> None:
                ids = prompts.repeat(count, 1).to(tuned.device)
                names = [f"a{index}" for index in range(count) for _ in range(len(prompts))]
                tuned.generate(input_ids=ids, attention_mask=torch.ones_like(ids), adapter_names=names, **given)

            for way, work in {"stacked": stack_of_all, "generate": one_at_a_time, "peft_mixed": mixed}.items():
                try:
                    with torch.inference_mode():
                        figure: Any = round(len(prompts) * count * sizes.cap / _timed(work))
                except TimeoutError:
                    raise
                except Exception as error:  # noqa: BLE001 -- whatever it is, it is recorded and the suite goes on
                    figure = said(error)
                found.setdefault(str(width), {})[way] = figure
    return found


def _timed(work: Callable[[], None]) -> float:
    """Seconds of a second go: the first may compile kernels."""
    import torch

    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    began = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - began


def pipeline(sizes: Sizes) -> dict[str, Any]:
    """Seconds of the recipe on the smaller shape, from problems to report, and the arms that were compared."""
    from journey.formats.folders import open_finished

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        problems, questions = (word_problems(split, folder) for split in ("train", "test"))
        given = [f"base={sizes.first}", f"generate.problems={problems}", f"benchmarks=[gsm8k={questions}]"]
        given += ["finetune.seeds=1", "finetune.epochs=1", "evaluate.max_new_tokens=16"] if sizes.small else []
        words = ["run", "gsm8k", "--out", f"{folder}/run", *(word for one in given for word in ("--set", one))]
        began = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-P", "-m", "journey", *words], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(" ".join(done.stderr.split())[-300:])
        seconds = round(time.monotonic() - began, 1)
        plan = open_finished(folder / "run" / "evaluate", "evaluate").plan
        return {"seconds": seconds, "arms": sorted({run.arm for run in plan.runs})}


PARTS: dict[str, tuple[Callable[[Sizes], dict[str, Any]], int]] = {  # with the most seconds that each may take
    "parity": (parity, 75),
    "drills": (drills, 90),
    "memory": (memory, 45),
    "profile": (profile, 30),
    "training": (training, 150),
    "sampling": (sampling, 105),
    "pipeline": (pipeline, 105),
}


def said(error: BaseException) -> dict[str, str]:
    """An error as it is recorded."""
    return {"failed": f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"}


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Raises TimeoutError inside after so many seconds."""

    def late(*_: Any) -> None:
        raise TimeoutError(f"not through after {seconds:.0f} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def facts() -> dict[str, Any]:
    """The device and the versions."""
    import torch

    versions: dict[str, str | None] = {}
    for name in ("torch", "transformers", "peft", "trl", "journey-learning"):
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = None
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {"gpu": gpu, "machine": platform.machine(), "cores": os.cpu_count(), "versions": versions}


def measure(names: Sequence[str], small: bool, minutes: float, out: Path | None) -> dict[str, Any]:
    """All parts asked for, written after each."""
    began = time.monotonic()
    found: dict[str, Any] = {**facts(), "weights": "random, of the shapes named", "small": small, "parts": {}}
    with tempfile.TemporaryDirectory() as folder:
        shapes = {"tiny": TINY} if small else {"135M": SMOL, "1.5B": QWEN}
        bases = {name: random_base(Path(folder) / name, shape) for name, shape in shapes.items()}
        found["shapes"] = shapes
        few = Sizes(bases, (1, 2), 24, 3, 96, (8,), 4, True)
        full = Sizes(bases, (1, 3, 9), 512, 5, 4096, (64, 256, 1024), 64, False)
        for name in names:
            part, most = PARTS[name]
            left = minutes * 60 - (time.monotonic() - began)
            left = left if small else min(float(most), left)  # a busy CPU says nothing of a GPU
            start = time.monotonic()
            try:
                if left < 1:
                    raise TimeoutError(f"no time was left of {minutes:g} minutes")
                with within(left):
                    given = part(few if small else full)
            except Exception as error:  # noqa: BLE001 -- whatever it is, it is recorded and the suite goes on
                given = said(error)
            found["parts"][name] = {"seconds": round(time.monotonic() - start, 1), **given}
            print(name, json.dumps(found["parts"][name])[:300], file=sys.stderr, flush=True)
            if out:
                out.write_text(json.dumps(found, indent=1) + "\n")
    return found


def main() -> None:
    """Measure, part after part."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--small", action="store_true", help="tiny shapes, to try the suite itself")
    parser.add_argument("--parts", default=",".join(PARTS), help="a,b")
    args = parser.parse_args()
    names = args.parts.split(",")
    if unknown := [name for name in names if name not in PARTS]:
        parser.error(f"no part is called {unknown[0]}; there are {', '.join(PARTS)}")
    sys.path.insert(0, str(Path(__file__).resolve().parent))  # training_speed.py
    found = measure(names, args.small, args.minutes, args.out)
    if not args.out:
        print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
