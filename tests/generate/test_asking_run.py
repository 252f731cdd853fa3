"""`journey generate` with methods that ask models: of this machine and behind servers, interrupted, mixed, refused."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from journey.config import GenerateSettings
from journey.errors import JourneyError, UsageError
from journey.formats.folders import open_finished
from journey.formats.manifest import MANIFEST
from journey.formats.marks import ServersUsed
from journey.generate.mixing import parse_shares
from journey.generate.protocols import METHODS
from journey.generate.run import generate, plan
from journey.generate.shards import PairSource, turn
from journey.models.endpoints import Endpoint, EndpointRef
from journey.schema import Pair, Problem
from journey.servers.continuing import way_of
from journey_testing.asked import ChatServer, chat_server, pens, pens_problems
from journey_testing.commands import journey
from journey_testing.folders import records

KILLS = 10


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with chat_server(pens) as made:
        yield made


@pytest.fixture
def problems(tmp_path: Path) -> Path:
    path = tmp_path / "problems.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in pens_problems(8)))
    return path


def settings(server: ChatServer, problems: Path, method: str, **more: Any) -> GenerateSettings:
    model = f"stand-in@{server.url}"
    needed = {"rollouts": ["policy"], "critique": ["policy", "critic"], "refine": ["rewriter"]}[method]
    named = {role: model for role in needed}
    return GenerateSettings(problems=str(problems), method=[method], continues="never", **(named | more))


EVERY = pytest.mark.parametrize("method", ["rollouts", "critique", "refine"])


@EVERY
def test_a_run_that_is_stopped_ten_times_asks_nothing_twice(
    method: str, server: ChatServer, problems: Path, tmp_path: Path
) -> None:
    whole = generate(settings(server, problems, method), tmp_path / "whole")
    asked = len(server.asked)
    server.asked.clear()
    stops, failed = sorted({1 + number * asked // KILLS for number in range(KILLS)}), set[int]()

    def answered(number: int) -> bool:
        due = next((stop for stop in stops if stop not in failed), None)
        if due is not None and number - len(failed) >= due:
            failed.add(due)
            return False
        return True

    server.before = answered
    for _ in stops:
        with pytest.raises(JourneyError, match="out of order"):
            generate(settings(server, problems, method, in_flight=1), tmp_path / "out")
    out = generate(settings(server, problems, method, in_flight=1), tmp_path / "out")
    assert len(server.asked) == asked + len(stops), "an answer that had arrived was asked for again"
    assert (out / MANIFEST).read_bytes() == (whole / MANIFEST).read_bytes()
    assert sum(one.answers for one in ServersUsed.read(out).used) == asked and not list(tmp_path.glob("*.sqlite*"))


@EVERY
def test_a_row_that_a_method_fails_on_is_counted_and_the_others_go_on(
    method: str, server: ChatServer, problems: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind: Any = METHODS.get(method)
    make, failed = kind.make_asking, set[str]()

    def make_asking(self: Any, problem: Problem, *rest: Any) -> Any:
        made = yield from make(self, problem, *rest)
        if not failed or problem.id in failed:
            failed.add(problem.id)
            raise ValueError("nobody thought of this")
        return made

    whole = generate(settings(server, problems, method), tmp_path / "whole")
    monkeypatch.setattr(kind, "make_asking", make_asking)
    counts = open_finished(generate(settings(server, problems, method), tmp_path / "out"), "generate").manifest.counts
    assert counts["rejected"]["method_failed"] == 1
    before = open_finished(whole, "generate").manifest.counts
    assert counts["pairs"] + counts["rejected"].get("method_failed", 0) >= before["pairs"] > 1


@pytest.mark.slow
@EVERY
def test_a_run_that_is_killed_ten_times_asks_nothing_twice(
    method: str, server: ChatServer, problems: Path, tmp_path: Path
) -> None:
    generate(settings(server, problems, method), tmp_path / "whole")
    asked = len(server.asked)
    server.asked.clear()
    running: list[subprocess.Popen[bytes]] = []
    stops, killed = sorted({1 + number * asked // KILLS for number in range(KILLS)}), list[dict[str, Any]]()

    def answered(number: int) -> bool:
        if len(killed) < len(stops) and number - len(killed) >= stops[len(killed)]:
            killed.append(server.asked[-1])
            os.kill(running[-1].pid, signal.SIGKILL)
            return False
        return True

    server.before = answered
    roles = [role for role in ("policy", "critic", "rewriter") if getattr(settings(server, problems, method), role)]
    models = [word for role in roles for word in (f"--{role}", f"stand-in@{server.url}")]
    words = ["generate", "--problems", str(problems), "--method", method, *models, "--set", "continues=never"]
    while True:
        command = journey(*words, "--in-flight", "1", "--out", str(tmp_path / "out"))
        running.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        if running[-1].wait(120) == 0:
            break
        assert len(running) <= len(stops) + 1
    assert len(killed) == len(stops)
    counts = Counter(json.dumps(body, sort_keys=True) for body in server.asked)
    again = Counter(json.dumps(body, sort_keys=True) for body in killed)
    assert all(count == 1 + again[body] for body, count in counts.items())
    assert (tmp_path / "out" / MANIFEST).read_bytes() == (tmp_path / "whole" / MANIFEST).read_bytes()


def test_pairs_of_a_server_say_who_wrote_them_with_which_prompts_for_how_many_tokens(
    server: ChatServer, problems: Path, tmp_path: Path
) -> None:
    folder = open_finished(
        generate(settings(server, problems, "critique", price_out=2.0), tmp_path / "out"), "generate"
    )
    config, counts = folder.manifest.config, folder.counts
    assert config["policy"]["weights"] == config["critic"]["weights"] == f"stand-in@{server.url}"
    assert set(config["prompts"]) == {"critic", "critic_oracle", "step"} and "price_out" not in config
    assert counts.asked["policy tokens"] == 5 * counts.asked["policy answers"] > 0
    pairs = list(records(folder.path, "pairs", Pair))
    assert len(pairs) == counts.pairs and any(pair.mistakes for pair in pairs)
    for pair in pairs:
        assert pair.provenance["tokens"]["critic tokens"] and set(pair.provenance["prompts"]) == {"critic", "step"}


@pytest.mark.slow
def test_local_models_give_the_same_bytes_whatever_the_workers(tmp_path: Path) -> None:
    mixed = GenerateSettings(
        family=["arithmetic@1"], method=["rollouts=3", "slips=1"], policy="pocket", pairs=36,
        options={"rollouts": {"width": 2}},
    )  # fmt: skip
    made = [generate(mixed, tmp_path / str(workers), workers=workers) for workers in (1, 2)]
    one, two = ((folder / MANIFEST).read_bytes() for folder in made)
    assert one == two and len(list((made[0] / "pairs").iterdir())) == 2
    assert open_finished(made[0], "generate").counts.mixed == {"arithmetic@1 rollouts": 27, "arithmetic@1 slips": 9}


class TestShares:
    def test_a_turn_spreads_its_places(self) -> None:
        def sources(*shares: int) -> list[PairSource]:
            return [PairSource("search", {}, share=share) for share in shares]

        assert turn(sources(1, 1, 1)) == [0, 1, 2] and turn(sources(3, 1)) == [0, 0, 1, 0]
        assert sorted(turn(sources(5, 2, 1))) == [0] * 5 + [1] * 2 + [2]

    @pytest.mark.parametrize("spec", ["own=", "own=0", "own=-1", "own=1.5", "own=x", "own=1001", "own=\u00b2"])
    def test_what_is_no_share_is_refused(self, spec: str) -> None:
        with pytest.raises(UsageError, match="whole number from 1 to 1000"):
            parse_shares([spec])

    def test_one_share_a_name(self) -> None:
        with pytest.raises(UsageError, match="named twice"):
            parse_shares(["own=2", "own=3"])

    def test_families_are_mixed_in_proportion(self, tmp_path: Path) -> None:
        mixed = GenerateSettings(family=["countdown@1=3", "arithmetic@2=1"], method=[], pairs=40)
        folder = open_finished(generate(mixed, tmp_path / "out", workers=1), "generate")
        assert folder.counts.mixed == {"countdown@1 search": 30, "arithmetic@2 slips": 10}
        assert [entry["share"] for entry in folder.manifest.config["methods"]] == [3, 1]

    def test_without_shares_nothing_is_counted_apart(self, tmp_path: Path) -> None:
        plain = GenerateSettings(family=["countdown@1", "arithmetic@1"], pairs=10)
        folder = open_finished(generate(plain, tmp_path / "out", workers=1), "generate")
        assert not folder.counts.mixed and "share" not in str(folder.manifest.config["methods"])


class TestRefusals:
    @pytest.mark.parametrize(
        ("given", "says"),
        [
            ({"method": ["rollouts"]}, "no policy is named"),
            ({"method": ["critique"], "policy": "pocket"}, "no critic is named"),
            ({"method": ["refine"]}, "no rewriter is named"),
            ({"method": ["rollouts"], "policy": "pocket", "critic": "pocket"}, "no method asks the critic"),
            ({"method": ["search"], "oracle": True}, "--oracle is for a critic"),
            ({"method": ["search"], "policy": "pocket"}, "--policy is given without --attempts"),
            ({"method": ["rollouts"], "policy": "pocket", "max_cost": 1.0}, "needs prices"),
        ],
    )
    def test_models_that_are_missing_or_of_no_use(self, given: dict[str, Any], says: str, tmp_path: Path) -> None:
        asked = GenerateSettings(family=["countdown@1"], pairs=2, **given)
        for call in (generate, plan):
            with pytest.raises(UsageError, match=says):
                call(asked, tmp_path / "out")
        assert not list(tmp_path.iterdir())

    def test_continuations_of_a_server_that_answers_anew_are_refused_by_name(
        self, server: ChatServer, problems: Path, tmp_path: Path
    ) -> None:
        server.says = lambda body: "1, 2, 3, 4" if "Count from" in str(body) else pens(body)
        asked = settings(server, problems, "rollouts", options={"rollouts": {"score": "montecarlo"}})
        with pytest.raises(UsageError, match="stand-in cannot go on from the beginning of an answer"):
            generate(asked.model_copy(update={"continues": None}), tmp_path / "out")
        assert len(server.asked) == 2  # both ways were tried, and nothing else was asked

    def test_a_dry_run_asks_nothing(self, server: ChatServer, problems: Path, tmp_path: Path) -> None:
        told = plan(settings(server, problems, "critique"), tmp_path / "out")
        assert told["models"] == {"policy": "stand-in", "critic": "stand-in"} and told["pairs_at_most"] == 8
        assert not server.asked and set(told["prompts"]) == {"critic", "critic_oracle", "step"}


class TestGoingOn:
    @pytest.mark.parametrize("way", ["message", "completions", None])
    def test_how_a_server_goes_on_is_seen_from_what_it_writes(self, way: str | None) -> None:
        def says(body: dict[str, Any]) -> str:
            asked = "completions" if "prompt" in body else "message" if body.get("continue_final_message") else None
            return " 7, 8, 9," if asked == way and way else "Sure! 1, 2, 3"

        with chat_server(says) as made:
            assert way_of(Endpoint(EndpointRef("stand-in", made.url))) == way
