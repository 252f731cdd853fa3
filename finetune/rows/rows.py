"""Training rows: token ids with a loss weight and a role for every token, as flat arrays.

What is supervised is decided by position - after the prompt, the end-of-turn token included - and never by token id:
in SmolLM2 and others the padding token is the end-of-turn token.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from journey.errors import UsageError
from journey.finetune.runs import Arm, ArmContext
from journey.models import template
from journey.schema import ROLES, Pair, Trace
from journey.views import Span, View

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

ANSWER = ROLES.index("answer")
CORRECT_PATH = tuple(ROLES.index(role) for role in ("plan", "step", "correction", "check"))
MISTAKE = ROLES.index("mistake")
FRAME = -1  # tokens of no step: the prompt, tags around the thinking, filler
FILLER = -1  # node of a segment that says nothing
_BATCH = 1000


@dataclass(frozen=True)
class Rows:
    """One arm's rows, in the order of the pairs, end to end in flat arrays.

    `ids`, `weights` and `roles` are (tokens,): token id, loss weight (0 on prompts), index in ROLES or FRAME. Row k is
    [starts[k], starts[k + 1]), the first prompts[k] tokens of which are its prompt.
    """

    problems: tuple[str, ...]
    ids: NDArray[np.int32]
    weights: NDArray[np.float32]
    roles: NDArray[np.int8]
    starts: NDArray[np.int64]
    prompts: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.prompts)

    def at(self, row: int) -> slice:
        """The slice of the flat arrays that a row takes up."""
        return slice(int(self.starts[row]), int(self.starts[row + 1]))

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of every row (row,), prompt included."""
        return np.diff(self.starts)

    @property
    def supervised(self) -> NDArray[np.int64]:
        """Supervised tokens of every row (row,): those with a loss weight above 0."""
        return np.add.reduceat(self.weights > 0, self.starts[:-1], dtype=np.int64)

    def weight_on(self, roles: Sequence[int]) -> NDArray[np.float64]:
        """The loss weight of every row (row,) that lies on these roles."""
        return np.add.reduceat(
            np.where(np.isin(self.roles, roles), self.weights, 0), self.starts[:-1], dtype=np.float64
        )

    def head(self, count: int) -> Rows:
        """The first `count` rows, as views of the same arrays."""
        end = int(self.starts[count])
        return Rows(
            self.problems[:count],
            self.ids[:end],
            self.weights[:end],
            self.roles[:end],
            self.starts[: count + 1],
            self.prompts[:count],
        )

    def save(self, path: Path) -> None:
        """Write the arrays as one uncompressed npz file, without pickles."""
        path.parent.mkdir(parents=True, exist_ok=True)
        arrays: dict[str, Any] = {name: np.asarray(value) for name, value in vars(self).items()}
        np.savez(path, **arrays)

    @classmethod
    def load(cls, path: Path) -> Rows:
        """Rows from a file that `save` wrote."""
        with np.load(path, allow_pickle=False) as data:
            return cls(tuple(data["problems"].tolist()), *(data[name] for name in list(cls.__annotations__)[1:]))


def encode(
    pairs: Sequence[Pair],
    arm: Arm,
    tokenizer: PreTrainedTokenizerBase,
    view: View,
    traces: Sequence[Trace] | None = None,
    prompts: Mapping[str, list[int]] | None = None,
) -> Rows:
    """The arm's rows, from its traces of the pairs and the prompts' ids (by problem) where they are made already.

    Raises UsageError if the tokenizer cannot say which characters a token covers, ValueError for a pair without trace.
    """
    if not tokenizer.is_fast:
        raise UsageError(
            f"{type(tokenizer).__name__} cannot say which characters a token covers",
            "use a model with a tokenizer.json",
        )
    all_traces = list(traces) if traces is not None else arm.traces(pairs, ArmContext(tokenizer, view))
    weight = np.array([arm.weights.get(role, 1.0) for role in ROLES] + [1.0], dtype=np.float32)  # last: FRAME
    end = template.end_of_turn(tokenizer)
    ids: list[int] = []
    roles: list[int] = []
    starts, sizes = [0], []
    for start in range(0, len(pairs), _BATCH):
        part = list(zip(pairs[start : start + _BATCH], all_traces[start : start + _BATCH], strict=True))
        rendered = []
        for pair, trace in part:
            if trace is None:
                raise ValueError(f"arm {arm.name} has no trace of pair {pair.pair_id}")
            rendered.append(template.render(tokenizer, trace, view))
        texts = [each.text for each in rendered]
        encoded = tokenizer(texts, add_special_tokens=False, return_offsets_mapping=True)
        read = zip(part, rendered, encoded["input_ids"], encoded["offset_mapping"], strict=True)
        for (pair, _), each, completion, offsets in read:
            prompt_ids = (prompts or {}).get(pair.problem.id) or template.prompt_ids(tokenizer, pair.problem, view)
            ids += [*prompt_ids, *completion, end]
            roles += [FRAME] * len(prompt_ids) + _roles(each.text, each.spans, offsets) + [ANSWER]
            starts.append(len(ids))
            sizes.append(len(prompt_ids))
    flat = np.array(roles, dtype=np.int8)
    weights = weight[flat]
    for start_of_row, prompt in zip(starts, sizes, strict=False):
        weights[start_of_row : start_of_row + prompt] = 0
    return Rows(
        tuple(pair.problem.id for pair in pairs),
        np.array(ids, dtype=np.int32),
        weights,
        flat,
        np.array(starts, dtype=np.int64),
        np.array(sizes, dtype=np.int64),
    )


def _roles(text: str, spans: Sequence[Span], offsets: Sequence[tuple[int, int]]) -> list[int]:
    """The role of every token: that of the segment its first visible character lies in."""
    roles, index = [], 0
    for start, end in offsets:
        while start < end - 1 and text[start].isspace():
            start += 1
        while index < len(spans) and spans[index].end <= start:
            index += 1
        inside = index < len(spans) and spans[index].start <= start
        roles.append(ROLES.index(spans[index].role) if inside and spans[index].node != FILLER else FRAME)
    return roles


def draw(rows: Rows, row: int, tokenizer: PreTrainedTokenizerBase) -> str:
    """A row's text with what is supervised in double brackets, for people and tests."""
    span = rows.at(row)
    text, inside = "", False
    for token, weight in zip(rows.ids[span].tolist(), rows.weights[span].tolist(), strict=True):
        if (weight > 0) != inside:
            text += " [[" if weight > 0 else " ]]"
            inside = weight > 0
        text += " " + str(tokenizer.decode([token])).strip()
    return (text + (" ]]" if inside else "")).strip()
