"""One run with TRL's SFTTrainer on rows that are already tokenised, laid out and ordered.

The trainer is given no text, so that no template, truncation or shuffling of its own can change a row: an item of its
data set is one forward pass (the rows in it), and an optimiser step is a fixed number of items.
"""

from __future__ import annotations

import hashlib
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from transformers import (
    PrinterCallback,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)
from trl import SFTConfig, SFTTrainer

from journey import models
from journey.errors import UsageError
from journey.finetune import adapters, budget
from journey.finetune.jobs import NotFinite, Report, Setup, Trained, newest_whole, seal
from journey.finetune.runs import Run
from journey.finetune.tokens import Rows
from journey.rng import seed_for
from journey.store import json_lines, write_atomic

IGNORED = -100  # label of tokens that are not supervised


def collate(rows: Rows, members: list[int], pad: int) -> dict[str, torch.Tensor]:
    """One forward pass, (row, token), padded on the right. Labels go by position, never by the padding id."""
    width = int(rows.lengths[members].max())
    ids = np.full((len(members), width), pad, dtype=np.int64)
    labels = np.full((len(members), width), IGNORED, dtype=np.int64)
    mask = np.zeros((len(members), width), dtype=np.int64)
    for place, row in enumerate(members):
        at = rows.at(row)
        tokens, weights = rows.ids[at], rows.weights[at]
        ids[place, : len(tokens)] = tokens
        labels[place, : len(tokens)] = np.where(weights > 0, tokens, IGNORED)
        mask[place, : len(tokens)] = 1
    found = {"input_ids": ids, "attention_mask": mask, "labels": labels}
    return {name: torch.from_numpy(values) for name, values in found.items()}


class _Trainer(SFTTrainer):
    """SFTTrainer without the bookkeeping that this project does itself."""

    def floating_point_ops(self, inputs: dict[str, Any]) -> int:
        return 0  # counted exactly in the audit; counting walks all modules for every forward pass

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        return None


class _Watch(TrainerCallback):
    """Reports every step, stops a run whose loss is no number, and asks for a checkpoint now and then."""

    def __init__(self, run: str, report: Report, seconds: float) -> None:
        self.run, self.report, self.seconds = run, report, seconds
        self.saved = time.monotonic()

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> TrainerControl:
        if time.monotonic() - self.saved >= self.seconds and state.global_step < state.max_steps:
            control.should_save = True
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
        self.report(self.run, state.global_step, logs["loss"])

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        seal(Path(str(args.output_dir)) / f"checkpoint-{state.global_step}")
        self.saved = time.monotonic()


def _arguments(run: Run, setup: Setup, passes: int, device: str) -> SFTConfig:
    gpu = device != "cpu"
    return SFTConfig(
        output_dir=str(Path(setup.scratch) / "checkpoints" / run.run),
        per_device_train_batch_size=1,  # one item is one forward pass
        gradient_accumulation_steps=passes,
        train_sampling_strategy="sequential",
        num_train_epochs=1,  # the items are laid out over all epochs
        max_length=setup.max_length,
        packing=False,
        dataset_kwargs={"skip_prepare_dataset": True},
        remove_unused_columns=False,
        dataloader_num_workers=0,
        dataloader_pin_memory=gpu,
        learning_rate=run.lr,
        lr_scheduler_type="cosine",
        warmup_steps=run.warmup_steps,
        max_grad_norm=1.0,
        optim="adamw_torch_fused",
        adam_beta1=0.9,
        adam_beta2=0.999,
        adam_epsilon=1e-8,
        weight_decay=setup.weight_decay,
        bf16=gpu,
        use_cpu=not gpu,
        gradient_checkpointing=gpu if setup.checkpointing is None else setup.checkpointing,
        seed=seed_for("training", run.seed) % 2**32,
        logging_steps=1,
        logging_nan_inf_filter=False,
        report_to="none",
        disable_tqdm=True,
        save_strategy="no",  # checkpoints are asked for by time
        save_total_limit=2,
    )


def _laid_out(run: Run, rows: Rows, setup: Setup) -> tuple[list[list[int]], list[list[int]]]:
    """The rows of every optimiser step, and those of every forward pass, in order."""
    order = budget.stream(budget.pool(len(rows), run.seed, run.pool), run.seed, run.rows)
    steps = [list(step) for step in budget.steps_of(order, setup.rows_per_step)]
    lengths = rows.lengths
    passes = [
        part for step in steps for part in budget.micro_batches(step, lengths, setup.rows_per_step, setup.micro_batch)
    ]
    return steps, passes


def train_run(run: Run, rows: Rows, setup: Setup, report: Report) -> Trained:
    """Train one run and write its adapter and trajectory into `setup.work`.

    Raises NotFinite when the loss is no number, UsageError for loss weights other than 0 and 1.
    """
    if not np.isin(rows.weights, (0, 1)).all():
        raise UsageError(f"engine trl masks tokens; the loss weights of arm {run.arm} are not all 0 or 1")
    started = time.monotonic()
    ref = models.ModelRef(setup.base, setup.source, setup.revision)
    tokenizer = models.load_tokenizer(ref)
    device = models.best_device()
    dtype = torch.float32 if device == "cpu" else torch.bfloat16
    model = adapters.new_adapter(models.load_model(ref, device="cpu", dtype=dtype), run, setup)
    initial = adapters.digest_of(adapters.adapter_state(model))
    steps, passes = _laid_out(run, rows, setup)
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else models.end_of_turn(tokenizer)
    trainer = _Trainer(
        model=model,
        args=_arguments(run, setup, -(-setup.rows_per_step // setup.micro_batch), device),
        train_dataset=Dataset.from_dict({"rows": passes}),
        data_collator=lambda items: collate(rows, items[0]["rows"], pad),
        processing_class=tokenizer,
        callbacks=[_Watch(run.run, report, setup.checkpoint_seconds)],
    )
    trainer.remove_callback(PrinterCallback)
    checkpoint = newest_whole(Path(str(trainer.args.output_dir)))
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    folder = Path(setup.work) / run.run
    logged = [entry for entry in trainer.state.log_history if "loss" in entry]
    write_atomic(folder / "trajectory.jsonl", json_lines(_trajectory(logged, steps, rows)))
    adapters.save_adapter(adapters.adapter_state(model), model.peft_config["default"], folder, setup)
    return Trained(
        run.run,
        initial,
        hashlib.blake2b(np.concatenate(steps)[: run.pool].tobytes(), digest_size=16).hexdigest(),
        float(np.mean([entry["loss"] for entry in logged[-10:]])),
        time.monotonic() - started,
        device,
        str(dtype).removeprefix("torch."),
    )


def _trajectory(logged: list[dict[str, float]], steps: list[list[int]], rows: Rows) -> list[dict[str, Any]]:
    supervised = rows.supervised
    return [
        {
            "step": int(entry["step"]),
            "loss": entry["loss"],
            "grad_norm": entry["grad_norm"],
            "lr": entry["learning_rate"],
            "supervised_tokens": int(supervised[step].sum()),
        }
        for entry, step in zip(logged, steps, strict=True)
    ]
