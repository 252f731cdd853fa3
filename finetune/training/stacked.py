"""Stacked training: many runs over one frozen base, one backward over the sum of their losses, everything else per run.

Every run gets the gradient that it would get alone, since no value of one run enters the loss of another; clipping,
learning rate, schedule, weight decay, dropout stream and the number of steps are its own. All runs begin together and
take their optimiser steps side by side; one that is through, or whose loss is no number, leaves the stack.

    stack = Training(model, pad, runs, data, setup, report)
    for ending in stack.work():      # Trained, Failed or EngineMessage
        ...
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import safetensors.torch
import torch
from torch import Tensor

from journey.errors import UsageError
from journey.finetune.rows import budget
from journey.finetune.rows.rows import Rows
from journey.finetune.runs import Run
from journey.finetune.training import adapters, losses, passes
from journey.finetune.training.optimiser import adamw
from journey.finetune.training.protocol import (
    CheckpointClock,
    EngineMessage,
    Failed,
    Report,
    Setup,
    Trained,
    group_name,
    newest_whole,
    seal,
)
from journey.formats.files import dump_json, json_lines, write_atomic
from journey.formats.finetune import TRAJECTORY, TrajectoryPoint
from journey.models.compute.packed import attends_within, can_pack
from journey.models.compute.precision import ran_out
from journey.models.diverged import why_diverged
from journey.models.lora import Stack, modules_of, refuse_unstackable, scale_of
from journey.models.probe import draws, training_ids

PACKED_ON = ("cuda",)  # devices on which rows are laid end to end; with dropout they never are
CLIP = 1.0  # of a run's gradient norm, as TRL's max_grad_norm


class Progress(msgspec.Struct):
    """What a checkpoint knows of a run besides its tensors."""

    run: str
    initial: str
    points: list[TrajectoryPoint] = []
    own_tokens: int = 0
    padded_tokens: int = 0
    seconds: float = 0.0


class State(msgspec.Struct):
    """A checkpoint's state.json: runs in the order of the tensors, and those that have ended."""

    step: int
    limit: int
    runs: list[Progress]
    trained: list[Trained] = []
    failed: list[Failed] = []


@dataclass
class Member:
    """A run that is in the stack."""

    run: Run
    rows: Rows
    steps: list[list[int]]
    progress: Progress
    supervised: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self.supervised = self.rows.supervised


def rate(run: Run, step: int) -> float:
    """The learning rate of a step (from 0): linear warm-up, then a cosine to zero, as transformers' `cosine`."""
    if step < run.warmup_steps:
        return run.lr * step / run.warmup_steps
    through = (step - run.warmup_steps) / max(1, run.steps - run.warmup_steps)
    return run.lr * max(0.0, 0.5 * (1 + math.cos(math.pi * through)))


def shares(rows: Rows, members: Sequence[int], norm: str) -> dict[int, np.ndarray]:
    """What every token of the rows of a step counts in its loss, by row; over the step's rows they sum to 1.

    `token`: its weight over the sum of weights in the step, as TRL's num_items_in_batch; `row`: the mean of row means.
    """
    share = {row: rows.weights[rows.at(row)].astype(np.float64) for row in members}
    if norm == "token":
        total = sum(float(share[row].sum()) for row in members)
        return {row: weights / total for row, weights in share.items()}
    return {row: weights / (weights.sum() * len(members)) for row, weights in share.items()}


