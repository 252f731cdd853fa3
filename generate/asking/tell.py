"""Journeys of steps that a model proposed, told step by step: what stands, what was taken back and why, what came instead.

Of a rejected branch the steps are told that lie between the path and the mistake; then the journey goes back to where the branch
left the path, the lowest common ancestor of both (as in ASTRO, arXiv 2507.00417).
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from random import Random
from typing import Any

from journey.generate.asking import phrases
from journey.generate.asking.steps import JudgedStep, in_prose
from journey.generate.attempts import phrases as attempt_phrases
from journey.generate.attempts.branches import is_search
from journey.generate.first_mistake.quantities import graph_of
from journey.generate.first_mistake.searches import ReadMove
from journey.generate.search import phrases as search_phrases
from journey.generate.search.narrate import listed
from journey.generate.search.phrases import spoken
from journey.generate.slips.text import brief_tokens
from journey.schema import Node, Problem, Quantity, QuantityClaim, Role, Trace
from journey.views import lay_out

Piece = tuple[Role, str, str, int]
_HEAD = re.compile(r"(?<![A-Za-z])[a-z] = (?=[-\d(])")  # a story in words does not name its quantities by letters
_MINUS = re.compile(r"(^|[-+*/=(] )- (?=\d)")  # the sign of a number, not of a subtraction
UNVERIFIED = "unverified"


@dataclass(frozen=True)
class ToldStep:
    """A step as it was proposed, with what is known of it, where its mistake comes from, and its score if it has one."""

    text: str
    judged: JudgedStep
    origin: str
    score: float | None = None


class StepTeller:
    """Writes nodes and pieces side by side; `compact` says that the steps were written in terse notation."""

    def __init__(self, problem: Problem, voice: Random, *, compact: bool) -> None:
        self.problem, self.voice, self.compact = problem, voice, compact
        self.searching = is_search(problem)
        self.nodes: list[Node] = [Node(0, None, "plan", "")]
        self.pieces: list[Piece] = []
        self.short: list[Piece] = []
        self.mistakes: list[str] = []
        self.checks: list[str] = []
        self.proofs: list[str] = []
        self._said_last: dict[tuple[str, ...], str] = {}
        if self.searching:
            start = listed(tuple(problem.facts["numbers"]))[0]
            plan = voice.choice(search_phrases.PLANS) % {"s": start, "t": int(problem.facts["target"])}
            self.pieces.append(("plan", plan, "", 0))
            self.short.append(self.pieces[0])

    def stands(self, step: ToldStep, parent: int, *, corrects: bool) -> int:
        """A step of the right path, in both traces; gives its node."""
        text, brief = self._said(step)
        role: Role = "correction" if corrects else "step"
        node = self._node(role, parent, step, verdict="right")
        self.pieces.append((role, text, brief, node))
        self.short.append(("step", text, brief, node))
        return node

    def detour(self, step: ToldStep, parent: int) -> int:
        """A right step of a branch that is left, in the journey alone."""
        text, brief = self._said(step)
        node = self._node("step", parent, step, verdict="right")
        self.pieces.append(("step", text, brief, node))
        return node

    def taken_back(self, step: ToldStep, parent: int, back_to: int, why: str | None = None) -> int:
        """A step that is taken back: a mistake with its notice where a check refutes it, else one that is not verified.

        `why` are a critic's words. A step that a check finds right is set aside, and is no mistake. Then the journey is where
        it was after the node `back_to`.
        """
        text, brief = self._said(step)
        judged = step.judged
        if judged.verdict == "right":
            node = self._node("step", parent, step, verdict="unknown", reason=why or "set aside")
            self.pieces.append(("step", text, brief, node))
            self._back(node, back_to, why or self._phrase(phrases.LEAVES), self._phrase(phrases.BACKS))
            return node
        wrong: dict[str, Any] = {
            "verdict": "wrong",
            "origin": step.origin,
            "reason": why,
            "kind": judged.kind or "doubted",
        }
        if judged.verdict == "wrong":
            wrong |= {"claim": judged.claim, "truth": judged.truth, "check": judged.check, "proof": judged.proof}
        else:
            wrong |= {"proof": "estimated" if step.score is not None else UNVERIFIED}
        node = self._node("mistake", parent, step, **wrong)
        self.pieces.append(("mistake", text, brief, node))
        self.mistakes.append(str(wrong["kind"]))
        self.proofs.append(str(wrong["proof"]))
        self.checks.append(judged.check.kind if judged.check else "none")
        notice, terse = self._notice(step, why)
        self.pieces.append(("notice", f" {notice}", terse, node))
        self._back(node, back_to, None, self._phrase(phrases.BACKS))
        return node

    def rechecked(self, step: ToldStep, node: int, why: str) -> None:
        """A doubt about a step that stands, in the critic's words; no calculation of it is taken for checked."""
        terse = step.judged.terse
        number = self._node("check", node, None, text=terse if "=" in terse and not self.searching else "")
        self.pieces.append(
            ("check", f" {why}", f"check {terse}".strip() + ("" if terse.endswith(".") else " ."), number)
        )

    def kept_aside(self, step: ToldStep, parent: int, reason: str) -> None:
        """A rejected step that is not told: in the tree alone, with the reason."""
        judged = step.judged
        if judged.verdict == "wrong" and judged.claim is not None:
            facts: dict[str, Any] = {
                "verdict": "wrong",
                "claim": judged.claim,
                "truth": judged.truth,
                "kind": judged.kind,
            }
            facts |= {"check": judged.check, "origin": step.origin, "proof": judged.proof, "reason": reason}
            self._node("mistake", parent, step, **facts)
            return
        self._node(
            "plan" if judged.move is None and self.searching else "step", parent, step, verdict="unknown", reason=reason
        )

    def quantities(self) -> tuple[Quantity, ...]:
        """The quantities of the problem's graph, where a claim is about one of them."""
        graph = graph_of(self.problem) if any(isinstance(node.claim, QuantityClaim) for node in self.nodes) else None
        return graph.quantities if graph is not None else ()

    def traces(self, answer: str, brief: str, last: int) -> tuple[Trace, Trace]:
        """The shortcut and the journey, both ending in the same box."""
        closing: Piece = ("answer", self.voice.choice(phrases.ANSWERS) % answer, f"\\boxed{{ {brief} }}", last)
        traces = []
        for pieces in (self.short, self.pieces):
            first = (pieces[0][0], pieces[0][1].lstrip(), *pieces[0][2:])
            traces.append(Trace(lay_out([first, *pieces[1:], closing]), answer, brief))
        return traces[0], traces[1]

    def _node(self, role: Role, parent: int, step: ToldStep | None, *, text: str | None = None, **facts: Any) -> int:
        number = len(self.nodes)
        terse = text if text is not None else step.judged.terse if step is not None else ""
        known = {name: value for name, value in facts.items() if value is not None}
        if step is not None and step.score is not None:
            known["score"] = step.score
        self.nodes.append(Node(number, parent, role, terse, **known))
        return number

    def _said(self, step: ToldStep) -> tuple[str, str]:
        """A step in prose and in terse notation: as the model wrote it in one, by rule in the other."""
        written, terse, move = in_prose(step.text), step.judged.terse, step.judged.move
        if not self.compact:
            if move is not None:
                after = listed(left)[1] if len(left := _left(move)) > 1 else ""
                return f"\n{written}", f"try {terse} left {after} ." if after else f"{terse} ."
            return f"\n{written}", terse or "."
        if move is None:
            written_out = _HEAD.sub("", written) if self.problem.facts.get("form") == "story" else written
            written_out = written_out.rstrip(" .").replace(" . ", ", ")
            return "\n" + self._phrase(phrases.STEPS) % {"s": _signed(written_out)}, written
        left = _left(move)
        if len(left) < 2:
            target = int(self.problem.facts["target"])
            words = spoken(target)
            bank = words.hits if move.result == target else words.highs if move.result > target else words.lows
            return f"\n{terse}{self.voice.choice(bank)}", written if terse in written else f"{terse} ."
        before, between, end = self.voice.choice(search_phrases.TRIES)
        numbers, brief = listed(left)
        return (
            f"\n{before}{terse}{between}{numbers}{end}",
            written if terse in written else f"try {terse} left {brief} .",
        )

    def _notice(self, step: ToldStep, why: str | None) -> tuple[str, str]:
        """Why a step is taken back, in the critic's words or by rule, and in terse notation."""
        judged, phrase = step.judged, self._phrase
        if judged.shown is not None:
            left, truth, value = judged.shown
            if isinstance(judged.claim, QuantityClaim) and (instead := _calculated(judged)):
                slots = {"e": _signed(left), "v": _signed(truth), "w": _signed(instead)}
                said = why or phrase(phrases.ANOTHER_CALCULATION) % slots
                return said, f"check {left} not {instead} ."
            slots = {"e": _signed(left), "v": _signed(truth), "x": _signed(value)}
            return why or phrase(attempt_phrases.RECOMPUTED) % slots, f"check {left} = {truth} not {value} ."
        if judged.move is not None and judged.verdict == "wrong":
            target = int(self.problem.facts["target"])
            if judged.kind == "wrong last step":
                high = judged.move.result > target
                bank = attempt_phrases.TOO_HIGH if high else attempt_phrases.TOO_LOW
                return why or phrase(bank) % {"t": target}, "high ." if high else "low ."
            slots = {"r": listed(judged.move.after or ())[0] if judged.move.after else "these", "t": str(target)}
            return why or phrase(phrases.DEAD_ENDS) % slots, "dead end ."
        doubts = phrases.FAILS if step.score is not None else phrases.FOUND_WANTING
        return why or phrase(doubts), "wrong ."

    def _phrase(self, bank: tuple[str, ...]) -> str:
        """One of a bank, and not the one of it that was said last."""
        last = self._said_last.get(bank)
        said = self._said_last[bank] = self.voice.choice([each for each in bank if each != last])
        return said

    def _back(self, node: int, back_to: int, first: str | None, text: str) -> None:
        said = f" {first} {text}" if first else f" {text}"
        move = self.nodes[back_to].text if self.searching and back_to else ""
        state = (
            f"back to {listed(tuple(self.problem.facts['numbers']))[1]} ." if self.searching and not move else "back ."
        )
        self.pieces.append(("backtrack", said, state, node))


def _signed(terse: str) -> str:
    """A calculation of terse notation for a sentence: `31 - 49 = -18`, where the minus sign of a number was a word of its own."""
    return _MINUS.sub(r"\1-", terse)


def _calculated(judged: JudgedStep) -> str | None:
    """What a step calculates rightly where another calculation is due; None where it does not say it."""
    assert isinstance(judged.claim, QuantityClaim)
    value = Fraction(judged.claim.value)
    return next((brief_tokens(each.tokens) for each in judged.equations if each.claimed == value and each.true), None)


def _left(move: ReadMove) -> tuple[int, ...]:
    """The numbers that a move leaves, its own result among them even where that is false; none where it takes what is not there."""
    if move.after is not None:
        return move.after
    rest = Counter(move.before)
    rest.subtract((move.a, move.b))
    return () if min(rest.values()) < 0 else tuple(sorted([*rest.elements(), move.result], reverse=True))
