"""Learning rates by arm: which trial wins, what may be tried on, and the whole of it on a tiny base."""

from __future__ import annotations

import inspect
import json
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch

from journey.catalog import ARMS
from journey.config import FinetuneSettings
from journey.errors import JourneyError, UsageError
from journey.finetune.planning import sweep, sweep_scores
from journey.finetune.rows.rows import encode
from journey.finetune.run import finetune, plan
from journey.formats.finetune import SweepFile, SweepTrial
from journey.formats.folders import open_finished
from journey.models import load, probe, template
from journey.sampling.requests import PromptedQuestion
from journey.schema import Pair
from journey.splits import split_of
from journey.store import Folder
from journey_testing.runs import run_of

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")


def settings_for(base: Path, **changes: Any) -> FinetuneSettings:
    facts = {"seeds": 2, "rank": 4, "alpha": 8, "rows_per_step": 6, "micro_batch": 3, "warmup_steps": 0}
    return FinetuneSettings(
        base=str(base), **{**facts, "arms": ["shortcut@tokens", "journey"], "workers": 1, **changes}
    )


def trial(arm: str, lr: float, correct: int, loss: float | None) -> SweepTrial:
    return SweepTrial(
        f"{arm}-{lr}", arm, 16, 0, lr, correct, 100, loss, None if loss is not None else "loss nan at step 2"
    )


@pytest.mark.parametrize(
    ("tried", "best"),
    [
        ([(1e-3, 50, 1.0), (2e-3, 51, 2.0), (3e-3, 49, 0.1)], 2e-3),  # most right, whatever the loss
        ([(1e-3, 50, 1.0), (2e-3, 50, 0.9), (3e-3, 50, 0.95)], 2e-3),  # then the lower loss
        ([(3e-3, 50, 1.0), (2e-3, 50, 1.0), (4e-3, 50, 1.0)], 2e-3),  # then the lower rate
        ([(1e-3, 0, 5.0), (2e-3, 0, 4.0), (3e-3, 0, None)], 2e-3),  # a trial that failed is none
    ],
)
def test_the_best_trial(tried: list[tuple[float, int, float | None]], best: float) -> None:
    other = trial("shortcut", 9.0, 99, 0.0)  # of another arm
    found = sweep.choose([*(trial("journey", *one) for one in tried), other])
    assert [one.lr for one in found if one.chosen] == [best, 9.0]
    assert [one.run for one in found] == [f"journey-{lr}" for lr, _, _ in tried] + [other.run]


def test_an_arm_whose_trials_all_failed() -> None:
    with pytest.raises(JourneyError, match="every rate failed for arm journey .*loss nan at step 2"):
        sweep.choose([trial("journey", 1.0, 0, None), trial("shortcut", 1.0, 5, 1.0)])


def curated_with(folder: Path, pairs: list[Pair], dev: list[Pair]) -> Path:
    with Folder.open(folder, "curate", {}) as made:
        made.write_shard(0, {"train/00000.jsonl": pairs, "dev/00000.jsonl": dev})
        made.finish({})
    return folder


