"""The first screen: what it says at every edge, that its commands work, and that three forms say the same."""

from __future__ import annotations

import io
import os
import shlex
from collections.abc import Mapping, Sequence
from html import unescape
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pytest
from rich.console import Console
from typer.main import get_command

from journey.cli.app import app
from journey.cli.flags.given import GivenFlags, options
from journey.config import EvaluateSettings, FinetuneSettings
from journey.evaluate.report import build, terminal
from journey.evaluate.report.content import content
from journey.evaluate.report.summary.build import first_screen
from journey.evaluate.report.summary.commands import FoldersBehind, _Steps, next_steps
from journey.evaluate.report.summary.record import COST, STEPS, TRUST, FirstScreen, NextStep
from journey.evaluate.scoring import conduct, decisions, score
from journey.evaluate.statistics import paired
from journey.evaluate.statistics import verdict as vd
from journey.formats.behaviour import RecoveryCell, RecoveryTable
from journey.formats.folders import open_finished
from journey.formats.plan import BenchmarkInfo, EvaluationPlan, RunInfo
from journey.formats.scores import ArmScore, Conduct, RunScore, Scores
from journey_testing.folders import audit_file, run_counts

PRIMARY, OTHER = "countdown@1", "arithmetic@1"
Rates = Mapping[tuple[str, str], float]


def compared(
    rates: Rates,
    *,
    problems: int = 600,
    seeds: int = 5,
    aa: bool = False,
    alike: float = 0.0,
    seen: Conduct | None = None,
) -> tuple[EvaluationPlan, Scores]:
    """A plan and its scores, decided by the project's own rule, where arms solve what the rates say.

    `rates` are by (benchmark, arm), the arms without the base in order; `alike` is the share of problems on which all
    arms and seeds have the same score.
    """
    arms = [arm for benchmark, arm in rates if benchmark == PRIMARY and arm != vd.BASE]
    names = list(dict.fromkeys(benchmark for benchmark, _ in rates))
    runs = [RunInfo("base", vd.BASE, None)] + [
        RunInfo(f"{arm}-s{seed}", arm, seed) for arm in arms for seed in range(seeds)
    ]
    infos = [BenchmarkInfo(name, problems, "procedural", None, None, "0" * 64, "value") for name in names]
    declared = vd.declare(names, [(arms[0], arms[1])])
    family = tuple(item.key for item in declared if item.benchmark == PRIMARY and item.first != vd.BASE)
    where = ("pocket", "compact", tuple(runs), tuple(infos), PRIMARY, ("greedy",), tuple(declared))
    plan = EvaluationPlan(*where, 0.05, 256, 64, "float32", 0, aa=aa, primary_family=family)
    table = {key: _solved(key, rate, problems, 1 if key[1] == vd.BASE else seeds, alike) for key, rate in rates.items()}
    results = {}
    for item in declared:
        first, second = table[item.benchmark, item.first], table[item.benchmark, item.second]
        if item.first == vd.BASE:
            results[item.key] = paired.compare_to_base(second, first[:, 0], flips=200, resamples=20)
        else:
            results[item.key] = paired.compare(first, second, flips=200, resamples=20)
    below = decisions.below_base(plan, results)
    decided = decisions.compare_all(plan, results, below, {})
    scored = tuple(_arm(*key, values, seen) for key, values in table.items())
    single = [
        RunScore(
            run.run, run.arm, run.seed, name, "greedy", problems, int(values[:, run.seed or 0].sum()), 0, 0, 0, 0, 29, 0
        )
        for (name, arm), values in table.items()
        for run in runs
        if run.arm == arm
    ]
    primary = [item for item in decided if item.primary]
    headline = tuple(score._sentence(item, below) for item in primary)
    qualifiers = tuple(dict.fromkeys(score._qualifiers(plan, decided, below, scored)))
    return plan, Scores("0" * 64, headline, qualifiers, 0.05, tuple(single), scored, tuple(decided))


def _solved(key: tuple[str, str], rate: float, problems: int, seeds: int, alike: float) -> np.ndarray:
    """Which problems are solved (problems, seeds): a share of them alike by every arm, the others by luck."""
    shared = np.random.default_rng(1).random(problems) < rate
    luck = np.random.default_rng([len(key[1]), *map(ord, key[0] + key[1])]).random((problems, seeds)) < rate
    same = (np.arange(problems) < alike * problems)[:, None]
    return np.where(same, shared[:, None], luck)


