"""The curate stage: pairs in, pairs that every rule lets pass out, split by problem, with a ledger of what was dropped.

    journey curate data/runs/countdown --out data/runs/curated --benchmarks countdown@1

Each rule judges a whole shard before the next one sees what is left, and a pair is dropped, with both its halves, by the
first rule that objects. Output depends on the input pairs, their order and the settings alone; an interrupted run is
judged again from the start, which is quick, and ends byte-identical.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from journey import console
from journey.answers.checker import CHECKER_VERSION
from journey.catalog import FILTERS, revisions
from journey.config import CurateSettings
from journey.curate.item import Item
from journey.curate.ledger import Funnel, LedgerFile, ledger_line
from journey.curate.rules import BoundFilter, Context, bind, resolve_options
from journey.errors import PartialError, UsageError
from journey.formats.curation import LEDGER, LedgerLine
from journey.formats.files import read_lines
from journey.formats.folders import GeneratedFolder, open_finished
from journey.formats.marks import Timing
from journey.models import places
from journey.schema import Pair, Tree
from journey.splits import SPLITS, Split, split_of
from journey.store import ROWS_PER_SHARD, Folder


def curate(sources: Path | Sequence[Path], settings: CurateSettings, out: Path) -> Path:
    """Filter the pairs of finished generate folders, in the order given, and return the finished folder.

    Raises UsageError for unknown names, unfinished folders or a folder that holds another run, and PartialError
    where a source's bytes are damaged.
    """
    folders = [Path(sources)] if isinstance(sources, str | Path) else [Path(source) for source in sources]
    opened = [open_finished(folder, "generate") for folder in folders]
    options = resolve_options(settings)
    context = Context(settings, _per_problem(opened))
    config = {
        **settings.model_dump(mode="json"),
        "base": None if settings.base is None else places.label(settings.base),
        "options": options,
        "benchmarks": [_placeless(spec) for spec in settings.benchmarks],
        "per_problem": context.per_problem,
        "checker": CHECKER_VERSION,
        **revisions((FILTERS, options)),
    }
    if settings.attempts is not None:
        config["attempts"] = Path(settings.attempts).name  # the hash says which, wherever they lie
        config["policy"] = context.sampled.policy(settings.policy) if context.sampled is not None else None
    if settings.template is not None:
        config["template"] = Path(settings.template).name  # the hash says which, wherever it lies
    inputs = {f"generate {number}": folder.sha256 for number, folder in enumerate(opened)}
    if places.place(settings.base) is not None and context.model is not None:
        inputs["base"] = places.weights_digest(context.model)
    with Folder.open(out, "curate", config, inputs={**inputs, **context.inputs()}, seed=settings.seed) as folder:
        folder.base_place = places.place(settings.base)
        if not folder.finished:
            _run(folder, opened, context, options)
    return Path(out)


def _placeless(spec: str) -> str:
    """A benchmark without the folder of its file: the hash of its questions says which bytes were meant."""
    name, equals, file = spec.partition("=")
    return f"{name}={Path(file).name}" if equals else spec


def _per_problem(sources: Sequence[GeneratedFolder]) -> int | None:
    """The most trees of one problem that any source was asked for."""
    numbers = [source.per_problem for source in sources]
    known = [number for number in numbers if number is not None]
    return max(known) if known and len(known) == len(numbers) else None


def _run(
    folder: Folder, sources: Sequence[GeneratedFolder], context: Context, options: dict[str, dict[str, Any]]
) -> None:
    started = time.time()
    rules = bind(options, context)
    funnel = Funnel(options)
    writer = _SplitWriter(folder)
    shards = [both for source in sources for both in source.aligned()]
    known = not context.settings.attempts
    with console.progress("curate", len(shards)) as bar, LedgerFile(folder.path(LEDGER)) as ledger:
        for pairs, trees in shards:
            items = list(_items(pairs, trees))
            known = known or any(item.pair.problem.id in context.pass_rates for item in items)
            kept, lines = judge(items, rules, funnel)
            ledger.add(lines)
            for item in kept:
                split = split_of(item.pair.problem)
                funnel.keep(item, split)
                writer.add(split, context.with_rate(item.pair))
            bar.advance(detail=f"{funnel.totals().kept} kept")
    if not known:
        raise UsageError(
            f"none of these pairs is of a problem of {context.settings.attempts}", "give attempts at the same problems"
        )
    writer.flush()
    folder.keep(LEDGER)
    funnel.file().write(folder)
    if context.template is not None:
        context.template.write(folder)
    seconds, totals = time.time() - started, funnel.totals()
    if not totals.kept:
        raise UsageError(
            f"no pair of {totals.rows_in} is left ({funnel.reasons() or 'there were none'})",
            f"see {folder.path(LEDGER)}; another --base, or --set RULE.KEY=VALUE, may fit these pairs",
        )
    folder.finish(msgspec.to_builtins(totals), Timing(seconds, totals.rows_in / max(seconds, 1e-9)))
    for rule in rules:
        if rule.note:
            console.note(rule.note)


def judge(items: list[Item], rules: Sequence[BoundFilter], funnel: Funnel) -> tuple[list[Item], list[LedgerLine]]:
    """The items that every rule lets pass, and a ledger line for each of the others, in input order."""
    lines: dict[Item, LedgerLine] = {}
    alive = items
    for rule in rules:
        objections = dict(zip(alive, rule.judge(alive), strict=True))
        dropped = {item: ledger_line(item, rule.name, drops) for item, drops in objections.items() if drops}
        funnel.judged(rule.name, len(alive), dropped.values())
        lines |= dropped
        alive = [item for item in alive if item not in dropped]
    return alive, [lines[item] for item in items if item in lines]


def _items(pairs: Path, trees: Path) -> Iterator[Item]:
    """Pairs joined to their trees by id; the tree at the pair's own place comes first where two have that id."""
    grown = list(read_lines(trees, Tree))
    known = {tree.id: tree for tree in grown}
    for index, pair in enumerate(read_lines(pairs, Pair)):
        tree = grown[index] if index < len(grown) and grown[index].id == pair.tree else known.get(pair.tree)
        if tree is None:
            raise PartialError(f"{pairs}: pair {pair.pair_id} has no tree {pair.tree} in {trees}")
        yield Item(pair, tree)


class _SplitWriter:
    """Collects kept pairs by split and writes a shard whenever one is full."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._rows: dict[Split, list[Pair]] = {split: [] for split in SPLITS}
        self._written: dict[Split, int] = dict.fromkeys(SPLITS, 0)

    def add(self, split: Split, pair: Pair) -> None:
        self._rows[split].append(pair)
        if len(self._rows[split]) == ROWS_PER_SHARD:
            self._write(split)

    def flush(self) -> None:
        for split in SPLITS:
            if self._rows[split]:
                self._write(split)

    def _write(self, split: Split) -> None:
        number, rows = self._written[split], self._rows[split]
        self._folder.write_shard(f"{split}-{number:05d}", {f"{split}/{number:05d}.jsonl": rows}, {"pairs": len(rows)})
        self._rows[split], self._written[split] = [], number + 1
