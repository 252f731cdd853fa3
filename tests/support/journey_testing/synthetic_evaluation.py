"""An evaluation folder as `journey evaluate` leaves it, with drawn outcomes and texts, some of them hostile.

synthetic_evaluation.folder(tmp_path, problems=100)
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from journey.evaluate.statistics import paired as st
from journey.evaluate.statistics import verdict as vd
from journey.formats.files import json_lines, sha256_of
from journey.formats.plan import BenchmarkInfo, EvaluationPlan, RunInfo
from journey.formats.scores import ArmScore, Compared, RunScore, Scores
from journey.rng import rng_for, seed_for
from journey.schema import Problem, Question, Sample, problem_id
from journey_testing.folders import write_folder

ARMS = ("shortcut@examples", "shortcut@tokens", "journey")
PAIRS = (("shortcut@examples", "journey"), ("shortcut@tokens", "journey"))
SKILL = {"base": -2.2, "shortcut@examples": -0.2, "shortcut@tokens": 0.6, "journey": 1.9}
HARDER = {"countdown@1": 0.0, "countdown@2": 1.8, "countdown-targets": 0.3, "arithmetic": 5.5}
MARGIN, CAP, STRATEGY = 0.05, 256, "greedy"
SCRIPT = "<script>document.title='owned';alert(1)</script>"
MARKUP = " </li><b id=owned onclick=alert(1)>owned</b>"  # in the first question
HOSTILE = (
    SCRIPT,
    "</script></pre><h1 id=owned>owned</h1><!-- <script>",
    "<img src=x onerror=\"document.title='owned'\"> [link](javascript:alert(1)) ]]>",
    "\x1b[31mred\x1b[0m \x1b]0;owned\x07 \x08\x08 \u202eright to left\u202c \u2028 {{ 7 * 7 }} {% raw %}",
    "x" * 30_000,
    "\u4e2d\u6587 \U0001f9ee caf\u00e9 \u221a2 | pipe ` tick ** bold ** \\boxed{ unfinished",
)


def folder(
    at: Path,
    *,
    problems: int | Mapping[str, int] = 60,
    seeds: int = 2,
    view: str = "compact",
    hostile: bool = True,
    steps: int = 4,
) -> Path:
    """Write the folder; `problems` on every benchmark or by name, `steps` of dead ends in a journey's text."""
    sizes = {name: problems if isinstance(problems, int) else problems.get(name, 0) for name in HARDER}
    runs = [RunInfo("base", "base", None)]
    runs += [RunInfo(f"{arm.replace('@', '-')}-s{seed}", arm, seed) for arm in ARMS for seed in range(seeds)]
    infos, right = [], {}
    files: dict[str, bytes] = {}
    for name, n in sizes.items():
        questions = [Question(*_asked(name, index, MARKUP if hostile and index == 0 else "")) for index in range(n)]
        files[f"questions/{name}.jsonl"] = json_lines(questions)
        for run in runs:
            solved = right[name, run.run] = _solved(name, run, n)
            solved[: len(HOSTILE) * hostile] = False
            given = [_sample(q, run, ok, steps) for q, ok in zip(questions, solved, strict=True)]
            if hostile:
                given[: len(HOSTILE)] = [_hostile(*each, run) for each in zip(questions, HOSTILE, strict=False)]
            files[f"samples/{run.run}/{name}/{STRATEGY}/00000.jsonl"] = json_lines(given)
        check = "value" if name == "arithmetic" else "countdown"
        digest = sha256_of(files[f"questions/{name}.jsonl"])
        source = "procedural" if name != "arithmetic" else "<b>someone's</b> file | with `ticks`"
        infos.append(BenchmarkInfo(name, n, source, None, "Apache-2.0", digest, check, "held-out problems"))
    declared = tuple(vd.declare(sizes, PAIRS))
    where = ("pocket", view, tuple(runs), tuple(infos), "countdown@1", (STRATEGY,), declared)
    plan = EvaluationPlan(*where, MARGIN, CAP, 64, "float32", 0)
    files |= {EvaluationPlan.FILE: plan.encoded(), Scores.FILE: _scores(plan, right).encoded()}
    return write_folder(at, "evaluate", files)


def _asked(name: str, index: int, more: str) -> tuple[str, str, Problem]:
    rng = rng_for("synthetic", name, index)
    a, b, c = (rng.randint(3, 50) for _ in range(3))
    target = a * b + c
    ident = problem_id(name, a, b, c, index)
    if name == "arithmetic":
        question = f"A shop packs {a} boxes of {b} pens and has {c} pens left over. How many pens are there?"
        return ident, name, Problem(ident, question, str(target), "arithmetic", brief=f"{a} * {b} + {c} ?{more}")
    question = f"Using each of the numbers {a}, {b}, {c} exactly once, write an expression that equals {target}."
    facts = {"numbers": [a, b, c], "target": target}
    brief = f"use {a} {b} {c} make {target} :{more}"
    return ident, name, Problem(ident, question, str(target), "countdown", brief, "countdown", 1, facts=facts)


