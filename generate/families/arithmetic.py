"""Arithmetic in several steps, asked in symbols or in short sentences, with the graph of its quantities.

So that not every mistake is a puzzle's: quantities depend on one another, the solution is annotated as GSM8K's is
(`12 + 5 = <<12+5=17>>17`), and the same graph gives the terse notation. All values of a problem differ, so that every
number in it stands for one quantity.

    journey generate --family arithmetic@1 --method slips --pairs 1000 --out data/runs/arithmetic
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from journey.answers.grading import grade
from journey.generate.first_mistake import quantities
from journey.generate.protocols import FAMILIES
from journey.rng import rng_for
from journey.schema import FirstMistake, Problem, problem_id

_DRAWS = 10_000  # drafts for one problem before giving up; some 5 are needed


@dataclass(frozen=True)
class ArithmeticLevel:
    """One level: how many steps, the largest value, the operations and the largest factor."""

    steps: tuple[int, int]
    largest: int
    operations: str
    factor: int


LEVELS = {
    1: ArithmeticLevel((2, 3), 99, "+-*", 9),
    2: ArithmeticLevel((3, 5), 999, "+-*/", 19),
    3: ArithmeticLevel((4, 6), 99_999, "+-*/", 99),
}
HIGHEST_PRICE = 250  # dollars
BRIEF_LIMIT = 999  # the compact view has words for the integers up to this one

_NAMES = """
Mia Tom Ana Ben Lea Sam Zoe Max Ida Leo Amy Jan Eva Tim Nora Finn Ruth Omar Lily Hugo Maya Karl Rosa Yusuf Clara Ivan
Priya Noah Elena Kofi Greta Paul Aisha Felix Marta Diego
"""
_THINGS = """
shells marbles stamps cards books coins stickers pencils buttons beads badges photos postcards crayons ribbons magnets
stones feathers
"""
_GOODS = "pens notebooks mugs plants lamps scarves brushes candles plates posters baskets towels cups hats"
NAMES, THINGS, GOODS = _NAMES.split(), _THINGS.split(), _GOODS.split()
PLACES = (
    ("bakery", "rolls", "bakes", "sells"),
    ("library", "books", "buys", "lends out"),
    ("farm", "sheep", "buys", "sells"),
    ("garage", "tires", "orders", "uses"),
    ("school", "chairs", "orders", "gives away"),
    ("museum", "tickets", "prints", "sells"),
    ("nursery", "plants", "grows", "sells"),
    ("workshop", "toys", "makes", "ships"),
)
STORES = (("shelves", "books"), ("boxes", "candles"), ("rows", "chairs"), ("crates", "bottles"), ("trays", "cups"))
SIGN_WORDS = {"+": "plus", "-": "minus", "*": "times", "/": "divided by"}


class _Redraw(Exception):
    """The draft breaks a rule of its level."""


@dataclass
class Draft:
    """A problem in the making: sentences, steps and the value of every letter."""

    rng: Random
    rules: ArithmeticLevel
    values: dict[str, int] = field(default_factory=dict)
    brief: list[str] = field(default_factory=list)
    sentences: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    results: list[tuple[str, int]] = field(default_factory=list)  # letter, sentence that defines it

    def given(self, low: int = 2, high: int | None = None) -> str:
        """A letter for a number of the question."""
        high = min(high or self.rules.largest, self.rules.largest)
        return self._letter(self.rng.randint(low, high), None)

    def constant(self, low: int, high: int) -> int:
        """A number of the question that has no letter."""
        if low > high:
            raise _Redraw
        value = self.rng.randint(low, high)
        if value in self.values.values():
            raise _Redraw
        self.values[f"#{value}"] = value
        return value

    def step(self, left: str, sign: str, right: str | int, line: str, sentence: int) -> str:
        """A letter for a computed value; `line` is its line of the solution, with {calc} in it."""
        a, b = self.values[left], self.values[right] if isinstance(right, str) else right
        if sign == "/" and (b == 0 or a % b):
            raise _Redraw
        value = {"+": a + b, "-": a - b, "*": a * b, "/": a // b}[sign]
        letter = self._letter(value, f"{left} {sign} {right}")
        self.lines.append(line.format(calc=f"{a} {sign} {b} = <<{a}{sign}{b}={value}>>{value}", letter=letter))
        self.results.append((letter, sentence))
        return letter

    def say(self, sentence: str) -> int:
        """Adds a sentence to the question."""
        self.sentences.append(sentence)
        return len(self.sentences) - 1

    def _letter(self, value: int, expression: str | None) -> str:
        if not 2 <= value <= self.rules.largest or value in self.values.values():
            raise _Redraw
        letter = chr(ord("a") + sum(not name.startswith("#") for name in self.values))
        self.values[letter] = value
        self.brief.append(f"{letter} = {expression or value} ;")
        return letter

    def change(self, value: int, signs: str) -> tuple[str, int]:
        """A sign and a number that take `value` to something in range."""
        sign = self.rng.choice([each for each in signs if each in self.rules.operations])
        if sign == "+":
            return sign, self.constant(2, self.rules.largest - value)
        if sign == "-":
            return sign, self.constant(2, value - 2)
        if sign == "*":
            return sign, self.constant(2, min(self.rules.factor, self.rules.largest // max(value, 1)))
        divisors = [each for each in range(2, min(self.rules.factor, value // 2) + 1) if value % each == 0]
        if not divisors:
            raise _Redraw
        number = self.rng.choice(divisors)
        return sign, self.constant(number, number)


def _symbols(draft: Draft, steps: int) -> None:
    """`Let a = 12 and b = 5. Let c = a + b. What is c?`"""
    rng = draft.rng
    letters = [draft.given() for _ in range(rng.randint(1, 2))]
    opening = rng.choice(("Let {}.", "Suppose {}.", "Given: {}.", "We know that {}."))
    draft.say(opening.format(" and ".join(f"{each} = {draft.values[each]}" for each in letters)))
    lead = rng.choice(("Let {}.", "Then {}.", "Now {}.", "Take {}."))
    how = rng.choice(
        ("{letter} is {calc}.", "For {letter}, {calc}.", "We get {letter} from {calc}.", "{words}: {calc}.")
    )
    for _ in range(steps):
        left = rng.choice(letters[-2:])
        if len(letters) > 1 and rng.random() < 0.4:
            right: str | int = rng.choice([each for each in letters if each != left])
            sign = rng.choice([each for each in draft.rules.operations if each != "/"])
        else:
            sign, right = draft.change(draft.values[left], draft.rules.operations)
        letter = chr(ord("a") + len(letters))
        sentence = draft.say(lead.format(f"{letter} = {left} {sign} {right}"))
        line = how.replace("{words}", f"{{letter}} is {left} {SIGN_WORDS[sign]} {right}")
        letters.append(draft.step(left, sign, right, line, sentence))
    draft.say(rng.choice(("What is {}?", "Find {}.", "What is the value of {}?", "Compute {}.")).format(letters[-1]))


def _compare(draft: Draft, steps: int) -> None:
    """People who have more, fewer or several times as many things as others."""
    rng, things = draft.rng, draft.rng.choice(THINGS)
    verb = rng.choice(("has", "has", "collected", "found", "bought"))
    names = rng.sample(NAMES, steps + 1)
    letters = [draft.given(3)]
    draft.say(f"{names[0]} {verb} {draft.values[letters[0]]} {things}.")
    closing = rng.choice(("sum", "difference", "last")) if steps > 1 else "last"
    for index in range(1, steps + (closing == "last")):
        other = rng.randrange(max(0, index - 2), index)
        sign, number = draft.change(draft.values[letters[other]], "+-*/")
        who, than = names[index], names[other]
        text = {
            "+": f"{who} {verb} {number} more {things} than {than}.",
            "-": f"{who} {verb} {number} fewer {things} than {than}.",
            "*": f"{who} {verb} {number} times as many {things} as {than}.",
            "/": f"{than} {verb} {number} times as many {things} as {who}.",
        }[sign]
        letters.append(draft.step(letters[other], sign, number, f"{who} {verb} {{calc}} {things}.", draft.say(text)))
    have = {"has": "have"}.get(verb, {"collected": "collect", "found": "find", "bought": "buy"}.get(verb, verb))
    if closing == "last":
        draft.say(f"How many {things} {'does' if have == 'have' else 'did'} {names[steps]} {have}?")
        return
    first, second = sorted(rng.sample(range(len(letters)), 2), key=lambda person: -draft.values[letters[person]])
    do = "do" if have == "have" else "did"
    if closing == "sum":
        question = f"How many {things} {do} {names[first]} and {names[second]} {have} together?"
        line = f"Together {names[first]} and {names[second]} {have if do == 'do' else verb} {{calc}} {things}."
    else:
        question = f"How many more {things} {'does' if do == 'do' else do} {names[first]} {have} than {names[second]}?"
        line = f"{names[first]} {verb} {{calc}} more {things} than {names[second]}."
    draft.step(letters[first], "+" if closing == "sum" else "-", letters[second], line, draft.say(question))


def _stock(draft: Draft, steps: int) -> None:
    """A store of things that grows and shrinks."""
    rng = draft.rng
    place, things, gains, loses = rng.choice(PLACES)
    letter = draft.given(5)
    draft.say(f"A {place} has {draft.values[letter]} {things}.")
    when = ["On Monday", "On Tuesday", "On Wednesday", "On Thursday", "On Friday", "On Saturday"]
    for day in range(steps):
        sign, number = draft.change(draft.values[letter], "+-" if day % 2 or rng.random() < 0.6 else "*-")
        if sign == "*":
            text = f"{when[day]} a delivery brings it to {number} times as many {things}."
            line = f"{when[day]} it has {{calc}} {things}."
        elif sign == "+":
            text = f"{when[day]} it {gains} {number} more."
            line = f"{when[day]} the {place} has {{calc}} {things}."
        else:
            text = f"{when[day]} it {loses} {number} of them."
            line = f"{when[day]} there are {{calc}} {things} left."
        letter = draft.step(letter, sign, number, line, draft.say(text))
    draft.say(f"How many {things} does the {place} have after that?")


def _score(draft: Draft, steps: int) -> None:
    """Points in a game."""
    name = draft.rng.choice(NAMES)
    letter = draft.given(4)
    draft.say(f"{name} starts a game with {draft.values[letter]} points.")
    for _ in range(steps):
        sign, number = draft.change(draft.values[letter], "+-*/")
        text = {
            "+": f"Then {name} gains {number} points.",
            "-": f"Then {name} loses {number} points.",
            "*": f"A bonus multiplies the points by {number}.",
            "/": f"A penalty divides the points by {number}.",
        }[sign]
        letter = draft.step(letter, sign, number, f"{name} now has {{calc}} points.", draft.say(text))
    draft.say(f"How many points does {name} have in the end?")


def _purchase(draft: Draft, steps: int) -> None:
    """Goods at a price, a second kind, a coupon, a delivery fee."""
    rng, name = draft.rng, draft.rng.choice(NAMES)
    goods, others = rng.sample(GOODS, 2)
    price = draft.given(2, min(draft.rules.largest // 3, HIGHEST_PRICE))
    count = draft.constant(2, min(draft.rules.factor, draft.rules.largest // draft.values[price]))
    first = draft.say(f"{name} buys {count} {goods} at ${draft.values[price]} each.")
    total = draft.step(price, "*", count, f"The {goods} cost {{calc}} dollars.", first)
    left = steps - 1
    if left >= 2:
        other = draft.given(2, min(draft.rules.largest // 3, HIGHEST_PRICE))
        number = draft.constant(2, min(draft.rules.factor, draft.rules.largest // draft.values[other]))
        second = draft.say(
            f"{rng.choice(('Then', 'After that'))} {name} buys {number} {others} at ${draft.values[other]} each."
        )
        more = draft.step(other, "*", number, f"The {others} cost {{calc}} dollars.", second)
        total = draft.step(total, "+", more, f"That makes {{calc}} dollars for the {goods} and the {others}.", second)
        left -= 2
    extras = rng.sample(("fee", "coupon", "gift"), min(left, 3))
    for extra in extras:
        value = draft.values[total]
        if extra == "fee":
            number = draft.constant(2, min(draft.rules.largest - value, max(9, value)))
            sign, text, line = "+", f"The delivery costs ${number}.", "With the delivery it is {calc} dollars."
        else:
            number = draft.constant(2, value - 2)
            text = f"A coupon takes ${number} off." if extra == "coupon" else f"A friend pays ${number} of it."
            sign, line = (
                "-",
                f"After the {'coupon' if extra == 'coupon' else 'contribution'} {{calc}} dollars are left to pay.",
            )
        total = draft.step(total, sign, number, line, draft.say(text))
    if len(draft.results) != steps:
        raise _Redraw
    draft.say(f"How many dollars does {name} pay?")


def _storage(draft: Draft, steps: int) -> None:
    """Things in rows or boxes, some taken away, the rest shared."""
    rng = draft.rng
    holders, things = rng.choice(STORES)
    each = draft.given(2, draft.rules.largest // 2)
    count = draft.constant(2, min(draft.rules.factor, draft.rules.largest // draft.values[each]))
    sentence = draft.say(f"There are {count} {holders} with {draft.values[each]} {things} each.")
    letter = draft.step(each, "*", count, f"All {holders} together hold {{calc}} {things}.", sentence)
    names = rng.sample(NAMES, steps)
    for index in range(steps - 1):
        sign, number = draft.change(draft.values[letter], "+-" if index < steps - 2 else "+-/")
        text, line = {
            "+": (
                f"{names[index]} brings {number} more {things}.",
                f"With {names[index]}'s {things} there are {{calc}} {things}.",
            ),
            "-": (
                f"{names[index]} takes {number} {things} away.",
                f"After {names[index]} there are {{calc}} {things} left.",
            ),
            "/": (f"The rest is shared equally by {number} people.", f"Each of them gets {{calc}} {things}."),
        }[sign]
        letter = draft.step(letter, sign, number, line, draft.say(text))
        last = sign
    draft.say(f"How many {things} does each of them get?" if last == "/" else f"How many {things} are there now?")


STORIES: tuple[Callable[[Draft, int], None], ...] = (_compare, _stock, _score, _purchase, _storage)


@FAMILIES.add(
    "arithmetic",
    levels={
        1: "2-3 steps, values to 99, + - *",
        2: "3-5 steps, values to 999, + - * /",
        3: "4-6 steps, values to 99,999, + - * /",
    },
    methods=("slips",),
    difficulty="steps of the solution",
)
class Arithmetic:
    """Arithmetic in several steps, in symbols or in short sentences, with the graph of its quantities."""

    def problem(self, seed: int, index: int, level: int = 1, attempt: int = 0) -> Problem:
        """The problem at a place of a stream; `attempt` draws another one for the same place."""
        rng = rng_for("arithmetic", seed, level, index, attempt)
        rules = LEVELS[level]
        symbols = rng.random() < 0.5
        steps = rng.randint(*rules.steps)
        for _ in range(_DRAWS):
            draft = Draft(rng, rules)
            try:
                (_symbols if symbols else rng.choice(STORIES))(draft, steps)
            except _Redraw:
                continue
            return _problem(draft, level, "symbols" if symbols else "story")
        raise RuntimeError(f"no arithmetic problem at level {level} in {_DRAWS} draws")

    def difficulty(self, problem: Problem) -> float:
        """The number of steps."""
        return float(len(problem.facts["letters"]))

    def first_mistake(self, problem: Problem, text: str) -> FirstMistake:
        """The first false equation, or quantity that is not what the question's graph makes it."""
        right = grade(problem, text).outcome == "correct"
        return quantities.first_mistake(problem, text, right, stated=True)


