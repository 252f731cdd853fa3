"""Gold answers: read out of a solution, and checked against the answer checker before anything is sampled.

A gold that the checker cannot read makes every right answer undecided, and an undecided answer scores nothing; so it is
found here and named. A gold is read where something that is surely wrong (another number, the gold with a digit changed)
is found different, and where the gold in another spelling (spaces, display style, growing brackets) is found the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from journey.answers import checker, choices
from journey.answers.checker import Outcome
from journey.errors import UsageError
from journey.formats.plan import GoldIssue, GoldsRead
from journey.numbers import percent, plural
from journey.schema import Problem

MOST_UNREAD = 0.05  # of a user's own file: above it the evaluation is refused
MOST_LISTED = 10
MOST_ASKED = 1000  # golds that are no plain numbers; of more, so many at equal distances
_OTHER = "987654321.125"
_PLAIN = re.compile(r"-?\d{1,15}(?:\.\d{1,15})?", re.ASCII)
_NO_ANSWER = re.compile(
    r"(?:the )?proof\.?|see (?:the )?solution\.?|not found|unknown|none|null|n/?a|tbd|\?+|-+", re.IGNORECASE
)
_STATED_IN = ("box", "answer tag", "stated (sentence)", "stated (heading)")
_HASHES = re.compile(r"####[ \t]*(\S[^\n]*?)\s*\Z")


def read_gold(text: str) -> str | None:
    """The answer that a solution states: behind `####` in its last line, in its last box, or after "the answer is".

    None for a text that states none, which may be an answer itself.
    """
    hashes = _HASHES.search(text)
    if hashes is not None:
        return hashes[1]
    extracted = checker.extract(text)
    return extracted.answer if extracted.why in _STATED_IN else None


def check_golds(problems: Sequence[Problem]) -> GoldsRead:
    """What the checker makes of the golds of problems that are judged by value or by option; the first few are named."""
    judged = [problem for problem in problems if problem.check == "value"]
    asked = [problem for problem in judged if not _PLAIN.fullmatch(problem.answer)]
    step = max(1, -(-len(asked) // MOST_ASKED))
    sampled = asked[::step]
    issues = [issue for issue in map(_issue, sampled) if issue is not None]
    unread = len(issues) * step
    return GoldsRead(len(judged), min(unread, len(judged)), tuple(issues[:MOST_LISTED]), len(asked) - len(sampled))


def _issue(problem: Problem) -> GoldIssue | None:
    gold = problem.answer
    why = ""
    if _NO_ANSWER.fullmatch(gold):
        why = "says that there is no answer"
    elif not any(checker.compare(gold, other) is Outcome.DIFFERENT for other in _surely_wrong(gold)):
        why = "cannot be read"
    else:
        spelled = next((one for one in _respelled(gold) if checker.compare(gold, one) is not Outcome.SAME), None)
        why = "" if spelled is None else f"is not found equal to {_short(spelled)}"
    return GoldIssue(_short(problem.question), _short(gold), why) if why else None


def _surely_wrong(gold: str) -> Iterable[str]:
    yield _OTHER
    if not re.search(r"\d", gold):
        yield "\\text{zebra}"
    if is_choice(gold):
        yield re.sub(r"(?<![A-Za-z])[A-Z](?![A-Za-z])", lambda letter: "B" if letter[0] == "A" else "A", gold, count=1)
    changed = re.sub(r"\d", lambda digit: str((int(digit[0]) + 1) % 10), gold, count=1)
    if changed != gold:
        yield changed


def _respelled(gold: str) -> Iterable[str]:
    """The gold in other spellings, each of which says the same."""
    changes: tuple[Callable[[str], str], ...] = (
        lambda text: text.replace("\\frac", "\\dfrac"),
        lambda text: re.sub(r"(?<![\\A-Za-z])([(\[])", r"\\left\1", re.sub(r"([)\]])", r"\\right\1", text)),
        lambda text: re.sub(r" ?([+=]) ?", r" \1 ", text),
    )
    for change in changes:
        if (other := change(gold)) != gold:
            yield other


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 60 else f"{line[:57]}..."


def refuse(name: str, golds: GoldsRead) -> None:
    """Raises UsageError for a set of which more than `MOST_UNREAD` of the golds cannot be judged by."""
    if golds.unread > MOST_UNREAD * golds.checked:
        raise UsageError(
            "\n".join(words(name, golds)),
            f"a right answer to these counts as undecided, and at most {MOST_UNREAD:.0%} may be so: map the field that holds the "
            "final answer (--map answer=FIELD), mend the file, or add --allow-golds",
        )


def words(name: str, golds: GoldsRead) -> list[str]:
    """What to tell of the golds of a benchmark; nothing where all were read."""
    if not golds.unread:
        return []
    share = percent(golds.unread / max(1, golds.checked))
    about = "about " if golds.left_out else ""
    first = f"{name}: {about}{plural(golds.unread, 'gold')} of {golds.checked:,} ({share}) cannot be judged:"
    lines = [f"  {issue.gold!r} {issue.why} ({issue.question})" for issue in golds.issues]
    more = golds.unread - len(golds.issues)
    return [first, *lines, *([f"  and {more:,} more"] if more > 0 else [])]


def is_choice(text: str) -> bool:
    """Whether a gold is a bare letter of an option, `C`, `(C)` or `\\text{(C)}`."""
    letter, rest = choices.letter_of(choices.plain(text), 0)
    return letter is not None and not rest and choices.plain(text).strip("(). ").isupper()
