"""The audit's numbers and sentences."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from journey.errors import JourneyError
from journey.finetune import cost
from journey.finetune.planning import audit
from journey.finetune.rows.rows import Rows
from journey.finetune.runs import Run
from journey.finetune.training.protocol import Trained
from journey.formats.finetune import RunCounts
from journey.models import load
from journey.schema import ROLES
from journey_testing.folders import audit_file, run_counts

RUN = Run("journey-s0", "journey", "journey", "examples", 0, 1e-3, pool=2, rows=4, steps=2, warmup_steps=1)
SHAPE = cost.Shape(1000, 900, 100, layers=2, hidden=8, intermediate=16, attention_width=8, vocabulary=50, positions=64)


def rows() -> Rows:
    """Two rows of 5 and 7 tokens with prompts of 2; the rest is mistake, step, answer, answer (and 2 steps more)."""
    mistake, step, answer = (ROLES.index(role) for role in ("mistake", "step", "answer"))
    roles = [-1, -1, mistake, step, answer, -1, -1, mistake, step, step, step, answer]
    weights = [0.0 if role == -1 else 1.0 for role in roles]
    return Rows(
        ("p1", "p2"),
        np.arange(12, dtype=np.int32),
        np.array(weights, dtype=np.float32),
        np.array(roles, dtype=np.int8),
        np.array([0, 5, 12]),
        np.array([2, 2]),
    )


def test_counts_of_a_run() -> None:
    counted = audit.count(RUN, rows(), SHAPE, 2)
    assert (counted.rows, counted.problems, counted.epochs, counted.steps) == (4, 2, 2.0, 2)
    assert (counted.supervised_tokens, counted.total_tokens) == (2 * 8, 2 * 12)
    assert counted.completion_tokens_p995 == 5
    assert counted.answer_share == 0.25
    assert counted.correct_path_share == 0.5
    # Two epochs of rows of 5 and 7 tokens: per token 4 * 900 + 6 * 100, attention 12 * layers * width * t(t+1)/2.
    assert counted.flops == 2 * (12 * 4200 + 12 * 2 * 8 * (5 * 6 // 2 + 7 * 8 // 2))


def test_shape_of_a_base_counts_what_is_multiplied(base: Path) -> None:
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    shape = cost.shape_of(load.find(str(base)), 4)
    model = AutoModelForCausalLM.from_pretrained(base)
    assert shape.parameters == sum(weight.numel() for weight in model.parameters())
    linear = [module for module in model.modules() if isinstance(module, torch.nn.Linear)]
    assert shape.linear == sum(module.weight.numel() for module in linear)
    adapted = get_peft_model(model, LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM"))
    assert shape.lora == sum(weight.numel() for weight in adapted.parameters() if weight.requires_grad)
    assert (shape.layers, shape.hidden, shape.attention_width, shape.positions) == (2, 32, 32, 512)


def counted(arm: str, **changes: float) -> RunCounts:
    facts = {"rows": 100, "problems": 100, "steps": 10, "supervised_tokens": 5000, "total_tokens": 6000, "lr": 1e-3}
    return run_counts(f"{arm}-s0", arm, **(facts | changes))


def test_equal_and_different_in_words() -> None:
    equal, differs = audit.compare([counted("a"), counted("b", supervised_tokens=5020, steps=30)])
    assert "problems: 100 in a, b" in equal
    assert "supervised tokens: 5,000 to 5,020 in a, b" in equal
    assert differs == ["optimiser steps: a 10, b 30"]


def test_a_percent_is_a_difference() -> None:
    _, differs = audit.compare([counted("a"), counted("b", supervised_tokens=5050)])
    assert differs == ["supervised tokens: a 5,000, b 5,050"]


def test_runs_of_a_seed_must_have_started_alike() -> None:
    runs = [RUN, Run("b-s0", "b", "b", "examples", 0, 1e-3, 2, 4, 2, 1)]
    alike = {run.run: Trained(run.run, "ab" * 16, "cd" * 16, 1.0, 1.0, "cpu", "float32") for run in runs}
    assert audit.verify(runs, alike) == ["seed 0: initial adapter abababababab, row order cdcdcdcdcdcd, in all runs"]
    other = {**alike, "b-s0": Trained("b-s0", "ff" * 16, "cd" * 16, 1.0, 1.0, "cpu", "float32")}
    with pytest.raises(JourneyError, match="did not start from the same"):
        audit.verify(runs, other)


def test_adapters_start_alike_at_one_rank_and_rows_have_one_order_at_one_size() -> None:
    def run(name: str, **facts: int) -> Run:
        return Run(name, name, name, "examples", 0, 1e-3, pool=2, rows=4, steps=2, warmup_steps=1, **facts)  # type: ignore[arg-type]

    def done(name: str, initial: str, order: str) -> Trained:
        return Trained(name, initial * 16, order * 16, 1.0, 1.0, "cpu", "float32")

    runs = [run("a", rank=8), run("b", rank=8), run("c", rank=4, pairs=9), run("d", rank=8, pairs=9)]
    trained = {
        "a": done("a", "ab", "cd"),
        "b": done("b", "ab", "cd"),
        "c": done("c", "11", "22"),
        "d": done("d", "ab", "22"),
    }
    (said,) = audit.verify(runs, trained)
    assert "abababababab (rank 8), 111111111111 (rank 4)" in said and "222222222222 (pairs 9)" in said
    with pytest.raises(JourneyError, match="did not start from the same"):
        audit.verify(runs, {**trained, "d": done("d", "ab", "33")})
    with pytest.raises(JourneyError, match="did not start from the same"):
        audit.verify(runs, {**trained, "b": done("b", "ac", "cd")})


def test_many_arms_are_shown_a_few_at_a_time() -> None:
    made = audit_file(counted(f"longer-name-{n}") for n in range(9))
    out = io.StringIO()
    Console(file=out, width=80).print(*audit.tables(made))
    assert max(map(len, out.getvalue().splitlines())) <= 80
    assert all(f"longer-name-{n}" in out.getvalue() for n in range(9))


def test_the_table_fits_a_terminal() -> None:
    made = audit_file([counted("shortcut@tokens", rows=300), counted("journey")])
    out = io.StringIO()
    Console(file=out, width=80).print(*audit.tables(made))
    lines = out.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    assert any("supervised tokens" in line and line.count("5,000") == 2 for line in lines)
    assert not any("\u2026" in line for line in lines)


def test_memory_is_near_what_was_measured() -> None:
    """SmolLM2-135M in float32 on a CPU, rank 16, one forward pass of 4 rows of 621 tokens: 9.96 GB at the peak."""
    shape = cost.Shape(134_515_008, 134_479_872, 4_884_480, 30, 576, 1536, 576, 49_152, 8192)
    assert 0.9 < cost.memory(shape, tokens=4 * 621, weight_bytes=4, recompute=False) / 9.96e9 < 1.15


def test_memory_grows_with_the_forward_pass() -> None:
    small, large = (cost.memory(SHAPE, tokens=tokens, weight_bytes=4, recompute=False) for tokens in (100, 1000))
    assert small < large
    assert cost.memory(SHAPE, tokens=1000, weight_bytes=4, recompute=True) < large
