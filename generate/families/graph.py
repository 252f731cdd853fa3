"""Word problems from a dependency graph: things of schools, each count told by others, in any order, some of no use.

In the manner of iGSM (Ye et al. 2024, arXiv 2407.20311): the sentences stand in random order, so that what can be computed
next has to be found; some quantities are not needed; and the number of all things of a school is told by what it has, not by
a formula. What differs: values are bounded where iGSM computes modulo 23, and a step is one calculation. Journeys can try a
quantity before what it needs is known and go back, as in its retry data (arXiv 2408.16293): `--set slips.kinds=retry`.

In terse notation every quantity is a letter, given out at random, and the whole graph is written out (`d = b + 4 ; b = 7 ; find
d :`).

    journey generate --family graph@1 --method slips --set slips.kinds=retry --pairs 1000 --out data/runs/graph
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from journey.answers.grading import grade
from journey.generate.first_mistake import retries
from journey.generate.protocols import FAMILIES
from journey.rng import rng_for
from journey.schema import FirstMistake, Problem, problem_id

_DRAWS = 10_000  # drafts for one problem before giving up; some 10 are needed
BRIEF_LIMIT = 999  # the compact view has words for the integers up to this one
GIVEN = 3  # counts that the question states, at most; two at least
SCHOOLS = tuple(f"{name} School" for name in "Oak Hill Lake Park Mill River Bay Elm Rose Fox".split())
_THINGS = """
balloons bicycles books bottles boxes candles cards chairs coins cups dolls games lamps letters paintings pencils plants
plates puzzles ribbons shells shirts stamps stickers stones tables tickets toys
"""
THINGS = tuple(_THINGS.split())


@dataclass(frozen=True)
class GraphLevel:
    """One level: calculations that the answer needs, those that it does not need, the largest value and factor."""

    steps: tuple[int, int]
    unneeded: tuple[int, int]
    largest: int
    factor: int


LEVELS = {
    1: GraphLevel((3, 4), (1, 2), 99, 5),
    2: GraphLevel((5, 7), (2, 3), 499, 9),
    3: GraphLevel((8, 10), (3, 4), 999, 9),
}


class _Redraw(Exception):
    """The draft breaks a rule of its level."""


@dataclass(frozen=True)
class ThingCount:
    """Things of a school, or all of them (`thing` None): its value, what it is computed from and how.

    `sign` is the operation (empty for a number of the question), `number` a number of the question in it.
    """

    school: str
    thing: str | None
    value: int
    operands: tuple[int, ...] = ()
    sign: str = ""
    number: int | None = None

    @property
    def name(self) -> str:
        """How it is asked for: `how many lamps Oak School has`."""
        return f"how many {self.counted[0]} {self.school} has{self.counted[1]}"

    @property
    def counted(self) -> tuple[str, str]:
        """The noun, and what is said after the verb."""
        return (self.thing, "") if self.thing else ("things", " in all")


@dataclass
class GraphDraft:
    """The quantities of a problem in an order in which they can be computed."""

    rng: Random
    rules: GraphLevel
    quantities: list[ThingCount] = field(default_factory=list)
    numbers: set[int] = field(default_factory=set)  # every number of the problem stands for one thing

    def new(self, value: int) -> int:
        """A number that no other quantity has. Raises _Redraw."""
        if not 2 <= value <= self.rules.largest or value in self.numbers:
            raise _Redraw
        self.numbers.add(value)
        return value

    def given(self, school: str, thing: str) -> None:
        """A count that the question states."""
        self.quantities.append(ThingCount(school, thing, self.new(self.rng.randint(2, min(self.rules.largest, 60)))))

    def computed(self, school: str, thing: str) -> None:
        """A count that the question tells by one or two others, the latest ones first."""
        rng = self.rng
        places = sorted(range(len(self.quantities)), key=lambda place: place + rng.random() * 4, reverse=True)
        one, value = places[0], self.quantities[places[0]].value
        sign = rng.choice("++--**s")
        if sign == "s":
            two = places[1]
            total = self.new(value + self.quantities[two].value)
            self.quantities.append(ThingCount(school, thing, total, (one, two), "+"))
            return
        number = self.new(rng.randint(2, self.rules.factor if sign == "*" else min(self.rules.largest, max(value, 9))))
        result = {"+": value + number, "-": value - number, "*": value * number}[sign]
        self.quantities.append(ThingCount(school, thing, self.new(result), (one,), sign, number))

    def total(self, school: str) -> None:
        """All things of a school."""
        parts = tuple(place for place, each in enumerate(self.quantities) if each.school == school)
        self.quantities.append(
            ThingCount(school, None, self.new(sum(self.quantities[k].value for k in parts)), parts, "+")
        )

    def needed(self, place: int) -> list[int]:
        """The computed quantities that a quantity needs and itself, in order."""
        found, open_places = set(), [place]
        while open_places:
            each = open_places.pop()
            if self.quantities[each].operands and each not in found:
                found.add(each)
                open_places += self.quantities[each].operands
        return sorted(found)


def _draft(rng: Random, rules: GraphLevel) -> tuple[GraphDraft, list[int]]:
    """Quantities, and the places of those that the answer needs, the asked one last. Raises _Redraw."""
    steps, unneeded = rng.randint(*rules.steps), rng.randint(*rules.unneeded)
    given = rng.randint(2, GIVEN)
    draft, schools, left = GraphDraft(rng, rules), rng.sample(SCHOOLS, len(SCHOOLS)), given + steps + unneeded
    items: list[tuple[str, str]] = []
    while len(items) < left:
        school = schools.pop()
        items += [(school, thing) for thing in rng.sample(THINGS, rng.randint(2, 3))]
    items = items[:left]
    rng.shuffle(items)
    open_items = {school: sum(each == school for each, _ in items) for school, _ in items}
    for place, (school, thing) in enumerate(items):
        if len(draft.quantities) >= left:
            break
        (draft.given if place < given else draft.computed)(school, thing)
        open_items[school] -= 1
        parts = sum(each.school == school for each in draft.quantities)
        if not open_items[school] and parts > 1 and len(draft.quantities) < left and rng.random() < 0.6:
            draft.total(school)
    computed = sum(bool(each.operands) for each in draft.quantities)
    fitting = [place for place in range(len(draft.quantities)) if len(draft.needed(place)) == steps]
    if not fitting or computed - steps != unneeded:
        raise _Redraw
    return draft, draft.needed(rng.choice(fitting))


@FAMILIES.add(
    "graph",
    levels={
        1: "3-4 calculations needed, 1-2 not, values to 99",
        2: "5-7 calculations needed, 2-3 not, values to 499",
        3: "8-10 calculations needed, 3-4 not, values to 999",
    },
    methods=("slips",),
    difficulty="calculations that the answer needs",
    revision=2,
)
class DependencyGraph:
    """Word problems from a dependency graph, told in any order, with quantities that the answer does not need."""

    def problem(self, seed: int, index: int, level: int = 1, attempt: int = 0) -> Problem:
        """The problem of this place in the seed's stream; another attempt is an independent draw."""
        rng = rng_for("graph", seed, level, index, attempt)
        for _ in range(_DRAWS):
            try:
                draft, needed = _draft(rng, LEVELS[level])
            except _Redraw:
                continue
            return _problem(draft, needed, level)
        raise RuntimeError(f"graph@{level}: no problem in {_DRAWS} draws")

    def difficulty(self, problem: Problem) -> float:
        """Calculations that the answer needs."""
        return float(len(problem.facts["letters"]))

    def first_mistake(self, problem: Problem, text: str) -> FirstMistake:
        """The first quantity tried too early, false equation, or value that is not what the question's graph makes it."""
        return retries.first_mistake(problem, text, grade(problem, text).outcome == "correct")


