"""Sampling many adapters side by side, against `generate` with each of them alone.

    python -P benchmarks/sampling_speed.py --runs data/runs/demo/finetune [--batch 32,128] [--questions 128] [--rounds 3]

Greedy answers to the same Countdown problems by every run of a finetune folder, at the same batch a run:

    stacked    all adapters in one batch over one base (journey.sampling.Decoder with journey.models.lora)
    one        the same decoder with one merged adapter at a time
    generate   `PeftModel.generate(do_sample=False)`, one adapter at a time, batches left-padded and sorted by length

CPU time of one process and one thread; the three take turns, so that other load on the machine falls on all. All must give
the same tokens. Loading weights and tokenising are not counted.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel

from journey.formats.folders import open_finished
from journey.models import load, template
from journey.models.completion import CompletionRequest
from journey.models.decode import Decoder
from journey.models.load import adapted
from journey.models.lora import stacked
from journey.questions import load_questions

Written = list[list[tuple[int, ...]]]  # by run, in the order of the prompts


def main() -> None:
    """Measure and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, required=True, help="a folder that `journey finetune` wrote")
    parser.add_argument("--benchmark", default="countdown@1")
    parser.add_argument("--batch", default="32,128", help="prompts of each run decoded together, a,b")
    parser.add_argument("--questions", type=int, default=128)
    parser.add_argument("--cap", type=int, default=288)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    finetuned = open_finished(asked.runs, "finetune")
    folders = [finetuned.run_folder(run) for run in finetuned.trained]
    ref, view = load.find(finetuned.base), finetuned.view
    assert view is not None
    tokenizer = load.load_tokenizer(ref)
    questions, _ = load_questions(asked.benchmark, limit=asked.questions)
    prompts = sorted((template.prompt_ids(tokenizer, q.problem, view) for q in questions), key=len)
    found = {
        str(batch): measure(
            ref, tokenizer, folders, [prompts[at : at + batch] for at in range(0, len(prompts), batch)], asked
        )
        for batch in map(int, asked.batch.split(","))
    }
    facts = {"adapters": len(folders), "questions": len(prompts), "cap": asked.cap, "base": ref.name}
    machine = {"machine": platform.machine(), "torch": torch.__version__, "threads": 1}
    print(json.dumps({**facts, **machine, "batch": found}, indent=2))


def measure(ref: Any, tokenizer: Any, folders: Sequence[Path], batches: Sequence[Any], asked: Any) -> dict[str, Any]:
    """Seconds of CPU time, medians over the rounds, and whether all gave the same tokens."""
    base = load.load_model(ref, device="cpu")
    tuned = [PeftModel.from_pretrained(load.load_model(ref, device="cpu"), str(path)).eval() for path in folders]

    def side_by_side() -> Written:
        with stacked(base, folders) as stack:
            decoder = Decoder.of(base, tokenizer, asked.cap, stack)
            written: Written = [[] for _ in folders]
            everything = [prompt for batch in batches for prompt in batch]
            jobs = [CompletionRequest(prompt, run) for run in range(len(folders)) for prompt in everything]
            for at, one in enumerate(decoder.write(jobs, rows=len(folders) * len(batches[0]))):
                written[at // len(everything)].append(one.ids)
        return written

    def one_by_one() -> Written:
        written = []
        for folder in folders:
            with adapted(base, folder) as model:
                decoder = Decoder.of(model, tokenizer, asked.cap)
                jobs = [CompletionRequest(prompt) for batch in batches for prompt in batch]
                written.append([one.ids for one in decoder.write(jobs, rows=len(batches[0]))])
        return written

    def generate() -> Written:
        return [[ids for batch in batches for ids in plain(model, tokenizer, batch, asked.cap)] for model in tuned]

    ways: dict[str, Callable[[], Written]] = {"stacked": side_by_side, "one": one_by_one, "generate": generate}
    spent: dict[str, list[float]] = {name: [] for name in ways}
    texts: dict[str, Written] = {}
    for _ in range(asked.rounds):
        for name, way in ways.items():
            started = time.process_time()
            texts[name] = way()
            spent[name].append(time.process_time() - started)
    seconds = {name: round(statistics.median(times), 2) for name, times in spent.items()}
    ratios = sorted(g / s for g, s in zip(spent["generate"], spent["stacked"], strict=True))
    lengths = [len(ids) for of_run in texts["stacked"] for ids in of_run]
    return {
        "cpu_seconds": seconds,
        "generate_over_stacked": round(statistics.median(ratios), 2),
        "by_round": [round(ratio, 2) for ratio in ratios],
        "one_over_stacked": round(seconds["one"] / seconds["stacked"], 2),
        "same_tokens": texts["stacked"] == texts["one"] == texts["generate"],
        "mean_tokens": round(sum(lengths) / len(lengths), 1),
        "longest": max(lengths),
        "tokens_per_second": round(sum(lengths) / seconds["stacked"]),
    }


def plain(model: Any, tokenizer: Any, batch: Sequence[Sequence[int]], cap: int) -> list[tuple[int, ...]]:
    """What `generate` writes, cut behind the end of the turn."""
    longest, pad, end = max(map(len, batch)), tokenizer.pad_token_id, tokenizer.eos_token_id
    ids = torch.tensor([[pad] * (longest - len(prompt)) + list(prompt) for prompt in batch])
    mask = torch.tensor([[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in batch])
    with torch.inference_mode():
        out = model.generate(input_ids=ids, attention_mask=mask, do_sample=False, max_new_tokens=cap)
    rows = out[:, longest:].tolist()
    return [tuple(row[: row.index(end) + 1] if end in row else row) for row in rows]


if __name__ == "__main__":
    main()
