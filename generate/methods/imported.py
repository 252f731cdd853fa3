"""Pairs of traces that are published already, or one's own: labels told, roles read by rules, wrong and right answers stitched.

    journey generate --problems prm800k.jsonl --method import --out data/runs/prm800k
    journey generate --problems open-r1/OpenR1-Math-220k --method import --pairs 1000 --out data/runs/openr1

It needs rows of a format that is known: `journey list methods import` names them; docs/import.md says what each gives.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel

from journey.generate.imports import pairs
from journey.generate.imports.formats import FORMATS, named
from journey.generate.imports.records import ImportedProblem
from journey.generate.imports.settings import ImportSettings
from journey.generate.made import MadePair, Rejection
from journey.generate.protocols import METHODS
from journey.schema import Problem


@METHODS.add(
    "import",
    needs=("rows with traces",),
    traces={each.name: each.described() for each in FORMATS},
    model=False,
    revision=3,
)
class Import:
    """Traces that are there already (--problems FILE_OR_HUB_ID): a published data set that is known, or rows of one's own."""

    Settings: ClassVar[type[BaseModel]] = ImportSettings

    def __init__(self, settings: ImportSettings | None = None) -> None:
        self.settings = settings or ImportSettings()

    def make(self, problem: Problem, seed: int, attempt: int = 0) -> MadePair | Rejection:
        """Nothing: there is no pair without traces."""
        return Rejection("needs_traces", "give --problems, rows of a format that `journey list methods import` names")

    def make_of_traces(self, imported: ImportedProblem, seed: int, attempt: int = 0) -> MadePair | Rejection:
        """The pair of a question with its answers, or why it gives none."""
        return pairs.make(imported, named(self.settings.format or ""), self.settings, seed, attempt)
