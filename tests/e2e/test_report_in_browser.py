"""The report in headless Chromium: it opens from disk, shows hostile answers as text, and its controls work."""

from __future__ import annotations

import base64
import hashlib
import html
import importlib.util
import re
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from journey.evaluate import report

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
HELPER = Path(__file__).resolve().parent.parent / "evaluate" / "report" / "synthetic.py"
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--hide-scrollbars",
    "--disable-dev-shm-usage",
)
Browse = Callable[..., str]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    spec = importlib.util.spec_from_file_location("synthetic_evaluation_e2e", HELPER)
    assert spec is not None and spec.loader is not None
    synthetic = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = synthetic
    spec.loader.exec_module(synthetic)
    made: Path = synthetic.folder(
        tmp_path_factory.mktemp("evaluation"), problems={"countdown@1": 120, "arithmetic": 40}
    )
    report.build(made)
    return made


@pytest.fixture(scope="module")
def browse(tmp_path_factory: pytest.TempPathFactory) -> Browse:
    """`browse(path, "filter=all", "--dump-dom")`: what the browser prints."""
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip(f"no browser here (one of {', '.join(BROWSERS)})")
    profile = tmp_path_factory.mktemp("profile")

    def run(path: Path, at: str, *flags: str) -> str:
        command = [str(program), *FLAGS, f"--user-data-dir={profile}", *flags, f"{path.as_uri()}#{at}"]
        done = subprocess.run(command, capture_output=True, timeout=60, check=True)
        return done.stdout.decode()

    return run


def dom(browse: Browse, folder: Path, at: str) -> str:
    return browse(folder / "report.html", at, "--dump-dom")


def texts(document: str, pattern: str) -> list[str]:
    """Texts of the elements that a pattern of their start tags finds."""
    found = re.findall(rf"<{pattern}[^>]*>(.*?)</(?:pre|button|p|li|h3|ul)>", document, re.DOTALL)
    return [html.unescape(re.sub(r"<[^>]*>", "", text)) for text in found]


def counts(document: str) -> dict[str, int]:
    return {key: int(n) for key, n in re.findall(r'data-filter="([\w-]+)"[^>]*>[^<]*\((\d+)\)', document)}


def test_hostile_answers_show_as_text(browse: Browse, folder: Path) -> None:
    document = dom(browse, folder, "benchmark=countdown%401&find=%3Cscript%3Edocument&second=journey")
    assert re.search(r"<title>Verdict: ", document) and "<h1 id=" not in document
    shown = texts(document, "pre")
    assert "<script>document.title='owned';alert(1)</script>" in shown
    assert document.count("<script") == 2


def test_hostile_questions_show_as_text(browse: Browse, folder: Path) -> None:
    document = dom(browse, folder, "")
    assert "</li><b id=owned onclick=alert(1)>owned</b>" in texts(document, 'p class="text"')[0]
    assert not re.search(r'<\w+ [^>]*\bid="owned"', document)


def test_control_characters_become_visible(browse: Browse, folder: Path) -> None:
    (text, *_) = [t for t in texts(dom(browse, folder, "find=right%20to%20left"), "pre") if "right to left" in t]
    assert "\u241b[31mred" in text and "[U+202E]right to left[U+202C]" in text and "{{ 7 * 7 }}" in text
    assert not set(text) & set("\x1b\x07\x08\u202e")


def test_filters_split_the_problems(browse: Browse, folder: Path) -> None:
    document = dom(browse, folder, "filter=only-right-arm&seed=1&first=shortcut%40tokens")
    number = counts(document)
    assert number["all"] == 120
    assert sum(number[key] for key in ("both-right", "only-right-arm", "only-left-arm", "both-wrong")) == 120
    rows = texts(document, 'li id="problem-')
    assert len(rows) == number["only-right-arm"] > 0
    marks = re.findall(r'class="marks">(.*?)</span></span>', document)
    assert len(marks) == len(rows) and all('"mark correct"' in pair.partition("</span>")[2] for pair in marks)
    assert not any('"mark correct"' in pair.partition("</span>")[0] for pair in marks)
    assert "Only journey right" in document and "Only shortcut@tokens right" in document
    assert any("shortcut-tokens-s1" in head for head in texts(document, "h3"))


