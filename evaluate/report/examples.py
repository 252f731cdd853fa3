"""The report's example pairs: a few training pairs with the trees that they come from, chosen by rule."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from journey.formats.folders import CuratedFolder, GeneratedFolder
from journey.formats.training_view import TrainingExample
from journey.schema import Pair, Trace, Tree, decode

LOOKED_AT = 1000  # pairs, the first of the training split
SHOWN, PER_KIND = 9, 3  # pairs in all, and of one source and method
MOST_NODES = 60
MOST_CHARACTERS = 6_000  # of one trace


def examples(curated: CuratedFolder, generated: Sequence[GeneratedFolder]) -> Iterator[TrainingExample]:
    """Pairs of the training split, of every source and method in turn: a middling journey, a short and a long one.

    Gives fewer, or none, where the folders do not hold enough.
    """
    pairs = _chosen(list(islice(curated.pairs("train"), LOOKED_AT)))
    trees = _trees(generated, {pair.tree for pair in pairs})
    for pair in pairs:
        yield TrainingExample(pair, trees.get(pair.tree))


def _chosen(pairs: Sequence[Pair]) -> list[Pair]:
    """At most PER_KIND of each source and method, by the number of segments of the journey; mistakes among them."""
    kinds: dict[tuple[str, str], list[Pair]] = {}
    for pair in pairs:
        if max(map(_length, (pair.journey, pair.shortcut))) <= MOST_CHARACTERS:
            kinds.setdefault((pair.problem.source, pair.method), []).append(pair)
    picked = [_spread([p for p in members if p.mistakes] or members) for members in kinds.values()]
    ranked = [(rank, kind, pair) for kind, members in enumerate(picked) for rank, pair in enumerate(members)]
    kept = sorted(ranked, key=lambda each: each[:2])[:SHOWN]
    return [pair for _, _, pair in sorted(kept, key=lambda each: (each[1], each[0]))]


def _length(trace: Trace) -> int:
    return sum(len(segment.text) for segment in trace.segments)


def _spread(members: list[Pair]) -> list[Pair]:
    """A middling, a short and a long journey: the median, the least and the nine-tenths quantile."""
    ordered = sorted(members, key=lambda pair: (len(pair.journey.segments), pair.pair_id))
    ordered = [pair for pair in ordered if len(pair.journey.segments) <= MOST_NODES] or ordered[:1]
    last = len(ordered) - 1
    places = dict.fromkeys((last // 2, 0, last * 9 // 10))
    return [ordered[index] for index in places][:PER_KIND]


def _trees(generated: Sequence[GeneratedFolder], wanted: set[str]) -> dict[str, Tree]:
    """The trees of those ids; lines are looked at as bytes, since there may be many."""
    trees: dict[str, Tree] = {}
    for folder in generated:
        for path in folder.shards("trees"):
            if len(trees) == len(wanted):
                return trees
            trees.update(_in_shard(path, wanted))
    return trees


def _in_shard(path: Path, wanted: set[str]) -> Iterator[tuple[str, Tree]]:
    with path.open("rb") as file:
        for line in file:
            ident = line.removeprefix(b'{"id":"').partition(b'"')[0].decode()
            if ident in wanted:
                yield ident, decode(line, Tree)
