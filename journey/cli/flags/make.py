"""The generator of `flags.json`, from the settings models and the catalogs: `make golden`. --check only compares.

Never imported by the command line, which reads the file.
"""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from pydantic import BaseModel

from journey import catalog
from journey.cli.flags.given import FILE, SettingFlag
from journey.config import CurateSettings, EvaluateSettings, FinetuneSettings, GenerateSettings, SampleSettings
from journey.formats.files import write_or_check
from journey.publish.settings import Given, PublishSettings
from journey.settings.fields import Setting, settings_of

VERBS: dict[str, tuple[type[BaseModel], ...]] = {
    "sample": (SampleSettings,),
    "generate": (GenerateSettings,),
    "curate": (CurateSettings,),
    "finetune": (FinetuneSettings,),
    "evaluate": (EvaluateSettings,),
    "publish": (PublishSettings, Given),
}
PLUG_INS = {
    "generate": {"families": catalog.FAMILIES, "methods": catalog.METHODS},
    "curate": {"filters": catalog.FILTERS},
    "finetune": {"arms": catalog.ARMS, "engines": catalog.ENGINES},
    "evaluate": {"benchmarks": catalog.BENCHMARKS, "strategies": catalog.STRATEGIES},
}
# What a flag takes that its metavar shows already.
_SAID_BY_METAVAR = ("text", "path", "list", "by name: text", "true or false")


def option(setting: Setting) -> SettingFlag:
    """A setting as a flag."""
    assert setting.flag is not None
    metavar = setting.flag.metavar
    if setting.flag.split and setting.shape in ("list", "map"):
        metavar += ",..."
    if setting.shape == "value or map":
        metavar += "|NAME=" + metavar + ",..."
    return SettingFlag(
        name=setting.name,
        flag=f"--{setting.name.replace('_', '-')}",
        shape=setting.shape,
        metavar=metavar,
        help=help_of(setting),
        split=setting.flag.split,
        required=setting.required,
        example=setting.example,
    )


def help_of(setting: Setting) -> str:
    """`Longest row (tokens, 16 or more; default: by base).`"""
    meaning, own = setting.meaning, ""
    if meaning.endswith(")"):  # what the description has in brackets goes into the same brackets
        meaning, _, own = meaning[:-1].rpartition(" (")
    takes = setting.takes.removeprefix("list: ").removesuffix(", or a list")
    default = "" if setting.shape == "switch" else setting.default
    facts = [
        "" if own.startswith("default: ") else own,
        "" if takes in _SAID_BY_METAVAR else takes,
        f"e.g. {setting.example}" if setting.example else "",
        f"default: {default}" if default else "",
        own if own.startswith("default: ") else "",
    ]
    inside = "; ".join(filter(None, facts))
    repeats = " Repeats." if setting.flag and not setting.flag.split else ""
    return f"{meaning[:1].upper()}{meaning[1:]}{f' ({inside})' if inside else ''}.{repeats}"


def content() -> str:
    """The text of the file as the models have it now."""
    data: dict[str, Any] = {}
    for verb, models in VERBS.items():
        settings = [setting for model in models for setting in settings_of(model)]
        data[verb] = {
            "flags": [_stated(option(setting)) for setting in settings if setting.flag is not None],
            "set": any(setting.flag is None for setting in settings),
            "plug_ins": {kind: plug_ins.names() for kind, plug_ins in PLUG_INS.get(verb, {}).items()},
        }
    return json.dumps(data, indent=1) + "\n"


def _stated(flag: SettingFlag) -> dict[str, Any]:
    """What differs from the defaults of an SettingFlag."""
    return {
        field.name: getattr(flag, field.name)
        for field in dataclasses.fields(flag)
        if getattr(flag, field.name) != field.default
    }


if __name__ == "__main__":
    write_or_check(FILE, content, "the settings and plug-ins", __doc__)
