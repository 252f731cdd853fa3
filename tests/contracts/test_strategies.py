"""What every strategy keeps: the contract of `journey.evaluate.test_time.contract.Strategy`."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from journey.evaluate.test_time.contract import STRATEGIES, Strategy
from journey.evaluate.test_time.outcomes import SampleMatrix
from journey_testing.matrices import NUMBERS, matrix


def made(name: str) -> Strategy:
    return STRATEGIES.get(name)()


NAMES = [name for name in STRATEGIES.names() if not made(name).probe]
PROBES = [name for name in STRATEGIES.names() if made(name).probe]


@pytest.mark.parametrize("name", PROBES)
def test_a_probe_says_that_it_is_one_and_reads_greedy_answers(name: str) -> None:
    """It is no policy: nothing applies it, and it draws nothing that other strategies could read."""
    entry = STRATEGIES.entry(name)
    assert entry.facts == {"draw": "greedy", "probe": True} and "probe" in entry.summary
    assert type(made(name)).apply is Strategy.apply and type(made(name)).write is Strategy.write


@pytest.mark.parametrize("name", NAMES)
class TestEveryStrategy:
    def test_facts(self, name: str) -> None:
        """What the class says of itself, once; whose samples it reads; that an oracle is called one."""
        one, entry = made(name), STRATEGIES.entry(name)
        assert isinstance(one, Strategy) and one.name == name and entry.summary
        stated = {"draw": one.draw, "oracle": one.oracle, "checker": one.checker, "reward": one.reward}
        stated["settings"] = one.settings
        assert entry.facts == {fact: value for fact, value in stated.items() if value}
        assert ("oracle" in entry.summary) == one.oracle
        source = made(one.draw)
        assert source.draw == source.name and source.drawn(NUMBERS).name == one.draw
        assert (type(one).write is not Strategy.write) == (one.draw == name), (
            "it writes samples of its own, or names whose it reads"
        )

    def test_scores_and_costs(self, name: str) -> None:
        one = made(name)
        samples, last = matrix(one), 0.0
        places = one.places(NUMBERS)
        assert places == sorted(set(places)) and len({one.policy(k) for k in places}) == len(places)
        for k in places:
            applied = one.apply(samples, k, NUMBERS)
            assert applied.scores.shape == (60,) and applied.scores.min() >= 0 and applied.scores.max() <= 1
            sure = one.apply(dataclasses.replace(samples, points=np.ones_like(samples.points)), k, NUMBERS)
            assert sure.scores.max() <= 1, "rounding makes more than certain of it, which the comparison refuses"
            assert applied.flops is not None and applied.tokens.min() > 0
            if one.axis != "cap":
                assert applied.tokens.mean() >= last - 40  # rounds may be shorter, more samples never are
            last = applied.tokens.mean()

    def test_the_order_of_problems_does_not_matter(self, name: str) -> None:
        one = made(name)
        samples, k = matrix(one), one.places(NUMBERS)[-1]
        turned = SampleMatrix(*(None if values is None else values[::-1] for values in vars(samples).values()))
        assert (one.apply(turned, k, NUMBERS).scores == one.apply(samples, k, NUMBERS).scores[::-1]).all()


SHARED = [name for name in NAMES if made(name).draw == "samples"]


@pytest.mark.parametrize("name", [name for name in SHARED if 1 in made(name).places(NUMBERS)])
def test_one_of_one_is_a_sample(name: str) -> None:
    """At k = 1 nothing is chosen, so every strategy is the mean over the samples; the cost is one sample's."""
    samples = matrix(made(name))
    applied = made(name).apply(samples, 1, NUMBERS)
    assert applied.scores == pytest.approx(samples.points.mean(axis=1))
    assert applied.tokens == pytest.approx(samples.tokens.mean(axis=1))


@pytest.mark.parametrize("name", SHARED)
def test_none_is_better_than_a_right_answer_among_its_samples(name: str) -> None:
    """pass@k bounds whatever is chosen among k samples; an oracle may reach it."""
    samples, one = matrix(made(name)), made(name)
    for k in one.places(NUMBERS):
        passed = made("pass").apply(samples, k, NUMBERS).scores
        assert (one.apply(samples, k, NUMBERS).scores <= passed + 1e-12).all()
