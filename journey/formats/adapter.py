"""PEFT's adapter_config.json, as far as this project reads it. Written by PEFT, so unknown fields are its business."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from journey.errors import UsageError

CONFIG = "adapter_config.json"


class AdapterConfig(msgspec.Struct, frozen=True):
    """Fields of an adapter's configuration; `fields` has all of them, as the file does."""

    fields: dict[str, Any]

    @property
    def rank(self) -> int:
        """The LoRA rank. Raises KeyError or ValueError where there is none."""
        return int(self.fields["r"])

    @property
    def kind(self) -> str:
        """PEFT's kind of adapter, LORA unless it says otherwise."""
        return str(self.fields.get("peft_type") or "LORA")

    @property
    def base(self) -> str:
        """The base as the adapter names it: a Hub id, a name, a folder beside it (`../warmup`), or nothing."""
        return str(self.fields.get("base_model_name_or_path") or "")

    @property
    def revision(self) -> str | None:
        """The base's revision."""
        revision = self.fields.get("revision")
        return None if revision is None else str(revision)


def read_adapter_config(folder: Path) -> AdapterConfig:
    """The configuration of an adapter's folder. Raises UsageError where it is missing or no JSON object."""
    path = folder / CONFIG
    try:
        fields = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except FileNotFoundError:
        raise UsageError(f"{folder} has no {CONFIG}", "give an adapter's folder, or train it again") from None
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}", "train the run again, or check the folder") from None
    return AdapterConfig(fields)
