"""Keep a pair only if its question is in no benchmark: equal text, shared word n-grams, or the same problem.

Words are compared without case, spacing and punctuation; signs of arithmetic belong to the word after them. Eight
words shared in a row are overlap, as in open-r1 and s1 (word 8-grams of the prompt). Those miss every question of fewer than
eight words (13-grams found 54 % of verbatim copies in marin #5519): such a question is overlap where it stands as a whole
inside the other one, and below `whole` words only where the two are equal. Procedural problems share their template
with every other one, so theirs are compared by the id of the instance, and with other texts by equality alone.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from journey.catalog import FAMILIES
from journey.curate.item import HALVES, Drop, Item
from journey.curate.rules import FILTERS, Context

_KEPT = re.compile(r"[^\w+\-*/=<>^%\\]+|_+")
_WORD = re.compile(r"[-+*/=<>^%\\\s]*(?:[^\W\d_]+|\d+)")


def words(text: str) -> list[str]:
    """The words and numbers of a text, each with the signs of arithmetic before it.

    >>> words("Compute $3 + x^2$.")
    ['compute', '3', '+x', '^2']
    """
    plain = _KEPT.sub(" ", unicodedata.normalize("NFKC", text).casefold())
    return ["".join(word.split()) for word in _WORD.findall(plain)]


def grams(word_list: list[str], size: int) -> Iterator[str]:
    """Every `size` words in a row."""
    return (" ".join(word_list[start : start + size]) for start in range(len(word_list) - size + 1))


@FILTERS.add(
    "benchmark_overlap",
    reads=("problem", "traces"),
    per="pair",
    after=("length",),
    reasons=("same_problem", "same_question", "shared_words", "whole_question", "shared_words_in_trace"),
    strict={"ngram": 7, "traces": True},
)
class BenchmarkOverlap:
    """The question is not in a benchmark: the same problem, the same text, or eight words in a row."""

    def __init__(
        self,
        context: Context,
        *,
        ngram: Annotated[
            int, Field(ge=4, description="words in a row that count as overlap (open-r1, s1: 8; strict: 7)")
        ] = 8,
        whole: Annotated[
            int, Field(ge=1, description="shortest whole question, in words, that is looked for inside")
        ] = 4,
        traces: Annotated[
            bool, Field(description="also look for the benchmarks' words in the traces (strict)")
        ] = False,
    ) -> None:
        self._size, self._traces = ngram, traces
        self._families = set(FAMILIES.names())
        self._ids: dict[str, str] = {}
        self._equal: dict[str, str] = {}
        self._grams: dict[int, dict[str, str]] = {}
        for name, questions in context.questions.items():
            for question in questions:
                self._ids.setdefault(question.problem.id, name)
                question_words = words(question.problem.question)
                self._equal.setdefault(" ".join(question_words), name)
                if question.problem.source not in self._families:
                    self._index(name, question_words, whole)

    def _index(self, name: str, question_words: list[str], whole: int) -> None:
        size = min(self._size, len(question_words))
        if size >= min(whole, self._size):
            kept = self._grams.setdefault(size, {})
            for gram in grams(question_words, size):
                kept.setdefault(gram, name)

    def __call__(self, item: Item) -> Iterator[Drop]:
        problem = item.pair.problem
        if problem.id in self._ids:
            yield Drop("same_problem", problem.id, self._ids[problem.id])
        if problem.source in self._families or not self._equal:
            return
        question_words = words(problem.question)
        text = " ".join(question_words)
        if text in self._equal:
            yield Drop("same_question", text[:200], self._equal[text])
            return
        for size, known in self._grams.items():
            hit = next((gram for gram in grams(question_words, size) if gram in known), None)
            if hit:
                yield Drop("shared_words" if size == self._size else "whole_question", hit, known[hit])
                return
        if self._traces and self._size in self._grams:
            known = self._grams[self._size]
            for half in HALVES:
                trace_words = words(item.text(half, "plain"))
                hit = next((gram for gram in grams(trace_words, self._size) if gram in known), None)
                if hit:
                    yield Drop("shared_words_in_trace", hit, known[hit], half=half)
