"""One shard of pairs: made by a pure function in any process, and handed back in order whatever the workers."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import msgspec

from journey.errors import JourneyError
from journey.formats.curation import RejectedLine
from journey.generate.asking import rounds
from journey.generate.asking.models import AskedSetup, cannot_go_on, opened
from journey.generate.asking.requests import AskedModels, AskedTally, ModelRequest, Replies
from journey.generate.attempts.matched import AttemptedProblem
from journey.generate.imports.records import ImportedProblem
from journey.generate.made import MadePair, Rejection
from journey.generate.protocols import FAMILIES, METHODS, AskingMethod, AttemptReader, Family, Method, TraceReader
from journey.processes import WorkerPool
from journey.schema import Problem, decode

_REDRAWS = 100  # problems of a family drawn for one place before it is given up
_ASKED_REDRAWS = 8  # the same where models are asked


@dataclass(frozen=True)
class PairSource:
    """One combination that pairs are drawn from: a family at a level (or a problem file) and a method."""

    method: str
    options: dict[str, Any]
    family: str = ""
    level: int = 1
    share: int = 1  # places of a turn that it gets
    dealt: bool = False  # whether shares were given

    @property
    def called(self) -> str:
        """What its pairs are counted under where several sources are mixed."""
        return f"{self.family}@{self.level} {self.method}" if self.family else self.method


def turn(sources: Sequence[PairSource]) -> list[int]:
    """The sources of one turn of places, by index, spread evenly: shares of 3 and 1 give 0 0 1 0."""
    total, given = sum(source.share for source in sources), [0] * len(sources)
    order = []
    for place in range(1, total + 1):
        behind = [source.share * place - count * total for source, count in zip(sources, given, strict=True)]
        chosen = max(range(len(sources)), key=lambda n: (behind[n], -n))
        given[chosen] += 1
        order.append(chosen)
    return order


_Maker = tuple[Method, Family | None, int, PairSource]  # what makes pairs, of which family (None: of a file) and level


@dataclass(frozen=True)
class ShardJob:
    """One shard: the places `first` to `first + count`, and the problems where they come from a file.

    With `attempted` problems every method makes its pairs of each of them, or none does. `imported` problems have traces;
    they are encoded, so that they are the same to the byte in any process. Where traces are mixed with other methods, `mixed`
    holds what each problem's places take: one with attempts, one with traces, or None, a family's own.
    """

    key: int
    first: int
    count: int
    seed: int
    per_problem: int
    sources: tuple[PairSource, ...]
    problems: tuple[Problem, ...] | None = None
    read: int = 0  # rows of the file that these problems were read from, those that repeat a question among them
    attempted: tuple[AttemptedProblem, ...] = ()
    models: AskedSetup | None = None
    imported: tuple[bytes, ...] = ()
    mixed: tuple[AttemptedProblem | bytes | None, ...] = ()


@dataclass(frozen=True)
class PairRow:
    """One pair as it will stand in the files, and what it adds to the counts."""

    index: int
    pair: bytes
    tree: bytes
    counts: dict[str, Any]


@dataclass(frozen=True)
class PairShard:
    """What a worker sends back. `read` and `problems` count rows of a file and the different questions in them."""

    key: int
    rows: list[PairRow]
    rejected: list[RejectedLine]
    read: int = 0
    problems: int = 0
    places: int = 0
    used: dict[str, int] = field(default_factory=dict)  # what models were asked for it, by role

    def cut(self, rows: int | None) -> PairShard:
        """The shard as if it had ended with so many pairs (a problem file is read no further than asked)."""
        if rows is None or len(self.rows) < rows:
            return self
        kept = self.rows[:rows]
        return replace(self, rows=kept, rejected=[each for each in self.rejected if each.index <= kept[-1].index])

    def counts(self) -> dict[str, Any]:
        """Pairs, mistakes by kind, notices by kind, and rejections by reason.

        Of a file also its rows, and where every place is one row: rows = pairs + rejected + duplicates + unused, the last
        being rows that were read and not needed.
        """
        total: dict[str, Any] = {
            "pairs": 0,
            "mistakes": 0,
            "oracle_timed": 0,
            "rejected": {},
            "kinds": {},
            "notices": {},
        }
        for row in self.rows:
            add_counts(total, row.counts)
        add_counts(total, {"rejected": Counter(each.reason for each in self.rejected)})
        if self.read:
            total |= {"rows": self.read, "duplicates": self.read - self.problems}
            total["unused"] = self.places - len(self.rows) - len(self.rejected)
        if self.used:
            total["asked"] = self.used
        return {name: dict(sorted(n.items())) if isinstance(n, dict) else n for name, n in total.items()}


def add_counts(total: dict[str, Any], counts: dict[str, Any]) -> None:
    """Add nested counts to a total, in place."""
    for name, value in counts.items():
        if isinstance(value, dict):
            add_counts(total.setdefault(name, {}), value)
        else:
            total[name] = total.get(name, 0) + value


class _Results:
    """The rows of a shard as they are made."""

    def __init__(self, job: ShardJob) -> None:
        self.job = job
        self.rows: list[PairRow] = []
        self.rejected: list[RejectedLine] = []
        self._encode = msgspec.json.Encoder().encode

    def add(self, index: int, problem: str, result: MadePair | Rejection, source: PairSource) -> None:
        """What came of a problem at a place of the output."""
        if isinstance(result, Rejection):
            self.rejected.append(RejectedLine(index, problem, result.reason, result.detail))
            return
        pair, tree = self._encode(result.pair), self._encode(result.tree)
        self.rows.append(PairRow(index, pair, tree, _counts(result, source)))

    def shard(self, used: dict[str, int] | None = None) -> PairShard:
        """All of them; `used` is what models were asked for it."""
        job = self.job
        return PairShard(job.key, self.rows, self.rejected, job.read, len(job.problems or ()), job.count, used or {})


def make_shard(job: ShardJob) -> PairShard:
    """Every pair of one shard. Pure: the same job gives the same bytes in any process."""
    if job.attempted and not any(source.dealt for source in job.sources):
        return _of_attempts(job)
    if job.imported:
        return _of_traces(job)
    if job.models is not None:
        return _asked(job, job.models)
    results = _Results(job)
    makers = [_maker(source) for source in job.sources]
    order = turn(job.sources)
    with _uncollected():
        for index in range(job.first, job.first + job.count):
            maker = makers[order[index // job.per_problem % len(order)]]
            for problem, result in _attempts(job, maker, index):
                results.add(index, problem, result, maker[3])
                if isinstance(result, MadePair):
                    break
    return results.shard()


def _or_rejected(made: Callable[[], MadePair | Rejection]) -> MadePair | Rejection:
    """What a method makes of a user's row; one that it fails on must not end the work on all the others."""
    try:
        return made()
    except (JourneyError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001 - whatever is wrong with the row
        return _failed(error)


def _failed(error: Exception) -> Rejection:
    return Rejection("method_failed", f"{type(error).__name__}: {error}"[:200])


_Tried = list[tuple[str, MadePair | Rejection]]  # what came of one place: problem and result, the last one the pair


def _asked(job: ShardJob, setup: AskedSetup) -> PairShard:
    """The pairs of a shard some of whose methods ask models: the work on all its places goes on in rounds."""
    makers, order = [_maker(source) for source in job.sources], turn(job.sources)
    models = opened(setup)
    facts = models.facts(("policy",) if any("policy" in asking.asks for asking in _asking(makers)) else ())
    if any(asking.goes_on for asking in _asking(makers)) and not facts["policy"].goes_on:
        raise cannot_go_on(facts["policy"].name)
    indices = range(job.first, job.first + job.count)
    chosen = [makers[order[index // job.per_problem % len(order)]] for index in indices]
    works = [_place(job, maker, facts, index) for maker, index in zip(chosen, indices, strict=True)]
    tally, results = AskedTally(), _Results(job)
    for index, maker, tried in zip(indices, chosen, rounds.carried_out(works, models.answer, tally), strict=True):
        for problem, result in tried:
            results.add(index, problem, result, maker[3])
    return results.shard(tally.plain())


def _asking(makers: Sequence[_Maker]) -> list[AskingMethod]:
    return [method for method, *_ in makers if isinstance(method, AskingMethod)]


def _place(
    job: ShardJob, maker: _Maker, models: AskedModels, index: int
) -> Generator[Sequence[ModelRequest], Replies, _Tried]:
    """The work on one place of the output; a method that asks no model is done with it at once."""
    method, family, level, _ = maker
    if not isinstance(method, AskingMethod):
        tried: _Tried = []
        for one in _attempts(job, maker, index):
            tried.append(one)
            if isinstance(one[1], MadePair):
                break
        return tried
    number, attempt = divmod(index, job.per_problem)
    tried = []
    for redraw in range(1 if job.problems is not None else _ASKED_REDRAWS):
        if job.problems is not None:
            problem = job.problems[(index - job.first) // job.per_problem]
        else:
            assert family is not None
            problem = family.problem(job.seed, number, level, redraw)
        tally = AskedTally()
        try:
            result = yield from rounds.counted(method.make_asking(problem, models, job.seed, attempt), tally)
        except (JourneyError, MemoryError):
            raise
        except Exception as error:  # noqa: BLE001 - as in `_or_rejected`; what models write can be anything
            result = _failed(error)
        if isinstance(result, MadePair):
            told = {**result.pair.provenance, "tokens": tally.plain()}
            result = replace(result, pair=msgspec.structs.replace(result.pair, provenance=told))
        tried.append((problem.id, result))
        if isinstance(result, MadePair):
            break
    return tried


def _of_attempts(job: ShardJob) -> PairShard:
    """The pairs of all methods of each problem on which all of them can make one."""
    readers, results = [_reader(source) for source in job.sources], _Results(job)
    for place, attempted in enumerate(job.attempted):
        for attempt in range(job.per_problem):
            made = [reader.make_of(attempted, job.seed, attempt) for reader in readers]
            refused = [result for result in made if isinstance(result, Rejection)]
            first = job.first + (place * job.per_problem + attempt) * len(readers)
            for index, (result, source) in enumerate(zip(refused[:1] or made, job.sources, strict=False), first):
                results.add(index, attempted.problem.id, result, source)
    return results.shard()


def _of_traces(job: ShardJob) -> PairShard:
    """The pairs of questions with traces."""
    [source] = job.sources
    method = METHODS.get(source.method)
    reader = method(method.Settings(**source.options))
    assert isinstance(reader, TraceReader), source.method
    results = _Results(job)
    for index in range(job.first, job.first + job.count):
        place, attempt = divmod(index - job.first, job.per_problem)
        imported = decode(job.imported[place], ImportedProblem)
        result = _or_rejected(partial(reader.make_of_traces, imported, job.seed, attempt))
        results.add(index, imported.problem.id, result, source)
    return results.shard()


def _reader(source: PairSource) -> AttemptReader:
    method = METHODS.get(source.method)
    made = method(method.Settings(**source.options))
    assert isinstance(made, AttemptReader), source.method
    return made


def _maker(source: PairSource) -> _Maker:
    method = METHODS.get(source.method)
    family = FAMILIES.get(source.family)() if source.family else None
    return method(method.Settings(**source.options)), family, source.level, source


def _attempts(job: ShardJob, maker: _Maker, index: int) -> Iterator[tuple[str, MadePair | Rejection]]:
    """What is tried for one place of the output: a family is redrawn until a pair comes, a given problem is not."""
    number, attempt = divmod(index, job.per_problem)
    method, family, level, _ = maker
    given = job.mixed or job.attempted
    taken = given[(index - job.first) // job.per_problem] if given else None
    if isinstance(taken, AttemptedProblem):
        if isinstance(method, AttemptReader):
            yield taken.problem.id, method.make_of(taken, job.seed, attempt)
        else:
            yield taken.problem.id, method.make(taken.problem, job.seed, attempt)
        return
    if taken is not None:
        imported = decode(taken, ImportedProblem)
        if isinstance(method, TraceReader):
            made = partial(method.make_of_traces, imported, job.seed, attempt)
        else:
            made = partial(method.make, imported.problem, job.seed, attempt)
        yield imported.problem.id, _or_rejected(made)
        return
    if job.problems is not None:
        problem = job.problems[(index - job.first) // job.per_problem]
        yield problem.id, _or_rejected(partial(method.make, problem, job.seed, attempt))
        return
    assert family is not None
    for redraw in range(_REDRAWS):
        problem = family.problem(job.seed, number, level, redraw)
        yield problem.id, method.make(problem, job.seed, attempt)


def _counts(result: MadePair, source: PairSource) -> dict[str, Any]:
    mistakes = result.tree.mistakes()
    facts = result.pair.provenance
    known = (
        {} if "roles" not in facts else {"proofs": Counter(facts.get("proofs", {})), "equations": facts["equations"]}
    )
    return {
        **({"mixed": {source.called: 1}} if source.dealt else {}),
        **known,
        "pairs": 1,
        "mistakes": result.pair.mistakes,
        "oracle_timed": int(bool(result.pair.provenance.get("oracle_timed"))),
        "kinds": Counter(node.kind or "other" for node in mistakes),
        "notices": Counter(node.check.kind if node.check else "none" for node in mistakes),
    }


@contextmanager
def _uncollected() -> Iterator[None]:
    """Leaves cycles alone for one shard: records have none, and walking them all again takes a tenth of the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def in_order(jobs: Iterable[ShardJob | int], workers: int) -> Generator[PairShard | int, None, None]:
    """Shards in the order of their jobs; a number (the key of a finished shard) passes through in its place.

    At most one shard more than there are workers is under way, so memory does not grow with the count. Raises
    ResourceError if a worker dies.
    """
    if workers == 1:
        yield from map(_made, jobs)
        return
    with WorkerPool(workers) as pool:
        yield from pool.ordered(_made, jobs)


def _made(job: ShardJob | int) -> PairShard | int:
    return job if isinstance(job, int) else make_shard(job)
