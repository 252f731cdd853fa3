"""Asking models questions without a plan: shards, the identity of samples, and going on where an earlier folder stopped."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from journey.catalog import FAMILIES
from journey.errors import PartialError
from journey.formats.folders import open_finished
from journey.models import load, template
from journey.sampling import resume, workers
from journey.sampling.identity import SAMPLER, SampleOrigin, content_hash
from journey.sampling.requests import PromptedQuestion, StrategySettings, roomy_cap
from journey.sampling.resume import identities_of, seconds_of, take_over, unfinished
from journey.sampling.shards import SamplingShard, samples_folder, write_samples
from journey.sampling.workers import WorkerModel, WorkUnit
from journey.schema import Question, Sample
from journey.store import Folder
from journey_testing.folders import records

ORIGIN = SampleOrigin(
    weights="w",
    adapter="ab",
    prompts=content_hash([(1, 5, 7), (1, 6)]),
    draw="greedy",
    samples=1,
    options={},
    randomness=(),
    view="compact",
    cap=48,
    batch=4,
    dtype="float32",
    backend="stacked",
)
DRAWN = (3, "journey-s0", {"temperature": 0.7, "top_p": 0.95})


class TestTheIdentityOfSamples:
    """It stands in the marks of every evaluation there is: another hash, and none of them could be taken over."""

    @pytest.mark.parametrize(
        ("changes", "digest"),
        [
            ({}, "7feeb31a34401f7ee874df34e270981a"),
            ({"adapter": None}, "799df1abdab8dbe8bedde4b57a6188e2"),
            ({"draw": "samples", "samples": 8, "randomness": DRAWN}, "a4d4448af103742dcddde85506b6bcfc"),
            ({"draw": "budget-cap", "samples": 2, "options": {"caps": [8, 16]}}, "3519c30b8f3e465fea6133568269b7fb"),
        ],
    )
    def test_is_what_0_1_wrote(self, changes: dict[str, Any], digest: str) -> None:
        assert SAMPLER == 1
        assert replace(ORIGIN, **changes).digest() == digest

    def test_depends_on_everything(self) -> None:
        other: dict[str, Any] = {"options": {"caps": [8]}, "randomness": DRAWN, "samples": 2, "cap": 49, "batch": 5}
        found = {field.name: replace(ORIGIN, **{field.name: other.get(field.name, "x")}) for field in fields(ORIGIN)}
        assert len({ORIGIN.digest(), *(origin.digest() for origin in found.values())}) == 1 + len(found)


@pytest.fixture(scope="module")
def model() -> WorkerModel:
    settings = StrategySettings(k=1, samples=2, temperature=0.7, top_p=0.95, rounds=0, waits=0, caps=())
    return WorkerModel(load.find("pocket"), "cpu", 12, "compact", 0, settings, dtype="float32")


@pytest.fixture(scope="module")
def shards() -> list[SamplingShard]:
    """Three shards of three questions; the first two are greedy, the third is drawn."""
    tokenizer = load.load_tokenizer(load.find("pocket"))
    family = FAMILIES.get("countdown")()
    problems = [family.problem(0, number, 1, 0) for number in range(9)]
    made = []
    for number in range(3):
        part = problems[3 * number : 3 * number + 3]
        prompted = tuple(
            PromptedQuestion(problem.id, problem, tuple(template.prompt_ids(tokenizer, problem, "compact")))
            for problem in part
        )
        draw = "samples" if number == 2 else "greedy"
        key = f"{samples_folder('base', 'some', draw)}/{number:05d}"
        unit = WorkUnit(f"some/{number}", (("base", None),), (draw,), prompted, 2)
        questions = [Question(problem.id, "some", problem) for problem in part]
        made.append(SamplingShard(unit, questions, {("base", draw): key}, {key: f"identity {number}"}))
    return made


def sampled(out: Path, model: WorkerModel, shards: list[SamplingShard], count: int, earlier: list[Path]) -> list[str]:
    """A whole folder of samples; gives the units that were answered."""
    answered = []
    with Folder.open(out, "evaluate", {}) as folder:
        take_over(folder, shards, [open_finished(path, "evaluate") for path in earlier])
        left, missing = unfinished(folder, shards)
        by_key = {shard.unit.key: shard for shard in left}
        for result in workers.answer_all(model, [shard.unit for shard in left], count):
            write_samples(folder, by_key[result.key], result, missing)
            answered.append(result.key)
        assert unfinished(folder, shards) == ([], set())
        keys = [key for shard in shards for key in shard.keys.values()]
        assert {name: len(seconds) for name, seconds in seconds_of(folder, keys).items()} == {
            "samples/base/some/greedy": 6,
            "samples/base/some/samples": 6,
        }
        identities_of(folder, keys).write(folder)
        folder.finish({})
    return sorted(answered)


def test_samples_without_a_plan_with_any_number_of_workers_and_resumed(
    model: WorkerModel, shards: list[SamplingShard], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    units = [shard.unit.key for shard in shards]
    assert sampled(tmp_path / "one", model, shards, 1, []) == units
    assert sampled(tmp_path / "two", model, shards, 2, []) == units
    files = [sorted((tmp_path / name).rglob("samples/**/*.jsonl")) for name in ("one", "two")]
    assert len(files[0]) == 3 and [f.read_bytes() for f in files[0]] == [f.read_bytes() for f in files[1]]
    greedy = list(records(tmp_path / "one", "samples/base/some/greedy", Sample))
    assert [s.question for s in greedy] == [q.id for shard in shards[:2] for q in shard.questions]
    # An earlier folder has the same samples under the same identity, and one that is another by now.
    changed = [*shards[:2], replace(shards[2], identities=dict.fromkeys(shards[2].identities, "another"))]
    assert sampled(tmp_path / "after", model, changed, 1, [tmp_path / "one"]) == units[2:]
    # One that goes on behind its answer, as samplers before 0.2 let it, would be another text today.
    monkeypatch.setattr(resume, "turn_end", lambda text: 3 if text == greedy[0].text else None)
    assert sampled(tmp_path / "again", model, shards, 1, [tmp_path / "one"]) == units[:1]


def test_samples_of_a_smaller_batch_are_not_taken_over(
    model: WorkerModel, shards: list[SamplingShard], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where memory ran out, sums were others than those that the identity stands for."""
    real = workers.answer_all

    def short(*args: Any) -> Any:
        for number, result in enumerate(real(*args)):
            yield replace(result, smaller=1) if number == 0 else result

    monkeypatch.setattr(workers, "answer_all", short)
    sampled(tmp_path / "short", model, shards, 1, [])
    assert len(open_finished(tmp_path / "short", "evaluate").identities()) == 2
    monkeypatch.setattr(workers, "answer_all", real)
    assert sampled(tmp_path / "after", model, shards, 1, [tmp_path / "short"]) == [shards[0].unit.key]


def test_a_unit_with_too_few_answers_is_refused(
    model: WorkerModel, shards: list[SamplingShard], tmp_path: Path
) -> None:
    (result,) = workers.answer_all(model, [shards[0].unit], 1)
    short = replace(result, written={"greedy": [result.written["greedy"][0][:2]]})
    with (
        Folder.open(tmp_path / "out", "sample", {}) as folder,
        pytest.raises(PartialError, match="answers to 2 questions of 3"),
    ):
        write_samples(folder, shards[0], short, set(shards[0].keys.values()))


def test_a_cap_with_room() -> None:
    assert [roomy_cap(longest) for longest in (1, 17.2, 25.6, 25.7, 96)] == [32, 32, 32, 64, 128]
