"""What `--set import.KEY=VALUE` may say."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from journey.config import Settings, unset


class ImportSettings(Settings):
    """How traces are read and told."""

    format: str | None = Field(
        None, description="the data set whose fields the rows have (default: by Hub id or fields)", exclude_if=unset
    )
    shortcut: Literal["auto", "given", "cut", "sampled"] = Field(
        "auto",
        description="the shortcut: given by the row, cut out of the journey, another right answer to the question (sampled), "
        "or the first of them that can be had",
    )
    solutions: str | None = Field(
        None,
        description="a problem file with worked solutions to the same questions, or a folder of `journey sample`: right endings for wrong "
        "answers, and shortcuts",
        exclude_if=unset,
    )
    trials: int = Field(1, ge=0, le=100, description="wrong steps told before a right one, where several are labelled")
    delay: int = Field(
        0, ge=0, le=100, description="labelled wrong steps told after the first one, before it is noticed"
    )
    mistakes: int | None = Field(
        None, ge=0, le=1000, description="labelled mistakes told in a journey, at most (default: all)", exclude_if=unset
    )
    answers: int = Field(16, ge=1, le=1000, description="answers to one question that are kept, at most")
