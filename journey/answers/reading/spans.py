"""A text as tokens, and what lies within a span of them: parts between commas, relations, the source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from journey.answers.reading.atoms import Doubts
from journey.answers.reading.tokens import Token, UnreadAnswer

MAX_PARTS = 24  # of a list; without order every pair may be compared
RELATIONS = {"=": "=", "<": "<", ">": ">", "\\le": "<=", "\\ge": ">=", "\\ne": "!=", "\\in": "in", "\\approx": "~"}
_OPENINGS = ("(", "[", "{", "\\{", "\\langle", "\\lfloor", "\\lceil")
_CLOSINGS = (")", "]", "}", "\\}", "\\rangle", "\\rfloor", "\\rceil")


@dataclass
class TokenizedText:
    """A text with its tokens and doubts. A span is the place of its first token and the place behind its last."""

    text: str
    doubts: Doubts
    tokens: list[Token] = field(default_factory=list)

    def parts(self, start: int, end: int) -> tuple[list[tuple[int, int]], list[str]]:
        """The spans between commas and joints that stand in no bracket, and what stands between them."""
        parts: list[tuple[int, int]] = []
        joints: list[str] = []
        level, begin, pending = 0, start, ""
        for index in range(start, end):
            token = self.tokens[index]
            level += level_of(token)
            if level == 0 and (token.text == "," or token.kind == "joint"):
                if index > begin:
                    parts.append((begin, index))
                    joints.append(pending)
                    pending = ""
                elif not parts:
                    raise UnreadAnswer("a comma before the first part")
                begin = index + 1
                pending = token.text if token.text != "," else pending or ","
        if begin < end:
            parts.append((begin, end))
            joints.append(pending)
        elif parts and pending:
            raise UnreadAnswer("a comma behind the last part")
        if level:
            raise UnreadAnswer("brackets that do not match")
        return parts, joints[1:]

    def has_relation(self, start: int, end: int, wanted: Sequence[str]) -> bool:
        """Whether one of the wanted relations stands in a span, in no bracket."""
        return any(RELATIONS[self.tokens[index].text] in wanted for index in self.relations(start, end))

    def relations(self, start: int, end: int) -> list[int]:
        """The places of the relations in a span that stand in no bracket."""
        level, found = 0, []
        for index in range(start, end):
            token = self.tokens[index]
            level += level_of(token)
            if level == 0 and token.kind in ("sign", "command") and token.text in RELATIONS:
                found.append(index)
        return found

    def source(self, start: int, end: int) -> str:
        """The text of a span."""
        return self.text[self.tokens[start].start : self.tokens[end - 1].end] if start < end else ""


def level_of(token: Token) -> int:
    """1 for an opening bracket, -1 for a closing one, else 0."""
    if token.kind not in ("sign", "command"):
        return 0
    return (token.text in _OPENINGS) - (token.text in _CLOSINGS)
