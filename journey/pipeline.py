"""The pipeline: generate, curate, finetune, evaluate, report - each stage a folder, finished ones skipped."""

from __future__ import annotations

import importlib.resources
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from journey import console, numbers
from journey.catalog import ARMS
from journey.config import CurateSettings, EvaluateSettings, FinetuneSettings, GenerateSettings, SampleSettings
from journey.errors import RemoteError, UnknownName, UsageError
from journey.formats.files import write_atomic
from journey.formats.folders import open_finished, read_manifest
from journey.formats.manifest import MANIFEST
from journey.models.load import MODELS, find
from journey.settings import plain_yaml
from journey.settings.claims import ClaimSettings
from journey.settings.fields import shown
from journey.settings.given import build
from journey.settings.recipe import RunSettings, WarmSettings, folder_name, resolve_run

STAGES = ("generate", "curate", "finetune", "evaluate")
RESOLVED = "recipe.yaml"  # of a run's folder: the settings as they were resolved
SAMPLED, WARM = "sample", "warm"  # folders of a recipe that makes its pairs of a model's own attempts


@dataclass(frozen=True)
class Recipe:
    """A named, complete configuration of one comparison."""

    name: str
    summary: str
    data: dict[str, Any]
    where: str


def recipes() -> dict[str, Path]:
    """The shipped recipes by name."""
    folder = Path(str(importlib.resources.files("journey.recipes")))
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def read_recipe(name: str) -> Recipe:
    """A shipped recipe by its bare name, or a file. Raises UnknownName or UsageError."""
    shipped = recipes()
    if name in shipped:
        path = shipped[name]
    elif name.endswith((".yaml", ".yml")) or "/" in name:
        path = Path(name)
    else:
        raise UnknownName("recipe", name, shipped)
    data = plain_yaml.read_mapping(path)
    called, where = data.get("name", path.stem), path.name
    try:
        folder_name(str(called))
    except ValueError as error:
        raise UsageError(f"{where}: name = {shown(called)}: {error}", "add a line to the recipe: name: NAME") from None
    return Recipe(str(called), str(data.get("summary", "")), data, where)


def resolve(recipe: Recipe, overrides: Mapping[str, Any]) -> RunSettings:
    """The recipe's settings with overrides on top. Raises UsageError at once for whatever a stage would refuse later."""
    settings = resolve_run(recipe.data, overrides, recipe.where)
    for base in {settings.curate.base, settings.finetune.base} - {*MODELS, None}:
        find(str(base))
    check(settings)
    return settings


def check(settings: RunSettings) -> None:
    """Raises UsageError or UnknownName for the settings of any stage that cannot be carried out.

    Loads the catalogs and looks where files lie; reads no problem and no weights, and asks no network.
    """
    from journey.curate import rules
    from journey.evaluate.planning import check as evaluation
    from journey.finetune.planning import check as training
    from journey.generate import sources as generation

    if settings.warm is not None:
        _check_warm(settings.warm)
    if settings.sample is not None:
        from journey.generate import sample as sampling

        with _in_stage("sample"):
            sampling.check(settings.sample)
            if not settings.sample.policy and settings.warm is None:
                raise UsageError("no model is named that answers", "add policy: [MODEL], or a section warm")
    with _in_stage("generate"):
        generation.check(_with_attempts(settings, Path(SAMPLED)))
    with _in_stage("curate"):
        rules.check(settings.curate)
    with _in_stage("finetune"):
        choices, _ = training.check(settings.finetune)
    with _in_stage("evaluate"):
        evaluation.check(settings.evaluate)
        _check_aa(settings, [choice.label for choice in choices])
    if settings.claims:
        from journey.claims import check as claims

        claims.check(settings)


