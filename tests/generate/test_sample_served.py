"""`journey sample --policy NAME@http://HOST/v1`: attempts of a model of which nothing is known but its name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from journey.config import SampleSettings
from journey.errors import JourneyError
from journey.formats.folders import SampledFolder, open_finished
from journey.formats.manifest import MANIFEST
from journey.formats.marks import ServersUsed
from journey.generate.sample import sample
from journey.schema import decode
from journey_testing.asked import ChatServer, chat_server


def thinks(body: dict[str, Any]) -> dict[str, str]:
    """A thought, and a box with a number that depends on the seed."""
    return {"reasoning": "3 + 4 = 8", "content": f"\\boxed{{{body['seed']}}}"}


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with chat_server(thinks) as made:
        made.status = 404
        yield made


def settings(server: ChatServer, **more: Any) -> SampleSettings:
    plain = {
        "family": "arithmetic@1",
        "limit": 10,
        "policy": [f"org/big@{server.url}"],
        "k": 2,
        "k_hard": 3,
        "batch": 2,
    }
    return SampleSettings(**(plain | more))


def sampled(server: ChatServer, out: Path, **more: Any) -> SampledFolder:
    return open_finished(sample(settings(server, **more), out), "sample")


def test_every_problem_has_a_greedy_answer_and_k_by_chance(server: ChatServer, tmp_path: Path) -> None:
    folder = sampled(server, tmp_path / "a")
    attempts = folder.attempts("org-big")
    assert len(attempts) == 10
    for of_one in attempts.values():
        # None is right, so k_hard are drawn; what it says cannot be gone on from.
        assert [each.index for each in of_one] == [-1, 0, 1, 2] and not any(each.prefix for each in of_one)
        assert all(each.text.startswith("<think>\n3 + 4 = 8\n</think>\n\n\\boxed{") for each in of_one)
        assert {each.tokens for each in of_one} == {5} and of_one[0].temperature == 0
    greedy = [body for body in server.asked if body["temperature"] == 0]
    drawn = [body["seed"] for body in server.asked if body["temperature"]]
    assert len(greedy) == 10 and {body["seed"] for body in greedy} == {None} and len(set(drawn)) == len(drawn) == 30
    assert {body["model"] for body in server.asked} == {"org/big"} and max(drawn) < 2**31
    [profile] = folder.profile.policies
    assert profile.policy.weights == f"org/big@{server.url}" and profile.located["checked first"] == profile.wrong > 0
    used = decode((tmp_path / "a" / ServersUsed.FILE).read_bytes(), ServersUsed)
    assert used.used[0].answers == 40 and not list(tmp_path.glob("*.sqlite*"))


def test_a_rerun_asks_for_what_is_missing_and_gives_the_same_bytes(server: ChatServer, tmp_path: Path) -> None:
    sample(settings(server), tmp_path / "a")
    server.asked.clear()
    server.before = lambda number: number <= 15
    with pytest.raises(JourneyError, match="out of order"):
        sample(settings(server, in_flight=1), tmp_path / "b")
    assert len(server.asked) == 16
    server.before = lambda number: True
    sample(settings(server, in_flight=3), tmp_path / "b")  # how it is asked is no part of the result
    assert len(server.asked) == 16 + 40 - 15
    one, two = ((tmp_path / name / MANIFEST).read_bytes() for name in "ab")  # it has the hashes of all files
    assert one == two


def test_worked_examples_are_earlier_turns(server: ChatServer, tmp_path: Path) -> None:
    sampled(server, tmp_path / "a", shots=2, k_hard=None)
    for body in server.asked:
        assert [message["role"] for message in body["messages"]] == ["user", "assistant"] * 2 + ["user"]
        assert body["messages"][1]["content"].endswith("}.")
