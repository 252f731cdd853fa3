"""The table of results as text: published, here, agrees. One row a claim, negatives first; for a terminal and as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from journey import numbers
from journey.evaluate.report.markdown import escaped, table
from journey.formats.recipes.claims import ORDER, ClaimResult, ClaimResults

HEADS = ("Claim", "Published", "Here", "Agrees")


@dataclass(frozen=True)
class ClaimRow:
    """One claim in words that are ready to print and not yet escaped."""

    recipe: str
    name: str
    source: str
    published: str
    here: str
    agrees: str

    @property
    def cells(self) -> tuple[str, ...]:
        """As in HEADS."""
        return f"{self.recipe}: {self.name}", f"{self.published} ({self.source})", self.here, self.agrees


def rows(tables: Iterable[ClaimResults]) -> list[ClaimRow]:
    """The claims of all recipes, those that do not agree first."""
    found = [(one, claim) for one in tables for claim in one.claims]
    found.sort(key=lambda each: ORDER.index(each[1].agrees))
    return [
        ClaimRow(one.recipe, claim.name, claim.source, claim.published, here(claim, one), claim.agrees)
        for one, claim in found
    ]


def here(claim: ClaimResult, of: ClaimResults) -> str:
    """What came of a claim, with what it rests on."""
    c = claim.comparison
    interval = numbers.interval(c.low, c.high)
    accuracies = (
        f"{claim.second} {numbers.percent(c.second_accuracy)}, {claim.first} {numbers.percent(c.first_accuracy)}"
    )
    at = f" with {claim.strategy}" + (f" ({claim.policy})" if claim.policy else "")
    rests = [
        numbers.plural(c.seeds, "seed"),
        numbers.plural(c.problems, "problem"),
        f"{claim.benchmark}{at}",
        *([f"at {claim.at}"] if claim.at else []),
        f"base {of.base}",
        *([claim.survives] if claim.survives else []),
    ]
    words = "; ".join([claim.verdict.words, *claim.verdict.qualifiers])
    return (
        f"{words}: {numbers.points(c.difference)} points (95% interval {interval}; {accuracies}). {'; '.join(rests)}."
    )


def markdown(of: ClaimResults) -> str:
    """The page of one recipe's results, ending in a line break."""
    parts = [f"# {escaped(of.recipe)}: published, and here", *_about(of)]
    parts.append(table(HEADS, [(row.name, *row.cells[1:]) for row in rows([of])]))
    parts += ["## What would have counted", _listed(map(_counted, of.claims))]
    for head, sentences in (("What is kept", of.kept), ("What differs", of.differs)):
        if sentences:
            parts += [f"## {head}", _listed(sentences)]
    parts += ["## What it came from", _listed(_origins(of))]
    return "\n\n".join(parts) + "\n"


def _about(of: ClaimResults) -> Iterator[str]:
    if of.summary:
        yield escaped(of.summary)
    how = "Fixed before anything was scored" if of.before_scoring else "Added after the scores were there"
    yield (
        f"{how}, with a margin of {100 * of.margin:g} points. Differences are in points, second arm minus first. Made by "
        f"`journey claims`; the record beside the recipe has every number."
    )


def _counted(claim: ClaimResult) -> str:
    against = f"; contradicted by: {', '.join(claim.contradicted_by)}" if claim.contradicted_by else ""
    at = f" at {claim.at}" if claim.at else ""
    return f"{claim.name}: {claim.second} minus {claim.first}{at}; agrees if {' or '.join(claim.agrees_if)}{against}."


def _origins(of: ClaimResults) -> Iterator[str]:
    yield f"recipe (resolved): {of.recipe_sha256}"
    yield f"base {of.base}: {of.base_sha256 or 'weights not on this machine'}"
    yield from (f"{folder}: {digest}" for folder, digest in of.scores_sha256.items())
    yield from (f"{name} {version}" for name, version in of.versions.items())


def _listed(sentences: Iterable[str]) -> str:
    return "\n".join(f"- {escaped(sentence)}" for sentence in sentences)


def stacked(listed: Sequence[ClaimRow]) -> Iterator[tuple[str, str]]:
    """The rows for a narrow screen: a head, and its text."""
    for row in listed:
        yield "claim", f"{row.recipe}: {row.name}"
        yield "published", f"{row.published} ({row.source})"
        yield "here", row.here
        yield "agrees", row.agrees
