"""Pairs made by the catalogs, a tiny base that carries their terse notation, and finished generate folders of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from journey.config import CurateSettings
from journey.curate.item import Item
from journey.curate.rules import Context
from journey.store import Folder
from journey.views import prompt, render
from journey_testing.models import word_tokenizer
from journey_testing.pairs import made

POSITIONS = 512


def items(family: str, method: str, count: int) -> list[Item]:
    """The first pairs of a family and method with their trees, each of another problem."""
    return [Item(one.pair, one.tree) for one in made(family, method, count)]


@pytest.fixture(scope="session")
def searches() -> list[Item]:
    """Countdown pairs by search."""
    return items("countdown", "search", 40)


@pytest.fixture(scope="session")
def slips() -> list[Item]:
    """Arithmetic pairs with slips."""
    return items("arithmetic", "slips", 40)


@pytest.fixture(scope="session")
def base(searches: list[Item], slips: list[Item], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder whose word-level tokenizer knows every word of the pairs' compact view."""
    words: dict[str, None] = {}
    for item in [*searches, *slips]:
        texts = [render(trace, "compact").text for trace in (item.pair.shortcut, item.pair.journey)]
        words |= dict.fromkeys(" ".join([prompt(item.pair.problem, "compact"), *texts]).split())
    tokenizer, folder = word_tokenizer(words), tmp_path_factory.mktemp("base")
    tokenizer.save_pretrained(folder)
    config = {"model_type": "llama", "max_position_embeddings": POSITIONS, "vocab_size": len(tokenizer)}
    (folder / "config.json").write_text(json.dumps(config))
    save_file({"unused": torch.zeros(1)}, folder / "model.safetensors")
    return folder


@pytest.fixture(scope="session")
def context(base: Path) -> Context:
    """What the filters of a run on that base may ask."""
    return Context(CurateSettings(base=str(base), view="compact"))


@pytest.fixture(scope="session")
def generated() -> Callable[..., Path]:
    """`generated(path, items, per_problem=1, shard=20)`: a finished generate folder that holds these pairs."""

    def write(path: Path, items: Sequence[Item], *, per_problem: int = 1, shard: int = 20) -> Path:
        with Folder.open(path, "generate", {"per_problem": per_problem}) as folder:
            for key, first in enumerate(range(0, len(items), shard)):
                part = items[first : first + shard]
                files: dict[str, Iterable[Any]] = {
                    f"pairs/{key:05d}.jsonl": [item.pair for item in part],
                    f"trees/{key:05d}.jsonl": [item.tree for item in part],
                }
                folder.write_shard(key, files, {"pairs": len(part)})
            folder.finish({"pairs": len(items)})
        return path

    return write
