"""The report in headless Chromium: it opens from disk, shows hostile answers as text, and its controls work."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from journey.evaluate.report import build
from journey.formats.folders import open_finished
from journey_testing import behind_evaluation as behind
from journey_testing import synthetic_evaluation as synthetic

READY = "!document.getElementById('viewer').hidden"
HOSTILE = "<script>document.title='owned';alert(1)</script>"
Open = Callable[..., Any]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1,000 problems and some more, hostile answers among them, with everything that a report can show."""
    at = tmp_path_factory.mktemp("browsed") / "evaluation"
    made: Path = synthetic.folder(at, problems={"countdown@1": 1000, "arithmetic": 40}, steps=2)
    behind.strategies(made)
    behind.lineage(made)
    behind.behaviour(made)
    build.build(open_finished(made, "evaluate"))
    return made


@pytest.fixture
def open_(browser: Any, folder: Path) -> Iterator[Open]:
    """`open_("filter=all", width=400)`: the report, ready to be browsed; it must not have complained at the end."""
    pages = []

    def made(at: str = "", **settings: Any) -> Any:
        page = browser.open(folder / "report.html", at, **settings)
        page.wait(READY)
        pages.append(page)
        return page

    yield made
    for page in pages:
        assert page.problems() == []
        page.close()


def counts(page: Any) -> dict[str, int]:
    found = page.run("[...document.querySelectorAll('[data-filter]')].map((b) => [b.dataset.filter, b.textContent])")
    return {key: int(re.search(r"\(([\d,]+)\)$", text)[1].replace(",", "")) for key, text in found}  # type: ignore[index]


def rows(page: Any) -> list[str]:
    return [text for text in page.text("#problems li") if text not in ("No problem fits.",)]


def test_hostile_answers_show_as_text(open_: Open) -> None:
    page = open_("benchmark=countdown%401&find=%3Cscript%3Edocument&second=journey")
    assert HOSTILE in page.text("#problem pre")
    assert page.run("document.title").startswith("Verdict: ")
    assert page.run("document.querySelectorAll('script').length") == 2
    page.run(
        "document.getElementById('find').value = ''; document.getElementById('find').dispatchEvent(new Event('input'))"
    )
    page.run("document.getElementById('problems').focus()")
    page.press("Home")
    for _ in range(6):
        page.press("ArrowDown")
    assert page.run("[document.querySelector('#owned'), document.querySelector('img')].every((e) => e === null)")
    assert page.run("document.title").startswith("Verdict: ")


def test_hostile_questions_show_as_text(open_: Open) -> None:
    page = open_()
    assert "</li><b id=owned onclick=alert(1)>owned</b>" in page.text("#problem p.text")[0]
    assert page.run("document.querySelector('#owned') === null")


def test_control_characters_become_visible(open_: Open) -> None:
    page = open_("find=right%20to%20left")
    (text, *_) = [text for text in page.text("#problem pre") if "right to left" in text]
    assert "\u241b[31mred" in text and "[U+202E]right to left[U+202C]" in text and "{{ 7 * 7 }}" in text
    assert not set(text) & set("\x1b\x07\x08\u202e")


def test_filters_split_the_problems(open_: Open) -> None:
    page = open_("filter=only-right-arm&seed=1&first=shortcut%40tokens")
    number = counts(page)
    assert number["all"] == 1000
    assert sum(number[key] for key in ("both-right", "only-right-arm", "only-left-arm", "both-wrong")) == 1000
    assert len(rows(page)) == number["only-right-arm"] > 0
    marks = page.run(
        "[...document.querySelectorAll('#problems li')].map((li) => [...li.querySelectorAll('.mark')].map((m) => m.className))"
    )
    assert all("correct" in second and "correct" not in first for first, second in marks)
    labels = page.text("[data-filter]")
    assert any("Only journey right" in label for label in labels)
    assert any("Only shortcut@tokens right" in label for label in labels)
    assert any("shortcut-tokens-s1" in head for head in page.text("#problem h3"))


def test_each_filter_lists_what_it_counts_and_what_it_says(open_: Open) -> None:
    page = open_()
    number = counts(page)
    for kind, count in number.items():
        page.click(f'[data-filter="{kind}"]')
        assert len(rows(page)) == count, kind
        assert page.run("document.activeElement.dataset.filter") == kind
        assert page.run("document.querySelector('[aria-pressed=true]').dataset.filter") == kind
    assert number["backtracks"] > 0 and number["seeds-disagree"] > 0 and number["truncated"] > 0
    page.click('[data-filter="backtracks"]')
    assert page.run("document.querySelector('#problem mark.backtrack') !== null")
    page.click('[data-filter="seeds-disagree"]')
    shown = page.text("#problem .all li")
    signs = {arm: {text[0] for text in shown if arm in text} for arm in ("shortcut-examples", "journey")}
    assert any(len(each) > 1 and "\u2713" in each for each in signs.values())


