"""Rows written for tests in the schema of every data set that `import` reads, and the questions with answers that they make."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from journey.generate.imports import pairs
from journey.generate.imports.formats import named
from journey.generate.imports.records import ImportedProblem
from journey.generate.imports.settings import ImportSettings
from journey.generate.imports.table import TraceTable
from journey.generate.made import MadePair, Rejection

APPLES = "Tom has 3 bags with 4 apples each and eats 2. How many are left?"
PENS = "Pens cost $3. Ann buys 5 and pays with a $20 note. How much does she get back?"
ROOT = "What is the positive root of $x^2 = 49$?"


def step(
    text: str, rating: int = 1, *more: tuple[str, int], human: str | None = None, chosen: int | None = 0
) -> dict[str, Any]:
    """A step of PRM800K: completions with ratings, and which of them was taken."""
    rated = [{"text": t, "rating": r, "flagged": False} for t, r in ((text, rating), *more)]
    return {
        "completions": rated,
        "human_completion": None
        if human is None
        else {"text": human, "rating": None, "source": "human", "flagged": False},
        "chosen_completion": None if human is not None else chosen,
    }


def prm(problem: str, answer: str | None, finish: str, *steps: dict[str, Any], **question: Any) -> dict[str, Any]:
    """A record of PRM800K."""
    asked = {"problem": problem, "ground_truth_answer": answer, **question}
    return {
        "labeler": "x",
        "question": asked,
        "label": {"steps": list(steps), "total_time": 1, "finish_reason": finish},
    }


def shepherd(question: str, *steps: str) -> dict[str, str]:
    """A row of Math-Shepherd; every step ends in its label."""
    numbered = [f"Step {n}: {text}" for n, text in enumerate(steps, 1)]
    label = f"{question} " + "\n".join(numbered)
    return {
        "input": label.replace(" +", " \u043a\u0438").replace(" -\n", " \u043a\u0438\n"),
        "label": label,
        "task": "GSM8K",
    }


def think(thoughts: str, said: str) -> str:
    """An answer with its thinking between tags."""
    return f"<think>\n{thoughts}\n</think>\n\n{said}"


_WRONG = "There are 3 bags with 4 apples.\n\nSo Tom has 3 + 4 = 7 apples.\n\nHe eats 2, so 7 - 2 = 5 are left."
_RIGHT = (
    "There are 3 bags with 4 apples.\n\nSo Tom has 3 + 4 apples, which is 7.\n\nWait, that is wrong: each bag has 4 apples.\n\n"
    "Let me redo that.\n\nTom has 3 * 4 = 12 apples.\n\nHe eats 2, so 12 - 2 = 10 are left.\n\nLet me check: 10 + 2 = 12. Yes."
)
_WRITEUP = "There are 3 * 4 = 12 apples.\n\nAfter eating 2 there are 12 - 2 = 10.\n\n\\[\n\\boxed{10}\n\\]"
_CHAT = [{"role": "user", "content": APPLES}, {"role": "assistant", "content": think(_RIGHT, _WRITEUP)}]
ROWS: dict[str, list[dict[str, Any]]] = {
    "prm800k": [
        prm(
            APPLES, "10", "solution",
            step("Each bag has 4 apples, and there are 3 bags."),
            step("So there are 3 * 4 = 12 apples.", 1, ("So there are 3 * 4 = 14 apples.", -1), ("So there are 7 apples.", -1)),
            step("12 - 2 = 10 are left.\n\n# Answer\n\n10"),
        ),
        prm(
            PENS, "5", "found_error",
            step("Ann buys 5 pens."),
            step("They cost 5 + 3 = 8 dollars.", -1, chosen=None),
            ground_truth_solution="The pens cost $5 \\cdot 3 = 15$ dollars.\n\nAnn gets back $20 - 15 = \\boxed{5}$ dollars.",
            pre_generated_steps=["Ann buys 5 pens.", "They cost 5 + 3 = 8 dollars."],
        ),
        prm(
            ROOT, "7", "solution",
            step("x is 49 / 2.", -1, ("x is 24.", -1), human="The root of 49 is 7, since 7 * 7 = 49."),
            step("So x is 7.\n\n# Answer\n\n7"),
        ),
    ],
    "math-shepherd": [
        shepherd(APPLES, "3 * 4 = <<3*4=12>>12 apples. +", "12 + 2 = <<12+2=14>>14 are left. The answer is: 14 -"),
        shepherd(APPLES, "3 * 4 = <<3*4=12>>12 apples. +", "12 - 2 = <<12-2=10>>10 are left. The answer is: 10 +"),
        shepherd(PENS, "5 * 3 = <<5*3=18>>18 dollars. -", "20 - 18 = <<20-18=2>>2 dollars. The answer is: 2 -"),
        shepherd(PENS, "The pens cost 3 * 5 = <<3*5=15>>15. +", "20 - 15 = <<20-15=5>>5 comes back. The answer is: 5 +"),
    ],
    "processbench": [
        {"id": "a-0", "generator": "Qwen2-7B-Instruct", "problem": APPLES, "label": 1, "final_answer_correct": False,
         "steps": ["There are 3 bags.", "So 3 + 4 = 7 apples.", "7 - 2 = 5. The answer is \\boxed{5}."]},
        {"id": "a-1", "generator": "Qwen2-7B-Instruct", "problem": APPLES, "label": -1, "final_answer_correct": True,
         "steps": ["There are 3 * 4 = 12 apples.", "12 - 2 = 10 are left.\nThe answer is \\boxed{10}."]},
    ],
    "gsm8k-random-all": [
        {"query": APPLES, "response": "He has 3 * 4 = 12 apples.\nHe keeps 12 - 2 = 10 of them.\nThe answer is: 10",
         "backtrack_response": "He has 3 * 4 = grape<|BACKTRACK|>12 apples.\nHe keeps 12 - 2 = 10 of them.\nThe answer is: 10"},
    ],
    "gsm8k-self-correct": [
        {"question": APPLES, "answer": "There are 3*4=<<3*4=12>>12 apples.\nSo 12-2=<<12-2=10>>10 are left.\n#### 10",
         "mistake": "There are 3 bags.\nThere are 3 * 4 = 14 apples.", "correct_end": "Wait, that is wrong.\n3 * 4 = 12.\nSo 12 - 2 = 10 are left."},
        {"question": PENS, "answer": "5", "mistake": "The pens cost 8 dollars.", "correct_end": "They cost 5 * 3 = 15.\n20 - 15 = 5. The answer is 5."},
    ],
    "countdown-backtracking": [
        {"nums": [15, 12, 3], "target": 33, "search_path": "15 + 12 = 27\n<backtrack>"},
        {"nums": [15, 12, 3], "target": 33, "search_path": "15 * 3 = 45\n45 - 12 = 33\nGoal Reached"},
        {"nums": [2, 9, 5], "target": 23, "search_path": "Exploring Operation: 9*2=18, Resulting Numbers: [5, 18]\nExploring Operation: 18-5=13\n<backtrack>"},
    ],
    "openr1-math-220k": [
        {"problem": APPLES, "answer": "10", "solution": "3*4-2=10", "source": "olympiads", "uuid": "1",
         "generations": [think(_WRONG, "\\boxed{5}"), think(_RIGHT, _WRITEUP)],
         "correctness_math_verify": [False, True], "is_reasoning_complete": [True, True]},
        {"problem": PENS, "answer": "5", "generations": [think("5 * 3 = 15, and 20 - 15 = 5.", "She pays 15.\n\n\\boxed{5}")],
         "correctness_math_verify": [True], "is_reasoning_complete": [True]},
    ],
    "s1k-1.1": [
        {"question": APPLES, "solution": "10", "cot_type": "math", "deepseek_thinking_trajectory": _RIGHT,
         "deepseek_attempt": _WRITEUP, "deepseek_grade": "Yes"},
    ],
    "s1k": [{"question": APPLES, "solution": "10", "thinking_trajectories": [_RIGHT], "attempt": _WRITEUP}],
    "o1-journey": [{"idx": 1, "question": APPLES, "answer": "10", "longCOT": f"{_RIGHT}\n\nTherefore the final answer is $10$."}],
    "openthoughts3": [
        {"difficulty": 8, "source": "x", "domain": "math",
         "conversations": [{"from": "human", "value": APPLES}, {"from": "gpt", "value": think(_RIGHT, _WRITEUP)}]},
    ],
    "mixture-of-thoughts": [{"messages": _CHAT, "num_tokens": 100, "source": "open-r1/OpenR1-Math-220k"}],
    "lemma": [
        {"instruction": APPLES, "input": "", "output": "There are 3 * 4 = 14 apples.\nWait, I made a mistake: 3 * 4 is 12.\n"
         "So there are 12 apples.\n12 - 2 = 10 are left.\nThe answer is 10."},
    ],
    "journeys": [
        {"question": APPLES, "answer": "10", "licence": "cc-by-4.0", "author": "A. Teacher", "journey": [
            {"role": "step", "text": "There are 3 bags with 4 apples."},
            {"role": "mistake", "text": "So there are 3 + 4 = 7 apples.", "kind": "wrong operation", "reason": "bags are not apples"},
            {"role": "notice", "text": "That adds bags to apples."},
            {"role": "backtrack", "text": "Back to the bags."},
            {"role": "correction", "text": "There are 3 * 4 = 12 apples."},
            {"role": "step", "text": "12 - 2 = 10 are left."},
            {"role": "check", "text": "10 + 2 = 12."}]},
        {"question": PENS, "answer": "#### 5", "licence": "cc-by-4.0", "shortcut": ["5 * 3 = 15.", "20 - 15 = 5."], "journey": [
            {"role": "mistake", "text": "5 * 3 = 18."}, {"role": "notice", "text": "No, 18 is 6 * 3."},
            {"role": "correction", "text": "5 * 3 = 15."}, {"role": "step", "text": "20 - 15 = 5."}]},
    ],
    "thinking": [{"problem": APPLES, "gtruth_answer": "10", "message_thinking": _RIGHT, "message_content": _WRITEUP}],
    "messages": [{"messages": _CHAT, "answer": "10", "licence": "MIT", "source": "mine"}],
    "conversations": [{"conversations": [{"from": "human", "value": APPLES}, {"from": "gpt", "value": think(_RIGHT, _WRITEUP)}]}],
}  # fmt: skip
BY_NAME_ALONE = {"lemma"}  # its fields are those of any instructions


def write(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    """Rows as a jsonl file."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def read(name: str, rows: Iterable[Mapping[str, Any]] | None = None, **settings: Any) -> list[ImportedProblem]:
    """The questions of rows (default: those of the data set above)."""
    with TemporaryDirectory() as folder:
        path = write(Path(folder) / "rows.jsonl", ROWS[name] if rows is None else rows)
        return list(TraceTable(str(path), {}, ImportSettings(format=name, **settings)).problems())


def told(
    name: str, rows: Iterable[Mapping[str, Any]] | None = None, *, seed: int = 0, attempt: int = 0, **settings: Any
) -> list[MadePair | Rejection]:
    """What is made of the questions of rows."""
    chosen = ImportSettings(format=name, **settings)
    return [pairs.make(each, named(name), chosen, seed, attempt) for each in read(name, rows, **settings)]


@cache
def made(name: str, attempt: int = 0) -> tuple[MadePair, ...]:
    """The pairs of the rows above."""
    return tuple(each for each in told(name, attempt=attempt) if isinstance(each, MadePair))
