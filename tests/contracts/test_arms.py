"""What every arm keeps: traces in order, the right box, a question it answers, a line in the docs, a first row to look at."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from journey import views
from journey.answers.grading import grade
from journey.catalog import ARMS
from journey.finetune.rows.rows import draw, encode
from journey.finetune.runs import Arm, ArmContext
from journey.models import load, template
from journey.schema import Pair, Trace
from journey.views import View
from journey_testing.golden import check_golden
from journey_testing.models import word_tokenizer
from journey_testing.pairs import pairs_of

ROOT = Path(__file__).resolve().parents[2]
TRAINED = [name for name in ARMS.names() if ARMS.entry(name).facts["trains"]]
WRONG = {"only-wrong"}  # arms that end in a wrong box on purpose
RIGHT = [name for name in TRAINED if name not in WRONG]


@pytest.fixture(scope="session")
def pairs() -> list[Pair]:
    """24 Countdown pairs."""
    return pairs_of("countdown", "search", 24, split="train")


@pytest.fixture(scope="session")
def slips() -> list[Pair]:
    """40 arithmetic pairs with slips."""
    return pairs_of("arithmetic", "slips", 40, split="train")


@pytest.fixture(scope="session")
def pocket() -> Any:
    """The embedded base's tokenizer."""
    return load.load_tokenizer(load.find("pocket"))


def traces_of(name: str, pairs: list[Pair], tokenizer: Any, view: View = "compact") -> list[Trace | None]:
    return ARMS.get(name)().traces(pairs, ArmContext(tokenizer, view))


def drawn(pairs: list[Pair], tokenizer_of: Callable[[list[Trace]], Any], view: View) -> str:
    """The first row of every arm, what is supervised in double brackets."""
    said, pair = [], pairs[0]
    for name in TRAINED:
        arm: Arm = ARMS.get(name)()
        tokenizer = tokenizer_of([pair.shortcut, pair.journey])
        trace = arm.traces(pairs[:1] if name == "dots" else pairs, ArmContext(tokenizer, view))[0]
        assert trace is not None
        tokenizer = tokenizer_of([trace, pair.journey])
        said.append(f"{name}\n    {draw(encode([pair], arm, tokenizer, view, [trace]), 0, tokenizer)}\n")
    return "\n".join(said)


def test_first_rows_of_countdown_on_the_embedded_base(pairs: list[Pair], pocket: Any) -> None:
    check_golden("arms_countdown.txt", drawn(pairs, lambda told: pocket, "compact"))


def test_first_rows_of_a_slip_in_prose(slips: list[Pair]) -> None:
    def words(told: list[Trace]) -> Any:
        texts = [views.prompt(slips[0].problem, "think"), *(views.render(trace, "think").text for trace in told)]
        return word_tokenizer(["."] + [word for text in texts for word in text.split()])

    check_golden("arms_slip.txt", drawn(slips, words, "think"))


@pytest.mark.parametrize("name", RIGHT)
@pytest.mark.parametrize("view", ["compact", "think"])
def test_all_but_only_wrong_end_in_the_right_box(
    name: str, view: View, pairs: list[Pair], slips: list[Pair], pocket: Any
) -> None:
    both = [*pairs, *slips]
    for pair, trace in zip(both, traces_of(name, both, pocket, view), strict=True):
        if trace is None:
            assert ARMS.get(name)().drops, (
                f"{name} has no trace for {pair.pair_id}, and does not say that it drops pairs"
            )
            continue
        assert trace.answer == pair.shortcut.answer
        assert trace.segments[-1].text == pair.shortcut.segments[-1].text
        assert grade(pair.problem, views.render(trace, view).text).outcome == "correct"


@pytest.mark.parametrize("name", TRAINED)
def test_traces_are_well_formed_and_the_same_every_time(
    name: str, pairs: list[Pair], slips: list[Pair], pocket: Any
) -> None:
    """One answer at the end, spans where the text is, words that the embedded tokenizer has."""
    both = [*pairs, *slips]
    made = traces_of(name, both, pocket)
    assert made == traces_of(name, both, pocket)
    for trace in made:
        if trace is None:
            continue
        assert [s.role for s in trace.segments].count("answer") == 1 and trace.segments[-1].role == "answer"
        text = views.render(trace, "think").text
        assert all(text[s.start : s.end] == s.text for s in trace.segments)
        assert not re.search(r"\n{3}|  ", text.replace(views.THINK_OPEN + views.THINK_CLOSE, ""))
        assert template.covers(pocket, views.render(trace, "compact").text)


def rows_of_the_first_table(doc: str, heading: str) -> dict[str, list[str]]:
    """The cells of the first table after a heading, by each of the names in backticks in a row's first cell."""
    lines = (ROOT / doc).read_text().partition(f"## {heading}\n")[2].splitlines()
    start = next((at for at, line in enumerate(lines) if line.startswith("|")), len(lines))
    found: dict[str, list[str]] = {}
    for line in lines[start:]:
        if not line.startswith("|"):
            break
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        found |= dict.fromkeys(re.findall("`([^`]+)`", cells[0]), cells)
    return found


@pytest.mark.parametrize("name", ARMS.names())
def test_it_is_called_by_its_name_and_asks_a_question(name: str) -> None:
    entry = ARMS.entry(name)
    arm: Arm = entry.target()
    assert arm.name == name and (arm.trace is not None) == entry.facts["trains"]
    assert entry.facts["question"].endswith("?") and entry.summary


@pytest.mark.parametrize("name", ARMS.names())
def test_the_readme_says_which_question_it_answers(name: str) -> None:
    row = rows_of_the_first_table("README.md", "What is compared, and how").get(name)
    question = ARMS.entry(name).facts["question"]
    assert row is not None, f"README.md, What is compared: add a row | `{name}` | what it is trained on | {question} |"
    assert row[2] == question, f"README.md says of {name}: {row[2]!r}, the arm's file: {question!r}"


@pytest.mark.parametrize("name", TRAINED)
def test_the_guide_says_what_its_text_is(name: str) -> None:
    row = rows_of_the_first_table("docs/arms.md", "Arms").get(name)
    assert row is not None and row[1], f"docs/arms.md, Arms: add a row | `{name}` | its text | notes |"


@pytest.mark.parametrize(("doc", "heading"), [("README.md", "What is compared, and how"), ("docs/arms.md", "Arms")])
def test_the_docs_name_no_arm_that_is_not_there(doc: str, heading: str) -> None:
    named = rows_of_the_first_table(doc, heading)
    assert named and set(named) <= set(ARMS.names()), f"{doc}: {sorted(set(named) - set(ARMS.names()))}"
