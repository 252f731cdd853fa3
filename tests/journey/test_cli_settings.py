"""One declaration of a setting: flags, help and `flags.json` are what the models say, and a flag counts when it is typed."""

from __future__ import annotations

import re
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import pytest
from annotated_types import Ge, Gt, Le, Lt, Unit
from pydantic import BaseModel, Field
from typer.main import get_command
from typer.testing import CliRunner

from journey import pipeline
from journey.catalog import ARMS, ENGINES, STRATEGIES
from journey.cli.app import app
from journey.cli.flags import given as flags
from journey.cli.flags import make as make_flags
from journey.config import EvaluateSettings, FinetuneSettings
from journey.errors import UsageError
from journey.finetune.planning.abilities import _TRL_ONLY
from journey.settings.fields import Setting, settings_of, takes
from journey.settings.given import build, parse_set
from journey_testing.folders import write_folder

POSITIONALS = {"sample": [], "generate": [], "curate": ["g"], "finetune": ["c"], "evaluate": ["f"], "publish": ["c"]}
FLAGS = [
    pytest.param(verb, model, setting, id=f"{verb} --{setting.name}")
    for verb, models in make_flags.VERBS.items()
    for model in models
    for setting in settings_of(model)
    if setting.flag is not None
]


def test_the_file_is_what_the_models_say() -> None:
    assert flags.FILE.read_text(encoding="utf-8") == make_flags.content(), "run `make golden`"


class Caught(Exception):
    """The settings that a verb was about to use."""