def _solved(name: str, run: RunInfo, n: int) -> np.ndarray:
    """Which problems a run solves (n,): its arm's skill, the problem's hardness and the luck of the run."""
    hardness = np.random.default_rng(seed_for("hardness", name)).normal(HARDER[name], 1.5, n)
    luck = np.random.default_rng(seed_for("run", name, run.run))
    skill = SKILL[run.arm] + (0 if run.seed is None else luck.normal(0, 0.12))
    return luck.random(n) < 1 / (1 + np.exp(hardness - skill))


def _hostile(question: Question, text: str, run: RunInfo) -> Sample:
    return Sample(question.id, run.run, text, CAP, 0.02, "length")


def _sample(question: Question, run: RunInfo, right: bool, steps: int) -> Sample:
    rng = rng_for("text", question.id, run.run)
    problem = question.problem
    numbers = [int(word) for word in problem.brief.split() if word.isdigit()][:3]
    a, b, c = numbers
    made = (
        f"( {a} {'*' if right else '+'} {b} ) + {c}" if problem.check == "countdown" else str(a * b + c + (not right))
    )
    text = f"try {a} * {b} = {a * b} left {a * b} {c} . {a * b} + {c} = {a * b + c} yes . \\boxed{{ {made} }}"
    if run.arm == "journey":
        tried = [f"try {a} + {c + k} = {a + c + k} left {b} . dead end . back to {a} {b} {c} ." for k in range(steps)]
        text = " ".join([*tried[: rng.randint(0, steps)], text])
    if not right and rng.random() < 0.1:
        return Sample(question.id, run.run, text.partition("yes")[0], CAP, 0.02, "length")
    return Sample(question.id, run.run, text, len(text.split()), 0.01, "stop")


def _scores(plan: EvaluationPlan, right: dict[tuple[str, str], np.ndarray]) -> Scores:
    """What the evaluation stage would have found, by the project's own statistics."""
    table = {}
    for info in plan.benchmarks:
        for arm in ("base", *ARMS):
            found = [right[info.name, run.run] for run in plan.runs if run.arm == arm]
            table[info.name, arm] = np.array(found, dtype=float).T
    compared = {}
    for item in plan.comparisons:
        first, second = table[item.benchmark, item.first], table[item.benchmark, item.second]
        if len(second):
            test = st.compare_to_base if item.first == "base" else st.compare
            pair = (second, first[:, 0]) if item.first == "base" else (first, second)
            compared[item.key] = test(*pair, flips=500, resamples=100)
    adjusted = vd.adjust(plan.comparisons, compared)
    verdicts = []
    for item in plan.comparisons:
        if item.key in compared:
            comparison = compared[item.key]
            names = {"first": item.first, "second": item.second}
            decided = vd.decide(comparison, adjusted[item.key], MARGIN, **names)
            primary = item.benchmark == plan.primary and item.first != "base"
            place = (item.benchmark, STRATEGY, item.first, item.second, primary)
            verdicts.append(Compared(*place, comparison, decided))
    headline = [
        f"On {c.benchmark}, {c.first} v {c.second}: {c.verdict.words} ({100 * c.comparison.difference:+.1f} points)."
        for c in verdicts
        if c.primary
    ]
    arms = [_arm(info.name, arm, table[info.name, arm]) for info in plan.benchmarks for arm in ("base", *ARMS)]
    runs = [_run(info.name, run, right[info.name, run.run]) for info in plan.benchmarks for run in plan.runs]
    hashed = sha256_of(plan.encoded())
    return Scores(hashed, tuple(headline), (), MARGIN, tuple(runs), tuple(arms), tuple(verdicts))


def _arm(name: str, arm: str, scores: np.ndarray) -> ArmScore:
    n = len(scores)
    if not n:
        return ArmScore(arm, name, STRATEGY, 0, 0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    found = st.accuracy_interval(scores)
    share = (found.mean, found.low, found.high)
    tokens = 88.0 if arm == "journey" else 29.0
    return ArmScore(arm, name, STRATEGY, n, scores.shape[1], *share, 0.012, 0.02, 0.0, tokens, tokens / 4000)


def _run(name: str, run: RunInfo, solved: np.ndarray) -> RunScore:
    n, correct = len(solved), int(solved.sum())
    return RunScore(
        run.run, run.arm, run.seed, name, STRATEGY, n, correct, n - correct, 0, 0, 0, 29.0 if n else 0.0, 0.01
    )
