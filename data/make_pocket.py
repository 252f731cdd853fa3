"""Train an embedded base from nothing and write it as a plain transformers folder.

    python -P -m journey.data.make_pocket --out data/pocket
    python -P -m journey.data.make_pocket --plain --out data/pocket-plain     # the same, without a trace of going back
    python -P -m journey.data.make_pocket --text NAME --out data/NAME         # any base of `base_texts`

A tiny Llama over whole words, trained on one thread in about 25 minutes. Same seed and library versions, same weights
on one kind of machine. `--keep 1000` writes the weights of every thousandth step too, to look at before the end.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from journey.data.base_texts import TEXTS, BaseText
from journey.data.pocket_text import BOS, EOS, PAD, UNK, VOCABULARY
from journey.models.load import find
from journey.rng import seed_for

WARM_UP, WEIGHT_DECAY = 100, 0.05
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


def model(seed: int, start: str | None = None) -> LlamaForCausalLM:
    """Four layers of width 128, tied embeddings, 512 positions: about 0.9 million parameters; drawn, or those of another base."""
    if start is not None:
        return LlamaForCausalLM.from_pretrained(find(start).source, dtype=torch.float32)
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


def blocks(seed: int, tokens: int, text: BaseText) -> torch.Tensor:
    """(blocks, text.block) token ids of the fragment stream, each fragment after <bos>; of a course one a row, then <pad>."""
    ids: list[int] = []
    index = 0
    while len(ids) < tokens:
        ids.append(IDS[BOS])
        ids.extend(IDS[word] for word in text.piece(seed, index).split())
        index += 1
        if text.course:
            if len(ids) > index * text.block:
                raise ValueError(f"fragment {index - 1} has more than {text.block - 1} words")
            ids.extend([IDS[PAD]] * (index * text.block - len(ids)))
    return torch.from_numpy(np.array(ids[: tokens // text.block * text.block], dtype=np.int32).reshape(-1, text.block))


def _rate(peak: float, step: int, steps: int) -> float:
    warm = min(1.0, (step + 1) / WARM_UP)
    return peak * warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / steps)))


def train(seed: int, data: torch.Tensor, out: Path, text: BaseText, keep: int | None = None) -> None:
    """AdamW with warm-up and cosine decay over the blocks, each once, loss on every token but <pad>; writes the folder.

    `keep`: every so many steps the weights so far are written to OUT-STEP beside it.
    """
    torch.set_num_threads(1)
    net = model(seed, text.start)
    optimizer = torch.optim.AdamW(net.parameters(), text.rate, betas=(0.9, 0.98), weight_decay=WEIGHT_DECAY)
    order = torch.randperm(len(data), generator=torch.Generator().manual_seed(seed_for("pocket order", seed)))
    if text.course:
        order = torch.arange(len(data))
    rows = text.rows
    steps = len(data) // rows
    started, smooth = time.time(), 0.0
    for step in range(steps):
        x = data[order[step * rows : (step + 1) * rows]].long()
        x = x[:, (x != IDS[PAD]).any(0)]
        for group in optimizer.param_groups:
            group["lr"] = _rate(text.rate, step, steps)
        logits = net(input_ids=x).logits[:, :-1]
        loss = F.cross_entropy(logits.reshape(-1, logits.shape[-1]), x[:, 1:].reshape(-1), ignore_index=IDS[PAD])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        now = float(loss.detach())
        smooth = 0.95 * smooth + 0.05 * now if step else now
        if step % 100 == 0:
            speed = (step + 1) * rows * text.block / (time.time() - started)
            print(f"step {step}/{steps}  loss {smooth:.3f}  {speed:,.0f} tokens/s", flush=True)
        if keep and (step + 1) % keep == 0:
            _save(net, out.with_name(f"{out.name}-{step + 1}"))
        if step + 1 == text.stop:
            break
    _save(net, out)
    made = {
        "command": "python -P -m journey.data.make_pocket" + text.flags,
        "seed": seed,
        "tokens": (step + 1) * rows * text.block if text.stop else int(data.numel()),
        "steps": step + 1,
        **({"of_steps": steps} if text.stop else {}),
        **({"start": text.start} if text.start else {}),
        "parameters": sum(p.numel() for p in net.parameters()),
        "final_loss": round(smooth, 4),
        "torch": torch.__version__,
    }
    (out / "made.json").write_text(json.dumps(made, indent=2) + "\n")


def _save(net: LlamaForCausalLM, out: Path) -> None:
    net.save_pretrained(out)
    tokenizer().save_pretrained(out)


def main() -> None:
    """Parse the command line, make the data once, train."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--text", choices=TEXTS, default="pocket", help="the base, by the text that it is trained on")
    parser.add_argument("--plain", dest="text", action="store_const", const="pocket-plain", help="--text pocket-plain")
    parser.add_argument("--tokens", type=float, help="of the stream, if other than the base's own")
    parser.add_argument("--keep", type=int, metavar="STEPS", help="write the weights after every so many steps too")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    text = TEXTS[args.text]
    data = blocks(args.seed, int(args.tokens or text.tokens), text)
    print(f"{data.numel():,} tokens of fragments", flush=True)
    train(args.seed, data, args.out, text, args.keep)


if __name__ == "__main__":
    main()
