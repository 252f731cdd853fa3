"""A tree of a policy's own steps, as O1-Journey grows it: expanded, scored, cut by a beam, and told with its wrong branches.

Leaves are judged by the checker. Steps are scored by continuations (`montecarlo`), a reward model or a judge (`--critic`), or what
can be computed (`solver`). Where a family can be searched, the tree is told as `search` tells it; problems in words are told step
by step, back to the lowest common ancestor (ASTRO, arXiv 2507.00417).

    journey generate --family countdown@1 --method rollouts --policy pocket --pairs 100 --out data/runs/rollouts
"""

from __future__ import annotations

from random import Random
from typing import Any, ClassVar

from pydantic import BaseModel

from journey.generate.asking import policy_search, policy_steps
from journey.generate.asking.policy_steps import GrownStep, StepTree, doubtful
from journey.generate.asking.proposing import prompts_used
from journey.generate.asking.requests import AskedModels, AskedRole, Asking, provenance_of
from journey.generate.asking.settings import RolloutsSettings
from journey.generate.asking.tell import UNVERIFIED, StepTeller, ToldStep
from journey.generate.attempts.branches import is_search
from journey.generate.made import MadePair, Rejection
from journey.generate.protocols import METHODS
from journey.rng import digest, rng_for
from journey.schema import Node, Problem, Quantity, Trace, Tree

NEEDS_POLICY = Rejection("needs_policy", "give --policy, the model that is asked")