def test_what_rates_may_not_be_picked_on(
    base: Path, pairs: list[Pair], dev_pairs: list[Pair], curated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held_out = msgspec.structs.replace(
        dev_pairs[0], problem=msgspec.structs.replace(dev_pairs[0].problem, held_out=True)
    )
    asked = settings_for(base, lr_sweep=[1e-3, 1e-2])
    refused: list[tuple[str, list[Pair], dict[str, Any], str]] = [
        ("none", [], {}, "no dev pairs"),
        ("test", [*dev_pairs, held_out], {}, r"1 of 7 dev pairs are not of the dev split, e.g. .* \(test\)"),
        ("train", [*dev_pairs, pairs[3]], {}, r"1 of 7 dev pairs are not of the dev split, e.g. .* \(train\)"),
        ("one", dev_pairs, {"lr_sweep": [1e-3]}, "two rates above 0 at least"),
        ("zero", dev_pairs, {"lr_sweep": [0.0, 1e-3]}, "two rates above 0 at least"),
        ("given", dev_pairs, {"lr_by_arm": {"journey": 1.0}}, "rates are given too for journey"),
    ]
    for name, dev, changes, says in refused:
        with pytest.raises(UsageError, match=says):
            plan(curated_with(tmp_path / name, pairs, dev), asked.model_copy(update=changes))
    monkeypatch.setattr(sweep, "split_of", lambda problem: "dev")
    with pytest.raises(UsageError, match="1 dev problems are trained on"):
        plan(curated_with(tmp_path / "leak", pairs, [*dev_pairs, pairs[3]]), asked)


def test_the_plan_says_what_a_sweep_costs(curated: Path, base: Path) -> None:
    made = plan(curated, settings_for(base, lr_sweep=[1e-2, 1e-3, 1e-3], sweep_problems=4))
    assert made["sweep"]["rates"] == [1e-3, 1e-2]
    assert made["sweep"]["trials"] == 4 and made["sweep"]["dev_problems"] == 4
    one_seed = [run for run in made["runs"] if run["seed"] == 0]
    assert made["sweep"]["flops"] == 2 * sum(run["flops"] for run in one_seed)
    assert made["sweep"]["steps"] == 2 * sum(run["steps"] for run in one_seed)
    assert plan(curated, settings_for(base))["sweep"] is None


def test_dev_loss_is_the_weighted_mean(base: Path, dev_pairs: list[Pair]) -> None:
    ref = load.find(str(base))
    rows = encode(dev_pairs, ARMS.get("journey")(), load.load_tokenizer(ref), "compact")
    rng = np.random.default_rng(0)
    weights = np.where(rows.weights > 0, rng.choice([0.25, 1.0], len(rows.weights)), 0).astype(np.float32)
    rows = type(rows)(rows.problems, rows.ids, weights, rows.roles, rows.starts, rows.prompts)
    model = load.load_model(ref, device="cpu")
    total = 0.0
    for row in range(len(rows)):
        ids = torch.from_numpy(rows.ids[rows.at(row)].astype(np.int64))
        with torch.inference_mode():
            said = model(input_ids=ids[None]).logits[0].log_softmax(-1)
        for at in range(1, len(ids)):
            total -= float(rows.weights[rows.at(row)][at]) * float(said[at - 1, ids[at]])
    assert sweep_scores.dev_loss(model, rows) == pytest.approx(total / weights.sum(), rel=1e-5)


def test_trials_are_scored_side_by_side_as_one_by_one(
    base: Path, dev_pairs: list[Pair], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same scores; adapters that cannot be stacked are answered one at a time, and it says so."""
    from journey.models import lora
    from journey_testing.models import save_adapters

    ref = load.find(str(base))
    tokenizer = load.load_tokenizer(ref)
    folders = {
        f"t{n}": path for n, path in enumerate(save_adapters(load.load_model(ref, device="cpu"), tmp_path, (4, 2)))
    }
    trials = [run_of("journey", 0, steps=1, rank=4), run_of("journey", 0, steps=1, rank=2)]
    trials = [msgspec.structs.replace(run, run=name) for run, name in zip(trials, folders, strict=True)]
    rows = {"journey": encode(dev_pairs, ARMS.get("journey")(), tokenizer, "compact")}
    asked = [
        PromptedQuestion(p.problem.id, p.problem, tuple(template.prompt_ids(tokenizer, p.problem, "compact")))
        for p in dev_pairs
    ]

    def scores() -> tuple[int, dict[str, sweep_scores.TrialScore]]:
        loaded = sweep_scores._loaded(load.load_model(ref, device="cpu"), trials, folders)
        found = [sweep_scores._Asked(one, 24, tokenizer, "compact", asked, rows).scores() for one in loaded]
        return len(found), {name: score for part in found for name, score in part.items()}

    together, found = scores()

    def refuse(*_: Any) -> Any:
        raise UsageError("no stack of these")

    monkeypatch.setattr(lora, "stacked", refuse)
    one_by_one, wanted = scores()
    assert (together, one_by_one) == (1, 2) and found.keys() == wanted.keys()
    for name, score in wanted.items():
        assert found[name].correct == score.correct
        assert found[name].dev_loss == pytest.approx(score.dev_loss, rel=1e-4)
    assert found["t0"].dev_loss != pytest.approx(found["t1"].dev_loss, rel=1e-6)


@pytest.fixture(scope="module")
def swept(curated: Path, base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished folder with swept rates; one of them ends in no number."""
    asked = settings_for(base, lr_sweep=[1e-4, 3e-2, 1e30], sweep_problems=5)
    return finetune(curated, asked, tmp_path_factory.mktemp("swept") / "runs")


def test_every_arm_gets_its_own_rate(swept: Path, dev_pairs: list[Pair]) -> None:
    open_finished(swept)  # every byte is as it was written
    record = SweepFile.read(swept)
    assert record.rates == (1e-4, 3e-2, 1e30) and record.problems == 5
    assert [(one.arm, one.lr) for one in record.trials] == [
        (arm, lr) for arm in ("shortcut@tokens", "journey") for lr in record.rates
    ]
    assert record.seed not in (0, 1)
    for arm in ("shortcut@tokens", "journey"):
        slow, quick, broken = (one for one in record.trials if one.arm == arm)
        assert broken.failed is not None and "loss nan" in broken.failed and broken.dev_loss is None
        assert slow.dev_loss is not None and quick.dev_loss is not None and quick.dev_loss < slow.dev_loss
        assert quick.chosen and not slow.chosen
        for seed in (0, 1):
            run = json.loads((swept / f"{arm.replace('@', '-')}-s{seed}" / "run.json").read_text())
            assert run["lr"] == 3e-2
    notes = open_finished(swept, "finetune").audit.notes
    assert any("picked on 5 dev problems, 3 trials an arm" in note for note in notes)
    assert any(note.startswith("journey, solved") and "failed at 1e+30" in note for note in notes)
    assert not any("taken as given" in note for note in notes)
    assert {one.lr for one in open_finished(swept, "finetune").audit.runs} == {3e-2}
    assert not (swept / ".scratch").exists()
    assert all(split_of(pair.problem) == "dev" for pair in dev_pairs)


def test_a_sweep_goes_on_and_gives_the_same_bytes(
    swept: Path, curated: Path, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """Cut off after the trials, and twice more before the runs: nothing is done again."""
    asked = settings_for(base, lr_sweep=[1e30, 1e-4, 3e-2], sweep_problems=5)
    out, calls = tmp_path / "runs", []
    real = sweep_scores.score

    def cut_off(*args: Any) -> Any:
        raise KeyboardInterrupt

    def counted(pass_on: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            calls.append(pass_on.__name__)
            return pass_on(*args, **kwargs)

        return call

    monkeypatch.setattr(sweep_scores, "score", cut_off)
    with pytest.raises(KeyboardInterrupt):
        finetune(curated, asked, out)
    from journey.finetune import session
    from journey.finetune.training import pool

    monkeypatch.setattr(pool, "train_all", counted(pool.train_all))
    monkeypatch.setattr(sweep_scores, "score", counted(real))
    monkeypatch.setattr(session.Session, "work", cut_off)
    loaded, free, left = load.load_model, probe.free, list[int]()
    models = list[weakref.ref[Any]]()

    def remembered(*args: Any, **kwargs: Any) -> Any:
        model = loaded(*args, **kwargs)
        models.append(weakref.ref(model))
        return model

    def freed(device: str) -> None:
        free(device)
        if inspect.stack()[1].function == real.__name__:
            left.append(sum(model() is not None for model in models))

    monkeypatch.setattr(load, "load_model", remembered)
    monkeypatch.setattr(probe, "free", freed)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            finetune(curated, asked, out)
        assert calls == ["score"]  # the trials are there, and then their scores
    assert left == [0] and models  # what the trials were answered with is gone when memory is given back
    assert "learning rates on 5 dev problems" in " ".join(capsys.readouterr().err.split())
    partial = out.with_name("runs.partial")
    assert (partial / "lr_sweep.json").read_bytes() == (swept / "lr_sweep.json").read_bytes()
