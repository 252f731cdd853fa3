"""Trainer callbacks: reports of steps, the end of a run that has diverged, checkpoints by the clock."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from journey.finetune.runs import Run
from journey.finetune.training.adapters import dropout_seed
from journey.finetune.training.protocol import CheckpointClock, NotFinite, Report, Setup, seal


class Watch(TrainerCallback):
    """Reports every step, stops a run whose loss is no number, and asks for a checkpoint now and then.

    Where several processes share a run, the first one's clock decides for all and the first one reports.
    """

    def __init__(self, run: Run, report: Report, setup: Setup) -> None:
        self.run, self.report, self.setup = run, report, setup
        self.clock = CheckpointClock(setup.checkpoint_seconds)
        self.began = 0.0  # of the checkpoint that is being written

    def on_step_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if self.setup.dropout:
            torch.manual_seed(dropout_seed(self.run, state.global_step, args.process_index))

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> TrainerControl:
        due = self.clock.due() and state.global_step < state.max_steps
        if _shared():
            decision = torch.tensor(int(due), device=args.device)
            torch.distributed.broadcast(decision, src=0)
            due = bool(decision)
        if due:
            control.should_save, self.began = True, time.monotonic()
        return control

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        if logs is None or "loss" not in logs:
            return
        if not (math.isfinite(logs["loss"]) and math.isfinite(logs["grad_norm"])):
            raise NotFinite(f"loss {logs['loss']}, gradient norm {logs['grad_norm']} at step {state.global_step}")
        if state.is_world_process_zero:
            self.report(self.run.run, state.global_step, logs["loss"])

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        if _shared():
            torch.distributed.barrier()  # every process writes a file of its own into the checkpoint
        if state.is_world_process_zero:
            seal(Path(str(args.output_dir)) / f"checkpoint-{state.global_step}")
        self.clock.written(time.monotonic() - self.began)


def _shared() -> bool:
    return torch.distributed.is_available() and torch.distributed.is_initialized()
