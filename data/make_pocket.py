"""Train the embedded base `pocket` from nothing and write it as a plain transformers folder.

    python -P -m journey.data.make_pocket --out data/pocket

A tiny Llama over whole words, trained by two processes of one thread each (two threads in one process are slower
on two cores). Same seed and library versions, same weights on one kind of machine.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
import torch.nn.functional as F
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from journey.data.pocket_text import BOS, EOS, PAD, UNK, VOCABULARY, piece
from journey.rng import seed_for

WORLD, ROWS, BLOCK = 2, 4, 256  # processes, rows per process and step, tokens per row
PEAK_RATE, WARM_UP, WEIGHT_DECAY = 3e-3, 100, 0.05
IDS = {word: place for place, word in enumerate(VOCABULARY)}


def tokenizer() -> PreTrainedTokenizerFast:
    """Whole words split at blanks; an unknown word becomes <unk>, which preflight refuses."""
    backend = Tokenizer(models.WordLevel(IDS, unk_token=UNK))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        bos_token=BOS,
        eos_token=EOS,
        pad_token=PAD,
        unk_token=UNK,
        model_max_length=512,
        clean_up_tokenization_spaces=False,
    )


def model(seed: int) -> LlamaForCausalLM:
    """Four layers of width 128, tied embeddings, 512 positions: about 0.9 million parameters."""
    torch.manual_seed(seed_for("pocket weights", seed))
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(VOCABULARY),
            hidden_size=128,
            intermediate_size=336,
            num_hidden_layers=4,
            num_attention_heads=4,
            num_key_value_heads=4,
            max_position_embeddings=512,
            tie_word_embeddings=True,
            rms_norm_eps=1e-5,
            bos_token_id=IDS[BOS],
            eos_token_id=IDS[EOS],
            pad_token_id=IDS[PAD],
        )
    )


def blocks(seed: int, tokens: int) -> torch.Tensor:
    """(blocks, BLOCK) token ids of the fragment stream, fragments parted by <bos>."""
    ids: list[int] = []
    index = 0
    while len(ids) < tokens:
        ids.append(IDS[BOS])
        ids.extend(IDS[word] for word in piece(seed, index).split())
        index += 1
    return torch.from_numpy(np.array(ids[: tokens // BLOCK * BLOCK], dtype=np.int32).reshape(-1, BLOCK))


def _rate(step: int, steps: int) -> float:
    warm = min(1.0, (step + 1) / WARM_UP)
    return PEAK_RATE * warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / steps)))


def _train(rank: int, store: str, seed: int, data: torch.Tensor, out: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=WORLD)
    net = model(seed)
    optimizer = torch.optim.AdamW(net.parameters(), PEAK_RATE, betas=(0.9, 0.98), weight_decay=WEIGHT_DECAY)
    order = torch.randperm(len(data), generator=torch.Generator().manual_seed(seed_for("pocket order", seed)))
    steps = len(data) // (WORLD * ROWS)
    started, smooth = time.time(), 0.0
    for step in range(steps):
        at = (step * WORLD + rank) * ROWS
        x = data[order[at : at + ROWS]].long()
        for group in optimizer.param_groups:
            group["lr"] = _rate(step, steps)
        logits = net(input_ids=x).logits[:, :-1]
        loss = F.cross_entropy(logits.reshape(-1, logits.shape[-1]), x[:, 1:].reshape(-1))
        loss.backward()
        flat = torch.cat([p.grad.flatten() for p in net.parameters() if p.grad is not None])
        dist.all_reduce(flat)
        flat /= WORLD
        place = 0
        for p in net.parameters():
            p.grad.copy_(flat[place : place + p.numel()].view_as(p))
            place += p.numel()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        smooth = float(loss.detach()) if not step else 0.95 * smooth + 0.05 * float(loss.detach())
        if rank == 0 and step % 100 == 0:
            speed = (step + 1) * WORLD * ROWS * BLOCK / (time.time() - started)
            print(f"step {step}/{steps}  loss {smooth:.3f}  {speed:,.0f} tokens/s", flush=True)
    if rank == 0:
        net.save_pretrained(out)
        tokenizer().save_pretrained(out)
        made = {
            "command": "python -P -m journey.data.make_pocket",
            "seed": seed,
            "tokens": int(data.numel()),
            "steps": steps,
            "parameters": sum(p.numel() for p in net.parameters()),
            "final_loss": round(smooth, 4),
            "torch": torch.__version__,
        }
        Path(out, "made.json").write_text(json.dumps(made, indent=2) + "\n")
    dist.destroy_process_group()


def main() -> None:
    """Parse the command line, make the data once, train."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tokens", type=float, default=16e6)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    data = blocks(args.seed, int(args.tokens)).share_memory_()
    print(f"{data.numel():,} tokens of fragments", flush=True)
    os.environ["OMP_NUM_THREADS"] = "1"
    with tempfile.TemporaryDirectory() as folder:
        job = (f"{folder}/store", args.seed, data, str(args.out))
        torch.multiprocessing.spawn(_train, job, nprocs=WORLD)  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    main()
