"""Completion requests and completions: the same records for a model in memory and for a server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

Finish = Literal["stop", "length", "content_filter"]  # the last: a server has withheld the answer


@dataclass(frozen=True)
class CompletionRequest:
    """One text to write after a prompt (token ids), with the adapter at place `run` of the stack.

    `chance` holds a uniform number for every new token, None is greedy; `cap` is the decoder's unless given. The last
    `begun` tokens of the prompt are what the answer begins with.
    """

    prompt: Sequence[int]
    run: int = 0
    cap: int | None = None
    chance: npt.NDArray[np.float32] | None = None
    begun: int = 0


@dataclass(frozen=True)
class Completion:
    """The tokens written after one prompt, the one that ended it included, and why the writing stopped.

    `seconds` is the row's share of the time that its batch took: every step is shared by the rows being written.
    `logprob` is the sum of the tokens' log-probabilities (natural, at temperature 1), where they were drawn by chance.
    `counted` is the number of tokens as a server counts them, where that is not the number of ids; `reason` is why it ended in
    the server's own word. `turned`: it stopped where the text began a turn of somebody else, whose mark is the last of its
    tokens.
    """

    ids: tuple[int, ...]
    finish: Finish
    seconds: float = 0.0
    logprob: float | None = None
    counted: int | None = None
    turned: bool = False
    reason: str = ""

    @property
    def tokens(self) -> int:
        """How many tokens were written."""
        return len(self.ids) if self.counted is None else self.counted

    def __eq__(self, other: object) -> bool:
        """Equal text; the seconds differ every time."""
        if not isinstance(other, Completion):
            return NotImplemented
        return (self.ids, self.finish) == (other.ids, other.finish)

    def __hash__(self) -> int:
        return hash((self.ids, self.finish))
