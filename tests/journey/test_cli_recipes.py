"""A recipe is refused whole before its first stage: exit code 2, one message that names the setting, nothing written."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from journey import pipeline
from journey.cli.app import app
from journey.errors import UsageError
from journey.formats.finetune import SweepFile
from journey.settings import plain_yaml


def refusal(*args: str) -> str:
    """What the command says when it refuses."""
    done = CliRunner().invoke(app, ["run", *args])
    assert isinstance(done.exception, UsageError), f"{done.exception!r} {done.output}"
    assert done.exception.exit_code == 2 and not done.stdout
    return str(done.exception)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, in which nothing may be left; a recipe that is not refused fails here, and does not run."""

    def run(*args: object, **more: object) -> None:
        raise AssertionError("the recipe was not refused")

    monkeypatch.setattr(pipeline, "run", run)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        # numbers: finite, in range, and numbers
        ("evaluate.sizes={countdown@1: -5}", "evaluate.sizes.countdown@1 = -5: expected: by name: problems, 1 to 1e6"),
        ("evaluate.sizes={countdown@1: .nan}", "evaluate.sizes.countdown@1 = nan: expected a finite number"),
        ("finetune.epochs=.inf", "finetune.epochs = inf: expected a finite number"),
        ("finetune.epochs=inf", "finetune.epochs = inf: expected: passes, above 0"),
        ("finetune.rank=1e9", "finetune.rank = 1e9: expected: whole number, 1 to 16,384"),
        ("finetune.rank=1000000000", "finetune.rank = 1000000000: expected"),
        ("finetune.rank=[8, -1]", "finetune.rank = [8, -1]: expected"),
        ("finetune.seeds=yes", "finetune.seeds = True: expected: whole number, 1 to 10,000"),
        ("finetune.lr=nan", "finetune.lr = nan: expected"),
        ("finetune.lr_by_arm={journey: .inf}", "finetune.lr_by_arm.journey = inf: expected a finite number"),
        ("finetune.lr_by_arm={journey: inf}", "finetune.lr_by_arm.journey = inf: expected"),
        ("finetune.lora_options={x: [.nan]}", "finetune.lora_options.x.0 = nan: expected a finite number"),
        ("evaluate.temperature=.inf", "evaluate.temperature = inf: expected a finite number"),
        ("evaluate.caps=[0]", "evaluate.caps.0 = 0: expected: list: tokens, 1 to 1e7"),
        ("evaluate.samples=2", "2 samples cannot give the best of 3"),
        ("generate.seed=99999999999999999999", "generate.seed: expected a number of at most 64 bits"),
        ("generate.pairs=0", "generate.pairs = 0: expected: whole number, 1 to 1e9"),
        ("generate.options.search.width=.nan", "generate.options.search.width = nan: expected a finite number"),
        ("generate.options.search.width=0", "method search: width = 0: expected: whole number, 1 to 1e6"),
        # sections and shapes
        ("finetune=5", "finetune = 5: expected: settings"),
        ("curate=hello", "curate = hello: expected: settings"),
        ("generate=[1]", "generate = [1]: expected: settings"),
        ("generate.options=3", "generate.options = 3: expected: by name: settings"),
        ("curate.options.length=3", "curate.options.length = 3: expected: by name: settings"),
        ("summary=2026-11-28", "summary = 2026-11-28 is read as a date"),
        ("name=../../x", "name = ../../x: expected letters, digits and . _ -"),
        ("name=.hidden", "name = .hidden: expected letters"),
        ("name=", "name = None: expected: text"),
        ("colour=red", "unknown setting of quickstart.yaml 'colour'"),
        # plug-ins and their options
        ("generate.method=[searc]", "generate: unknown method 'searc': did you mean search?"),
        ("generate.family=[countdown@999]", "generate: 'countdown@999' is no level of countdown"),
        ("generate.options.search.widht=3", "unknown setting of method search 'widht': did you mean width?"),
        ("generate.options.serch.width=3", "unknown method 'serch'"),
        ("generate.options.own.delay=3", "settings of method own, which makes none of these pairs"),
        ("generate.options.search.prune=true", "method search: prune needs a heuristic"),
        ("curate.options.lenght.share=1", "curate: unknown filter 'lenght': did you mean length?"),
        ("curate.options.length.share=2", "filter length: share = 2: expected: number, above 0, at most 1"),
        ("curate.options.length.max_words=99", "length.max_words is for pairs without a base"),
        ("curate.benchmarks=[gsm9k]", "curate: unknown benchmark 'gsm9k': did you mean gsm8k?"),
        ("curate.preset=lax", "curate.preset = lax: expected: standard or strict"),
        ("finetune.arms=[journey@@tokens]", "finetune: unknown budget '@tokens'"),
        ("finetune.arms=[]", "finetune: no arm to train in the list of arms"),
        ("finetune.arms=[base]", "no arm to train"),
        ("finetune.arms=[journey, journey]", "arm 'journey' is listed twice"),
        ("finetune.mistake_weight={shortcut: 0.5}", "arm of mistake_weight 'shortcut'"),
        ("finetune.lr_by_arm={journy: 1e-3}", "arm of lr_by_arm 'journy': did you mean journey?"),
        ("finetune.lr_sweep=[1e-3]", "--lr-sweep tries two rates"),
        ("finetune.engine=stackd", "finetune: unknown engine 'stackd': did you mean stacked?"),
        ("finetune.full=true", "engine stacked does not do full fine-tuning"),
        ("finetune.benchmarks=[countdown@999]", "finetune: unknown benchmark 'countdown@999'"),
        ("finetune.warmup=nowhere", "nowhere"),
        ("evaluate.benchmarks=[countdown@999]", "evaluate: unknown benchmark 'countdown@999'"),
        ("evaluate.benchmarks=[]", "no benchmark to evaluate on"),
        ("evaluate.benchmarks=[mine=nofile.jsonl]", "no file nofile.jsonl"),
        ("evaluate.benchmarks=['../x=f.jsonl']", "is no name for a benchmark"),
        ("evaluate.benchmarks=['reasoning-gym:mazes']", "unknown task of reasoning-gym 'mazes'"),
        ("evaluate.benchmarks=[countdown, countdown@1]", "benchmark countdown@1 is asked for twice"),
        ("evaluate.primary=gsm8k", "unknown primary benchmark 'gsm8k'"),
        ("evaluate.sampled=[countdown@3]", "unknown benchmark in sampled 'countdown@3'"),
        ("evaluate.sizes={countdwn@1: 5}", "unknown benchmark in sizes 'countdwn@1'"),
        ("evaluate.dev={gsm8k: x.jsonl}", "unknown benchmark in dev 'gsm8k'"),
        ("evaluate.dev={countdown@1: x.jsonl}", "is made here and reads no file"),
        ("evaluate.strategy=[]", "evaluate: no strategy"),
        ("evaluate.strategy=[greedi]", "evaluate: unknown strategy 'greedi': did you mean greedy?"),
        ("evaluate.strategy=[best-of-checker]", "arithmetic@1 has no checker, which best-of-checker needs"),
        ("evaluate.strategy=[greedy, best-of-reward]", "best-of-reward needs a reward model"),
        ("evaluate.strategy=[pass]", "looks at the gold answer"),
        ("evaluate.map={prompt: q}", "unknown field 'prompt'"),
        ("evaluate.larger=pockt", "did you mean pocket"),
        ("evaluate.endpoint=localhost", "is no http://HOST/v1"),
        ("evaluate.after=[nowhere]", "nowhere"),
        ("evaluate.aa_arm=jurney", ""),
    ],
)
def test_a_bad_setting_is_refused_at_once(elsewhere: Path, setting: str, expected: str) -> None:
    more = ["--set", "evaluate.aa=true"] if "aa_arm" in setting else []
    said = refusal("quickstart", "--out", "x", "--set", setting, *more)
    assert expected in said and len(said.splitlines()) <= 3
    assert not list(elsewhere.iterdir())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("curate: text", "curate = text: expected: settings"),
        ("name: ../../x", "name = ../../x: expected letters, digits and . _ -"),
        ("name: a/b", "name = a/b: expected letters"),
        ("a: " + "[" * 30_000, "levels inside one another"),
        ("a: " + "{a: " * 5_000, "levels inside one another"),
        ("".join(f"{' ' * depth}a:\n" for depth in range(400)), "levels inside one another"),
        ("a: &a [1]\nb: [*a]", "line 2: not YAML that can be read: an alias"),
        ("#" * 200_000, "more than 100,000 characters"),
        ("finetune: {seeds: " + "9" * 5000 + "}", "not YAML that can be read"),
        ("finetune: {seeds: !!int x}", "not YAML that can be read"),
        ("name: !!python/object/apply:os.system [ls]", "could not determine a constructor"),
        ("name: !!bool maybe", "not YAML that can be read"),
        ("a: [", "line 2: not YAML"),
        ("- a", "holds list"),
        ("", "holds NoneType"),
        ("generate: {1: 2}", "generate.1: a name is text"),
        ("generate: {pairs: 3}", "nothing to make pairs of"),
        ("generate:\ncurate:", "nothing to make pairs of"),
    ],
    ids=lambda value: str(value)[:30].replace("\n", " "),
)
def test_a_bad_recipe_is_refused_at_once(elsewhere: Path, text: str, expected: str) -> None:
    path = elsewhere / "mine.yaml"
    path.write_text(text + "\n")
    said = refusal("mine.yaml")
    assert expected in said and len(said.splitlines()) <= 3
    assert [each.name for each in elsewhere.iterdir()] == ["mine.yaml"]


