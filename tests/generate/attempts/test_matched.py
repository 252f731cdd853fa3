"""Matched journeys: one right path and place for all kinds, every rule of curation kept, slips as the policy errs."""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache
from typing import Any

import msgspec
import pytest

from journey import views
from journey.answers.grading import grade
from journey.answers.steps import steps
from journey.catalog import METHODS
from journey.config import CurateSettings
from journey.curate.item import Item
from journey.curate.rules import Context, bind, resolve_options
from journey.generate.attempts import sums
from journey.generate.attempts.matched import MATCHED, AttemptedProblem, MatchedSettings
from journey.generate.attempts.moves import error_class, own_mistake, path_of, slip, weigh
from journey.generate.attempts.values import PREFIX, count_value_errors
from journey.generate.made import MadePair, Rejection
from journey.rng import rng_for
from journey.schema import Arith, Pair, Problem, Reachable, decode, encode, problem_id
from journey_testing.attempts import POLICY, attempt_of, attempted

TRIED = 40


@lru_cache
def tried() -> list[AttemptedProblem]:
    return attempted(TRIED)


@lru_cache
def made(method: str, clean: float = 0.25) -> tuple[MadePair | Rejection, ...]:
    reader = METHODS.get(method)
    settings = reader.Settings(clean=clean) if method in MATCHED else reader.Settings()
    return tuple(reader(settings).make_of(each, 0) for each in tried())


def pairs(method: str, clean: float = 0.25) -> list[MadePair]:
    return [each for each in made(method, clean) if isinstance(each, MadePair)]


def segments(pair: Pair, half: str = "shortcut") -> list[tuple[str, str, str]]:
    return [(s.role, s.text, s.brief) for s in getattr(pair, half).segments]


def test_one_right_path_place_and_clean_rows_for_all_kinds() -> None:
    kinds = [made(method) for method in MATCHED]
    together = [each for each in zip(*kinds, strict=True) if all(isinstance(one, MadePair) for one in each)]
    assert len(together) > TRIED * 0.6
    for own, injected, profiled in together:
        assert isinstance(own, MadePair) and isinstance(injected, MadePair) and isinstance(profiled, MadePair)
        trio = (own.pair, injected.pair, profiled.pair)
        assert len({pair.provenance["matched"] for pair in trio}) == len({pair.mistakes for pair in trio}) == 1
        assert segments(trio[0]) == segments(trio[1]) == segments(trio[2])
        right = [[s for s in segments(pair, "journey") if s[0] in ("step", "correction", "check")] for pair in trio]
        if not trio[0].mistakes:
            assert segments(trio[0], "journey") == segments(trio[1], "journey")
        assert next([brief for _, _, brief in said] for said in right) == [brief for _, _, brief in right[1]]
    shares = sum(not each.pair.mistakes for each in pairs("own")) / len(pairs("own"))
    assert 0.03 < shares < 0.45
    assert all(each.pair.mistakes == 1 for each in pairs("own", 0.0)) and not any(
        e.pair.mistakes for e in pairs("own", 1.0)
    )


@pytest.mark.parametrize("method", [*MATCHED, "stitch", "reject"])
def test_what_attempt_readers_make_keeps_every_rule(method: str) -> None:
    items = [Item(each.pair, each.tree) for each in pairs(method)]
    context = Context(CurateSettings())
    assert len(items) > TRIED * 0.4
    for rule in bind(resolve_options(context.settings), context):
        assert not [drop for drops in rule.judge(items) for drop in drops], rule.name
    for each in pairs(method):
        assert decode(encode(each.pair), Pair) == each.pair
        for trace in (each.pair.shortcut, each.pair.journey):
            for view in views.VIEWS:
                assert grade(each.pair.problem, views.render(trace, view).text).outcome == "correct"
    again = METHODS.get(method)().make_of(tried()[0], 0)
    first = made(method)[0]
    assert isinstance(again, Rejection) or isinstance(first, Rejection) or encode(again.pair) == encode(first.pair)


def test_an_own_wrong_step_is_what_the_policy_wrote() -> None:
    for each, result in zip(tried(), made("own", 0.0), strict=True):
        if isinstance(result, MadePair):
            number = result.pair.provenance["attempts"]["wrong"]
            wrong = next(a for a in each.attempts if a.index == number)
            [mistake] = [s for s in result.pair.journey.segments if s.role == "mistake"]
            assert mistake.brief in wrong.text and wrong.outcome == "wrong"
            right = next(a for a in each.attempts if a.index == result.pair.provenance["attempts"]["right"])
            assert all(s.brief in right.text for s in result.pair.shortcut.segments if s.role == "step")


