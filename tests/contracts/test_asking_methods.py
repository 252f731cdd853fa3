"""What every method that asks models keeps, with the embedded base as the model: the contract of `AskingMethod`."""

from __future__ import annotations

from functools import cache

import pytest

from journey.answers.claims import claim_is_false
from journey.catalog import FAMILIES, METHODS
from journey.config import CurateSettings, SampleSettings
from journey.curate.item import Item
from journey.curate.rules import Context, bind, resolve_options
from journey.generate.asking.models import OpenModels, find_models
from journey.generate.asking.requests import ASKED_ROLES, AskedTally, ModelReply, ModelRequest, Replies
from journey.generate.asking.rounds import carried_out
from journey.generate.made import MadePair, Rejection
from journey.schema import encode
from journey_testing.asked import same_words
from journey_testing.pairs import assert_round_trips

COUNT = 8
ASKING = [entry.name for entry in METHODS.entries() if entry.facts["model"]]
EVERY = pytest.mark.parametrize(("method", "family"), [(m, f) for m in ASKING for f in ("countdown", "arithmetic")])


@cache
def models(seed: int) -> OpenModels:
    names = dict.fromkeys(ASKED_ROLES, "pocket")
    return OpenModels(find_models(names, SampleSettings(seed=seed), rewards=False, continues="auto", oracle=False))


def answer(seed: int, requests: list[ModelRequest]) -> list[ModelReply]:
    """The embedded base, save that it cannot rewrite: what it is to rewrite comes back as it was."""
    replies = [same_words(r) if r.role == "rewriter" else None for r in requests]
    asked = [request for request, reply in zip(requests, replies, strict=True) if reply is None]
    answered = iter(models(seed).answer(asked) if asked else [])
    return [next(answered) if reply is None else reply for reply in replies]


@cache
def results(method: str, family: str, seed: int = 0, attempt: int = 0) -> tuple[MadePair | Rejection, ...]:
    return made_anew(method, family, seed, attempt)


def made_anew(method: str, family: str, seed: int, attempt: int) -> tuple[MadePair | Rejection, ...]:
    problems = [FAMILIES.get(family)().problem(0, index, 1) for index in range(COUNT)]
    made, facts = METHODS.get(method)(), models(seed).facts(("policy",))
    works = [made.make_asking(problem, facts, seed, attempt) for problem in problems]

    def asked(requests: Replies) -> list[ModelReply]:
        return answer(seed, list(requests))  # type: ignore[arg-type]

    return tuple(carried_out(works, asked, AskedTally()))  # type: ignore[arg-type]


def pairs(method: str, family: str, seed: int = 0, attempt: int = 0) -> list[MadePair]:
    return [one for one in results(method, family, seed, attempt) if isinstance(one, MadePair)]


@EVERY
class TestEveryAskingMethod:
    def test_the_same_seed_gives_the_same_bytes_and_another_one_others(self, method: str, family: str) -> None:
        first = pairs(method, family)
        assert first
        again = [one for one in made_anew(method, family, 0, 0) if isinstance(one, MadePair)]
        assert [encode(one.pair) + encode(one.tree) for one in first] == [
            encode(one.pair) + encode(one.tree) for one in again
        ]
        for other in (pairs(method, family, seed=1), pairs(method, family, attempt=1)):
            assert not {one.pair.pair_id for one in first} & {one.pair.pair_id for one in other}

    def test_every_checked_mistake_is_refuted_and_every_other_says_how_it_is_known(
        self, method: str, family: str
    ) -> None:
        for one in pairs(method, family):
            told = [node for node in one.tree.mistakes()]
            for node in told:
                if (node.proof or "checked").startswith("checked"):
                    assert node.claim is not None and claim_is_false(node.claim, one.tree) is True
                else:
                    assert node.claim is None and node.proof in ("unverified", "estimated")
            if one.pair.mistakes and method != "refine":
                assert one.pair.provenance["origin"] in ("own", "model") and one.pair.provenance["proof"]

    def test_views_round_trip(self, method: str, family: str) -> None:
        for one in pairs(method, family):
            assert_round_trips(one, method)

    def test_curation_keeps_every_pair(self, method: str, family: str) -> None:
        context = Context(CurateSettings())
        items = [Item(one.pair, one.tree) for one in pairs(method, family)]
        for rule in bind(resolve_options(context.settings), context):
            dropped = [drop for drops in rule.judge(items) for drop in drops]
            assert not dropped, f"{rule.name}: {dropped[0]}"

    def test_a_pair_says_who_was_asked_and_with_which_prompts(self, method: str, family: str) -> None:
        for one in pairs(method, family):
            provenance = one.pair.provenance
            for role in METHODS.get(method)().asks:
                assert provenance[role]["name"] == "pocket" and len(provenance[role]["weights"]) == 64
