"""The models that methods ask: found by name, opened once a process, and asked many requests at a time.

Local models write in batches of a fixed make-up, so that the bytes do not depend on the number of workers; a server gets all
requests of a round at once, from the one process of the command, and every answer is kept as it comes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from journey.config import SampleSettings
from journey.errors import UsageError
from journey.generate.asking.requests import AskedModels, AskedRole, ModelFacts, ModelReply, ModelRequest
from journey.generate.attempts.policies import SamplingPolicy, find_policy
from journey.models import load, policy, template
from journey.models.endpoints import Endpoint, Reply, ask_all, reference
from journey.rng import seed_for
from journey.sampling.identity import weights_of
from journey.sampling.requests import PromptedQuestion, Request, StrategySettings, Text
from journey.sampling.workers import RequestUnit, Worker, WorkerModel
from journey.servers import continuing
from journey.servers.continuing import Way
from journey.servers.use import ServerUse

Continues = Literal["auto", "message", "completions", "never"]
BATCH = 64  # texts that a local model writes together
CAP = 512  # new tokens that a stream of chance has numbers for
_NO_STRATEGY = StrategySettings(1, 1, 1.0, 1.0, 1, 1, ())


@dataclass(frozen=True)
class AskedSetup:
    """What a process needs to open the models: how each is asked, the seed of their draws, and how servers go on."""

    models: Mapping[AskedRole, SamplingPolicy]
    classifier: load.ModelRef | None  # a reward model in the critic's place
    seed: int
    continues: Continues = "auto"
    oracle: bool = False

    @property
    def served(self) -> bool:
        """Whether a server is asked, so that all is asked from one process."""
        return any(one.server is not None for one in self.models.values())

    def identity(self) -> dict[str, Any]:
        """What a folder's settings hold of the models: who they are, by their weights, and how they are asked."""
        told: dict[str, Any] = {}
        for role, one in self.models.items():
            info = one.info
            drawn = {"temperature": info.temperature, "top_p": info.top_p} if role == "policy" else {}
            told[role] = {
                "name": info.name,
                "weights": info.weights,
                "adapter": info.adapter_sha256,
                "view": info.view,
                **drawn,
            }
        if self.classifier is not None:
            told["critic"] = {"name": self.classifier.name, "weights": weights_of(self.classifier), "adapter": None}
        return told

    @property
    def key(self) -> str:
        """What tells it from other setups of this process."""
        return repr((sorted((role, one.info) for role, one in self.models.items()), self.seed, self.classifier))


def find_models(
    names: Mapping[AskedRole, str], draw: SampleSettings, *, rewards: bool, continues: Continues, oracle: bool
) -> AskedSetup:
    """The models of these names, the policy drawn from as `draw` says. Loads no weights, and asks no server.

    With `rewards` a critic that is no server is a sequence classifier. Raises UsageError for an unknown model.
    """
    models: dict[AskedRole, SamplingPolicy] = {}
    classifier = None
    for role, name in names.items():
        if role == "critic" and rewards and reference(name) is None:
            classifier = load.find(name)
            continue
        settings = draw if role == "policy" else SampleSettings(seed=draw.seed)
        models[role] = find_policy(name, settings)
    return AskedSetup(models, classifier, draw.seed, continues, oracle)


