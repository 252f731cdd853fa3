"""The estimate of a first mistake: the guard, the binary search against a scan, and what is not accepted."""

from __future__ import annotations

import random
import shutil

import pytest

from journey.config import SampleSettings
from journey.formats.attempts import ESTIMATES, EstimatedMistake
from journey.formats.folders import SampledFolder, open_finished
from journey.generate.attempts import groups
from journey.generate.attempts.estimate import CONTINUATIONS, StepSearch, accepted, first_failure, one_sided_p
from journey.generate.attempts.locate import NO_FIRST_MISTAKE
from journey.generate.sample import sample
from journey.models import load


@pytest.mark.parametrize(
    ("before", "after", "sure"),
    [(3, 0, True), (2, 0, False), (8, 3, True), (4, 1, False), (8, 8, False), (0, 0, False)],
)
def test_the_guard(before: int, after: int, sure: bool) -> None:
    assert accepted(before, after) is sure


def test_the_p_of_the_guard_is_fishers() -> None:
    scipy = pytest.importorskip("scipy.stats")
    for before in range(9):
        for after in range(9):
            right = scipy.fisher_exact([[after, 8 - after], [before, 8 - before]], alternative="less").pvalue
            assert one_sided_p(before, after, 8) == pytest.approx(right)


def searched(counts: list[int]) -> tuple[tuple[int, int, int] | None, int]:
    """What a binary search finds, and how many prefixes it looks at."""
    search = StepSearch(len(counts) - 1)
    while asked := search.asks():
        for kept in asked:
            search.see(kept, counts[kept])
    return search.found(), len(search.counts)


def test_the_search_finds_the_last_prefix_that_still_succeeds_in_few_looks() -> None:
    assert searched([6, 5, 0, 0, 0, 0, 0, 0, 0]) == ((1, 5, 0), 5)
    assert searched([0, 0, 0]) == (None, 2)  # it never succeeds
    assert searched([6, 5, 5]) == (None, 2)  # it still succeeds at the end


def test_binary_search_agrees_with_scanning_where_success_only_falls() -> None:
    """Simulated: a true first mistake, chances that fall along the steps, eight continuations a prefix."""
    rng, agree, looks, scanned = random.Random(0), 0, 0, 0
    for _ in range(400):
        steps = rng.randint(3, 12)
        wrong = rng.randrange(steps)
        chances = [0.7 if kept <= wrong else 0.0 for kept in range(steps + 1)]
        counts = [sum(rng.random() < chance for _ in range(CONTINUATIONS)) for chance in chances]
        found, looked = searched(counts)
        agree += found == first_failure(dict(enumerate(counts)), steps)
        looks, scanned = looks + looked, scanned + steps + 1
    assert agree > 396 and looks < 0.7 * scanned


@pytest.fixture(scope="module")
def estimated(tmp_path_factory: pytest.TempPathFactory) -> tuple[SampledFolder, SampledFolder]:
    """Attempts of the embedded base, none of which a check locates, with estimates by itself and by a copy of it."""
    place = tmp_path_factory.mktemp("estimated")
    copied = shutil.copytree(load.pocket_folder(), place / "copy")
    made = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(groups, "locate", lambda problem, text, outcome: NO_FIRST_MISTAKE)
        for name, more in (("own", {}), ("other", {"locate_with": str(copied)})):
            settings = SampleSettings(
                family="arithmetic@1", limit=6, policy=["pocket"], k=4, max_new_tokens=40, locate="estimated", **more
            )
            made.append(open_finished(sample(settings, place / name, workers=1), "sample"))
    return made[0], made[1]


def test_estimates_end_to_end(estimated: tuple[SampledFolder, SampledFolder]) -> None:
    for folder in estimated:
        [profile] = folder.profile.policies
        records = list(folder.records(ESTIMATES, EstimatedMistake))
        by_problem = folder.attempts("pocket")
        wrong = [
            one for of in by_problem.values() for one in of if one.outcome == "wrong" and one.index >= 0 and one.steps
        ]
        assert records and len(records) <= len(wrong)
        for each in records:
            told = next(one for one in by_problem[each.problem] if one.index == each.index and not one.prefix)
            assert told.mistake == each.mistake and told.outcome == "wrong"
            if each.mistake.kind == "estimated":
                assert each.mistake.counts is not None and each.mistake.counts[1::2] == (8, 8)
                assert accepted(each.mistake.counts[0], each.mistake.counts[2])
                assert (
                    each.mistake.span in told.steps
                    and each.mistake.proof == "estimated"
                    and not told.mistake.checked_first
                )
            else:
                assert each.mistake.proof is None
        assert profile.located["checked first"] == 0 and sum(profile.located.values()) == profile.wrong
        assert profile.located["estimated"] == sum(each.mistake.kind == "estimated" for each in records)
    assert sum(folder.profile.policies[0].located["estimated"] for folder in estimated) > 0


def test_another_model_writes_the_continuations_of_its_own(estimated: tuple[SampledFolder, SampledFolder]) -> None:
    own, other = estimated
    assert own.attempts("pocket").keys() == other.attempts("pocket").keys()
    texts = [[one.text for of in each.attempts("pocket").values() for one in of] for each in estimated]
    assert texts[0] == texts[1] and other.manifest.config["locate_with"] == "copy"