@pytest.fixture
def settings_of_verb(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """`settings_of_verb("generate", GenerateSettings, "--seed", "5")`: what the verb resolves this command line to."""
    build = flags.GivenFlags.build

    def typed(verb: str, model: type[BaseModel], *args: str) -> Any:
        def catching(given: flags.GivenFlags, kind: type[BaseModel], *more: Any) -> BaseModel:
            built = build(given, kind, *more)
            if kind is model:
                raise Caught(built)
            return built

        monkeypatch.setattr(flags.GivenFlags, "build", catching)
        out = [] if verb == "publish" else ["--out", "x"]
        repo = ["--repo", "tester/x"] if verb == "publish" and "--repo" not in args else []
        done = CliRunner().invoke(app, [verb, *POSITIONALS[verb], *out, *repo, *args])
        assert isinstance(done.exception, Caught), f"{done.exception!r} {done.output}"
        return done.exception.args[0]

    yield typed


def samples(model: type[BaseModel], setting: Setting) -> tuple[str, str]:
    """Two valid values as they are typed behind a flag. The first is the default, where it can be typed."""
    annotation = model.model_fields[setting.name].annotation
    kinds = [each for each in flat(annotation) if each is not type(None)]
    choices = [choice for kind in kinds if get_origin(kind) is Literal for choice in get_args(kind)]
    if choices:
        found = [str(choice) for choice in choices]
    elif setting.shape == "switch":
        found = ["false", "true"]
    elif setting.shape == "map":
        found = ["a=one", "a=two"]
    elif int in kinds:
        found = ["17", "23"]
    elif float in kinds:
        found = ["0.25", "0.5"]
    else:
        found = ["one", "two"]
    first = setting.default or found[0]
    return first, next(value for value in found if value != first)


def flat(annotation: Any) -> list[Any]:
    if get_origin(annotation) in (Union, types.UnionType, Annotated, list, tuple, dict):
        return [part for each in get_args(annotation) for part in flat(each)]
    return [annotation]


def typed(setting: Setting, value: str) -> list[str]:
    name = setting.name.replace("_", "-")
    if setting.shape == "switch":
        return [f"--{name}" if value == "true" else f"--no-{name}"]
    return [f"--{name}", value]


def as_set(setting: Setting, value: str) -> list[str]:
    if setting.shape == "map":
        name, _, inner = value.partition("=")
        return ["--set", f"{setting.name}={{{name}: {inner}}}"]
    return ["--set", f"{setting.name}=[{value}]" if setting.shape == "list" else f"{setting.name}={value}"]


@pytest.mark.parametrize(("verb", "model", "setting"), FLAGS)
def test_a_flag_counts_when_it_is_typed_and_only_then(
    settings_of_verb: Any, verb: str, model: type[BaseModel], setting: Setting
) -> None:
    """Built-in < --set < flag, for every flag there is; typed with its default value, it still wins over --set."""
    own, other = samples(model, setting)

    def value(*args: str) -> Any:
        return getattr(settings_of_verb(verb, model, *args), setting.name)

    if not setting.required:
        assert value() == model.model_fields[setting.name].get_default(call_default_factory=True)
    by_flag, by_other_flag = value(*typed(setting, own)), value(*typed(setting, other))
    assert by_flag != by_other_flag
    if setting.default:
        assert by_flag == model.model_fields[setting.name].default
    if verb == "publish":  # all its settings are flags: it has no --set
        return
    assert value(*as_set(setting, other)) == by_other_flag
    assert value(*as_set(setting, other), *typed(setting, own)) == by_flag
    assert value(*typed(setting, own), *as_set(setting, other)) == by_flag


@pytest.mark.parametrize(
    ("verb", "args", "name", "expected"),
    [
        ("finetune", "--rank 8,16", "rank", [8, 16]),
        ("finetune", "--rank 8 --rank 16", "rank", [8, 16]),
        ("finetune", "--set rank=[8,16] --rank 16", "rank", 16),
        ("finetune", "--set rank=8,16", "rank", [8, 16]),
        ("finetune", "--lr 1e-3,3e-3", "lr", [1e-3, 3e-3]),
        ("finetune", "--pairs 1000,4000", "pairs", [1000, 4000]),
        ("finetune", "--lr-sweep 1e-3,3e-3", "lr_sweep", [1e-3, 3e-3]),
        ("finetune", "--mistake-weight journey=0.3,mix-50=0", "mistake_weight", {"journey": 0.3, "mix-50": 0.0}),
        ("finetune", "--mistake-weight 0.3", "mistake_weight", 0.3),
        ("finetune", "--set mistake_weight={journey: 1} --mistake-weight 0.3", "mistake_weight", 0.3),
        (
            "finetune",
            "--set mistake_weight={journey: 1, mix-50: 1} --mistake-weight journey=0",
            "mistake_weight",
            {"journey": 0, "mix-50": 1},
        ),
        ("finetune", "--arms shortcut@tokens,journey", "arms", ["shortcut@tokens", "journey"]),
        ("finetune", "--arms shortcut --arms journey", "arms", ["shortcut", "journey"]),
        ("finetune", "--set full=true --no-full", "full", False),
        ("finetune", "--set checkpointing=true --no-checkpointing", "checkpointing", False),
        ("finetune", "--set benchmarks=[gsm8k] --benchmarks ,", "benchmarks", []),
        ("finetune", "--set workers=3", "workers", 3),
        ("generate", "--family countdown@1 --family arithmetic@1", "family", ["countdown@1", "arithmetic@1"]),
        ("generate", "--map question=q,answer=a", "map", {"question": "q", "answer": "a"}),
        ("generate", "--map question=q --map answer=a", "map", {"question": "q", "answer": "a"}),
        ("generate", "--set map.answer=x --map question=q", "map", {"question": "q", "answer": "x"}),
        ("generate", "--set slips.delay=2", "options", {"slips": {"delay": 2}}),
        ("evaluate", "--after one,two --after three", "after", ["one,two", "three"]),
        ("evaluate", "--set k=3 --k 8", "k", 8),
        ("evaluate", "--set aa=yes --no-aa", "aa", False),
        ("publish", "--source-license a,b=c=mit", "source_license", {"a,b=c": "mit"}),
        ("publish", "--source-license a=mit,b=other", "source_license", {"a": "mit", "b": "other"}),
        ("publish", "--source-license year=24,b=mit", "source_license", {"year=24,b": "mit"}),
        (
            "publish",
            "--source-license a=mit --source-license b=cc-by-4.0",
            "source_license",
            {"a": "mit", "b": "cc-by-4.0"},
        ),
        ("publish", "--trees one,two --trees three", "trees", (Path("one,two"), Path("three"))),
    ],
)
def test_lists_maps_and_switches(settings_of_verb: Any, verb: str, args: str, name: str, expected: Any) -> None:
    kind = next(model for model in make_flags.VERBS[verb] if name in model.model_fields)
    words = re.findall(r"(?:[^\s{]|\{[^}]*\})+", args)  # a value in braces is one word
    found = getattr(settings_of_verb(verb, kind, *words), name)
    assert found == expected and type(found) is type(expected)


def test_a_recipe_lies_between_defaults_and_set() -> None:
    recipe = pipeline.read_recipe("quickstart")
    plain = pipeline.resolve(recipe, {})
    assert (plain.finetune.rank, plain.evaluate.k, plain.finetune.dropout) == (16, 3, 0)
    over = pipeline.resolve(
        recipe, parse_set(["evaluate.k=8", "finetune.rank=[8,16]", "evaluate.sizes.arithmetic@1=9"])
    )
    assert (over.evaluate.k, over.finetune.rank, over.evaluate.margin) == (8, [8, 16], 0.05)
    assert over.evaluate.sizes == {**plain.evaluate.sizes, "arithmetic@1": 9}


@pytest.mark.parametrize("verb", make_flags.VERBS)
def test_help_says_range_unit_default_and_the_plug_ins(verb: str) -> None:
    said = CliRunner().invoke(app, [verb, "--help"], env={"COLUMNS": "80"}).output
    words = " ".join(said.split()).replace("- ", "-")
    for model in make_flags.VERBS[verb]:
        for setting in settings_of(model):
            if setting.flag is None:
                assert f"--{setting.name.replace('_', '-')} " not in said
                continue
            assert f"--{setting.name.replace('_', '-')}" in said
            help_ = make_flags.help_of(setting)
            assert " ".join(help_.split()).replace("- ", "-") in words
            if re.search(r"\d to |or more|above|below", setting.takes):
                assert setting.takes.removeprefix("list: ").removesuffix(", or a list") in help_
            if setting.default and setting.shape != "switch":
                assert f"default: {setting.default}" in help_
    for kind, catalog in make_flags.PLUG_INS.get(verb, {}).items():
        assert f"{kind.capitalize()}: {', '.join(catalog.names())}" in words
        assert f"journey list {kind} NAME" in words
    assert all(len(line) <= 80 for line in said.splitlines() if not line.strip().startswith("Example:"))


def test_every_setting_says_what_it_means() -> None:
    for models in make_flags.VERBS.values():
        for setting in (setting for model in models for setting in settings_of(model)):
            assert len(setting.meaning) > 8 and not setting.meaning.endswith("."), setting.name


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (Annotated[int, Ge(1), Unit("tokens")], "tokens, 1 or more"),
        (Annotated[float, Ge(0), Le(1)] | None, "number, 0 to 1"),
        (Annotated[float, Gt(0), Lt(1)], "number, above 0, below 1"),
        (Annotated[int, Ge(1), Le(2_000_000)], "whole number, 1 to 2e6"),
        (Literal["a", "b", "c"] | None, "a, b or c"),
        (Literal["all"] | Annotated[int, Field(ge=1)], "all or whole number, 1 or more"),
        (list[str], "list"),
        (dict[str, Annotated[int, Ge(1)]], "by name: whole number, 1 or more"),
        (int | list[int], "whole number, or a list"),
        (dict[str, Any], "settings"),
        (bool | None, "true or false"),
    ],
)
def test_what_a_type_takes_in_words(annotation: Any, expected: str) -> None:
    assert takes(annotation) == expected