@dataclass
class OpenModels:
    """The models of a setup in this process, ready to be asked."""

    setup: AskedSetup
    use: ServerUse | None = None
    _open: dict[AskedRole, _LocalModel | _ServedModel] = field(default_factory=dict)
    _rewards: _Classifier | None = None

    def facts(self, goes_on: Sequence[AskedRole] = ()) -> AskedModels:
        """Who is asked. Of the roles in `goes_on` it is found out whether they go on from a text, others are taken not to."""
        facts: dict[AskedRole, ModelFacts] = {}
        for role, one in self.setup.models.items():
            able = one.server is None or (role in goes_on and self._served(role).way is not None)
            info = one.info
            facts[role] = ModelFacts(info.name, info.weights, info.adapter_sha256, info.view, able)
        if self.setup.classifier is not None:
            ref = self.setup.classifier
            facts["critic"] = ModelFacts(ref.name, weights_of(ref), None, "plain", False, rates=True)
        return AskedModels(facts, self.setup.oracle)

    def answer(self, requests: Sequence[ModelRequest]) -> list[ModelReply]:
        """The replies to all requests, in their order. Raises what the models raise."""
        replies: dict[int, ModelReply] = {}
        for role in dict.fromkeys(request.role for request in requests):
            places = [n for n, request in enumerate(requests) if request.role == role]
            asked = [requests[n] for n in places]
            answered = (
                self._rated(asked) if self.setup.classifier and role == "critic" else self._of(role).answer(asked)
            )
            replies |= dict(zip(places, answered, strict=True))
        return [replies[n] for n in range(len(requests))]

    def _of(self, role: AskedRole) -> _LocalModel | _ServedModel:
        if role not in self._open:
            one = self.setup.models[role]
            same = [r for r in self._open if self.setup.models[r] == one]
            if same:
                self._open[role] = self._open[same[0]]
            elif one.server is None:
                self._open[role] = _LocalModel(one, self.setup.seed)
            else:
                self._open[role] = _ServedModel(one, self.setup, self.use)
        return self._open[role]

    def _served(self, role: AskedRole) -> _ServedModel:
        model = self._of(role)
        assert isinstance(model, _ServedModel)
        return model

    def _rated(self, requests: Sequence[ModelRequest]) -> list[ModelReply]:
        if self._rewards is None:
            assert self.setup.classifier is not None
            self._rewards = _Classifier(self.setup.classifier)
        return self._rewards.answer(requests)


class _LocalModel:
    def __init__(self, one: SamplingPolicy, seed: int) -> None:
        assert one.ref is not None
        self.one, positions = one, load.positions_of(one.ref)
        model = WorkerModel(
            one.ref, load.best_device(), CAP, one.view, seed, _NO_STRATEGY, positions, template=one.info.template
        )
        self.worker, self.positions = Worker(model), positions

    def answer(self, requests: Sequence[ModelRequest]) -> list[ModelReply]:
        """The replies, from batches of a fixed size in the order of the requests."""
        info, runs = self.one.info, ((self.one.info.name, self.one.adapter),)
        if any(request.rated for request in requests):
            raise UsageError(f"{info.name} is no reward model", "give a sequence classifier, or a server, as --critic")
        asked = [self._request(request) for request in requests]
        unit = RequestUnit("asked", runs, tuple(asked), BATCH, info.temperature, info.top_p)
        texts = self.worker.answer(unit).texts
        return [self._reply(*each) for each in zip(requests, asked, texts, strict=True)]

    def _request(self, request: ModelRequest) -> Request:
        tokenizer, view = self.worker.tokenizer, self.one.view
        if request.said is None:
            prompt = template.prompt_ids(tokenizer, request.problem, view)
        else:
            prompt = template.text_ids(tokenizer, request.said, view)
        begun = policy.unusual(request.begun, policy.of(tokenizer)) if request.begun else ""
        ids = tuple(tokenizer(begun, add_special_tokens=False)["input_ids"]) if begun else ()
        question = PromptedQuestion(request.name, request.problem, tuple(prompt))
        return Request(0, question, ids, cap=min(request.cap, CAP), sample=request.draw)

    def _reply(self, request: ModelRequest, asked: Request, text: Text) -> ModelReply:
        said = _after(request.begun, text.text)
        bos = self.worker.tokenizer.bos_token
        if bos and bos in said:  # a text of its own begins: what comes after it is no part of the answer
            said = said.partition(bos)[0]
        return ModelReply(said, text.finish, text.tokens - len(asked.prefix), text.prompt_tokens + len(asked.prefix))