@METHODS.add(
    "rollouts",
    model=True,
    problems=True,
    revision=2,
    needs=("policy",),
    may_need=("critic",),
    prompts=("judge", "reward", "step"),
)
class Rollouts:
    """A policy's tree of steps, scored and searched, with its wrong branches told and left."""

    Settings: ClassVar[type[BaseModel]] = RolloutsSettings

    def __init__(self, settings: RolloutsSettings | None = None) -> None:
        self.settings = settings or RolloutsSettings()

    @property
    def asks(self) -> tuple[AskedRole, ...]:
        """The models that these settings need."""
        return ("policy", "critic") if self.settings.score in ("reward", "judge") else ("policy",)

    @property
    def goes_on(self) -> bool:
        """Whether continuations are needed."""
        return self.settings.score == "montecarlo"

    @property
    def rewards(self) -> bool:
        """Whether the critic is a reward model."""
        return self.settings.score == "reward"

    def make(self, problem: Problem, seed: int, attempt: int = 0) -> MadePair | Rejection:
        """Nothing: there is no tree without a policy."""
        return NEEDS_POLICY

    def make_asking(self, problem: Problem, models: AskedModels, seed: int, attempt: int = 0) -> Asking:
        """The tree and its pair, or why there is none."""
        offset = attempt * self.settings.width
        if is_search(problem):
            space = yield from policy_search.grown(models, problem, self.settings, offset)
            rng = rng_for("search", seed, problem.id, attempt)
            found = policy_search.told(space, self.settings, rng)
            if isinstance(found, Rejection):
                return found
            narrated, search, timed = found
            facts = {"visited": len(search.visits), "origin": "own", "proof": "checked:question"}
            facts |= {"oracle_timed": True} if timed else {}
            traces = narrated.shortcut, narrated.journey
            return self._made(problem, models, (seed, attempt), narrated.nodes, (), traces, narrated.mistakes, facts)
        tree = yield from policy_steps.grown(models, problem, self.settings, offset)
        return self._of_steps(problem, models, tree, seed, attempt)

    def _of_steps(
        self, problem: Problem, models: AskedModels, tree: StepTree, seed: int, attempt: int
    ) -> MadePair | Rejection:
        ends = list(tree.right_ends())
        if not ends:
            reasons = "never_right" if any(step.outcome for step in tree.steps) else "no_answer"
            return Rejection(reasons, f"{len(tree.steps)} steps")
        rng = rng_for("rollouts", seed, problem.id, attempt)
        end = ends[rng.randrange(len(ends))]
        path = tree.path(end.number)[:-1]
        if not path:
            return Rejection("answer_without_steps")
        teller = StepTeller(problem, rng, compact=models["policy"].view == "compact")
        last = self._tell(teller, tree, path, rng)
        shortcut, journey = teller.traces(str(end.answer), " ".join(str(end.answer).split()), last)
        facts: dict[str, Any] = {"kinds": teller.mistakes, "notices": teller.checks}
        if teller.mistakes:
            proofs = sorted(set(teller.proofs), key=("checked:question", "estimated", UNVERIFIED).index)
            facts |= {"origin": "own", "proof": proofs[-1]}
            if proofs[-1] != "checked:question":  # no reason stands in the text
                facts["oracle_timed"] = True
        return self._made(
            problem,
            models,
            (seed, attempt),
            tuple(teller.nodes),
            teller.quantities(),
            (shortcut, journey),
            len(teller.mistakes),
            facts,
        )

    def _tell(self, teller: StepTeller, tree: StepTree, path: list[GrownStep], rng: Random) -> int:
        """The right path with the wrong branches that leave it told before its own steps; gives the last node."""
        score = self.settings.score != "solver"

        def told(step: GrownStep) -> ToldStep:
            return ToldStep(step.step.text, step.judged, "own", step.score if score else None)

        on_path, nodes = {step.number for step in path} | {0}, {0: 0}
        branches: dict[int, list[list[GrownStep]]] = {}  # by the number of the step on the path where they leave it
        for step in tree.steps:
            wrong = step.judged.verdict == "wrong" or (
                self.settings.told == "all" and doubtful(tree, step, self.settings)
            )
            whole = tree.path(step.number)
            branch = [each for each in whole if each.number not in on_path]
            if not branch or not wrong or step.outcome is not None:
                continue
            if len(branch) - 1 <= self.settings.detour and all(each.judged.verdict == "right" for each in branch[:-1]):
                branches.setdefault(branch[0].parent, []).append(branch)
        before = 0
        for step in path:
            leaving = branches.get(before, [])
            if self.settings.trials != "all":
                leaving = sorted(
                    rng.sample(leaving, min(len(leaving), self.settings.trials - 1)), key=lambda b: b[-1].number
                )
            for branch in leaving:
                at = nodes[before]
                for each in branch[:-1]:
                    at = nodes[each.number] = teller.detour(told(each), at)
                nodes[branch[-1].number] = teller.taken_back(told(branch[-1]), at, nodes[before])
            nodes[step.number] = teller.stands(told(step), nodes[before], corrects=bool(leaving))
            before = step.number
        last = nodes[before]
        for step in tree.steps:
            if step.number not in nodes and step.outcome is None and step.parent in nodes:
                nodes[step.number] = len(teller.nodes)
                teller.kept_aside(told(step), nodes[step.parent], step.reason or "on no path that is told")
        return last

    def _made(
        self,
        problem: Problem,
        models: AskedModels,
        numbers: tuple[int, int],
        nodes: tuple[Node, ...],
        quantities: tuple[Quantity, ...],
        traces: tuple[Trace, Trace],
        mistakes: int,
        facts: dict[str, Any],
    ) -> MadePair:
        seed, attempt = numbers
        settings = self.settings.model_dump(mode="json")
        who = repr([models[role].plain() for role in self.asks])
        told = repr([(node.text, node.parent) for node in nodes])
        identity = digest(
            "tree", problem.id, "rollouts", seed, attempt, repr(sorted(settings.items())), who, told
        ).hex()
        tree = Tree(identity, problem, "rollouts", seed, nodes, quantities, settings)
        known = provenance_of(models, self.asks, prompts_used(models, self.settings.score))
        provenance = {"seed": seed, "attempt": attempt, **known, **facts, "settings": settings}
        return MadePair.of(tree, *traces, mistakes, provenance)
