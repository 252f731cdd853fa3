"""What lies behind and beside a synthetic evaluation: the folders it goes back to, strategies, behaviour.

`behind_evaluation.lineage(folder)`, `.strategies(folder)`, `.behaviour(folder)`, for a folder of `synthetic_evaluation`.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from journey.config import GenerateSettings
from journey.evaluate.statistics import paired as st
from journey.evaluate.statistics import verdict as vd
from journey.formats.behaviour import (
    HABITS,
    Behaviour,
    BehaviourFile,
    Claims,
    Commitment,
    Habits,
    JudgeAgreement,
    Judged,
    Steps,
)
from journey.formats.curation import FunnelFile, FunnelRule, FunnelTotals
from journey.formats.files import sha256_of
from journey.formats.finetune import TrajectoryPoint
from journey.formats.folders import open_finished
from journey.formats.manifest import manifest_hash
from journey.formats.plan import EarlierLook, EvaluationPlan, LargerInfo, Skipped, StrategyInfo
from journey.formats.scores import (
    Agreement,
    Bin,
    BinScore,
    BudgetPoint,
    Candidate,
    Compared,
    ComputeOptimal,
    CurvePoint,
    Difficulty,
    EqualBudget,
    LargerScore,
    ScoreCurve,
    Scores,
)
from journey.generate.run import generate
from journey_testing.folders import audit_file, change, finetune_files, run_counts, run_file, write_folder

FAILED = "journey-s1"
STRATEGIES = ("majority", "revision", "best-of-k-gold")


def lineage(evaluation: Path, *, pairs: int = 40, steps: int = 60, failed: bool = True) -> Path:
    """Write generate, curate and finetune beside the evaluation, name them in manifests; gives the finetune folder."""
    beside = evaluation.parent
    generate(GenerateSettings(family=["countdown@1"], method=["search"], pairs=pairs), beside / "generate", workers=1)
    made = open_finished(beside / "generate", "generate")
    kept = list(made.pairs())[: pairs - 4]
    funnel = FunnelFile(
        rules=(
            FunnelRule("answer_correct", {}, pairs, pairs, 0, {}),
            FunnelRule("exact_duplicate", {}, pairs, pairs - 4, 4, {"duplicate": 4}),
        ),
        totals=FunnelTotals(pairs, pairs - 4, 4, pairs - 4, 0, 0, 3),
    )
    files: dict[str, Any] = {"train/00000.jsonl": kept, FunnelFile.FILE: funnel.encoded()}
    curated = write_folder(beside / "curate", "curate", files, inputs={"generate 0": made.sha256})
    runs, counts, files = [], [], {}
    for run in open_finished(evaluation, "evaluate").plan.runs:
        if run.seed is None:
            continue
        last = steps // 2 if failed and run.run == FAILED else steps
        rng = np.random.default_rng(run.seed)
        losses = 2 * np.exp(-np.arange(last) / 12) + 0.1 + 0.03 * rng.random(last)
        points = [TrajectoryPoint(step + 1, float(loss), 0.5, 3e-3, 400) for step, loss in enumerate(losses)]
        why = None
        if last < steps:
            points[-1] = msgspec.structs.replace(points[-1], loss=None)
            why = "NotFinite: loss is no number <b>any more</b>"
        runs.append(run_file(run.run, run.arm, run.seed, steps=steps, view="compact", failed=why))
        files[f"{run.run}/trajectory.jsonl"] = points
        counts.append(
            run_counts(
                run.run, run.arm, run.seed, rows=100 + run.seed, steps=steps, flops=10**11, lr=0.003, answer_share=0.37
            )
        )
    audit = audit_file(
        counts,
        equal=("problems: all",),
        differs=("rows: some",),
        notes=("rates as given",),
        failed={FAILED: "NotFinite"} if failed else {},
    )
    inputs = {"curate": manifest_hash(curated)}
    finetuned = write_folder(beside / "finetune", "finetune", {**finetune_files(runs, audit), **files}, inputs=inputs)
    change(evaluation, inputs={"finetune": manifest_hash(finetuned)})
    return finetuned


def strategies(evaluation: Path) -> None:
    """Add strategies, curves, equal budgets, difficulty, a larger model and earlier looks to plan and scores."""
    opened = open_finished(evaluation, "evaluate")
    plan, scores = opened.plan, opened.scores
    first, second, where = "shortcut@tokens", "journey", plan.primary
    infos = [StrategyInfo(name, f"{name}@8", "samples", name, oracle="gold" in name) for name in STRATEGIES]
    plan = msgspec.structs.replace(
        plan,
        strategies=(*plan.strategies, *STRATEGIES),
        policies=(StrategyInfo("greedy", "greedy", "greedy", "one answer"), *infos),
        comparisons=(*plan.comparisons, vd.Declared(where, first, second, vd.EQUAL_TOKENS)),
        larger=LargerInfo("pocket-large", "compact", 14_000_000),
        earlier=(EarlierLook("before", "0" * 64, ("journey-s0",), (where,)),),
        skipped=(Skipped("arithmetic", "best-of-k-checker", "it has no checker of its own"),),
    )
    rng = np.random.default_rng(0)
    made = st.compare(rng.random((150, 2)) < 0.5, rng.random((150, 2)) < 0.7, flips=200, resamples=50)
    decided = vd.decide(made, made.p or 1.0, plan.margin, first=first, second=second)
    equal = EqualBudget(where, first, second, first, "tokens", 88.0, 85.0, _candidates(), "majority@3.1", True, made)
    nothing = EqualBudget(
        where,
        "shortcut@examples",
        second,
        "shortcut@examples",
        "tokens",
        88.0,
        None,
        (),
        None,
        False,
        None,
        "no dev problems",
    )
    matched = msgspec.structs.replace(equal, first="larger", second=second, arm=second, unit="flops", budget=2e9)
    more = Compared(where, vd.EQUAL_TOKENS, first, second, True, made, decided, "majority@3.1")
    sentence = f"At equal test tokens on {where}, {first} v {second}: {decided.words}."
    arms = list(dict.fromkeys(run.arm for run in plan.runs))
    scored = [msgspec.structs.replace(arm, strategy="majority") for arm in scores.arms if arm.benchmark == where]
    scores = msgspec.structs.replace(
        scores,
        plan_sha256=sha256_of(plan.encoded()),
        headline=(*scores.headline, sentence),
        arms=(*scores.arms, *scored),
        compared=(*scores.compared, more),
        curves=tuple(_curve(where, arm, at, name) for at, arm in enumerate(arms) for name in ("greedy", *STRATEGIES)),
        equal_tokens=(equal, nothing),
        difficulty=tuple(_difficulty(where, arm) for arm in (first, second)),
        compute_optimal=tuple(_optimal(where, arm) for arm in (first, second)),
        larger=(LargerScore(where, "pocket-large", 0.61, 0.53, 0.69, 40.0, 2e9, 0.05, 0.01, 0.0, (matched,)),),
        agreement=(Agreement("batch 1", "journey-s0", where, 50, 3, 1, 1),),
        looked_before="This is the second look at these runs: before looked at countdown@1.",
    )
    change(evaluation, {EvaluationPlan.FILE: plan.encoded(), Scores.FILE: scores.encoded()})


def _curve(benchmark: str, arm: str, at: int, strategy: str) -> ScoreCurve:
    points = []
    for k in (1,) if strategy == "greedy" else (1, 2, 4, 8):
        accuracy = min(0.95, 0.3 + 0.1 * at + 0.06 * math.log2(k))
        flops = None if arm == "base" else 1e6 * 30 * k * (1 + at)
        policy = f"{strategy}@{k}"
        points.append(
            CurvePoint(policy, k, accuracy, accuracy - 0.05, accuracy + 0.05, 30.0 * k * (1 + at), flops, 0.01 * k)
        )
    return ScoreCurve(benchmark, arm, strategy, "samples", "gold" in strategy, tuple(points))


def _candidates() -> tuple[Candidate, ...]:
    return (
        Candidate("greedy", "greedy", None, 0.5, 30.0, True, False, 0.52, 30.0),
        Candidate("majority@3.1", "majority", 3.1, 0.58, 84.0, True, True, 0.6, 86.0),
        Candidate("majority@3", "majority", 3, 0.57, 81.0, True, False, 0.59, 82.0),
        Candidate("best-of-k-checker@8", "best-of-k-checker", 8, None, None, False, False, 0.7, 240.0, checker=True),
    )


def _difficulty(benchmark: str, arm: str) -> Difficulty:
    bins = []
    for n in range(5):
        scored = tuple(BinScore(p, p, 0.95 - 0.2 * n + d, 30.0) for p, d in (("greedy", 0.0), ("majority@8", 0.04)))
        bins.append(Bin(n + 1, 0.2 * n, 0.2 * n + 0.2, 30.0, scored, "majority@8"))
    return Difficulty(benchmark, arm, "pooled pass rate", 0.3, tuple(bins))


def _optimal(benchmark: str, arm: str) -> ComputeOptimal:
    halves = (("greedy",) * 5, ("majority@4",) * 5)
    points = [
        BudgetPoint(30.0 * k, 0.5 + 0.05 * k, 29.0 * k, halves, ("greedy", "majority@4"), 0.48 + 0.045 * k, 28.0 * k)
        for k in (1, 2, 4)
    ]
    return ComputeOptimal(benchmark, arm, "pooled pass rate", tuple(points))


def behaviour(evaluation: Path) -> None:
    """Write behaviour.json: the journey goes back, the shortcuts hardly do, the base commits to nothing."""
    opened = open_finished(evaluation, "evaluate")
    plan = opened.plan
    arms = list(dict.fromkeys(run.arm for run in plan.runs))
    told = [_behaviour(None, arm, None, plan.primary) for arm in arms]
    runs = [_behaviour(run.run, run.arm, run.seed, plan.primary) for run in plan.runs]
    cell = JudgeAgreement(20, 3, 2, 75, 0.86)
    even = dict.fromkeys(HABITS, 0.5)
    judge = Judged("judge-model", "ab" * 32, 100, 2, 1, dict.fromkeys(HABITS, cell), even, even)
    file = BehaviourFile(opened.plan_sha256, "1", tuple(runs), tuple(told), judge)
    (evaluation / BehaviourFile.FILE).write_bytes(file.encoded())


def _behaviour(run: str | None, arm: str, seed: int | None, benchmark: str) -> Behaviour:
    journey = arm == "journey"
    often = Habits(300 if journey else 4, 120 if journey else 3, 0.8 if journey else 0.02, 2.0, 22.7)
    commitment = None if arm == "base" else Commitment(100, 60, 40, 12, 3, 0.3, 0.05)
    steps = Steps(900, 870, 10, 20, 20 / 900, 5, 0.25, 18, 0, 0)
    claims = Claims(400, 390, 300, 295, 100, 95) if journey else None
    counts = ("greedy", 150, 12_000, dict.fromkeys(HABITS, often), commitment, 2, 0.013, 3, 0.02, steps, claims)
    return Behaviour(run, arm, seed, benchmark, *counts)
