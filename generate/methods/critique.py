"""A policy proposes steps one at a time, and a critic says of each: continue, back, reflect or stop, and why.

The journey is what happened: steps that stood, steps that were taken back for the critic's reason, doubts about steps that stood.
The critic sees no gold answer unless `--oracle` shows it, which the pairs record; an oracle's words are not told, since they know
more than a reader does. A step that is taken back is a mistake with proof where question and text refute it; else it is
`unverified`, and a step that is found right by a check was only set aside. The critic is shown data between tags, and only a reply
of the exact form counts.

    journey generate --family countdown@1 --method critique --policy pocket --critic pocket --pairs 100 --out data/runs/critique
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from pydantic import BaseModel, Field

from journey.answers.grading import grade
from journey.config import Settings
from journey.generate.asking.critic import ask_critic, critic_prompts, tells_gold
from journey.generate.asking.prompts import prompt_hash
from journey.generate.asking.proposing import read_steps, step_requests
from journey.generate.asking.replies import CriticVerdict
from journey.generate.asking.requests import AskedModels, AskedRole, Asking, ModelRequest, Replies, provenance_of
from journey.generate.asking.steps import NOT_THERE, JudgedStep, ProposedStep, judge, state_after
from journey.generate.asking.tell import UNVERIFIED, StepTeller, ToldStep
from journey.generate.attempts.branches import is_search
from journey.generate.made import MadePair, Rejection
from journey.generate.protocols import METHODS
from journey.generate.search.narrate import expression_of, terse_expression
from journey.rng import digest, rng_for
from journey.schema import Problem, Tree

NEEDS_BOTH = Rejection("needs_policy", "give --policy, which proposes steps, and --critic, which judges them")


class CritiqueSettings(Settings):
    """How long policy and critic go on."""

    steps: int = Field(16, ge=1, le=200, description="steps that stand, at most")
    tries: int = Field(
        4, ge=1, le=64, description="steps that are proposed at one place before the problem is given up"
    )
    step_tokens: int = Field(64, ge=4, le=4096, description="tokens of a proposed step, at most")
    answer_tokens: int = Field(
        128, ge=4, le=4096, description="tokens of the answer that is asked for after `stop`, at most"
    )
    critic_tokens: int = Field(160, ge=4, le=4096, description="tokens of what the critic says, at most")


@dataclass
class _Work:
    """The work on one problem so far: what stands, what was taken back at every place, and what was doubted."""

    begun: str = ""
    path: list[JudgedStep] = field(default_factory=list)
    told: list[tuple[ProposedStep, JudgedStep, CriticVerdict]] = field(default_factory=list)
    answer: str | None = None
    unread: int = 0

    @property
    def moves(self) -> list[tuple[int, str, int, int]]:
        """The moves of a search that stand."""
        return [(move.a, move.sign, move.b, move.result) for judged in self.path if (move := judged.move) is not None]


@METHODS.add(
    "critique",
    model=True,
    revision=2,
    problems=True,
    needs=("policy", "critic"),
    prompts=("critic", "critic_oracle", "step"),
)
class Critique:
    """A policy's steps, each judged by a critic that says continue, back, reflect or stop, and why."""

    Settings: ClassVar[type[BaseModel]] = CritiqueSettings
    goes_on: ClassVar[bool] = False
    rewards: ClassVar[bool] = False
    asks: ClassVar[tuple[AskedRole, ...]] = ("policy", "critic")

    def __init__(self, settings: CritiqueSettings | None = None) -> None:
        self.settings = settings or CritiqueSettings()

    def make(self, problem: Problem, seed: int, attempt: int = 0) -> MadePair | Rejection:
        """Nothing: there is no journey without a policy and a critic."""
        return NEEDS_BOTH

    def make_asking(self, problem: Problem, models: AskedModels, seed: int, attempt: int = 0) -> Asking:
        """The work of both, and its pair where it ends in the right answer."""
        work = _Work()
        while len(work.path) < self.settings.steps:
            ended = yield from self._place(problem, models, work, attempt)
            if isinstance(ended, Rejection):
                return ended
            if ended:
                return self._made(problem, models, work, (seed, attempt))
        return Rejection("too_many_steps", f"{len(work.path)} steps")

    def _place(
        self, problem: Problem, models: AskedModels, work: _Work, attempt: int
    ) -> Generator[Sequence[ModelRequest], Replies, Rejection | bool]:
        """One place of the path: proposals until one stands. True where the answer is there."""
        seen: set[str] = set()
        for number in range(self.settings.tries):
            draw = attempt * self.settings.tries + number
            replies = yield step_requests(models, problem, work.begun, [draw], self.settings.step_tokens)
            [step] = read_steps(models, work.begun, replies)
            if step is None:
                continue
            if step.answers:
                return self._answered(problem, work, work.begun + step.text)
            judged = judge(problem, work.begun, step.text, state_after(problem, work.path))
            if (judged.move is None and is_search(problem)) or judged.same_as in seen or judged.kind == NOT_THERE:
                continue
            seen.add(judged.same_as)
            verdict = yield from ask_critic(models, problem, work.begun, step.text, self.settings.critic_tokens)
            if verdict is None:
                work.unread += 1
                continue
            work.told.append((step, judged, verdict))
            if verdict.action == "back":
                continue
            work.begun += step.text
            work.path.append(judged)
            if is_search(problem):
                state = state_after(problem, work.path)
                if state is None or len(state) == 1:
                    return self._answered(problem, work, f"\\boxed{{{expression_of(work.moves)}}}")
                return False
            if verdict.action == "stop":
                return (yield from self._asked_for_answer(problem, models, work))
            return False
        if work.unread:
            return Rejection("critic_unreadable", f"{work.unread} replies of another form than was asked for")
        return Rejection("no_step_stands", f"{self.settings.tries} tries after {len(work.path)} steps")

    def _asked_for_answer(
        self, problem: Problem, models: AskedModels, work: _Work
    ) -> Generator[Sequence[ModelRequest], Replies, Rejection | bool]:
        """The answer that the policy gives once the critic says stop."""
        [reply] = yield step_requests(models, problem, work.begun, [0], self.settings.answer_tokens)
        return self._answered(problem, work, work.begun + " " + reply.text)

    def _answered(self, problem: Problem, work: _Work, text: str) -> Rejection | bool:
        graded = grade(problem, text)
        if graded.outcome != "correct":
            return Rejection("wrong_answer" if graded.answer else "no_answer", graded.why)
        if not work.path:
            return Rejection("answer_without_steps")
        if any(judged.verdict == "wrong" for judged in work.path):
            return Rejection("mistake_in_what_stands")
        work.answer = graded.answer
        return True

    def _made(self, problem: Problem, models: AskedModels, work: _Work, numbers: tuple[int, int]) -> MadePair:
        seed, attempt = numbers
        rng = rng_for("critique", seed, problem.id, attempt)
        teller = StepTeller(problem, rng, compact=models["policy"].view == "compact")
        node, taken_back = 0, False
        for step, judged, verdict in work.told:
            told = ToldStep(step.text, judged, "model")
            reason = None if models.oracle or tells_gold(problem, verdict.reason) else verdict.reason
            if verdict.action == "back":
                teller.taken_back(told, node, node, reason)
                taken_back = True
                continue
            node = teller.stands(told, node, corrects=taken_back)
            taken_back = False
            if verdict.action == "reflect" and reason is not None:
                teller.rechecked(told, node, reason)
        answer = str(work.answer)
        brief = terse_expression(answer) if is_search(problem) else answer
        shortcut, journey = teller.traces(answer, brief, node)
        settings = self.settings.model_dump(mode="json")
        who = repr([models[role].plain() for role in self.asks])
        told_text = repr([(each.text, each.parent, each.reason) for each in teller.nodes])
        key = (repr(sorted(settings.items())), who, told_text, models.oracle)
        identity = digest("tree", problem.id, "critique", seed, attempt, *map(str, key)).hex()
        tree = Tree(identity, problem, "critique", seed, tuple(teller.nodes), teller.quantities(), settings)
        prompts = critic_prompts(models) | ({} if models["policy"].goes_on else {"step": prompt_hash("step")})
        facts: dict[str, Any] = {"kinds": teller.mistakes, "notices": teller.checks, "oracle": models.oracle}
        if teller.mistakes:
            proof = UNVERIFIED if UNVERIFIED in teller.proofs else "checked:question"
            facts |= {"origin": "model", "proof": proof}
        unshown = any(
            node.role == "mistake" and node.check and node.check.relation == "solves" for node in teller.nodes
        )
        if models.oracle or (unshown and models["critic"].view == "compact"):  # why it goes back stands in no text
            facts["oracle_timed"] = True
        provenance = {"seed": seed, "attempt": attempt, **provenance_of(models, self.asks, prompts), **facts}
        return MadePair.of(tree, shortcut, journey, len(teller.mistakes), {**provenance, "settings": settings})
