"""The data sets that are read: one entry each, with its fields, its licence, who wrote it and what it can give.

`journey list methods import` and docs/import.md show this table. A data set is recognised by its Hub id, else by its fields.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from journey.errors import UnknownName, UsageError
from journey.generate.imports.readers import labelled_steps, long_traces, paired_rows, search_paths
from journey.generate.imports.readers.cells import TraceRow
from journey.generate.imports.records import ReadRow
from journey.tables.cells import lookup

Origin = Literal["model", "human", "injected", "search", "unknown"]


@dataclass(frozen=True)
class ImportFormat:
    """One data set. `fields` are those that tell it from others (dotted inside objects); none: only by name or Hub id.

    `licence` is that of its card, None where it states none; `writer` the model that wrote the traces, whose terms are
    `writer_licence` where they are a licence. `held_out`: made for evaluation, so that its questions are never trained on.
    `gives` is what pairs of it hold.
    """

    name: str
    read: Callable[[TraceRow], ReadRow]
    fields: tuple[str, ...]
    licence: str | None
    origin: Origin
    gives: str
    hub: tuple[str, ...] = ()
    config: str | None = None
    split: str | None = None
    writer: str | None = None
    writer_licence: str | None = None
    held_out: bool = False
    own: bool = False  # the user's rows: source and licence are theirs

    def described(self) -> str:
        """One line for `journey list methods import`."""
        told = "fields " + ", ".join(self.fields) if self.fields else "named or by its Hub id"
        licence = "one's own rows" if self.own else self.licence or "no licence stated: not published"
        return f"{self.gives} ({told}; {licence})"


R1, GPT_4O = "deepseek-ai/DeepSeek-R1", "gpt-4o"
FORMATS: tuple[ImportFormat, ...] = (
    ImportFormat(
        "prm800k", labelled_steps.prm800k, ("question.problem", "label.steps", "label.finish_reason"), "mit", "model",
        "steps rated by people, with wrong ones tried in a step's place (phase 1) or a first mistake and the reference (phase 2)",
        hub=("tasksource/PRM800K",), writer="openai/prm800k", writer_licence="mit",
    ),
    ImportFormat(
        "math-shepherd", labelled_steps.math_shepherd, ("input", "label", "task"), None, "model",
        "steps labelled by whether continuations of them come out right; a wrong and a right answer to a question are stitched",
        hub=("peiyi9979/Math-Shepherd",), writer="peiyi9979/Math-Shepherd",
    ),
    ImportFormat(
        "processbench", labelled_steps.processbench, ("problem", "steps", "label", "final_answer_correct"), "apache-2.0",
        "model", "steps with the first wrong one named by people: for evaluation, all of it test",
        hub=("Qwen/ProcessBench",), split="gsm8k", held_out=True,
    ),
    ImportFormat(
        "gsm8k-random-all", paired_rows.gsm8k_random, ("query", "response", "backtrack_response"), "mit", "injected",
        "shortcut and journey in one row: random tokens and their deletion in a solution of GSM8K",
        hub=("mtybilly/GSM8K-Random-All",), config="p1_n3",
    ),
    ImportFormat(
        "gsm8k-self-correct", paired_rows.gsm8k_self_correct, ("question", "answer", "mistake", "correct_end"), "mit",
        "model", "a wrong beginning and the right ending to it", hub=("euclaise/gsm8k_self_correct",),
    ),
    ImportFormat(
        "countdown-backtracking", search_paths.countdown, ("nums", "target", "search_path"), "mit", "search",
        "right paths, and wrong moves that are left at once; every move is played and judged by the exact solver",
        hub=("yangxw/countdown-backtracking",),
    ),
    ImportFormat(
        "openr1-math-220k", long_traces.openr1, ("problem", "generations", "correctness_math_verify"), "apache-2.0", "model",
        "right and wrong generations: a wrong one and then a right one, by the data set's flags; right ones alone",
        hub=("open-r1/OpenR1-Math-220k",), config="default", writer=R1, writer_licence="mit",
    ),
    ImportFormat(
        "s1k-1.1", long_traces.s1k_1_1, ("question", "deepseek_thinking_trajectory"), "mit", "model",
        "long traces with a write-up, which is the shortcut", hub=("simplescaling/s1K-1.1",), writer=R1, writer_licence="mit",
    ),
    ImportFormat(
        "s1k", long_traces.s1k, ("question", "thinking_trajectories"), "apache-2.0", "model",
        "long traces with a write-up, which is the shortcut", hub=("simplescaling/s1K",),
        writer="gemini-2.0-flash-thinking-exp",
    ),
    ImportFormat(
        "o1-journey", long_traces.o1_journey, ("question", "longCOT"), None, "model",
        "long thoughts made of search trees; the shortcut is cut out", hub=("GAIR/o1-journey",), writer=GPT_4O,
    ),
    ImportFormat(
        "openthoughts3", long_traces.chat, ("conversations", "difficulty", "domain"), "apache-2.0", "model",
        "long traces with a write-up, up to 16 to a question; no gold, so the trace's own answer stands for it",
        hub=("open-thoughts/OpenThoughts3-1.2M",), writer="Qwen/QwQ-32B", writer_licence="apache-2.0",
    ),
    ImportFormat(
        "mixture-of-thoughts", long_traces.chat, ("messages", "num_tokens", "source"), None, "model",
        "long traces with a write-up; no gold, so the trace's own answer stands for it; code and proofs are left out",
        hub=("open-r1/Mixture-of-Thoughts",), config="math", writer=R1, writer_licence="mit",
    ),
    ImportFormat(
        "lemma", paired_rows.lemma, (), "cc-by-4.0", "model",
        "solutions with a mistake, its correction, and the rest; the shortcut is cut out", hub=("panzs19/LEMMA",), writer=GPT_4O,
    ),
    ImportFormat(
        "journeys", paired_rows.written, ("question", "journey"), None, "human",
        "journeys written by hand: segments with roles, as docs/import.md describes them", own=True,
    ),
    ImportFormat(
        "thinking", long_traces.thinking, ("message_thinking",), None, "model",
        "one's own rows with thinking and answer in two fields", own=True,
    ),
    ImportFormat(
        "messages", long_traces.chat, ("messages",), None, "model",
        "one's own chats, the thinking between <think> tags", own=True,
    ),
    ImportFormat(
        "conversations", long_traces.chat, ("conversations",), None, "model",
        "the same with from and value (ShareGPT)", own=True,
    ),
)  # fmt: skip
_BY_NAME = {each.name: each for each in FORMATS}
NAMES = tuple(_BY_NAME)


def named(name: str) -> ImportFormat:
    """The entry of a name. Raises UnknownName."""
    if name not in _BY_NAME:
        raise UnknownName("format", name, NAMES)
    return _BY_NAME[name]


def of_hub(repo: str) -> ImportFormat | None:
    """The entry of a Hub dataset, or None."""
    return next((each for each in FORMATS if repo.lower() in (known.lower() for known in each.hub)), None)


def recognised(rows: Iterable[Mapping[str, Any]]) -> ImportFormat:
    """The first entry all of whose fields the rows have. Raises UsageError where none does."""
    names = "none"
    for row in rows:
        for each in FORMATS:
            if each.fields and all(lookup(row, path) is not None for path in each.fields):
                return each
        names = ", ".join(map(str, row)) or "none"
    raise UsageError(
        f"these rows are of no format that is known (fields: {names})",
        f"name it: --set import.format=NAME, one of {', '.join(NAMES)}; `journey list methods import` says their fields",
    )