def test_what_plug_ins_say_they_read_is_what_they_read() -> None:
    import inspect

    for entry in STRATEGIES.entries():
        classes = [each for each in entry.target.__mro__ if each.__module__.startswith("journey.evaluate.strategies")]
        read = {name for each in classes for name in re.findall(r"\bsettings\.(\w+)", inspect.getsource(each))}
        stated = set(entry.facts.get("settings", ())) - {"reward"}
        assert stated == read, entry.name
        assert stated <= EvaluateSettings.model_fields.keys()
        assert entry.target.reward == ("reward" in entry.facts.get("settings", ())), entry.name
    for entry in ARMS.entries():
        assert entry.target().mistakes == ("mistake_weight" in entry.facts.get("settings", ())), entry.name
    for entry in ENGINES.entries():
        assert set(entry.facts["settings"]) <= FinetuneSettings.model_fields.keys()
    own = {s.name for s in settings_of(FinetuneSettings) if "(engine trl" in s.meaning} | set(_TRL_ONLY)
    assert own <= set(ENGINES.entry("trl").facts["settings"])
    assert not own & set(ENGINES.entry("stacked").facts["settings"])


def test_flags_of_0_1_are_all_there() -> None:
    before = {
        "generate": "family problems map method pairs per-problem seed set workers json dry-run out",
        "curate": "base preset benchmarks max-tokens set json dry-run out",
        "finetune": "base arms seeds match pairs rank lr mistake-weight epochs max-length rows-per-step benchmarks engine "
        "warmup lr-sweep full processes checkpointing no-checkpointing packing liger report-to set workers json dry-run",
        "evaluate": "benchmarks map fresh strategy k limit max-new-tokens batch margin larger endpoint aa after seed harness "
        "tasks set workers json dry-run out",
        "report": "finetune judge judge-answers json",
        "publish": "repo all dry-run public gated revision tag create-pr license source-license base-repo base-license "
        "per-run dataset view trees evaluation preference out json",
        "export": "merge gguf base dtype outtype json",
        "run": "out set workers json dry-run",
        "demo": "out set workers json dry-run",
        "show": "view skip json",
        "list": "json",
        "doctor": "json",
    }
    for verb, names in before.items():
        command = get_command(app).commands[verb]  # type: ignore[attr-defined]
        there = {option for p in command.params for option in (*p.opts, *p.secondary_opts)}
        assert {f"--{name}" for name in names.split()} <= there, verb


