"""Rollouts whose steps a reward model rates: a tiny classifier with weights of its own, saved and opened as a published one is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoTokenizer, LlamaForSequenceClassification, LlamaForTokenClassification

from journey.catalog import FAMILIES
from journey.config import GenerateSettings, SampleSettings
from journey.errors import UsageError
from journey.generate.asking import models
from journey.generate.asking.models import find_models
from journey.generate.asking.requests import ModelRequest
from journey.generate.run import generate
from journey.models.load import pocket_folder
from journey.schema import Pair, Problem, Tree
from journey_testing.folders import records
from journey_testing.models import tiny_config


def saved(place: Path, kind: Any = LlamaForSequenceClassification, **changes: Any) -> str:
    """A classifier that reads pocket's words; its head is made far from 0, so that ratings differ."""
    tokenizer = AutoTokenizer.from_pretrained(pocket_folder("pocket"))
    config = tiny_config(**{"vocab_size": len(tokenizer), "max_position_embeddings": 512, "num_labels": 1, **changes})
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        model = kind(config)
        torch.nn.init.normal_(model.score.weight, std=2.0)
    model.save_pretrained(place)
    tokenizer.save_pretrained(place)
    return str(place)


def rate(name: str, problem: Problem, *texts: str) -> list[float]:
    """What the model of this folder gives to each beginning of an answer."""
    setup = find_models({"critic": name}, SampleSettings(seed=0), rewards=True, continues="never", oracle=False)
    requests = [ModelRequest("critic", problem, "reward", begun=text, rated=True) for text in texts]
    return [reply.rating for reply in models.OpenModels(setup).answer(requests)]


def pairs_of(out: Path) -> list[Pair]:
    return list(records(out, "pairs", Pair))


COUNTDOWN = FAMILIES.get("countdown")()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    place = tmp_path_factory.mktemp("rewards")
    name = saved(place / "reward")
    settings = GenerateSettings(
        family=["countdown@1"], method=["rollouts"], policy="pocket", critic=name, pairs=3,
        options={"rollouts": {"score": "reward", "width": 3}},
    )  # fmt: skip
    return name, generate(settings, place / "out", workers=1)


class TestARun:
    def test_pairs_come_of_it_and_say_who_rated(self, folder: tuple[str, Path]) -> None:
        name, out = folder
        pairs = pairs_of(out)
        assert len(pairs) == 3
        for pair in pairs:
            assert pair.provenance["critic"]["name"] == Path(name).name or pair.provenance["critic"]["name"] == name
            assert "reward" not in pair.provenance.get("prompts", {}), "a classifier is asked in no words of ours"

    def test_scores_of_the_tree_are_what_the_model_gives(self, folder: tuple[str, Path]) -> None:
        name, out = folder
        trees = list(records(out, "trees", Tree))
        found = [(tree, node) for tree in trees for node in tree.nodes if node.score is not None]
        assert len({node.score for _, node in found}) > 3
        tree = trees[0]
        first = next(node for node in tree.nodes if node.score is not None and node.parent == 0)
        move = next(segment for segment in pairs_of(out)[0].journey.segments if segment.node == first.id)
        assert move.brief.startswith(f"try {first.text} left")
        assert rate(name, tree.problem, move.brief) == pytest.approx([first.score], abs=2e-4)


class TestReading:
    def test_the_end_of_a_text_counts_where_it_is_too_long(self, tmp_path: Path) -> None:
        name, problem = saved(tmp_path / "reward", max_position_embeddings=64), COUNTDOWN.problem(0, 0, 1)
        long = "try 3 + 4 = 7 left 9 7 . " * 20
        one, other = rate(name, problem, f"{long} 9 - 7 = 2 low .", f"{long} 9 * 7 = 63 high .")
        assert one != other

    def test_two_labels_are_weighed_against_each_other(self, tmp_path: Path) -> None:
        name, problem = saved(tmp_path / "reward", num_labels=2), COUNTDOWN.problem(0, 0, 1)
        rating = rate(name, problem, "try 3 + 4 = 7 left 9 7 .")[0]
        assert rating <= 0.0, "the logarithm of how likely the last label is"

    def test_a_process_reward_model_is_refused_by_name(self, tmp_path: Path) -> None:
        name = saved(tmp_path / "prm", LlamaForTokenClassification, num_labels=2)
        with pytest.raises(UsageError, match="rates every token"):
            rate(name, COUNTDOWN.problem(0, 0, 1), "try 3 + 4 = 7 left 9 7 .")

    def test_a_language_model_is_refused(self) -> None:
        with pytest.raises(UsageError, match="no sequence classifier"):
            rate("pocket", COUNTDOWN.problem(0, 0, 1), "try 3 + 4 = 7 left 9 7 .")