def _check_warm(warm: WarmSettings) -> None:
    from journey.curate import rules
    from journey.finetune.planning import check as training
    from journey.generate import sources as generation

    with _in_stage("warm.generate"):
        generation.check(warm.generate)
    with _in_stage("warm.curate"):
        rules.check(warm.curate)
    with _in_stage("warm.finetune"):
        choices, _ = training.check(warm.finetune)
        if len(choices) != 1 or warm.finetune.seeds != 1:
            raise UsageError(
                f"{len(choices)} arms and {warm.finetune.seeds} seeds make several models, and one is the policy",
                "arms: [shortcut] and seeds: 1",
            )


def _with_attempts(settings: RunSettings, sampled: Path) -> GenerateSettings:
    """The settings of generate, with the attempts that the recipe draws."""
    if settings.sample is None:
        return settings.generate
    return settings.generate.model_copy(update={"attempts": str(sampled)})


@contextmanager
def _in_stage(stage: str) -> Iterator[None]:
    """Puts the stage before the message of an error: a recipe has settings of four."""
    try:
        yield
    except UsageError as error:
        error.args = (f"{stage}: {error}",)
        raise


def _check_aa(settings: RunSettings, labels: list[str]) -> None:
    if not settings.evaluate.aa:
        return
    if settings.finetune.seeds < 2:
        raise UsageError("aa compares seeds of one arm, and one seed is trained", "--set finetune.seeds=4")
    if settings.evaluate.aa_arm not in (None, *labels):
        raise UnknownName("arm of aa_arm", str(settings.evaluate.aa_arm), labels)


def run(settings: RunSettings, out: Path, *, workers: int | None = None) -> Path:
    """Run every stage into `out` and return the evaluation folder. A stage that is finished is not run again.

    Raises UsageError if `out` holds another recipe's stages, naming the settings that differ.
    """
    from journey.claims.fixed import fix

    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    resolved = as_yaml(settings)
    steps = [*_warm_steps(settings, out, workers), *_steps(settings, out, workers)]
    fix([claim for claim in settings.claims if not claim.at], out, scored=(out / "evaluate" / MANIFEST).is_file())
    for number, step in enumerate(steps, start=1):
        if step.folder.is_symlink():
            console.note(f"[{number}/{len(steps)}] {step.shown} (that of {step.folder.resolve().parent.name})")
            continue
        finished = (step.folder / MANIFEST).is_file()
        console.note(f"[{number}/{len(steps)}] {step.shown}{' (finished)' if finished else ''}")
        started = time.monotonic()
        step.run(step.folder)
        took = "" if finished else f"{numbers.seconds(time.monotonic() - started)} s: "
        console.note(f"      {took}{_said(step.stage, step.folder)}")
    write_atomic(out / RESOLVED, resolved)
    return out / "evaluate"


def as_yaml(settings: RunSettings) -> bytes:
    """What the folder of a run keeps of its settings."""
    text: str = yaml.safe_dump(settings.model_dump(), sort_keys=False, allow_unicode=True)
    return text.encode()


@dataclass(frozen=True)
class StageStep:
    """One stage of a recipe: its folder, and what fills it."""

    stage: str
    folder: Path
    run: Callable[[Path], Path]
    shown: str


def _steps(settings: RunSettings, out: Path, workers: int | None) -> list[StageStep]:
    """The stages of the comparison itself, the sampling of attempts before them where the recipe asks for it."""
    start = None if settings.warm is None else _policy(out, settings.warm)
    chosen = settings
    if start is not None and settings.finetune.warmup is None:
        trained = settings.finetune.model_copy(update={"warmup": str(start)})
        chosen = settings.model_copy(update={"finetune": trained})
    made = _with_attempts(settings, out / SAMPLED)
    steps: list[tuple[str, Callable[[Path], Path]]] = [
        ("generate", lambda to: _generate(made, to, workers)),
        ("curate", lambda to: _curate(settings.curate, out / "generate", to)),
        ("finetune", lambda to: _finetune(chosen.finetune, out / "curate", to, workers)),
        ("evaluate", lambda to: _evaluate(settings, out / "finetune", to, workers)),
    ]
    sample = settings.sample
    if sample is not None:
        asked = sample if sample.policy or start is None else sample.model_copy(update={"policy": [str(start)]})
        steps.insert(0, (SAMPLED, lambda to: _sample(asked, to, workers)))
    return [StageStep(stage, out / stage, step, stage) for stage, step in steps]


