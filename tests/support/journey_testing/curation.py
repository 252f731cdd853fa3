"""Sound pairs, ways of damaging them, and the law that every test file of a filter keeps: each of its reasons is provoked."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from msgspec.structs import replace

from journey.catalog import FILTERS
from journey.curate.item import Half, Item
from journey.curate.rules import Context, bind, resolve_options
from journey.schema import Node, Segment, Trace
from journey.store import Folder
from journey.views import prompt, render
from journey_testing.models import word_tokenizer
from journey_testing.pairs import made

POSITIONS = 512
Sound = Mapping[str, Item]  # a sound pair of each method, by the method's name
Damage = Callable[[Sound], Item]


def items(family: str, method: str, count: int) -> list[Item]:
    """The first pairs of a family and method with their trees, each of another problem."""
    return [Item(one.pair, one.tree) for one in made(family, method, count)]


def sound_pairs(searches: Iterable[Item], slips: Iterable[Item]) -> Sound:
    """One pair of each method that has all kinds of segments."""
    kinds = {"mistake", "consequence", "correction"}
    return {
        "search": next(each for each in searches if kinds <= _roles(each)),
        "slips": next(each for each in slips if kinds | {"step"} <= _roles(each)),
    }


def _roles(item: Item) -> set[str]:
    return {each.role for each in item.pair.journey.segments}


def word_base(folder: Path, kept: Iterable[Item]) -> Path:
    """A model folder whose word-level tokenizer knows every word of the pairs' compact view; its weights are one zero."""
    import torch
    from safetensors.torch import save_file

    words: dict[str, None] = {}
    for item in kept:
        texts = [render(trace, "compact").text for trace in (item.pair.shortcut, item.pair.journey)]
        words |= dict.fromkeys(" ".join([prompt(item.pair.problem, "compact"), *texts]).split())
    tokenizer = word_tokenizer(words)
    tokenizer.save_pretrained(folder)
    config = {"model_type": "llama", "max_position_embeddings": POSITIONS, "vocab_size": len(tokenizer)}
    (folder / "config.json").write_text(json.dumps(config))
    save_file({"unused": torch.zeros(1)}, folder / "model.safetensors")
    return folder


def write_generated(path: Path, kept: Sequence[Item], *, per_problem: int = 1, shard: int = 20) -> Path:
    """A finished generate folder that holds these pairs."""
    with Folder.open(path, "generate", {"per_problem": per_problem}) as folder:
        for key, first in enumerate(range(0, len(kept), shard)):
            part = kept[first : first + shard]
            files: dict[str, Iterable[Any]] = {
                f"pairs/{key:05d}.jsonl": [item.pair for item in part],
                f"trees/{key:05d}.jsonl": [item.tree for item in part],
            }
            folder.write_shard(key, files, {"pairs": len(part)})
        folder.finish({"pairs": len(kept)})
    return path


# --- damage: a sound pair with one thing changed ----------------------------------------------------------------------


def tree(item: Item, **changes: Any) -> Item:
    """The item with fields of its tree changed."""
    return Item(item.pair, replace(item.tree, **changes))


def pair(item: Item, **changes: Any) -> Item:
    """The item with fields of its pair changed."""
    return Item(replace(item.pair, **changes), item.tree)


def problem(item: Item, **changes: Any) -> Item:
    """The item with fields of its pair's problem changed."""
    return pair(item, problem=replace(item.pair.problem, **changes))


def node(item: Item, pick: Callable[[Node], bool], **changes: Any) -> Item:
    """The item with the first node that fits changed."""
    found = next(each for each in item.tree.nodes if pick(each))
    return tree(item, nodes=tuple(replace(each, **changes) if each is found else each for each in item.tree.nodes))


def trace(item: Item, half: Half, change: Callable[[list[Segment]], list[Segment]]) -> Item:
    """The item with the segments of one half changed."""
    old = item.trace(half)
    new = Trace(tuple(change(list(old.segments))), old.answer, old.answer_brief)
    return pair(item, **{half: new})


def segment(item: Item, half: Half, of: str, /, **changes: Any) -> Item:
    """The item with the first segment of a role changed in one half."""

    def change(segments: list[Segment]) -> list[Segment]:
        place = next(k for k, each in enumerate(segments) if each.role == of)
        return [*segments[:place], replace(segments[place], **changes), *segments[place + 1 :]]

    return trace(item, half, change)


def mistake(each: Node) -> bool:
    """Whether a node is a mistake."""
    return each.role == "mistake"


def right(each: Node) -> bool:
    """Whether a node is a right step that was tried from another one."""
    return each.role in ("step", "correction") and each.verdict == "right" and each.parent is not None


# --- the law ----------------------------------------------------------------------------------------------------------


def reasons(name: str, judged: Iterable[Item], context: Context, options: Mapping[str, Any]) -> set[str]:
    """The reasons of all drops of a filter, with these options, over the items in order."""
    resolved = resolve_options(context.settings.model_copy(update={"options": {name: options}}))
    rule = next(each for each in bind(resolved, context) if each.name == name)
    return {drop.reason for drops in rule.judge(list(judged)) for drop in drops}


class EveryReason:
    """Base of the test class of a filter: `class TestReasons(EveryReason)` with `filter` and `damages`.

    `damages` has for each reason of the filter a way to damage a sound pair so that this reason, and no silence of the
    rule, is the result; `options` the filter's options where a reason needs them.
    """

    filter: ClassVar[str]
    damages: ClassVar[Mapping[str, Damage]]
    options: ClassVar[Mapping[str, Mapping[str, Any]]] = {}

    def pytest_generate_tests(self, metafunc: Any) -> None:
        """One test a reason."""
        if "reason" in metafunc.fixturenames:
            metafunc.parametrize("reason", list(self.damages))

    def before(self, sound: Sound) -> list[Item]:
        """Pairs that are judged before the damaged one."""
        return []

    def prepared(self, context: Context, sound: Sound) -> Context:
        """The run's context: no benchmarks, unless a filter's test gives some."""
        own = Context(context.settings)
        own.questions = {}
        return own

    def test_every_reason_has_its_damage(self) -> None:
        declared = set(FILTERS.entry(self.filter).facts["reasons"])
        missing, unknown = declared - set(self.damages), set(self.damages) - declared
        assert not missing and not unknown, (
            f"{self.filter}: add to `damages` of its test a damaged pair for {sorted(missing) or 'nothing'}; "
            f"not among its reasons: {sorted(unknown) or 'nothing'}"
        )

    def test_each_reason_drops(self, reason: str, sound: Sound, context: Context) -> None:
        """The damaged pair is dropped for its reason (that the sound one is kept is a law over the catalog)."""
        judged = [*self.before(sound), self.damages[reason](sound)]
        found = reasons(self.filter, judged, self.prepared(context, sound), self.options.get(reason, {}))
        assert reason in found, f"the pair damaged for {reason} gives {sorted(found) or 'no drop'}"
