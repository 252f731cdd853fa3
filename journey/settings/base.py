"""The base class of all settings models, and what keeps settings newer than 0.1 out of manifests."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator

from journey.errors import has_login
from journey.settings import fields

MOST = 10**9  # of anything counted: far above what is of use, far below what ends in memory or in years


class Settings(BaseModel):
    """Base of all settings: immutable, unknown keys refused, numbers finite."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _no_login(cls, value: Any) -> Any:
        """Refuses a password in an address: settings are written into plans and manifests, which are published."""
        for text in value if isinstance(value, list | tuple) else [value]:
            if isinstance(text, str) and has_login(text):
                raise ValueError("expected an address without a login or key; a server's key goes into JOURNEY_API_KEY")
        return value

    @field_validator("*", mode="before")
    @classmethod
    def _no_number(cls, value: Any, info: ValidationInfo) -> Any:
        """Refuses true and false where a number is wanted: `seeds: yes` is not one seed."""
        field = cls.model_fields[str(info.field_name)]
        if isinstance(value, bool) and field.annotation is not Any and fields.shape_of(field.annotation) != "switch":
            raise ValueError(f"expected: {fields.takes(field.annotation, field.metadata)}")
        return value


def unset(value: Any) -> bool:
    """For `exclude_if` of settings newer than 0.1: left out of manifests where not given, so that older hashes stand."""
    return value is None


def built_in(value: Any) -> bool:
    """The same for what answers, which is the built-in sampler where nothing is said."""
    return bool(value == "built-in")


def off(value: Any) -> bool:
    """The same for switches and maps, which are off or empty where not given."""
    return not value