@pytest.mark.parametrize("key", ["fsdp", "device_map", "deepspeed"])
def test_sharding_is_refused_by_what_there_is_instead(key: str) -> None:
    for kind, verb in ((FinetuneSettings, "finetune"), (EvaluateSettings, "evaluate")):
        with pytest.raises(UsageError, match=rf"{verb}: {key}: one run.*is not sharded") as told:
            build(kind, {key: True}, verb)
        assert "--processes N" in str(told.value) and "vllm_args=[--tensor-parallel-size, N]" in str(told.value)


class TestLike:
    def test_begins_with_the_settings_of_a_folder(self, tmp_path: Path) -> None:
        config = {"seeds": 3, "lr": 0.01, "sweep_problems": 7, "methods": ["no setting"]}
        folder = write_folder(tmp_path / "f", "finetune", {}, config=config)
        settings = flags.GivenFlags("finetune", {"seeds": "5"}, ("alpha=64",)).build(FinetuneSettings, folder)
        assert (settings.seeds, settings.alpha, settings.lr, settings.sweep_problems) == (5, 64, 0.01, 7)

    def test_one_entry_of_a_map_is_changed_alone(self, tmp_path: Path) -> None:
        folder = write_folder(tmp_path / "e", "evaluate", {}, config={"sizes": {"countdown@1": 600, "gsm8k": 100}})
        settings = flags.GivenFlags("evaluate", {}, ("sizes.countdown@1=900",)).build(EvaluateSettings, folder)
        assert settings.sizes == {"countdown@1": 900, "gsm8k": 100}

    def test_a_folder_of_another_stage_is_refused(self, tmp_path: Path) -> None:
        folder = write_folder(tmp_path / "e", "evaluate", {})
        found = CliRunner().invoke(app, ["finetune", "c", "--like", str(folder), "--out", str(tmp_path / "o")])
        assert isinstance(found.exception, UsageError) and "`journey evaluate`" in str(found.exception)
