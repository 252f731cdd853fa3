"""The dataset bundle: a curated folder as parquet that `load_dataset(FOLDER, "journey")` opens without a network.

    bundle/README.md  journey/train-00000.parquet ...  recipes/  provenance/  manifest.json

One config after the other, split by split, is streamed into shards; an interrupted call goes on after the last whole
shard. `provenance/` holds what is needed to make the curated folder again, byte for byte, from the published tables.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from journey import console
from journey.formats.curation import LEDGER, FunnelFile
from journey.formats.finetune import TemplateFile
from journey.formats.manifest import MANIFEST
from journey.formats.publication import PublishedShard, PublishedShards
from journey.publish.bundle import card_dataset, provenance, reasoning
from journey.publish.bundle.source import BundleSource
from journey.publish.settings import PublishSettings
from journey.publish.tables import columns, parquet
from journey.publish.tables.columns import Config
from journey.splits import SPLITS, Split
from journey.store import Folder

BUNDLE_VERSION = 1
_MADE: tuple[Config, ...] = ("journey", "shortcut", "pairs", "trees", "stepwise")
_BUILD = {
    "repo",
    "view",
    "license",
    "source_license",
    "reasoning_content",
}  # settings that change the bytes of a dataset bundle


def open_folder(source: BundleSource, settings: PublishSettings, out: Path) -> Folder:
    """The bundle's folder, begun, resumed or finished. Raises UsageError if it is in use."""
    config = {"kind": "dataset", "format": BUNDLE_VERSION, **settings.model_dump(mode="json", include=_BUILD)}
    config["licence"] = source.licence.id
    inputs = {"curate": source.curated.sha256}
    inputs |= {f"generate {number}": folder.sha256 for number, folder in enumerate(source.trees)}
    if source.preference.rows:
        inputs["preference"] = source.preference.sha256
    return Folder.open(out, "publish", config, inputs=inputs)


def stage(
    source: BundleSource, settings: PublishSettings, out: Path, *, shard_bytes: int = parquet.SHARD_BYTES
) -> Path:
    """Build the bundle of a curated folder and return it. Resumes; gives the same bytes every time."""
    if settings.reasoning_content:
        reasoning.check(source.curated, settings.view)
    with open_folder(source, settings, out) as folder:
        if not folder.finished:
            rows = _tables(folder, source, settings, shard_bytes)
            _provenance(folder, source)
            for name, text in card_dataset.recipes(settings, rows).items():
                folder.write(f"recipes/{name}", text.encode())
            folder.write("README.md", card_dataset.dataset(source, settings, rows).encode())
            counts = {"rows": rows, "pairs": dict(source.survey.pairs), "sources": dict(source.survey.sources)}
            folder.finish({**counts, "policies": dict(source.survey.policies + source.preference.policies)})
    return out


def _tables(
    folder: Folder, source: BundleSource, settings: PublishSettings, shard_bytes: int
) -> dict[str, dict[str, int]]:
    """Write what is missing of every config and split; gives rows by config and split."""
    rows: dict[str, dict[str, int]] = {}
    splits = [split for split in SPLITS if source.survey.pairs[split]]
    configs: list[Config] = [*_MADE, "preference"] if source.preference.rows else [*_MADE]
    total = sum(source.survey.pairs[split] for split in splits) * len(configs)
    with console.progress("pairs, once a config", total) as bar:
        for config in configs:
            rows[config] = {}
            for split in splits:
                done = 0
                for shard in _table(folder, source, settings, config, split, shard_bytes):
                    bar.advance(shard["items"] - done, f"{config} {split}")
                    done = shard["items"]
                    rows[config][split] = rows[config].get(split, 0) + shard["rows"]
    return {config: {split: n for split, n in by.items() if n} for config, by in rows.items()}


def _table(
    folder: Folder, source: BundleSource, settings: PublishSettings, config: Config, split: Split, shard_bytes: int
) -> Iterator[dict[str, int]]:
    """The counts of every shard of one table, old or new; {"rows", "items" (of the source, so far)}."""
    number = spent = 0
    end = f"{config}-{split}"
    while not folder.missing([f"{end}-{number:05d}"]):
        counts = folder.counts(f"{end}-{number:05d}")
        yield counts
        number, spent = number + 1, counts["items"]
        if counts["last"]:
            return
    wanted = source.survey.pairs[split]
    items = _items(source, settings, config, split, spent)
    schema = columns.schema(config, settings.view, bool(settings.reasoning_content))
    path_of = lambda k: folder.path(f"{config}/{split}-{k:05d}.parquet")
    written = parquet.write_shards(items, schema, path_of, first=number, spent=spent, shard_bytes=shard_bytes)
    for shard in written:
        counts = {"rows": shard.rows, "items": shard.items, "last": shard.items == wanted}
        folder.mark_files(f"{end}-{shard.number:05d}", [f"{config}/{split}-{shard.number:05d}.parquet"], counts)
        yield counts


def _items(
    source: BundleSource, settings: PublishSettings, config: Config, split: Split, spent: int
) -> Iterator[list[dict[str, Any]]]:
    """The rows that every pair of a split gives, the first `spent` pairs left out."""
    if config in columns.NEEDS_TREE:
        for pair, tree in provenance.joined(source.curated, source.trees, split, spent):
            yield columns.rows_of(config, pair, tree, settings.view)
        return
    for pair in provenance.read(source.curated, split, spent):
        if config == "preference":
            yield source.preference.of(pair, settings.view)
        else:
            yield columns.rows_of(config, pair, None, settings.view, bool(settings.reasoning_content))


def _provenance(folder: Folder, source: BundleSource) -> None:
    """Manifests, ledger and funnel as they are, and the rows of every shard of the curated folder."""
    curated = source.curated
    folder.write(f"provenance/curate/{MANIFEST}", curated.manifest.encoded())
    for name in (FunnelFile.FILE, TemplateFile.FILE, LEDGER):
        if curated.has(name):
            folder.write(f"provenance/curate/{name}", curated.read(name))
    for number, trees in enumerate(source.trees):
        folder.write(f"provenance/generate-{number}/{MANIFEST}", trees.manifest.encoded())
    shards = {name: _shard(curated.file(name)) for split in SPLITS for name in curated.names(split)}
    folder.write(f"provenance/curate/{PublishedShards.FILE}", PublishedShards(shards).encoded())


def _shard(path: Path) -> PublishedShard:
    """What makes a shard again from its rows: how many, and which of them state the default check (all, none or a list)."""
    with path.open("rb") as file:
        stated = [columns.states_check(line) for line in file if line.strip()]
    uniform = len(set(stated)) <= 1
    return PublishedShard(len(stated), bool(stated and stated[0]) if uniform else stated)
