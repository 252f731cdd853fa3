"""An adapter on a base whose weights lie in four bits, trained and then loaded as evaluate does."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from journey.catalog import ARMS, ENGINES
from journey.config import FinetuneSettings
from journey.finetune.planning import abilities
from journey.finetune.rows.rows import encode
from journey.finetune.runs import Run
from journey.finetune.training.protocol import Setup
from journey.models import load
from journey.models.load import adapted
from journey.schema import Pair

pytest.importorskip("bitsandbytes", reason="bitsandbytes is not installed: pip install 'journey-learning[quantised]'")
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")


def test_a_base_in_four_bits(base: Path, pairs: list[Pair], tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    four = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.float32)
    model = AutoModelForCausalLM.from_pretrained(base, quantization_config=four, device_map={"": "cpu"})
    model.save_pretrained(tmp_path / "four")
    load.load_tokenizer(load.find(str(base))).save_pretrained(tmp_path / "four")
    ref = load.find(str(tmp_path / "four"))
    assert load.quantisation(ref) == "bitsandbytes"
    abilities.check_layers(ref, FinetuneSettings(base=ref.name, rank=4, engine="trl"))
    rows = encode(pairs, ARMS.get("journey")(), load.load_tokenizer(ref), "compact")
    run = Run("journey-s0", "journey", "journey", "examples", 0, 1e-2, 24, 24, 4, 0, 4, 64)
    setup = Setup("trl", "four", ref.source, None, 6, 3, 512, str(tmp_path), str(tmp_path / "s"))
    heard: list[float] = []
    ENGINES.load()
    (trained,) = ENGINES.get("trl")([run], {"journey": rows}, setup, lambda name, step, loss: heard.append(loss))
    assert len(heard) == 4 and heard[-1] < heard[0] - 0.05
    loaded = load.load_model(ref, device="cpu")
    ids = torch.from_numpy(rows.ids[rows.at(0)].astype("int64"))[None]
    with torch.inference_mode():
        before = loaded(input_ids=ids).logits
        with adapted(loaded, tmp_path / "journey-s0") as model:
            assert model.is_loaded_in_4bit  # not merged, which would round the adapter away
            assert (model(input_ids=ids).logits - before).abs().max() > 0.1
        assert torch.equal(loaded(input_ids=ids).logits, before)
    assert trained.initial
