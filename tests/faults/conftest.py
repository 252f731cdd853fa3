"""The fault matrix: real faults, and a table of what came of them.

A test says with `@pytest.mark.case(NUMBER)` which case it belongs to, and with the fixture `outcome` what it saw. With
JOURNEY_FAULTS_TABLE=FILE the table is written there at the end, besides being printed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

CASES = {
    1: "SIGKILL and SIGTERM at random moments, in every stage and in `journey run`",
    2: "Ctrl-C once, and twice",
    3: "a last line that is cut",
    4: "a changed byte in the middle, bad UTF-8, another type",
    5: "no space left",
    6: "killed between writing and renaming",
    7: "1, 2 and 8 workers",
    8: "the same command by another version of schema or checker",
    9: "two processes on one folder",
    10: "one of several runs diverges",
    11: "a checkpoint that is half written",
    12: "gone on with under other settings",
    13: "429 with Retry-After",
    14: "500, and a connection that breaks",
    15: "401, 403, 404",
    16: "answers that are empty, cut, no completion, withheld, or huge",
    17: "the Hub answers 503, 409 or 412 to the commit",
    18: "an upload that is killed",
    19: "no token, a bad one, one that may only read",
    20: "secrets in messages, plans and what is published",
    21: "names that lead elsewhere",
    22: "markup and control characters in what a model wrote",
    23: "hostile answers in the checker",
    24: "pickles and code of others",
    25: "chat markup in a problem",
    26: "a problem of the benchmark in the training data",
    27: "nothing is left to train on",
    28: "the process of math-verify hangs or dies",
    29: "two adapters, the same questions",
    30: "no GPU, and no memory left on it",
    31: "no network",
    32: "another language, clock and home; blanks and umlauts in paths",
}


@pytest.fixture
def outcome(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """`outcome(words)`: what this test saw, for the table."""
    return lambda words: request.node.user_properties.append(("outcome", words))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Note what came of a test of a case: at once, so that a run which is stopped has a table of what it has done."""
    report = (yield).get_result()
    marker, table = item.get_closest_marker("case"), os.environ.get("JOURNEY_FAULTS_TABLE")
    if marker is None or not table or (report.when != "call" and report.outcome == "passed"):
        return
    words = "; ".join(str(value) for name, value in item.user_properties if name == "outcome")
    if report.skipped:
        words = str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)
    lines = [json.dumps([number, item.name, words, report.outcome]) + "\n" for number in marker.args]
    with _notes(table).open("a", encoding="utf-8") as file:
        file.write("".join(lines))


def _notes(table: str) -> Path:
    """What the table is made of: a line a test. Several runs (`-k`) add to it; `make test-faults` begins anew."""
    return Path(table).with_suffix(".jsonl")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    table = os.environ.get("JOURNEY_FAULTS_TABLE")
    if not table or not _notes(table).is_file():
        return
    seen: dict[int, dict[str, tuple[str, str]]] = {}
    for line in _notes(table).read_text(encoding="utf-8").splitlines():
        number, test, words, verdict = json.loads(line)
        seen.setdefault(number, {})[test] = words, verdict  # the last run of a test counts
    lines = ["| # | case | outcome | verdict |", "|---|---|---|---|"]
    for number, case in CASES.items():
        of_case = seen.get(number, {}).values()
        said = "; ".join(dict.fromkeys(words for words, _ in of_case if words)).replace("|", "/")
        verdicts = {verdict for _, verdict in of_case}
        word = (
            "FAIL" if "failed" in verdicts else "pass" if "passed" in verdicts else "skipped" if verdicts else "not run"
        )
        lines.append(f"| {number} | {case} | {said} | {word} |")
    terminalreporter.write_line("\n".join(lines))
    Path(table).write_text("\n".join(lines) + "\n", encoding="utf-8")
