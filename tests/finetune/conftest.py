"""A tiny random base with a word-level tokenizer, real Countdown pairs, and one pair written by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from journey import views
from journey.schema import Pair, Problem, Trace
from journey.store import Folder
from journey_testing import models
from journey_testing.pairs import pairs_of


def countdown_pairs(count: int, split: str = "train", start: int = 0) -> list[Pair]:
    """Pairs of the first level and of one split, in the order of the family's stream."""
    return pairs_of("countdown", "search", count, split=split, start=start)


def write_curated(folder: Path, pairs: list[Pair], dev: Iterable[Pair] = ()) -> Path:
    """A finished curate folder with these training and dev pairs."""
    with Folder.open(folder, "curate", {}) as made:
        made.write_shard(0, {"train/00000.jsonl": pairs, "dev/00000.jsonl": list(dev)})
        made.finish({"train": len(pairs)})
    return folder


def all_words(pairs: Iterable[Pair]) -> list[str]:
    """Every word that the compact and the think view of the pairs use."""
    words: dict[str, None] = {}
    for pair in pairs:
        for view in views.VIEWS:
            texts = [views.prompt(pair.problem, view)]
            texts += [views.render(trace, view).text for trace in (pair.shortcut, pair.journey)]
            words.update(dict.fromkeys(word for text in texts for word in text.split()))
    return sorted(words)


@pytest.fixture(scope="session")
def words_of() -> Callable[[Iterable[Pair]], list[str]]:
    """`words_of(pairs)`."""
    return all_words


@pytest.fixture(scope="session")
def word_tokenizer() -> Callable[..., Any]:
    """`word_tokenizer(words, pad="<pad>", template=None)`, for rows of at most 512 tokens."""
    return partial(models.word_tokenizer, model_max_length=512)


@pytest.fixture(scope="session")
def pairs() -> list[Pair]:
    """24 Countdown pairs."""
    return countdown_pairs(24)


@pytest.fixture(scope="session")
def many_pairs() -> list[Pair]:
    """200 Countdown pairs."""
    return countdown_pairs(200)


@pytest.fixture(scope="session")
def pocket() -> Any:
    """The embedded base's tokenizer."""
    from journey.models import load

    return load.load_tokenizer(load.find("pocket"))


@pytest.fixture(scope="session")
def dev_pairs() -> list[Pair]:
    """6 Countdown pairs of the dev split."""
    return countdown_pairs(6, "dev")


@pytest.fixture(scope="session")
def other_pairs() -> list[Pair]:
    """12 further training pairs."""
    return countdown_pairs(12, start=1000)


@pytest.fixture(scope="session")
def curated(pairs: list[Pair], dev_pairs: list[Pair], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pairs as a finished curate folder."""
    return write_curated(tmp_path_factory.mktemp("data") / "curated", pairs, dev_pairs)


@pytest.fixture(scope="session")
def other_curated(other_pairs: list[Pair], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Further pairs as a finished curate folder, to warm up on."""
    return write_curated(tmp_path_factory.mktemp("data") / "other", other_pairs)


@pytest.fixture(scope="session")
def base(
    pairs: list[Pair], dev_pairs: list[Pair], other_pairs: list[Pair], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A random Llama of two layers whose vocabulary is that of the pairs in the compact view."""
    pairs = [*pairs, *dev_pairs, *other_pairs]
    compact = {word for pair in pairs for word in views.prompt(pair.problem, "compact").split()}
    compact |= {w for p in pairs for t in (p.shortcut, p.journey) for w in views.render(t, "compact").text.split()}
    tokenizer = models.word_tokenizer(sorted(compact), model_max_length=512)
    heads = {"num_attention_heads": 2, "num_key_value_heads": 2}
    shape = {"vocab_size": len(tokenizer), "max_position_embeddings": 512, "tie_word_embeddings": True, **heads}
    return models.save_model(tmp_path_factory.mktemp("models") / "tiny", models.tiny_model(**shape), tokenizer)


@pytest.fixture(scope="session")
def written() -> Pair:
    """2 + 3 + 4 with one mistake, noticed at once."""
    problem = Problem("p1", "How much is 2 + 3 + 4?", "9", "by hand", brief="use 2 3 4 :")
    shortcut = views.lay_out(
        [
            ("step", "2 + 3 = 5.", "2 + 3 = 5 .", 1),
            ("step", " 5 + 4 = 9.", "5 + 4 = 9 .", 2),
            ("answer", "The answer is \\boxed{9}.", "\\boxed{ 9 }", 2),
        ]
    )
    journey = views.lay_out(
        [
            ("mistake", "2 + 3 = 6.", "2 + 3 = 6 .", 3),
            ("notice", " No, 6 - 3 is not 2.", "no .", 3),
            ("correction", " 2 + 3 = 5.", "2 + 3 = 5 .", 1),
            ("step", " 5 + 4 = 9.", "5 + 4 = 9 .", 2),
            ("answer", "The answer is \\boxed{9}.", "\\boxed{ 9 }", 2),
        ]
    )
    return Pair("a1", problem, "t1", "by hand", Trace(shortcut, "9"), Trace(journey, "9"), 1)
