"""Where a model begins a turn of somebody else in its own text, looked for while the text is written.

A base that does not end its turn goes on with a question of its own, which no arm that learned to stop does. The rule is the
one by which answers are read (`journey.answers.checker.turn_end`), so nothing that counts is ever cut off.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from journey.answers.checker import turn_end, turn_marked
from journey.models import policy

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_LAST = (":", ">", "]")  # what every mark ends with


class TurnReader:
    """Says of the tokens of an answer whether the last one completes the mark of another turn.

    The text is decoded only behind a token that may end a mark, and read whole only where its last line has one.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self._tokenizer, self._policy = tokenizer, policy.of(tokenizer)
        self._known: dict[int, tuple[bool, bool]] = {}

    def begins(self, before: Sequence[int], ids: Sequence[int]) -> bool:
        """Whether the answer `before` + `ids` ends in a turn of somebody else, with an answer before it."""
        if not self._kind(ids[-1])[0]:
            return False
        breaks = (index for index in range(len(ids) - 2, -1, -1) if self._kind(ids[index])[1])
        line = next(breaks, None)
        whole = [*before, *ids]
        tail = whole if line is None else ids[line:]
        if not turn_marked(self._decoded(tail)):
            return False
        return turn_end(policy.usual(self._decoded(whole), self._policy)) is not None

    def _kind(self, token: int) -> tuple[bool, bool]:
        """Whether a token may end a mark, and whether it breaks a line."""
        if token not in self._known:
            text = self._decoded([token])
            self._known[token] = any(sign in text for sign in _LAST), "\n" in text
        return self._known[token]

    def _decoded(self, ids: Sequence[int]) -> str:
        return str(self._tokenizer.decode(list(ids), clean_up_tokenization_spaces=False))