def _arm(benchmark: str, arm: str, values: np.ndarray, seen: Conduct | None) -> ArmScore:
    found = paired.accuracy_interval(values)
    tokens = 88.0 if arm.startswith("journey") else 29.0
    share = (found.mean, found.low, found.high)
    return ArmScore(arm, benchmark, "greedy", *values.shape, *share, 0.0, 0.0, 0.0, tokens, 0.01, conduct=seen)


def screen(plan: EvaluationPlan, scores: Scores, audit: Any = None) -> FirstScreen:
    """The record for a folder that has these, and no answers."""
    nothing = SimpleNamespace(samples=lambda *_: iter(()), questions=lambda _: iter(()))
    folder: Any = SimpleNamespace(plan=plan, scores=scores, path=Path("e"), finetuned=None, **vars(nothing))
    return first_screen(content(plan, scores), FoldersBehind(folder), audit)


PAIR = ("shortcut@tokens", "journey")


def rates(first: float, second: float, base: float, *, other: Sequence[float] = ()) -> Rates:
    by_benchmark = {PRIMARY: (base, first, second)} | ({OTHER: tuple(other)} if other else {})
    return {
        (name, arm): rate
        for name, each in by_benchmark.items()
        for arm, rate in zip((vd.BASE, *PAIR), each, strict=True)
    }


class TestSentence:
    def test_a_winner_with_its_lead_and_matching(self) -> None:
        shown = screen(*compared(rates(0.5, 0.8, 0.1)))
        assert shown.sentence.startswith("On countdown@1, journey better at equal training tokens by ")
        assert shown.sentence.endswith(" points.") and shown.tone == "second"
        (row,) = shown.outcomes
        assert (row.matching, row.words) == ("equal training tokens", "journey better")

    def test_two_seeds_are_provisional(self) -> None:
        shown = screen(*compared(rates(0.3, 0.9, 0.1), seeds=2))
        assert shown.sentence.endswith(" points. Provisional: 2 seeds.") and "journey better" in shown.sentence
        assert shown.trust[0] == "2 training seeds (5 or more are advised), 600 problems."

    def test_an_equal_pair(self) -> None:
        shown = screen(*compared(rates(0.6, 0.6, 0.1), alike=0.95))
        assert "equal within the margin at equal training tokens" in shown.sentence and shown.tone == "none"

    def test_an_a_a_comparison_says_that_it_is_one(self) -> None:
        shown = screen(*compared(rates(0.6, 0.6, 0.1), alike=0.95, aa=True))
        assert shown.sentence.startswith("An A/A comparison, the same arm on both sides. On countdown@1, equal")
        assert "better" not in shown.sentence and not shown.steps

    def test_a_collapsed_arm_is_in_the_sentence_and_under_costs(self) -> None:
        shown = screen(*compared(rates(0.5, 0.8, 0.1, other=(0.88, 0.87, 0.05))))
        assert "But below the untuned base: journey on arithmetic@1." in shown.sentence
        (line,) = [line for line in shown.cost if line.startswith("Forgotten: arithmetic@1")]
        assert "journey 5." in line or "journey 4." in line
        assert "shortcut" not in line.partition("base has")[2]

    def test_every_arm_below_the_base(self) -> None:
        shown = screen(*compared(rates(0.5, 0.8, 0.1, other=(0.88, 0.2, 0.05))))
        assert "But below the untuned base: every arm on arithmetic@1." in shown.sentence

    def test_mixed_says_where_the_other_won_and_by_how_much(self) -> None:
        plan, scores = compared(rates(0.5, 0.8, 0.1, other=(0.1, 0.9, 0.4)))
        assert vd.MIXED in scores.qualifiers
        (line,) = [line for line in screen(plan, scores).warnings if line.startswith("Mixed")]
        lost = next(c.comparison.difference for c in scores.compared if c.benchmark == OTHER and c.first != vd.BASE)
        assert lost < 0 and line == f"Mixed: on arithmetic@1, shortcut better by {-100 * lost:.1f} points."

    def test_mixed_with_an_open_headline_names_both(self) -> None:
        third = {("third", arm): rate for arm, rate in zip((vd.BASE, *PAIR), (0.4, 0.3, 0.9), strict=True)}
        plan, scores = compared({**rates(0.5, 0.5, 0.1, other=(0.1, 0.9, 0.4)), **third})
        (line,) = [line for line in screen(plan, scores).warnings if line.startswith("Mixed")]
        assert "on arithmetic@1, shortcut better by" in line and "; on third, journey better by" in line

    @pytest.mark.parametrize(("share", "word"), [(0.0, "Floor"), (1.0, "Ceiling")])
    def test_a_floor_and_a_ceiling_tell_nothing(self, share: float, word: str) -> None:
        shown = screen(*compared(rates(share, share, share)))
        assert "too small to tell" in shown.sentence and shown.tone == "open"
        assert any(line.startswith(f"{word}: both arms") for line in shown.warnings)
        assert shown.outcomes[0].points == "+0.0"  # no interval where nothing varies

    def test_nothing_compared(self) -> None:
        plan, scores = compared(rates(0.5, 0.8, 0.1))
        shown = screen(plan, msgspec.structs.replace(scores, compared=(), headline=()))
        assert shown.sentence == "Nothing could be compared (n = 0)."

    def test_different_verdicts_are_told_by_their_matching(self) -> None:
        plan, scores = compared(rates(0.5, 0.8, 0.1))
        (one,) = [item for item in scores.compared if item.primary]
        turned = msgspec.structs.replace(one.verdict, words="too small to tell", winner=None)
        more = msgspec.structs.replace(one, strategy=vd.EQUAL_TOKENS, policy="majority@3", verdict=turned)
        shown = screen(plan, msgspec.structs.replace(scores, compared=(*scores.compared, more)))
        assert "journey better at equal training tokens by " in shown.sentence
        assert "; too small to tell at equal test tokens (+" in shown.sentence and shown.tone == "open"
        assert shown.outcomes[1].first == "shortcut@tokens with majority@3"