def test_a_dead_branch_is_told_to_its_end() -> None:
    for each in pairs("own", 0.0):
        told = [s for s in each.pair.journey.segments if s.role == "consequence"]
        [mistake] = each.tree.mistakes()
        if isinstance(mistake.claim, Reachable) and len(mistake.claim.state) == 2:
            assert told and all(f"= {each.pair.problem.answer} " not in s.brief for s in told)


def test_profiled_slips_err_as_the_policy_does_and_plain_ones_do_not() -> None:
    policy: Counter[str] = Counter()
    for each in tried():
        found = (own_mistake(each.problem, a) for a in each.attempts if a.outcome == "wrong")
        policy += Counter(error_class(one[2]) for one in found if one is not None)
    drawn: dict[bool, Counter[str]] = {True: Counter(), False: Counter()}
    for each in tried():
        path = next((path_of(each.problem, a) for a in each.right()), None)
        for profiled, counts in drawn.items():
            for number in range(20 if path else 0):
                rng = rng_for("test", profiled, each.problem.id, number)
                one = slip(each.problem, path[0], rng, policy if profiled else None)  # type: ignore[index]
                if one is not None:
                    counts[one.kind] += 1
    share = sum(count for name, count in policy.items() if "false equation" in name) / policy.total()
    false = {kind: counts["false equation"] / counts.total() for kind, counts in drawn.items()}
    assert abs(false[True] - share) < 0.2 and abs(false[True] - share) < abs(false[False] - share) / 2


def test_profiled_slips_are_of_the_very_classes_that_the_policy_errs_in() -> None:
    """Also where these are no errors of the right calculation: a policy that takes 22 - 22 for 2 does not slip in 22 + 22."""
    problem = Problem(problem_id("countdown", 1), "", "49", "countdown", facts={"numbers": [22, 22, 5], "target": 49})
    [right, *_] = path_of(problem, attempt_of(problem, "22 + 22 = 44\n44 + 5 = 49\n\\boxed{22 + 22 + 5}", 0)) or ()
    errors = {
        "equal numbers: false equation - of equals, +2": 6.0,
        "equal numbers: wrong branch -": 3.0,
        "equal numbers: false equation *, too large": 1.0,
        "equal numbers: false equation / of equals, +1": 20.0,  # cannot be made of whole numbers here
        "other numbers: false equation +, +1": 100.0,
    }
    drawn: Counter[str] = Counter()
    for number in range(400):
        one = slip(problem, right, rng_for("test", number), errors)
        assert one is not None
        drawn[error_class(one)] += 1
        if one.kind == "false equation" and " - " in one.equation:
            assert one.equation == "22 - 22 = 2"
    shares = {name.split(": ")[1]: count / 400 for name, count in drawn.items()}
    assert set(shares) == {"false equation - of equals, +2", "wrong branch -", "false equation *, too large"}
    assert abs(shares["false equation - of equals, +2"] - 0.6) < 0.08 and abs(shares["wrong branch -"] - 0.3) < 0.08


def test_every_problem_weighs_the_same_in_the_profile() -> None:
    assert weigh([Counter(a=8, b=2), Counter(b=1), Counter()]) == {"a": 0.8, "b": 1.2}


def test_reasons_for_which_a_problem_gives_none() -> None:
    each = tried()[0]
    own = METHODS.get("own")()
    right, wrong = tuple(each.right()), tuple(each.wrong())

    def reason(*attempts: object) -> str:
        result = own.make_of(AttemptedProblem(each.problem, attempts, POLICY, {}), 0)  # type: ignore[arg-type]
        assert isinstance(result, Rejection)
        return result.reason

    assert (reason(), reason(*right), reason(*wrong)) == ("no_attempts", "never_wrong", "never_right")
    assert own.make(each.problem, 0).reason == "needs_attempts"


QUESTION = "Tom has 18 shells. He buys 5 bags of 27 shells and gives 7 shells away. How many shells does he have?"
SOLUTION = "The bags hold 5 * 27 = <<5*27=135>>135.\nWith them 18 + 135 = <<18+135=153>>153.\nThen 153 - 7 = <<153-7=146>>146.\n#### 146"
IN_WORDS = Problem(problem_id("t", "1"), QUESTION, "146", "t", solution=SOLUTION)
RIGHT = "The bags hold 5 * 27 = 135 shells.\nWith them he has 18 + 135 = 153 shells.\nThen he has 153 - 7 = 146 shells.\n\nThe answer is \\boxed{146}."
WRONG = "The bags hold 5 * 27 = 135 shells.\nSo he has 18 + 135 = 163 shells in all.\nThen he has 163 - 7 = 156.\n\nThe answer is \\boxed{156}."