class Training:
    """A stack of runs being trained on a model that is already on its device.

    `packed` lays rows end to end instead of padding them, `grouped` picks the body of the low-rank products; None: what was
    measured to be fastest on the device.
    Raises UsageError if the base or the adapters cannot be stacked exactly.
    """

    def __init__(
        self,
        model: Any,
        pad: int,
        runs: Sequence[Run],
        data: Mapping[str, Rows],
        setup: Setup,
        report: Report,
        *,
        packed: bool | None = None,
        grouped: bool | None = None,
    ) -> None:
        self.model, self.pad, self.setup, self.report = model, pad, setup, report
        self.device = next(model.parameters()).device
        self.started = time.monotonic()
        if draws(model, training_ids(model)):
            raise UsageError(
                "the base draws random numbers in training mode, and runs in a stack would share the draws",
                "use --engine trl, or a base without dropout",
            )
        initial = adapters.initial_states(model, runs, setup)
        self.head = losses.head_of(model)
        self.packed = self.device.type in PACKED_ON if packed is None else packed
        self.packed = self.packed and not setup.dropout and can_pack(model)
        model.requires_grad_(False)
        first = next(iter(initial.values()))
        rank = max(run.rank for run in runs)
        self.stack = Stack(model, modules_of(first), runs=len(runs), rank=rank, dropout=setup.dropout)
        self.members = []
        for index, run in enumerate(runs):
            config = adapters.lora_config(run.rank, run.alpha, setup).to_dict()
            refuse_unstackable(config)
            state = initial[adapters.origin(run)]
            self.stack.load(index, state, scale_of(config))
            steps = budget.laid_out(run, data[run.kind], setup.rows_per_step)
            self.members.append(Member(run, data[run.kind], steps, Progress(run.run, adapters.digest_of(state))))
        self.stack.train(grouped)
        self.first = torch.zeros_like(self.stack.flat)  # AdamW's moments, (run, value)
        self.second = torch.zeros_like(self.stack.flat)
        self.step = 0
        self.limit = setup.pass_tokens
        self.trained: list[Trained] = []
        self.failed: list[Failed] = []
        self.folder = Path(setup.scratch) / "checkpoints" / group_name(runs)
        self.clock = CheckpointClock(setup.checkpoint_seconds)

    # --- the loop ---------------------------------------------------------------------------------------------------

    def work(self) -> Iterator[Trained | Failed | EngineMessage]:
        """Train until every run has ended, going on from a checkpoint; yields the ends, and what a person should know."""
        self._resume()
        yield from self.trained
        yield from self.failed
        _train_mode(self.model, self.setup, self.device)
        try:
            while self.members:
                if not self._step_fits():
                    yield self._smaller()
                    continue
                ended = self._leave()
                if ended or self.clock.due():
                    self._save()
                yield from ended
        finally:
            self.stack.remove()

    def time_steps(self, steps: int) -> float:
        """Seconds a token, padding left out, of so many steps after a first one; nothing is written."""
        _train_mode(self.model, self.setup, self.device)
        for step in range(steps + 1):
            if step == 1:
                began, before = time.perf_counter(), sum(member.progress.own_tokens for member in self.members)
            self.step = min(self.step, min(len(member.steps) for member in self.members) - 1)
            self._one_step()
        tokens = sum(member.progress.own_tokens for member in self.members) - before
        return (time.perf_counter() - began) / tokens

    def _step_fits(self) -> bool:
        """One optimiser step of every run in the stack; whether memory was enough. If not, the step is not done at all."""
        try:
            self._one_step()
        except Exception as error:
            if not ran_out(error):
                raise
            return False  # outside of this clause nothing holds the tensors of the attempt
        return True

    def _one_step(self) -> None:
        """One optimiser step of every run in the stack."""
        began = time.monotonic()
        members, grad = self.members, self.stack.grad
        assert grad is not None
        grad.zero_()
        lost = torch.zeros(len(members), dtype=torch.float64, device=self.device)
        # (own tokens, tokens with padding) by run
        spent = np.zeros((2, len(members)), dtype=np.int64)
        for one in self._passes():
            lost += self._backward(one)
            spent += np.array([one.own, one.tokens])
        norms = torch.linalg.vector_norm(grad, dim=1)  # (runs, values) to (runs,): each run is clipped by its own norm
        rates = [rate(member.run, self.step) for member in members]
        found = torch.stack([lost, norms.double()])  # before the weights move: memory may run out here too
        moments, decay = (self.first, self.second), self.setup.weight_decay
        adamw(self.stack.flat, grad, moments, norms, rates, self.step + 1, clip=CLIP, decay=decay)
        self.step += 1
        losses_now, norms_now = found.tolist()  # the one wait for the device
        seconds = time.monotonic() - began
        own, padded = spent.tolist()
        for index, member in enumerate(members):
            progress, supervised = member.progress, int(member.supervised[member.steps[self.step - 1]].sum())
            progress.points.append(
                TrajectoryPoint(self.step, losses_now[index], norms_now[index], rates[index], supervised)
            )
            progress.own_tokens += own[index]
            progress.padded_tokens += padded[index]
            progress.seconds += seconds * padded[index] / max(1, sum(padded))
            if math.isfinite(losses_now[index]):
                self.report(member.run.run, self.step, losses_now[index])

    def _backward(self, one: passes.Pass) -> Tensor:
        """One pass, forward and back, its gradients added to the stack's; the losses of the runs (run,), in float64."""
        with self.stack.training_pass(one.tokens, self._draws(one)), attends_within(self.model, one.packed):
            hidden = losses.hidden_states(self.model, one.ids, None if one.packed is None else one.packed.positions)
            weighted = losses.weighted_loss(hidden, one.positions, one.labels, one.weights, self.head)
            # (supervised,) to a scalar: one backward for all runs, since each loss reaches its own adapter only
            weighted.sum().backward()
        # (1, supervised) == (runs, 1) is (runs, supervised); the sum over axis 1 is (runs,), every run's own loss. An
        # index_add would add in no fixed order on a GPU.
        of_runs = one.owners[None] == torch.arange(len(self.members), device=self.device)[:, None]
        return torch.where(of_runs, weighted.detach().double(), 0.0).sum(1)  # a NaN stays with its own run

    def _passes(self) -> Iterator[passes.Pass]:
        units: list[passes.Unit] = []
        share = []
        for index, member in enumerate(self.members):
            rows = member.steps[self.step]
            lengths = member.rows.lengths
            share.append(shares(member.rows, rows, self.setup.loss_norm))
            parts = [[row] for row in rows]
            if (
                self.setup.dropout
            ):  # a run's passes must be those that it would have alone, or it would draw other masks
                parts = budget.micro_batches(rows, lengths, self.setup.rows_per_step, self.setup.micro_batch)
            units += [passes.Unit(index, tuple(part), int(lengths[part].max())) for part in parts]
        data = [member.rows for member in self.members]
        if self.packed:
            dealt = passes.fill(units, self.limit)
        else:
            cost = passes.PASS_COST.get(self.device.type, passes.PASS_COST_ELSEWHERE)
            dealt = passes.deal(units, self.limit, cost, once=bool(self.setup.dropout))
        for group in dealt:
            yield passes.build(group, data, share, self.pad, self.device, packed=self.packed)

    def _draws(self, one: passes.Pass) -> list[tuple[torch.Generator, int, int]]:
        """The dropout streams of a pass: one a run and step, so that none depends on who else is in the stack."""
        if not self.setup.dropout:
            return []
        if self._streams_of != self.step:
            self._streams_of = self.step
            self._streams = [self._stream(member.run) for member in self.members]
        present = [index for index, tokens in enumerate(one.tokens) if tokens]
        return [(self._streams[index], *shape) for index, shape in zip(present, one.shapes, strict=True)]

    _streams_of = -1
    _streams: Sequence[torch.Generator] = ()

    def _stream(self, run: Run) -> torch.Generator:
        return torch.Generator(self.device).manual_seed(adapters.dropout_seed(run, self.step))

    def _smaller(self) -> EngineMessage:
        """After memory ran out: the same step again, in passes of half the tokens; the optimiser has not moved.

        Raises OutOfMemoryError where a row alone is too much.
        """
        longest = max(int(member.rows.lengths.max()) for member in self.members)
        if self.limit < longest:
            raise torch.OutOfMemoryError(f"memory ran out with passes of {self.limit} tokens, less than one row")
        self.limit //= 2
        self._streams_of = -1
        torch.cuda.empty_cache()
        return EngineMessage(
            f"memory ran out; passes have at most {self.limit} tokens from here on, steps are the same rows"
        )

    def _leave(self) -> list[Trained | Failed]:
        """Take runs that are through, or have failed, out of the stack; write the adapters of the former."""
        ended: list[Trained | Failed] = []
        left = []
        for index, member in enumerate(self.members):
            last = member.progress.points[-1]
            if not all(value is not None and math.isfinite(value) for value in (last.loss, last.grad_norm)):
                why = f"loss {last.loss}, gradient norm {last.grad_norm} at step {last.step}"
                self.failed.append(Failed(member.run.run, why))
                ended.append(self.failed[-1])
            elif self.step == len(member.steps) and (why := why_diverged(self.stack.state(index))):
                self.failed.append(Failed(member.run.run, why))  # by the last update, which no loss has seen
                ended.append(self.failed[-1])
            elif self.step == len(member.steps):
                self.trained.append(self._finished(index, member))
                ended.append(self.trained[-1])
            else:
                left.append(index)
        if ended:
            self._keep(left)
        return ended

    def _keep(self, kept: list[int]) -> None:
        self.members = [self.members[index] for index in kept]
        if kept:
            self.stack.keep(kept)
            rows = torch.tensor(kept, device=self.device)
            self.first, self.second = self.first[rows], self.second[rows]  # (runs, values) to (kept runs, values)
        self._streams_of = -1

    def _finished(self, index: int, member: Member) -> Trained:
        folder, progress = Path(self.setup.work) / member.run.run, member.progress
        write_atomic(folder / TRAJECTORY, json_lines(progress.points))
        config = adapters.lora_config(
            member.run.rank, member.run.alpha, self.setup, adapters.short_names(self.stack.layers)
        )
        adapters.save_adapter(self.stack.state(index), config, folder, self.setup)
        return Trained(
            member.run.run,
            progress.initial,
            hashlib.blake2b(np.concatenate(member.steps)[: member.run.pool].tobytes(), digest_size=16).hexdigest(),
            float(np.mean([point.loss for point in progress.points[-10:]])),
            progress.seconds,
            self.device.type,
            str(next(self.model.parameters()).dtype).removeprefix("torch."),
            padding=round(1 - progress.own_tokens / progress.padded_tokens, 4),
        )

    # --- checkpoints ------------------------------------------------------------------------------------------------

    def _save(self) -> None:
        """Write everything into a folder that is complete or not there, and drop older ones."""
        began = time.monotonic()
        state = State(self.step, self.limit, [m.progress for m in self.members], self.trained, self.failed)
        target = self.folder / f"checkpoint-{self.step}"
        tensors = {"flat": self.stack.flat, "first": self.first, "second": self.second} if self.members else {}
        data = safetensors.torch.save({name: tensor.cpu().contiguous() for name, tensor in tensors.items()})
        write_atomic(target / "state.safetensors", data)
        write_atomic(target / "state.json", dump_json(state))
        seal(target)
        for other in self.folder.glob("checkpoint-*"):
            if other != target and int(other.name.rpartition("-")[2]) < self.step:
                for file in sorted(other.iterdir(), key=lambda path: path.name != "complete.json"):
                    file.unlink()
                other.rmdir()
        self.clock.written(time.monotonic() - began)

    def _resume(self) -> None:
        checkpoint = newest_whole(self.folder)
        if checkpoint is None:
            return
        state = msgspec.json.decode((checkpoint / "state.json").read_bytes(), type=State)
        index_of = {member.run.run: number for number, member in enumerate(self.members)}
        self.step, self.limit, self.trained, self.failed = state.step, state.limit, state.trained, state.failed
        self._keep([index_of[progress.run] for progress in state.runs])
        if not self.members:
            return
        for member, progress in zip(self.members, state.runs, strict=True):
            member.progress = progress
        tensors = safetensors.torch.load((checkpoint / "state.safetensors").read_bytes())
        self.stack.flat.copy_(tensors["flat"])
        self.first.copy_(tensors["first"])
        self.second.copy_(tensors["second"])


def _train_mode(model: Any, setup: Setup, device: torch.device) -> None:
    model.train()
    if setup.checkpointing:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