class TestTrustAndCost:
    def test_what_was_equal_and_what_was_not(self) -> None:
        counts = [
            run_counts("a", "shortcut@tokens", rows=64, steps=4),
            run_counts("b", "journey", supervised_tokens=803, rows=32),
        ]
        shown = screen(*compared(rates(0.5, 0.8, 0.1)), audit=audit_file(counts))
        assert shown.trust[-1] == (
            "shortcut@tokens v journey: equal supervised tokens, problems, learning rate; not rows (64 v 32), "
            "optimiser steps (4 v 2)."
        )

    def test_what_arms_do_after_a_mistake_stands_beside_the_claim(self) -> None:
        plan, scores = compared(rates(0.5, 0.8, 0.1))
        assert not any("false step" in line for line in screen(plan, scores).trust)
        cells = [
            RecoveryCell(writer, reader, 90, 5, False, right, 0.9, 0.25, 0, 0, 0, 0, 0)
            for writer in ("injector", "journey")
            for reader, right in (("base", 0.1), ("shortcut@tokens", 0.2), ("journey", 0.3))
        ]
        table = RecoveryTable(PRIMARY, tuple(cells), {}, None, 0)
        assert (
            "After a false step that was put in, on countdown@1 (right; right had it been true; doubts it): journey 30.0%; "
            "90.0%; 25.0%, shortcut@tokens 20.0%; 90.0%; 25.0%."
        ) in screen(plan, msgspec.structs.replace(scores, recovery=(table,))).trust

    def test_without_the_training_it_says_so(self) -> None:
        assert "not known" in screen(*compared(rates(0.5, 0.8, 0.1))).trust[-1]  # the last without a probe

    def test_the_spread_between_seeds(self) -> None:
        plan, scores = compared(rates(0.5, 0.8, 0.1), seeds=2)
        runs = [msgspec.structs.replace(run, correct=300 + 60 * (run.seed or 0)) for run in scores.runs]
        shown = screen(plan, msgspec.structs.replace(scores, runs=tuple(runs)))
        assert "Seeds of one arm differ by up to 10.0 points (shortcut@tokens: 50.0% to 60.0%)." in shown.trust

    def test_cut_offs_by_cause(self) -> None:
        seen = Conduct(answers=100, loops=20, cut_in_a_loop=15, cut_by_the_cap=5, no_box=0, ran_on=0, right_before=0)
        plan, scores = compared(rates(0.5, 0.8, 0.1), seen=seen)
        arms = [
            msgspec.structs.replace(arm, truncation_rate=0.2 if arm.arm == "journey" else 0.0) for arm in scores.arms
        ]
        shown = screen(plan, msgspec.structs.replace(scores, arms=tuple(arms)))
        assert (
            "Cut off at 256 tokens: journey 20.0% on countdown@1 (15.0% in a loop and 5.0% by a cap too short for it)."
            in shown.cost
        )
        assert not any("loop" in line for line in shown.warnings)

    def test_loops_that_come_to_an_end_are_under_costs(self) -> None:
        """Of 20 loops 15 were cut off, or 5: only then are there many that were not."""
        for cut, told in ((15, False), (5, True)):
            seen = Conduct(
                answers=100, loops=20, cut_in_a_loop=cut, cut_by_the_cap=0, no_box=0, ran_on=0, right_before=0
            )
            cost = screen(*compared(rates(0.5, 0.8, 0.1), seen=seen)).cost
            assert ("journey ends in a loop in 20.0% of its answers on countdown@1." in cost) is told

    def test_answers_that_cannot_be_judged(self) -> None:
        """A warning on the headline's benchmark; under costs elsewhere, once an arm, where it is the most."""
        nothing = Conduct(answers=100, loops=0, cut_in_a_loop=0, cut_by_the_cap=0, no_box=0, ran_on=0, right_before=0)
        for change, words in (
            ({"no_box": 11}, "ends without a boxed answer in 11.0% of its answers"),
            ({"withheld": 30}, "has no answer in 30.0% of all, which the server withheld"),
            ({"empty": 12}, "answers nothing in 12.0% of all"),
        ):
            plan, scores = compared(rates(0.5, 0.8, 0.1, other=(0.8, 0.8, 0.8)))
            for name in (PRIMARY, OTHER):
                arms = [
                    msgspec.structs.replace(arm, conduct=msgspec.structs.replace(nothing, **change))
                    if (arm.arm, arm.benchmark) == ("journey", name)
                    else arm
                    for arm in scores.arms
                ]
                said = [
                    f"journey {phrase} on {name}" for phrase in conduct.in_words(arms[-1]) + conduct.in_words(arms[2])
                ]
                qualifiers = (*scores.qualifiers, *said)
                shown = screen(plan, msgspec.structs.replace(scores, arms=tuple(arms), qualifiers=qualifiers))
                assert (f"journey {words} on {name}" in shown.warnings) is (name == PRIMARY), words
                assert (f"journey {words} on {name}." in shown.cost) is (name == OTHER), words

    def test_a_base_that_runs_on_is_a_warning(self) -> None:
        seen = Conduct(answers=100, loops=0, cut_in_a_loop=0, cut_by_the_cap=0, no_box=0, ran_on=90, right_before=40)
        shown = screen(*compared(rates(0.5, 0.8, 0.0), seen=seen))
        assert any(line.startswith("base runs on into a new problem in 90.0%") for line in shown.warnings)

    def test_nothing_is_known_of_what_a_base_forgot_that_runs_on(self) -> None:
        seen = Conduct(answers=100, loops=0, cut_in_a_loop=0, cut_by_the_cap=0, no_box=0, ran_on=90, right_before=40)
        plan, scores = compared(rates(0.5, 0.8, 0.0, other=(0.8, 0.8, 0.8)))
        arms = [
            msgspec.structs.replace(a, conduct=seen) if (a.arm, a.benchmark) == ("base", PRIMARY) else a
            for a in scores.arms
        ]
        cost = screen(plan, msgspec.structs.replace(scores, arms=tuple(arms))).cost
        assert "Forgetting is not known on countdown@1, where the base runs on into new problems." in cost
        assert "Nothing forgotten: on 1 benchmark no arm lies below the base by more than the margin." in cost

    def test_a_loss_that_may_be_luck_is_not_called_forgotten(self) -> None:
        """The rule for "below the untuned base" holds here too: 12 problems show nothing."""
        shown = screen(*compared(rates(0.6, 0.5, 0.75), problems=12, seeds=2))
        assert "below the untuned base" not in shown.sentence
        (line,) = [line for line in shown.cost if "where the base has" in line]
        assert line.startswith("Lower than the base, which may be luck: countdown@1, where the base has ")
        assert not any(each.startswith(("Forgotten", "Nothing forgotten")) for each in shown.cost)

    def test_an_arm_that_was_not_compared_with_the_base_is_lower_and_no_more(self) -> None:
        plan, scores = compared(rates(0.3, 0.3, 0.75), aa=True)
        alone = tuple(item for item in scores.compared if item.first != vd.BASE)
        cost = screen(plan, msgspec.structs.replace(scores, compared=alone)).cost
        assert any(line.startswith("Lower than the base: countdown@1, where the base has ") for line in cost)

    def test_nothing_forgotten(self) -> None:
        assert any(line.startswith("Nothing forgotten") for line in screen(*compared(rates(0.5, 0.8, 0.1))).cost)


