"""Protocols of problem families and methods: the contracts of the files in generate/families/ and generate/methods/.

Both are found by their catalog; a new one is a class in a file of its own that is registered here and keeps the laws
below. `tests/contracts/test_families.py` and `test_methods.py` hold every entry to them.
"""

from __future__ import annotations

from typing import Any, ClassVar, Protocol, runtime_checkable

from pydantic import BaseModel

from journey import catalog
from journey.answers.checker import Outcome
from journey.catalog import Catalog
from journey.generate.asking.requests import AskedModels, AskedRole, Asking
from journey.generate.attempts.matched import AttemptedProblem
from journey.generate.grids.space import GridSpace
from journey.generate.imports.records import ImportedProblem
from journey.generate.made import MadePair, Rejection
from journey.generate.search.tree import Space, State
from journey.schema import FirstMistake, Pair, Problem, Trace


@runtime_checkable
class Family(Protocol):
    """Problems without end, at one or more levels: `@FAMILIES.add(NAME, levels={1: "what it asks"}, methods=(...))`.

    `levels` says in words what each level asks, the easiest first. `methods` names the methods that can make pairs of
    these problems: this is the one place where a family and a method are tied together. `difficulty` says what makes one
    problem harder than another: a property of the problem, not of what a method or an arm does with it. An instance is made
    without arguments and holds no state.

    Laws: a problem is a function of (seed, index, level, attempt) alone, and all chance in it comes from
    `journey.rng.rng_for`, called by that name with all four, so that the problems of two seeds have nothing to do with
    one another. A problem's `source` is the family's name and its `id` a hash of the instance alone
    (`journey.schema.problem_id`): the same question has the same id wherever it is drawn, whatever its solution. Levels
    get harder: the correct path gets longer or, at one length, the mean difficulty rises. Of 50 problems at most 5 may be
    refused by a method that is named, unless for a limit in that method's own settings.

    A family whose answer is an expression is a `CheckedFamily` too, one whose problems can be searched a
    `SearchableFamily`.
    """

    def problem(self, seed: int, index: int, level: int = 1, attempt: int = 0) -> Problem:
        """The problem at place `index` of the seed's stream; another `attempt` is an independent draw for that place.

        `answer` is the gold answer and `check` "value", or the family's name for a CheckedFamily; `brief` is the question
        in the terse notation of the compact view; `facts` holds the instance; `licence` is stated. Whoever wants
        `slips` to work on it also writes a `solution` whose calculations are annotated as GSM8K's are (`<<3*5=15>>`).
        """

    def difficulty(self, problem: Problem) -> float:
        """How hard a problem is, finite and 0 or more; it orders problems of one level."""


@runtime_checkable
class CheckedFamily(Protocol):
    """A family with a checker of its own, for answers that are expressions; its problems' `check` is the family's name.

    Laws: gold is right; gold with another value is wrong; so is the bare `answer`, where `answer` is only the value that
    an expression must have.
    """

    def check(self, problem: Problem, answer: str) -> tuple[Outcome, str]:
        """Whether an extracted answer is right, from problem and answer alone, and why not; never runs the text."""

    def gold(self, problem: Problem) -> str:
        """An answer that is right, the same every time. Raises ValueError for a problem without one."""


@runtime_checkable
class SearchableFamily(Protocol):
    """A family whose problems have states to walk, and an exact solver: what the method `search` works on.

    Problems hold `facts["numbers"]` and `facts["target"]`, from which curation replays every move, or the family is a
    `ReplayedFamily`.
    """

    def space(self, problem: Problem) -> Space | GridSpace:
        """The states, legal moves and pruning of one problem."""

    def solvable(self, problem: Problem, state: State, target: int) -> bool:
        """Exact: whether `target` can be made from `state`. It decides whether a branch is a mistake."""


@runtime_checkable
class ReplayedFamily(Protocol):
    """A searchable family whose moves are not those of numbers: curation replays a tree by what it says.

    Laws: every node of a search's tree can be played from the state of its parent, and the right path ends in `end`.
    """

    target: int  # of the claims of its trees

    def start(self, problem: Problem) -> State:
        """The state before the first move."""

    def end(self, problem: Problem) -> State:
        """The one state that the right path ends in."""

    def played(self, problem: Problem, state: State, move: str) -> State | str:
        """The state that a move in terse notation leaves, or the reason of the filter `moves_legal` why it is none."""