def test_what_is_no_text_is_refused(elsewhere: Path) -> None:
    (elsewhere / "bytes.yaml").write_bytes(b"\xff\xfe\x00")
    (elsewhere / "folder.yaml").mkdir()
    (elsewhere / "my recipe!.yaml").write_text("generate: {pairs: 1}\n")
    assert "is not text in UTF-8" in refusal("bytes.yaml")
    assert "cannot be read" in refusal("folder.yaml")
    assert "name = my recipe!: expected letters" in refusal("my recipe!.yaml")


def test_set_is_bounded_too() -> None:
    assert "levels inside one another" in refusal("quickstart", "--set", "a=" + "[" * 30_000)
    assert "no setting lies" in refusal("quickstart", "--set", "a." * 5000 + "b=1")
    assert "levels" in refusal("quickstart", "--set", "finetune." + ".".join("ab" * 9) + "=[[[[1]]]]")


def test_depth_counts_what_lies_inside_not_beside() -> None:
    text = ", ".join(["[1]"] * 200)
    assert plain_yaml.read(f"[{text}]", "here", "") == [[1]] * 200
    deep = "[" * plain_yaml.DEEPEST + "]" * plain_yaml.DEEPEST
    assert plain_yaml.read(deep, "here", "")
    with pytest.raises(UsageError, match="levels inside"):
        plain_yaml.read(f"[{deep}]", "here", "")


