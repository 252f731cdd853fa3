"""Text from a causal language model: many prompts, samples and adapters in one batch, for any transformers decoder.

A batch is left-padded, with its mask and positions given; rows that have ended leave the batch, and only the last
position's logits are computed. Greedy tokens are those of `model.generate(do_sample=False)`: the loop is here because
generate copies all keys and values at every token, goes on computing rows that have ended, and knows one adapter.

    decoder = Decoder.of(model, tokenizer, cap=512)
    decoder.greedy([prompt_ids(tokenizer, problem, view), ...])

    with stacked(model, [None, first, second]) as stack:          # journey.lora: the base and two adapters
        decoder = Decoder.of(model, tokenizer, cap=512, stack=stack)
        decoder.write([Job(ids, run=run, chance=uniforms(512, "name of the sample")) for run in range(3)], 0.7, 0.95)
"""

from __future__ import annotations

import copy
import inspect
import json
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from journey.cache import roomy_cache
from journey.chance import pick
from journey.jobs import Completion, Finish, Job
from journey.models import ModelRef, end_of_turn, load_model

if TYPE_CHECKING:
    from pathlib import Path

    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from journey.lora import Stack

# Rows that have ended leave once no more than this share is still being written. On a GPU width costs little, and every
# change of it changes how sums are rounded.
STILL_WRITING = {"cpu": 0.9, "cuda": 0.5}
# Rows of one adapter stand in groups of one size for all adapters; a further group costs about so many rows.
GROUP_COST = {"cpu": 1, "cuda": 8}
FILLER = -1  # a row that only makes its group as large as the others


@dataclass(frozen=True)
class Decoder:
    """A model, the tokens that end an answer, the id to pad with, the most new tokens, and the adapters stacked on it."""

    model: PreTrainedModel
    stops: frozenset[int]
    pad: int
    cap: int
    stack: Stack | None = None

    @classmethod
    def of(cls, model: Any, tokenizer: PreTrainedTokenizerBase, cap: int, stack: Stack | None = None) -> Decoder:
        """The decoder that stops where `generate` would: at the end of the turn, and at nothing else."""
        stops = stop_ids(model, tokenizer)
        pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else min(stops)
        return cls(model, stops, pad, cap, stack)

    def capped(self, cap: int) -> Decoder:
        """The same with another cap of new tokens."""
        return replace(self, cap=cap)

    def greedy(self, prompts: Sequence[Sequence[int]]) -> list[Completion]:
        """The most likely token each time, ties by lowest id; one completion a prompt, in their order."""
        return self.write([Job(prompt) for prompt in prompts])

    @torch.inference_mode()
    def write(self, jobs: Sequence[Job], temperature: float = 1.0, top_p: float = 1.0) -> list[Completion]:
        """Complete all jobs in one batch, in their order; all by chance or all greedy.

        Raises FloatingPointError where the model computes NaN, which would look like an answer.
        """
        if not jobs:
            return []
        return _Batch(self, jobs, temperature, top_p).run()


class NotNumbers(FloatingPointError):
    """The logits of the adapter at this place are NaN."""

    def __init__(self, run: int) -> None:
        super().__init__("the model's logits are not numbers")
        self.run = run


