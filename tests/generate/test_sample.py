"""`journey sample`: the same attempts whatever the workers and interruptions, graded, located, counted; bad input in one line."""

from __future__ import annotations

import gc
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest

from journey.answers.grading import grade
from journey.answers.steps import steps
from journey.cli.app import app
from journey.config import SampleSettings
from journey.errors import UsageError
from journey.formats.folders import SampledFolder, open_finished
from journey.generate.attempts import drawing, groups, shots
from journey.generate.attempts.policies import find_policy, on_one_base
from journey.generate.attempts.profile import profile_of, warning
from journey.generate.families.arithmetic import Arithmetic
from journey.generate.sample import load_problems, sample
from journey.interrupts import uninterrupted
from journey.models import load, template
from journey.sampling.requests import Text
from journey.schema import Arith, Attempt, FirstMistake
from journey.store import Folder

SETTINGS = SampleSettings(
    family="arithmetic@1", limit=16, policy=["pocket"], k=4, k_hard=6, continuations=2, max_new_tokens=48, batch=8
)


@pytest.fixture(scope="module")
def sampled(tmp_path_factory: pytest.TempPathFactory) -> SampledFolder:
    return open_finished(sample(SETTINGS, tmp_path_factory.mktemp("sample") / "a", workers=1), "sample")


def by_problem(folder: SampledFolder) -> dict[str, list[Attempt]]:
    return folder.attempts("pocket")


def test_every_problem_has_a_greedy_answer_and_k_by_chance_with_spans_and_grades(sampled: SampledFolder) -> None:
    problems = {problem.id: problem for problem in sampled.problems()}
    attempts = by_problem(sampled)
    assert list(problems) == [problem.id for problem in load_problems(SETTINGS)] and set(attempts) == set(problems)
    for name, of_one in attempts.items():
        drawn = [each.index for each in of_one if not each.prefix]
        right = any(each.outcome == "correct" for each in of_one if each.index < 4)
        assert drawn == list(range(-1, 4 if right else 6))
        for each in of_one:
            assert each.outcome == grade(problems[name], each.text, each.finish).outcome
            assert all(0 <= start < end <= len(each.text) for start, end in each.steps)
            assert all("=" in each.text[start:end] for start, end in each.steps)
            assert (each.temperature, each.top_p) == ((0.0, 1.0) if each.index < 0 else (1.0, 1.0))


def test_the_profile_says_what_the_attempts_are(sampled: SampledFolder) -> None:
    [profile] = sampled.profile.policies
    drawn = [
        each for of_one in by_problem(sampled).values() for each in of_one if 0 <= each.index < 4 and not each.prefix
    ]
    assert profile.attempts == len(drawn) == 64
    assert profile.right == sum(each.outcome == "correct" for each in drawn) > 20
    assert profile.right + profile.wrong + profile.no_answer + profile.undecided == 64
    assert sum(profile.kinds.values()) == sum(profile.located.values()) == profile.wrong > 0
    assert (profile.policy.temperature_from, profile.policy.base) == ("default", "pocket")


