"""Precision and recall of the rules: on generated traces, whose roles are known, and on hand-labelled real answers.

`labels.json` was looked at while the rules were written, `labels_held_out.json` was labelled and scored once afterwards.
Both hold only hashes of sentences (blake2b, 6 bytes) with a label, by trace: `r3` is row 3 of journeys_rasbt_sample (the
thinking), `g60.6b_finetuning` row 60 of gsm8k_test_model_solutions. A sentence has a label only if its own words do the thing.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from journey.config import GenerateSettings
from journey.evaluate.behaviour.quality import against_labels, against_roles
from journey.generate.run import generate
from journey.schema import Pair
from journey_testing.folders import records

HERE = Path(__file__).parent


@pytest.fixture(scope="module", params=["countdown@1", "arithmetic@2"])
def pairs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Pair]:
    method = "search" if request.param.startswith("countdown") else "slips"
    out = tmp_path_factory.mktemp("pairs") / "g"
    settings = GenerateSettings(family=[request.param], method=[method], pairs=120, seed=1711)
    return list(records(generate(settings, out, workers=1), "pairs", Pair))


@pytest.mark.parametrize("view", ["think", "compact"])
def test_on_generated_traces(pairs: list[Pair], view: str) -> None:
    found = against_roles(pairs, view)  # type: ignore[arg-type]
    least = {"think": {"backtracks": 0.95, "verifies": 0.9, "mistakes": 0.9}, "compact": dict.fromkeys(found, 0.94)}[
        view
    ]
    if (
        view == "compact"
    ):  # true equations of wrong quantities, and answers given early, are not all seen in terse notation
        least["mistakes"] = 0.87
    for name, quality in found.items():
        assert quality.segments > 50
        assert quality.precision >= 0.97 - 0.04 * (name == "mistakes"), (name, str(quality))
        assert quality.recall >= least[name], (name, str(quality))


@pytest.mark.parametrize(
    ("file", "least"),
    [
        ("labels.json", {"verifies": (0.8, 0.9), "subgoals": (0.9, 0.9)}),
        ("labels_held_out.json", {"verifies": (0.7, 0.5), "subgoals": (0.9, 0.5)}),
    ],
)
def test_on_real_answers(file: str, least: dict[str, tuple[float, float]], real_data: Callable[[str], Path]) -> None:
    def rows(name: str) -> list[dict[str, dict[str, str]]]:
        return [json.loads(line) for line in real_data(name).read_text(encoding="utf-8").splitlines()]

    thoughts, solutions = rows("journeys_rasbt_sample.jsonl"), rows("gsm8k_test_model_solutions.jsonl")
    seen: Counter[tuple[str, str]] = Counter()
    labelled = 0
    for trace, by_label in json.loads((HERE / file).read_text()).items():
        number, _, model = trace[1:].partition(".")
        row = (thoughts if trace[0] == "r" else solutions)[int(number)]
        text = str(row["message_thinking"] if trace[0] == "r" else row[model]["solution"])
        labels = {sentence: label for label, many in by_label.items() for sentence in many}
        labelled += len(labels)
        found = list(against_labels(text, labels, digest))
        assert len(found) >= len(labels)  # every label belongs to a sentence that is there
        seen.update(found)
    assert labelled > 130
    for habit, (precision, recall) in least.items():
        right = seen[habit, habit]
        assert right / sum(n for (_, said), n in seen.items() if said == habit) >= precision
        assert right / sum(n for (label, _), n in seen.items() if label == habit) >= recall


def digest(sentence: str) -> str:
    return hashlib.blake2b(sentence.encode(), digest_size=6).hexdigest()