def _problem(draft: Draft, level: int, form: str) -> Problem:
    question, starts = _joined(draft.sentences)
    letter = draft.results[-1][0]
    answer = str(draft.values[letter])
    brief = f"{' '.join(draft.brief)} find {letter} :"
    spans = [list(_said(draft.sentences[index], starts[index], form)) for _, index in draft.results]
    facts = {
        "form": form,
        "letters": [each for each, _ in draft.results],
        "spans": spans,
        "limit": BRIEF_LIMIT if draft.rules.largest <= BRIEF_LIMIT else None,
    }
    return Problem(
        id=problem_id("arithmetic", brief),
        question=question,
        answer=answer,
        source="arithmetic",
        brief=brief,
        check="value",
        level=level,
        licence="Apache-2.0",
        solution="\n".join([*draft.lines, f"#### {answer}"]),
        facts=facts,
    )


def _said(sentence: str, start: int, form: str) -> tuple[int, int]:
    """Where a sentence stands in the question, without its full stop, and in symbols without its first word."""
    lead = sentence.index(" ") + 1 if form == "symbols" else 0
    return start + lead, start + len(sentence.rstrip("."))


def _joined(sentences: Sequence[str]) -> tuple[str, list[int]]:
    """The sentences as one text, and where each begins."""
    starts, start = [], 0
    for sentence in sentences:
        starts.append(start)
        start += len(sentence) + 1
    return " ".join(sentences), starts
