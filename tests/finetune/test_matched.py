"""Arms by origin: matched journeys are trained side by side; what is not matched, or not the policy's own, is refused."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import msgspec
import pytest

from journey.catalog import METHODS
from journey.errors import UnknownName, UsageError
from journey.finetune.planning.matched import StartWeights, match
from journey.finetune.runs import ArmContext, choose, run_name
from journey.generate.attempts.matched import MATCHED
from journey.generate.made import MadePair
from journey.models.load import find
from journey.sampling.identity import weights_of
from journey.schema import Pair
from journey_testing.attempts import attempted

ARMS = ["shortcut", "journey:own", "journey:injected"]
START = StartWeights(find("pocket"), "a" * 64)


@lru_cache
def pairs() -> tuple[Pair, ...]:
    """Pairs of all three kinds, whose policy is START."""
    policy = {"name": "p", "weights": weights_of(START.ref), "adapter": START.digest}
    made = []
    for each in attempted(12):
        trio = [METHODS.get(method)().make_of(each, 0) for method in MATCHED]
        if all(isinstance(one, MadePair) for one in trio):
            made += [changed(one.pair, policy=policy) for one in trio if isinstance(one, MadePair)]
    return tuple(made)


def changed(pair: Pair, **facts: object) -> Pair:
    return msgspec.structs.replace(pair, provenance={**pair.provenance, **facts})


def of_kind(pair: Pair, kind: str) -> bool:
    return pair.provenance["wrong_step"] == kind


def test_arms_see_the_same_problems_and_right_paths_and_each_its_own_journeys() -> None:
    choices, _ = choose(ARMS, "examples")
    matched = match(pairs(), choices, START)
    assert len(matched.pairs) == len(pairs()) // 3 and "matched journeys of own, injected" in matched.notes[0]
    assert any("the policy wrote it in" in note for note in matched.notes)
    reading = ArmContext(None, "compact", matched.by_origin)  # type: ignore[arg-type]
    shortcut, own, injected = (choice.arm.traces(matched.pairs, reading) for choice in choices)
    assert len(shortcut) == len(own) == len(injected)
    assert all(of_kind(pair, "own") and trace is pair.journey for pair, trace in zip(matched.pairs, own, strict=True))
    assert own != injected and run_name("journey:own@tokens", 1) == "journey-own-tokens-s1"


def other(kind: str, change: Callable[[Pair], Pair]) -> list[Pair]:
    return [change(pair) if of_kind(pair, kind) else pair for pair in pairs()]


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (lambda: other("injected", lambda p: changed(p, matched="other")), "another place, clean rows"),
        (lambda: other("injected", lambda p: changed(p, settings={"clean": 0.5})), "another settings"),
        (lambda: other("injected", lambda p: msgspec.structs.replace(p, mistakes=3)), "another number of mistakes"),
        (lambda: other("injected", lambda p: msgspec.structs.replace(p, shortcut=p.journey)), "another right path"),
        (lambda: other("own", lambda p: changed(p, policy={"name": "q", "weights": "x"})), "those of q, which is not"),
        (lambda: [p for p in pairs() if of_kind(p, "own")], "there are no injected journeys"),
        (lambda: [*pairs(), *pairs()], "come several to a problem"),
    ],
)
def test_what_is_not_matched_is_refused(made: Callable[[], list[Pair]], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        match(made(), choose(ARMS, "examples")[0], START)


def test_a_clean_row_that_differs_between_the_kinds_is_refused() -> None:
    """A row without a mistake carries no difference of kind: it has to be one row, its re-checks included."""
    clean = next(pair for pair in pairs() if of_kind(pair, "injected") and not pair.mistakes)
    first, *rest = clean.journey.segments
    journey = msgspec.structs.replace(
        clean.journey, segments=(msgspec.structs.replace(first, text="Let me see."), *rest)
    )
    made = [msgspec.structs.replace(pair, journey=journey) if pair is clean else pair for pair in pairs()]
    with pytest.raises(UsageError, match="another clean journey"):
        match(made, choose(ARMS, "examples")[0], START)


def test_own_mistakes_are_those_of_the_very_start() -> None:
    choices, _ = choose(["shortcut", "journey:own"], "examples")
    for start in (
        StartWeights(START.ref),
        StartWeights(START.ref, "b" * 64),
        StartWeights(START.ref, START.digest, "model"),
    ):
        with pytest.raises(UsageError, match="not what the arms start from"):
            match(pairs(), choices, start)
    model, _ = choose(["shortcut", "journey:model"], "examples")
    assert match(pairs(), model, StartWeights(START.ref)).pairs


def test_names_of_arms() -> None:
    with pytest.raises(UnknownName, match="origin of journeys"):
        choose(["journey:mine"], "examples")
    with pytest.raises(UsageError, match="shows no mistakes"):
        choose(["shortcut:own"], "examples")
    with pytest.raises(UsageError, match="whose journeys"):
        match(pairs(), choose(["journey", "journey:own"], "examples")[0], START)