def _problem(draft: GraphDraft, needed: list[int], level: int) -> Problem:
    quantities, rng = draft.quantities, draft.rng
    order = rng.sample(range(len(quantities)), len(quantities))
    alphabet = dict(
        zip(rng.sample(range(len(quantities)), len(quantities)), "abcdefghijklmnopqrstuvwxyz", strict=False)
    )
    sentences: dict[int, str] = {}
    for place in order:
        if quantities[place].thing:
            sentences[place] = _sentence(place, quantities)
    opening = _contents(quantities)
    question, spans = " ".join(opening), {}
    for place, sentence in sentences.items():
        spans[place] = (len(question) + 1, len(question) + len(sentence))
        question += f" {sentence}"
    asked = quantities[needed[-1]]
    question += f" How many {asked.counted[0]} does {asked.school} have{asked.counted[1]}?"
    for place, each in enumerate(quantities):
        if each.thing is None:
            start = question.index(f"{each.school} has ")
            spans[place] = (start, question.index(".", start))
    brief = [f"{alphabet[place]} = {_brief(quantities[place], alphabet)} ;" for place in order]
    answer = str(asked.value)
    said = f"{' '.join(brief)} find {alphabet[needed[-1]]} :"
    facts = {
        "form": "story",
        "letters": [alphabet[place] for place in needed],
        "names": [quantities[place].name for place in needed],
        "spans": [list(spans[place]) for place in needed],
        "limit": BRIEF_LIMIT,
    }
    return Problem(
        id=problem_id("graph", question),
        question=question,
        answer=answer,
        source="graph",
        brief=said,
        check="value",
        level=level,
        licence="Apache-2.0",
        solution="\n".join([*(_line(quantities[place], quantities) for place in needed), f"#### {answer}"]),
        facts=facts,
    )