@pytest.mark.parametrize("kind", ["both-right", "only-left-arm", "both-wrong", "truncated", "no-answer", "undecided"])
def test_each_filter_lists_what_it_counts(browse: Browse, folder: Path, kind: str) -> None:
    document = dom(browse, folder, f"filter={kind}")
    assert len(texts(document, 'li id="problem-')) == counts(document)[kind]


def test_search_and_choice_of_benchmark(browse: Browse, folder: Path) -> None:
    document = dom(browse, folder, "benchmark=arithmetic&find=9")
    rows = texts(document, 'li id="problem-')
    assert 0 < len(rows) < 40
    assert f"Listed: {len(rows)} of the 40 problems" in document
    assert "No answers are stored" in dom(browse, folder, "benchmark=countdown%402")


def test_parts_of_an_answer_are_coloured(browse: Browse, folder: Path) -> None:
    document = dom(browse, folder, "find=dead%20end")
    for kind in ("dead", "back", "box"):
        assert f'<mark class="{kind}">' in document.partition("</article>")[0]
    assert re.search(r'<mark class="back">back to [\d ]*\d</mark>', document)


def test_keyboard_and_typing(browse: Browse, folder: Path, tmp_path: Path) -> None:
    """A script of the test's own, admitted by its hash, presses keys and notes what is chosen."""
    script = """
      const list = document.getElementById("problems"), seen = [];
      const note = () => seen.push(list.getAttribute("aria-activedescendant"));
      note();
      for (const key of ["ArrowDown", "ArrowDown", "ArrowUp", "End", "ArrowDown", "PageUp", "Home", "ArrowUp"]) {
        list.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
        note();
      }
      document.querySelector('[data-filter="both-wrong"]').click();
      seen.push(document.activeElement.dataset.filter, document.querySelector('[aria-pressed="true"]').dataset.filter);
      const find = document.getElementById("find");
      find.value = "nothing holds this";
      find.dispatchEvent(new Event("input"));
      seen.push(list.textContent, document.getElementById("problem").textContent, location.hash.includes("both-wrong"));
      document.body.dataset.seen = seen.join("|");
    """
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    page = (folder / "report.html").read_text(encoding="utf-8").replace("script-src ", f"script-src 'sha256-{digest}' ")
    page = page.replace("</body>", f"<script>{script}</script></body>")
    driven = tmp_path / "driven.html"
    driven.write_text(page, encoding="utf-8")
    document = browse(driven, "", "--dump-dom")
    found = re.search(r'data-seen="([^"]*)"', document)
    assert found, "the page's script stopped before the test's own"
    *moves, focus, pressed, empty, detail, remembered = found[1].split("|")
    assert moves == [f"problem-{at}" for at in (0, 1, 2, 1, 119, 119, 109, 0, 0)]
    assert (focus, pressed) == ("both-wrong", "both-wrong")
    assert (empty, detail, remembered) == ("No problem fits.", "", "true")


@pytest.mark.parametrize(("width", "scheme"), [(1280, 1), (500, 0)])
def test_screenshot(browse: Browse, folder: Path, tmp_path: Path, width: int, scheme: int) -> None:
    picture = tmp_path / "report.png"
    flags = (
        f"--window-size={width},1600",
        f"--screenshot={picture}",
        f"--blink-settings=preferredColorScheme={scheme}",
    )
    browse(folder / "report.html", "", *flags)
    data = picture.read_bytes()
    assert struct.unpack(">II", data[16:24]) == (width, 1600) and len(data) > 30_000
