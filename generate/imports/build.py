"""A told journey as a frozen tree and the pair of its views, or the reason why it cannot be one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from journey.answers.steps import decidable_equations
from journey.generate.imports import phrases
from journey.generate.imports.told import (
    REASONED,
    EquationCount,
    ToldJourney,
    ToldSegment,
    decided,
    false_equation,
    weakest,
)
from journey.generate.made import MadePair, Rejection
from journey.rng import digest
from journey.schema import Node, Problem, Role, Trace, Tree
from journey.views import lay_out

METHOD = "import"
_RIGHT_PATH: tuple[Role, ...] = ("plan", "step", "correction")
_ON_A_NODE_OF_ITS_OWN: tuple[Role, ...] = ("plan", "step", "mistake", "consequence", "correction", "check")
_Piece = tuple[Role, str, str, int]


def build(
    problem: Problem,
    told: ToldJourney,
    numbers: tuple[int, int],
    settings: dict[str, Any],
    provenance: dict[str, Any],
    voice: Random,
) -> MadePair | Rejection:
    """The pair of a journey: every mistake noticed, no false equation anywhere else, both halves with some work."""
    journey = _with_checks([decided(each) for each in told.segments])
    refused = _refused(journey)
    if refused is not None:
        return refused
    count = EquationCount()
    for each in journey:
        if each.role != "mistake":
            count.add(decidable_equations(each.text))
    grown = _Grown(voice.choice(phrases.ANSWERS) % problem.answer, provenance.get("origin"))
    short = grown.journey(journey)
    if told.shortcut is not None:
        short = grown.apart(told.shortcut)
    reason = _shortcut_refused(told, journey, short)
    if reason is not None:
        return reason
    traces = [Trace(lay_out([*pieces, grown.closing()]), problem.answer) for pieces in (short, grown.pieces)]
    mistakes = [each for each in journey if each.role == "mistake"]
    proofs = [each.proof for each in mistakes]
    facts = {
        **provenance,
        "seed": numbers[0],
        "attempt": numbers[1],
        "rows": list(told.rows),
        "shortcut": told.way,
        **({"ending": told.ending} if told.ending else {}),
        **({"proof": weakest(proofs), "proofs": dict(sorted(Counter(map(str, proofs)).items()))} if mistakes else {}),
        "kinds": [each.kind or "other" for each in mistakes],
        "equations": count.read,
        **({"oracle_timed": True} if any(_blind(journey, n) for n in range(len(journey))) else {}),
        **told.facts,
        "settings": settings,
    }
    if not mistakes:
        facts.pop("origin", None)
    texts = [f"{piece[0]}\t{piece[1]}" for trace in (short, grown.pieces) for piece in trace]
    identity = digest("tree", problem.id, METHOD, *numbers, repr(sorted(settings.items())), *texts).hex()
    tree = Tree(identity, problem, METHOD, numbers[0], tuple(grown.nodes), settings=settings)
    return MadePair.of(tree, traces[0], traces[1], len(mistakes), facts)


def _with_checks(journey: Sequence[ToldSegment]) -> tuple[ToldSegment, ...]:
    """The same, each mistake with the check of the notice that was written for it here."""
    found = list(journey)
    for place, each in enumerate(found):
        if each.role == "mistake" and each.claim is not None:
            notice = next((later for later in found[place + 1 :] if later.role in ("notice", "mistake")), None)
            found[place] = replace(each, check=None if notice is None else notice.check)
    return tuple(found)


def _refused(journey: Sequence[ToldSegment]) -> Rejection | None:
    """Why a journey cannot be told: a mistake that nobody takes back, a false equation that nobody sees, or no work."""
    open_mistake: ToldSegment | None = None
    for each in journey:
        if each.role == "mistake":
            open_mistake = open_mistake or each
        elif each.role == "notice":
            open_mistake = None
        elif each.role in REASONED and (equation := false_equation(each.text)) is not None:
            said = f"{equation.left} = {equation.right}, which is {equation.exact}"
            return Rejection("false_equation_not_noticed", said[:200])
    if open_mistake is not None:
        return Rejection("mistake_not_noticed", open_mistake.text[:200])
    if not any(each.role in REASONED for each in journey):
        return Rejection("no_right_step")
    return None


def _shortcut_refused(told: ToldJourney, journey: Sequence[ToldSegment], short: Sequence[_Piece]) -> Rejection | None:
    if not any(piece[0] in _RIGHT_PATH and piece[0] != "plan" for piece in short):
        return Rejection("no_shortcut", f"by the way {told.way}")
    wrong = next((e for piece in short if (e := false_equation(piece[1])) is not None), None)
    if wrong is not None:
        return Rejection("false_equation_in_shortcut", f"{wrong.left} = {wrong.right}, which is {wrong.exact}"[:200])
    return None


def _blind(journey: Sequence[ToldSegment], place: int) -> bool:
    """Whether a mistake is left for no reason that its reader could see: the notice was added, and nothing computed refutes it."""
    if journey[place].role != "mistake" or journey[place].claim is not None:
        return False
    notice = next((each for each in journey[place + 1 :] if each.role == "notice"), None)
    return notice is not None and notice.added


@dataclass
class _Grown:
    """The nodes of a tree and the pieces of its journey, as they are written."""

    answer: str
    origin: str | None  # of the mistakes
    nodes: list[Node] = field(default_factory=list)
    pieces: list[_Piece] = field(default_factory=list)
    last: int | None = None  # of the right path

    def journey(self, told: Sequence[ToldSegment]) -> list[_Piece]:
        """Write the journey; gives the right path alone, cut out of it."""
        short: list[_Piece] = []
        wrong: int | None = None  # the mistake that is noticed and left
        for each in told:
            if each.role not in _ON_A_NODE_OF_ITS_OWN and self.nodes:
                left = wrong if wrong is not None else len(self.nodes) - 1
                self.pieces.append((each.role, self._spaced(each, self.pieces), "", left))
                continue
            node = self._node(each, wrong if each.role == "consequence" else self.last)
            self.pieces.append((each.role, self._spaced(each, self.pieces), "", node))
            wrong = node if each.role == "mistake" else wrong
            if each.role in _RIGHT_PATH:
                self.last = node
            if each.role in _RIGHT_PATH and not each.abandoned:
                role: Role = "step" if each.role == "correction" else each.role
                short.append((role, self._spaced(each, short), "", node))
        return short

    def apart(self, told: Sequence[ToldSegment]) -> list[_Piece]:
        """Write a right path of its own, beside the journey: another branch from the root."""
        short: list[_Piece] = []
        before = None
        for each in told:
            before = self._node(each, before)
            short.append((each.role, self._spaced(each, short), "", before))
        return short

    def closing(self) -> _Piece:
        """The answer of both halves."""
        if not self.nodes or self.nodes[-1].role != "answer":
            self.nodes.append(Node(len(self.nodes), self.last, "answer", self.answer))
        return "answer", self.answer, "", len(self.nodes) - 1

    def _spaced(self, each: ToldSegment, before: Sequence[_Piece]) -> str:
        return f"{each.gap}{each.text}" if before else each.text

    def _node(self, each: ToldSegment, parent: int | None) -> int:
        wrong = each.role == "mistake"
        node = Node(
            len(self.nodes),
            parent,
            each.role if each.role in _ON_A_NODE_OF_ITS_OWN else "plan",
            " ".join(each.text.split()),
            "wrong" if wrong else each.verdict,
            each.claim,
            each.truth,
            each.check,
            each.reason,
            each.kind,
            self.origin if wrong else None,
            each.proof if wrong else None,
        )
        self.nodes.append(node)
        return node.id
