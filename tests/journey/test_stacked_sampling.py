"""Many adapters in one batch: the tokens that each writes alone, and samples that depend on their own name only."""

from __future__ import annotations

import time
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
import torch
from peft import PeftModel
from transformers import TemperatureLogitsWarper, TopPLogitsWarper

from journey.errors import UsageError
from journey.models.completion import CompletionRequest
from journey.models.decode import Decoder
from journey.models.load import find, load_model, load_tokenizer
from journey.models.lora import Stack, stacked
from journey.models.random import pick, uniforms
from journey_testing.models import save_adapters, tiny_model

WORDS, STOPS, PAD, CAP = 48, frozenset([2, 5, 11, 17]), 0, 24


def tiny(kind: str) -> Any:
    own = {"tie_word_embeddings": False} if kind == "gemma2" else {}
    model = tiny_model(kind, vocab_size=WORDS, initializer_range=0.6, **own)
    model.generation_config.eos_token_id = sorted(STOPS)
    model.generation_config.pad_token_id = PAD
    return model.eval()


def prompts(count: int = 10) -> list[list[int]]:
    rng = Random(1)
    return [[1, *(rng.randrange(3, WORDS) for _ in range(rng.randint(1, 9)))] for _ in range(count)]


def alone(model: Any, prompt: list[int]) -> tuple[int, ...]:
    ids = torch.tensor([prompt])
    with torch.inference_mode():
        out = model.generate(
            input_ids=ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=CAP, use_cache=True
        )
    return tuple(out[0, len(prompt) :].tolist())


@pytest.mark.parametrize("kind", ["llama", "qwen2", "gemma2"])
def test_the_tokens_of_every_adapter_alone(kind: str, tmp_path: Path) -> None:
    paths = save_adapters(tiny(kind), tmp_path, (4, 2, 4))
    model, asked = tiny(kind), prompts()
    decoder = Decoder(model, STOPS, PAD, CAP)
    jobs = [CompletionRequest(prompt, run) for prompt in asked for run in range(4)]
    with stacked(model, [None, *paths]) as stack:
        written = Decoder(model, STOPS, PAD, CAP, stack).write(jobs)
    expected = {
        (run, place): alone(each, prompt) for run, each in each_alone(kind, paths) for place, prompt in enumerate(asked)
    }
    assert [one.ids for one in written] == [expected[job.run, asked.index(job.prompt)] for job in jobs]
    by_run = [tuple(written[place].ids for place in range(run, len(jobs), 4)) for run in range(4)]
    assert len(set(by_run)) == 4 and len({len(one.ids) for one in written}) > 4
    assert [one.ids for one in decoder.greedy(asked)] == list(by_run[0])  # the base is as before


@pytest.mark.parametrize("runs", [[2, 0], [1, 2, 0], [2, 1, 1, 0], [0, 1, 2], [1]])
def test_groups_get_the_adapters_that_they_name_in_any_order(runs: list[int], tmp_path: Path) -> None:
    """Group k of the rows is computed with the adapter of runs[k] when text is written, as with that adapter alone."""
    paths, model = save_adapters(tiny("llama"), tmp_path, (4, 2, 4)), tiny("llama").double()
    ids = torch.tensor([[1, 3 + row, 20 + row] for row in range(2 * len(runs))])  # two rows a group

    def computed(stack: Stack, runs: list[int], ids: torch.Tensor) -> torch.Tensor:
        with torch.inference_mode(), stack.routed(runs):
            return model(input_ids=ids).logits.clone()

    with stacked(model, list(paths)) as stack:
        together = computed(stack, runs, ids)
        for group, run in enumerate(runs):
            rows = slice(2 * group, 2 * group + 2)
            torch.testing.assert_close(together[rows], computed(stack, [run], ids[rows]), rtol=1e-9, atol=1e-9)
        other = computed(stack, [(run + 1) % 3 for run in runs], ids)
        assert not torch.allclose(other, together, rtol=1e-3)


def each_alone(kind: str, paths: list[Path]) -> list[tuple[int, Any]]:
    return [
        (0, tiny(kind)),
        *((n, PeftModel.from_pretrained(tiny(kind), str(p)).eval()) for n, p in enumerate(paths, 1)),
    ]


def test_rows_and_groups_leave_the_batch(tmp_path: Path) -> None:
    """One adapter with few prompts, one with many: no run pays for another's length."""
    paths, model, shapes = save_adapters(tiny("llama"), tmp_path, (4, 4)), tiny("llama"), []
    asked = prompts(12)
    jobs = [CompletionRequest(prompt, 0, cap=2) for prompt in asked] + [
        CompletionRequest(prompt, 1) for prompt in asked[:3]
    ]
    model.register_forward_pre_hook(lambda _, args, kw: shapes.append(tuple(kw["input_ids"].shape)), with_kwargs=True)
    with stacked(model, paths) as stack:
        written = Decoder(model, frozenset([WORDS]), PAD, CAP, stack).write(jobs)
    assert shapes[0][0] <= 16 and shapes[2][0] <= 4 and len(shapes) == CAP
    assert [len(one.ids) for one in written] == [2] * 12 + [CAP] * 3


