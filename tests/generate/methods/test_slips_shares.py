"""How many journeys have a mistake, how many mistakes and where, and how often right steps are re-checked."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from pydantic import ValidationError

from journey.answers.equations import equations
from journey.evaluate.behaviour.sentences import marked, sentences
from journey.finetune.arms.marker import doubted
from journey.generate.families.arithmetic import Arithmetic
from journey.generate.made import MadePair, Rejection
from journey.generate.methods.slips import Slips, SlipsSettings
from journey.generate.slips import phrases
from journey.schema import Problem, Segment
from journey.tables.problems import read_problems

WORDS = Path(__file__).resolve().parents[3] / "data" / "problems"
CLEAN, RECHECKS = SlipsSettings().clean, SlipsSettings().rechecks


@cache
def shipped() -> list[Problem]:
    """The word problems of the package, and arithmetic of every level."""
    told = [each for split in ("train", "test") for each in read_problems(str(WORDS / f"words_{split}.jsonl"))]
    return told + [Arithmetic().problem(5, index, level) for level in (1, 2, 3) for index in range(250)]


def made_of(problems: list[Problem], **settings: object) -> list[MadePair]:
    method = Slips(SlipsSettings(**settings))  # type: ignore[arg-type]
    return [each for each in (method.make(problem, 0) for problem in problems) if isinstance(each, MadePair)]


@pytest.fixture(scope="module", params=["shipped", pytest.param("gsm8k", marks=pytest.mark.slow)])
def pairs(request: pytest.FixtureRequest, real_data: Callable[[str], Path]) -> list[MadePair]:
    """Pairs of all problems, as they are by default."""
    if request.param == "gsm8k":
        return made_of(list(read_problems(str(real_data("gsm8k_train.jsonl")))))
    return made_of(shipped())


def of_role(made: MadePair, *roles: str) -> list[Segment]:
    return [segment for segment in made.pair.journey.segments if segment.role in roles]


# ---- clean journeys


def test_a_quarter_of_the_journeys_is_clean(pairs: list[MadePair]) -> None:
    assert CLEAN == 0.25
    clean = [made for made in pairs if made.pair.mistakes == 0]
    assert abs(len(clean) / len(pairs) - CLEAN) < 0.045
    for made in clean:
        assert not of_role(made, "mistake", "consequence", "notice", "backtrack", "correction")
        kept = [segment.text for segment in made.pair.journey.segments if segment.role != "check"]
        assert kept == [segment.text for segment in made.pair.shortcut.segments]


def test_no_rate_is_no_mistake_and_a_problem_less_is_rejected() -> None:
    made = made_of(shipped(), rate=0, clean=0)
    assert len(made) == len(shipped()) and not any(each.pair.mistakes for each in made)
    assert not any(node.role == "mistake" for each in made for node in each.tree.nodes)


def test_clean_journeys_change_nothing_in_the_others() -> None:
    def told(made: MadePair) -> list[tuple[str, str]]:
        return [(segment.role, segment.text) for segment in made.pair.journey.segments]

    some, all_wrong = made_of(shipped()[:200]), made_of(shipped()[:200], clean=0)
    assert [each.pair.problem for each in some] == [each.pair.problem for each in all_wrong]
    wrong = [pair for pair in zip(some, all_wrong, strict=True) if pair[0].pair.mistakes]
    assert 100 < len(wrong) < 200 and all(told(one) == told(other) for one, other in wrong)
    assert all(other.pair.mistakes for other in all_wrong)


# ---- re-checks


def test_rechecks_come_as_often_as_in_real_traces(real_data: Callable[[str], Path]) -> None:
    """A check of a trace is a run of sentences that check; a step is a sentence with an equals sign."""
    checks = steps = 0
    for line in real_data("journeys_rasbt_sample.jsonl").read_text().splitlines():
        text = json.loads(line)["message_thinking"]
        checks += sum(mark.kind == "check" for mark in marked(text))
        steps += sum("=" in text[start:end] for start, end in sentences(text))
    assert steps > 300 and abs(checks / steps - RECHECKS) < 0.03


def test_that_share_of_right_steps_is_rechecked(pairs: list[MadePair]) -> None:
    clean = [made for made in pairs if not made.pair.mistakes]
    steps = sum(len(of_role(made, "step")) for made in clean)
    checks = sum(len(of_role(made, "check")) for made in clean)
    assert abs(checks / steps - RECHECKS) < 0.05
    assert not any(of_role(made, "check") for made in made_of(shipped()[:100], rechecks=0))


def test_a_recheck_passes_and_is_of_the_step_before_it(pairs: list[MadePair]) -> None:
    for made in pairs:
        nodes = {node.id: node for node in made.tree.nodes}
        before: Segment | None = None
        for segment in made.pair.journey.segments:
            if segment.role == "check":
                assert before is not None and before.role in ("step", "correction")
                node = nodes[segment.node]
                assert node.role == "check" and node.parent == before.node and node.verdict == "right"
                found = list(equations(segment.brief, terse=True))
                assert found and all(each.exact == each.claimed for each in found)
                assert set(found[0].numbers) <= {
                    number
                    for each in equations(before.brief, terse=True)
                    for number in (*each.numbers, each.claimed, each.exact)
                }
            before = segment


def test_rechecks_have_a_compact_form(pairs: list[MadePair]) -> None:
    briefs = [segment.brief for made in pairs for segment in of_role(made, "check")]
    assert any(re.fullmatch(r"check \d+ \+ \d+ = \d+ right \.", brief) for brief in briefs)
    assert len({" ".join(re.findall("[a-z?]+", brief)) for brief in briefs}) >= 6


def test_a_doubt_is_as_often_right_as_wrong_and_no_opener_tells(pairs: list[MadePair]) -> None:
    """What a doubt begins with says nothing about how it ends: each opener comes before mistakes and before right steps."""
    checks = sum(len(of_role(made, "check")) for made in pairs)
    notices = sum(len(of_role(made, "notice")) for made in pairs)
    assert checks > 0.7 * notices
    begun: Counter[tuple[str, str]] = Counter()
    for made in pairs:
        for segment in of_role(made, "check", "notice"):
            for opener in phrases.OPENERS:
                if opener and re.match(re.escape(opener).replace(r"\{x\}", r"-?[\d.]+"), segment.text.strip()):
                    begun[segment.role, opener] += 1
    often = [opener for opener in phrases.OPENERS if begun["notice", opener] + begun["check", opener] > 12]
    assert len(often) > 20
    for opener in often:
        assert begun["notice", opener] and begun["check", opener], opener


def test_the_marker_differs_in_the_mistakes_alone(pairs: list[MadePair]) -> None:
    """It tells the right steps and the journey's own re-checks, and one more for each notice where there is a step for it."""
    for made in pairs:
        told = [(role, text.strip()) for role, text, _, _ in doubted(made.pair)]
        steps = [text for role, text in told if role == "step"]
        assert steps == [s.text.strip() for s in made.pair.shortcut.segments if s.role == "step"]
        own = Counter(segment.text.strip() for segment in of_role(made, "check"))
        checks = Counter(text for role, text in told if role == "check")
        assert not own - checks
        more = checks.total() - own.total()
        assert more == min(len(steps) - own.total(), made.pair.mistakes)