def test_the_shipped_recipes_pass(elsewhere: Path) -> None:
    for name in pipeline.recipes():
        pipeline.read_recipe(name)
    pipeline.resolve(pipeline.read_recipe("quickstart"), {})
    base = {"base": "pocket"}
    pipeline.resolve(pipeline.read_recipe("gsm8k"), base)


def test_as_it_is_typed(elsewhere: Path) -> None:
    """The real command: its exit code, one message on stderr, no traceback."""
    command = [sys.executable, "-P", "-m", "journey", "run", "quickstart", "--set", "evaluate.sizes={countdown@1: -5}"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=elsewhere, timeout=120, check=False)
    assert done.returncode == 2 and not done.stdout and "Traceback" not in done.stderr
    assert done.stderr.startswith("error: quickstart.yaml: evaluate.sizes.countdown@1 = -5")
    assert not list(elsewhere.iterdir())


def test_a_recipe_names_its_benchmarks_once_and_local_files_need_no_hub(elsewhere: Path) -> None:
    """Curate keeps out what evaluate asks, whichever of the two settings names it; its own setting still counts."""
    (elsewhere / "mine.jsonl").write_text('{"question": "What is 1 + 1?", "answer": "2"}\n')
    recipe, mine = pipeline.read_recipe("gsm8k"), ["gsm8k=mine.jsonl"]
    local = {"base": "pocket", "generate": {"problems": "mine.jsonl"}}
    for given in ({"benchmarks": mine}, {"evaluate": {"benchmarks": mine}}):
        settings = pipeline.resolve(recipe, {**local, **given})
        assert settings.curate.benchmarks == settings.evaluate.benchmarks == mine
    assert pipeline.resolve(recipe, local).curate.benchmarks == ["gsm8k", "svamp"]
    own = pipeline.resolve(recipe, {**local, "benchmarks": mine, "curate": {"benchmarks": ["countdown@1"]}})
    assert own.curate.benchmarks == ["countdown@1"] and own.evaluate.benchmarks == mine


def test_the_demos_rates_are_those_of_the_sweep_that_is_shipped() -> None:
    recipe = pipeline.read_recipe("quickstart")
    record = SweepFile.read(pipeline.recipes()["quickstart"].parent, "quickstart.lr_sweep.json")
    chosen = {trial.arm: trial.lr for trial in record.trials if trial.chosen}
    assert recipe.data["finetune"]["lr_by_arm"] == chosen and set(chosen) == set(recipe.data["finetune"]["arms"])
    for arm, rate in chosen.items():
        tried = [trial for trial in record.trials if trial.arm == arm]
        assert len(tried) == len(record.rates) == 3
        assert min(tried, key=lambda trial: (-trial.correct, trial.dev_loss, trial.lr)).lr == rate
