"""Problems of a dependency graph: solved anew from their own words, with quantities of no use, and tried too early."""

from __future__ import annotations

import re

import pytest

from journey import views
from journey.answers.claims import claim_is_false, missing
from journey.catalog import FAMILIES, METHODS
from journey.generate.families.graph import LEVELS
from journey.generate.made import MadePair, Rejection
from journey.models import load, template
from journey.schema import Follows, Problem

FAMILY, SLIPS = FAMILIES.get("graph")(), METHODS.get("slips")
RETRY = SLIPS.Settings(kinds="retry", mistakes=1)


def problems(level: int, count: int = 40) -> list[Problem]:
    return [FAMILY.problem(0, index, level) for index in range(count)]


def solve(question: str) -> tuple[int, int]:
    """The answer by this test's own reading of the sentences, and how many counts it computed that are not stated."""
    *sentences, asked = re.split(r"(?<=[.?]) ", question)
    told, has = {}, {}
    for sentence in sentences:
        school, rest = re.fullmatch(r"(\w+ School) has (.*)\.", sentence).groups()
        if not re.match(r"\d|as many", rest):
            has[school] = re.split(r", | and ", rest)
            continue
        number = re.match(r"\d+", rest)
        noun = re.search(r"(?:more|fewer|as many) (\w+)", rest) or re.match(r"\d+ (\w+)", rest)
        told[school, noun[1]] = (
            rest.replace(" it has", f" {school} has"),
            int(number[0]) if number else None,
        )
    computed: dict[tuple[str, str], int] = {}

    def value(school: str, noun: str) -> int:
        if noun == "things":
            computed[school, noun] = sum(value(school, each) for each in has[school])
            return computed[school, noun]
        rest, number = told[school, noun]
        others = [value(*each) for each in re.findall(r"(\w+ School) has (\w+)", rest)]
        if not others:
            return number
        how = {
            "more": lambda: others[0] + number,
            "fewer": lambda: others[0] - number,
            "times": lambda: others[0] * number,
        }
        computed[school, noun] = next((how[word]() for word in how if word in rest.split()), sum(others))
        return computed[school, noun]

    noun, school = re.match(r"How many (\w+) does (\w+ School) have", asked).groups()
    return value(school, noun), len(computed)


@pytest.mark.parametrize("level", LEVELS)
def test_the_words_alone_give_the_answer_in_as_many_calculations(level: int) -> None:
    rules = LEVELS[level]
    for problem in problems(level):
        answer, count = solve(problem.question)
        assert str(answer) == problem.answer and count == FAMILY.difficulty(problem)
        assert rules.steps[0] <= count <= rules.steps[1]
        computed = sum(not line.split(" = ")[1].isdecimal() for line in problem.brief.split(" ; ")[:-1])
        assert rules.unneeded[0] <= computed - count <= rules.unneeded[1]


def test_sentences_and_letters_do_not_give_the_order_away() -> None:
    """Of many problems some define a quantity before, and some after, what it is computed from."""
    first = 0
    for problem in problems(1):
        lines = dict(line.split(" = ") for line in problem.brief.split(" ; ")[:-1])
        places = {letter: place for place, letter in enumerate(lines)}
        needs = [(a, b) for a, said in lines.items() for b in re.findall("[a-z]", said)]
        first += sum(places[a] < places[b] for a, b in needs) / len(needs)
    assert 0.3 < first / 40 < 0.7


class TestRetries:
    @pytest.mark.parametrize("level", LEVELS)
    def test_a_quantity_is_tried_before_what_it_needs_and_taken_back(self, level: int) -> None:
        pocket = load.load_tokenizer(load.find("pocket"))
        for problem in problems(level):
            one = SLIPS(RETRY).make(problem, 0)
            assert isinstance(one, MadePair)
            [mistake] = one.tree.mistakes()
            assert isinstance(mistake.claim, Follows) and claim_is_false(mistake.claim, one.tree) is True
            assert mistake.check is not None and mistake.check.right in missing(mistake.claim, one.tree)
            roles = [segment.role for segment in one.pair.journey.segments]
            place = roles.index("mistake")
            assert roles[place : place + 4] == ["mistake", "notice", "backtrack", "correction"]
            text = one.pair.journey.segments[place].text
            assert "=" not in text and mistake.kind == "retry" and not re.search(r"\n{3}", text)
            assert template.covers(pocket, f"{problem.brief} {views.render(one.pair.journey, 'compact').text}")

    @pytest.mark.parametrize("view", ["think", "compact"])
    def test_it_is_located(self, view: views.View) -> None:
        for problem in problems(2):
            one = SLIPS(RETRY).make(problem, 0)
            rendered = views.render(one.pair.journey, view)
            wrong = next(span for span in rendered.spans if span.role == "mistake")
            found = FAMILY.first_mistake(problem, rendered.text)
            assert found.kind == "retry" and found.span is not None and found.claim is not None
            assert wrong.start <= found.span[0] < found.span[1] <= wrong.end
            assert claim_is_false(found.claim, one.tree)

    def test_what_is_ready_is_no_mistake(self) -> None:
        tree = SLIPS(RETRY).make(problems(1)[0], 0).tree
        assert claim_is_false(Follows("s1", ()), tree) is False
        assert claim_is_false(Follows("s99", ()), tree) is None

    def test_other_problems_have_no_names_to_try(self) -> None:
        made = SLIPS(RETRY).make(FAMILIES.get("arithmetic")().problem(0, 0), 0)
        assert isinstance(made, Rejection)


