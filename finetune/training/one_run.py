"""One run with TRL's SFTTrainer on rows that are already tokenised, laid out and ordered.

The trainer is given no text, so that no template, truncation or shuffling of its own can change a row: an item of its
data set is one forward pass (the rows in it), and an optimiser step is a fixed number of items.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from transformers import PreTrainedModel, PrinterCallback
from trl import SFTConfig, SFTTrainer
from trl.trainer.utils import FusedCausalLMOutput

from journey.finetune.rows.rows import Rows
from journey.finetune.runs import Run
from journey.finetune.training import adapters
from journey.finetune.training.batches import IGNORED, collate, laid_out, padding_id
from journey.finetune.training.callbacks import Watch
from journey.finetune.training.packing import check_packing
from journey.finetune.training.protocol import NotFinite, Report, Setup, Trained, checkpoints, newest_whole
from journey.formats.files import json_lines, write_atomic
from journey.formats.finetune import TRAJECTORY
from journey.models import load, policy
from journey.models.compute.precision import be_deterministic
from journey.models.diverged import why_diverged
from journey.rng import seed_for


class _Weighted:
    """A model whose log-probabilities of the next tokens come out scaled by (row, token) loss weights.

    The trainer sums what it is given and so needs to know nothing of weights. `exact` takes the loss in the model's own
    precision from all logits; TRL's loss computes in float32 tile by tile.
    """

    def __init__(self, model: Any, scale: torch.Tensor, exact: bool) -> None:
        self.model, self.scale, self.exact = model, scale, exact

    def __call__(self, **inputs: Any) -> FusedCausalLMOutput:
        outputs = self._exactly(inputs) if self.exact else self.model(**inputs)
        assert outputs.log_probs is not None
        return replace(outputs, log_probs=outputs.log_probs * self.scale.to(outputs.log_probs.dtype))

    def _exactly(self, inputs: dict[str, Any]) -> FusedCausalLMOutput:
        given = {name: value for name, value in inputs.items() if name not in ("labels", "fused_lm_head")}
        labels = inputs["labels"][:, 1:]
        logits = self.model(**given).logits[:, :-1]
        losses = torch.nn.functional.cross_entropy(
            logits.flatten(0, 1), labels.flatten(), reduction="none", ignore_index=IGNORED
        ).view(labels.shape)
        nothing = torch.zeros_like(losses)
        return FusedCausalLMOutput(
            loss=losses.sum(), log_probs=-losses, entropy=nothing, is_top1=nothing, label_mask=labels != IGNORED
        )


class _Trainer(SFTTrainer):
    """SFTTrainer that knows loss weights, without the bookkeeping that this project does itself."""

    exact = False

    def _get_num_items_in_batch(self, batch_samples: list[dict[str, torch.Tensor]], device: Any) -> Any:
        """What the step's summed loss is divided by, over all forward passes and processes."""
        if not batch_samples or "items" not in batch_samples[0]:
            return super()._get_num_items_in_batch(batch_samples, device)
        items = torch.stack([batch["items"].sum() for batch in batch_samples]).sum().to(device)
        return self.accelerator.gather(items).sum()

    def compute_loss(self, model: Any, inputs: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        if "weights" not in inputs:
            return super().compute_loss(model, inputs, *args, **kwargs)
        given = {name: value for name, value in inputs.items() if name not in ("weights", "items")}
        weighted = _Weighted(model, inputs["weights"][:, 1:] / kwargs["num_items_in_batch"], self.exact)
        return super().compute_loss(weighted, given, *args, **{**kwargs, "num_items_in_batch": 1})

    def floating_point_ops(self, inputs: dict[str, Any]) -> int:
        return 0  # counted exactly in the audit; counting walks all modules for every forward pass

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        return None

    def _send_telemetry(self) -> None:
        return None


def _arguments(run: Run, setup: Setup, passes: int, device: str) -> SFTConfig:
    gpu = device != "cpu"
    arguments = SFTConfig(
        output_dir=str(checkpoints(setup, [run])),
        per_device_train_batch_size=1,  # one item is one forward pass
        gradient_accumulation_steps=passes // setup.processes,
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
        ddp_backend="gloo" if setup.processes > 1 and not gpu else None,
        ddp_find_unused_parameters=False,
        gradient_checkpointing=gpu if setup.checkpointing is None else setup.checkpointing,
        use_liger_kernel=setup.liger,
        seed=seed_for("training", run.seed) % 2**32,
        logging_steps=1,
        logging_nan_inf_filter=False,
        report_to=setup.report_to,
        run_name=run.run,
        disable_tqdm=True,
        router_aux_loss_coef=0.0,  # a stack has none: mixtures of experts get one loss, whatever trains them
        save_strategy="no",  # checkpoints are asked for by time
        save_total_limit=2,
    )
    if setup.processes == 1 and gpu:
        arguments._n_gpu = (
            1  # on a machine with several the trainer would spread the run over all of them, which TRL refuses
        )
    return arguments


def _collator(rows: Rows, setup: Setup, pad: int, exact: bool) -> Callable[[list[dict[str, Any]]], Any]:
    """Binary weights under the token norm are labels and nothing else, so that TRL's loss is used as it is."""
    binary = bool(np.isin(rows.weights, (0, 1)).all())
    norm = None if binary and setup.loss_norm == "token" and not exact else setup.loss_norm
    return lambda items: collate(rows, items[0]["rows"], pad, norm=norm, packed=setup.packing)


def _load(ref: load.ModelRef, run: Run, setup: Setup, device: str, dtype: torch.dtype | None) -> tuple[Any, str]:
    """The model to train and the name of its weights' precision.

    Every weight of the base is trained in float32, under bfloat16 autocast on a GPU; a frozen base lies in bfloat16 there.
    """
    dtype = dtype or (torch.float32 if device == "cpu" or setup.full else torch.bfloat16)
    placed = device if load.quantisation(ref) else "cpu"
    base = load.load_model(ref, device=placed, dtype=dtype, attention=setup.attention)
    return base if setup.full else adapters.new_adapter(base, run, setup), str(dtype).removeprefix("torch.")


def train_run(run: Run, rows: Rows, setup: Setup, report: Report, dtype: torch.dtype | None = None) -> Trained:
    """Train one run and write its adapter (or whole model) and trajectory into `setup.work`.

    `dtype` loads the base in a precision of one's choice; with float64 the loss is taken in float64 too, and not by
    TRL's, which casts to float32. Raises NotFinite when the loss is no number, UsageError if rows cannot be packed.
    """
    started = time.monotonic()
    if setup.deterministic:
        be_deterministic()
    ref = load.ModelRef(setup.base, setup.source, setup.revision)
    tokenizer = load.load_tokenizer(ref)
    device, pad = load.best_device(), padding_id(tokenizer)
    model, precision = _load(ref, run, setup, device, dtype)
    if setup.packing:
        check_packing(model, rows, pad)
    initial = adapters.digest_of(_state(model, setup))
    steps, passes, count = laid_out(run, rows, setup)
    if setup.logs:
        os.environ["TENSORBOARD_LOGGING_DIR"] = str(Path(setup.logs) / run.run)
    exact = dtype == torch.float64
    trainer = _Trainer(
        model=model,
        args=_arguments(run, setup, count, device),
        train_dataset=Dataset.from_dict({"rows": passes}),
        data_collator=_collator(rows, setup, pad, exact),
        processing_class=tokenizer,
        callbacks=[Watch(run, report, setup)],
    )
    trainer.exact = exact
    trainer.remove_callback(PrinterCallback)
    checkpoint = newest_whole(checkpoints(setup, [run]))
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    logged = [entry for entry in trainer.state.log_history if "loss" in entry]
    if why := why_diverged(_state(model, setup)):
        raise NotFinite(why)
    if trainer.is_world_process_zero():
        folder = Path(setup.work) / run.run
        write_atomic(folder / TRAJECTORY, json_lines(_trajectory(logged, steps, rows)))
        if setup.full:
            save_model(model, folder, setup)
        else:
            adapters.save_adapter(_state(model, setup), model.peft_config["default"], folder, setup)
    return Trained(
        run.run,
        initial,
        hashlib.blake2b(np.concatenate(steps)[: run.pool].tobytes(), digest_size=16).hexdigest(),
        float(np.mean([entry["loss"] for entry in logged[-10:]])),
        time.monotonic() - started,
        device,
        precision,
        padding=_padding(passes, rows, setup),
    )


def _padding(passes: list[list[int]], rows: Rows, setup: Setup) -> float:
    """The share of padding in all tokens that are computed; an empty pass is two tokens of it."""
    lengths = rows.lengths
    own = sum(int(lengths[members].sum()) for members in passes)
    wide = [
        sum(lengths[members]) if setup.packing else len(members) * max(lengths[members])
        for members in passes
        if members
    ]
    return round(1 - own / (int(sum(wide)) + 2 * (len(passes) - len(wide))), 4)


def _state(model: Any, setup: Setup) -> dict[str, torch.Tensor]:
    """The weights that are trained: the adapter's, or all of them."""
    if not setup.full:
        return adapters.adapter_state(model)
    return {name: value.detach().cpu().contiguous() for name, value in sorted(model.state_dict().items())}


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


def save_model(model: PreTrainedModel, folder: Path, setup: Setup) -> None:
    """Write a whole model with its tokenizer as a plain transformers folder, weights last and in one file."""
    beside = Path(setup.scratch) / "saved" / folder.name
    shutil.rmtree(beside, ignore_errors=True)
    model.save_pretrained(beside, max_shard_size="1000GB")
    tokenizer = load.load_tokenizer(load.ModelRef(setup.base, setup.source, setup.revision))
    policy.for_a_folder(tokenizer, setup.template).save_pretrained(beside)
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(beside.iterdir(), key=lambda path: path.suffix == ".safetensors"):
        with path.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(path, folder / path.name)
    shutil.rmtree(beside)
