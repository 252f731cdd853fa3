"""A curated folder goes up as a dataset and comes back: real clients, a loopback Hub."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from journey.publish.run import publish
from journey.publish.settings import PublishSettings

REPO = "tester/journey-math"


def test_one_commit_tagged_private_read_back(hub: Any, curated: Path, tmp_path: Path) -> None:
    (line,) = publish(str(curated), PublishSettings(repo=REPO), out=tmp_path / "out")
    repo = hub.repos["datasets", REPO]
    assert repo.private and len(repo.log) == 1
    assert line["commit"] == repo.heads["main"] == repo.tags["v1"]
    assert line["changed"] and line["tag"] == "v1"
    there = repo.at("v1").files
    assert line["files"] == line["downloaded"] == len(there) - 1  # .gitattributes is the Hub's own
    for name, (data, _) in there.items():
        if name != ".gitattributes":
            assert (tmp_path / "out" / "bundle" / name).read_bytes() == data