def test_typing_searches(open_: Open) -> None:
    page = open_("benchmark=arithmetic")
    page.run("document.getElementById('find').focus()")
    page.type("9")
    found = rows(page)
    assert 0 < len(found) < 40
    assert f"Listed: {len(found)} of the 40 problems" in page.text("#shown")[0]
    page.type("nothing holds this")
    assert (page.text("#problems"), page.text("#problem")) == (["No problem fits."], [""])
    assert "nothing" in page.run("location.hash")
    page.run(
        "document.getElementById('benchmark').value = '1'; document.getElementById('benchmark').dispatchEvent(new Event('change'))"
    )
    assert "No answers are stored" in page.text("#problems")[0]


def test_a_thousand_problems_by_keyboard(open_: Open) -> None:
    """Keys as a keyboard sends them: into the list by Tab, through it, and out again."""
    page = open_()
    chosen = "document.getElementById('problems').getAttribute('aria-activedescendant')"
    page.run("[...document.querySelectorAll('[data-filter]')].pop().focus()")
    page.press("Tab")
    assert page.run("document.activeElement.id") == "problems"
    seen = [page.run(chosen)]
    for key in ("ArrowDown", "ArrowDown", "ArrowUp", "End", "ArrowDown", "PageUp", "Home", "ArrowUp"):
        page.press(key)
        seen.append(page.run(chosen))
    assert seen == [f"problem-{at}" for at in (0, 1, 2, 1, 999, 999, 989, 0, 0)]
    # By rectangles: offsets are rounded, each by itself.
    visible = "(() => { const [l, i] = ['problems', 'problem-999'].map((id) => document.getElementById(id).getBoundingClientRect());" \
        " return i.top >= l.top && i.bottom <= l.bottom; })()"  # fmt: skip
    page.press("End")
    assert page.run(visible)
    page.press("Tab")
    assert page.run("document.activeElement.tagName") == "PRE"


def test_the_address_brings_back_what_was_shown(open_: Open) -> None:
    page = open_()
    page.click('[data-filter="both-wrong"]')
    page.run("document.getElementById('problems').focus()")
    page.press("ArrowDown")
    address, text = page.run("location.hash.slice(1)"), page.text("#problem")
    assert open_(address).text("#problem") == text


def test_parts_of_an_answer_are_coloured(open_: Open) -> None:
    page = open_("find=dead%20end")
    for kind in ("notice", "backtrack", "answer"):
        assert page.text(f"#problem mark.{kind}"), kind
    assert all(re.fullmatch(r"back to [\d ]+\.?", text) for text in page.text("#problem mark.backtrack"))


def test_training_pairs_with_their_trees(open_: Open) -> None:
    page = open_()
    assert len(page.text(".pair")) >= 3
    assert page.run("document.querySelectorAll('.pair svg.tree .node').length") > 10
    for role in ("mistake", "notice", "backtrack", "correction", "answer"):
        assert page.text(f".pair mark.{role}"), role
    assert page.run("document.querySelector('.pair').open")


FORMULAS = {
    r"Half is $\frac{1}{2}$.": "Half is 12.",
    r"\(x^2 + \sqrt[3]{y_1}\)": "x2+y13",
    r"$$\left\{ \begin{array}{cl} 1 & x \ge 0 \\ 0 & \text{else} \end{array} \right.$$": "{1x\u226500else",
    r"so \boxed{\frac{3}{4}}": "so 34",
    r"${47\over 288}$ and $\binom{n}{k}$": "47288 and (nk)",
    "It costs $5 and then $10, or $3-$4, or $20 x 3=$60.": "It costs $5 and then $10, or $3-$4, or $20 x 3=$60.",
    r"$\unknown{x}$ stays": r"$\unknown{x}$ stays",
    r"$\href{javascript:alert(1)}{x}$": r"$\href{javascript:alert(1)}{x}$",
    r"$\text{<img src=x onerror=alert(1)>}$": "<img src=x onerror=alert(1)>",
    "$" + "{" * 500 + "}" * 500 + "^$": "$" + "{" * 500 + "}" * 500 + "^$",
}


