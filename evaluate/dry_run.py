"""The dry run of an evaluation: what it would do and could show, before anything is sampled (`--dry-run`)."""

from __future__ import annotations

import shlex
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from journey import numbers
from journey.config import EvaluateSettings
from journey.evaluate.planning import cost
from journey.evaluate.planning.plan import is_built_in, prepare
from journey.evaluate.planning.sample_sets import all_benchmarks, draws_on, sampled_runs
from journey.evaluate.recovery.asking import writers
from journey.evaluate.recovery.prefixes import PREFIXES
from journey.evaluate.sampling import run_samples
from journey.evaluate.sampling.serving import serve_line, start_words
from journey.evaluate.statistics.paired import compare
from journey.evaluate.statistics.simulated import chances
from journey.evaluate.statistics.sizes import needed
from journey.evaluate.statistics.verdict import ALPHA, BASE, MARGIN
from journey.formats.comparison import Comparison
from journey.formats.folders import open_finished
from journey.rng import seed_for
from journey.sampling import workers
from journey.servers.advice import OF_AN_EVALUATION

REPEATS = 40
SPREADS = (1, 2)  # of a run's accuracy between seeds in points
ANSWER_BYTES, TOKEN_BYTES = 300, 4  # of a stored answer, and of each of its tokens as text


def plan(finetuned: Path, settings: EvaluateSettings) -> dict[str, Any]:
    """What `evaluate` would do, for `--dry-run`: the plan, how much is asked, and the effects that could be seen."""
    opened = open_finished(finetuned, "finetune")
    prepared = prepare(opened, settings)
    fixed = prepared.plan
    runs = sampled_runs(fixed)
    seeds = Counter(run.arm for run in runs if run.arm != BASE)
    samples = {draw.name: draw.samples for draw in fixed.draws}
    answers = sum(
        info.problems * samples[draw]
        for info in all_benchmarks(fixed)
        for run in sampled_runs(fixed)
        for draw in draws_on(fixed, info.name, run)
    )
    family = len(fixed.primary_family) or 1
    few = min(seeds.values())
    workers_used = settings.workers or workers.default_workers(prepared.device)
    shards = run_samples.run_shards(opened, prepared, settings.stack)
    tokens, pace = answers * fixed.max_new_tokens, cost.pace(run_samples.worker_model(prepared), shards)
    expected = {b.name: expect(b.problems, few) for b in fixed.benchmarks if b.problems > 1}
    facts = {
        "plan": msgspec.to_builtins(fixed),
        "answers": answers,
        "sampler": OF_AN_EVALUATION if is_built_in(fixed) else fixed.backend,
        "new_tokens_at_most": tokens,
        "recovery_texts_at_most": len(fixed.probed) * 2 * PREFIXES * (1 + len(writers(runs))) * len(runs),
        "workers": workers_used,
        "seconds_at_most": None if pace is None else round(pace.seconds(answers, tokens, workers_used), 1),
        "seconds_from": "the first tokens of the runs' own answers, timed on this machine, as if every answer went on to the "
        "cap; without larger and reward models; none where a server or the Hub has the base",
        "memory_bytes_per_worker": cost.memory(prepared, shards),
        "disk_bytes": answers * (ANSWER_BYTES + TOKEN_BYTES * fixed.max_new_tokens),
        "device": prepared.device,
        "detectable_points": {
            name: None if one is None else one["detectable_points"] for name, one in expected.items()
        },
        "to_halve_it": {name: one["to_halve_it"] for name, one in expected.items() if one is not None},
        "chances": {b.name: chances_of(b.problems, few, fixed.margin, family) for b in fixed.benchmarks},
    }
    if prepared.vllm is not None:
        facts["serve"] = shlex.join(start_words(opened, prepared, settings, 0))
    elif not is_built_in(fixed):
        facts["serve"] = serve_line(opened, prepared)
    return facts


def expected_effect(problems: int, seeds: int) -> float | None:
    """The minimum detectable effect, in points, to expect of arms that are half right and disagree on 27 % of problems.

    None with one seed. A rough guide: runs that differ much between seeds need more.
    """
    expected = expect(problems, seeds)
    return None if expected is None else expected["detectable_points"]


def chances_of(problems: int, seeds: int, margin: float = MARGIN, family: int = 1) -> dict[str, Any] | None:
    """What chance the words of the verdict have at a size: by how much runs vary between seeds (1 or 2 points), in %.

    `equal` where the arms are equal, `better` where one is better by the margin and comes last in Holm's order of a
    family of this many. None where no verdict is possible (under 2 seeds or 100 problems). Simulated, to a few percent.
    """
    told = {numbers.plural(sd, "point"): chances(problems, seeds, sd, margin, level=ALPHA / family) for sd in SPREADS}
    shares = {
        name: one and {"equal": round(100 * one.equal), "better": round(100 * one.better)} for name, one in told.items()
    }
    return {"margin_points": 100 * margin, "comparisons": family, **shares} if all(told.values()) else None


def expect(problems: int, seeds: int) -> dict[str, Any] | None:
    """The expected minimum detectable effect in points, and the sizes of experiment that would halve it."""
    if seeds < 2:
        return None
    rng = np.random.default_rng(seed_for("expected effect", problems, seeds))
    drawn = [_null(rng, problems, seeds) for _ in range(REPEATS)]
    effects = sorted((one.detectable or 0.0, index) for index, one in enumerate(drawn))
    effect, middle = effects[REPEATS // 2]  # of two seeds' spreads some are far off: the median is the typical one
    typical = drawn[middle]
    halving = needed(typical, effect / 2) if effect else ()
    return {
        "detectable_points": round(100 * effect, 1),
        "to_halve_it": [{"seeds": size.seeds, "problems": size.problems} for size in halving],
    }


def _null(rng: np.random.Generator, problems: int, seeds: int) -> Comparison:
    """Two arms that are equally good; two draws at a problem's chance differ 27 % of the time."""
    pass_rates = rng.beta(0.587, 0.587, problems)[:, None]
    first, second = (rng.random((problems, seeds)) < pass_rates for _ in range(2))
    return compare(first, second, flips=1, resamples=0)
