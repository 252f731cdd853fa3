"""The differences between two published versions, in words: for the commit, the log and the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from journey.formats.manifest import MANIFEST, Manifest
from journey.publish.transfer.local import Local


def changed(
    local: Mapping[str, Local], remote: Mapping[str, Any], stale: Iterable[str], before: Manifest | None
) -> list[str]:
    """Sentences on a new version: counts, settings and sources that differ, then files. `before`: the old manifest."""
    now = Manifest.parse(local[MANIFEST].path.read_bytes(), str(local[MANIFEST].path))
    if before is None:
        return ["first version", *(_said(name, None, value) for name, value in _flat(now.counts))]
    sentences = []
    parts = ((before.counts, now.counts), (before.config, now.config), (before.inputs, now.inputs))
    for earlier, later in parts:
        old, new = dict(_flat(earlier)), dict(_flat(later))
        sentences += [
            _said(name, old.get(name), new.get(name)) for name in {**old, **new} if old.get(name) != new.get(name)
        ]
    added = sum(name not in remote for name in local)
    other = sum(name in remote and not file.same_as(remote[name]) for name, file in local.items())
    return [*sentences, f"files: {added} added, {other} changed, {len(list(stale))} removed"]


def shrinks(now: Manifest, before: Manifest | None) -> str:
    """In words, that a new version has less than half of the rows of the one that is there; "" where it has not."""
    if before is None:
        return ""
    old, new = (sum(n for _, n in _flat(each.counts.get("rows") or {}) if isinstance(n, int)) for each in (before, now))
    return f"{new:,} rows would take the place of {old:,}" if new < old / 2 else ""


def _flat(data: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    for key, value in sorted(data.items()):
        name = f"{prefix} {key}" if prefix else str(key)
        if isinstance(value, Mapping):
            yield from _flat(value, name)
        else:
            yield name, value


def _said(name: str, old: Any, new: Any) -> str:
    shown = [str(value)[:12] if isinstance(value, str) and len(value) == 64 else str(value) for value in (old, new)]
    if old is None:
        return f"{name}: {shown[1]}"
    return f"{name}: {shown[0]}, gone" if new is None else f"{name}: {shown[0]} -> {shown[1]}"


def describe(changes: Iterable[str]) -> str:
    """The description of the commit: a Markdown list of the changes."""
    return "\n".join(f"- {line}" for line in changes)
