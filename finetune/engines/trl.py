"""TRL's SFTTrainer with a PEFT adapter, one run at a time: the reference engine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from journey.catalog import ENGINES
from journey.finetune.jobs import Report, Setup, Trained
from journey.finetune.runs import Run
from journey.finetune.tokens import Rows


@ENGINES.add("trl", together=False)
def train(runs: Sequence[Run], data: Mapping[str, Rows], setup: Setup, report: Report) -> Iterator[Trained]:
    """TRL's SFTTrainer with PEFT, one run at a time; several side by side in processes of one thread."""
    from journey.finetune.sft import train_run  # torch, transformers and TRL: seconds to import

    for run in runs:
        yield train_run(run, data[run.kind], setup, report)
