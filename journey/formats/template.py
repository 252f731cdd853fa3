"""The file that says how problems and answers go through a base's chat template."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

from journey.formats.record import FileRecord


class TemplateFile(FileRecord, frozen=True, kw_only=True):
    """template.json: how a folder's prompts and answers are put to its base; a folder without it has the base's own way.

    `text` is a chat template in place of the base's own, `args` what it is given, `date` (YYYY-MM-DD) what it takes for
    today. `before` is text after the generation prompt that belongs to the prompt: a thinking part that is closed at
    once, a channel's header. `open` and `close` stand around the thinking part of an answer; `opened`: the prompt ends
    with `open`, and answers begin after it. `separator` parts question and answer where there is no chat template.
    """

    FILE: ClassVar[str] = "template.json"

    text: str | None = None
    args: dict[str, Any] = msgspec.field(default_factory=dict)
    date: str | None = None
    before: str = ""
    open: str = "<think>\n"
    close: str = "\n</think>\n\n"
    opened: bool = False
    separator: str = "\n\n"
    version: int = 1
