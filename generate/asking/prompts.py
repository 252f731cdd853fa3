"""Prompts: reviewed files of the package, filled with texts that are data and nothing else, and named by their hash.

    text = fill("critic", problem=question, steps="...", step="...")

What is filled in may have been written by anybody: it is escaped, so that it cannot close the tag that it stands in, and is
filled in once, so that it cannot name a place of the prompt. What a model replies is read by `journey.generate.asking.replies`.
"""

from __future__ import annotations

import hashlib
import html
import importlib.resources
import re
from functools import cache

_PLACE = re.compile(r"\{\{([a-z_]+)\}\}")
_CONTROL = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069\u200b-\u200f]"
)  # what hides text from a reader


@cache
def read_prompt(name: str) -> str:
    """The text of a prompt of the package."""
    return (importlib.resources.files("journey.data") / "prompts" / f"{name}.txt").read_text(encoding="utf-8")


def prompt_hash(name: str) -> str:
    """The first 16 digits of the sha256 of a prompt's bytes."""
    return hashlib.sha256(read_prompt(name).encode()).hexdigest()[:16]


def escaped(text: str) -> str:
    """A text as data: no tag in it, and no character that a reader does not see."""
    return html.escape(_CONTROL.sub(" ", text), quote=False)


class Marked(str):
    """A text that has tags of the prompt's own in it, between which everything is escaped already."""


def fill(name: str, **texts: str) -> str:
    """A prompt with every place filled. Raises KeyError for a place without a text."""

    def said(place: re.Match[str]) -> str:
        text = texts[place[1]]
        return text if isinstance(text, Marked) else escaped(text)

    return _PLACE.sub(said, read_prompt(name)).strip()
