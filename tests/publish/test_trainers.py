"""The published dataset in other people's trainers, unchanged: TRL's command line, and its stepwise reward trainer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from journey.publish.run import publish
from journey.publish.settings import PublishSettings

ROOT = Path(__file__).resolve().parents[2]
REPO = "tester/three-numbers"
Shell = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def pocket() -> Path:
    from journey.models import load

    return Path(load.find("pocket").source)


@pytest.mark.slow
@pytest.mark.parametrize("config", ["journey", "shortcut"])
def test_trl_sft_from_the_hub(hub: Any, shell: Shell, curated: Path, pocket: Path, tmp_path: Path, config: str) -> None:
    """`trl sft` with TRL's own loading, by Hub id; the embedded base reads the compact view."""
    publish(str(curated), PublishSettings(repo=REPO, view="compact"), out=tmp_path / "out")
    done = shell(
        "-m", "trl.cli.main", "sft", "--model_name_or_path", pocket, "--dataset_name", REPO, "--dataset_config", config,
        "--max_length", "512", "--max_steps", "3", "--per_device_train_batch_size", "4", "--logging_steps", "1",
        "--use_cpu", "true", "--bf16", "false", "--report_to", "none", "--output_dir", tmp_path / "trained",
        "--learning_rate", "1e-3",
    )  # fmt: skip
    said = done.stdout + done.stderr
    assert "Mismatch between tokenized prompt" not in said, "the prompt is no prefix of prompt and completion"
    assert (tmp_path / "trained" / "model.safetensors").is_file()
    state = json.loads((tmp_path / "trained" / "checkpoint-3" / "trainer_state.json").read_bytes())
    losses = [entry["loss"] for entry in state["log_history"] if "loss" in entry]
    assert len(losses) == 3 and losses[-1] < losses[0]


@pytest.mark.slow
def test_trl_sft_on_conversations_in_the_folder(shell: Shell, curated: Path, pocket: Path, tmp_path: Path) -> None:
    """The same on the folder, without a network, in the default view: conversations through a chat template."""
    (told,) = publish(str(curated), PublishSettings(repo=REPO), out=tmp_path / "out", dry_run=True)
    template = tmp_path / "template.jinja"
    template.write_text(
        "{% for m in messages %}{{ m['content'] + (eos_token if m['role'] == 'assistant' else ' ') }}{% endfor %}"
    )
    shell(
        "-m", "trl.cli.main", "sft", "--model_name_or_path", pocket, "--dataset_name", told["folder"],
        "--dataset_config", "journey", "--chat_template_path", template, "--max_length", "512", "--max_steps", "2",
        "--per_device_train_batch_size", "4", "--use_cpu", "true", "--bf16", "false", "--report_to", "none",
        "--output_dir", tmp_path / "trained",
        HF_HUB_OFFLINE="1",
    )  # fmt: skip
    assert (tmp_path / "trained" / "model.safetensors").is_file()


PRM = """
import sys
from datasets import load_dataset
from transformers import AutoModelForTokenClassification, AutoTokenizer
from trl.experimental.prm import PRMConfig, PRMTrainer

folder, base, out = sys.argv[1:]
tokenizer = AutoTokenizer.from_pretrained(base)
model = AutoModelForTokenClassification.from_pretrained(base, num_labels=2)
rows = load_dataset(folder, "stepwise", split="train").select(range(16))
# The embedded base splits at blanks and has no word for a line break, so a full stop ends a step.
asked = PRMConfig(
    output_dir=out, max_steps=3, per_device_train_batch_size=4, logging_steps=1, max_length=512, step_separator=" .",
    use_cpu=True, bf16=False, report_to="none", learning_rate=1e-3, save_strategy="no",
)
trainer = PRMTrainer(model=model, args=asked, processing_class=tokenizer, train_dataset=rows)
labels = [label for row in trainer.train_dataset for label in row["labels"] if label != -100]
trainer.train()
losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
print("STEPS", len(labels), sum(labels), len(losses))
"""


@pytest.mark.slow
def test_trl_stepwise_reward_trainer(shell: Shell, curated: Path, pocket: Path, tmp_path: Path) -> None:
    """PRMTrainer, which TRL had until 1.13, on `stepwise` as it is: every step's label is trained on."""
    trl = Path(os.environ.get("JOURNEY_TRL_PRM", ROOT / "build" / "trl-prm"))
    if not (trl / "trl" / "experimental" / "prm").is_dir():
        pytest.skip("no TRL with PRMTrainer here: make build/trl-prm (the trainer left TRL in 1.14)")
    (told,) = publish(str(curated), PublishSettings(repo=REPO, view="compact"), out=tmp_path / "out", dry_run=True)
    script = tmp_path / "prm.py"
    script.write_text(PRM)
    done = shell(script, told["folder"], pocket, tmp_path / "prm", HF_HUB_OFFLINE="1", PYTHONPATH=str(trl))
    steps, right, logged = map(int, done.stdout.split("STEPS")[1].split())
    from journey.publish.tables import parquet

    rows = [
        row
        for _, row in zip(
            range(16), parquet.read_rows(sorted(Path(told["folder"]).glob("stepwise/train-*"))), strict=False
        )
    ]
    assert steps == sum(len(row["labels"]) for row in rows)
    assert right == sum(sum(row["labels"]) for row in rows) < steps
    assert logged == 3


@pytest.mark.slow
def test_load_dataset_from_the_hub(hub: Any, shell: Shell, curated: Path, tmp_path: Path) -> None:
    """`datasets` by id: every config, whole and streamed, by tag; and again from its cache with the Hub gone."""
    publish(str(curated), PublishSettings(repo=REPO), out=tmp_path / "out")
    code = (
        "import sys; from datasets import load_dataset, get_dataset_config_names\n"
        f"print(get_dataset_config_names({REPO!r}, revision='v1'))\n"
        "for config in sys.argv[1:]:\n"
        f"    found = load_dataset({REPO!r}, config, revision='v1')\n"
        f"    first = next(iter(load_dataset({REPO!r}, config, revision='v1', split='train', streaming=True)))\n"
        "    assert first == found['train'][0], config\n"
        "    print(config, *(len(found[s]) for s in ('train', 'dev', 'test')))\n"
    )
    configs = ("journey", "shortcut", "pairs", "trees", "stepwise")
    done = shell("-c", code, *configs)
    assert done.stdout.splitlines()[0] == str(list(configs))
    assert done.stdout.splitlines()[1:] == [f"{c} 46 4 10" for c in configs[:4]] + ["stepwise 92 8 20"]
    again = f"from datasets import load_dataset; print(len(load_dataset({REPO!r}, 'journey', revision='v1')['train']))"
    assert shell("-c", again, HF_HUB_OFFLINE="1").stdout.split()[-1] == "46"


def test_the_shell_fixture_talks_to_the_loopback_hub(hub: Any, shell: Shell) -> None:
    done = shell("-c", "from huggingface_hub import HfApi; print(HfApi().whoami()['name'])")
    assert done.stdout.strip() == "tester" and sys.executable