def _warm_steps(settings: RunSettings, out: Path, workers: int | None) -> list[StageStep]:
    """The stages of the run that comes first; none without one."""
    warm, root = settings.warm, out / WARM
    if warm is None:
        return []
    steps: list[tuple[str, Callable[[Path], Path]]] = [
        ("generate", lambda to: _generate(warm.generate, to, workers)),
        ("curate", lambda to: _curate(warm.curate, root / "generate", to)),
        ("finetune", lambda to: _finetune(warm.finetune, root / "curate", to, workers)),
    ]
    return [StageStep(stage, root / stage, step, f"{WARM}: {stage}") for stage, step in steps]


def _policy(out: Path, warm: WarmSettings) -> Path:
    """The folder of the one run of the part that comes first."""
    from journey.finetune.runs import run_name

    [arm] = warm.finetune.arms
    return out / WARM / "finetune" / run_name(arm, 0)


def _sample(settings: SampleSettings, to: Path, workers: int | None) -> Path:
    from journey.generate.sample import sample

    return sample(settings, to, workers=workers)


def _generate(settings: GenerateSettings, to: Path, workers: int | None) -> Path:
    from journey.generate.run import generate

    return generate(settings, to, workers=workers)


def _curate(settings: CurateSettings, source: Path, to: Path) -> Path:
    from journey.curate.run import curate

    return curate(source, settings, to)


def _finetune(settings: FinetuneSettings, source: Path, to: Path, workers: int | None) -> Path:
    from journey.finetune.run import finetune

    chosen = settings if workers is None else settings.model_copy(update={"workers": workers})
    return finetune(source, chosen, to)


def _evaluate(settings: RunSettings, source: Path, to: Path, workers: int | None) -> Path:
    from journey.evaluate.run import evaluate

    chosen = settings.evaluate if workers is None else settings.evaluate.model_copy(update={"workers": workers})
    return evaluate(source, chosen, to)


AA_SEEDS = 4  # of one arm, two a side, below which an A/A comparison trains more


def with_more_seeds(finetuned: Path, settings: EvaluateSettings, out: Path, *, dry_run: bool = False) -> Path:
    """A finetune folder in which one arm has seeds enough to be compared with itself: this one, or OUT-finetune.

    Seeds are trained with the settings of this folder, from the curated data where they lie beside it; without them the
    seeds that are there must do. The journey is trained alone; another arm needs the arms that its budget refers to.
    """
    from journey.evaluate.planning.dev_questions import curated_folder
    from journey.evaluate.planning.runs import read_runs, reference

    opened = open_finished(finetuned, "finetune")
    runs = read_runs(opened)
    arms = list(dict.fromkeys(run.arm for run in runs))
    arm = settings.aa_arm or reference(arms) or arms[0]
    seeds = sum(run.arm == arm and run.adapter is not None for run in runs)
    curated = curated_folder(opened)
    if seeds >= AA_SEEDS or curated is None or arm not in arms:
        return finetuned
    wanted = {"seeds": AA_SEEDS, "arms": [arm] if arm == reference(arms) else opened.arms}
    console.note(f"{arm} has {seeds} seeds: {AA_SEEDS} are trained for --aa")
    if dry_run:
        return finetuned
    from journey.finetune.run import finetune

    trained = build(FinetuneSettings, {**opened.settings, "base": opened.base, **wanted}, "finetune")
    return finetune(curated.path, trained, out.with_name(out.name + "-finetune"))


def _said(stage: str, folder: Path) -> str:
    """One line about a finished stage, from its manifest."""
    counts = read_manifest(folder, stage).counts
    shown = {name: value for name, value in counts.items() if isinstance(value, int | float | str)}
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in shown.items())


