"""The docs name files that are there."""

from __future__ import annotations

import re

import yaml

from journey_testing.sources import ROOT, TOPS

MADE = ("data/runs", "publish/dataset")  # folders that a run makes
TOP = "|".join([*TOPS, "tests", "benchmarks", "docs"])


def test_files_named_in_the_docs_exist() -> None:
    docs = [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        *sorted((ROOT / "docs").rglob("*.md")),
        ROOT / "data/README.md",
    ]
    found = [
        f"{doc.relative_to(ROOT)} names {name}"
        for doc in docs
        for name in re.findall(rf"`((?:{TOP})/[\w./-]+)`", doc.read_text())
        if not name.startswith(MADE) and "NAME" not in name and not (ROOT / name.rstrip("/")).exists()
    ]
    assert not found, "\n  ".join(["no such file:", *found])


DEMO = {
    "Countdown": ("countdown@1", ""),
    "the same at equal test tokens": ("countdown@1", "equal test tokens"),
    "targets never trained on": ("countdown-targets", ""),
    "harder: one right first step of eight or nine": ("countdown-choices", ""),
    "arithmetic": ("arithmetic@1", ""),
}
CHOSEN = "best-of-checker"  # of the shortcut at equal test tokens


def table_rows(text: str, head: str) -> list[list[str]]:
    """The cells of the table that has this in its head."""
    lines = text[text.index(head) :].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_the_demos_table_in_the_readme_is_that_of_its_results_and_its_recipe() -> None:
    results, readme = (ROOT / "docs/results/demo.md").read_text(), (ROOT / "README.md").read_text()
    recipe = yaml.safe_load((ROOT / "recipes/quickstart.yaml").read_text())
    right = {
        (cells[0].partition(" ")[0], cells[1], cells[2].strip("`")): cells[3].partition("%")[0]
        for cells in table_rows(results, "| benchmark | strategy |")
    }
    compared = {
        (cells[0].partition(" ")[0], cells[1]): cells[2:5]
        for cells in table_rows(results, "| benchmark | comparison |")
    }
    rows = table_rows(readme, "| held-out problems, greedy |")
    assert [row[0].partition(" (")[0] for row in rows] == list(DEMO)
    arms = (*(f"shortcut@{budget}" for budget in ("examples", "tokens")), "journey")
    for name, base, *shares, difference, words in rows:
        benchmark, at = DEMO[name.partition(" (")[0]]
        assert not base or base == f"{right[benchmark, 'greedy', 'base']} %"
        strategies = [CHOSEN if at and arm != "journey" else "greedy" for arm in arms]
        assert shares == [
            f"{right[benchmark, strategy, arm]} %" for strategy, arm in zip(strategies, arms, strict=True)
        ]
        if "(" in name:
            assert name.endswith(f"({recipe['evaluate']['sizes'][benchmark]})")
        label = "journey minus shortcut@tokens" + (f", {at} ({CHOSEN}@3)" if at else "")
        verdict, points, interval = compared[benchmark, label]
        assert difference == f"{points} ({interval})" and words.startswith(verdict.partition(".")[0]), name
        assert ("below the untuned base" in words) is ("is worse than the untuned base" in verdict)
