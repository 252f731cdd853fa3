"""The answer checker: take the final answer out of a model's output and compare it with the gold answer.

    grade("18", "<think>... \\boxed{17}? no</think> So \\boxed{18}.")     -> (Outcome.SAME, Extracted("18", "box"))

Extraction (`extract`) reads only what follows the last `</think>`, and there the last `\\boxed{`; an unfinished one is no
answer, and no number is ever picked from prose. AnswerComparison (`compare`) is exact, gold first:

- Numbers are fractions: 0.5 is 1/2, and 0.333 is not 1/3. A unit that only one side has is ignored ("5 dollars" is 5);
  two different units are undecided.
- A percent sign is such a unit and never rescales: 50% is 50; 50% against 0.5 is undecided, because whether a
  percentage was asked for cannot be seen from the answers.
- Lists and `\\{sets\\}` have no order; tuples, intervals and matrices do, and their kinds of bracket are compared: (1,2) is
  not [1,2]. A bare list against a tuple is undecided.
- `x=3` is 3; `x=3` is not `y=3`; `2+2=5` is no answer.
- Words are compared as words; "not even" against "even" is undecided.
- What is left goes to math-verify in a process of its own (`journey.answers.checker.mathworker`); decimals inside an expression count
  to 12 places. What it cannot read within the time, and anything too long, too deep or too big, is undecided: never
  silently right or wrong.

`CHECKER_VERSION` changes whenever an outcome may; scores are stored with it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from journey.answers.equivalence import Judgement, Outcome, judge
from journey.answers.numerals import ANSI, number

__all__ = ["CHECKER_VERSION", "Extracted", "Outcome", "compare", "extract", "grade", "number"]

CHECKER_VERSION = "2"


@dataclass(frozen=True)
class Extracted:
    """A final answer, or None, and where it was found or why there is none."""

    answer: str | None
    why: str


_BOX = re.compile(r"\\(?:boxed|fbox)\s*\{")
_BRACES = re.compile(r"\\.|[{}]", re.DOTALL)
_STATED = re.compile(
    r"(?P<sentence>\b[Aa](?:nswer|NSWER)\b[*_]*[ \t]*(?:is\b|=|:))"
    r"|(?P<line>^[ \t]*\**A\**:)"
    r"|(?P<hashes>^[ \t]*####(?=(?P<value>.*)))",
    re.MULTILINE,
)
_SENTENCE_END = re.compile(r"[.!?;](?=\s)|,? (?:because|since|so|which)\b|,(?= [A-Za-z]{2})| \((?=[A-Za-z]{2})")


def extract(text: str) -> Extracted:
    """The final answer of a model's output.

    Only the part after the last `</think>` counts, or the whole text where there is no such tag; an opened and never
    closed `<think>` has no answer. (Where the prompt opened the tag, put it before the output, or an output cut off while
    thinking looks like an answer.) There the last `\\boxed{` (or `\\fbox{`) wins, and has none if it is not closed. Without
    any box: the last "answer is ...", "Answer: ...", line `A: ...` or line `#### NUMBER`.
    """
    part = text.rpartition("</think>")[2]
    if "<think>" in part:
        return Extracted(None, "thinking not finished")
    part = ANSI.sub("", part) if "\x1b" in part else part
    boxes = list(_BOX.finditer(part))
    if boxes:
        return _box_content(part, boxes[-1].end())
    # A line of hashes without a number is a Markdown heading.
    stated = [match for match in _STATED.finditer(part) if not match["hashes"] or number(match["value"]) is not None]
    return _stated_answer(part, stated[-1]) if stated else Extracted(None, "no answer stated")


def _stated_answer(text: str, head: re.Match[str]) -> Extracted:
    kind = next(name for name, group in head.groupdict().items() if group)
    line = text[head.end() :].lstrip("*_: \t\r\n" if kind == "sentence" else "*_: \t").partition("\n")[0]
    if kind == "sentence":
        line = _SENTENCE_END.split(line, maxsplit=1)[0]
    answer = line.strip("*_` \t\r").rstrip(".!?*_` ")
    return Extracted(answer, f"stated ({kind})") if answer else Extracted(None, "stated answer is empty")


def _box_content(text: str, start: int) -> Extracted:
    depth = 1
    for match in _BRACES.finditer(text, start):
        depth += {"{": 1, "}": -1}.get(match[0], 0)
        if depth == 0:
            content = text[start : match.start()].strip()
            return Extracted(content, "box") if content else Extracted(None, "last box is empty")
    return Extracted(None, "last box not closed")


def grade(gold: str, output: str) -> tuple[Outcome | None, Extracted]:
    """Extract and compare. The outcome is None where the output has no answer."""
    extracted = extract(output)
    return (None if extracted.answer is None else compare(gold, extracted.answer)), extracted


def compare(gold: str, answer: str, *, timeout: float = 0.8) -> Outcome:
    """Whether an answer equals the gold answer; the rules are at the top of this module.

    `timeout` bounds the seconds that math-verify gets. Raises JourneyError if its process cannot be started.
    """
    return explain(gold, answer, timeout=timeout).outcome


def explain(gold: str, answer: str, *, timeout: float = 0.8) -> Judgement:
    """`compare` with the reason."""
    gold, answer = gold.strip(), answer.strip()
    if gold == answer:
        return Judgement(Outcome.SAME, "the same text") if gold else Judgement(Outcome.UNDECIDED, "both are empty")
    if _is_plain(gold) and _is_plain(answer):
        if int(gold) == int(answer):
            return Judgement(Outcome.SAME, "the same value")
        return Judgement(Outcome.DIFFERENT, "another value")
    return judge(gold, answer, timeout)


def _is_plain(text: str) -> bool:
    """Whether a text is a short integer in ASCII digits: nearly all answers, compared in a microsecond."""
    return len(text) < 20 and text.isascii() and text.removeprefix("-").isdecimal()
