"""Refine: both traces of another method's pair rewritten with one prompt, and what the guard rejects."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from journey.catalog import FAMILIES
from journey.errors import UnknownName, UsageError
from journey.generate.asking.requests import AskedModels, ModelRequest
from journey.generate.made import MadePair, Rejection
from journey.generate.methods.refine import Refine, RefineSettings, _default
from journey_testing import asked
from journey_testing.asked import Answering, facts, same_words

PROBLEMS = [FAMILIES.get("countdown")().problem(0, index, 1) for index in range(6)]
BACKS = re.compile(r">(Back to|I go back to|Return to|So back up to)")


def reworded(request: ModelRequest) -> str:
    """A rewrite that changes how a way back is said, and nothing else."""
    return BACKS.sub(">I return to", same_words(request).text)


def damaged(change: Callable[[str], str], *, once: bool = False) -> Callable[[ModelRequest], str]:
    """A rewriter that damages every reply, or only the first of each trace."""
    return lambda r: same_words(r).text if once and r.draw is not None else change(same_words(r).text)


def shown(request: ModelRequest) -> str:
    return (request.said or "").split("<pieces>")[0]


def test_both_traces_are_rewritten_with_one_prompt_and_only_their_words_change() -> None:
    answering = Answering(rewriter=reworded)
    made = asked.make("refine", PROBLEMS, facts(), answering)
    plain = asked.make("refine", PROBLEMS, facts(), Answering(rewriter=lambda r: same_words(r).text))
    changed = 0
    for one, other in zip(made, plain, strict=True):
        assert isinstance(one, MadePair) and isinstance(other, MadePair)
        assert one.pair.method == "refine" and one.pair.provenance["of"] == "search"
        for half in ("shortcut", "journey"):
            new, old = getattr(one.pair, half), getattr(other.pair, half)
            assert [(s.role, s.brief, s.node) for s in new.segments] == [
                (s.role, s.brief, s.node) for s in old.segments
            ]
            assert new.segments[-1].text == old.segments[-1].text and new.answer == old.answer
            changed += new != old
    assert changed and len(answering.asked) == 2 * len(PROBLEMS)
    assert len({shown(r).split("</problem>")[1] for r in answering.asked}) == 1  # one prompt, whatever the arm
    assert not any("\\boxed{" in (r.said or "").split("<pieces>")[1] for r in answering.asked)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda text: text.replace(" = ", " is ", 1), "equation_changed"),
        (lambda text: f"Sure, here it is:\n{text}", "rewrite_unreadable"),
        (lambda text: text.rpartition("\n")[0], "rewrite_unreadable"),
        (lambda text: text.replace("</s2>", " So 3 + 4 = 8.</s2>"), "equation_false"),
    ],
)
def test_a_rewrite_that_loses_something_is_rejected_and_counted(change: Callable[[str], str], reason: str) -> None:
    answering = Answering(rewriter=damaged(change))
    [one] = asked.make("refine", PROBLEMS[:1], facts(), answering, tries=3)
    assert isinstance(one, Rejection) and one.reason in (reason, "mistake_changed") and f"{reason} " in one.detail
    assert len(answering.asked) == 6 and {r.draw for r in answering.asked} == {None, 1, 2}


def test_a_later_try_may_pass_and_the_rejected_ones_are_counted() -> None:
    answering = Answering(rewriter=damaged(lambda text: text.replace(" = ", " is ", 1), once=True))
    [one] = asked.make("refine", PROBLEMS[:1], facts(), answering)
    assert isinstance(one, MadePair) and one.pair.provenance["rewrites_rejected"] == 2


def test_pairs_of_methods_that_ask_models_are_rewritten_too() -> None:
    def policy(request: ModelRequest) -> str:
        a, sign, b, result, left = FAMILIES.get("countdown")().space(request.problem).moves(
            tuple(request.problem.facts["numbers"])
        )[(request.draw or 0) % 3]  # fmt: skip
        return f" try {a} {sign} {b} = {result} left {' '.join(map(str, left))} ."

    answering = Answering(policy=policy, rewriter=lambda r: same_words(r).text)
    made = asked.make("refine", PROBLEMS, facts(), answering, of="rollouts", options={"width": 3})
    found = [one for one in made if isinstance(one, MadePair)]
    assert found and all(one.pair.provenance["policy"]["name"] == "stand-in" for one in found)
    assert {request.role for request in answering.asked} == {"policy", "rewriter"}


def test_the_other_method_and_its_settings_are_checked() -> None:
    with pytest.raises(UnknownName, match="slip"):
        asked.make("refine", PROBLEMS, facts(), Answering(), of="slip")
    with pytest.raises(UsageError, match=r"refine\.options"):
        asked.make("refine", PROBLEMS, facts(), Answering(), of="search", options={"widht": 3})


def test_a_reward_model_of_the_method_within_is_one() -> None:
    """So that a critic with weights here is loaded as what it is."""
    rated = RefineSettings(of="rollouts", options={"score": "reward"})
    assert Refine(rated).rewards and set(Refine(rated).asks) == {"policy", "critic", "rewriter"}
    assert not Refine(RefineSettings(of="rollouts")).rewards and not Refine().rewards


def test_what_is_rewritten_is_what_the_family_can() -> None:
    """Grids are searched like numbers, and have no annotated solution."""
    for family, method in (("countdown", "search"), ("sudoku", "search"), ("arithmetic", "slips")):
        problem = FAMILIES.get(family)().problem(0, 0)
        asked = next(Refine().make_asking(problem, AskedModels({}), 0))
        assert asked[0].role == "rewriter" and _default(problem) == method