# Another right way, which does not begin as the wrong attempt does.
OTHER = "He keeps 18 - 7 = 11 of his own shells.\nThe bags hold 5 * 27 = 135.\nSo he has 11 + 135 = 146 shells.\n\nThe answer is \\boxed{146}."


def in_words(source: str, right: str, wrong: str = WRONG, **settings: Any) -> MadePair:
    """The pair of one kind from one right and one wrong attempt; every rule of curation is kept."""
    attempts = (attempt_of(IN_WORDS, right, 0), attempt_of(IN_WORDS, wrong, 1))
    each = AttemptedProblem(IN_WORDS, attempts, POLICY, count_value_errors(attempts))
    result = sums.make(each, source, MatchedSettings(clean=0, rechecks=0, **settings), 0, 0)  # type: ignore[arg-type]
    assert isinstance(result, MadePair) and result.pair.problem == IN_WORDS
    item, context = [Item(result.pair, result.tree)], Context(CurateSettings())
    for rule in bind(resolve_options(context.settings), context):
        assert not [drop for drops in rule.judge(item) for drop in drops], rule.name
    return result


def roles(pair: Pair, role: str) -> list[str]:
    return [s.text.strip() for s in pair.journey.segments if s.role == role]


@pytest.mark.parametrize("source", MATCHED)
def test_problems_in_words_take_the_wrong_step_as_it_was_written(source: str) -> None:
    result = in_words(source, RIGHT, delay=0)
    [mistake] = roles(result.pair, "mistake")
    assert ("So he has 18 + 135 = 163 shells in all." in mistake) is (source == "own")
    assert "153 - 7 = 146" in result.pair.shortcut.segments[-2].text
    assert not roles(result.pair, "consequence") and result.pair.provenance["ending"] == "fix"


def test_the_policys_further_steps_stand_as_it_wrote_them_while_they_follow() -> None:
    assert roles(in_words("own", RIGHT, delay=1).pair, "consequence") == ["Then he has 163 - 7 = 156."]
    assert roles(in_words("own", RIGHT, delay=9).pair, "consequence") == ["Then he has 163 - 7 = 156."]
    other = WRONG.replace("163 - 7 = 156", "153 - 7 = 146")  # uses another value than the wrong one
    assert not roles(in_words("own", RIGHT, other.replace("{146}", "{156}"), delay=1).pair, "consequence")


@pytest.mark.parametrize("source", MATCHED)
def test_the_right_path_goes_on_with_what_the_wrong_step_should_have_been(source: str) -> None:
    """It begins as the wrong attempt does and goes on otherwise: the solution is begun again."""
    apart = "The bags hold 5 * 27 = 135 shells.\nAfter the gift they hold 135 - 7 = 128.\nSo he has 128 + 18 = 146 shells.\n\nThe answer is \\boxed{146}."
    assert in_words(source, apart).pair.provenance["ending"] == "fresh"


@pytest.mark.parametrize("source", MATCHED)
def test_without_a_right_attempt_that_begins_alike_the_solution_is_begun_again(source: str) -> None:
    pair = in_words(source, OTHER).pair
    assert pair.provenance["ending"] == "fresh"
    right = [s.brief for s in pair.shortcut.segments if s.role == "step"]
    assert right == ["18 - 7 = 11 .", "5 * 27 = 135 .", "11 + 135 = 146 ."]
    told = [(s.role, s.brief) for s in pair.journey.segments if s.role in ("step", "correction")]
    assert told == [("step", "5 * 27 = 135 ."), ("correction", right[0]), ("step", right[1]), ("step", right[2])]
    assert ("18 + 135 = 163" in roles(pair, "mistake")[0]) is (source == "own")
    attempts = (attempt_of(IN_WORDS, OTHER, 0), attempt_of(IN_WORDS, WRONG, 1))
    each = AttemptedProblem(IN_WORDS, attempts, POLICY, count_value_errors(attempts))
    refused = sums.make(each, "own", MatchedSettings(ending="fix"), 0, 0)
    assert isinstance(refused, Rejection) and refused.reason == "no_right_ending"


