"""The reference engine: TRL's SFTTrainer, one run at a time; also the way to full fine-tuning and to several GPUs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from journey.catalog import ENGINES
from journey.finetune.rows.rows import Rows
from journey.finetune.runs import Run
from journey.finetune.training.protocol import LABELS, Report, Setup, Trained


@ENGINES.add(
    "trl",
    together=False,
    settings=(
        "micro_batch",
        "full",
        "processes",
        "packing",
        "attention",
        "liger",
        "report_to",
        "lora_options",
        "checkpointing",
        "deterministic",
        "workers",
    ),
    also="full fine-tuning, several processes a run, packing, liger, reporters, quantised bases",
)
def train(runs: Sequence[Run], data: Mapping[str, Rows], setup: Setup, report: Report) -> Iterator[Trained]:
    """TRL's SFTTrainer with PEFT, one run at a time; several side by side in processes of one thread."""
    for run in runs:
        if setup.processes > 1:
            from journey.finetune.training.distributed import train as train_run
        else:
            from journey.finetune.training.one_run import train_run  # torch, transformers and TRL: seconds to import
        yield train_run(run, data[run.kind], setup, report)


def labels(rows: Rows, members: list[int], pad: int) -> list[list[int]]:
    """The labels (row, token) of a forward pass on these rows, IGNORED where a token is not trained on."""
    from journey.finetune.training.batches import collate

    return collate(rows, members, pad)["labels"].tolist()


LABELS["trl"] = labels
