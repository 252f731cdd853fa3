"""What is read of a server's answer to a completion: texts, thinking, reasons, token counts.

    answer, why = read_answer(body)       # None and why, for what is no completion
    answer.choices[0].message.text()      # with the thinking that the server took out of it
    answer.tokens(cap)                    # as far as they can be believed

Nothing else of it is looked at.
"""

from __future__ import annotations

import math
from typing import Any

import msgspec

MAX_BYTES = 8_000_000  # of one answer: far more than any completion has
_CUT_OFF = ("abort", "error")  # reasons of servers that gave up in the midst of an answer
_MOST_PROMPT = 100_000_000  # tokens of a prompt that are believed


class ServedMessage(msgspec.Struct):
    """A message of a chat; some servers take the thinking out of its text, under either name."""

    content: str | None = None
    reasoning_content: Any = None
    reasoning: Any = None

    def text(self, finish: str | None = None) -> str:
        """What the model wrote, its thinking put back where it was; left open where the answer was cut off in it."""
        thoughts = (self.reasoning_content, self.reasoning)
        thought = next((each for each in thoughts if isinstance(each, str) and each), "")
        if thought and not self.content and finish == "length":
            return f"<think>\n{thought}"
        return f"<think>\n{thought}\n</think>\n\n{self.content or ''}" if thought else self.content or ""


class _TopLogprob(msgspec.Struct):
    token: str
    logprob: float


class _TokenLogprob(msgspec.Struct):
    top_logprobs: list[_TopLogprob] = []


class _Logprobs(msgspec.Struct):
    token_logprobs: list[float | None] | None = None
    content: list[_TokenLogprob] | None = None


class ServedChoice(msgspec.Struct):
    """One of the texts of an answer, in either of its two forms: `text`, or the `message` of a chat."""

    finish_reason: str | None = None
    text: str | None = None
    message: ServedMessage | None = None
    logprobs: _Logprobs | None = None
    token_ids: list[int] | None = None

    def logprob(self) -> float | None:
        """The sum over its tokens; None where the server does not tell."""
        told = self.logprobs.token_logprobs if self.logprobs else None
        return None if told is None else math.fsum(value for value in told if value is not None)

    def yes(self) -> float:
        """The probability of "yes" against "no" as the first token; 1 or 0 from the text where the server tells none."""
        first = self.logprobs.content[0].top_logprobs if self.logprobs and self.logprobs.content else []
        mass = {"yes": 0.0, "no": 0.0}
        for token in first:
            word = token.token.strip().lower()
            if word in mass:
                mass[word] += math.exp(token.logprob)
        if sum(mass.values()) > 0:
            return mass["yes"] / sum(mass.values())
        said = (self.message.content if self.message else None) or ""
        return float(said.strip().lower().startswith("yes"))


class ServedAnswer(msgspec.Struct):
    """The whole of an answer."""

    choices: list[ServedChoice]
    usage: Any = None

    def tokens(self, cap: int) -> tuple[int, int]:
        """Tokens of the answer and of the prompt, each 0 where the server does not tell or it cannot be true."""
        told = self.usage if isinstance(self.usage, dict) else {}
        return _count(told.get("completion_tokens"), cap), _count(told.get("prompt_tokens"), _MOST_PROMPT)


def decoded(body: bytes) -> ServedAnswer:
    """An answer that was read before, and kept."""
    return msgspec.json.decode(body, type=ServedAnswer)


def read_answer(body: bytes) -> tuple[ServedAnswer | None, str]:
    """The answer in a body, or None and why there is none."""
    if len(body) > MAX_BYTES:
        return None, f"{len(body):,} bytes, at most {MAX_BYTES:,} are read"
    try:
        answer = decoded(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return None, str(error)
    if not answer.choices:
        return None, "it has no choices"
    reason = answer.choices[0].finish_reason
    return (None, f"it ended with {reason!r}") if reason in _CUT_OFF else (answer, "")


def _count(value: object, most: int) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most else 0