class _ServedModel:
    def __init__(self, one: SamplingPolicy, setup: AskedSetup, use: ServerUse | None) -> None:
        assert one.server is not None
        self.one, self.setup = one, setup
        self.endpoint = Endpoint(one.server, use=use)
        self._way: list[Way | None] = []

    @property
    def way(self) -> Way | None:
        """How it goes on from a text; found out once, where no setting says."""
        if not self._way:
            known = self.setup.continues
            self._way.append(
                continuing.way_of(self.endpoint) if known == "auto" else None if known == "never" else known
            )
        return self._way[0]

    def answer(self, requests: Sequence[ModelRequest]) -> list[ModelReply]:
        """The replies, as many requests under way as the server is given at once."""
        return ask_all(self._ask, requests, self.endpoint.at_once)

    def _ask(self, request: ModelRequest) -> ModelReply:
        info, greedy = self.one.info, request.draw is None
        said = _message(request, info.view)
        if request.rated:
            return ModelReply("", "stop", 1, 0, self.endpoint.says_yes(said))
        # 31 bits, which is as much as every server takes; the draw is what answers are kept by.
        seed = None if greedy else seed_for("asked", self.setup.seed, request.name, request.draw) >> 33
        asked: dict[str, Any] = {
            "cap": request.cap,
            "temperature": 0.0 if greedy else info.temperature,
            "top_p": 1.0 if greedy else info.top_p,
            "seed": seed,
            "draw": "" if greedy else f"{request.name} {request.draw}",
        }
        if not request.begun:
            return _served_reply(self.endpoint.chat(said, **asked), "")
        if self.way is None:
            raise cannot_go_on(info.name)
        return _served_reply(continuing.go_on(self.endpoint, self.way, said, request.begun, **asked), request.begun)


def cannot_go_on(name: str) -> UsageError:
    """What is said where a text has to be gone on from, and the model does not."""
    return UsageError(
        f"{name} cannot go on from the beginning of an answer",
        "give a model with weights here, or a server with /completions or continue_final_message (docs/methods.md)",
    )


def _message(request: ModelRequest, view: str) -> str:
    from journey import views

    return request.said if request.said is not None else views.prompt(request.problem, view)  # type: ignore[arg-type]


def _served_reply(reply: Reply, begun: str) -> ModelReply:
    text = reply.text[len(begun) :] if begun and reply.text.startswith(begun) else reply.text
    return ModelReply(text, reply.finish, reply.tokens, reply.prompt_tokens)


def _after(begun: str, whole: str) -> str:
    """What a text says after its beginning, which a tokenizer may give back with other blanks."""
    if whole.startswith(begun):
        return whole[len(begun) :]
    left = len("".join(begun.split()))
    for index, character in enumerate(whole):
        if left == 0:
            return whole[index:]
        left -= not character.isspace()
    return ""


class _Classifier:
    """A reward model with weights here: one number for a question with the first steps of an answer, more is better."""

    def __init__(self, ref: load.ModelRef) -> None:
        self.model, self.tokenizer = load.load_classifier(ref)
        self.own = template.undated(self.tokenizer)
        positions = load.positions_of(ref)
        self.room = min(self.tokenizer.model_max_length, positions or self.tokenizer.model_max_length)

    def answer(self, requests: Sequence[ModelRequest]) -> list[ModelReply]:
        """The rating of every text, each on its own, so that none depends on its neighbours."""
        return [self._rated(request) for request in requests]

    def _rated(self, request: ModelRequest) -> ModelReply:
        import torch

        # The step that is rated stands at the end, so what is too long is cut at its beginning.
        ids = template.answered_ids(self.tokenizer, request.problem, request.begun, self.own)[-self.room :]
        with torch.inference_mode():
            logits = self.model(torch.tensor([ids], device=self.model.device)).logits.float()
        if logits.shape[-1] > 1:  # the last of several labels is that of right steps
            logits = torch.log_softmax(logits, -1)
        rating = float(logits[0, -1])
        if math.isnan(rating):
            raise UsageError("the reward model gives NaN", "give another as --critic")
        return ModelReply("", "stop", 0, len(ids), round(rating, 4))


_opened: dict[str, OpenModels] = {}  # of this process


def opened(setup: AskedSetup, use: ServerUse | None = None) -> OpenModels:
    """The models of a setup in this process; opened anew where they share another use of servers."""
    if setup.key not in _opened or (use is not None and _opened[setup.key].use is not use):
        _opened.clear()
        _opened[setup.key] = OpenModels(setup, use)
    return _opened[setup.key]


def close() -> None:
    """Forget what is open: its servers are used no more."""
    _opened.clear()


def drawn_by(seed: int, temperature: float | None, top_p: float | None, view: Any) -> SampleSettings:
    """How the policy is drawn from."""
    return SampleSettings(seed=seed, temperature=temperature, top_p=top_p, view=view)
