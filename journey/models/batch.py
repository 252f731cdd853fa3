"""Batched decoding: rows of many adapters, which leave when they have ended, and batches that join when they thin out.

Requests are dealt into batches of a given width. A batch of which only half is still being written waits for others like it,
and goes on together with them: so the long answers of all batches share steps, instead of each batch dragging a few.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch

from journey.models.completion import Completion, CompletionRequest, Finish
from journey.models.compute.transfer import on_device
from journey.models.kv_cache import can_merge, keep_rows, merged, rewind, roomy_cache, tokens_in
from journey.models.random import pick, pick_ahead

if TYPE_CHECKING:
    from transformers import PreTrainedModel
    from transformers.cache_utils import DynamicCache

    from journey.models.lora import Stack
    from journey.models.turns import TurnReader

# Rows that have ended leave once no more than this share is still being written. On a GPU width costs little, and every
# change of it changes how sums are rounded.
STILL_WRITING = {"cpu": 0.9, "cuda": 0.5}
# Rows of one adapter stand in groups of one size for all adapters; a further group costs about so many rows.
GROUP_COST = {"cpu": 1, "cuda": 8}
# Steps that are taken before the device is waited for. A CPU is never waited for, and computes rows that have ended in vain.
AHEAD = {"cpu": 1}
AHEAD_ELSEWHERE = 16
FEW_AHEAD = 1024  # candidates of a nucleus then; where one needs more, the steps are taken again with all
WAITS = 0.5  # of the width: a batch with fewer rows waits for others
FILLER = -1  # a row that only makes its group as large as the others


class NotNumbers(FloatingPointError):
    """The logits of the adapter `run` are NaN."""

    def __init__(self, run: int) -> None:
        super().__init__("the model's logits are not numbers")
        self.run = run


@dataclass(frozen=True)
class DecodingModel:
    """A model, the tokens that end an answer, the id to pad with, the most new tokens, and the adapters stacked on it.

    With `turns` an answer also ends where its text begins a turn of somebody else.
    """

    model: PreTrainedModel
    stops: frozenset[int]
    pad: int
    cap: int
    stack: Stack | None = None
    turns: TurnReader | None = None


@dataclass
class _Batch:
    """Rows that go through the model together.

    `rows` has the index of every row's request (or FILLER), `runs` the adapter of every group. `ids` (row, token) is what
    the model reads next, `positions` where it stands, `mask` (row, token) what is no padding, `steps` (row,) how many tokens each row
    has. `clock` is each row's share of the time so far.
    """

    rows: list[int]
    runs: list[int]
    ids: torch.Tensor
    mask: torch.Tensor
    positions: torch.Tensor
    steps: torch.Tensor
    chances: torch.Tensor | None
    cache: DynamicCache
    clock: float = 0.0

    def keep(self, rows: list[int], runs: list[int], sources: Sequence[int]) -> None:
        """Go on with these requests in these groups, each from the row that `sources` names."""
        index = on_device(torch.tensor(list(sources)), self.ids.device)
        self.rows, self.runs = rows, runs
        self.ids, self.mask, self.positions = self.ids[index], self.mask[index], self.positions[index]
        self.steps = self.steps[index]
        self.chances = None if self.chances is None else self.chances[index]
        keep_rows(self.cache, index)


class Decoding(Protocol):
    """What a batch needs of a `Decoder`: the model, the tokens that end an answer, padding, cap, and stacked adapters."""

    @property
    def model(self) -> Any: ...
    @property
    def stops(self) -> frozenset[int]: ...
    @property
    def pad(self) -> int: ...
    @property
    def cap(self) -> int: ...
    @property
    def stack(self) -> Stack | None: ...
    @property
    def turns(self) -> TurnReader | None: ...


class Writing:
    """All requests of one call, until each has ended or is at its cap."""

    def __init__(
        self,
        decoder: Decoding,
        requests: Sequence[CompletionRequest],
        temperature: float,
        top_p: float,
        width: int,
    ) -> None:
        self.decoder, self.requests, self.width = decoder, requests, width
        self.temperature, self.top_p = temperature, top_p
        self.device = decoder.model.device
        self.caps = [decoder.cap if request.cap is None else request.cap for request in requests]
        self.written: list[list[int]] = [[] for _ in requests]
        self.logprobs = [0.0] * len(requests)
        self.seconds = [0.0] * len(requests)
        self.turned: set[int] = set()
        self.live = {index for index, cap in enumerate(self.caps) if cap > 0}
        self.by_chance = requests[0].chance is not None
        self.accepts = _accepted(decoder.model)

    def run(self) -> list[Completion]:
        """Write everything; the completions in the order of the requests."""
        fresh, waiting = list(self._dealt())[::-1], list[_Batch]()
        while fresh or waiting:
            if waiting and (not fresh or sum(map(self._left, waiting)) >= self.width):
                batch = self._together(waiting)
            else:
                batch = self._begin(fresh.pop())
            others = bool(fresh or waiting) and can_merge(batch.cache)
            self._write(batch, WAITS * self.width if others else 0)
            if self._left(batch):
                waiting.append(batch)
        return self._results()

    def _dealt(self) -> Iterator[list[int]]:
        """Requests of like length of prompt, as many of each adapter, at most `width` together."""
        by_run: dict[int, list[int]] = {}
        for request in sorted(self.live, key=lambda request: (len(self.requests[request].prompt), request)):
            by_run.setdefault(self.requests[request].run, []).append(request)
        if len(self.live) <= self.width:
            yield from [[request for members in by_run.values() for request in members]] if by_run else []
            return
        size = max(1, self.width // len(by_run))
        for start in range(0, max(map(len, by_run.values()), default=0), size):
            yield [request for members in by_run.values() for request in members[start : start + size]]

    def _left(self, batch: _Batch) -> int:
        """How many of a batch's rows are still being written."""
        return sum(request in self.live for request in batch.rows)

    # --- layout ------------------------------------------------------------------------------------------------------

    def _layout(self, requests: Sequence[int]) -> tuple[list[int], list[int], list[int]]:
        """Requests in groups of one size: the index of every row's request (or FILLER), of the request it goes on from, and the
        adapter of every group."""
        by_run: dict[int, list[int]] = {}
        for request in sorted(requests):
            by_run.setdefault(self.requests[request].run, []).append(request)
        size = self._group_size([len(members) for members in by_run.values()])
        rows, sources, runs = [], [], []
        for run, members in sorted(by_run.items()):
            lacking = -len(members) % size
            rows += members + [FILLER] * lacking
            sources += members + members[:1] * lacking
            runs += [run] * ((len(members) + lacking) // size)
        return rows, sources, runs

    def _group_size(self, counts: Sequence[int]) -> int:
        """The size of a group for which rows and groups together cost least."""
        cost = GROUP_COST.get(self.device.type, 8)
        most = max(counts)

        def price(size: int) -> int:
            groups = sum(-(-count // size) for count in counts)
            return groups * (size + cost)

        sizes = {-(-most // parts) for parts in range(1, most + 1)} | set(counts)
        return min(sizes, key=lambda size: (price(size), -size))

    def _begin(self, requests: Sequence[int]) -> _Batch:
        """A batch at its prompts."""
        rows, sources, runs = self._layout(requests)
        prompts = [self.requests[request].prompt for request in sources]
        longest, pad = max(map(len, prompts)), self.decoder.pad
        # (row, token), padded on the left: the last column is every row's newest token.
        ids, mask = (
            on_device(torch.tensor(table), self.device)
            for table in (
                [[pad] * (longest - len(p)) + list(p) for p in prompts],
                [[0] * (longest - len(p)) + [1] * len(p) for p in prompts],
            )
        )
        return _Batch(
            rows,
            runs,
            ids,
            mask,
            (mask.cumsum(-1) - 1).clamp(min=0),
            torch.zeros(len(rows), dtype=torch.long, device=self.device),
            self._chances(rows),
            roomy_cache(self.decoder.model.config),
        )

    def _chances(self, rows: Sequence[int]) -> torch.Tensor | None:
        """The uniform numbers (row, step), or None where all is greedy."""
        if not self.by_chance:
            return None
        steps = max(self.caps)
        table = np.zeros((len(rows), steps), dtype=np.float32)
        for row, request in enumerate(rows):
            chance = self.requests[request].chance if request != FILLER else None
            if chance is not None:
                table[row, : min(steps, len(chance))] = chance[:steps]
        return on_device(torch.from_numpy(table), self.device)

    def _together(self, waiting: list[_Batch]) -> _Batch:
        """One batch of those that wait, the shortest first, within the width; they leave the list."""
        waiting.sort(key=lambda batch: batch.mask.shape[1])
        taken = [waiting.pop(0)]
        while waiting and sum(map(self._left, [*taken, waiting[0]])) <= self.width:
            taken.append(waiting.pop(0))
        for batch in taken:
            self._add_up(batch)
        if len(taken) == 1:
            return taken[0]
        longest = max(batch.mask.shape[1] for batch in taken)
        # (row, token) of each batch, padded on the left to the longest, as `merged` lays out keys and values.
        masks = [torch.nn.functional.pad(b.mask, (longest - b.mask.shape[1], 0)) for b in taken]
        chances = [b.chances for b in taken if b.chances is not None]
        # All are joined along rows; a batch that waits has ids (row, 1), whatever its length.
        whole = _Batch(
            [request for b in taken for request in b.rows],
            [],
            torch.cat([b.ids for b in taken]),
            torch.cat(masks),
            torch.cat([b.positions for b in taken]),
            torch.cat([b.steps for b in taken]),
            torch.cat(chances) if chances else None,
            merged([b.cache for b in taken], self.decoder.model.config),
        )
        self._thin_out(whole, 1.0)
        return whole

    def _thin_out(self, batch: _Batch, share: float) -> bool:
        """Drop rows that have ended, where that leaves out enough; groups of one size may not let it yet."""
        live = [request for request in batch.rows if request in self.live]
        if len(live) > share * len(batch.rows):
            return False
        rows, sources, runs = self._layout(live)
        if len(rows) > share * len(batch.rows) and batch.runs:
            return False
        old = {request: row for row, request in enumerate(batch.rows) if request != FILLER}
        batch.keep(rows, runs, [old[request] for request in sources])
        return True

    # --- writing -----------------------------------------------------------------------------------------------------

    def _write(self, batch: _Batch, until: float) -> None:
        """Write until no more than so many rows are left, a token at least."""
        with ExitStack() as routes:
            self._route(routes, batch)
            share = STILL_WRITING.get(self.device.type, 0.5)
            padded = bool((batch.mask == 0).any())
            left = self._left(batch)
            first = True
            while left and (left > until or first):
                first, started = False, time.perf_counter()
                steps = self._steps(batch, padded)  # waits for the device
                batch.clock += (time.perf_counter() - started) / left
                for tokens, logprobs in steps:
                    left -= self._take(batch, tokens, logprobs)
                if left and self._thin_out(batch, share):
                    self._route(routes, batch)

    def _route(self, routes: ExitStack, batch: _Batch) -> None:
        """Put the adapters in force for the rows as they stand."""
        routes.close()
        if self.decoder.stack is not None:
            routes.enter_context(self.decoder.stack.routed(batch.runs))

    def _steps(self, batch: _Batch, padded: bool) -> list[tuple[list[int], list[float] | None]]:
        """The next tokens of every row, step by step, and their log-probabilities where they are drawn.

        Several steps are taken before the device is waited for: rows that have ended meanwhile have written for nothing.
        """
        ahead = AHEAD.get(self.device.type, AHEAD_ELSEWHERE)
        left = (self.caps[row] - len(self.written[row]) for row in batch.rows if row in self.live)
        count = min(ahead, max(left))
        # Steps can be taken again only in a cache that can be rewound; in any other all candidates are looked at first.
        again = count > 1 and can_merge(batch.cache)
        begun = batch.ids, batch.mask, batch.positions, batch.steps, tokens_in(batch.cache) if again else 0
        looks: tuple[int | None, ...] = (0,)
        if count > 1:
            looks = (FEW_AHEAD, None) if again else (None,)
        for few in looks:
            # (step, what, row): one copy to the host for all of them
            table = torch.stack([self._next(batch, padded, few) for _ in range(count)]).tolist()
            if not any(any(step[3]) for step in table if len(step) > 3):
                break
            batch.ids, batch.mask, batch.positions, batch.steps, tokens = begun
            rewind(batch.cache, tokens)
        for _, bad, *_ in table:
            if any(bad):
                # Row -> group -> adapter: groups are equally many consecutive rows.
                raise NotNumbers(batch.runs[bad.index(1.0) // (len(batch.rows) // len(batch.runs))])
        return [([int(token) for token in step[0]], step[2] if len(step) > 2 else None) for step in table]

    def _next(self, batch: _Batch, padded: bool, few: int | None) -> torch.Tensor:
        """One step of all rows: (what, row), in float64 the tokens and whether logits are NaN; where tokens are drawn,
        their log-probabilities and whether `few` candidates were too few (0: as many as it takes; None: all)."""
        given: dict[str, Any] = {"past_key_values": batch.cache, "use_cache": True}
        given["attention_mask"] = self._mask(batch, few) if padded else None
        if "logits_to_keep" in self.accepts:
            given["logits_to_keep"] = 1
        if "position_ids" in self.accepts:
            given["position_ids"] = batch.positions
        # (row, token, vocabulary) -> (row, vocabulary), in float32: only the last position is sampled from.
        logits = self.decoder.model(input_ids=batch.ids, **given).logits[:, -1].float()
        best = logits.max(-1)
        ids, more = best.indices, []
        if batch.chances is not None:
            # (row, step) -> (row,): each row's own number, as rows that joined later are at other steps.
            chance = batch.chances.gather(-1, batch.steps[:, None].clamp(max=batch.chances.shape[1] - 1))[:, 0]
            if few == 0:
                ids = pick(logits, chance, self.temperature, self.top_p)
            else:
                ids, short = pick_ahead(logits, chance, self.temperature, self.top_p, few or logits.shape[-1])
            # (row, vocabulary) -> (row,): the log-softmax of the chosen tokens alone.
            more = [logits.gather(-1, ids[:, None])[:, 0] - torch.logsumexp(logits, -1)]
            more += [] if few == 0 else [short]
        # ids (row,) -> (row, 1): from now on the model reads one token a row, the rest is cached.
        batch.ids, batch.positions, batch.steps = ids[:, None], batch.positions[:, -1:] + 1, batch.steps + 1
        batch.mask = torch.cat([batch.mask, batch.mask.new_ones((len(ids), 1))], dim=-1)
        return torch.stack([one.double() for one in (ids, best.values.isnan(), *more)])

    def _mask(self, batch: _Batch, few: int | None) -> torch.Tensor:
        """What is no padding: (row, token), or of one new token (row, 1, 1, token), at whose numbers transformers does not look."""
        by_kernel = self.decoder.model.config.get_text_config()._attn_implementation == "sdpa"
        # A sliding window's layers hold fewer tokens than the mask has, which transformers cuts for them.
        if few == 0 or batch.ids.shape[1] > 1 or not by_kernel or not can_merge(batch.cache):
            return batch.mask
        return batch.mask[:, None, None].bool()

    def _take(self, batch: _Batch, tokens: Sequence[int], logprobs: Sequence[float] | None) -> int:
        """Note one token of every row; gives how many rows have ended with it."""
        ended = 0
        for row, request in enumerate(batch.rows):
            if request not in self.live:
                continue
            self.written[request].append(tokens[row])
            if logprobs is not None:
                self.logprobs[request] += logprobs[row]
            stops = tokens[row] in self.decoder.stops
            if not stops and self._turns(request):
                self.turned.add(request)
                stops = True
            if stops or len(self.written[request]) >= self.caps[request]:
                self.live.discard(request)
                self.seconds[request] += batch.clock
                ended += 1
        return ended

    def _turns(self, request: int) -> bool:
        """Whether the last token of a row begins a turn of somebody else."""
        if self.decoder.turns is None:
            return False
        asked = self.requests[request]
        return self.decoder.turns.begins(asked.prompt[len(asked.prompt) - asked.begun :], self.written[request])

    def _add_up(self, batch: _Batch) -> None:
        """Note the time of rows that go on in another batch."""
        for request in batch.rows:
            if request in self.live:
                self.seconds[request] += batch.clock
        batch.clock = 0.0

    def _results(self) -> list[Completion]:
        completions = []
        for request, ids in enumerate(self.written):
            turned = request in self.turned
            finish: Finish = "stop" if turned or (ids and ids[-1] in self.decoder.stops) else "length"
            logprob = self.logprobs[request] if self.by_chance else None
            completions.append(Completion(tuple(ids), finish, self.seconds[request], logprob, turned=turned))
        return completions


def _accepted(model: Any) -> frozenset[str]:
    """The arguments that the model's forward takes; of the base below a PEFT wrapper."""
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    return frozenset(inspect.signature(inner.forward).parameters)
