"""Slips that a reader believes: hard places, words that fit, notices that say what is so - over all pairs that can be made."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from functools import cache
from pathlib import Path

import pytest

from journey.answers.claims import names_in
from journey.answers.equations import Unreadable, equations
from journey.catalog import FAMILIES
from journey.generate.families.arithmetic import Arithmetic
from journey.generate.made import MadePair, Rejection
from journey.generate.methods.slips import Slips, SlipsSettings
from journey.generate.slips.annotated import annotated
from journey.generate.slips.arithmetic import is_easy
from journey.generate.slips.calculations import in_words
from journey.generate.slips.kinds import KINDS
from journey.generate.slips.phrases import REASONS
from journey.generate.slips.quotes import asked, says
from journey.schema import Arith, Node, Problem, QuantityClaim
from journey.tables.problems import read_problems

WORDS = Path(__file__).resolve().parents[3] / "data" / "problems"
ARITHMETIC = {"digit", "carry", "sign", "off_by_one", "table", "place"}
ANYWHERE = {"sign", "percent", "own"}  # kinds that do not come of a hard calculation


@cache
def shipped() -> list[Problem]:
    """The word problems of the package, and arithmetic of every level."""
    told = [each for split in ("train", "test") for each in read_problems(str(WORDS / f"words_{split}.jsonl"))]
    return told + [Arithmetic().problem(3, index, level) for level in (1, 2, 3) for index in range(150)]


@pytest.fixture(scope="module", params=["shipped", pytest.param("gsm8k", marks=pytest.mark.slow)])
def pairs(request: pytest.FixtureRequest, real_data: Callable[[str], Path]) -> list[MadePair]:
    """Pairs of all problems, of three draws where there are few."""
    if request.param == "gsm8k":
        problems, draws = list(read_problems(str(real_data("gsm8k_train.jsonl")))), 1
    else:
        problems, draws = shipped(), 3
    method = Slips(SlipsSettings(rate=0.4, clean=0.1))
    made = [method.make(problem, seed) for problem in problems for seed in range(draws)]
    return [each for each in made if isinstance(each, MadePair)]


def mistakes(pairs: list[MadePair]) -> list[tuple[MadePair, Node]]:
    return [(made, node) for made in pairs for node in made.tree.mistakes()]


def notices(pairs: list[MadePair], *forms: str) -> list[tuple[MadePair, Node, Node]]:
    """Pair, mistake and notice, of notices of these forms."""
    found = []
    for made, mistake in mistakes(pairs):
        [notice] = [each for each in made.tree.nodes if each.role == "notice" and each.parent == mistake.id]
        if not forms or notice.reason in forms:
            found.append((made, mistake, notice))
    return found


# ---- mistakes that somebody could make


@pytest.mark.parametrize("easy", ["10 * 2", "2 * 2", "4 + 2", "60 + 30", "1200 / 60", "50 - 20", "1 / 2 * 20", "80 / 2", "0.5 * 40",
                                  "300 * 5", "9 + 7", "1 + 2 + 3", "45 + 3", "7 * 100", "18 - 9"])  # fmt: skip
def test_nobody_gets_an_easy_calculation_wrong(easy: str) -> None:
    assert is_easy(tuple(easy.split()))


@pytest.mark.parametrize(
    "hard", ["7 * 8", "68 + 57", "113 * 5", "70 - 44", "4 * 60 + 3", "12 * 12", "720 / 9", "5.80 * 101", "180 / 12"]
)
def test_a_hard_calculation_is_one_that_carries_or_leaves_the_small_table(hard: str) -> None:
    assert not is_easy(tuple(hard.split()))


def test_false_equations_stand_at_hard_calculations_and_near_their_values(pairs: list[MadePair]) -> None:
    false = [node for _, node in mistakes(pairs) if isinstance(node.claim, Arith) and node.kind not in ANYWHERE]
    assert len(false) > 100
    for node in false:
        assert isinstance(node.claim, Arith)
        tokens = node.claim.expression.replace("(", "( ").replace(")", " )").split()
        assert not is_easy(tuple(tokens)), node.claim
        numbers = [Fraction(token) for token in tokens if token[-1].isdigit()]
        value, truth = Fraction(node.claim.value), Fraction(str(node.truth))
        if node.kind != "place":
            assert 3 * abs(value - truth) <= abs(truth), node.claim
        elif len(numbers) == 2 and min(numbers) > 1:
            assert value >= max(numbers) if "*" in tokens else value <= numbers[0], node.claim


@pytest.mark.slow
def test_most_mistakes_are_of_quantities_as_those_of_models_are(real_data: Callable[[str], Path]) -> None:
    problems = read_problems(str(real_data("gsm8k_train.jsonl")))
    made = [each for each in map(Slips().make, problems, [0] * 10_000) if isinstance(each, MadePair)]
    kinds = Counter(kind for each in made for kind in each.pair.provenance["kinds"])
    assert len(made) > 6_800
    assert sum(kinds[kind] for kind in ARITHMETIC) < 0.28 * kinds.total()  # it was 0.42


# ---- words that fit


def test_a_changed_operation_is_not_named_by_the_words_around_it() -> None:
    left = {"+": "total|altogether|in all|together|plus|sum|more", "-": "left|remain|fewer|less|minus|difference",
            "*": "times|twice|multipl|each|every|per", "/": "divid|half|split|shar|equal|averag|third|quarter"}  # fmt: skip
    seen = 0
    for problem in shipped():
        steps = annotated(problem).steps
        for seed in range(3):
            for index, told in only("operation", problem, seed):
                if len(steps[index].equations) != 1 or len(steps[index].equations[0].tokens) != 3:
                    continue
                sign = steps[index].equations[0].tokens[1]
                assert not re.search(rf"\b(?:{left[sign]})", told, re.IGNORECASE), told
                seen += 1
    assert seen > 30


def only(kind: str, problem: Problem, seed: int) -> list[tuple[int, str]]:
    """The step that a mistake of one kind is at, and the text of the mistake, if there is one."""
    made = Slips(SlipsSettings(kinds=(kind,), most=1, clean=0)).make(problem, seed)
    if not isinstance(made, MadePair):
        return []
    [mistake] = [each for each in made.pair.journey.segments if each.role == "mistake"]
    steps = [each.node for each in made.pair.shortcut.segments if each.role == "step"]
    correction = next(each.node for each in made.pair.journey.segments if each.role == "correction")
    return [(steps.index(correction), mistake.text)]


@pytest.mark.parametrize(
    ("solution", "answer", "read"),
    [
        ("Ann is 26 years older, so 48 + 26 = <<48+26=74>>74.", "74", "Ann is 26 years younger, so 48 - 26 = 22."),
        ("Twice that is 48 * 2 = <<48*2=96>>96 of them.", "96", "Half that is 48 / 2 = 24 of them."),
        ("That is the difference: 48 - 26 = <<48-26=22>>22.", "22", "That is the sum: 48 + 26 = 74."),
    ],
)
def test_words_change_with_the_operation(solution: str, answer: str, read: str) -> None:
    question = "Bob has 48 more pens than 26, or 2 times fewer than Ann. How many is that?"
    problem = Problem("x", question, answer, "t", solution=f"{solution}\n#### {answer}")
    texts = {text.strip() for seed in range(30) for index, text in only("operation", problem, seed) if index == 0}
    assert read in texts


def test_a_total_is_never_the_name_of_a_difference() -> None:
    solution = "That is a total of 48 + 26 = <<48+26=74>>74 pens.\n#### 74"
    problem = Problem("x", "She has 48 red pens and 26 blue ones. How many?", "74", "t", solution=solution)
    made = Slips(SlipsSettings(kinds=("operation",))).make(problem, 0)
    assert isinstance(made, Rejection) and made.reason == "words_name_the_operation"


def test_what_a_sentence_tells_of_is_not_forgotten_in_it() -> None:
    said = "With 22 small, 24 medium and 72 large ones it is 22 + 24 + 72 = <<22+24+72=118>>118 bulbs.\n#### 118"
    problem = Problem("x", "22 small, 24 medium, 72 large bulbs. How many?", "118", "t", solution=said)
    assert isinstance(Slips(SlipsSettings(kinds=("forgotten",))).make(problem, 0), Rejection)


# ---- notices that say what is so


def test_a_quoted_operation_is_said_by_the_quote(pairs: list[MadePair]) -> None:
    found = notices(pairs, "reread_operation")
    assert found
    for made, mistake, notice in found:
        assert notice.check is not None and notice.check.quote is not None and isinstance(mistake.claim, QuantityClaim)
        if made.tree.problem.facts.get("spans"):
            continue  # each sentence is known to tell one calculation whole
        quote = made.tree.problem.question[slice(*notice.check.quote)]
        signs = set(re.findall(r"(?<=[\d)] )[-+*/](?= )", notice.check.right))
        assert any(says(quote, [sign]) for sign in signs), (quote, notice.check.right)


@pytest.mark.parametrize(
    ("quote", "sign"),
    [
        ("If Rehana is currently 25 years old", "+"),
        ("By the 9th hour", "*"),
        ("Betty is 60 years old", "*"),
        ("She has 47 baby carrots", "-"),
    ],
)
def test_these_quotes_say_no_operation(quote: str, sign: str) -> None:
    assert not says(quote, [sign])


def test_the_question_asks_at_the_last_step_only(pairs: list[MadePair]) -> None:
    found = notices(pairs, "reread_asked", "reread_early")
    assert found
    for made, mistake, _ in found:
        assert isinstance(mistake.claim, QuantityClaim) and mistake.claim.id == made.tree.quantities[-1].id
    for made, mistake, notice in notices(pairs, "reread_operation"):  # nor does another form quote it elsewhere
        quote = notice.check.quote if notice.check else None
        if quote == asked(made.tree.problem.question)[1] and not made.tree.problem.facts.get("spans"):
            raise AssertionError(f"{mistake.claim}: {quote} says no operation")


def test_a_number_that_is_not_used_yet_is_used_by_nothing_before(pairs: list[MadePair]) -> None:
    found = notices(pairs, "unused", "unused_at_the_end")
    assert found
    for made, mistake, _ in found:
        assert isinstance(mistake.claim, QuantityClaim)
        names = [each.id for each in made.tree.quantities]
        before = made.tree.quantities[: names.index(mistake.claim.id)]
        used = {name for each in before for name in names_in(each.expression or "")}
        mine = next(each for each in made.tree.quantities if each.id == mistake.claim.id)
        idle = {name for name in names_in(mine.expression or "") if name[0] == "s"} - used
        assert idle, (made.tree.problem.question, mine.expression)
    assert not any("used" in phrase for form, bank in REASONS.items() if not form.startswith("unused") for phrase in bank if "{quote}" in phrase
                   and "I used {wrong}" not in phrase)  # fmt: skip


# ---- texts


DOUBLED = re.compile(r"\({2}|\){2}|\(\+|/ ?(\w+) ?/ ?\1\b|\$\$|%%|of anything")


def test_no_brackets_or_units_are_doubled(pairs: list[MadePair]) -> None:
    for made in pairs:
        allowed = len(DOUBLED.findall(made.tree.problem.solution or ""))
        for segment in made.pair.journey.segments:
            assert len(DOUBLED.findall(segment.text)) <= allowed, segment.text


def test_right_steps_hold_no_false_line(pairs: list[MadePair]) -> None:
    for made in pairs:
        for trace in (made.pair.shortcut, made.pair.journey):
            for segment in trace.segments:
                if segment.role in ("step", "correction"):
                    assert all(each.true for each in equations(segment.text)), segment.text


def test_a_source_with_a_false_line_of_its_own_gives_no_pair() -> None:
    solution = "He pays 6*2.5 = $<<6*2.5=15>>18.00.\nThen 15+5 = <<15+5=20>>20.\n#### 20"
    problem = Problem("x", "He buys 6 pens at $2.5 and one for $5. How much?", "20", "t", solution=solution)
    with pytest.raises(Unreadable, match=r"false_line: 6\*2.5 = 18.00"):
        annotated(problem)
    made = Slips().make(problem, 0)
    assert isinstance(made, Rejection) and made.reason == "false_line"


def test_every_kind_still_comes(pairs: list[MadePair]) -> None:
    kinds = {node.kind for _, node in mistakes(pairs)}
    assert set(KINDS) - kinds <= {"sign", "forgotten", "percent", "unit"}


SIGNED = (
    ("Her account is at -$14 and another at -$18. She then pays in $57. What has she?",
     "The two are -14 + (-18) = <<-14+(-18)=-32>>-32 dollars.\nThen it is -32 + 57 = <<-32+57=25>>25 dollars.", "25"),
    ("The first mine lies at -47 metres, the second 38 lower, a third 96 above that. Where?",
     "The second is at -47 + (-38) = <<-47+(-38)=-85>>-85 metres.\nThe third is at -85 + 96 = <<-85+96=11>>11 metres.", "11"),
    ("A clock is 47 s slow, then 38 s slower, then put on by 96 s. Where?",
     "It stands at -47 + (-38) = <<-47+(-38)=-85>>-85 s.\nThen at -85 + 96 = <<-85+96=11>>11 s.", "11"),
)  # fmt: skip


@pytest.mark.parametrize(("question", "solution", "answer"), SIGNED)
def test_numbers_with_a_sign(question: str, solution: str, answer: str) -> None:
    """No sign of a number is taken for an operation, none is doubled, and what may be negative is no reason to doubt."""
    problem = Problem("x", question, answer, "t", solution=f"{solution}\n#### {answer}")
    made = [Slips(SlipsSettings(rate=0.8, clean=0)).make(problem, seed) for seed in range(40)]
    texts = {
        segment.text.strip() for each in made if isinstance(each, MadePair) for segment in each.pair.journey.segments
    }
    assert len(texts) > 30
    odd = re.compile(
        r"(?<!\d) \+\d|\(\+|[-+*/] ?[-+]\d|\({2}|\){2}|that is, -?[\d.]+\)|negative|below zero|less than nothing"
    )
    assert not [text for text in texts if odd.search(text)]


# ---- what was read aloud (docs/results/reading.md)


@pytest.mark.parametrize(
    ("solution", "answer", "wrong"),
    [
        ("He gets 1/5 * 1000 = <<1/5*1000=200>>200 pounds.\nSo 200 + 30 = <<200+30=230>>230.", "230", "1 - 5"),
        ("He read 400 x 20/100 = <<400*20/100=80>>80 pages.\nSo 80 + 30 = <<80+30=110>>110.", "110", "20 - 100"),
        ("Half is 300 * 1/2 = <<300*1/2=150>>150.\nSo 150 + 37 = <<150+37=187>>187.", "187", "1 - 2"),
    ],
)
def test_the_slash_of_a_fraction_is_no_operation_to_get_wrong(solution: str, answer: str, wrong: str) -> None:
    problem = Problem(
        "p",
        "A bear eats a part of 1000, 400 and 300, then 30 and 37. How many?",
        answer,
        "mine",
        solution=f"{solution}\n#### {answer}",
    )
    made = [Slips(SlipsSettings(kinds="operation", at=1, clean=0)).make(problem, seed) for seed in range(20)]
    texts = [node.text for each in made if isinstance(each, MadePair) for node in each.tree.mistakes()]
    assert not any(wrong in text or wrong.replace(" ", "") in text for text in texts), texts


def test_nobody_multiplies_by_one_by_mistake(pairs: list[MadePair]) -> None:
    idle = re.compile(r"(?<![\d.])1 \* |[*/] 1(?![\d.])|[-+] 0(?![\d.])|(?<![\d.])0 \+")
    for made, mistake in mistakes(pairs):
        correction = next(each for each in made.tree.nodes if each.role == "correction" and each.id > mistake.id)
        if mistake.kind in ("operand", "operation", "misread") and idle.search(mistake.text.partition(" = ")[0]):
            assert idle.search(correction.text), (mistake.text, correction.text)


def test_a_written_one_is_refused() -> None:
    step = "There are 10 * 4 = <<10*4=40>>40 eggs in 1 box.\nHe eats 40 - 3 = <<40-3=37>>37."
    problem = Problem(
        "p", "There are 10 rows of 4 eggs in 1 box. He eats 3. How many?", "37", "mine", solution=f"{step}\n#### 37"
    )
    for seed in range(30):
        made = Slips(SlipsSettings(kinds="operand", at=1, clean=0)).make(problem, seed)
        if isinstance(made, MadePair):
            assert "1 * 4" not in made.tree.mistakes()[0].text and "10 * 1 " not in made.tree.mistakes()[0].text


def test_a_hundredth_of_a_number_is_no_percentage() -> None:
    assert in_words(("100000", "*", ".01")) == "100000 * .01"
    assert in_words(("80", "*", "140", "*", ".01")) == "80 * 140%"
    assert in_words(("10", "*", ".01"), part=True) == "10%"


def test_unused_numbers_have_no_double_before(pairs: list[MadePair]) -> None:
    """ "The 4 hasn't been used": no other 4 was, which a reader would take for it. Quantities with letters have names."""
    for made, mistake, notice in notices(pairs, "unused", "unused_at_the_end"):
        if made.pair.problem.facts.get("letters"):
            continue
        said = next(
            each.text for each in made.pair.journey.segments if each.node == notice.id and each.role == "notice"
        )
        found = re.search(r"(?:The|the|out|computed) (\d[\d.]*) (?:I worked|from above|earlier|is left|if it)", said)
        assert found is not None, said
        before = [each.text for each in made.tree.nodes if each.id < mistake.id and each.role in ("step", "correction")]
        for line in " ".join(before).split(" . "):
            *left, result = line.removesuffix(" .").split(" = ")
            if result != found[1]:  # where it was worked out itself
                assert found[1] not in " ".join(left).split(), (said, line)


def test_who_stops_too_early_is_not_told_of_a_step() -> None:
    """ "So the answer is 30. This step needs 528 + 30": nothing was calculated, so there is no step that needs it."""
    family, method = FAMILIES.get("multiplication")(), Slips(SlipsSettings(kinds="early", mistakes=1))
    told = 0
    for made in (method.make(family.problem(0, index, 1), 0) for index in range(60)):
        if isinstance(made, MadePair) and made.pair.provenance["notices"] == ["unused"]:
            [said] = [each.text for each in made.pair.journey.segments if each.role == "notice"]
            assert not re.search(r"[Tt]his step|The step is|belongs here", said), said
            told += 1
    assert told > 20


def test_a_product_of_tens_keeps_its_zeros() -> None:
    """60 * 90 = 5409 is nobody's mistake: the zeros are written first."""
    family, method = FAMILIES.get("multiplication")(), Slips(SlipsSettings(kinds="digit", mistakes=1))
    found = 0
    for made in (method.make(family.problem(0, index, 1), 0) for index in range(150)):
        if isinstance(made, MadePair):
            claim = made.tree.mistakes()[0].claim
            left, _, right = claim.expression.partition(" * ")
            if right:
                zeros = sum(len(each) - len(each.rstrip("0")) for each in (left, right))
                assert int(claim.value) % 10**zeros == 0, claim
                found += zeros > 0
    assert found > 20


def test_a_number_is_not_called_unused_where_one_like_it_was_used() -> None:
    """Of `2 * 3 = 6` and then `6 / 3 = 2` a reader would say that 2 has been used."""
    steps = ("The second rings 2*3=<<2*3=6>>6 times.", "The third rings 6/3=<<6/3=2>>2 times.",
             "All of them ring 3+6+2=<<3+6+2=11>>11 times a minute.", "In 5 minutes it is 5*11=<<5*11=55>>55 times.", "#### 55")  # fmt: skip
    asked_of = (
        "Three bells ring. The first rings 3 times a minute, the second twice as often as the first, and the third a third as "
        "often as the second. How often do they ring in 5 minutes?"
    )
    problem = Problem("p", asked_of, "55", "mine", solution="\n".join(steps))
    for seed in range(30):
        made = Slips(SlipsSettings(kinds="forgotten", at=3, clean=0)).make(problem, seed)
        assert isinstance(made, Rejection) or made.pair.provenance["notices"] != ["unused"]