@pytest.mark.parametrize("value", ["+ 163", "- 163", "+163", "0163", "163.0"])
def test_a_wrong_value_may_be_written_with_a_sign_or_zeros(value: str) -> None:
    wrong = f"So he has 18 + 135 = {value} shells in all."
    pair = in_words("own", RIGHT, WRONG.replace("So he has 18 + 135 = 163 shells in all.", wrong), delay=0).pair
    assert wrong in roles(pair, "mistake")[0] and "18 + 135 = 153" in roles(pair, "correction")[0]


def test_a_wrong_value_that_no_notice_could_say_gives_no_pair() -> None:
    wrong = WRONG.replace("18 + 135 = 163", "18 + 135 = 11/235")
    attempts = (attempt_of(IN_WORDS, RIGHT, 0), attempt_of(IN_WORDS, wrong, 1))
    result = METHODS.get("own")().make_of(AttemptedProblem(IN_WORDS, attempts, POLICY, {}), 0)
    assert result == Rejection("nothing_contradicts", "own")


def test_whatever_a_policy_wrote_gives_a_pair_or_a_reason() -> None:
    """Marks, signs and spaces put anywhere into a wrong attempt, and pieces left out."""
    signs = ["+ ", "- ", "= ", "$", "% ", ",", ".", "0", "\n", " ", "(", "<<", "**", "\\boxed{", "</think>", "½"]
    for number in range(80):
        rng = rng_for("odd attempts", 0, number)
        text = WRONG
        for _ in range(rng.randrange(1, 4)):
            start = rng.randrange(len(text))
            text = text[:start] + rng.choice(signs) + text[start + rng.choice((0, 0, 1, 4)) :]
        attempts = (attempt_of(IN_WORDS, rng.choice((RIGHT, OTHER)), 0), attempt_of(IN_WORDS, text, 1))
        each = AttemptedProblem(IN_WORDS, attempts, POLICY, count_value_errors(attempts))
        for method in (*MATCHED, "stitch", "reject"):
            assert isinstance(METHODS.get(method)().make_of(each, 0), MadePair | Rejection)


def stitched(wrong: str) -> MadePair | Rejection:
    attempts = (attempt_of(IN_WORDS, OTHER, 0), attempt_of(IN_WORDS, wrong, 1))
    return METHODS.get("stitch")().make_of(AttemptedProblem(IN_WORDS, attempts, POLICY, {}), 0)


def test_a_wrong_attempt_in_words_is_stitched_whole_before_a_right_one() -> None:
    result = stitched(WRONG)
    assert isinstance(result, MadePair)
    item, context = [Item(result.pair, result.tree)], Context(CurateSettings())
    for rule in bind(resolve_options(context.settings), context):
        assert not [drop for drops in rule.judge(item) for drop in drops], rule.name
    said = [(s.role, s.text.strip()) for s in result.pair.journey.segments]
    assert [role for role, _ in said if role != "plan"] == [
        "step", "mistake", "consequence", "notice", "backtrack", "correction", "step", "step", "answer"
    ]  # fmt: skip
    assert dict(said)["mistake"] == "So he has 18 + 135 = 163 shells in all."
    assert dict(said)["consequence"] == "Then he has 163 - 7 = 156."
    assert [s.brief for s in result.pair.shortcut.segments if s.role == "step"] == [
        "18 - 7 = 11 .",
        "5 * 27 = 135 .",
        "11 + 135 = 146 .",
    ]
    [mistake] = result.tree.mistakes()
    assert (mistake.origin, mistake.proof) == ("own", "checked:question")


@pytest.mark.parametrize("wrong", [
    WRONG.replace("163 - 7 = 156", "163 - 7 = 155").replace("{156}", "{155}"),  # a second false equation after it
    WRONG.replace("Then he has 163 - 7 = 156.", "Then 27 - 7 = 20 bags.").replace("{156}", "{20}"),  # does not follow
])  # fmt: skip
def test_a_wrong_attempt_whose_end_does_not_follow_from_its_mistake_is_not_stitched(wrong: str) -> None:
    result = stitched(wrong)
    assert isinstance(result, Rejection) and result.reason == "no_wrong_attempt_to_its_end"


