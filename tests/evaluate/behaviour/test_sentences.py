"""What sentences do, by their words: one or more examples of every kind, in prose and in the compact notation."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import journey.evaluate.behaviour
from journey.evaluate.behaviour.records import Mark
from journey.evaluate.behaviour.sentences import kind_of, marked, sentences

EXAMPLES = {
    "backtrack": [
        "Let me start over with the first equation.",
        "So 21 is wrong, and 44 with it.",
        "Scratch that.",
        "I made a mistake there; let me redo it.",
        "Let's try a different approach.",
        "I should go back to the second step.",
        "back to 16 1 1 .",
        "back .",
    ],
    "notice": [
        "Wait, that gives more people than there are seats.",
        "Hold on.",
        "51 looks wrong.",
        "That doesn't add up.",
        "There is no way from 17 and 2 to 40.",
        "dead end .",
        "wait end 2 not 1 .",
    ],
    "check": [
        "Let me double-check the sum.",
        "Yes, that matches the given amount.",
        "Let's verify this by substituting back.",
        "Is that right?",
        "Maybe I made a mistake somewhere, so I will go over it.",
        "7*14=98, which matches exactly.",
    ],
    "subgoal": [
        "First, I need to find the price of one ticket.",
        "Next, let's compute the area.",
        "Step 2: the remaining boxes.",
        "Let's break this down.",
    ],
    "backward": [
        "Working backwards from 24, the last step must be a product.",
        "To get 92, I need two numbers that differ by 6.",
    ],
    None: [
        "The candles cost 19 * 2 = 38 dollars.",
        "He goes back to school on Monday.",
        "She returns 3 books and gets 2 more.",
        "try 16 + 1 = 17 left 17 1 .",
        "17 - 1 = 16 high .",
        "Each day that he doesn't work, $30 is subtracted.",
        "\\boxed{ 52 }",
        "12 + 5 = 17",
    ],
}


@pytest.mark.parametrize(("kind", "sentence"), [(kind, one) for kind, many in EXAMPLES.items() for one in many])
def test_examples(kind: str | None, sentence: str) -> None:
    assert kind_of(sentence) == kind


def test_sentences_cover_the_text_and_keep_decimals() -> None:
    text = "<think>\nIt is 0.5 of 3.\nSo 1.5. Wait!  No.\n</think>\n\nDone: \\boxed{1.5}."
    found = [text[start:end] for start, end in sentences(text)]
    assert found == ["<think>", "It is 0.5 of 3.", "So 1.5.", "Wait!", "No.", "</think>", "Done: \\boxed{1.5}."]


def test_neighbours_of_a_kind_are_one_mark() -> None:
    text = "Wait. That doesn't fit. So 9 is wrong. Then 3 + 4 = 7."
    assert marked(text) == [Mark("notice", 0, 23), Mark("backtrack", 24, 38)]


def test_the_rules_do_not_read_the_phrase_bank() -> None:
    """Nothing of the generate stage is imported, and no file of it is opened by name."""
    folder = Path(journey.evaluate.behaviour.__file__).parent
    for path in folder.glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not any(name.startswith("journey.generate") for name in names), path
            assert not (isinstance(node, ast.Constant) and isinstance(node.value, str) and "phrases" in node.value), (
                path
            )