def _contents(quantities: list[ThingCount]) -> list[str]:
    """What each school has, in no special order: what all its things are is told by this alone."""
    things: dict[str, list[str]] = {}
    for each in quantities:
        if each.thing:
            things.setdefault(each.school, []).append(each.thing)
    return [f"{school} has {_and(sorted(named))}." for school, named in sorted(things.items())]


def _and(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _sentence(place: int, quantities: list[ThingCount]) -> str:
    """How the question tells a count."""
    each = quantities[place]
    if not each.operands:
        return f"{each.school} has {each.value} {each.thing}."
    # Its own things come first: after the name of another school "it" would be that one.
    told = sorted((quantities[operand] for operand in each.operands), key=lambda other: other.school != each.school)
    than = [_clause(other, each.school) for other in told]
    if each.number is None:
        together = "put together" if told[1].thing is None else "together"
        return f"{each.school} has as many {each.thing} as {than[0]} and {than[1]}{', ' if told[1].thing is None else ' '}{together}."
    how = {"+": f"{each.number} more {each.thing} than", "-": f"{each.number} fewer {each.thing} than"}
    how["*"] = f"{each.number} times as many {each.thing} as"
    return f"{each.school} has {how[each.sign]} {than[0]}."


def _clause(each: ThingCount, speaking_of: str) -> str:
    return f"{'it' if each.school == speaking_of else each.school} has {each.counted[0]}{each.counted[1]}"


def _brief(each: ThingCount, letters: dict[int, str]) -> str:
    if not each.operands:
        return str(each.value)
    return f" {each.sign} ".join([letters[k] for k in each.operands] + ([str(each.number)] if each.number else []))


def _line(each: ThingCount, quantities: list[ThingCount]) -> str:
    """The step of the solution that computes it."""
    values = [quantities[operand].value for operand in each.operands] + ([each.number] if each.number else [])
    shown, tight = f" {each.sign} ".join(map(str, values)), each.sign.join(map(str, values))
    noun, after = each.counted
    return f"{each.school} has {shown} = <<{tight}={each.value}>>{each.value} {noun}{after}."
