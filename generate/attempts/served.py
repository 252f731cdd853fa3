"""Attempts of a model behind a server (`NAME@http://HOST/v1`): every problem is one message, its answer whole.

Chats take no beginning of an answer to go on from: there are no continuations of a server's attempts, and its weights are not
known, so that its mistakes are never anybody's own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING

from journey import views
from journey.errors import UsageError
from journey.formats.attempts import PolicyInfo
from journey.models.endpoints import Endpoint, EndpointRef, ask_groups
from journey.rng import seed_for
from journey.sampling.requests import Text
from journey.sampling.workers import RequestUnitResult
from journey.schema import Problem
from journey.servers.use import ServerUse

if TYPE_CHECKING:
    from journey.config import SampleSettings
    from journey.generate.attempts.drawing import DrawingGroup, Wanted


def info_of(server: EndpointRef, settings: SampleSettings) -> PolicyInfo:
    """What is said of a served model. Raises UsageError for settings that it cannot be asked with."""
    if settings.view == "compact":
        raise UsageError(f"{server} is asked in words, and view = compact is for tiny models", "leave view out")
    temperature, top_p = settings.temperature, settings.top_p
    return PolicyInfo(
        name=server.name.replace("/", "-"),
        base=server.name,
        weights=f"served as {server}",
        adapter_sha256=None,
        view=settings.view or "plain",
        temperature=1.0 if temperature is None else temperature,
        top_p=1.0 if top_p is None else top_p,
        temperature_from="default" if temperature is None else "setting",
        top_p_from="default" if top_p is None else "setting",
        max_new_tokens=0,
        shots=settings.shots,
    )


def message(problem: Problem, view: views.View, shown: Sequence[tuple[Problem, str]]) -> str:
    """What a problem is asked with, worked examples before it."""
    parts = [part for other, text in shown for part in (views.prompt(other, view), text)]
    return "\n\n".join([*parts, views.prompt(problem, view)])


def answer_all(
    group: DrawingGroup, wanted: Mapping[str, Sequence[Wanted]], use: ServerUse | None
) -> Iterator[RequestUnitResult]:
    """The texts of all units, by key, as they come. Raises RemoteError, AuthError, or CostReached; what came is kept."""
    info, server = group.policies[0].info, group.policies[0].server
    assert server is not None
    endpoint = Endpoint(server, use=use)

    def ask(one: Wanted) -> Text:
        _, problem, index, _ = one
        drawn = index >= 0
        reply = endpoint.chat(
            group.texts[problem.id],
            cap=group.cap,
            temperature=info.temperature if drawn else 0.0,
            top_p=info.top_p if drawn else 1.0,
            seed=seed_for("attempt", group.settings.seed, info.name, problem.id, index) >> 32 if drawn else None,
        )
        return Text(reply.text, (), reply.finish, reply.tokens, reply.prompt_tokens, None, reply.seconds)

    with closing(ask_groups(ask, list(wanted.values()), endpoint.at_once)) as answers:  # type: ignore[type-var]
        for place, texts in answers:
            yield RequestUnitResult(list(wanted)[place], texts)
