"""The core records (problems, trees, traces, pairs, samples, scores): frozen, typed, versioned, JSON round-trip.

A pair is derived from one frozen reasoning tree. Mistakes carry a structured `claim` and the `truth`; a notice
carries the `Check` that fails on the claim and passes on the truth. Numbers inside records are strings that
`fractions.Fraction` reads, so that nothing is rounded.

    data = encode(pair); decode(data, Pair) == pair
"""

from __future__ import annotations

from typing import Any, Literal, TypeVar

import msgspec

from journey.rng import digest

SCHEMA_VERSION = 1

Role = Literal["plan", "step", "mistake", "consequence", "notice", "backtrack", "correction", "check", "answer"]
Verdict = Literal["right", "wrong", "unknown"]
BY_GOLD = ("value", "choice")  # checks that compare with the gold; any other is a family's own
ROLES: tuple[Role, ...] = Role.__args__  # type: ignore[attr-defined]


class Record(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Base of all records: immutable, defaults left out of the JSON, unknown fields refused."""


class Quantity(Record, frozen=True):
    """A number of the problem: given in the question, a known constant, or computed from other quantities.

    `expression` is over ids and literals (`"q1 * q2"`), None for a given one; `span` is where the question states it.
    """

    id: str
    value: str
    expression: str | None = None
    span: tuple[int, int] | None = None
    unit: str | None = None


class Problem(Record, frozen=True):
    """A question with its gold answer and the way an answer is judged (`check`: "value", "choice" or a family's name).

    `brief` is the question in the terse notation of the compact view. `facts` holds the canonical instance. A problem
    with `held_out` is test, whatever its hash says (held-out targets, published test sets).
    """

    id: str
    question: str
    answer: str
    source: str
    brief: str = ""
    check: str = "value"
    level: int | None = None
    licence: str | None = None
    solution: str | None = None
    held_out: bool = False
    facts: dict[str, Any] = {}


class Arith(Record, frozen=True, tag="arith"):
    """Claims that `expression` equals `value`; false if the arithmetic is wrong."""

    expression: str
    value: str


class QuantityClaim(Record, frozen=True, tag="quantity"):
    """Claims that the quantity `id` is `value`; the equation written may be true, the quantity is not."""

    id: str
    value: str


class Reachable(Record, frozen=True, tag="reachable"):
    """Claims that `target` can be made from the numbers in `state`, each used once."""

    state: tuple[int, ...]
    target: int


class Follows(Record, frozen=True, tag="follows"):
    """Claims that the quantity `id` can be computed from the question and the computed quantities in `known`."""

    id: str
    known: tuple[str, ...]


Claim = Arith | QuantityClaim | Reachable | Follows


class Check(Record, frozen=True):
    """A structured reason: `left` (an expression over x and literals) `relation` `right` is false of a wrong x.

    Relations: "=", "<", "<=", ">", ">=", "ends in" (last digit), "is" (right: "even", "odd" or "whole"),
    "solves" for search states (right is the target; x is the state), and "follows" for what can be computed now (left is a
    quantity that can, right one that the claimed quantity needs). `quote` is the part of the question it rests on.
    """

    kind: str
    left: str
    relation: Literal["=", "<", "<=", ">", ">=", "ends in", "is", "solves", "follows"]
    right: str
    quote: tuple[int, int] | None = None


class Node(Record, frozen=True):
    """One step of thought. `text` is the terse notation; `parent` is the step it was tried from (None at the root).

    A mistake made of a model's attempt says where it comes from (`origin`: own, injected, model) and how it is known (`proof`).
    `score` is what a tree search was given for the step: a share of continuations that come out right, or a model's rating.
    """

    id: int
    parent: int | None
    role: Role
    text: str
    verdict: Verdict = "right"
    claim: Claim | None = None
    truth: str | bool | None = None
    check: Check | None = None
    reason: str | None = None
    kind: str | None = None
    origin: str | None = None
    proof: str | None = None
    score: float | None = None


class Tree(Record, frozen=True):
    """A problem, every step tried on it (rejected ones too) and how it was made."""

    id: str
    problem: Problem
    method: str
    seed: int
    nodes: tuple[Node, ...]
    quantities: tuple[Quantity, ...] = ()
    settings: dict[str, Any] = {}
    version: int = SCHEMA_VERSION

    def mistakes(self) -> list[Node]:
        """The nodes that are mistakes, in order."""
        return [node for node in self.nodes if node.role == "mistake"]


class Segment(Record, frozen=True):
    """A piece of a trace: prose, the same in terse notation, and its span `[start, end)` in the think view's text."""

    role: Role
    text: str
    brief: str
    node: int
    start: int
    end: int


class Trace(Record, frozen=True):
    """Ordered segments; the last one is the answer. `answer` is the content of the final box in each notation."""

    segments: tuple[Segment, ...]
    answer: str
    answer_brief: str = ""


class Pair(Record, frozen=True):
    """Both views of one tree: the correct path alone, and the whole trial and error."""

    pair_id: str
    problem: Problem
    tree: str
    method: str
    shortcut: Trace
    journey: Trace
    mistakes: int
    provenance: dict[str, Any] = {}
    version: int = SCHEMA_VERSION


class Question(Record, frozen=True):
    """An evaluation question: the problem as asked; joined to samples by its id."""

    id: str
    benchmark: str
    problem: Problem


class Sample(Record, frozen=True):
    """One generated answer to one question by one run.

    `index` numbers several answers to a question: samples, rounds, continuations or caps. `tokens` are those generated,
    `flops` what prompt and answer cost (None for a model of unknown size), `logprob` the sum over the tokens where they
    were drawn by chance, rounded to 4 places. `seconds` is 0 in files: timing.json has what was measured. `reason` is why it
    ended in the word of the server that wrote it, where `finish` has another ("" where it has not).
    """

    question: str
    run: str
    text: str
    tokens: int
    seconds: float
    finish: Literal["stop", "length", "content_filter"]
    index: int = 0
    prompt_tokens: int = 0
    flops: int | None = None
    logprob: float | None = None
    reason: str = ""


class Reward(Record, frozen=True):
    """What a reward model gives one sample."""

    question: str
    run: str
    index: int
    reward: float


Proof = Literal["checked:question", "checked:solution", "estimated"]
"""How a step is known to be wrong: refuted from question and text alone, with the help of the gold annotation, or by what
share of continuations still comes out right."""


class FirstMistake(Record, frozen=True):
    """The earliest step of an answer that a check finds wrong; all None where none does.

    `proof` says how it is known to be wrong and `before` whether every earlier step is known to be right (where no mistake is
    found: whether every step is). Only both together say that the first mistake has been found. `span` is in the answer's
    text. `claim` and `truth` are what curation refutes it by, where it is a claim. `counts` of an estimate: right ones and all
    of the continuations before the step, and after it.
    """

    kind: str | None = None
    span: tuple[int, int] | None = None
    proof: Proof | None = None
    before: bool = False
    claim: Claim | None = None
    truth: str | bool | None = None
    counts: tuple[int, int, int, int] | None = None

    @property
    def checked_first(self) -> bool:
        """Whether a check proves the step wrong and all steps before it right."""
        return self.before and self.proof is not None and self.proof != "estimated"


class Attempt(Record, frozen=True):
    """One answer that a policy gave to a problem, drawn once and read by methods, curation and preference pairs.

    `index` numbers the answers drawn by chance; the greedy one has -1. `steps` are the characters `[start, end)` of each
    step of the text. `prefix` is how many characters of the text were given to go on from (0: none).
    """

    problem: str
    policy: str
    index: int
    text: str
    steps: tuple[tuple[int, int], ...]
    tokens: int
    finish: Literal["stop", "length", "content_filter"]
    outcome: Literal["correct", "wrong", "no_answer", "undecided"]
    answer: str | None
    why: str
    temperature: float
    top_p: float
    prefix: int = 0
    mistake: FirstMistake = FirstMistake()

    @property
    def clean(self) -> bool:
        """Whether it is right and no check finds a mistake in it: what a shortcut can be."""
        return self.outcome == "correct" and self.mistake.kind is None


class Score(Record, frozen=True):
    """How a sample was judged, with what was extracted and why."""

    question: str
    run: str
    outcome: Literal["correct", "wrong", "no_answer", "undecided"]
    answer: str | None
    why: str


T = TypeVar("T")
_encoder = msgspec.json.Encoder()


def encode(record: Any) -> bytes:
    """JSON bytes of a record, fields in the order of the class."""
    return _encoder.encode(record)


def decode(data: bytes | str, kind: type[T]) -> T:
    """The record of JSON bytes. Raises msgspec.ValidationError, which names the field."""
    return msgspec.json.decode(data, type=kind)


def problem_id(source: str, *instance: str | int) -> str:
    """blake2b-128 of the source and the canonical instance, in hex; never of a solution."""
    return digest("problem", source, *instance).hex()


def pair_id(problem: str, method: str, tree: str) -> str:
    """The id of the pair that a method's tree on a problem gives."""
    return digest("pair", problem, method, tree).hex()
