"""The settings of `journey publish`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator

from journey.config import Settings, unset
from journey.publish.tables.licences import entries
from journey.settings.fields import Flag
from journey.views import View


class PublishSettings(Settings):
    """Settings of one publication; those that change what is built are in the manifest of the bundle."""

    repo: Annotated[str, Flag("USER/NAME")] = Field(description="repository on the Hub")
    view: Annotated[View, Flag("VIEW")] = Field("think", description="how traces are written")
    reasoning_content: Annotated[bool | None, Flag()] = Field(
        None,
        description="thinking in reasoning_content, beside the content of an answer, for templates that read it",
        exclude_if=unset,
    )
    license: Annotated[str | None, Flag("ID")] = Field(
        None, description="licence, checked against sources and base (default: theirs)"
    )
    source_license: Annotated[dict[str, str], Flag("NAME=ID", split=False)] = Field(
        {}, description="licence that a source or teacher does not state", examples=["gsm8k=mit"]
    )
    base_repo: Annotated[str | None, Flag("ID[@REVISION]")] = Field(
        None, description="the base on the Hub, where the run does not name it"
    )
    base_license: Annotated[str | None, Flag("ID")] = Field(
        None, description="the base's licence, where neither its card nor the catalog says"
    )
    per_run: Annotated[bool, Flag()] = Field(
        False, description="one repository a run, NAME-RUN, instead of one for all"
    )
    dataset: Annotated[str | None, Flag("ID@REVISION")] = Field(
        None, description="the published data that the runs were trained on, or none (default: found beside them)"
    )
    public: Annotated[bool, Flag()] = Field(False, description="visible to everybody; private if not given")
    gated: Annotated[Literal["auto", "manual"] | None, Flag("HOW")] = Field(
        None, description="readers accept conditions"
    )
    revision: Annotated[str | None, Flag("BRANCH")] = Field(
        None, description="branch to publish on (made if it is not there)"
    )
    tag: Annotated[str | None, Flag("NAME")] = Field(None, description="name of the version (default: the next vN)")
    create_pr: Annotated[bool, Flag()] = Field(False, description="open a pull request instead of committing")

    @field_validator("source_license")
    @classmethod
    def _one_by_one(cls, value: dict[str, str]) -> dict[str, str]:
        return {name: given for item in value.items() for name, given in entries(*item).items()}


class Given(Settings):
    """What is named besides settings: folders and files that belong to what is published. No manifest holds their place."""

    trees: Annotated[tuple[Path, ...], Flag("DIR", split=False)] = Field(
        (), description="generate folders, if they do not lie beside the curated one"
    )
    evaluation: Annotated[Path | None, Flag("DIR")] = Field(
        None, description="evaluation of the runs (default: found beside them)"
    )
    preference: Annotated[Path | None, Flag("FILE")] = Field(
        None, description="preference rows of the pairs, jsonl: pair_id, chosen, rejected"
    )
