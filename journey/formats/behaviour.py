"""behaviour.json of an evaluation folder: what the models do while they answer. A view of the stored samples.

Rates are in [0, 1]. A rate without a denominator (no first committed answer, no step that can be judged, nobody asked
the judge) is null, never 0.

The recovery probe asks how runs go on from a text that has just made a mistake, and from its clean twin:
recover/BENCHMARK/prefixes.jsonl holds the prefixes (RecoveryPrefix), recover/BENCHMARK/RUN.jsonl what a run went on with
(RecoveryText).
"""

from __future__ import annotations

from typing import ClassVar, Literal, get_args

import msgspec

from journey.formats.record import FileRecord

Kind = Literal["backtrack", "notice", "check", "subgoal", "backward", "mistake", "correction", "answer"]


Habit = Literal["backtracks", "verifies", "subgoals", "works_backward"]


HABITS: tuple[Habit, ...] = get_args(Habit)


class Habits(msgspec.Struct, frozen=True):
    """How often one thing is done, over all answers of a run. Adjacent sentences of a kind count once."""

    count: int
    answers_with: int
    share: float  # of the answers, with at least one
    per_answer: float
    per_1k_tokens: float | None  # generated tokens; None where nothing was generated


class Steps(msgspec.Struct, frozen=True):
    """The steps of all answers that can be judged: equations, and what families with a checker add.

    A false step is a false equation, a right equation for the wrong quantity (arithmetic), or numbers used that are not
    there (Countdown). Right reasoning from a wrong value is no false step; it is counted as a consequence.
    """

    judged: int
    true: int
    consequences: int
    false: int
    false_rate: float  # of the judged
    noticed: int  # false steps that the same answer takes back before its end
    noticed_rate: float | None  # of the false ones
    answers_with_false: int
    doubts: int  # notices that name a written value
    false_alarms: int  # of these, about a value that was right


class Claims(msgspec.Struct, frozen=True):
    """What a search says about its own branches, against the exact solver: "dead end", "too high", "that is it"."""

    judged: int
    true: int
    dead_ends: int  # judged ones
    dead_ends_true: int
    hits: int  # "the target is reached"
    hits_true: int


class Commitment(msgspec.Struct, frozen=True):
    """First committed answer against the final one, over the answers that commit to one before the end."""

    committed: int
    first_right: int
    first_wrong: int
    corrected: int  # first wrong, final right
    harmed: int  # first right, final wrong or missing
    correction_rate: float | None  # of first_wrong
    harm_rate: float | None  # of first_right


class Behaviour(msgspec.Struct, frozen=True):
    """One run, or one arm over its seeds (`run` is then null), on one benchmark, read from one draw of samples."""

    run: str | None
    arm: str
    seed: int | None
    benchmark: str
    draw: str  # e.g. greedy: samples/RUN/BENCHMARK/DRAW/
    answers: int
    tokens: int
    habits: dict[Habit, Habits]
    commitment: Commitment | None  # None: no answer commits before its end
    loops: int
    loop_rate: float
    truncated: int
    truncation_rate: float
    steps: Steps | None  # None: nothing to judge
    claims: Claims | None = None  # Countdown


class JudgeAgreement(msgspec.Struct, frozen=True):
    """How often rules and judge said yes or no to "does this answer do it at least once"."""

    both: int
    rules_only: int
    judge_only: int
    neither: int
    kappa: float | None  # Cohen's; None where both always say the same one thing


class Judged(msgspec.Struct, frozen=True):
    """A model asked for the same habits on a sample of answers, and how far it agrees with the rules."""

    model: str
    prompt_sha256: str
    asked: int
    unparsable: int  # replies without the four counts: left out of the agreement, never read as 0
    failed: int  # no reply
    agreement: dict[Habit, JudgeAgreement]
    counts_rules: dict[Habit, float]  # mean per answer, over the answers that both read
    counts_judge: dict[Habit, float]


class BehaviourFile(FileRecord, frozen=True):
    """The whole of behaviour.json."""

    FILE: ClassVar[str] = "behaviour.json"

    plan_sha256: str
    rules: str  # version of the rules: RULES_VERSION
    runs: tuple[Behaviour, ...]
    arms: tuple[Behaviour, ...]
    judge: Judged | None = None
    version: int = 1


RECOVERY = "recover"
INJECTOR = "injector"  # the writer whose mistakes are put into right texts

Twin = Literal["wrong", "clean"]


class RecoveryPrefix(msgspec.Struct, frozen=True):
    """One beginning of an answer whose last step has a false value, and its twin with the true one."""

    question: str
    writer: str  # injector, base, or an arm: who wrote it
    run: str | None  # whose greedy answer it was cut from
    wrong: str  # the text up to the end of the step
    clean: str
    calculation: str  # of the step, as written
    name: str | None  # of the quantity that the step computes, where it says so
    value: str  # the false value, as `fractions.Fraction` reads it
    truth: str


class RecoveryText(msgspec.Struct, frozen=True):
    """What one run wrote after one prefix."""

    question: str
    writer: str
    after: Twin
    text: str
    tokens: int  # generated, without the prefix
    finish: Literal["stop", "length", "content_filter"]


def prefixes_file(benchmark: str) -> str:
    """Where the prefixes of a benchmark lie."""
    return f"{RECOVERY}/{benchmark}/prefixes.jsonl"


def texts_key(benchmark: str, run: str) -> str:
    """The key of what a run wrote; its file has .jsonl behind it."""
    return f"{RECOVERY}/{benchmark}/{run}"


class RecoveryCell(msgspec.Struct, frozen=True):
    """One reader on the prefixes of one writer. Rates are of prefixes times the reader's runs."""

    writer: str
    reader: str
    prefixes: int
    runs: int
    own: bool  # the reader wrote them: selected by its own errors, so a description
    right_after_wrong: float
    right_after_clean: float
    notices: float  # the wrong step is doubted before the answer; by rules, a lower bound on foreign prose
    corrects: float  # the same quantity or calculation has the true value later
    repeats: float  # the false value is written for it again
    false_alarm: float  # on the clean twin that step is doubted, or its value changed
    right_noticed: float  # right in the end, and the wrong step was doubted
    right_silent: float  # right in the end without a word about it


class RecoveryTable(msgspec.Struct, frozen=True):
    """Writer by reader on one benchmark."""

    benchmark: str
    cells: tuple[RecoveryCell, ...]
    left_out: dict[str, dict[str, int]]  # by writer, answers that gave no prefix, by reason
    recall: (
        float | None
    )  # of the rule for `notices`, on journeys that the problems' own method makes; null: it makes none
    recall_of: int  # such mistakes
