"""Another method's pairs in another voice: both traces rewritten by a model with one prompt, under a guard.

A rewrite that loses or changes a mistake, a notice, a correction, a number or the answer, or gets an equation wrong, is rejected, and
counted by what it lost (`journey.generate.asking.guard`). The answer is never rewritten, nor shown; nothing but the problem and the
trace is, so no gold answer and no oracle has a word in it.

    journey generate --problems words_train.jsonl --method refine --rewriter NAME@http://HOST/v1 --out data/runs/refined
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

import msgspec
from pydantic import BaseModel, Field

from journey.catalog import FAMILIES
from journey.catalog import METHODS as NAMES
from journey.config import Settings
from journey.generate.asking.guard import trace_loss
from journey.generate.asking.prompts import Marked, escaped, fill, prompt_hash
from journey.generate.asking.replies import read_lines
from journey.generate.asking.requests import AskedModels, AskedRole, Asking, ModelReply, ModelRequest
from journey.generate.made import MadePair, Rejection
from journey.generate.protocols import METHODS, AskingMethod
from journey.rng import digest
from journey.schema import Problem, Trace
from journey.settings.given import build
from journey.views import lay_out

NEEDS_REWRITER = Rejection("needs_rewriter", "give --rewriter, the model that rewrites")


class RefineSettings(Settings):
    """Whose pairs are rewritten, and how often it is tried."""

    of: str | None = Field(None, description="method that makes the pairs (default: search where it can, else slips)")
    options: Annotated[dict[str, Any], Field(description="settings of that method")] = {}  # noqa: RUF012 - frozen
    tries: int = Field(2, ge=1, le=20, description="rewrites that are asked for before a pair is rejected")
    tokens: int = Field(2048, ge=16, le=32_768, description="tokens of one rewritten trace, at most")


@METHODS.add(
    "refine",
    model=True,
    problems=True,
    needs=("rewriter",),
    may_need=("policy", "critic"),
    prompts=("rewrite",),
    revision=3,
)
class Refine:
    """Pairs of another method, both traces rewritten by a model under a guard."""

    Settings: ClassVar[type[BaseModel]] = RefineSettings

    def __init__(self, settings: RefineSettings | None = None) -> None:
        self.settings = settings or RefineSettings()
        self._inner = {name: _method(name, self.settings.options) for name in [self.settings.of] if name}

    @property
    def asks(self) -> tuple[AskedRole, ...]:
        """The rewriter, and what the other method asks."""
        inner = [each.asks for each in self._inner.values() if isinstance(each, AskingMethod)]
        return tuple(dict.fromkeys([*(role for asks in inner for role in asks), "rewriter"]))

    @property
    def goes_on(self) -> bool:
        """Whether the other method needs a policy that goes on from a text."""
        return any(each.goes_on for each in self._inner.values() if isinstance(each, AskingMethod))

    @property
    def rewards(self) -> bool:
        """Whether the other method's critic is a reward model."""
        return any(each.rewards for each in self._inner.values() if isinstance(each, AskingMethod))

    def make(self, problem: Problem, seed: int, attempt: int = 0) -> MadePair | Rejection:
        """Nothing: there is no other voice without a model."""
        return NEEDS_REWRITER

    def make_asking(self, problem: Problem, models: AskedModels, seed: int, attempt: int = 0) -> Asking:
        """The other method's pair, rewritten; rejected where it has none, or no rewrite passes the guard."""
        name = self.settings.of or _default(problem)
        inner = self._inner.get(name) or _method(name, self.settings.options)
        if isinstance(inner, AskingMethod):
            made = yield from inner.make_asking(problem, models, seed, attempt)
        else:
            made = inner.make(problem, seed, attempt)
        if isinstance(made, Rejection):
            return made
        losses: Counter[str] = Counter()
        kept: dict[str, list[str]] = {}
        halves = {"shortcut": made.pair.shortcut, "journey": made.pair.journey}
        for number in range(self.settings.tries):
            wanted = {half: trace for half, trace in halves.items() if half not in kept}
            draw = None if number == 0 else attempt * self.settings.tries + number
            replies = yield [self._request(problem, trace, draw) for trace in wanted.values()]
            for half, reply in zip(wanted, replies, strict=True):
                texts, lost = _read(wanted[half], reply, problem.question)
                losses.update([lost] if lost else [])
                kept |= {half: texts} if texts is not None else {}
            if len(kept) == len(halves):
                break
        if len(kept) < len(halves):
            return Rejection(losses.most_common(1)[0][0], ", ".join(f"{why} {n}" for why, n in sorted(losses.items())))
        traces = {half: _retold(trace, kept[half]) for half, trace in halves.items()}
        return self._made(made, name, traces, models, losses)

    def _request(self, problem: Problem, trace: Trace, draw: int | None) -> ModelRequest:
        pieces = [f"<s{n}>{escaped(_bare(each.text))}</s{n}>" for n, each in enumerate(trace.segments[:-1], 1)]
        said = fill("rewrite", problem=problem.question, pieces=Marked("\n".join(pieces)))
        return ModelRequest("rewriter", problem, "rewrite", said=said, draw=draw, cap=self.settings.tokens)

    def _made(
        self, made: MadePair, name: str, traces: dict[str, Trace], models: AskedModels, losses: Counter[str]
    ) -> MadePair:
        pair, told = made.pair, repr([[each.text for each in trace.segments] for trace in traces.values()])
        identity = digest("tree", made.tree.id, "refine", models["rewriter"].weights, told).hex()
        tree = msgspec.structs.replace(made.tree, id=identity, method="refine")
        known = {"of": name, "rewriter": models["rewriter"].plain(), "rewrites_rejected": sum(losses.values())}
        known["prompts"] = {**pair.provenance.get("prompts", {}), "rewrite": prompt_hash("rewrite")}
        return MadePair.of(tree, traces["shortcut"], traces["journey"], pair.mistakes, {**pair.provenance, **known})


def _method(name: str, options: dict[str, Any]) -> Any:
    """Another method with its settings. Raises UnknownName, or UsageError for settings that it does not have."""
    method = NAMES.get(name)
    return method(build(method.Settings, options, f"refine.options of method {name}"))


def _default(problem: Problem) -> str:
    """The method whose pairs are rewritten where none is named."""
    known = FAMILIES.entry(problem.source).facts["methods"] if problem.source in FAMILIES.names() else ()
    return "search" if "search" in known else "slips"


def _bare(text: str) -> str:
    return " ".join(text.split())


def _read(trace: Trace, reply: ModelReply, question: str) -> tuple[list[str] | None, str | None]:
    """The texts of a rewritten trace, or what it lost."""
    texts = read_lines(reply.text, len(trace.segments) - 1) if reply.finish == "stop" else None
    if texts is None:
        return None, "rewrite_unreadable"
    lost = trace_loss(trace, texts, question)
    return (None, lost) if lost else (texts, None)


def _retold(trace: Trace, texts: Sequence[str]) -> Trace:
    """A trace with other texts, the blanks in front of its pieces as they were."""
    pieces = []
    for index, segment in enumerate(trace.segments):
        text = segment.text
        if index < len(texts):
            text = text[: len(text) - len(text.lstrip())] + _bare(texts[index])
        pieces.append((segment.role, text, segment.brief, segment.node))
    return Trace(lay_out(pieces), trace.answer, trace.answer_brief)