def describe(settings: RunSettings, out: Path) -> dict[str, Any]:
    """What `run` would do, for --dry-run: stages to run, pairs, disk, and the effects that could be seen.

    Makes a few pairs in memory to estimate from; writes nothing. Raises UsageError for bad settings.
    """
    from journey.evaluate.dry_run import chances_of, expect
    from journey.generate.run import plan

    out, evaluation = Path(out), settings.evaluate
    finished = [stage for stage in STAGES if (out / stage / MANIFEST).is_file()]
    sizes = {name: evaluation.sizes.get(name) or evaluation.limit for name in evaluation.benchmarks}
    try:
        made = settings.sample is not None and not (out / SAMPLED / MANIFEST).is_file()
        pairs = (
            {"made of": "attempts that are drawn first"}
            if made
            else plan(_with_attempts(settings, out / SAMPLED), out / "generate")
        )
    except RemoteError as error:  # the plan does not need the network; the run will say so again
        pairs = {"not estimated": str(error).splitlines()[0]}
    expected = {name: expect(count, settings.finetune.seeds) for name, count in sizes.items() if count}
    return {
        "out": str(out),
        "finished": finished,
        "to_run": [stage for stage in STAGES if stage not in finished],
        "generate": pairs,
        "runs": _run_count(settings),
        "costs": _stage_costs(settings, out, finished),
        "benchmarks": sizes,  # null: all of a published set
        "detectable_points": {name: effect and effect["detectable_points"] for name, effect in expected.items()},
        "to_halve_it": {name: effect and effect["to_halve_it"] for name, effect in expected.items()},
        "chances": {
            name: chances_of(count, settings.finetune.seeds, evaluation.margin, _questions(settings))
            for name, count in sizes.items()
            if count
        },
        "settings": settings.model_dump(),
        **({"claims": [told_of(claim) for claim in settings.claims]} if settings.claims else {}),
    }


def told_of(claim: ClaimSettings) -> dict[str, Any]:
    """A claim as the plan of a run tells it: what is compared, and what would count."""
    from journey.claims.check import named

    return {**claim.model_dump(), "compared": named(claim)}


def _stage_costs(settings: RunSettings, out: Path, finished: list[str]) -> dict[str, dict[str, float | None] | str]:
    """Seconds and bytes of memory of training and of answering, by their own dry runs; before their input is there, when
    they will be told."""
    from journey.evaluate.dry_run import plan as of_answering
    from journey.finetune.run import plan as of_training

    def training(curated: Path) -> dict[str, float | None]:
        told = of_training(curated, settings.finetune)
        seconds = None if told["hours"] is None else told["hours"] * 3600
        return {"seconds": seconds, "memory_bytes": told["memory_bytes_per_group"] * told["workers"]}

    def answering(finetuned: Path) -> dict[str, float | None]:
        told = of_answering(finetuned, settings.evaluate)
        each = told["memory_bytes_per_worker"]
        return {"seconds": told["seconds_at_most"], "memory_bytes": None if each is None else each * told["workers"]}

    costs: dict[str, dict[str, float | None] | str] = {}
    for stage, before, told in (("finetune", "curate", training), ("evaluate", "finetune", answering)):
        if stage in finished:
            continue
        costs[stage] = told(out / before) if before in finished else f"--dry-run tells once {before} is done"
    return costs


def _questions(settings: RunSettings) -> int:
    """How many primary comparisons there will be, at least: a budget of the shortcut is a question, and equal test tokens."""
    shortcuts = sum(arm.partition("@")[0] == "shortcut" for arm in settings.finetune.arms)
    return max(1, shortcuts) + bool(settings.evaluate.equal_tokens and len(settings.evaluate.strategy) > 1)


def _run_count(settings: RunSettings) -> int:
    """Arms that train, times seeds, times the values of every axis."""
    chosen = settings.finetune
    arms = [arm for arm in chosen.arms if ARMS.entry(arm.partition("@")[0].partition(":")[0]).facts["trains"]]
    axes = len(chosen.ranks) * len(chosen.rates) * len(chosen.sizes or [1])
    return len(arms) * chosen.seeds * axes
