"""The guard of rewrites: what a piece of a trace says must stay what it is, whatever the words.

Of every piece the equations with their values, the signs and the numbers are compared with what they were, where no equation holds them
in their order too. A number that a rewrite adds has to be one of the piece or of the question, in a mistake none that its correction
gives, in a step none that the trace comes to. What doubts goes on doubting, as surely as it did; a way back goes back, a check that passes
passes, a notice approves of nothing, what is no doubt becomes none, and a mistake does not say what is wrong with it. No piece may speak
of an answer that did not before, and the answer itself is not rewritten at all. It reads words (`lexicon`), not meaning: it rejects some
good rewrites, such as three times four for `3 * 4 = 12`, and misses what needs no such word. What it rejects is counted by the first
reason.

    loss(segment, "Hmm, 3 * 14 is 42, not 45.")     # None, or a word: mistake_changed, notice_changed, number_changed, ...
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from fractions import Fraction
from typing import NamedTuple

from journey.answers.equations import equations
from journey.answers.exact import NotANumber, evaluate
from journey.answers.prose_numbers import number_words, numerals
from journey.generate.asking import lexicon
from journey.schema import Role, Segment, Trace

_NAMED: tuple[Role, ...] = ("mistake", "notice", "correction")
_ORDERED: tuple[Role, ...] = ("consequence", "notice", "backtrack", "check")  # whose calculations need not be equations
_ROOM, _TIMES = 120, 4  # characters that a rewrite may add, and times that it may be as long
Numbers = list[tuple[Fraction | tuple[Fraction, ...], bool]]


def loss(
    segment: Segment, text: str, question: str = "", corrected: Collection[Fraction] = (), final: Fraction | None = None
) -> str | None:
    """What a rewrite of a piece loses or changes, in one word; None where it says the same.

    Numbers of the `question` may be told anew, in a mistake but for those that its correction gives (`corrected`), and in no step
    the one that the trace comes to (`final`).
    """
    before, text = (each.replace("\u2019", "'") for each in (segment.text, text))
    if not text.strip():
        return f"{segment.role}_lost" if segment.role in _NAMED else "piece_lost"
    if lexicon.MARKUP.search(text):
        return "markup"
    if len(text) > _TIMES * len(before) + _ROOM:
        return "too_long"
    if text.split() == before.split():
        return None
    was, now = _equations(before), _equations(text)
    if any(not true for (_, _, true), _ in (now - was).items()):
        return "equation_false"
    known = _numbers(question)
    if segment.role in ("mistake", "consequence"):
        known = [number for number in known if number[0] not in corrected]
    if segment.role in ("step", "correction", "mistake"):
        known = [number for number in known if number[0] != final]
    changed = None
    was += now - was if all(_written(each, before) for each in now - was) else Counter()
    if was != now or lexicon.SIGN.findall(before) != lexicon.SIGN.findall(text):
        changed = "equation_changed"
    elif not _same_numbers(segment.role, before, text, known):
        changed = "number_changed"
    elif _tells_answer(segment.role, before, text):
        changed = "answer_added"
    elif (segment.role not in _ORDERED and _exchanged(before, text)) or _turned(before, text):
        changed = "words_exchanged"
    elif segment.role == "backtrack" and not _goes_back(before, text):
        changed = "way_back_lost"
    elif not _same_stance(segment.role, before, text):
        changed = "doubt_changed"
    return f"{segment.role}_changed" if changed and segment.role in _NAMED else changed


def trace_loss(trace: Trace, texts: Sequence[str], question: str = "") -> str | None:
    """The first loss of a rewritten trace; `texts` are those of all pieces but the answer."""
    fixed = [each.text for each in trace.segments if each.role == "correction"]
    corrected = {equation.claimed for text in fixed for equation in equations(text)}
    reached = [equation.claimed for each in trace.segments[-2:-1] for equation in equations(each.text)]
    final = reached[-1] if reached else None
    for segment, text in zip(trace.segments[:-1], texts, strict=True):
        found = loss(segment, text, question, corrected, final)
        if found is not None:
            return found
    return None


def _equations(text: str) -> Counter[tuple[tuple[str, ...], Fraction, bool]]:
    """The equations of a text by calculation, value and whether they are true."""
    return Counter((each.tokens, each.claimed, each.true) for each in equations(text))


def _written(equation: tuple[tuple[str, ...], Fraction, bool], text: str) -> bool:
    """Whether an equation stands there, in words among which it was not read as one (`$22 (with transport)`)."""
    tokens, claimed, _ = equation
    return f"{''.join(tokens)}={claimed}" in re.sub(r"[\s$,]", "", text)


def _numbers(text: str) -> Numbers:
    """The numbers of a text in order, in digits and in words, each with whether it is a percentage."""
    plain = lexicon.NO_NUMBER.sub(lambda match: " " * len(match[0]), text)
    found: list[tuple[int, tuple[Fraction | tuple[Fraction, ...], bool]]] = [
        (each.start, (each.value, each.percent)) for each in numerals(plain)
    ]
    found += [(each.start, (each.values, False)) for each in number_words(plain)]
    return [number for _, number in sorted(found, key=lambda one: one[0])]


def _same_numbers(role: Role, before: str, text: str, known: Numbers) -> bool:
    """Whether all numbers of a piece are there, as they belong together, and those beside them are its own or known."""
    was, now, waiting = _numbers(before), _numbers(text), iter(_numbers(text))
    in_order = role in _ORDERED and not lexicon.TOGETHER.search(before)
    kept = all(number in waiting for number in was) if in_order else not Counter(was) - Counter(now)
    told = {(value, percent) for values, percent in [*was, *known] for value in _values(values)}
    added = any(all((value, percent) not in told for value in _values(values)) for values, percent in now)
    if lexicon.TWO.search(text) and not lexicon.TWO.search(before):
        added = added or (Fraction(2), False) not in told
    pairs = Counter(lexicon.TOGETHER.findall(text)) - Counter(lexicon.TOGETHER.findall(before))
    return kept and not added and not pairs and _glued(before) == _glued(text) and not _says_otherwise(before, text)


def _says_otherwise(before: str, text: str) -> bool:
    """Whether a calculation is said to give what it does not, and was not said so before: `35 * 11 is 95`."""
    was, now = (set(lexicon.PRODUCT.findall(each)) for each in (before, text))
    if was and now and was != now:
        return True
    new = set(lexicon.SAID.findall(text)) - set(lexicon.SAID.findall(before))
    try:
        return any(evaluate(calculation) != evaluate(value) for calculation, value in new)
    except NotANumber:  # a division by zero
        return True


def _glued(text: str) -> Counter[str]:
    """Calculations that are written without blanks."""
    return Counter(each.strip(".,:;") for each in lexicon.GLUED.findall(text))


def _values(number: Fraction | tuple[Fraction, ...]) -> tuple[Fraction, ...]:
    return number if isinstance(number, tuple) else (number,)


def _tells_answer(role: Role, before: str, text: str) -> bool:
    """Whether a rewrite speaks of an answer, or of a value as the one that is asked for, where the piece does not."""
    if _more(lexicon.ANSWER, before, text):
        return True
    if role == "plan":
        return lexicon.CALCULATES.search(text) is not None and lexicon.CALCULATES.search(before) is None
    return role != "notice" and lexicon.AS_GOAL.search(text) is not None and lexicon.GOAL.search(before) is None


def _exchanged(before: str, text: str) -> bool:
    """Whether two numbers have exchanged words that follow them: `$3 in the morning, $2 at noon`."""
    shared = _words(before) & _words(text)
    was, now = _followers(before, shared), _followers(text, shared)
    both = [number for number in was if number in now]
    moved = {
        (one, other)
        for one in both
        for other in both
        if (was[one] - was[other]) & (now[other] - now[one])  # words of the one that the other has got
    }
    return any((other, one) in moved for one, other in moved)


def _words(text: str) -> set[str]:
    return {word.lower() for word in lexicon.WORD.findall(text)}


def _followers(text: str, among: Collection[str]) -> dict[Fraction, set[str]]:
    """The words of these between each number, where it is first said, and the next number."""
    numbers = numerals(text)
    ends = [*(each.start for each in numbers[1:]), len(text)]
    found: dict[Fraction, set[str]] = {}
    for number, end in zip(numbers, ends, strict=False):
        found.setdefault(number.value, _words(text[number.end : end]) & set(among))
    return found


def _turned(before: str, text: str) -> bool:
    """Whether a word has lost or got the syllable that denies it (unripe and ripe), or what is left is said to be gone."""
    was, now = _words(before), _words(text)
    more = len(lexicon.DENIAL.findall(text)) - len(lexicon.DENIAL.findall(before))  # not covered is uncovered

    def denied(some: set[str], others: set[str]) -> bool:
        return any(f"{prefix}{word}" in some for word in others for prefix in lexicon.PREFIXES)

    if (
        lexicon.LEFT.search(before)
        and not lexicon.LEFT.search(text)
        and lexicon.GONE.search(text)
        and not lexicon.GONE.search(before)
    ):
        return True
    return (more <= 0 and denied(was - now, now - was)) or (more >= 0 and denied(now - was, was - now))


class _Stance(NamedTuple):
    """How often a text doubts, denies, says that something misses or is against something else, agrees, and leaves things open."""

    doubts: int
    denials: int
    misses: int
    contrasts: int
    agreements: int
    hedges: int

    @classmethod
    def of(cls, text: str) -> _Stance:
        """`not wrong` agrees, and `not right` doubts."""
        without, agreements = lexicon.NOT_WRONG.subn(" ", text)
        without, doubts = lexicon.NOT_RIGHT.subn(" ", without)
        doubts += len(lexicon.DOUBT.findall(without))
        doubts += sum(not lexicon.WHICH.search(asked) for asked in lexicon.ASKED.findall(text))
        denials, misses, contrasts = (
            len(words.findall(without)) for words in (lexicon.DENIAL, lexicon.MISSES, lexicon.CONTRAST)
        )
        agreements += len(lexicon.ASSENT.findall(lexicon.ASKED.sub(" ", without)))
        return cls(doubts, denials, misses, contrasts, agreements, len(lexicon.HEDGE.findall(text)))

    @property
    def against(self) -> int:
        """All that may speak against what was done."""
        return self.doubts + self.denials + self.misses


def _same_stance(role: Role, before: str, text: str) -> bool:
    """Whether a rewrite doubts where the piece did, and nowhere else, and comes to the same end."""
    was, now = _Stance.of(before), _Stance.of(text)
    match role:
        case "plan":
            return now.denials <= was.denials
        case "backtrack":
            if was.denials and not now.doubts + now.denials and lexicon.KEPT.search(text):
                return False
            return _unopened(lexicon.MENDS.sub(" ", text)).agreements <= was.agreements
        case "notice":
            as_surely = _still_notices(_unopened(before), _unopened(text)) and not _more(lexicon.OPEN, before, text)
            return as_surely and not _turns_sides(before, text)
        case "check":
            return _still_passes(before, text) and not _more(lexicon.OPEN, before, text)
    if role == "mistake" and (_more(lexicon.BUT, before, text) or _more(lexicon.SKIPS, before, text)):
        return False
    return _still_says(before, text) and now.hedges <= was.hedges and not _turns_sides(before, text)


def _unopened(text: str) -> _Stance:
    """The stance without a word that only opens: `Right, that is too much.`"""
    return _Stance.of(lexicon.OPENING.sub(" ", text, count=1))


def _still_notices(was: _Stance, now: _Stance) -> bool:
    """Whether a notice speaks against something, as surely as it did, and agrees with no more than it did."""
    if was.doubts + was.denials:
        against = now.doubts + now.denials + now.contrasts > 0
    else:
        against = now.against > 0 or (not was.against and (now.contrasts > 0 or not was.contrasts))
    return against and now.agreements <= was.agreements


def _still_passes(before: str, text: str) -> bool:
    """Whether a check comes to the end that all is well, where it did."""
    was, now = _Stance.of(before), _Stance.of(text)
    if lexicon.FAILS.search(text) and not lexicon.FAILS.search(before):
        return False
    if text.rstrip().endswith("?"):
        return before.rstrip().endswith("?")
    if now.agreements or lexicon.PASSES.search(lexicon.NOT_RIGHT.sub(" ", text)):
        return True
    if was.agreements or lexicon.PASSES.search(before):
        return False
    return now.against <= was.against or lexicon.AGAIN.search(text) is not None


def _still_says(before: str, text: str) -> bool:
    """Whether a step says what it did: no doubt, no `not` of what it comes to, and no `perhaps` but of a proposal."""
    was, now = _Stance.of(before), _Stance.of(text)
    if lexicon.PERHAPS.search(text) and not lexicon.PERHAPS.search(before) and not lexicon.PROPOSED.search(before):
        return False
    if now.doubts == 0 < was.doubts or (
        was.denials and not now.against + now.contrasts + len(lexicon.NEGATED.findall(text))
    ):
        return False
    doubted = _more(lexicon.DOUBT, before, text) if "?" in before else now.doubts > was.doubts
    may_be_denied = was.denials + was.misses + len(lexicon.NEGATED.findall(before))
    return not doubted and _Stance.of(_from_value_on(text)).denials <= may_be_denied


def _more(words: re.Pattern[str], before: str, text: str) -> bool:
    """Whether a rewrite has more of some words."""
    return len(words.findall(text)) > len(words.findall(before))


def _turns_sides(before: str, text: str) -> bool:
    """Whether what was above is below."""
    was, now = _sides(before), _sides(text)
    return bool(was and now and not was & now)


def _from_value_on(text: str) -> str:
    """The text from the first clause on that has an equation or its value: before it, a `not` says nothing about it."""
    values = {equation.claimed for equation in equations(text)}
    parts = re.split(r"(?<=[,.;:!?] )", text)
    first = next(
        (n for n, each in enumerate(parts) if "=" in each or any(x.value in values for x in numerals(each))), 0
    )
    return "".join(parts[first:])


def _sides(text: str) -> set[bool]:
    """Whether a text says that something is higher, or lower, than something else."""
    return {bool(high) for high, _ in lexicon.SIDES.findall(text)}


def _goes_back(before: str, text: str) -> bool:
    """Whether a way back still goes back, or rejects what was done, or says that something is left, where it did."""
    if lexicon.BACK.search(text) or (_Stance.of(before).against and _Stance.of(text).against):
        return True
    return lexicon.BACK.search(before) is None and (
        lexicon.ONWARD.search(text) is not None or _Stance.of(text).against > 0
    )
