"""Every pair's mistake is a mistake, its notice refutes it, and the way back leads to the right answer."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import pytest
from pydantic import ValidationError

from journey import views
from journey.answers.claims import claim_is_false, claim_value, evaluate, graph_values, notice_contradicts
from journey.errors import UnknownName
from journey.generate.families.arithmetic import Arithmetic
from journey.generate.families.graph import DependencyGraph
from journey.generate.made import MadePair, Rejection
from journey.generate.methods.slips import Slips, SlipsSettings
from journey.generate.slips.annotated import annotated
from journey.generate.slips.kinds import KINDS
from journey.generate.slips.slip import Refused, Slip, usable
from journey.schema import Arith, Node, Pair, Problem, QuantityClaim, Trace, Tree, decode, encode
from journey.tables.problems import read_problems

METHOD = Slips()
NATALIA = Problem(
    id="natalia",
    question=(
        "Natalia sold clips to 48 of her friends in April, and then she sold half as many clips in May. "
        "How many clips did Natalia sell altogether in April and May?"
    ),
    answer="72",
    source="gsm8k",
    solution=(
        "Natalia sold 48/2 = <<48/2=24>>24 clips in May.\n"
        "Natalia sold 48+24 = <<48+24=72>>72 clips altogether in April and May.\n#### 72"
    ),
)


def arithmetic(level: int, count: int) -> Iterator[Problem]:
    family = Arithmetic()
    return (family.problem(7, index, level) for index in range(count))


# ---- the laws


def check_laws(made: MadePair) -> None:
    tree, pair = made.tree, made.pair
    nodes = {node.id: node for node in tree.nodes}
    for quantity in tree.quantities:
        assert graph_values(tree.quantities)[quantity.id] == Fraction(quantity.value)
    mistakes = tree.mistakes()
    assert len(mistakes) == pair.mistakes
    for node in mistakes:
        check_mistake(tree, node)
    check_shortcut(pair, nodes)
    check_journey(pair, nodes)
    for trace in (pair.shortcut, pair.journey):
        check_trace(trace, tree.problem)
    assert (pair.shortcut.answer, pair.shortcut.answer_brief) == (pair.journey.answer, pair.journey.answer_brief)
    assert pair.shortcut.segments[-1].text == pair.journey.segments[-1].text
    assert decode(encode(pair), Pair) == pair and decode(encode(tree), Tree) == tree


def check_mistake(tree: Tree, node: Node) -> None:
    assert node.claim is not None and isinstance(node.truth, str) and node.verdict == "wrong"
    assert claim_is_false(node.claim, tree) is True
    value, truth = claim_value(node.claim), Fraction(node.truth)
    assert value is not None
    if isinstance(node.claim, Arith):
        assert evaluate(node.claim.expression) == truth
    elif isinstance(node.claim, QuantityClaim):
        assert graph_values(tree.quantities)[node.claim.id] == truth
    notices = [each for each in tree.nodes if each.role == "notice" and each.parent == node.id]
    assert len(notices) == 1 and notices[0].check is not None
    assert notice_contradicts(value, truth, notices[0].check)
    if notices[0].check.quote:
        start, end = notices[0].check.quote
        assert 0 <= start < end <= len(tree.problem.question)
    check_consequences(tree, node, value, truth)


def check_consequences(tree: Tree, mistake: Node, value: Fraction, truth: Fraction) -> None:
    """What follows from a mistake is recomputed through the graph, with the wrong value in place of the right one."""
    chain, last = [], mistake.id
    for node in tree.nodes[mistake.id + 1 :]:
        if node.role not in ("consequence", "step") or node.parent != last:
            break
        last = node.id
        chain += [node] if node.role == "consequence" else []
    if isinstance(mistake.claim, QuantityClaim):
        origins = [mistake.claim.id]
    else:  # a false equation does not name its quantity: one of those with the true value must explain everything
        origins = [each.id for each in tree.quantities if each.expression and Fraction(each.value) == truth]
    claims = [node.claim for node in chain if isinstance(node.claim, QuantityClaim)]
    assert len(claims) == len(chain)
    assert any(
        all(flowed(tree, origin, value).get(claim.id) == Fraction(claim.value) for claim in claims)
        for origin in origins
    )
    for node in chain:
        assert claim_is_false(node.claim, tree) is True and node.verdict == "wrong"  # type: ignore[arg-type]


def flowed(tree: Tree, origin: str, value: Fraction) -> dict[str, Fraction]:
    try:
        return graph_values(tree.quantities, {origin: value})
    except ValueError:  # a later quantity, beyond what the journey tells, would divide by zero
        known = [each for each in tree.quantities if each.expression is None or not each.expression.count("/")]
        return graph_values(known, {origin: value})


def check_shortcut(pair: Pair, nodes: dict[int, Node]) -> None:
    *steps, answer = pair.shortcut.segments
    if steps[0].role == "plan":  # the opening is a piece of its own, the same in both traces
        assert steps[0] == pair.journey.segments[0]
        steps = steps[1:]
    assert not any(segment.role == "plan" for segment in [*steps, *pair.journey.segments[1:]])
    assert steps and answer.role == "answer"
    assert all(segment.role == "step" and nodes[segment.node].verdict == "right" for segment in steps)
    assert all(nodes[segment.node].role in ("step", "correction") for segment in steps)
    assert len({segment.node for segment in steps}) == len(steps)
    told = [segment.node for segment in pair.journey.segments]
    assert all(segment.node in told for segment in steps)
    assert [segment.node for segment in pair.journey.segments if segment.role != "check"][-2] == steps[-1].node
    for place, segment in enumerate(steps):  # no step hangs on one that comes later
        node, later = nodes[segment.node], {each.node for each in steps[place + 1 :]}
        while node.parent is not None:
            assert node.parent < node.id and node.parent not in later
            node = nodes[node.parent]


def check_journey(pair: Pair, nodes: dict[int, Node]) -> None:
    roles = [segment.role for segment in pair.journey.segments]
    for segment in pair.journey.segments[:-1]:
        assert nodes[segment.node].role == segment.role
        if segment.role == "check":
            assert nodes[segment.node].text.removesuffix(" .") in segment.brief
        else:
            assert nodes[segment.node].text == segment.brief
    count = pair.mistakes
    counts = Counter(roles)
    assert [counts[role] for role in ("mistake", "notice", "backtrack", "correction")] == [count] * 4
    for at, role in enumerate(roles):
        if role == "notice":
            assert roles[at - 1] in ("mistake", "consequence", "step")
            assert roles[at + 1 : at + 3] == ["backtrack", "correction"]


EQUATION = re.compile(r"^(?:[a-z] = )?(.+) = (.+)$")


def check_trace(trace: Trace, problem: Problem) -> None:
    think = views.render(trace, "think").text
    for segment in trace.segments:
        assert think[segment.start : segment.end] == segment.text
        assert segment.text and segment.text == segment.text.rstrip() and "<<" not in segment.text
        assert segment.brief == " ".join(segment.brief.split())
        assert segment.brief or segment.role == "plan"
    for view in views.VIEWS:
        text = views.render(trace, view).text
        assert text.count("\\boxed{") == 1 and "  \\boxed" not in text
    assert think.startswith("<think>\n") and think[8] != "\n"
    gold = problem.answer.replace(",", "").lstrip("$")
    assert Fraction(trace.answer) == Fraction(gold)
    assert evaluate(trace.answer_brief) == Fraction(gold)
    right = [each.brief for each in trace.segments if each.role in ("step", "correction", "consequence")]
    for line in " ".join(right).removesuffix(" .").split(" . "):
        match = EQUATION.match(line)
        assert match and evaluate(match[1]) == evaluate(match[2]), line


def words_of(made: MadePair) -> set[str]:
    traces = (made.pair.shortcut, made.pair.journey)
    return set(" ".join([made.tree.problem.brief, *(views.render(each, "compact").text for each in traces)]).split())


# ---- over the families and the real data


@pytest.mark.parametrize("level", [1, 2, 3])
def test_laws_hold_for_the_arithmetic_family(level: int) -> None:
    for problem in arithmetic(level, 600):
        made = METHOD.make(problem, 0, 0)
        assert isinstance(made, MadePair), problem.question
        check_laws(made)


_WORDS = (
    r"+ - * / = ( ) . : ; ? < > wait check not right wrong again is so answer back to find end even odd whole \boxed{ }"
)
VOCABULARY = set(_WORDS.split())


@pytest.mark.parametrize("level", [1, 2])
def test_the_compact_view_keeps_to_a_small_vocabulary(level: int) -> None:
    for problem in arithmetic(level, 600):
        made = METHOD.make(problem, 1, 0)
        assert isinstance(made, MadePair)
        for word in words_of(made) - VOCABULARY:
            assert re.fullmatch(r"[a-z]|\d{1,3}", word), (word, problem.question)


@pytest.fixture(scope="module")
def gsm8k(real_data: Callable[[str], Path]) -> list[MadePair | Rejection]:
    return [METHOD.make(problem, 0, 0) for problem in read_problems(str(real_data("gsm8k_train.jsonl")))]


@pytest.mark.slow
def test_laws_hold_for_all_of_gsm8k(gsm8k: list[MadePair | Rejection]) -> None:
    made = [each for each in gsm8k if isinstance(each, MadePair)]
    assert len(made) >= 0.9 * len(gsm8k)
    for each in made:
        check_laws(each)


@pytest.mark.slow
def test_rejections_of_gsm8k_have_reasons(gsm8k: list[MadePair | Rejection]) -> None:
    reasons = Counter(each.reason for each in gsm8k if isinstance(each, Rejection))
    assert all(re.fullmatch(r"[a-z_]+", reason) for reason in reasons)
    assert {"no_annotation", "answer_not_the_last_value", "unreadable_annotation"} <= set(reasons)


@pytest.mark.slow
def test_mistakes_delays_and_notices_are_spread(gsm8k: list[MadePair | Rejection]) -> None:
    told = [each.pair.provenance for each in gsm8k if isinstance(each, MadePair)]
    kinds = Counter(kind for each in told for kind in each["kinds"])
    delays = Counter(delay for each in told for delay in each["delays"])
    notices = Counter(notice for each in told for notice in each["notices"])
    total = kinds.total()
    assert sum(count > 0.03 * total for count in kinds.values()) >= 6
    assert set(kinds) == set(KINDS)
    assert set(delays) == {0, 1, 2, 3} and delays[3] > 0.025 * total and delays[0] < 0.65 * total
    assert max(notices.values()) <= 0.4 * total and len(notices) >= 8


@pytest.mark.slow
def test_prose_is_varied(gsm8k: list[MadePair | Rejection]) -> None:
    segments = [s for each in gsm8k if isinstance(each, MadePair) for s in each.pair.journey.segments]
    notices = [segment.text.split() for segment in segments if segment.role == "notice"]
    openings = Counter(" ".join(words[:3]) for words in notices)
    assert max(openings.values()) <= 0.05 * len(notices)
    assert sum("wait" in " ".join(words).lower() for words in notices) < 0.1 * len(notices)
    shapes = {
        re.sub(r'"[^"]*"|-?\d[\d.,]*', "#", segment.text.strip()) for segment in segments if segment.role == "notice"
    }
    assert len(shapes) > 1000
    backtracks = {re.sub(r"-?\d[\d.,]*", "#", segment.text) for segment in segments if segment.role == "backtrack"}
    assert len(backtracks) > 25


# ---- determinism


def test_same_seed_same_bytes_and_other_seed_differs() -> None:
    problems = [*arithmetic(1, 40), *arithmetic(3, 40)]
    texts = []
    for seed in (0, 0, 1):
        made = [Slips().make(problem, seed, 0) for problem in problems]
        texts.append([encode(each.pair) + encode(each.tree) for each in made if isinstance(each, MadePair)])
    assert texts[0] == texts[1]
    assert len(set(texts[0]) & set(texts[2])) == 0
    first, second = METHOD.make(NATALIA, 0, 0), METHOD.make(NATALIA, 0, 1)
    assert isinstance(first, MadePair) and isinstance(second, MadePair) and first.tree.id != second.tree.id


# ---- settings


def test_kinds_and_delay_can_be_fixed() -> None:
    method = Slips(SlipsSettings(kinds="digit,carry", delay=1, most=1, clean=0))  # type: ignore[arg-type]
    delays = Counter()
    for problem in arithmetic(2, 80):
        made = method.make(problem, 0, 0)
        if isinstance(made, MadePair):
            assert set(made.pair.provenance["kinds"]) <= {"digit", "carry"}
            assert made.pair.mistakes == 1
            delays.update(made.pair.provenance["delays"])
            assert made.tree.settings["delay"] == 1
    assert set(delays) <= {0, 1} and delays[1] > delays[0]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_alone_gives_lawful_pairs(kind: str) -> None:
    method = Slips(SlipsSettings(kinds=(kind,), clean=0))
    made = [each for level in (1, 2, 3) for each in (method.make(p, 0, 0) for p in arithmetic(level, 60))]
    pairs = [each for each in made if isinstance(each, MadePair)]
    assert pairs or kind in ("sign", "forgotten", "percent", "unit")  # the family has no such steps
    for each in pairs:
        assert set(each.pair.provenance["kinds"]) == {kind}
        check_laws(each)


def test_rate_and_most_bound_the_mistakes() -> None:
    problems = list(arithmetic(3, 60))
    counts = {}
    for most in (1, 4):
        made = [Slips(SlipsSettings(rate=1.0, most=most, delay=0, clean=0)).make(problem, 0, 0) for problem in problems]
        counts[most] = [each.pair.mistakes for each in made if isinstance(each, MadePair)]
    assert set(counts[1]) == {1}
    assert max(counts[4]) == 4 and sum(counts[4]) > 2.5 * len(problems)


def test_with_least_0_each_step_is_retried_by_chance() -> None:
    problems = [DependencyGraph().problem(0, index, 1) for index in range(300)]
    told = {}
    for rate in (0.2, 0.5):
        settings = SlipsSettings(rate=rate, least=0, clean=0, rechecks=0, kinds=("retry",))
        made = [Slips(settings).make(problem, 0, 0) for problem in problems]
        told[rate] = [each.pair.mistakes for each in made if isinstance(each, MadePair)]
        assert len(told[rate]) == 300
        none = sum((1 - rate) ** len(problem.facts["letters"]) for problem in problems) / 300
        assert abs(told[rate].count(0) / 300 - none) < 0.06 and max(told[rate]) >= 2
    assert all(few <= many for few, many in zip(told[0.2], told[0.5], strict=True))
    assert "least" not in SlipsSettings().model_dump() and SlipsSettings(least=0).model_dump()["least"] == 0


@pytest.mark.parametrize(
    "bad",
    [{"delay": -1}, {"rate": 2}, {"nope": 1}, {"most": 0}, {"clean": 2}, {"mistakes": -1}, {"at": 0}, {"least": 2}],
)
def test_bad_settings_are_refused(bad: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=re.escape(str(next(iter(bad))))):
        SlipsSettings(**bad)  # type: ignore[arg-type]


def test_an_unknown_kind_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(UnknownName, match="did you mean digit"):
        SlipsSettings(kinds=("digits",))


# ---- rejections, counted by reason


@pytest.mark.parametrize(
    ("solution", "answer", "reason"),
    [
        ("It is 72.\n#### 72", "72", "no_annotation"),
        ("", "72", "no_annotation"),
        ("48/2 = <<48//2=24>>24\n#### 24", "24", "unreadable_annotation"),
        ("48/0 = <<48/0=24>>24\n#### 24", "24", "unreadable_annotation"),
        ("48/2 = <<48/2=25>>25\n#### 25", "25", "false_annotation"),
        ("48/2 = <<48/2=24>>24\nand 72\n#### 72", "72", "answer_not_the_last_value"),
        ("48/2 = <<48/2=24>>24\n#### 24", "many", "answer_not_a_number"),
    ],
)
def test_unusable_solutions_are_counted_by_reason(solution: str, answer: str, reason: str) -> None:
    problem = Problem("x", NATALIA.question, answer, "test", solution=solution)
    made = METHOD.make(problem, 0, 0)
    assert isinstance(made, Rejection) and made.reason == reason


def only(kind: str, solution: str, question: str, answer: str) -> MadePair | Rejection:
    method = Slips(SlipsSettings(kinds=(kind,), most=1, clean=0))
    return method.make(Problem("x", question, answer, "test", solution=solution), 0, 0)


def test_a_commutative_swap_is_rejected() -> None:
    made = only("swap", "3+4 = <<3+4=7>>7\n#### 7", "She has 3 red and 4 blue pens. How many pens?", "7")
    assert isinstance(made, Rejection) and made.reason == "commutative_swap"


def test_a_wrong_value_that_is_right_is_rejected() -> None:
    graph = annotated(NATALIA)
    equation = graph.steps[0].equations[0]
    slip = Slip("digit", 0, 0, equation, Arith("48 / 2", "24"), Fraction(24), equation.tokens)
    with pytest.raises(Refused, match="same_value"):
        usable(slip, None)
    for seed in range(20):  # 2 + 2 is 4 too: never told as a mistake
        method = Slips(SlipsSettings(kinds=("operation",)))
        problem = Problem("x", "There are 2 bags of two. How many?", "4", "test", solution="2*2 = <<2*2=4>>4\n#### 4")
        each = method.make(problem, seed, 0)
        if isinstance(each, MadePair):
            assert "2+2" not in each.pair.journey.segments[0].text


def test_an_ambiguous_operand_stops_the_delay() -> None:
    question = "A box has 6 pens and a bag has 3 times 2 pens. What are the 20 pens without the bag worth at 9 dollars?"
    solution = (
        "The bag has 3*2 = <<3*2=6>>6 pens.\nThat leaves 20-6 = <<20-6=14>>14.\nSo 14*9 = <<14*9=126>>126.\n#### 126"
    )
    for seed in range(30):
        method = Slips(SlipsSettings(kinds=("digit", "off_by_one", "table"), delay=1, most=1, clean=0))
        made = method.make(Problem("x", question, "126", "test", solution=solution), seed, 0)
        if isinstance(made, MadePair) and made.pair.journey.segments[0].role == "mistake":
            assert made.pair.provenance["delays"] == [0]  # the 6 may be the pens of the box


def test_nothing_is_leaked_and_the_same_words_frame_both_halves() -> None:
    for seed in range(60):
        made = Slips(SlipsSettings(clean=0)).make(NATALIA, seed, 0)
        assert isinstance(made, MadePair)
        check_laws(made)
        shortcut, journey = made.pair.shortcut.segments, made.pair.journey.segments
        assert (shortcut[0].role == "plan") == (journey[0].role == "plan")
        assert shortcut[0] == journey[0] or shortcut[0].role == "step"
        notice = next(each for each in made.pair.journey.segments if each.role == "notice")
        assert "gold" not in notice.text and "answer key" not in notice.text