def test_an_interrupted_run_and_more_workers_give_the_same_bytes(
    sampled: SampledFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    write = Folder.write_shard

    def stops(self: Folder, key: Any, *rest: Any, **more: Any) -> None:
        if len(written) == 1:
            raise KeyboardInterrupt
        written.append(str(key))
        with uninterrupted():
            write(self, key, *rest, **more)

    monkeypatch.setattr(Folder, "write_shard", stops)
    with pytest.raises(KeyboardInterrupt):
        sample(SETTINGS, tmp_path / "a", workers=1)
    monkeypatch.undo()
    again = open_finished(sample(SETTINGS, tmp_path / "a", workers=2), "sample")
    assert again.manifest.files == sampled.manifest.files


def test_texts_that_are_the_same_are_read_once(sampled: SampledFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    by_hand = [each for of_one in by_problem(sampled).values() for each in of_one if not each.prefix]
    group = groups.group_of(0, [find_policy("pocket", SETTINGS)], list(sampled.problems()), SETTINGS, {})
    read: list[tuple[str, str]] = []
    monkeypatch.setattr(groups, "locate", lambda problem, text, _: read.append((problem.id, text)) or FirstMistake())
    problems = {problem.id: problem for problem in sampled.problems()}
    wanted = [(0, problems[each.problem], each.index, "") for each in by_hand]
    texts = [Text(each.text, (), each.finish, each.tokens, 0, None, 0.0) for each in by_hand]
    made = group.attempts(wanted, texts)
    assert [msgspec.structs.replace(each, mistake=FirstMistake()) for each in by_hand] == made
    assert len(read) == len(set(read)) == len({(each.problem, each.text) for each in by_hand}) < len(by_hand)


@pytest.mark.parametrize("before", [False, True])
def test_what_was_loaded_is_out_of_garbage_collections_while_attempts_are_drawn(
    before: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frozen: list[int] = []
    write = Folder.write_shard
    monkeypatch.setattr(Folder, "write_shard", lambda *a: frozen.append(gc.get_freeze_count()) or write(*a))
    settings = SampleSettings(family="arithmetic@1", limit=1, policy=["pocket"], k=2, max_new_tokens=8)
    assert not gc.get_freeze_count()
    try:
        if before:
            gc.freeze()
        sample(settings, tmp_path / "a", workers=1)
        assert frozen and min(frozen) > 10_000
        assert bool(gc.get_freeze_count()) == before  # as the caller had it
    finally:
        gc.unfreeze()


def test_undecided_answers_are_in_no_rate(sampled: SampledFolder) -> None:
    [profile] = sampled.profile.policies
    one = next(iter(by_problem(sampled).values()))[1]
    outcomes = ("correct", "undecided", "wrong", "undecided")
    made = [
        msgspec.structs.replace(one, index=n, outcome=word, mistake=FirstMistake()) for n, word in enumerate(outcomes)
    ]
    counted = profile_of(profile.policy, {one.problem: made}, 4)
    assert (counted.pass_rate, counted.undecided, counted.mixed) == (0.5, 2, 1) and warning(counted) is None
    weak = profile_of(profile.policy, {one.problem: made[2:]}, 4)
    assert weak.pass_rate == 0 and "right in 0%" in str(warning(weak))


def test_kinds_of_false_equations_and_loops_are_counted(sampled: SampledFolder) -> None:
    [profile] = sampled.profile.policies
    one = next(iter(by_problem(sampled).values()))[1]
    text = "Then 18 + 135 = 163. " * 4
    span = (0, 20)
    false = FirstMistake("false equation", span, "checked:question", True, Arith("18 + 135", "163"), "153")
    made = [
        msgspec.structs.replace(one, index=0, outcome="wrong", text=text, steps=tuple(steps(text)), mistake=false),
        msgspec.structs.replace(
            one,
            index=1,
            outcome="no_answer",
            text=text,
            steps=tuple(steps(text)),
            finish="length",
            mistake=FirstMistake(),
        ),
    ]
    counted = profile_of(profile.policy, {one.problem: made}, 4)
    assert counted.kinds == {"false equation, off by a carry": 1} and (counted.cut_off, counted.loops) == (1, 1)


def test_a_policy_that_is_too_strong_is_said_once_while_most_is_still_to_be_paid_for(
    sampled: SampledFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    watch, seen = drawing.RateWatch(3), list(by_problem(sampled).values())
    for number, of_one in enumerate(seen[:6]):
        watch.see([msgspec.structs.replace(each, outcome="correct") for each in of_one])
        said = capsys.readouterr().err
        assert ("pocket is right in 100% of its first attempts" in said) is (number == 2)


def test_shots_never_show_the_problem_itself_and_a_base_that_goes_on_is_cut_off() -> None:
    problems = [Arithmetic().problem(0, index) for index in range(6)]
    shown = shots.examples(problems, 3, "think", 0)
    for problem in problems:
        assert len(shown[problem.id]) == 3 and problem.id not in {other.id for other, _ in shown[problem.id]}
        assert all(
            "<<" not in text and text.endswith(f"\\boxed{{{other.answer}}}.") for other, text in shown[problem.id]
        )
    assert shots.cut_after_box("so \\boxed{4}.\n\nNext question: \\boxed{5}") == "so \\boxed{4}."
    tokenizer = load.load_tokenizer(load.find("pocket"))
    own = template.prompt_ids(tokenizer, problems[0], "compact")
    countdown = load_problems(SampleSettings(family="countdown@1", limit=3, policy=["pocket"]))
    compact = shots.examples(countdown, 1, "compact", 0)
    ids = shots.prompt_ids(tokenizer, countdown[0], "compact", compact[countdown[0].id])
    assert len(ids) > len(own) and tokenizer.unk_token_id not in ids
    with pytest.raises(UsageError, match="3 worked examples are asked for, 2 problems have a solution"):
        shots.examples(problems[:2], 3, "think", 0)


def test_policies_of_one_base_are_asked_at_once_and_named_by_their_weights(tmp_path: Path) -> None:
    pocket = find_policy("pocket", SETTINGS)
    other = shutil.copytree(load.pocket_folder(), tmp_path / "mine")
    copied = find_policy(str(other), SETTINGS)
    assert copied.info.weights == pocket.info.weights and copied.info.name == "mine" and copied.info.base == "mine"
    assert [len(group) for group in on_one_base([pocket, copied])] == [2]


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("--policy pocket", "neither --problems nor --family is given"),
        ("--family countdown@1 --policy pocket", "a family has no end"),
        ("--family countdown@1 --limit 5", "no model is named that answers"),
        ("--family countdown@1 --limit 5 --policy pocket,pocket", "two policies are called pocket"),
        ("--family countdown@1 --limit 5 --policy pocket --k 1", "k = 1: expected: attempts, 2 to"),
        ("--family countdown@1 --limit 5 --policy pocket --k-hard 4", "k_hard = 4 is below k = 8"),
        ("--family countdown@1 --limit 5 --policy pocket --locate-with pocket", "no estimates|none are asked for"),
        (
            "--family countdown@1 --limit 5 --policy x@http://localhost:1/v1 --locate estimated",
            "cannot go on from a prefix",
        ),
        (
            "--family countdown@1 --limit 5 --policy x@http://localhost:1/v1 --sampler vllm",
            "is a server, and --sampler vllm",
        ),
        ("--family countdown@1 --limit 5 --policy x@http://localhost:1/v1 --max-cost 1", "needs prices"),
        ("--problems nothing.jsonl --policy pocket", "no file nothing.jsonl"),
    ],
)
def test_bad_input_is_one_clear_line(command: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=says):
        app(f"sample {command} --out {tmp_path / 'out'}".split(), standalone_mode=False)
    assert not (tmp_path / "out").exists() and not (tmp_path / "out.partial").exists()


def test_a_dry_run_says_what_would_be_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = f"sample --family countdown@1 --limit 5 --policy pocket --out {tmp_path / 'out'} --dry-run"
    app(command.split(), standalone_mode=False)
    assert "45" in capsys.readouterr().out and not (tmp_path / "out").exists()
    app([*command.split(), "--json"], standalone_mode=False)
    assert '"attempts": 45' in capsys.readouterr().out
