"""Sampling ends where a model begins a question of its own behind its answer: the rule by which answers are read."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from journey.answers.checker import extract, turn_end
from journey.models import policy
from journey.models.completion import Completion, CompletionRequest
from journey.models.decode import Decoder
from journey.models.turns import TurnReader
from journey.sampling.requests import PromptedQuestion, Request, Sampler
from journey.schema import Problem
from journey_testing.models import byte_tokenizer, tiny_model

END = 0
ANSWERED = "So it is \\boxed{18}.\n\n"
RUN_ON = "Question: how many bolts?\nAnswer: \\boxed{3}\n\nQuestion: and nuts?\n"
TEXTS = {
    "ends": "So it is \\boxed{18}.",
    "colons": "Note: 3 > 2, so [4] and: \\boxed{18}. Done: yes>",
    "no answer before": "Question: is it 18?\nIt is: \\boxed{18}.",
    "run on": ANSWERED + RUN_ON,
    "human": ANSWERED + "### Human 2: more\n",
    "stated": "The answer is 18.\n\n**Question 2**: what?\n",
    "token": ANSWERED + "<|im_start|>user\nWhat?",
    "in thoughts": "<think>\nIs it \\boxed{17}?\nQuestion: is it?\n</think>\n\n\\boxed{18}",
    "thoughts, then on": "<think>\nQ: \\boxed{17}?\n</think>\n\n\\boxed{18}\n\nQ: what now?\n",
}
STOPPED = {"run on", "human", "stated", "token", "thoughts, then on"}


class Pieces:
    """A tokenizer that knows one way to cut every text: each piece has a token of its own, and the next one follows it."""

    chat_template = bos_token_id = None
    eos_token_id = END

    def __init__(self, texts: dict[str, str], seed: int) -> None:
        self.words, self.first = ["<eos>"], {}
        rng = random.Random(seed)
        for name, text in texts.items():
            self.words.append("<start>")
            self.first[name] = len(self.words) - 1
            start = 0
            while start < len(text):
                size = rng.randint(1, 5)
                self.words.append(text[start : start + size])
                start += size
            self.words.append("<eos>")

    def decode(self, ids: Sequence[int], **options: Any) -> str:
        return "".join(self.words[number] for number in ids)

    def ends(self) -> frozenset[int]:
        return frozenset(number for number, word in enumerate(self.words) if word == "<eos>")


def parrot(size: int) -> Any:
    """A model that goes on with the next token, whatever stands before."""
    import torch

    model = tiny_model(vocab_size=size).eval()

    def follow(module: Any, args: Any, kwargs: Any, out: Any) -> Any:
        last = kwargs["input_ids"][:, -1]
        out.logits = torch.nn.functional.one_hot((last + 1) % size, size)[:, None].float() * 50
        return out

    model.register_forward_hook(follow, with_kwargs=True)
    return model


def written(seed: int, rows: int | None, turns: bool) -> dict[str, Any]:
    """Every text as the sampler of a model gives it that would go on to its end; 0.1's way without `turns`."""
    pieces: Any = Pieces(TEXTS, seed)
    decoder = Decoder(parrot(len(pieces.words)), pieces.ends(), END, 200, turns=TurnReader(pieces) if turns else None)
    asked = {name: PromptedQuestion(name, Problem(id=name, question="?", answer="18", source="t"), (place,))
             for name, place in pieces.first.items()}  # fmt: skip
    sampler = Sampler(decoder, pieces, "plain", ("base",), 0, None, batch=rows)
    if not turns:
        done = decoder.write([CompletionRequest(one.prompt) for one in asked.values()])
        return dict(zip(asked, ((pieces.decode(one.ids[:-1]), one.finish, one.tokens) for one in done), strict=True))
    texts = sampler.write([Request(0, one) for one in asked.values()])
    return dict(zip(asked, ((one.text, one.finish, one.tokens) for one in texts), strict=True))


@pytest.mark.parametrize("seed", range(4))
def test_it_stops_at_the_mark_and_nowhere_else(seed: int) -> None:
    before, now = written(seed, None, turns=False), written(seed, None, turns=True)
    for name, text in TEXTS.items():
        assert before[name][0] == text
        end = turn_end(text)
        assert (end is not None) == (name in STOPPED)
        if name in STOPPED:
            assert now[name][:2] == (text[:end], "stop") and now[name][2] < before[name][2]
        else:
            assert now[name] == before[name]
        assert extract(now[name][0]) == extract(text)


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_the_same_whatever_the_batch(rows: int) -> None:
    assert written(0, rows, turns=True) == written(0, None, turns=True)


def test_what_an_answer_begins_with_counts() -> None:
    """An answer that goes on from an earlier text stops by the whole of it; without it there is no answer before the mark."""
    pieces: Any = Pieces({"prefix": ANSWERED, "rest": "Question: more?\n"}, 1)
    start, rest = pieces.first["prefix"], pieces.first["rest"]
    prefix, tokens = range(start + 1, rest - 1), list(range(rest + 1, len(pieces.words) - 1))
    reader = TurnReader(pieces)
    stops = [n for n in range(1, len(tokens) + 1) if reader.begins(prefix, tokens[:n])]
    assert stops and ":" in pieces.words[tokens[stops[0] - 1]]
    assert not any(reader.begins((), tokens[:n]) for n in range(1, len(tokens) + 1))


def test_every_prefix_is_judged_as_its_whole_text_is() -> None:
    """On a byte-level vocabulary, whose tokens hold blanks, line breaks and marks in one."""
    words: Any = byte_tokenizer([*TEXTS.values(), ":\n\nQuestion: x:\n"] * 3, 400, special=["<eos>"], eos_token="<eos>")
    reader = TurnReader(policy.attach(words, None))
    for text in TEXTS.values():
        ids = words(text, add_special_tokens=False)["input_ids"]
        found = [n for n in range(1, len(ids) + 1) if reader.begins((), ids[:n])]
        wanted = [n for n in range(1, len(ids) + 1) if turn_end(words.decode(ids[:n])) is not None]
        assert found[:1] == wanted[:1]


def test_what_a_server_wrote_behind_the_mark_is_not_kept() -> None:
    """It is paid for, though: the tokens are those that the server counts."""
    pieces: Any = Pieces({"run on": TEXTS["run on"]}, 2)

    class Served:
        cap = 500

        def write(self, requests: Sequence[CompletionRequest], *more: Any) -> list[Completion]:
            return [Completion(tuple(range(2, len(pieces.words) - 1)), "length", counted=77)]

    question = PromptedQuestion("q", Problem(id="q", question="?", answer="18", source="t"), (1,))
    (text,) = Sampler(Served(), pieces, "plain", ("base",), 0, None).write([Request(0, question)])
    assert (text.text, text.finish, text.tokens) == (ANSWERED, "stop", 77)
    assert ANSWERED.startswith(pieces.decode(text.ids)) and len(pieces.decode(text.ids)) > len(ANSWERED) - 5


def test_samples_of_earlier_versions_are_those_of_today_unless_they_run_on() -> None:
    folder = Path(__file__).parents[1] / "golden" / "v0_1"
    texts = [json.loads(line)["text"] for path in folder.rglob("samples/**/*.jsonl")
             for line in path.read_text(encoding="utf-8").splitlines()]  # fmt: skip
    assert len(texts) > 50 and not [text for text in texts if turn_end(text) is not None]