@runtime_checkable
class LocatingFamily(Protocol):
    """A family whose own solver finds the first false step of an answer: what attempts are located by.

    Laws: a right answer made of right steps has no mistake, all of it decided; the span lies in the text; what has a claim
    is refuted by `journey.answers.claims.claim_is_false` on the problem's own tree.
    """

    def first_mistake(self, problem: Problem, text: str) -> FirstMistake:
        """The first step of an answer that question and text refute; without a kind where none is found."""


@runtime_checkable
class Method(Protocol):
    """A way of making a reasoning tree and its pair from a problem: `@METHODS.add(NAME, model=False)`.

    Facts: `model`, whether it asks a language model (an `AskingMethod`); `problems=True` if it also reads problems of a user's
    file, `attempts=True` if it makes pairs of a policy's attempts (an `AttemptReader`), `traces` the formats of rows with traces
    that it reads (a `TraceReader`); `needs` and `may_need`, what it has to be given. Which families it works on is said by them; a
    method that asks a model works on all. `Settings` is a frozen pydantic model that refuses unknown keys, has a default
    for everything and a description for every field; a method is made of one, or of nothing for the defaults.

    Laws: `make` is a function of its arguments and the settings alone, with all chance from `journey.rng.rng_for`;
    another seed or attempt is an independent draw. A method whose settings do not fit every family has a static method
    `check(family, level, options)`, which raises a UsageError for those that do not, before anything is made. Both halves of a pair are views of its tree and keep every rule of
    `journey.curate.filters` that needs no base. Every mistake has a claim that can be refuted.
    """

    Settings: ClassVar[type[BaseModel]]  # what `--set NAME.KEY=VALUE` may say

    def __init__(self, settings: Any = None) -> None: ...

    def make(self, problem: Problem, seed: int, attempt: int = 0) -> MadePair | Rejection:
        """The tree and its pair, or the reason (one word, counted) why this problem gives none."""


@runtime_checkable
class AttemptReader(Protocol):
    """A method that reads a policy's attempts: `@METHODS.add(NAME, attempts=True, model=False)`; its `make` gives a Rejection.

    Laws: those of `Method`. What methods are run together make, they make of the same problems: one that cannot be made
    takes the problem from the others too.
    """

    def make_of(self, attempted: AttemptedProblem, seed: int, attempt: int = 0) -> MadePair | Rejection:
        """The tree and its pair from a problem with a policy's attempts, or the reason why it gives none."""


@runtime_checkable
class AskingMethod(Protocol):
    """A method that asks models: `@METHODS.add(NAME, model=True, problems=True, needs=("policy",))`; its `make` gives a Rejection.

    Laws: those of `Method`, where a model of this machine answers; every mistake that is told as checked has a claim that is
    refuted, and a mistake without a claim says how it is known instead (`proof`). What a model writes is text: it is read and
    judged, and never run.
    """

    @property
    def asks(self) -> tuple[AskedRole, ...]:
        """The models that its settings need."""

    @property
    def goes_on(self) -> bool:
        """Whether the policy must go on from the beginning of an answer."""

    @property
    def rewards(self) -> bool:
        """Whether the critic rates texts, so that weights of this machine are those of a sequence classifier."""

    def make_asking(self, problem: Problem, models: AskedModels, seed: int, attempt: int = 0) -> Asking:
        """The work on one problem: yields requests, is sent their replies, and returns the pair or why there is none."""


@runtime_checkable
class TraceReader(Protocol):
    """A method that reads rows with traces: `@METHODS.add(NAME, traces=FORMATS, model=False)`; its `make` gives a Rejection.

    Laws: those of `Method`, save that a mistake may be labelled or unverified: its `proof` says so, and the pair's `roles`.
    """

    def make_of_traces(self, imported: ImportedProblem, seed: int, attempt: int = 0) -> MadePair | Rejection:
        """The tree and its pair from a question with its answers, or the reason why it gives none."""


@runtime_checkable
class UnnoticedMistakes(Protocol):
    """A method that can also follow a mistake to the end; the arm `only-wrong` trains on what it gives."""

    def unnoticed(self, pair: Pair) -> Trace | None:
        """The pair's problem with a mistake that nobody notices and a wrong box; None where no mistake leads to one."""


# The catalogs of the core, typed: mypy holds every class registered through these names to its protocol.
FAMILIES: Catalog[type[Family]] = catalog.FAMILIES
METHODS: Catalog[type[Method]] = catalog.METHODS
