"""Token sampling by which a sample depends on its own name alone: not on the batch, the order or the number of workers.

Every sample has its own stream of uniform numbers, hashed from what names it; token t of the sample is the one that
number t picks from the model's distribution (inverse transform), as temperature and top-p leave it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from journey.rng import seed_for

if TYPE_CHECKING:
    import torch

FEW = 64  # tokens looked at first: nearly always they hold the whole nucleus, and a full sort is dear


def uniforms(count: int, *parts: str | int) -> npt.NDArray[np.float32]:
    """`count` numbers in [0, 1) of the stream that the parts name, e.g. (seed, run, question, sample)."""
    return np.random.Generator(np.random.Philox(seed_for("sample", *parts))).random(count, dtype=np.float32)


def pick(logits: torch.Tensor, chance: torch.Tensor, temperature: float, top_p: float) -> torch.Tensor:
    """Token ids (row,) that the uniform numbers `chance` (row,) pick from float32 `logits` (row, token).

    The distribution is that of transformers' warpers: temperature first, then the smallest set of most likely tokens
    whose mass is at least `top_p` (Holtzman et al. 2020, arXiv 1904.09751, section 3.1), scaled up to 1.
    """
    import torch

    shares = torch.softmax(logits / temperature, dim=-1)
    if top_p >= 1:
        return _picked(shares, None, chance, 1.0)
    best, ids = shares.topk(min(FEW, shares.shape[-1]), dim=-1)
    if bool((best.cumsum(-1)[:, -1] < top_p).any()):
        best, ids = shares.sort(dim=-1, descending=True, stable=True)
    return _picked(best, ids, chance, top_p)


def pick_ahead(
    logits: torch.Tensor, chance: torch.Tensor, temperature: float, top_p: float, few: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """The same from the `few` likeliest tokens alone, and by row whether the nucleus is larger than that, so that the token is
    to be picked again. The device is not waited for.
    """
    import torch

    shares = torch.softmax(logits / temperature, dim=-1)
    if top_p >= 1:
        return _picked(shares, None, chance, 1.0), torch.zeros_like(chance, dtype=torch.bool)
    if few < shares.shape[-1]:
        best, ids = shares.topk(few, dim=-1)
        short = best.cumsum(-1)[:, -1] < top_p
    else:
        best, ids = shares.sort(dim=-1, descending=True, stable=True)
        short = torch.zeros_like(chance, dtype=torch.bool)
    return _picked(best, ids, chance, top_p), short


def _picked(best: torch.Tensor, ids: torch.Tensor | None, chance: torch.Tensor, top_p: float) -> torch.Tensor:
    """Picks from shares (row, candidate), falling where `ids` names the candidates; None: all tokens in their order."""
    import torch

    if ids is not None:
        mass = best.cumsum(-1)
        best = torch.where(mass - best < top_p, best, 0.0)
        best[:, 0] = best[:, 0].clamp(min=torch.finfo(best.dtype).tiny)  # the likeliest token is always there
    mass = best.cumsum(-1)
    index = (mass <= chance[:, None] * mass[:, -1:]).sum(-1)
    # Rounding can put the number on the total itself; the last token with any mass is meant then.
    last = (best > 0).to(torch.int64).cumsum(-1).argmax(-1)
    index = torch.minimum(index, last)
    return index if ids is None else ids.gather(-1, index[:, None])[:, 0]
