"""Shards of samples: questions that are answered together by all runs, and the files that hold the answers.

Questions are sorted by length of prompt and cut into shards, the same for every run, so that batches, and with them the
last bits of the logits, depend on the questions alone. Each run has a file of its own for each shard and draw, marked with
the identity of its samples (`journey.sampling.identity`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from journey.errors import PartialError
from journey.sampling.requests import Text
from journey.sampling.workers import WorkUnit, WorkUnitResult
from journey.schema import Question, Sample
from journey.store import Folder

SHARD_ROWS = 256  # answers of each run
NO_SECONDS = 0.0  # in samples, which must not change from run to run; timing.json has what was measured
LOGPROB_PLACES = 4


def samples_folder(run: str, questions: str, draw: str) -> str:
    """The folder of a run's samples of one draw on one set of questions, inside the folder that is written."""
    return f"samples/{run}/{questions}/{draw}"


def cut(lengths: Sequence[int], batch: int, samples: int = 1) -> list[list[int]]:
    """Shards of indices, by length of prompt.

    A shard has as many questions as make SHARD_ROWS answers of each run, and a batch at least.
    """
    order = sorted(range(len(lengths)), key=lambda index: (lengths[index], index))
    size = max(1, max(SHARD_ROWS, batch) // samples)
    return [order[start : start + size] for start in range(0, len(order), size)]


@dataclass(frozen=True)
class SamplingShard:
    """One unit of work and the files that come of it: their keys by (run, draw), their identities by key."""

    unit: WorkUnit
    questions: list[Question]
    keys: dict[tuple[str, str], str]
    identities: dict[str, str]

    @property
    def answers(self) -> int:
        """How many files times questions, for the progress bar."""
        return len(self.keys) * len(self.questions)


def write_samples(folder: Folder, shard: SamplingShard, result: WorkUnitResult, missing: Collection[str]) -> None:
    """Write the files of a shard that are missing. Raises PartialError where a question has no answer."""
    for index, (run, _) in enumerate(shard.unit.runs):
        for draw in shard.unit.draws:
            key = shard.keys[run, draw]
            if key in missing:
                texts = result.written[draw][index]
                if len(texts) != len(shard.questions):
                    raise PartialError(f"{key}: answers to {len(texts)} questions of {len(shard.questions)}")
                answers = [
                    (question, number, text)
                    for question, of_one in zip(shard.questions, texts, strict=True)
                    for number, text in enumerate(of_one)
                ]
                samples = [to_sample(question, run, text, number) for question, number, text in answers]
                seconds = [round(text.seconds, 6) for _, _, text in answers]
                counts = {"questions": len(shard.questions), "seconds": seconds, "identity": shard.identities[key]}
                if result.smaller is not None:  # other sums than those of the batch in its identity, so it has none
                    counts = {**counts, "identity": None, "batch": result.smaller}
                folder.write_shard(key, {f"{key}.jsonl": samples}, counts)


def to_sample(question: Question, run: str, text: Text, index: int) -> Sample:
    """The stored record of a text: the `index`-th answer of a run to a question."""
    logprob = None if text.logprob is None else round(text.logprob, LOGPROB_PLACES)
    return Sample(
        question.id,
        run,
        text.text,
        text.tokens,
        NO_SECONDS,
        text.finish,
        index,
        text.prompt_tokens,
        text.flops,
        logprob,
        text.reason if text.reason != text.finish else "",
    )