def test_a_value_that_belongs_to_another_quantity_is_wrong_where_it_is_named() -> None:
    """26 is the answer, and not the ribbons: what a sentence names decides."""
    problem = next(each for each in problems(1) if each.facts["names"])
    steps = [line for line in problem.solution.splitlines() if "<<" in line]
    first = re.sub("<<.*?>>", "", steps[0])
    other = re.search(r"=(\d+)>>", steps[-1])[1]
    a = int(re.search(r"has (\d+)", first)[1])
    changed = re.sub(r"\d+ [-+*] \d+ = \d+", f"{a} + {int(other) - a} = {other}".replace("+ -", "- "), first)
    found = FAMILY.first_mistake(problem, f"{changed}\nSo \\boxed{{{other}1}}.")
    assert found.kind in ("wrong quantity", "wrong number", "wrong operation") and found.checked_first


@pytest.mark.parametrize("level", LEVELS)
def test_it_is_the_school_that_the_sentence_begins_with(level: int) -> None:
    """After the name of another school "it" would be that one: read so, the words gave another answer."""
    for problem in problems(level, 60):
        for sentence in re.split(r"(?<=[.?]) ", problem.question):
            assert not re.search(r" School .* School .*\bit has", sentence), sentence
        assert "in all together" not in problem.question


def test_a_skipped_step_leaves_its_quantity_and_not_a_number_of_its_sentence() -> None:
    """Who forgets to double 76 stickers goes on with 76, not with the 2 of "2 times as many"."""
    skips = SLIPS(SLIPS.Settings(kinds="skipped", mistakes=1))
    told = 0
    for made in (skips.make(problem, 0) for problem in problems(1, 120)):
        if isinstance(made, MadePair):
            [mistake] = made.tree.mistakes()
            numbers = set(re.findall(r"(\d+) (?:times|more|fewer)", made.pair.problem.question))
            before = re.findall(r"\d+", mistake.text.split("=")[1])
            assert sum(each in numbers for each in before) < len(before), mistake.text
            told += 1
    assert told > 10


def test_a_quantity_that_lacks_several_is_not_said_to_lack_one_alone() -> None:
    lacking = []
    for made in (SLIPS(RETRY).make(problem, seed) for problem in problems(1, 60) for seed in range(3)):
        if isinstance(made, MadePair):
            [mistake] = made.tree.mistakes()
            [said] = [each.text for each in made.pair.journey.segments if each.role == "notice"]
            assert "missing is" not in said or "Still missing is" in said, said
            assert not re.search(r"[Hh]ow many [^.]*\?", said), said  # words of a question in no order of one
            lacking.append(len(missing(mistake.claim, made.tree)))
    assert max(lacking) > 1


def test_what_is_looked_at_first_is_not_said_to_come_next() -> None:
    early = re.compile(r"\s*(?:Then|Next|Now|On to)\b")
    texts = []
    for made in (SLIPS(RETRY).make(problem, 0) for problem in problems(1, 80)):
        if isinstance(made, MadePair):
            told = [each for each in made.pair.journey.segments if each.role != "plan"]
            texts += [told[0].text] if told[0].role == "mistake" else []
    assert len(texts) > 10 and not any(early.match(text) for text in texts), texts


def test_a_number_made_up_for_a_count_that_is_not_known_yet_is_not_miscopied() -> None:
    problem = FAMILY.problem(0, 0, 1)
    assert problem.brief.startswith("a = c * 2 ; e = g + 14 ; b = 13 ; d = a - 56 ; g = d - 8 ; c = 41 ;")
    early = FAMILY.first_mistake(problem, "a = 41 * 2 = 82 . g = 30 - 8 = 22 . \\boxed{ 36 }")
    assert early.kind == "computed too early" and early.checked_first and early.truth == "18"
    late = FAMILY.first_mistake(problem, "a = 41 * 2 = 82 . d = 82 - 56 = 26 . g = 36 - 8 = 28 . \\boxed{ 42 }")
    assert late.kind == "wrong number" and late.checked_first
    misread = FAMILY.first_mistake(problem, "a = 14 * 2 = 28 . \\boxed{ 28 }")
    assert misread.kind == "wrong number"