class _Batch:
    """One batch being written."""

    def __init__(self, decoder: Decoder, jobs: Sequence[Job], temperature: float, top_p: float) -> None:
        self.decoder, self.jobs = decoder, jobs
        self.temperature, self.top_p = temperature, top_p
        self.device = decoder.model.device
        self.caps = [decoder.cap if job.cap is None else job.cap for job in jobs]
        self.written: list[list[int]] = [[] for _ in jobs]
        self.logprobs = [0.0] * len(jobs)
        self.ended = [0.0] * len(jobs)  # the clock when the job ended
        self.live = {place for place, cap in enumerate(self.caps) if cap > 0}
        self.by_chance = jobs[0].chance is not None
        self.rows: list[int] = []  # job of every row, or FILLER
        self.runs: list[int] = []  # adapter of every group

    def order(self) -> list[int]:
        """Lay the live jobs out in groups; gives for every new row the old row that it goes on from."""
        old = {job: row for row, job in enumerate(self.rows) if job != FILLER}
        by_run: dict[int, list[int]] = {}
        for job in sorted(self.live):
            by_run.setdefault(self.jobs[job].run, []).append(job)
        size = self._group_size([len(members) for members in by_run.values()])
        rows, sources, runs = [], [], []
        for run, members in sorted(by_run.items()):
            lacking = -len(members) % size
            rows += members + [FILLER] * lacking
            sources += members + members[:1] * lacking
            runs += [run] * ((len(members) + lacking) // size)
        self.rows, self.runs = rows, runs
        return [old.get(job, job) for job in sources]

    def _group_size(self, counts: Sequence[int]) -> int:
        """The size of a group for which rows and groups together cost least."""
        cost = GROUP_COST.get(self.device.type, 8)
        most = max(counts)

        def price(size: int) -> int:
            groups = sum(-(-count // size) for count in counts)
            return groups * (size + cost)

        sizes = {-(-most // parts) for parts in range(1, most + 1)} | set(counts)
        return min(sizes, key=lambda size: (price(size), -size))

    def run(self) -> list[Completion]:
        """Write until every job has ended or is at its cap."""
        if self.live:
            with ExitStack() as routes:
                self._write(routes)
        return self.results()

    def _route(self, routes: ExitStack) -> None:
        """Put the adapters in force for the rows as they stand."""
        routes.close()
        if self.decoder.stack is not None:
            routes.enter_context(self.decoder.stack.routed(self.runs))

    def _write(self, routes: ExitStack) -> None:
        model, sources = self.decoder.model, self.order()
        self._route(routes)
        ids, mask = self._padded(sources)
        padded = bool((mask == 0).any())
        positions = (mask.cumsum(-1) - 1).clamp(min=0)
        accepts = _accepted(model)
        state: dict[str, Any] = {"past_key_values": roomy_cache(model.config), "use_cache": True}
        if "logits_to_keep" in accepts:
            state["logits_to_keep"] = 1
        chances = self._chances()
        share = STILL_WRITING.get(self.device.type, 0.5)
        clock, step = 0.0, 0
        while self.live:
            started = time.perf_counter()
            state["attention_mask"] = mask if padded else None
            if "position_ids" in accepts:
                state["position_ids"] = positions
            logits = model(input_ids=ids, **state).logits[:, -1].float()
            ids, logprobs = self._next(logits, None if chances is None else chances[:, step])
            told = ids.tolist()  # waits for the device
            clock += (time.perf_counter() - started) / len(self.live)
            self._take(told, logprobs, clock)
            if not self.live:
                break
            step += 1
            ids, positions = ids[:, None], positions[:, -1:] + 1
            mask = torch.cat([mask, mask.new_ones((len(mask), 1))], dim=-1)
            kept = self._fewer(share)
            if kept is not None:
                self._route(routes)
                keep = torch.tensor(kept, device=self.device)
                ids, mask, positions = ids[keep], mask[keep], positions[keep]
                chances = None if chances is None else chances[keep]
                state["past_key_values"].batch_select_indices(keep)

    def _fewer(self, share: float) -> list[int] | None:
        """The rows to go on with, where that leaves out enough of them; groups of one size may not yet."""
        if len(self.live) > share * len(self.rows):
            return None
        rows, runs = self.rows, self.runs
        kept = self.order()
        if len(self.rows) > share * len(rows):
            self.rows, self.runs = rows, runs
            return None
        return kept

    def _next(self, logits: torch.Tensor, chance: torch.Tensor | None) -> tuple[torch.Tensor, list[float] | None]:
        """The next token of every row, and its log-probability where it is drawn."""
        best = logits.max(-1)
        bad = best.values.isnan()
        if bad.any():
            group = int(bad.nonzero()[0]) // (len(self.rows) // len(self.runs))
            raise NotNumbers(self.runs[group])
        if chance is None:
            return best.indices, None
        ids = pick(logits, chance, self.temperature, self.top_p)
        own = logits.gather(-1, ids[:, None])[:, 0] - torch.logsumexp(logits, -1)
        return ids, own.tolist()

    def _take(self, tokens: Sequence[int], logprobs: Sequence[float] | None, clock: float) -> None:
        for row, job in enumerate(self.rows):
            if job not in self.live:
                continue
            self.written[job].append(tokens[row])
            if logprobs is not None:
                self.logprobs[job] += logprobs[row]
            if tokens[row] in self.decoder.stops or len(self.written[job]) >= self.caps[job]:
                self.live.discard(job)
                self.ended[job] = clock

    def results(self) -> list[Completion]:
        """The completions in the order of the jobs."""
        found = []
        for ids, seconds, logprob in zip(self.written, self.ended, self.logprobs, strict=True):
            finish: Finish = "stop" if ids and ids[-1] in self.decoder.stops else "length"
            found.append(Completion(tuple(ids), finish, seconds, logprob if self.by_chance else None))
        return found

    def _padded(self, sources: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
        """Token ids and mask, both (row, token), padded on the left."""
        prompts = [self.jobs[job].prompt for job in sources]
        longest, pad = max(map(len, prompts)), self.decoder.pad
        ids = [[pad] * (longest - len(prompt)) + list(prompt) for prompt in prompts]
        mask = [[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts]
        return torch.tensor(ids, device=self.device), torch.tensor(mask, device=self.device)

    def _chances(self) -> torch.Tensor | None:
        """The uniform numbers (row, step), or None where all is greedy."""
        if not self.by_chance:
            return None
        steps = max(self.caps)
        table = np.zeros((len(self.rows), steps), dtype=np.float32)
        for row, job in enumerate(self.rows):
            chance = self.jobs[job].chance if job != FILLER else None
            if chance is not None:
                table[row, : min(steps, len(chance))] = chance[:steps]
        return torch.from_numpy(table).to(self.device)


def _accepted(model: Any) -> frozenset[str]:
    """The arguments that the model's forward takes; of the base below a PEFT wrapper."""
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    return frozenset(inspect.signature(inner.forward).parameters)


def stop_ids(model: Any, tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    """The tokenizer's end of turn, and the further ones that the model's generation config lists."""
    listed = model.generation_config.eos_token_id if model.generation_config is not None else None
    more = [] if listed is None else [listed] if isinstance(listed, int) else listed
    return frozenset([end_of_turn(tokenizer), *more])


def own_base(run: Path) -> Path | None:
    """The folder of the model that a run's weights belong to, where that is not the base of all runs.

    The run's own folder if it holds a whole model (full fine-tuning); the folder that its adapter names by a relative
    path if its start was changed before (`../warmup`); None for an adapter of the base.
    """
    config = run / "adapter_config.json"
    if not config.is_file():
        return run
    named = str(json.loads(config.read_bytes()).get("base_model_name_or_path") or "")
    return run / named if named.startswith("../") else None


@contextmanager
def adapted(base: PreTrainedModel, run: Path | None) -> Iterator[Any]:
    """The base with what one run trained; the base itself is as before afterwards. None gives the base.

    In full precision an adapter is merged into a copy of the weights; in a lower precision, and into quantised weights,
    merging would round it away, so it stays beside them. A run with another base (`own_base`) gets it, in the precision
    of `base` and on its device.
    """
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
    from peft import PeftModel

    merge = base.dtype in (torch.float32, torch.float64) and not getattr(base, "is_quantized", False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # between PEFT and transformers, nothing to do with the user
        copied = copy.deepcopy(base) if merge and other is None else base
        wrapped: Any = PeftModel.from_pretrained(copied, str(run)).eval()
        model = wrapped.merge_and_unload() if merge else wrapped
    try:
        yield model
    finally:
        if not merge:
            wrapped.unload()