def test_latex_is_readable_and_safe(open_: Open) -> None:
    page = open_()
    for source, expected in FORMULAS.items():
        marks = [["answer", source.index("\\boxed"), len(source)]] if "\\boxed" in source else []
        page.run(f"globalThis.made = readable(make('p'), {json.dumps(source)}, {json.dumps(marks)}, true), 0")
        assert page.run("made.textContent") == expected
        assert page.run("made.querySelectorAll('img, a, script, [href], [onerror]').length") == 0
    page.run(r"globalThis.made = readable(make('p'), '$\\frac{1}{2}$', [], true), 0")
    assert page.run("made.querySelector('math > mfrac').namespaceURI") == "http://www.w3.org/1998/Math/MathML"


def test_latex_of_real_problems(open_: Open, real_data: Callable[[str], Path]) -> None:
    """Every gold answer of MATH-500 and all but a handful of 5,500 formulas; no money of GSM8K is taken for one."""
    page = open_()
    told = [json.loads(line) for line in real_data("math500.jsonl").read_text(encoding="utf-8").splitlines()]
    texts = [one[key] for one in told for key in ("problem", "solution")]
    script = "((texts) => texts.flatMap((text) => latex.formulas(text)).map((f) => latex.render(f[2], f[3]) !== null))"
    made = page.run(f"{script}({json.dumps(texts)})")
    assert len(made) > 5000 and made.count(False) <= 5
    answers = json.dumps([one["answer"] for one in told])
    assert page.run(f"{answers}.filter((answer) => latex.render(answer, false) === null)") == []
    money = real_data("gsm8k_test.jsonl").read_text(encoding="utf-8").splitlines()
    assert page.run(f"{json.dumps(money)}.flatMap((text) => latex.formulas(text))") == []


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (400, "light")])
def test_nothing_sticks_out_and_contrasts_hold(open_: Open, width: int, scheme: str) -> None:
    page = open_(width=width, prefers_color_scheme=scheme)
    page.run("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    assert page.run("document.documentElement.scrollWidth") == width
    assert page.run(CONTRAST) == []
    data = page.picture()
    assert struct.unpack(">II", data[16:24]) == (width, 900) and len(data) > 20_000


# Text whose contrast with what lies behind it is under 4.5 to 1 (WCAG AA); canvas turns any colour into its bytes.
CONTRAST = r"""(() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const over = (colours) => { canvas.clearRect(0, 0, 1, 1); for (const c of colours) { canvas.fillStyle = c; canvas.fillRect(0, 0, 1, 1); } return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3); };
  const light = (rgb) => rgb.map((v) => v / 255).map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)).reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (e) => { const found = []; for (let at = e; at; at = at.parentElement) found.unshift(getComputedStyle(at).backgroundColor); return over(["Canvas", ...found]); };
  const bad = new Map();
  for (const e of document.querySelectorAll("body *")) {
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    const style = getComputedStyle(e);
    if (!own || style.visibility === "hidden" || e.closest("script, style, .hidden, option") || !e.getClientRects().length) continue;
    const back = behind(e), front = over([`rgb(${back})`, e instanceof SVGElement ? style.fill : style.color]);
    const [a, b] = [light(front), light(back)].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) bad.set(`${e.tagName} ${e.className.baseVal ?? e.className} ${ratio.toFixed(2)}`, 1);
  }
  return [...bad.keys()].slice(0, 10);
})()"""


@pytest.mark.parametrize("width", [400, 800, 1280])
def test_words_in_pictures_of_the_first_screen_are_no_larger_than_its_headings(open_: Open, width: int) -> None:
    """Pictures grow with their column; on paper and on a tablet one column is the whole page."""
    page = open_(width=width)
    tall = page.run(
        "[...document.querySelectorAll('.overview text, .spent text')].map((e) => e.getBoundingClientRect().height)"
    )
    assert len(tall) > 10 and max(tall) < 26


def test_paper(open_: Open) -> None:
    """In print the page is light, whole, and without controls, whatever the screen's scheme is."""
    page = open_(prefers_color_scheme="dark")
    page.call("Emulation.setEmulatedMedia", media="print", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    assert page.run("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.run("getComputedStyle(document.querySelector('.controls')).display") == "none"
    assert page.run(
        "[...document.querySelectorAll('details:not([open]) > :not(summary)')].every((e) => e.offsetHeight > 0)"
    )
    assert page.run(CONTRAST) == []
    assert page.paper().startswith(b"%PDF")
