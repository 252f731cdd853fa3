"""What `generate` combines: families or a problem file with methods, their settings and shares, resolved and checked.

No problem is read here and no model opened.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from journey.config import GenerateSettings
from journey.errors import UsageError
from journey.generate.asking.prompts import prompt_hash
from journey.generate.asking.requests import ASKED_ROLES
from journey.generate.attempts.reading import check_alike
from journey.generate.mixing import Share, parse_shares
from journey.generate.protocols import FAMILIES, METHODS, AskingMethod, Method
from journey.generate.shards import PairSource
from journey.servers.use import limits_of
from journey.settings.given import build
from journey.tables.rows import UserTable


def parse_family(spec: str) -> tuple[str, int]:
    """`NAME` or `NAME@LEVEL`. Raises UsageError for an unknown name or level."""
    name, separator, level = spec.partition("@")
    levels = FAMILIES.entry(name).facts["levels"]
    if not separator:
        return name, min(levels)
    if not level.isdecimal() or int(level) not in levels:
        known = ", ".join(f"{name}@{number}" for number in levels)
        raise UsageError(f"{spec!r} is no level of {name}", f"known: {known}")
    return name, int(level)


def check(settings: GenerateSettings) -> None:
    """Raises UsageError or UnknownName for settings that `generate` would refuse; reads no problem."""
    find_sources(settings)
    if settings.problems:
        UserTable(settings.problems, settings.map)
    # The attempts themselves may still be to be drawn, by an earlier stage of a recipe.


def find_sources(settings: GenerateSettings) -> tuple[PairSource, ...]:
    """What is combined: families or the problem file with methods and their options."""
    reader = trace_reader(settings)
    if reader and (len({share.name for share in parse_shares(settings.method)}) > 1):
        return _with_traces(settings, reader)
    if settings.attempts and (settings.problems or settings.family):
        raise UsageError(
            "--attempts is given beside problems", "leave --family and --problems out: attempts have their own"
        )
    shares = parse_shares(settings.method)
    if settings.attempts:
        return _of_attempts(settings, shares)
    if settings.problems and settings.family:
        raise UsageError("both --family and --problems are given", "make two folders and curate both")
    if not settings.problems and not settings.family:
        raise UsageError(
            "nothing to make pairs of", "give --family NAME or --problems FILE; see `journey list families`"
        )
    if reader:
        return (_of_traces(settings, reader),)
    unasked = [entry.name for entry in METHODS.entries() if not entry.facts["model"]]
    known = {name: METHODS.get(name) for name in [share.name for share in shares] or unasked}
    reading = [share.name for share in shares if METHODS.entry(share.name).facts.get("attempts")]
    if reading:
        raise UsageError(f"method {reading[0]} reads attempts", "add --attempts DIR, which `journey sample` wrote")
    combined = _of_file(settings, known, shares) if settings.problems else _of_families(settings, known, shares)
    if not settings.problems and settings.pairs is None:
        raise UsageError("a family has no end: how many pairs?", "add --pairs N")
    _refuse_unused(settings, combined)
    _check_models(settings, combined)
    return combined


def _refuse_unused(settings: GenerateSettings, combined: Sequence[PairSource]) -> None:
    """Raises UsageError for settings of a method that makes nothing here, UnknownName for those of none."""
    unused = [name for name in settings.options if name not in {source.method for source in combined}]
    if unused:
        METHODS.entry(unused[0])
        raise UsageError(
            f"settings of method {unused[0]}, which makes none of these pairs", f"add --method {unused[0]}"
        )


def asking_methods(combined: Sequence[PairSource]) -> list[AskingMethod]:
    """The methods among some sources that ask models, made."""
    made = [METHODS.get(source.method)(METHODS.get(source.method).Settings(**source.options)) for source in combined]
    return [method for method in made if isinstance(method, AskingMethod)]


def _check_models(settings: GenerateSettings, combined: Sequence[PairSource]) -> None:
    """Raises UsageError for a model that a method needs and is not named, or that no method asks."""
    wanted = {role: source.method for source in combined for asked in asking_methods([source]) for role in asked.asks}
    for role in ASKED_ROLES:
        given = getattr(settings, role)
        if role in wanted and given is None:
            raise UsageError(
                f"method {wanted[role]} asks a model, and no {role} is named",
                f"add --{role} MODEL: a catalog name, folder, Hub id, run (DIR/RUN) or NAME@http://HOST/v1",
            )
        if role not in wanted and given is not None:
            if role == "policy":
                raise UsageError("--policy is given without --attempts", "add --attempts DIR, or leave it out")
            raise UsageError(f"no method asks the {role} {given}", f"leave --{role} out; see `journey list methods`")
    if settings.oracle and "critic" not in wanted:
        raise UsageError("--oracle is for a critic, and no method asks one", "leave it out")
    limits_of(settings)


def prompts_of(combined: Sequence[PairSource]) -> dict[str, str]:
    """The prompts that may be used, by their hashes."""
    names = {name for source in combined for name in METHODS.entry(source.method).facts.get("prompts", ())}
    return {name: prompt_hash(name) for name in sorted(names)}


def trace_reader(settings: GenerateSettings) -> str | None:
    """The method that reads traces, where one is named."""
    names = [share.name for share in parse_shares(settings.method)]
    return next((name for name in names if METHODS.entry(name).facts.get("traces")), None)


def _of_traces(settings: GenerateSettings, name: str) -> PairSource:
    """The method that reads traces, alone."""
    if not settings.problems:
        raise UsageError(f"method {name} reads rows with traces", "give --problems FILE_OR_HUB_ID")
    for other in settings.options:
        if other != name:
            METHODS.entry(other)
            raise UsageError(f"methods {name} and {other} read different rows", f"leave the settings of {other} out")
    return PairSource(name, _options(settings, name, METHODS.get(name)))


def _with_traces(settings: GenerateSettings, name: str) -> tuple[PairSource, ...]:
    """The method that reads traces, mixed by shares with methods that read attempts, families, or the questions of its rows."""
    shares = {share.name: share for share in parse_shares(settings.method)}
    other = next(each for each in shares if each != name)
    METHODS.entry(other)
    if not any(share.given for share in shares.values()):
        raise UsageError(f"methods {name} and {other} read different rows", f"mix them: --method {name}=1,{other}=1")
    asking = [each for each in shares if METHODS.entry(each).facts["model"]]
    if asking:
        raise UsageError(f"method {asking[0]} asks a model, and {name} is given", "make two folders and curate both")
    alone = {"method": [name], "options": {key: each for key, each in settings.options.items() if key == name}}
    traces = _of_traces(settings.model_copy(update=alone), name)
    rest: dict[str, Any] = {
        "method": [spec for spec in settings.method if spec.partition("=")[0] != name],
        "options": {key: each for key, each in settings.options.items() if key != name},
        "pairs": settings.pairs or 1,  # of a family: the mixture ends with the rows
    }
    if settings.attempts or settings.family:
        rest["problems"] = None
    found = [traces, *find_sources(settings.model_copy(update=rest))]
    order = list(shares)
    found.sort(key=lambda source: order.index(source.method))  # stable: families as they were given
    traced = replace(traces, share=shares[name].share)
    return tuple(replace(traced if source is traces else source, dealt=True) for source in found)


def _options(settings: GenerateSettings, name: str, method: type[Method]) -> dict[str, Any]:
    options: dict[str, Any] = build(method.Settings, settings.options.get(name, {}), f"method {name}").model_dump()
    return options


def _of_attempts(settings: GenerateSettings, shares: Sequence[Share]) -> tuple[PairSource, ...]:
    """Methods that read attempts; only those that were named, since they take problems from each other.

    With shares each problem is dealt to one of them, and methods that read problem files may be among them.
    """
    able = [entry.name for entry in METHODS.entries() if entry.facts.get("attempts")]
    if not settings.method:
        raise UsageError("no method is named that reads the attempts", f"add --method, one or more of {','.join(able)}")
    dealt = any(share.given for share in shares)
    for share in shares:
        facts = METHODS.entry(share.name).facts
        if share.name not in able and not (dealt and facts.get("problems") and not facts["model"]):
            raise UsageError(
                f"method {share.name} reads no attempts",
                f"one or more of {','.join(able)}; with shares (own=3, slips=1) also what reads problems and asks no model",
            )
    chosen = {share.name: METHODS.get(share.name) for share in shares}
    combined = tuple(
        PairSource(share.name, _options(settings, share.name, chosen[share.name]), share=share.share, dealt=dealt)
        for share in {share.name: share for share in shares}.values()
    )
    _refuse_unused(settings, combined)
    check_alike(combined)
    return combined


def _of_file(
    settings: GenerateSettings, known: dict[str, type[Method]], shares: Sequence[Share]
) -> tuple[PairSource, ...]:
    reading = [entry for entry in METHODS.entries() if entry.facts.get("problems")]
    able = [entry.name for entry in sorted(reading, key=lambda entry: bool(entry.facts["model"]))]
    fitting = [name for name in known if name in able]
    if not fitting:
        raise UsageError(f"no given method reads problem files: {', '.join(known)}", f"use --method {able[0]}")
    part = {share.name: share.share for share in shares}
    dealt = any(share.given for share in shares)
    return tuple(
        PairSource(name, _options(settings, name, known[name]), share=part.get(name, 1), dealt=dealt)
        for name in fitting
    )


def _of_families(
    settings: GenerateSettings, known: dict[str, type[Method]], shares: Sequence[Share]
) -> tuple[PairSource, ...]:
    """The combinations of families and methods that fit, in the order given; shares of both are multiplied."""
    sources = []
    families, part = parse_shares(settings.family), {share.name: share.share for share in shares}
    dealt = any(share.given for share in [*families, *shares])
    for spec in families:
        family, level = parse_family(spec.name)
        able = FAMILIES.entry(family).facts["methods"]
        fitting = [name for name in known if name in able or METHODS.entry(name).facts["model"]]
        if not fitting:
            raise UsageError(f"no given method works on {family}: {', '.join(known)}", f"use --method {able[0]}")
        for name in fitting:
            options, method = _options(settings, name, known[name]), METHODS.get(name)
            if (check_options := getattr(method, "check", None)) is not None:
                check_options(family, level, options)
            share = spec.share * part.get(name, 1)
            sources.append(PairSource(name, options, family, level, share, dealt))
    return tuple(sources)
