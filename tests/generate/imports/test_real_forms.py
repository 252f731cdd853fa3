"""Forms of published rows as their cards and the programs that read them have them, where nothing of ours had shown them."""

from __future__ import annotations

import pytest

from journey.generate.imports import formats
from journey.generate.imports.readers.cells import stated_away
from journey.generate.imports.readers.paired_rows import _noise
from journey.generate.made import MadePair
from journey_testing.traces import APPLES, PENS, ROWS, told


def roles(made: object, half: str = "journey") -> list[tuple[str, str]]:
    assert isinstance(made, MadePair), made
    return [(segment.role, segment.text.strip()) for segment in getattr(made.pair, half).segments[:-1]]


class TestAnswersBehindHashes:
    """Two programs that read GAIR/o1-journey cut `longCOT` at its `####`: the answer may stand behind its last words."""

    @pytest.mark.parametrize("end", [" #### 10", "\n#### 10", "\n\nTherefore the final answer is 10.\n\n#### 10"])
    def test_of_a_long_thought(self, end: str) -> None:
        [plain], row = told("o1-journey"), ROWS["o1-journey"][0]
        thought = row["longCOT"].partition("\n\nTherefore")[0]
        [made] = told("o1-journey", [{**row, "longCOT": thought + end}])
        assert roles(made) == roles(plain)

    def test_a_heading_is_none(self) -> None:
        assert stated_away("Done.\n\n#### Check\n\n3 + 4 is 7.") == "Done.\n\n#### Check\n\n3 + 4 is 7."
        assert stated_away("It is 3. #### 3") == "It is 3."


@pytest.mark.parametrize(("end", "mark"), [("The answer is:", ""), ("####", "\u043a\u0438 ")])
def test_math_shepherd_in_both_forms_of_its_card(end: str, mark: str) -> None:
    """The card's older text has `ки` before each sign, and `####` for the answer."""

    def row(*steps: str) -> dict[str, str]:
        told_steps = [f"Step {n}: {text}" for n, text in enumerate(steps, 1)]
        label = "\n".join(f"{text[:-1]}{mark}{text[-1]}" for text in told_steps)
        return {"input": APPLES, "label": f"{APPLES} {label}", "task": "GSM8K"}

    wrong = row("3 * 4 = <<3*4=14>>14 apples. -", f"14 - 2 = <<14-2=12>>12 are left. {end} 12 -")
    right = row("3 * 4 = <<3*4=12>>12 apples. +", f"12 - 2 = <<12-2=10>>10 are left. {end} 10 +")
    [made] = told("math-shepherd", [wrong, right])
    assert [role for role, _ in roles(made)] == ["mistake", "notice", "backtrack", "correction", "step"]
    assert made.pair.shortcut.answer == "10"  # type: ignore[union-attr]
    assert "\u043a\u0438" not in "".join(text for _, text in roles(made))


def test_gsm8k_random_as_its_card_shows_it() -> None:
    """The card's own example (MIT): tokens are inserted within a word's blank, and each is deleted by one token."""
    assert _noise("The answer is 42", "The answer XX<|BACKTRACK|><|BACKTRACK|>is 42") == [(11, "XX")]
    row = ROWS["gsm8k-random-all"][0]
    halves = dict(zip(("backtrack_prefix", "backtrack_suffix"), row["backtrack_response"].split("<|", 1), strict=True))
    assert formats.recognised([{**row, **halves}]).name == "gsm8k-random-all"


@pytest.mark.parametrize("end", ["Goal Reached", "Goal Reached!"])
def test_countdown_paths_as_the_program_of_their_authors_reads_them(end: str) -> None:
    """`a op b = c` a line, with or without blanks; the last line is `Goal Reached!` or `<backtrack>`."""
    left = {"nums": [15, 12, 3], "target": 33, "search_path": "15+12=27\n<backtrack>\n"}
    reached = {"nums": [15, 12, 3], "target": 33, "search_path": f"15 * 3=45\n45 -12= 33\n{end}"}
    [made] = told("countdown-backtracking", [left, reached])
    assert [role for role, _ in roles(made)] == ["plan", "mistake", "notice", "backtrack", "correction", "step"]


def test_all_columns_of_the_published_parquet_files() -> None:
    """What else a row has (schemas of the cards) does not make it another format, and an empty list of flags is none."""
    openr1 = {
        **ROWS["openr1-math-220k"][1],
        "problem_type": "Algebra", "question_type": "math-word-problem", "correctness_llama": None, "finish_reasons": None,
        "correctness_count": 1, "messages": ROWS["messages"][0]["messages"],
    }  # fmt: skip
    s1k = {**ROWS["s1k"][0], "cot_type": "math", "source_type": "x", "metadata": "{}", "cot": None}
    newer = {
        **ROWS["s1k-1.1"][0], "source_type": "x", "metadata": "{}", "gemini_thinking_trajectory": "t", "gemini_attempt": "a",
        "gemini_grade": "No", "gemini_grade_reason": "r", "deepseek_grade_reason": "r",
    }  # fmt: skip
    mixture = {**ROWS["mixture-of-thoughts"][0]}
    for row, name in ((openr1, "openr1-math-220k"), (s1k, "s1k"), (newer, "s1k-1.1"), (mixture, "mixture-of-thoughts")):
        assert formats.recognised([row]).name == name
        assert all(isinstance(made, MadePair) for made in told(name, [row])), name
    assert PENS in str(openr1["problem"])
