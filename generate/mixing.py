"""Shares of a mixture: `own=3`, `countdown@2=1`, as families and methods are named with, and how far what is mixed reaches.

journey generate --attempts data/runs/attempts --method own=3 --method slips=1 --out data/runs/mixed
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from journey.errors import UsageError
from journey.generate.attempts.matched import AttemptedProblem
from journey.generate.imports.table import TraceTable
from journey.generate.protocols import METHODS
from journey.generate.shards import PairSource, ShardJob, turn
from journey.schema import encode
from journey.store import ROWS_PER_SHARD

MOST = 1000  # places of one share, so that a turn of places stays short


@dataclass(frozen=True)
class Share:
    """A name with its share; `given` says whether one was named."""

    name: str
    share: int = 1
    given: bool = False


def parse_shares(specs: Sequence[str]) -> list[Share]:
    """Names with their shares, a whole number from 1 to MOST; without any, all are alike. Raises UsageError."""
    shares: list[Share] = []
    for spec in specs:
        name, equals, share = spec.partition("=")
        if equals and not (share.isascii() and share.isdigit() and 1 <= int(share) <= MOST):
            raise UsageError(f"{spec!r}: a share is a whole number from 1 to {MOST}", f"e.g. {name or 'own'}=3")
        if any(other.name == name and (equals or other.given) for other in shares):
            raise UsageError(f"{name} is named twice", "give one share for each")
        shares.append(Share(name, int(share) if equals else 1, bool(equals)))
    return shares


def dealt_until(turned: Sequence[str], there: Mapping[str, int]) -> Counter[str]:
    """How many problems of each kind are dealt, turn by turn, until one is due of a kind of which none is left.

    `turned` names the kind of every place of a turn, `there` how many there are; a kind that it does not name has no end, and
    of the others at least one is in the turn.
    """
    rounds = min(there[kind] // count for kind, count in Counter(turned).items() if kind in there)
    dealt = Counter({kind: rounds * count for kind, count in Counter(turned).items()})
    for kind in turned:
        if kind in there and dealt[kind] == there[kind]:
            break
        dealt[kind] += 1
    return dealt


@dataclass(frozen=True)
class TraceMixture:
    """Rows with traces, dealt in turns with problems with attempts, problems of families, or other rows of the same file."""

    sources: tuple[PairSource, ...]
    traces: TraceTable
    attempted: tuple[AttemptedProblem, ...] = ()

    def turn(self) -> list[str]:
        """What each place of a turn takes: `rows`, `attempts`, or the name of a family."""
        others = "attempts" if self.attempted else "rows"
        kinds = [
            "rows" if METHODS.entry(each.method).facts.get("traces") else each.family or others for each in self.sources
        ]
        return [kinds[index] for index in turn(self.sources)]

    def there(self) -> dict[str, int]:
        """How many problems there are of each kind that has an end."""
        return {"rows": self.traces.count(), **({"attempts": len(self.attempted)} if self.attempted else {})}

    def dealt(self) -> Counter[str]:
        """How many problems of each kind are taken, unless --pairs ends it before."""
        return dealt_until(self.turn(), self.there())

    def in_words(self) -> str:
        """How far it reaches."""
        dealt, names = self.dealt(), {"rows": "questions with traces", "attempts": "problems with attempts"}
        said = [f"{dealt[kind]:,} of {count:,} {names[kind]}" for kind, count in self.there().items()]
        return f"dealt in turns until one kind was used up: {' and '.join(said)}"

    def jobs(self, seed: int, per_problem: int) -> Iterator[ShardJob]:
        """The shards: `per_problem` places of each problem, one after another."""
        order, total = self.turn(), self.dealt().total()
        rows, tried = map(encode, self.traces.problems()), iter(self.attempted)
        step = max(1, ROWS_PER_SHARD // per_problem)
        for key, first in enumerate(range(0, total, step)):
            kinds = [order[place % len(order)] for place in range(first, min(first + step, total))]
            taken = tuple(next(rows) if k == "rows" else next(tried) if k == "attempts" else None for k in kinds)
            places = (first * per_problem, len(taken) * per_problem)
            yield ShardJob(key, *places, seed, per_problem, self.sources, mixed=taken)