# ---- how many, and where


@pytest.mark.parametrize("number", [0, 1, 2, 3])
def test_the_number_of_mistakes_is_exact(number: int) -> None:
    problems = shipped()[:260]
    made = made_of(problems, mistakes=number)
    assert len(made) > 60 and {each.pair.mistakes for each in made} == {number}
    some = made_of(problems, mistakes=number, clean=0.25)
    assert {each.pair.mistakes for each in some} == {0, number}


def test_a_journey_of_no_mistake_is_the_shortcut_and_its_passing_rechecks() -> None:
    """With no mistake there is nothing to take back; a doubt that finds nothing is none."""
    for each in made_of(shipped()[:60], mistakes=0):
        told = [s for s in each.pair.journey.segments if s.role != "check"]
        assert [(s.role, s.text) for s in told] == [(s.role, s.text) for s in each.pair.shortcut.segments]
    for each in made_of(shipped()[:60], mistakes=0, rechecks=0):
        assert each.pair.journey == each.pair.shortcut


def test_a_problem_without_room_for_the_mistakes_is_rejected() -> None:
    problem = Problem(
        "x", "She has 38 red and 47 blue pens. How many?", "85", "t", solution="38+47 = <<38+47=85>>85\n#### 85"
    )
    made = Slips(SlipsSettings(mistakes=2)).make(problem, 0)
    assert isinstance(made, Rejection) and (made.reason, made.detail) == ("too_few_steps", "1 steps, 2 needed")
    at = Slips(SlipsSettings(at=2)).make(problem, 0)
    assert isinstance(at, Rejection) and at.reason == "too_few_steps"


@pytest.mark.parametrize("at", [1, 2, 3])
def test_the_mistake_stands_at_the_step_that_is_asked_for(at: int) -> None:
    made = made_of(shipped()[:260], at=at, clean=0, delay=0)
    assert len(made) > 60
    for each in made:
        assert each.pair.mistakes == 1
        steps = [segment.node for segment in each.pair.shortcut.segments if segment.role == "step"]
        [correction] = [segment.node for segment in of_role(each, "correction")]
        [kind] = each.pair.provenance["kinds"]
        assert steps.index(correction) == at - 1 - (kind == "skipped")  # the correct path resumes at the step left out


def test_at_and_several_mistakes_exclude_one_another() -> None:
    with pytest.raises(ValidationError, match="at names one step, so mistakes must be 1 or left out"):
        SlipsSettings(at=1, mistakes=2)
    assert SlipsSettings(at=1, mistakes=1).at == 1
