"""The assembly of a pair from its mistakes: the reasoning tree, and the shortcut and the journey told from it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from fractions import Fraction
from random import Random
from typing import Any

from journey.answers.doubts import last_equation
from journey.answers.equations import equations
from journey.answers.spelling import spelling
from journey.generate.made import MadePair
from journey.generate.slips.annotated import Annotated
from journey.generate.slips.checks import Reason
from journey.generate.slips.narrate import AGAIN, Voice
from journey.generate.slips.slip import Slip
from journey.generate.slips.text import WrongStep, brief_number, right_brief
from journey.rng import digest, rng_for
from journey.schema import Follows, Node, Problem, QuantityClaim, Role, Trace, Tree
from journey.views import lay_out

Piece = tuple[Role, str, str, int]


@dataclass(frozen=True)
class Episode:
    """One mistake with all that comes of it; `wrong` is None when it is to stop early, which writes no step."""

    slip: Slip
    wrong: WrongStep | None
    window: tuple[WrongStep, ...]
    reason: Reason

    @property
    def first(self) -> int:
        """The step that the correct path resumes at."""
        return self.slip.back

    @property
    def last(self) -> int:
        """The last step written before the mistake is noticed."""
        return self.slip.step + len(self.window)

    @property
    def delay(self) -> int:
        """Steps written between the mistake and the notice."""
        return len(self.window)


def assemble(
    graph: Annotated,
    episodes: list[Episode],
    voice: Voice,
    seed: int,
    attempt: int,
    settings: dict[str, Any],
    method: str = "slips",
    rechecked: Collection[int] = (),
    abandoned: Annotated | None = None,
) -> MadePair:
    """The tree and the pair of a solution with these episodes, told in one voice; seed and attempt go into their ids.

    After the right steps in `rechecked` a re-check passes, in the same words whatever else the journey tells. With an
    `abandoned` solution the one episode is a step of that, and after it the solution is told from its start.
    """
    rechecks = {step: rng_for("recheck", seed, graph.problem.id, attempt, step) for step in rechecked}
    teller = _Teller(graph, voice, rechecks)
    for episode in episodes:
        if abandoned is not None:
            teller.abandon(abandoned, episode)
            break
        teller.upto(episode.first)
        teller.episode(episode)
    teller.upto(len(graph.steps))
    problem = graph.problem
    tree = Tree(
        tree_id(problem, seed, attempt, settings, method),
        problem,
        method,
        seed,
        tuple(teller.nodes),
        graph.quantities if abandoned is None or not episodes else abandoned.quantities,
        settings,
    )
    shortcut, journey = teller.traces()
    provenance = {
        "seed": seed,
        "attempt": attempt,
        "kinds": [each.slip.kind for each in episodes],
        "delays": [each.delay for each in episodes],
        "notices": [each.reason.check.kind for each in episodes],
        "settings": settings,
    }
    return MadePair.of(tree, shortcut, journey, len(episodes), provenance)


def tree_id(problem: Problem, seed: int, attempt: int, settings: dict[str, Any], method: str = "slips") -> str:
    """The id of the tree that these settings and draws give."""
    return digest("tree", problem.id, method, seed, attempt, repr(sorted(settings.items()))).hex()


class _Teller:
    """Writes nodes and the journey's pieces side by side, in the order in which they are told."""

    def __init__(self, graph: Annotated, voice: Voice, rechecks: Mapping[int, Random]) -> None:
        self.graph, self.voice, self.rechecks = graph, voice, rechecks
        self.write = spelling(graph.problem)
        self.nodes: list[Node] = []
        self.pieces: list[Piece] = []
        self.right: dict[int, int] = {}  # step -> node of its right version
        self.root = self._say("plan", voice.plan, "", None) if voice.plan else None

    def upto(self, end: int) -> None:
        """The right steps before `end` that are not written yet."""
        for index in range(end):
            if index not in self.right:
                self._right(index, "step", self._step_text(index), self._last())
                self._recheck(index)

    def abandon(self, other: Annotated, episode: Episode) -> None:
        """Steps of another solution up to a mistake in it, and the first step of this one as the correction."""
        own, rechecks = self.graph, self.rechecks
        self.graph, self.rechecks = other, {}
        self.upto(episode.first)
        self.episode(episode, begin_again=True)
        self.graph, self.rechecks, self.right = own, rechecks, {}
        self._right(0, "correction", self.voice.correction(own.steps[0].text, AGAIN), self.root)
        self._recheck(0)

    def episode(self, episode: Episode, *, begin_again: bool = False) -> None:
        """A mistake, its consequences, the notice, the way back and the correction, if the solution is not begun again."""
        slip, claim, before = episode.slip, episode.slip.claim, self._last()
        truth: str | bool = str(slip.truth)
        if isinstance(claim, Follows):
            truth, brief = False, slip.about["brief"]
            first = self._is_first()
            text = self.voice.step(self.voice.announce(slip.about["name"], first=first), "\n", first)
        elif episode.wrong is None:
            text, brief = self.voice.early(slip.value), f"so answer {brief_number(slip.value)} ?"
        else:
            text, brief = self._wrong_text(episode.wrong), episode.wrong.brief
        check, form = episode.reason.check, episode.reason.form
        mistake = self._say(
            "mistake", text, brief, before, verdict="wrong", claim=claim, truth=truth, check=check, kind=slip.kind
        )
        node, affected = mistake, list[Fraction]()
        for each in episode.window:
            if each.as_written:
                affected += each.changed.values()
                node = self._say("consequence", self._wrong_text(each), each.brief, node, verdict="wrong")
            elif each.changed:
                name, value = list(each.changed.items())[-1]
                affected.append(value)
                node = self._say(
                    "consequence",
                    self._wrong_text(each),
                    each.brief,
                    node,
                    verdict="wrong",
                    claim=QuantityClaim(name, str(value)),
                    truth=str(self.graph.values[name]),
                )
            else:
                node = self._right(each.step, "step", self._step_text(each.step), node)
        sentence = self.voice.notice(episode.reason, episode.delay)
        notice = self._say("notice", sentence, episode.reason.brief, mistake, check=check, reason=form)
        self._say(
            "backtrack",
            self.voice.backtrack(slip.value, affected, episode.delay, AGAIN if begin_again else slip.kind),
            "back ." if begin_again else self._back(episode),
            notice,
        )
        if not begin_again:
            self._correct(episode, before)

    def _back(self, episode: Episode) -> str:
        letters = self.graph.problem.facts.get("letters", [])
        index = int(self.graph.steps[episode.first].equations[0].id[1:]) - 1
        return f"back to {letters[index]} ." if index < len(letters) else "back ."

    def _correct(self, episode: Episode, before: int | None) -> None:
        """The right version of the step, then of the later ones that were wrong."""
        end = min(episode.last + 1, len(self.graph.steps))
        steps = [step for step in range(episode.first, end) if step not in self.right]
        for index, step in enumerate(steps):
            text = self.graph.steps[step].text
            sentence = self.voice.redo(text) if index else self.voice.correction(text, episode.slip.kind)
            before = self._right(step, "step" if index else "correction", sentence, before)
            self._recheck(step)

    def _recheck(self, index: int) -> None:
        """A doubt about a right step that finds nothing, where one is due and the step states an equation of its own."""
        brief = right_brief(self.graph, self.graph.steps[index])
        if index not in self.rechecks or last_equation(brief) is None:
            return
        text, terse = self.voice.recheck(brief, self.rechecks[index])
        equation = next(equations(terse, terse=True))
        node = self._node("check", f"{equation.left} = {equation.right} .", self.right[index])
        self.pieces.append(("check", text, terse, node))

    def traces(self) -> tuple[Trace, Trace]:
        """The shortcut and the journey, both ending in the same box."""
        value = self.graph.values[self.graph.final]
        answer, brief = str(value) if value.denominator == 1 else self._gold(), brief_number(value)
        last = self.right[len(self.graph.steps) - 1]
        text, terse = self.voice.answer(answer), f"\\boxed{{ {brief} }}"
        node = self._node("answer", terse, last)
        closing: Piece = ("answer", text, terse, node)
        short: list[Piece] = [] if self.root is None else [self.pieces[0]]
        for index, step in enumerate(self.graph.steps):
            sentence = self.voice.step(step.text, step.joint, index == 0)
            short.append(("step", sentence, right_brief(self.graph, step), self.right[index]))
        write = self.write
        told = [
            [(r, text, write(said), node) for r, text, said, node in (*own, closing)] for own in (short, self.pieces)
        ]
        traces = [Trace(lay_out(pieces), answer, write(brief)) for pieces in told]
        return traces[0], traces[1]

    def _gold(self) -> str:
        return self.graph.problem.answer.strip().lstrip("$").replace(",", "")

    def _step_text(self, index: int) -> str:
        step = self.graph.steps[index]
        return self.voice.step(step.text, step.joint, self._is_first())

    def _is_first(self) -> bool:
        return len(self.pieces) == (self.root is not None)

    def _wrong_text(self, wrong: WrongStep) -> str:
        return self.voice.step(wrong.text, self.graph.steps[wrong.step].joint, self._is_first())

    def _right(self, index: int, role: Role, text: str, parent: int | None) -> int:
        self.right[index] = self._say(role, text, right_brief(self.graph, self.graph.steps[index]), parent)
        return self.right[index]

    def _last(self) -> int | None:
        return self.right[max(self.right)] if self.right else self.root

    def _say(self, role: Role, text: str, brief: str, parent: int | None, **facts: Any) -> int:
        node = self._node(role, brief, parent, **facts)
        self.pieces.append((role, text, brief, node))
        return node

    def _node(self, role: Role, brief: str, parent: int | None, **facts: Any) -> int:
        self.nodes.append(Node(len(self.nodes), parent, role, self.write(brief), **facts))
        return len(self.nodes) - 1