def test_profiled_slips_in_words_are_off_as_the_policys_values_are() -> None:
    attempts = (attempt_of(IN_WORDS, RIGHT, 0), attempt_of(IN_WORDS, WRONG, 1))
    for name, value in {
        "off by one": {"152", "154"},
        "ten times or a tenth": {"1530", "153/10"},
        "off by a carry": {"143", "163", "53", "253"},
    }.items():
        each = AttemptedProblem(IN_WORDS, attempts, POLICY, {PREFIX + name: 3})
        drawn = set()
        for seed in range(12):
            result = sums.make(each, "profiled", MatchedSettings(clean=0, delay=0), seed, 0)
            if isinstance(result, MadePair):
                [mistake] = result.tree.mistakes()
                assert isinstance(mistake.claim, Arith)
                drawn.add(mistake.claim.value)
        assert drawn and drawn <= value, name
    nothing = sums.make(AttemptedProblem(IN_WORDS, attempts, POLICY, {}), "profiled", MatchedSettings(), 0, 0)
    assert nothing == Rejection("no_slip_here", "profiled")


def test_a_search_begun_again_tells_the_wrong_attempt_to_its_mistake_and_then_a_right_one_whole() -> None:
    fresh = 0
    for each in tried():
        trio = [METHODS.get(m)(MatchedSettings(clean=0, ending="fresh")).make_of(each, 0) for m in MATCHED]
        own = trio[0]
        if not all(isinstance(one, MadePair) for one in trio) or own.pair.provenance["ending"] != "fresh":
            continue
        fresh += 1
        assert len({one.pair.provenance["matched"] for one in trio}) == 1
        wrong = next(a for a in each.attempts if a.index == own.pair.provenance["attempts"]["wrong"])
        for one in trio:
            told = [s for s in one.pair.journey.segments if s.role in ("step", "mistake", "correction")]
            assert [s.role for s in told] == ["step", "mistake", "correction", *["step"] * (len(told) - 3)]
            assert told[0].brief in wrong.text and told[0].brief not in {s.brief for s in one.pair.shortcut.segments}
            assert [s.brief for s in told[2:]] == [s.brief for s in one.pair.shortcut.segments if s.role == "step"]
            judged = [Item(one.pair, one.tree)]
            context = Context(CurateSettings())
            for rule in bind(resolve_options(context.settings), context):
                assert not [drop for drops in rule.judge(judged) for drop in drops], rule.name
    assert fresh > 2


def test_a_continuation_is_a_right_path_too() -> None:
    each = next(one for one in tried() if one.own_mistakes and one.paths)
    right = tuple(msgspec.structs.replace(a, prefix=5) for a in each.right())
    alone = AttemptedProblem(each.problem, right + tuple(each.wrong()), POLICY, each.errors)
    result = METHODS.get("own")().make_of(alone, 0)
    assert isinstance(result, MadePair) and result.pair.provenance["attempts"]["prefix"] == 5
    refused = METHODS.get("reject")().make_of(alone, 0)
    assert isinstance(refused, Rejection)  # it is no attempt whole


def test_a_step_that_only_the_gold_solution_refutes_is_oracle_timed() -> None:
    wrong = (
        WRONG.replace("18 + 135 = 163", "135 - 18 = 117")
        .replace("163 - 7 = 156", "117 - 7 = 110")
        .replace("156", "110")
    )
    each = AttemptedProblem(IN_WORDS, (attempt_of(IN_WORDS, RIGHT, 0), attempt_of(IN_WORDS, wrong, 1)), POLICY, {})
    assert each.wrong()[0].mistake.proof == "checked:solution"
    result = sums.make(each, "own", MatchedSettings(), 0, 0)
    assert isinstance(result, Rejection) and result.reason == "oracle_timed"
    for source in MATCHED:
        told = in_words(source, RIGHT, wrong, oracle_timed=True, delay=1)
        assert source != "profiled" or told.pair.provenance["kinds"] == ["operation"]
        assert bool(told.pair.provenance.get("oracle_timed")) is (source == "own")
    told = in_words("own", RIGHT, wrong, oracle_timed=True, delay=1)
    [mistake], [after], [notice] = (roles(told.pair, role) for role in ("mistake", "consequence", "notice"))
    assert "135 - 18 = 117" in mistake and "117 - 7 = 110" in after
    assert "18 + 135" in notice and "153" in notice and told.pair.provenance["proof"] == "checked:solution"
    assert told.tree.mistakes()[0].proof == "checked:solution" and told.pair.provenance["notices"] == ["another way"]


def test_steps_of_an_answer_are_its_sentences_with_equations() -> None:
    assert [WRONG[a:b] for a, b in steps(WRONG)] == [line for line in WRONG.split("\n") if re.search("=", line)]