def behind(tmp: Path, *, config: Mapping[str, Any] | None = None, lr: float = 3e-3) -> FoldersBehind:
    """Folders with settings alone, named from here."""
    settings = {"arms": list(PAIR), "seeds": 2, "lr": lr, "rows_per_step": 24}
    manifest = SimpleNamespace(config={"benchmarks": [PRIMARY], "sizes": {PRIMARY: 600}, **(config or {})})
    evaluated: Any = SimpleNamespace(path=Path("evaluate"), manifest=manifest)
    finetuned: Any = SimpleNamespace(path=tmp / "finetune", settings=settings, arms=list(PAIR))
    curated: Any = SimpleNamespace(path=tmp / "curate")
    return FoldersBehind(evaluated, finetuned, curated)


def built(words: Sequence[str], configs: Mapping[str, Mapping[str, Any]], monkeypatch: pytest.MonkeyPatch) -> Any:
    """The settings that a command comes to; raises what the command line would refuse."""
    assert words[0] == "journey"
    group: Any = get_command(app)
    context = group.make_context("journey", [words[1]], resilient_parsing=True)
    given = group.get_command(context, words[1]).make_context(words[1], list(words[2:])).params
    read = {one.name: one.read(given[one.name]) for one in options(words[1])}
    flags = {name: value for name, value in read.items() if value is not None}
    model: Any = {"finetune": FinetuneSettings, "evaluate": EvaluateSettings}[words[1]]
    monkeypatch.setattr(GivenFlags, "_of", lambda self, folder, known: configs[self.verb] if folder else {})
    return GivenFlags(words[1], flags, tuple(given.get("sets") or ())).build(model, given["like"])


