"""The plan: which runs are asked what, what is compared, and within which limits; fixed before anything is sampled."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from journey import console, models, store, views
from journey.catalog import BENCHMARKS, STRATEGIES
from journey.config import EvaluateSettings
from journey.errors import UnknownName, UsageError
from journey.evaluate.results import BenchmarkInfo, Plan, RunInfo
from journey.evaluate.verdict import BASE, bare, declare
from journey.questions import load_questions
from journey.schema import Question
from journey.views import View

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

JOURNEY = "journey"  # the arm that the others are compared with, where it is there
CAP, SLACK, ROUND = 512, 1.25, 32  # new tokens: where no length is told; over the longest journeys; rounded up to


@dataclass(frozen=True)
class Prepared:
    """A plan with what is needed to carry it out: questions and their prompts (token ids) by benchmark."""

    plan: Plan
    ref: models.ModelRef
    tokenizer: PreTrainedTokenizerBase
    questions: dict[str, list[Question]]
    prompts: dict[str, dict[str, list[int]]]
    device: str


def prepare(finetuned: Path, settings: EvaluateSettings) -> Prepared:
    """Everything that is fixed before sampling. Draws and loads questions, but no weights."""
    manifest = store.read_manifest(finetuned, "finetune")
    for name in settings.strategy:
        STRATEGIES.entry(name)
    told, runs = read_runs(finetuned, manifest)
    ref = models.find(str(manifest.get("config", {}).get("base") or told.get("base", {}).get("name", "")))
    tokenizer = models.load_tokenizer(ref)
    view: View = told.get("view") or models.default_view(tokenizer)
    infos, questions, prompts = {}, {}, {}
    for spec in _benchmarks(settings):
        limit = min((n for n in (settings.sizes.get(spec), settings.limit) if n is not None), default=None)
        asked, facts = load_questions(spec, split=settings.split, seed=settings.seed, limit=limit)
        if facts.name in infos:
            raise UsageError(f"benchmark {facts.name} is asked for twice", "name each one once")
        infos[facts.name] = BenchmarkInfo(
            facts.name,
            len(asked),
            facts.source,
            facts.revision,
            facts.licence,
            _sha256(asked),
            facts.check,
            facts.summary,
        )
        questions[facts.name] = asked
        prompts[facts.name] = _prompts(asked, tokenizer, view, ref, facts.name)
    device = models.best_device()
    longest = max(len(prompt) for of_one in prompts.values() for prompt in of_one.values())
    plan = Plan(
        base=ref.name,
        view=view,
        runs=(RunInfo(BASE, BASE, None), *runs),
        benchmarks=tuple(infos.values()),
        primary=_primary(settings, list(infos)),
        strategies=tuple(dict.fromkeys(settings.strategy)),
        comparisons=tuple(declare(infos, _pairs(runs), base=False)),
        margin=settings.margin,
        max_new_tokens=_cap(settings, finetuned, ref, longest),
        batch=settings.batch,
        dtype="float32" if device == "cpu" else "bfloat16",
        seed=settings.seed,
    )
    return Prepared(plan, ref, tokenizer, questions, prompts, device)


def read_runs(finetuned: Path, manifest: dict[str, Any]) -> tuple[dict[str, Any], list[RunInfo]]:
    """One run's facts (they share base and view) and all runs, arms as configured and seeds in order.

    A run without an adapter is listed: it failed. Raises UsageError if there is no run, or they are not comparable.
    """
    found: list[tuple[dict[str, Any], RunInfo]] = []
    for path in sorted(finetuned.glob("*/run.json")):
        try:
            told = json.loads(path.read_bytes())
            arm, seed, axis = str(told["arm"]), int(told["seed"]), str(told.get("axis", ""))
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(f"{path} cannot be read: {error!r}", "run `journey finetune` again") from None
        if arm == BASE:
            continue
        adapter = path.parent / "adapter_model.safetensors"
        there = adapter.is_file()
        name, file = path.parent.name, adapter.relative_to(finetuned).as_posix()
        digest = store.sha256(adapter) if there else None
        info = RunInfo(name, f"{arm} {axis}".strip(), seed, file if there else None, digest, axis)
        found.append((told, info))
    if not any(info.adapter for _, info in found):
        raise UsageError(f"{finetuned} holds no trained run", "run `journey finetune` again")
    views_used = {told.get("view") for told, _ in found}
    if len(views_used) > 1:
        raise UsageError(f"{finetuned} holds runs of different views: {sorted(map(str, views_used))}")
    order = {arm: place for place, arm in enumerate(manifest.get("config", {}).get("arms") or ())}
    found.sort(key=lambda one: (_axis_values(one[0]), order.get(one[0]["arm"], len(order)), one[1].arm, one[1].seed))
    return found[0][0], [info for _, info in found]


def _axis_values(told: dict[str, Any]) -> tuple[float, ...]:
    """What runs are ordered by where axes vary: a rate of its own for one arm is no axis."""
    return tuple(float(told.get(name) or 0) for name in ("pairs", "lr", "rank")) if told.get("axis") else ()


def _benchmarks(settings: EvaluateSettings) -> list[str]:
    if not settings.benchmarks:
        raise UsageError("no benchmark to evaluate on", "e.g. --benchmarks countdown@1; see `journey list benchmarks`")
    for name in settings.sizes:
        if name not in {*settings.benchmarks, *BENCHMARKS.names()}:  # a recipe's sizes may name more than is asked
            raise UnknownName("benchmark in sizes", name, settings.benchmarks)
    return settings.benchmarks


def _primary(settings: EvaluateSettings, names: list[str]) -> str:
    """The benchmark of the headline, by its name or as it was asked for."""
    if settings.primary is None:
        return names[0]
    by_spec = dict(zip(settings.benchmarks, names, strict=True))
    if settings.primary not in {*names, *by_spec}:
        raise UnknownName("primary benchmark", settings.primary, names)
    return by_spec.get(settings.primary, settings.primary)


def _pairs(runs: Sequence[RunInfo]) -> list[tuple[str, str]]:
    """Every arm against the journey (or against the first arm, where there is none), and every arm against the base.

    Within one value of every axis: a journey of rank 8 is compared with a shortcut of rank 8.
    """
    pairs: list[tuple[str, str]] = []
    for axis in dict.fromkeys(run.axis for run in runs):
        arms = list(dict.fromkeys(run.arm for run in runs if run.axis == axis))
        against = next((arm for arm in arms if bare(arm) == JOURNEY), None)
        if against is None:
            pairs += [(arms[0], arm) for arm in arms[1:]]
        else:
            pairs += [(arm, against) for arm in arms if arm != against]
    return pairs + [(BASE, arm) for arm in dict.fromkeys(run.arm for run in runs)]


def _prompts(
    questions: Sequence[Question], tokenizer: PreTrainedTokenizerBase, view: View, ref: models.ModelRef, name: str
) -> dict[str, list[int]]:
    """Token ids by question id. Raises UsageError naming words that the base cannot read."""
    ids = {}
    for question in questions:
        text = views.prompt(question.problem, view)
        if view == "compact" and not models.covers(tokenizer, text):
            words = ", ".join(models.unknown_words(tokenizer, text)[:8])
            raise UsageError(f"{ref.name} cannot read {name}: it has no word for {words}", "use a larger base")
        ids[question.id] = models.prompt_ids(tokenizer, question.problem, view)
    return ids


def _cap(settings: EvaluateSettings, finetuned: Path, ref: models.ModelRef, longest: int) -> int:
    """One cap of new tokens for all arms, within the base's positions.

    A quarter over the 99.5th percentile of the journeys trained on, where the runs tell it; else the longest row.
    """
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(ref.source, revision=ref.revision, trust_remote_code=False)
    positions = getattr(config.get_text_config(), "max_position_embeddings", None)
    room = math.inf if positions is None else positions - longest
    least = max(_told(finetuned, "completion_tokens_p995"), default=None)
    cap = settings.max_new_tokens
    if cap is None:
        longest_row = max(_told(finetuned, "max_length"), default=CAP)
        cap = int(min(longest_row if least is None else math.ceil(least * SLACK / ROUND) * ROUND, room))
    if cap > room or cap < 1:
        raise UsageError(
            f"{ref.name} has {positions} positions: a prompt of {longest} tokens leaves room for {max(0, int(room))}",
            "lower --max-new-tokens, or leave out the benchmark with the long prompts",
        )
    if least is not None and cap < least:
        console.note(f"a cap of {cap} new tokens cuts answers off: the longest journeys trained on have {least:g}")
    return cap


def _told(finetuned: Path, key: str) -> Iterable[float]:
    """Every number of that name in audit.json and the runs' run.json, wherever it stands."""
    for path in [finetuned / "audit.json", *sorted(finetuned.glob("*/run.json"))]:
        if path.is_file():
            yield from _named(key, json.loads(path.read_bytes()))


def _named(key: str, data: Any) -> Iterable[float]:
    values: Iterable[Any] = data.values() if isinstance(data, dict) else data if isinstance(data, list) else ()
    if isinstance(data, dict) and isinstance(data.get(key), int | float):
        yield data[key]
    for value in values:
        yield from _named(key, value)


def _sha256(questions: Sequence[Question]) -> str:
    return hashlib.sha256(store.json_lines(questions)).hexdigest()
