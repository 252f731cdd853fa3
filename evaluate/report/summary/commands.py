"""What to do next, as commands that can be pasted: more seeds, more problems, an arm or a level that would tell more.

Each takes the settings of the folders that are there and changes what it says. Without those folders there are none.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from journey.catalog import ARMS, BENCHMARKS
from journey.evaluate.report.summary.record import NextStep
from journey.evaluate.statistics.verdict import ADVISED_SEEDS, BASE, BELOW, EQUAL_TOKENS, bare
from journey.formats.folders import CuratedFolder, EvaluatedFolder, FinetunedFolder
from journey.formats.plan import EvaluationPlan
from journey.formats.scores import Compared, Scores

MOST = 3  # steps shown
MOST_SEEDS, MOST_PROBLEMS = 20, 20_000  # what is proposed at most


@dataclass(frozen=True)
class FoldersBehind:
    """An evaluation folder and those that it was made from, where they lie; None where one was not found."""

    evaluated: EvaluatedFolder
    finetuned: FinetunedFolder | None = None
    curated: CuratedFolder | None = None

    @property
    def root(self) -> Path:
        """Where the commands are typed: here, if the evaluation was named from here, else in the folder around it."""
        return Path.cwd() if not self.evaluated.path.is_absolute() else self.evaluated.path.parent

    @property
    def where(self) -> str:
        """That place in words."""
        if not self.evaluated.path.is_absolute():
            return "Typed where this report was made."
        return "Typed in the folder that this evaluation's folder lies in."

    def name(self, folder: Path, more: str = "") -> str:
        """A folder as a command names it; with `more`, a new one beside it."""
        resolved = folder.resolve()
        return os.path.join(os.path.relpath(resolved.parent, self.root.resolve()), resolved.name + more).removeprefix(
            "./"
        )


def next_steps(plan: EvaluationPlan, scores: Scores, behind: FoldersBehind) -> tuple[NextStep, ...]:
    """At most three steps, what tells the most first; none where the training folder is not beside the evaluation."""
    if behind.finetuned is None or plan.aa:
        return ()
    primary = [item for item in scores.compared if item.primary]
    steps = _Steps(plan, scores, primary, behind)
    return tuple(step for step in steps.all() if not any(map(_leaves, step.commands)))[:MOST]


def _leaves(words: Sequence[str]) -> bool:
    """Whether a command names a place that only this machine has."""
    return any(part.startswith(("/", "../../..")) for word in words for part in word.split("="))


@dataclass(frozen=True)
class _Steps:
    plan: EvaluationPlan
    scores: Scores
    primary: Sequence[Compared]
    behind: FoldersBehind

    def all(self) -> Iterator[NextStep]:
        yield from self._level()
        yield from self._seeds()
        yield from self._problems()
        yield from self._equal_tokens()
        yield from self._arm()
        yield from self._rate()

    def _level(self) -> Iterator[NextStep]:
        """An easier or a harder level of the family, at a floor or a ceiling."""
        for word, by, harder in (("floor", -1, "easier"), ("ceiling", 1, "harder")):
            if not self.primary or not all(word in item.verdict.qualifiers for item in self.primary):
                continue
            family, at, level = self.plan.primary.partition("@")
            other = f"{family}@{int(level) + by}" if at and level.isdigit() else ""
            if other in BENCHMARKS.names():
                why = f"At a {word} arms cannot be told apart: ask {harder} problems."
                words = ("--benchmarks", other, "--strategy", ",".join(self.plan.strategies))
                yield NextStep(why, (self._evaluate(_suffix(other), *words, like=False),))

    def _undecided(self) -> list[Compared]:
        return [item for item in self.primary if item.verdict.winner is None and item.verdict.needed]

    def _seeds(self) -> Iterator[NextStep]:
        seeds = max((item.comparison.seeds for item in self.primary), default=0)
        sizes = [
            [size.seeds for size in item.verdict.needed if size.problems <= max(item.comparison.problems, 100)]
            for item in self._undecided()
        ]
        wanted = max([ADVISED_SEEDS, *(min(few) for few in sizes if few)])
        if not self.primary or seeds >= wanted or self.behind.curated is None:
            return
        wanted = min(wanted, MOST_SEEDS)
        undecided = any(item.verdict.winner is None for item in self.primary)
        why = f"Train {wanted} seeds: {seeds} " + (
            "cannot tell a better method from lucky runs." if undecided else "give a provisional verdict."
        )
        yield NextStep(why, self._trained(f"-{wanted}-seeds", "--seeds", str(wanted)))

    def _problems(self) -> Iterator[NextStep]:
        """More problems of the primary benchmark, where a family can make them."""
        name, asked = self.plan.primary, {info.name: info.problems for info in self.plan.benchmarks}
        entry = BENCHMARKS.entry(name).facts if name in BENCHMARKS.names() else {}
        sizes = [
            [size.problems for size in item.verdict.needed if size.seeds <= max(item.comparison.seeds, 2)]
            for item in self._undecided()
        ]
        wanted = max((min(few) for few in sizes if few), default=0)
        wanted = math.ceil(wanted / 100) * 100
        if "family" not in entry or not asked.get(name, 0) < wanted <= MOST_PROBLEMS:
            return
        why = f"Ask {wanted:,} problems of {name}: {asked[name]:,} are too few to decide."
        words = ("--set", f"sizes.{name}={wanted}")
        yield NextStep(why, (self._evaluate(f"-{wanted}-problems", *words),))

    def _equal_tokens(self) -> Iterator[NextStep]:
        if any(item.at == EQUAL_TOKENS for item in self.plan.comparisons) or not self.primary:
            return
        tokens = {
            arm.arm: arm.mean_tokens
            for arm in self.scores.arms
            if (arm.benchmark, arm.strategy) == (self.plan.primary, self.plan.strategies[0])
        }
        longer = max(
            (tokens[item.second] / tokens[item.first] for item in self.primary if tokens.get(item.first)), default=0
        )
        if longer >= 1.25:
            second = self.primary[0].second
            why = f"{second} writes {longer:.1f} times as much: let the other arm spend as many tokens at test time."
            strategies = ",".join(dict.fromkeys([*self.plan.strategies, "majority"]))
            words = ("--strategy", strategies, "--k", str(max(3, math.ceil(longer))))
            yield NextStep(why, (self._evaluate("-equal-tokens", *words),))

    def _arm(self) -> Iterator[NextStep]:
        """The arm whose result would decide between two readings of this one."""
        arms = list(dict.fromkeys(run.arm for run in self.plan.runs if run.arm != BASE))
        plain = {bare(arm) for arm in arms}
        winners = {bare(item.verdict.winner) for item in self.primary if item.verdict.winner is not None}
        questions = (
            ("shortcut@tokens", "shortcut" in plain and not any("@tokens" in arm for arm in arms),
             "The arms saw different numbers of tokens: add one that is matched."),
            ("dots", "journey" in winners, "Is it the trial and error, or only more tokens before the answer? Add dots."),
            ("journey-masked", "shortcut" in winners, "Does learning to make mistakes cost it? Mask them."),
        )  # fmt: skip
        for arm, wanted, why in questions:
            if wanted and arm not in {*arms, *plain} and bare(arm) in ARMS.names() and self.behind.curated is not None:
                yield NextStep(why, self._trained(_suffix(arm), "--arms", ",".join([*self._arms(), arm])))

    def _rate(self) -> Iterator[NextStep]:
        """A lower rate, where arms lost what the base could do."""
        finetuned = self.behind.finetuned
        lost = {item.benchmark for item in self.scores.compared for word in item.verdict.qualifiers if BELOW in word}
        settings = {} if finetuned is None else finetuned.settings
        rate, chosen = settings.get("lr"), settings.get("lr_by_arm") or settings.get("lr_sweep")
        if lost and isinstance(rate, float) and not chosen and self.behind.curated is not None:
            why = f"Would a smaller learning rate keep what the base could do on {', '.join(sorted(lost))}?"
            yield NextStep(why, self._trained("-lower-rates", "--lr", f"{rate / 10:.1g},{rate / 3:.1g}"))

    def _arms(self) -> list[str]:
        assert self.behind.finetuned is not None
        given = self.behind.finetuned.settings.get("arms") or self.behind.finetuned.arms
        return list(given) or list(dict.fromkeys(run.arm for run in self.plan.runs if run.arm != BASE))

    def _trained(self, more: str, *words: str) -> tuple[tuple[str, ...], ...]:
        """Train with other settings, then evaluate as before."""
        behind = self.behind
        assert behind.finetuned is not None and behind.curated is not None
        folders = behind.name(behind.curated.path), "--like", behind.name(behind.finetuned.path)
        to = behind.name(behind.finetuned.path, more)
        return ("journey", "finetune", *folders, *words, "--out", to), self._evaluate(more, finetuned=to)

    def _evaluate(self, more: str, *words: str, finetuned: str = "", like: bool = True) -> tuple[str, ...]:
        """Evaluate with other settings; where the same problems are asked, it is said that they were looked at."""
        behind = self.behind
        assert behind.finetuned is not None
        before = behind.name(behind.evaluated.path)
        same = ("--like", before, "--after", before) if like else ()
        to = behind.name(behind.evaluated.path, more)
        return ("journey", "evaluate", finetuned or behind.name(behind.finetuned.path), *same, *words, "--out", to)


def _suffix(name: str) -> str:
    return f"-{name.replace('@', '-')}"