class TestNextSteps:
    CASES = (
        ("too small", rates(0.5, 0.52, 0.1), {"seeds": 2, "problems": 100}),
        ("provisional", rates(0.3, 0.9, 0.1), {"seeds": 2}),
        ("decided", rates(0.3, 0.9, 0.1), {}),
        ("shortcut", rates(0.9, 0.3, 0.1), {}),
        ("collapsed", rates(0.3, 0.9, 0.1, other=(0.9, 0.9, 0.1)), {}),
        ("ceiling", rates(1.0, 1.0, 0.1), {}),
    )

    @pytest.fixture(autouse=True)
    def here(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)

    @pytest.mark.parametrize(("given", "settings"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
    def test_every_command_is_understood(
        self, given: Rates, settings: dict[str, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        folders = behind(tmp_path)
        steps = next_steps(*compared(given, **settings), folders)  # type: ignore[arg-type]
        assert steps and len(steps) <= 3
        configs = {"finetune": folders.finetuned.settings, "evaluate": folders.evaluated.manifest.config}  # type: ignore[union-attr]
        for step in steps:
            for words, line in zip(step.commands, step.lines, strict=True):
                assert shlex.split(line) == list(words)
                built(words, configs, monkeypatch)

    def found(self, given: Rates, tmp_path: Path, **settings: Any) -> dict[str, NextStep]:
        return {step.why: step for step in next_steps(*compared(given, **settings), behind(tmp_path))}

    def test_seeds_and_problems_that_would_do(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        steps = self.found(rates(0.5, 0.52, 0.1), tmp_path, seeds=2, problems=100)
        seeds = next(step for why, step in steps.items() if why.startswith("Train "))
        assert "cannot tell a better method from lucky runs" in seeds.why
        folders = behind(tmp_path)
        configs = {"finetune": folders.finetuned.settings, "evaluate": folders.evaluated.manifest.config}  # type: ignore[union-attr]
        trained = built(seeds.commands[0], configs, monkeypatch)
        assert trained.seeds >= 5 and (trained.rows_per_step, trained.lr) == (24, 3e-3)  # all else as before
        problems = next(step for why, step in steps.items() if why.startswith("Ask "))
        asked = built(problems.commands[0], configs, monkeypatch)
        assert asked.sizes[PRIMARY] > 100 and asked.after == ["evaluate"]

    def test_a_verdict_of_five_seeds_asks_for_no_more(self, tmp_path: Path) -> None:
        whys = self.found(rates(0.3, 0.9, 0.1), tmp_path)
        assert not any(why.startswith("Train ") for why in whys)
        assert any("dots" in why for why in whys) and any("as many tokens at test time" in why for why in whys)

    def test_a_ceiling_asks_the_next_level(self, tmp_path: Path) -> None:
        steps = self.found(rates(1.0, 1.0, 0.1), tmp_path)
        (step,) = [step for why, step in steps.items() if why.startswith("At a ceiling")]
        assert "countdown@2" in step.commands[0]

    def test_rates_that_were_picked_are_left_alone(self, tmp_path: Path) -> None:
        """`--lr` with several values goes together neither with `lr_by_arm` nor with a sweep, which `--like` repeats."""
        given = compared(rates(0.3, 0.9, 0.1, other=(0.9, 0.9, 0.1)), seeds=5)
        for picked in ({}, {"lr_by_arm": {"journey": 6e-3}}, {"lr_sweep": [1e-3, 6e-3]}):
            folders = behind(tmp_path)
            folders.finetuned.settings.update(picked)  # type: ignore[union-attr]
            found = list(_Steps(*given, [item for item in given[1].compared if item.primary], folders)._rate())
            assert bool(found) is not bool(picked)

    def test_none_without_the_training_folder(self, tmp_path: Path) -> None:
        plan, scores = compared(rates(0.5, 0.52, 0.1), seeds=2)
        assert next_steps(plan, scores, FoldersBehind(behind(tmp_path).evaluated)) == ()

    def test_no_place_of_this_machine_is_named(self, tmp_path: Path) -> None:
        folders = behind(Path("/somewhere/else/entirely"))
        assert next_steps(*compared(rates(0.5, 0.52, 0.1), seeds=2), folders) == ()


@pytest.fixture(scope="module")
def shown(whole: Path) -> tuple[FirstScreen, str, str, str]:
    evaluated = open_finished(whole, "evaluate")
    _, first = build.told(evaluated)
    console = Console(file=io.StringIO(), width=80, color_system=None, force_terminal=False)
    console.print(terminal.summary(evaluated))
    page = unescape((whole / "report.html").read_text(encoding="utf-8"))
    text = (whole / "report.md").read_text(encoding="utf-8")
    return first, page, text, console.file.getvalue()  # type: ignore[attr-defined]


class TestForms:
    def test_the_three_say_the_same(self, shown: tuple[FirstScreen, str, str, str]) -> None:
        first, page, text, printed = shown
        assert first.outcomes and first.steps and first.flipped is not None
        said = [first.sentence, *first.warnings, *first.trust, *first.cost, TRUST, COST, STEPS]
        said += [word for row in first.outcomes for word in (row.matching, *row.shares, row.difference, row.words)]
        said += [step.why for step in first.steps] + [first.flipped.heading, first.flipped.question]
        commands = [line for step in first.steps for line in step.lines]
        forms = {"html": page, "md": text.replace("\\", ""), "terminal": printed}
        for name, form in forms.items():
            flat = " ".join(form.split())
            for one in said:
                expected = one.replace("\\", "") if name == "md" else one
                assert " ".join(expected.split()) in flat, (name, one)
            unfolded = " ".join(form.replace(" \\\n", " ").split()) if name == "terminal" else flat
            for line in commands:
                assert " ".join(line.split()) in unfolded, (name, line)

    def test_the_terminal_is_no_wider_than_it_is(self, shown: tuple[FirstScreen, str, str, str]) -> None:
        assert max(map(len, shown[3].splitlines())) <= 80

    def test_the_flipped_problem_flips(self, shown: tuple[FirstScreen, str, str, str]) -> None:
        flipped = shown[0].flipped
        assert flipped is not None and {side.right for side in flipped.sides} == {True, False}
        assert all(side.text for side in flipped.sides)

    def test_commands_work_from_the_folder_that_is_named(
        self, shown: tuple[FirstScreen, str, str, str], whole: Path
    ) -> None:
        first = shown[0]
        assert first.where == "Typed in the folder that this evaluation's folder lies in."
        for step in first.steps:
            for words in step.commands[:1]:
                assert (whole.parent / words[2]).is_dir()
                assert not any(os.path.isabs(word) for word in words)


def test_a_folded_command_is_one_command() -> None:
    words = ("journey", "finetune", "c", "--arms", "a@tokens,b", "--set", "x y=$z", "--out", "f" * 60)
    folded = terminal.folded(words, 40)
    assert shlex.split(folded.replace("\\\n", " ")) == list(words)
    assert all(len(line) <= 40 for line in folded.splitlines()[:-1])
