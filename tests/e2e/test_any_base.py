"""Bases of other kinds through all stages: a recurrent one whose chat template opens the thinking part."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from journey import views
from journey.config import CurateSettings, EvaluateSettings, FinetuneSettings, GenerateSettings
from journey.formats.folders import open_finished
from journey.models import load, template
from journey_testing import templates
from journey_testing.families import family
from journey_testing.models import byte_tokenizer, save_model
from journey_testing.pairs import pairs_of

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hybrid of linear and full attention with the template of a distilled reasoning base."""
    pairs = pairs_of("countdown", "search", 12)
    texts = [views.prompt(p.problem, "think") + views.render(p.journey, "think").text for p in pairs]
    named = {"eos_token": "<|end|>", "pad_token": "<pad>", "bos_token": "<bos>", "model_max_length": 4096}
    tokenizer = byte_tokenizer(texts, 600, special=templates.SPECIAL, **named)
    tokenizer.chat_template = templates.DATED.replace(templates.CHATML, templates.DISTILLED)
    shape = {"vocab_size": 600, "max_position_embeddings": 4096, "eos_token_id": 2}
    return save_model(tmp_path_factory.mktemp("base") / "any", family("qwen3_5_text", **shape), tokenizer)


def test_prompts_are_the_same_from_curation_to_the_exported_model(base: Path, tmp_path: Path) -> None:
    from journey.curate import run as curation
    from journey.evaluate import run as evaluation
    from journey.finetune import run as training
    from journey.finetune.planning.prepare import prepare
    from journey.generate import run as generation
    from journey.publish.export import export

    made = generation.generate(GenerateSettings(family=["countdown"], pairs=24), tmp_path / "g")
    curated = curation.curate(made, CurateSettings(base=str(base), template_date="2024-07-26"), tmp_path / "c")
    asked: dict[str, Any] = {"arms": ["shortcut", "journey"], "seeds": 1, "max_steps": 2, "rows_per_step": 4, "rank": 2}
    trained = training.finetune(curated, FinetuneSettings(workers=1, **asked), tmp_path / "f")
    folders = open_finished(curated, "curate"), open_finished(trained, "finetune")
    policies = [folder.template for folder in folders]
    assert policies[0] == policies[1] is not None and policies[1].opened and policies[1].date == "2024-07-26"
    probed = folders[1].audit.probe
    assert probed is not None and probed.clock and "6 of 6" in probed.sampler

    settings = EvaluateSettings(
        benchmarks=["countdown@1"],
        limit=3,
        max_new_tokens=24,
        workers=1,
        strategy=["greedy", "budget-wait", "budget-cap"],
    )
    scored = evaluation.evaluate(trained, settings, tmp_path / "e")
    samples = [json.loads(line) for line in next(scored.glob("samples/*/*/greedy/*.jsonl")).read_text().splitlines()]
    assert all(sample["text"].startswith(views.THINK_OPEN) for sample in samples)

    setup = prepare(folders[0], FinetuneSettings(base=str(base), **asked))
    rows, pair = setup.data["journey"], next(folders[0].pairs("train"))
    prompt = rows.ids[rows.at(0)][: rows.prompts[0]].tolist()
    export(str(trained / "journey-s0"), merge=tmp_path / "merged")
    merged = load.load_tokenizer(load.find(str(tmp_path / "merged")))
    assert template.prompt_ids(merged, pair.problem, "think") == prompt
    assert "26 Jul 2024" in str(merged.decode(prompt))
