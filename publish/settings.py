"""What `journey publish` is asked for."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from journey.config import Settings
from journey.views import View


class PublishSettings(Settings):
    """Settings of one publication; those that change what is built are in the manifest of the bundle."""

    repo: str = Field(description="USER/NAME on the Hub")
    view: View = Field("think", description="how traces are written: think, plain or compact")
    license: str | None = Field(None, description="licence of what is published (default: what the sources demand)")
    source_license: dict[str, str] = Field({}, description="licences that the sources do not state, NAME=ID")
    base_repo: str | None = Field(None, description="the base's Hub id, ID[@REVISION], where the run does not name one")
    base_license: str | None = Field(
        None, description="the base's licence, where neither its card nor the catalog says"
    )
    per_run: bool = Field(False, description="one repository a run, NAME-RUN, instead of one for all")
    dataset: str | None = Field(None, description="the published dataset that the runs were trained on, ID@REVISION")
    public: bool = Field(False, description="visible to everybody; private if not given")
    gated: Literal["auto", "manual"] | None = Field(None, description="readers accept conditions: auto or manual")
    revision: str | None = Field(None, description="branch to publish on (made if it is not there)")
    tag: str | None = Field(None, description="name of the version (default: the next vN)")
    create_pr: bool = Field(False, description="open a pull request instead of committing")
