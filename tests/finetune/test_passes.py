"""The passes of a stack: rows laid end to end, operations and waits that do not grow with the runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from journey.finetune.training import passes, stacked
from journey.models.compute import packed
from journey.models.compute.packed import PackedRows, attends_within, can_pack
from journey_testing.counting import Operations, Waits
from journey_testing.models import tiny_model
from journey_testing.runs import VOCABULARY, random_rows, run_of, setup_of

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")
LENGTHS = (3, 17, 1, 9)


def base(kind: str = "llama", **changes: Any) -> Any:
    model = tiny_model(kind, vocab_size=VOCABULARY, **changes)
    for weight in model.parameters():  # random models are so flat that mistakes would hide in them
        weight.data.mul_(3 if weight.ndim == 2 else 1)
    return model


def training(folder: Path, count: int, model: Any = None, **how: Any) -> stacked.Training:
    """A stack of so many runs whose rows are of very unequal lengths."""
    runs = [run_of(f"k{index}", 0, steps=4, rank=8) for index in range(count)]
    data = {run.kind: random_rows(run.kind, 24, 4 + index, 12 + 9 * index) for index, run in enumerate(runs)}
    setup = setup_of("stacked", folder, folder, pass_tokens=1 << 20)
    made = stacked.Training(model or base(), 0, runs, data, setup, lambda *_: None, **how)
    made.model.train()
    return made


# --- packed rows ------------------------------------------------------------------------------------------------------


def hidden(model: Any, rows: list[torch.Tensor], together: PackedRows | None) -> torch.Tensor:
    """Hidden states (token, hidden) of all rows, end to end."""
    decoder = model.get_decoder()
    with torch.no_grad(), attends_within(model, together):
        if together is not None:
            found = decoder(input_ids=torch.cat(rows)[None], position_ids=together.positions, use_cache=False)
            return found.last_hidden_state[0]
        return torch.cat([decoder(input_ids=row[None], use_cache=False).last_hidden_state[0] for row in rows])


@pytest.mark.parametrize("kind", ["llama", "qwen2", "mistral", "qwen3", "gemma3_text"])
def test_packed_rows_do_not_see_one_another(kind: str) -> None:
    """Also where attention slides: the longest row is longer than the window."""
    window = {"gemma3_text": {"sliding_window": 6, "head_dim": 8}}.get(kind, {})
    model = base(kind, **window).double()
    generator = torch.Generator().manual_seed(1)
    rows = [torch.randint(3, VOCABULARY, (length,), generator=generator) for length in LENGTHS]
    assert can_pack(model)
    wanted = hidden(model, rows, None)
    got = hidden(model, rows, PackedRows.of(LENGTHS, "cpu"))
    assert (
        float((got - wanted).abs().max() / wanted.abs().max()) < 1e-5
    )  # norms are in float32 whatever the weights are in
    before = model.config._attn_implementation
    assert before == "sdpa" and hidden(model, rows, None).equal(wanted)  # the model is as before


def test_a_model_that_caps_its_attention_scores_is_not_packed() -> None:
    assert not can_pack(base("gemma2"))


def test_a_model_that_mixes_tokens_beside_attention_is_not_packed(monkeypatch: pytest.MonkeyPatch) -> None:
    model = base()
    norm = model.model.norm
    monkeypatch.setattr(norm, "forward", lambda x: x + x.cumsum(1))  # what a recurrent layer does
    assert not can_pack(model)


@pytest.mark.parametrize("shared", [True, False])
def test_the_kernel_for_packed_rows_takes_what_it_is_given(shared: bool) -> None:
    """Forward and back on tensors without numbers: it has no body for a CPU, where its results cannot be looked at."""
    there = PackedRows.of(LENGTHS, "cpu")
    rows = PackedRows(*(one.to("meta") if isinstance(one, torch.Tensor) else one for one in vars(there).values()))
    total = sum(LENGTHS)
    query = torch.zeros(1, 4, total, 16, dtype=torch.bfloat16, device="meta", requires_grad=True)
    key = torch.zeros(1, 2 if shared else 4, total, 16, dtype=torch.bfloat16, device="meta", requires_grad=True)
    mixed = packed._by_kernel(query, key, key, rows, 0.25, 6)
    assert mixed.shape == (1, total, 4, 16)
    mixed.float().sum().backward()
    assert query.grad is not None and query.grad.shape == query.shape
    assert key.grad is not None and key.grad.shape == key.shape


def test_a_kernel_that_computes_otherwise_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """The padded path decides on the device itself, before the first step: here with kernels made up for a CPU."""
    monkeypatch.setattr(packed, "by_kernel", lambda query: True)

    def kernel(keeps_apart: bool, causal: bool, looks_back: int | None = None) -> Callable[..., torch.Tensor]:
        def attention(query: Any, key: Any, value: Any, rows: PackedRows, scaling: float, *_: Any) -> torch.Tensor:
            row, place = torch.arange(len(rows.places)), rows.positions[0]
            row = torch.searchsorted(rows.ends.long(), row, right=True)
            seen = (row[:, None] == row) if keeps_apart else torch.ones(len(row), len(row), dtype=torch.bool)
            seen &= (torch.arange(len(row))[:, None] >= torch.arange(len(row))) | (not causal)
            if looks_back is not None:
                seen &= place[:, None] - place < looks_back
            mixed = torch.nn.functional.scaled_dot_product_attention(
                query, key, value, attn_mask=seen, scale=scaling, enable_gqa=True
            )
            return mixed.transpose(1, 2)

        return attention

    for made, used in (
        (kernel(True, True), True),
        (kernel(False, True), False),  # rows see the rows before them
        (kernel(True, False), False),  # tokens see those after them
        (kernel(True, True, 8), False),  # not the whole of a long row
    ):
        monkeypatch.setattr(packed, "_by_kernel", made)
        assert can_pack(base()) == used


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 40)), min_size=1, max_size=40), st.integers(1, 200))
def test_filled_passes_hold_every_row_once_within_the_limit(drawn: list[tuple[int, int]], limit: int) -> None:
    units = [passes.Unit(run, (row,), length) for row, (run, length) in enumerate(drawn)]
    filled = passes.fill(units, limit)
    assert sorted(unit for group in filled for unit in group) == sorted(units)
    assert all(len(group) == 1 or sum(unit.length for unit in group) <= limit for group in filled)


@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("grouped", [False, True])
def test_packed_and_padded_steps_are_the_same(grouped: bool, checkpointing: bool, tmp_path: Path) -> None:
    """Losses and weights of two steps, whichever body the products have, recomputed or not."""
    found = {}
    for end_to_end, body in ((False, False), (True, grouped)):
        made = training(tmp_path, 3, packed=end_to_end, grouped=body)
        if checkpointing:
            made.model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        assert made.packed == end_to_end and made.stack.grouped == body
        begun = made.stack.flat.clone()
        made._one_step()
        made._one_step()
        found[end_to_end] = made.stack.flat - begun, [member.progress.points[-1].loss for member in made.members]
        made.stack.remove()
    moved = found[False][0]
    assert float((found[True][0] - moved).norm() / moved.norm()) < 1e-3
    np.testing.assert_allclose(found[True][1], found[False][1], rtol=1e-5)


# --- what a device is told --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("laid_end_to_end", [False, True])
def test_operations_of_a_pass_do_not_grow_with_the_runs(laid_end_to_end: bool, tmp_path: Path) -> None:
    """With 1, 3 and 9 runs of ragged lengths: the same operations, to the last one; so is a step of one pass."""
    counted = {}
    for count in (1, 3, 9):
        made = training(tmp_path / str(count), count, packed=laid_end_to_end, grouped=True)
        made._one_step()
        one = next(made._passes())
        with Operations() as operations:
            if laid_end_to_end:  # where rows are padded, unequal lengths make more passes
                made._one_step()
            else:
                made._backward(one)
        counted[count] = operations.names
        made.stack.remove()
    assert counted[1] == counted[3] == counted[9]
    # two layers of seven matrices with six products each; the first layer's have no input whose gradient is wanted
    assert counted[1]["_grouped_mm.default"] == 2 * 7 * 6 - 3


def test_a_step_waits_for_the_device_once(tmp_path: Path) -> None:
    made = training(tmp_path, 3, packed=True, grouped=True)
    made._one_step()
    with Waits() as waits, Operations() as operations:
        made._one_step()
    assert dict(waits.names) == {"tolist": 1}
    assert operations.names["_local_scalar_dense.default"] == 0


def test_a_step_touches_its_own_rows_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However large the data are: the weights of other rows are not even looked at."""
    made = training(tmp_path, 1)
    rows = made.members[0].rows
    looked = set[int]()
    real: Callable[[Any, int], slice] = type(rows).at

    def at(self: Any, row: int) -> slice:
        looked.add(row)
        return real(self, row)

    monkeypatch.setattr(type(rows), "at", at)
    made._one_step()
    assert looked == set(made.members[0].steps[0])
