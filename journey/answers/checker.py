"""The answer checker: take the final answer out of a model's output and compare it with the gold answer.

    grade("18", "<think>... \\boxed{17}? no</think> So \\boxed{18}.")     -> (Outcome.SAME, Extracted("18", "box"))

Extraction (`extract`) reads only what follows the last `</think>` of the first turn, and there the last `\\boxed{`; an
unfinished one is no answer, and no number is ever picked from prose. Comparison (`compare`, `explain`), gold first, reads both
texts as objects (`journey.answers.reading`): "different" needs a proof that both were read, "same" a proof that they are
equal, all else is undecided. Numbers are fractions, a unit on one side alone is left out, nothing is converted, a percent sign
never rescales, lists have no order and points have one, an equation is never compared by its real solutions. What is not read goes
to math-verify in a process of its own, which can only say "same". `docs/answers.md` has the rules of every kind.

`CHECKER_VERSION` changes whenever an outcome may; scores are stored with it.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from journey.answers.comparing.outcomes import Judgement, Outcome
from journey.answers.equivalence import judge
from journey.answers.numerals import number
from journey.answers.reading.tokens import ANSI
from journey.errors import JourneyError

__all__ = ["CHECKER_VERSION", "Extracted", "Outcome", "compare", "extract", "grade", "number"]

CHECKER_VERSION = "2"


@dataclass(frozen=True)
class Extracted:
    """A final answer, or None, and where it was found or why there is none."""

    answer: str | None
    why: str
    end: int = field(default=0, compare=False, repr=False)  # where its box ends


_BOX = re.compile(r"\\(?:boxed|fbox|framebox)\s*\{")
# TeX boxes one character then: of "\\boxed 18" it would be the 1, which nobody meant.
_BARE_BOX = re.compile(r"\\(?:boxed|fbox|framebox) +(\d)(?![\w/]|[.,]\d)")
_BRACES = re.compile(r"\\.|[{}]", re.DOTALL)
_STATED = re.compile(
    r"(?P<sentence>\b[Aa](?:nswer|NSWER)\b[*_]*[ \t]*(?:is\b|=|:))"
    r"|(?P<line>^[ \t]*\**A\**:)"
    r"|(?P<hashes>^[ \t]*####(?=(?P<value>.*)))"
    r"|(?P<heading>^[ \t]*(?:#{1,6}[ \t]*\**|\*\*)(?:The[ \t]+)?(?:[Ff]inal[ \t]+)?[Aa]nswer[*_:]*[ \t]*\n(?=[ \t\r\n]*\S))",
    re.MULTILINE,
)
_SENTENCE_END = re.compile(r"[.!?;](?=\s)|,? (?:because|since|so|which)\b|,(?= [A-Za-z]{2})| \((?=[A-Za-z]{2})")
_THOUGHTS = "think|thinking|reasoning|thought|scratchpad"
_THOUGHT_END = re.compile(f"</(?:{_THOUGHTS})>")
_THOUGHT_START = re.compile(f"<(?:{_THOUGHTS})>")
_ANSWER_TAG = re.compile(r"<answer>((?:(?!<answer>).)*?)</answer>", re.DOTALL)
_TURN_TOKENS = (
    r"<\|(?:im_start|im_end|endoftext|eot_id|user|end|start_header_id)\|>|<start_of_turn>|<end_of_turn>|\[INST\]"
    r"|<\uff5cUser\uff5c>"
)
TURN_TOKEN = re.compile(_TURN_TOKENS)  # what chat templates write between turns, one token in most vocabularies
_TURN = re.compile(
    r"^[ \t]*(?:#+[ \t]*|\*\*)?(?:Question|Q|Human|User|Problem|Instruction)(?:[ \t]*\d+)?(?:\*\*)?:|" + _TURN_TOKENS,
    re.MULTILINE,
)
_TURNS_TRIED = 6  # places where a new turn may begin; a text with more of them before its first answer is read whole
_JOINED = re.compile(
    r"(?=[^,;]*(?:,|;|\band\b|\bor\b))"
    r"(?:[\s$,;&]|\\[()\[\],;: ]|\\q?quad|\b(?:and|or)\b|\\text\{[ ,]*(?:and|or)?[ ,]*\}|[A-Za-z](?:_\{?\w\}?)?\s*=(?!=))+"
)
_NAMED_BOX = re.compile(r"([A-Za-z](?:_\{?\w\}?)?)\s*=\s*\$?\s*$")
_LETTER = re.compile(r"\(?[A-HJ-Z]\)?[.:]?|(?:\([A-Z]\)|[A-Z][.:)])[ \t].*")  # not "A total of 18"
_OR = re.compile(r"\bor\b")
MAX_HEADINGS = 100  # lines of hashes without a number, from the end, that are tried
MAX_BOXES = 24  # of one list


@lru_cache(maxsize=64)
def extract(text: str) -> Extracted:
    """The final answer of a model's output, remembered for the next to ask: who grades an answer, and who looks for its mistakes.

    What a model writes after its answer as a new question of its own (`Question:`, `Human:`, a turn marker) does not
    count. Only the part after the last `</think>` (`</reasoning>`, `</thinking>`) counts, or the whole text where there is
    no such tag; an opened and never closed one has no answer. (Where the prompt opened the tag, put it before the output,
    or an output cut off while thinking looks like an answer.) There the last `<answer>...</answer>` wins, then the last
    `\\boxed{` (or `\\fbox{`), which has none if it is not closed; boxes joined by commas, "and" or `x=` are one list, and a
    letter stated after a box is the choice that the box was worked for. (One digit behind `\\boxed ` without braces is a box
    where there is no other.) Without any box: the last "answer is ...",
    "Answer: ...", line `A: ...`, line `#### NUMBER`, or line under a heading `Answer`.
    """
    return _extract(text[: turn_end(text)])


def turn_marked(text: str) -> bool:
    """Whether a text has a mark of another turn anywhere, with or without an answer before it."""
    return _TURN.search(text) is not None


def turn_end(text: str) -> int | None:
    """Where a new question or turn begins that a model writes after an answer of its own; None where it does not."""
    for match in itertools.islice(_TURN.finditer(text), _TURNS_TRIED):
        ending = _THOUGHT_END.search(text, match.end())
        if ending is not None and _THOUGHT_START.search(text, match.end(), ending.start()) is None:
            continue  # within thoughts
        if _extract(text[: match.start()]).answer is not None:
            return match.start()
    return None


def _extract(text: str) -> Extracted:
    """The final answer of one turn."""
    ends = list(_THOUGHT_END.finditer(text))
    part = text[ends[-1].end() :] if ends else text
    if _THOUGHT_START.search(part):
        return Extracted(None, "thinking not finished")
    part = ANSI.sub("", part) if "\x1b" in part else part
    if "<answer>" in part:
        tags = _ANSWER_TAG.findall(part)
        if not tags:
            return Extracted(None, "answer tag not closed")
        part = tags[-1]
        if not _BOX.search(part) and not _STATED.search(part):
            content = part.strip("*_` \t\r\n")
            return Extracted(content, "answer tag") if content else Extracted(None, "answer tag is empty")
    boxes = list(_BOX.finditer(part))
    stated = _last_stated(list(_STATED.finditer(part)))
    if boxes:
        boxed = _boxed_answer(part, boxes)
        if boxed.answer is not None and stated is not None and stated.start() > boxes[-1].end():
            letter = _stated_answer(part, stated)
            if letter.answer is not None and "boxed" not in letter.answer and _LETTER.fullmatch(letter.answer):
                return letter
        return boxed
    if bare := _BARE_BOX.findall(part):
        return Extracted(bare[-1], "box without braces")
    return _stated_answer(part, stated) if stated else Extracted(None, "no answer stated")


def _last_stated(heads: list[re.Match[str]]) -> re.Match[str] | None:
    """The last place where an answer is stated. A line of hashes without a number is a Markdown heading."""
    headings = 0
    for head in reversed(heads):
        if not head["hashes"]:
            return head
        if headings < MAX_HEADINGS:  # reading each of a megabyte of them as a number takes long
            if number(head["value"]) is not None:
                return head
            headings += 1
    return None


def _stated_answer(text: str, head: re.Match[str]) -> Extracted:
    kind = next(name for name, group in head.groupdict().items() if group)
    line = (
        text[head.end() :].lstrip("*_: \t" if kind == "line" or kind == "hashes" else "*_: \t\r\n").partition("\n")[0]
    )
    if kind in ("sentence", "heading"):
        line = _SENTENCE_END.split(line, maxsplit=1)[0]
    answer = line.strip("*_` \t\r").rstrip(".!?*_` ")
    return Extracted(answer, f"stated ({kind})") if answer else Extracted(None, "stated answer is empty")


def _boxed_answer(text: str, boxes: Sequence[re.Match[str]]) -> Extracted:
    """The last box, with the boxes before it that it is one list with."""
    last = _box_content(text, boxes[-1].end())
    if last.answer is None or len(boxes) == 1:
        return last
    contents, names, start = [last.answer], [_NAMED_BOX.search(text[: boxes[-1].start()][-20:])], boxes[-1].start()
    for box in reversed(boxes[-MAX_BOXES:-1]):
        content = _box_content(text, box.end())
        end = content.end
        if content.answer is None or end > start or not _JOINED.fullmatch(text, end, start):
            break
        again = _OR.search(text, end, start) and compare(content.answer, contents[-1], timeout=0) is Outcome.SAME
        if not again:  # "15 39/40, or 639/40" is one answer in two forms
            contents.append(content.answer)
            names.append(_NAMED_BOX.search(text[: box.start()][-20:]))
        start = box.start()
    if all(names):
        contents = [f"{name[1]}={content}" for name, content in zip(names, contents, strict=True) if name]
    return Extracted(", ".join(reversed(contents)), "box") if len(contents) > 1 else last


def _box_content(text: str, start: int) -> Extracted:
    depth = 1
    for match in _BRACES.finditer(text, start):
        depth += {"{": 1, "}": -1}.get(match[0], 0)
        if depth == 0:
            content = text[start : match.start()].strip()
            return Extracted(content, "box", match.end()) if content else Extracted(None, "last box is empty")
    return Extracted(None, "last box not closed")


def grade(gold: str, output: str) -> tuple[Outcome | None, Extracted]:
    """Extract and compare. The outcome is None where the output has no answer."""
    extracted = extract(output)
    return (None if extracted.answer is None else compare(gold, extracted.answer)), extracted


def compare(gold: str, answer: str, *, timeout: float = 0.8) -> Outcome:
    """Whether an answer equals the gold answer; the rules are at the top of this module.

    `timeout` bounds the seconds that math-verify gets. Where the checker itself fails, the answer is undecided (`judged`
    raises). Raises JourneyError if math-verify's process cannot be started.
    """
    try:
        return judged(gold, answer, timeout=timeout)
    except (JourneyError, MemoryError):
        raise
    except Exception:  # noqa: BLE001 - one answer must never end the grading of all the others
        return Outcome.UNDECIDED


def judged(gold: str, answer: str, *, timeout: float = 0.8) -> Outcome:
    """As `compare`, and an error of the checker itself is raised: for callers that count them."""
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
