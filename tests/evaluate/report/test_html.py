"""The HTML page: nothing foreign runs, nothing is loaded, everything is there."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest

from journey.evaluate.report import build, viewer
from journey.evaluate.report.summary import record
from journey.formats.folders import open_finished
from journey.formats.plan import EvaluationPlan
from journey.formats.scores import Scores
from journey_testing.folders import change, plan_and_scores

Make = Callable[..., Path]


class Page(HTMLParser):
    """Tags with their attributes, the contents of scripts and styles, and the text of everything else."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.raw: list[tuple[str, dict[str, str | None], str]] = []
        self.words: list[str] = []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag in ("script", "style"):
            self.raw.append((tag, dict(attrs), ""))

    def handle_data(self, data: str) -> None:
        if self.cdata_elem:
            tag, attributes, text = self.raw[-1]
            self.raw[-1] = (tag, attributes, text + data)
        else:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


@pytest.fixture(scope="module")
def source(folder: Path) -> str:
    return (folder / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(source: str) -> Page:
    return Page(source)


def test_the_policy_admits_this_script_and_this_style_alone(page: Page) -> None:
    (policy,) = [
        a["content"] for tag, a in page.tags if tag == "meta" and a.get("http-equiv") == "Content-Security-Policy"
    ]
    rules = dict(rule.strip().split(" ", 1) for rule in (policy or "").split(";"))
    assert rules["default-src"] == "'none'" and "unsafe" not in (policy or "")
    found = {(tag, attributes.get("type")): text for tag, attributes, text in page.raw}
    assert set(found) == {("style", None), ("script", "text/plain"), ("script", None)} and len(page.raw) == 3
    for kind in ("style", "script"):
        digest = base64.b64encode(hashlib.sha256(found[kind, None].encode()).digest()).decode()
        assert rules[f"{kind}-src"] == f"'sha256-{digest}'"


def test_no_address_outside_the_page_and_no_handlers(page: Page, source: str) -> None:
    outside = source.replace(page.raw[1][2], "").replace("http://www.w3.org/1998/Math/MathML", "")  # a name, no place
    assert not re.search(r"https?:|//[a-z]|javascript:|@import|url\(", outside.replace("// ", ""))
    for tag, attributes in page.tags:
        assert tag not in ("iframe", "object", "embed", "link", "img", "base", "form")
        for name, value in attributes.items():
            assert not name.startswith("on") and name not in ("src", "style", "srcset", "xlink:href")
            if name == "href":
                assert (value or "").startswith("#")


def test_sections_point_at_what_is_there(page: Page) -> None:
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    for tag, attributes in page.tags:
        if tag == "a":
            assert (attributes["href"] or "")[1:] in ids


def test_hostile_answers_are_inert(page: Page, source: str) -> None:
    assert "document.title=" not in source.replace(page.raw[1][2], "").replace(page.raw[2][2], "")
    assert "owned" in str(viewer.unpacked(page.raw[1][2])) and "<" not in page.raw[1][2]
    assert sum(tag == "script" for tag, _ in page.tags) == 2 and not any(tag == "img" for tag, _ in page.tags)


def test_hostile_names_are_escaped(make: Make, source: str) -> None:
    assert "&lt;b&gt;someone&#39;s&lt;/b&gt; file" in source and "<b>someone" not in source
    folder = make(problems=2)
    plan, scores = plan_and_scores(folder)
    evil = "</title><script>alert(1)</script>"
    first = msgspec.structs.replace(scores.compared[0], first=f'"><svg onload={evil}>')
    plan = msgspec.structs.replace(plan, base=evil, dtype="{{ 7 * 7 }}")
    hostile = msgspec.structs.replace(scores, headline=(evil, "b"), qualifiers=(evil,), compared=(first,))
    change(folder, {EvaluationPlan.FILE: plan.encoded(), Scores.FILE: hostile.encoded()})
    text = build.build(open_finished(folder, "evaluate"))[0].read_text(encoding="utf-8")
    assert "<script>alert" not in text and "<svg onload" not in text and "{{ 7 * 7 }}" in text
    assert evil in Page(text).text


def test_verdict_comes_first_then_what_qualifies_it(page: Page, folder: Path) -> None:
    _, scores = plan_and_scores(folder)
    first = build.told(open_finished(folder, "evaluate"))[1]
    heads = (record.TRUST, record.COST, "One problem, two answers", "Share of problems")
    order = [page.text.index(words) for words in (first.sentence, *heads)]
    after = ("Differences between the arms", "Arm against arm", "Answers side by side", "What was compared")
    order += [page.text.index(words, order[-1]) for words in after]
    assert order == sorted(order)
    assert page.text.index(first.sentence) < 400
    assert all(line in page.text for line in scores.headline)


def test_tables_hold_every_number(page: Page, folder: Path) -> None:
    plan, scores = plan_and_scores(folder)
    for arm in scores.arms:
        if arm.n:
            assert (
                f"{100 * arm.accuracy:.1f}%" in page.text
                and f"{100 * arm.low:.1f} to {100 * arm.high:.1f}" in page.text
            )
    for item in scores.compared:
        assert item.verdict.explanation in page.text
        assert f"{100 * item.comparison.difference:+.1f}" in page.text
    for value in (scores.plan_sha256, plan.base, plan.dtype, "256", "5 points", "unpinned", "n = 0"):
        assert value in page.text


def test_the_other_tests_are_marked(page: Page) -> None:
    assert page.text.count("speaks of these adapters only") == 3


def test_figures_are_labelled_for_those_who_cannot_see_them(page: Page) -> None:
    figures = [attributes for tag, attributes in page.tags if tag == "svg" and attributes.get("role") == "img"]
    labels = [attributes["aria-label"] or "" for attributes in figures]
    assert len(labels) == 7 and sum("points" in label for label in labels) == 4
    assert sum("untuned base" in label and "journey" in label for label in labels) == 2  # wide and narrow
    assert all(a.get("aria-hidden") == "true" for tag, a in page.tags if tag == "svg" and a.get("class") == "bar")


@pytest.mark.usefixtures("quick")
def test_small_enough_with_a_thousand_problems(make: Make) -> None:
    """Three arms, three seeds and the base on 1,000 problems: every one of them is in the page."""
    folder = make(problems={"countdown@1": 1000, "arithmetic": 100}, seeds=3, steps=30)
    path = build.build(open_finished(folder, "evaluate"))[0]
    assert path.stat().st_size < 5_000_000
    data = viewer.unpacked(Page(path.read_text(encoding="utf-8")).raw[1][2])
    assert [(b["total"], len(b["problems"])) for b in data["benchmarks"]] == [(1000, 1000), (0, 0), (0, 0), (100, 100)]
    assert all(len(problem["answers"]) == 10 for problem in data["benchmarks"][0]["problems"])


def test_without_any_data(make: Make) -> None:
    text = Page(build.build(open_finished(make(problems=0), "evaluate"))[0].read_text(encoding="utf-8")).text
    assert "Nothing could be compared (n = 0)." in text
    assert "0.0%" not in text