def test_thin_batches_go_on_together(tmp_path: Path) -> None:
    """Batches of six rows: the same tokens as all in one, in steps that are fuller, and time is shared out once."""
    paths, shapes = save_adapters(tiny("llama"), tmp_path, (4, 2)), []
    asked = prompts(20)
    jobs = [CompletionRequest(prompt, run) for prompt in asked for run in range(3)]
    chance = [CompletionRequest(job.prompt, job.run, chance=uniforms(CAP, 0, n)) for n, job in enumerate(jobs)]
    model = tiny("llama")
    with stacked(model, [None, *paths]) as stack:
        decoder = Decoder(model, STOPS, PAD, CAP, stack)
        whole, drawn = decoder.write(jobs), decoder.write(chance, 1.0, 0.9)
        hook = model.register_forward_pre_hook(
            lambda _, args, kw: shapes.append(kw["input_ids"].shape), with_kwargs=True
        )
        started = time.perf_counter()
        parts = decoder.write(jobs, rows=6)
        spent = time.perf_counter() - started
        hook.remove()
        assert parts == whole and decoder.write(chance, 1.0, 0.9, rows=6) == drawn
    assert 0.5 * spent < sum(one.seconds for one in parts) <= spent
    steps = sum(1 for _ in shapes)
    alone = sum(max(len(one.ids) for one in whole[n : n + 6]) for n in range(0, 60, 6))
    assert max(rows for rows, _ in shapes) <= 9 and steps < 0.8 * alone


def test_the_embedded_base(tmp_path: Path) -> None:
    try:
        ref = find("pocket")
    except UsageError as error:
        pytest.skip(str(error).splitlines()[0])
    words = load_tokenizer(ref)
    paths = save_adapters(load_model(ref, device="cpu"), tmp_path, (8, 8), 0.05)
    texts = ["use 15 12 3 make 33 :", "use 24 23 23 make 22 :", "use 3 4 make 12 :"]
    asked = [[words.bos_token_id, *words(text, add_special_tokens=False)["input_ids"]] for text in texts]
    model = load_model(ref, device="cpu")
    with stacked(model, [None, *paths]) as stack:
        decoder = Decoder.of(model, words, CAP, stack)
        written = decoder.write([CompletionRequest(prompt, run) for run in range(3) for prompt in asked])
    for run, path in enumerate([None, *paths]):
        fresh: Any = load_model(ref, device="cpu")
        fresh = fresh if path is None else PeftModel.from_pretrained(fresh, str(path)).eval()
        assert [one.ids for one in written[3 * run : 3 * run + 3]] == [alone(fresh, prompt) for prompt in asked]


class TestByChance:
    def jobs(self, order: list[int], run: int = 0) -> list[CompletionRequest]:
        asked = prompts(6)
        return [
            CompletionRequest(asked[n % 6], run, chance=uniforms(CAP, 0, "run", f"question {n % 6}", n)) for n in order
        ]

    def test_a_sample_does_not_depend_on_its_batch(self) -> None:
        decoder = Decoder(tiny("llama"), STOPS, PAD, CAP)
        together = decoder.write(self.jobs(list(range(24))), 1.0, 0.95)
        turned = decoder.write(self.jobs(list(range(24))[::-1]), 1.0, 0.95)[::-1]
        single = [decoder.write(self.jobs([n]), 1.0, 0.95)[0] for n in range(24)]
        assert together == turned == single and len({one.ids for one in together}) > 12

    def test_log_probabilities_are_the_models_own(self) -> None:
        model = tiny("llama")
        for job, one in zip(
            self.jobs([0, 7]), Decoder(model, STOPS, PAD, CAP).write(self.jobs([0, 7]), 0.7, 0.9), strict=True
        ):
            ids = torch.tensor([[*job.prompt, *one.ids]])
            with torch.inference_mode():
                logits = model(ids).logits[0, len(job.prompt) - 1 : -1].float()
            own = torch.log_softmax(logits, -1).gather(-1, torch.tensor(one.ids)[:, None])
            assert one.logprob == pytest.approx(float(own.sum()), abs=1e-3)

    @pytest.mark.parametrize(("temperature", "top_p"), [(0.7, 0.95), (1.0, 1.0), (1.5, 0.5), (0.3, 0.01)])
    def test_the_distribution_of_the_warpers(self, temperature: float, top_p: float) -> None:
        torch.manual_seed(3)
        logits = torch.randn(1, 100) * 2
        warped = TopPLogitsWarper(top_p)(None, TemperatureLogitsWarper(temperature)(None, logits))  # type: ignore[arg-type]
        expected = torch.softmax(warped, -1)[0]
        draws = 20_000
        chance = (torch.arange(draws) + 0.5) / draws  # evenly spread numbers give every token its share
        ids = pick(logits.expand(draws, -1), chance, temperature, top_p)
        found = torch.bincount(ids, minlength=100) / draws
        assert (found - expected).abs().max() < 2 / draws + 1e-5
        assert set(ids.tolist()) <= set(torch.nonzero(expected)[:, 0].tolist())

    def test_a_flat_distribution_needs_the_whole_sort(self) -> None:
        logits = torch.zeros(2, 1000)
        ids = pick(logits, torch.tensor([0.0, 0.999999]), 1.0, 0.9)
        assert ids[0] == 0 and 890 <= int(ids[1]) <= 900

    def test_numbers_at_the_edges(self) -> None:
        logits = torch.tensor([[0.0, -200.0, -200.0], [0.0, -200.0, -200.0]])
        edge = torch.tensor([0.0, float(np.nextafter(np.float32(1), np.float32(0)))])
        assert pick(logits, edge, 1.0, 1.0).tolist() == [0, 0] and pick(logits, edge, 1.0, 0.5).tolist() == [0, 0]

    def test_streams_are_apart(self) -> None:
        first, again, other = uniforms(8, 0, "q", 1), uniforms(8, 0, "q", 1), uniforms(8, 1, "q", 0)
        assert (first == again).all() and not (first == other).any()
        assert (uniforms(4, 0, "q", 1) == first[:4]).all()  # a longer answer goes on, it does not begin anew
