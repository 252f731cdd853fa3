"""Chat lists as question and answer: `messages` (role, content) and ShareGPT's `conversations` (from, value).

One turn of the user and at most one of the assistant make a row; a system message is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from journey.tables.cells import Unusable

FIELDS = ("messages", "conversations")  # where a chat lies when nothing else is named
_ROLES = {"user": "user", "human": "user", "prompter": "user", "system": "system", "developer": "system"}
_ROLES |= {name: "assistant" for name in ("assistant", "gpt", "model", "bot", "chatgpt")}


class Chat(NamedTuple):
    """What the user asks, and what the assistant says to it (None: the chat ends with the question)."""

    question: Any
    answer: Any


def is_chat(value: Any) -> bool:
    """Whether a value is a list of turns."""
    return isinstance(value, list) and bool(value) and all(isinstance(turn, Mapping) and _parts(turn) for turn in value)


def read_chat(value: list[Mapping[str, Any]], field: str) -> Chat:
    """The question and the answer of a chat. Raises Unusable for several questions, other roles or a lone answer."""
    turns = [_parts(turn) for turn in value]
    roles = [_ROLES.get(str(turn[0]).lower(), str(turn[0])) for turn in turns if turn is not None]
    spoken = [
        (role, _text(turn[1], field)) for role, turn in zip(roles, turns, strict=True) if turn and role != "system"
    ]
    shape = [role for role, _ in spoken]
    if shape not in (["user"], ["user", "assistant"]):
        several = shape.count("user") > 1
        reason = "chat_several_questions" if several else "chat_not_understood"
        raise Unusable(
            field, reason, f"field {field!r} is a chat of {', '.join(shape) or 'no turns'}; one question is expected"
        )
    return Chat(spoken[0][1], spoken[1][1] if len(spoken) > 1 else None)


def _parts(turn: Mapping[str, Any]) -> tuple[Any, Any] | None:
    for role, content in (("role", "content"), ("from", "value")):
        if role in turn and content in turn:
            return turn[role], turn[content]
    return None


def _text(content: Any, field: str) -> Any:
    """The text of a turn; content in parts is joined, and a part that is no text makes the row unusable."""
    if not isinstance(content, list):
        return content
    if not all(isinstance(part, Mapping) and isinstance(part.get("text"), str) for part in content):
        raise Unusable(field, "chat_not_text", f"field {field!r} holds a part that is no text")
    return "".join(part["text"] for part in content)
