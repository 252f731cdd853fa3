"""The units of a prose trace that get a role: paragraphs or lines, cut again where a sentence begins to doubt.

A unit is its text and the gap before it, so that units put together are the trace again (blank lines as one). Display
math, code and environments are never cut.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from journey.generate.imports.cues import DOUBT

MOST_UNITS = 1500
_LONG = 1200  # characters of a paragraph that is cut into its lines
_SENTENCE = re.compile(r"(?<=[.!?:])[ ]+(?=[A-Z])")
_OPENERS = (("$$", "$$"), ("\\[", "\\]"), ("```", "```"))
_BEGIN, _END = re.compile(r"\\begin\{"), re.compile(r"\\end\{")


@dataclass(frozen=True)
class TextUnit:
    """A piece of a trace and what stands before it: a blank line, a line break or a blank."""

    text: str
    gap: str = "\n\n"


def units(text: str) -> list[TextUnit]:
    """The units of a text, in order."""
    found: list[TextUnit] = []
    paragraphs = _whole(re.split(r"\n[ \t]*\n\s*", text), "\n\n")
    lines_alone = len(paragraphs) == 1
    for paragraph in paragraphs:
        if not lines_alone and len(paragraph) <= _LONG:
            found += _sentences(paragraph, "\n\n")
            continue
        for number, line in enumerate(_whole(paragraph.split("\n"), "\n")):
            found += _sentences(line, "\n" if number or lines_alone else "\n\n")
    return found[:MOST_UNITS]


def _sentences(text: str, gap: str) -> Iterator[TextUnit]:
    """A paragraph, cut before each sentence that begins to doubt."""
    start = 0
    for match in _SENTENCE.finditer(text):
        if DOUBT.match(text, match.end()) and not _open(text[start : match.start()]):
            yield TextUnit(text[start : match.start()].rstrip(), gap)
            start, gap = match.end(), " "
    if text[start:].strip():
        yield TextUnit(text[start:].strip(), gap)


def _whole(parts: list[str], joint: str) -> list[str]:
    """The parts that are not blank; those within math, code or an environment stay together."""
    whole: list[str] = []
    held = ""
    for part in parts:
        if not part.strip():
            continue
        held = f"{held}{joint}{part.rstrip()}" if held else part.strip()
        if not _open(held) or len(held) > 4 * _LONG:
            whole.append(held)
            held = ""
    return [*whole, held] if held else whole


def _open(text: str) -> bool:
    """Whether display math, code or an environment is opened and not closed."""
    for opener, closer in _OPENERS:
        if text.count(opener) % 2 if opener == closer else text.count(opener) > text.count(closer):
            return True
    return len(_BEGIN.findall(text)) > len(_END.findall(text))
