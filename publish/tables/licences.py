"""Licences: which may be given to data and adapters, given where they come from, and what else is owed.

This is bookkeeping, not legal advice: a licence that is not in the table stops publishing until the user names it, and
a duty that can be met by a file, a name or a sentence is met or stops publishing. Texts of the duties: Llama 3.1 to 3.3
and 4 section 1.b (https://www.llama.com/llama3_1/license), Llama 3 and Llama 2 likewise, Gemma section 3.1
(https://ai.google.dev/gemma/terms).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from journey.errors import UnknownName, UsageError


@dataclass(frozen=True)
class Licence:
    """One licence by its id on the Hub (https://huggingface.co/docs/hub/repositories-licenses).

    `own`: what is made from it keeps this very licence. `rank` orders the permissive ones, the least demanding first.
    `prefix` must begin the name of a model; `notice` is the text of its NOTICE file and `banner` a line of its card.
    """

    id: str
    rank: int = 0
    share_alike: bool = False
    non_commercial: bool = False
    no_derivatives: bool = False
    own: bool = False
    attribution: bool = True
    prefix: str = ""
    banner: str = ""
    notice: str = ""


def _llama(id_: str, version: str, prefix: str, banner: str) -> Licence:
    notice = (
        f"Llama {version} is licensed under the Llama {version} Community License, "
        "Copyright (c) Meta Platforms, Inc. All Rights Reserved."
    )
    return Licence(id_, own=True, prefix=prefix, banner=banner, notice=notice)


OTHER = "other"  # terms that the publisher has read
_GEMMA = "Gemma is provided under and subject to the Gemma Terms of Use found at ai.google.dev/gemma/terms"
KNOWN: dict[str, Licence] = {
    licence.id: licence
    for licence in (
        Licence("cc0-1.0", 0, attribution=False),
        Licence("unlicense", 0, attribution=False),
        Licence("mit", 1),
        Licence("bsd-2-clause", 1),
        Licence("bsd-3-clause", 2),
        Licence("apache-2.0", 3),
        Licence("odc-by", 4),
        Licence("cc-by-3.0", 4),
        Licence("cc-by-4.0", 5),
        Licence("cc-by-sa-3.0", share_alike=True),
        Licence("cc-by-sa-4.0", share_alike=True),
        Licence("odbl", share_alike=True),
        Licence("gpl-3.0", share_alike=True),
        Licence("cc-by-nc-4.0", 6, non_commercial=True),
        Licence("cc-by-nc-sa-4.0", share_alike=True, non_commercial=True),
        Licence("cc-by-nd-4.0", no_derivatives=True),
        Licence("cc-by-nc-nd-4.0", non_commercial=True, no_derivatives=True),
        _llama("llama2", "2", "", ""),
        _llama("llama3", "3", "Llama-3", "Built with Meta Llama 3"),
        _llama("llama3.1", "3.1", "Llama", "Built with Llama"),
        _llama("llama3.2", "3.2", "Llama", "Built with Llama"),
        _llama("llama3.3", "3.3", "Llama", "Built with Llama"),
        _llama("llama4", "4", "Llama", "Built with Llama"),
        Licence("gemma", own=True, notice=_GEMMA),
    )
}
_OTHER_NAMES = {
    "apache license 2.0": "apache-2.0", "apache 2.0": "apache-2.0", "apache2": "apache-2.0", "bsd": "bsd-3-clause",
    "mit license": "mit", "cc0": "cc0-1.0", "cc-by": "cc-by-4.0", "cc by 4.0": "cc-by-4.0", "gpl": "gpl-3.0",
    "cc-by-sa": "cc-by-sa-4.0", "cc by-sa 4.0": "cc-by-sa-4.0", "cc-by-nc": "cc-by-nc-4.0",
}  # fmt: skip


def known(name: str) -> Licence | None:
    """The licence of a name as people write it, or None."""
    plain = name.strip().lower()
    return KNOWN.get(_OTHER_NAMES.get(plain, plain))


def entries(name: str, licence: str) -> dict[str, str]:
    """What `NAME=ID` says of whom; `a=mit,b=other` of several. A name may hold a comma: then not every part ends in a licence."""
    parts = [part.rpartition("=") for part in f"{name}={licence}".split(",")]
    if not all(source.strip() and (known(given) or given.strip() == OTHER) for source, _, given in parts):
        return {name: licence}
    return {source.strip(): given.strip() for source, _, given in parts}


def _missed(given: Iterable[str], sources: Iterable[str]) -> str:
    """What was said of names that are no source: a typing error is seen at once."""
    named = set(sources)
    missed = [name for name in given if name not in named]
    if not missed:
        return ""
    return f"\n  --source-license names {', '.join(map(repr, missed))}, not among {', '.join(sorted(named))}"


def choose(
    licences: Mapping[str, str | None],
    chosen: str | None,
    *,
    flag: str = "--source-license NAME=ID",
    given: Iterable[str] = (),
) -> Licence:
    """The licence of something made from sources, by name with the licence of each (None: not stated).

    Without `chosen`, the one that the sources demand. `given` are the names of which a licence was said. Raises UsageError or
    UnknownName, naming the source and the rule, if a source's licence is not known, forbids this, or does not allow the
    licence asked for.
    """
    by_source: dict[str, Licence] = {}
    for source, name in licences.items():
        licence = known(name) if name else None
        if licence is None:
            message = "has no licence" if not name else f"has a licence that is not known here, {name!r}"
            raise UsageError(
                f"{source} {message}, so it cannot be told what may be done with it",
                f"find out, and say it: {flag}, one of {', '.join(KNOWN)}{_missed(given, licences)}",
            )
        if licence.no_derivatives:
            raise UsageError(f"{source} is {licence.id}: nothing made from it may be published", "leave it out")
        by_source[source] = licence
    wanted = known(chosen) if chosen else None
    if chosen and wanted is None:
        raise UnknownName("licence", chosen, KNOWN)
    binding = {source: licence for source, licence in by_source.items() if licence.share_alike or licence.own}
    if len({licence.id for licence in binding.values()}) > 1:
        message = ", ".join(f"{source} {licence.id}" for source, licence in binding.items())
        raise UsageError(f"no one licence fits sources that each keep their own: {message}", "publish them apart")
    demanded = next(iter(binding.values()), None) or _strictest(by_source)
    if wanted is None:
        return demanded
    for source, licence in by_source.items():
        why = _refusal(licence, wanted)
        if why:
            raise UsageError(f"--license {wanted.id} does not fit: {source} is {licence.id}, {why}", _offer(demanded))
    return wanted


def _strictest(by_source: Mapping[str, Licence]) -> Licence:
    own = KNOWN["apache-2.0"]  # of what this project writes itself
    return max(by_source.values(), key=lambda licence: (licence.non_commercial, licence.rank), default=own)


def _refusal(source: Licence, wanted: Licence) -> str | None:
    """Why something made from a source may not have the licence wanted, or None."""
    if source.id == wanted.id:
        return None
    if source.own or source.share_alike:
        return "which what is made from it must keep"
    if source.non_commercial and not wanted.non_commercial:
        return "which allows no commercial use"
    if source.attribution and not wanted.attribution:
        return "whose authors must be named"
    return None


def _offer(demanded: Licence) -> str:
    return f"leave --license out (it would be {demanded.id}), or give one at least as strict"


@dataclass(frozen=True)
class Duties:
    """What a model owes to its base and its teachers, besides the licence: lines for the card and files to go with it."""

    licence: Licence
    banners: tuple[str, ...]
    notice: str
    texts: bool  # the base's own licence files must go along


def duties(name: str, base: tuple[str, str | None], teachers: Mapping[str, str | None], chosen: str | None) -> Duties:
    """What a repository called `name` owes to the base (name, licence) and to models that wrote its data.

    Raises UsageError where the name must begin otherwise, or the licence asked for does not fit.
    """
    licence = choose({f"the base {base[0]}": base[1]}, chosen, flag="--base-license ID")
    involved = {f"the base {base[0]}": known(base[1] or "")}
    involved |= {f"the teacher {teacher}": known(given or "") for teacher, given in teachers.items()}
    for who, terms in involved.items():
        if terms is not None and terms.prefix and not name.lower().startswith(terms.prefix.lower()):
            raise UsageError(
                f"{who} is {terms.id}: the name of a model made with it must begin with {terms.prefix!r}, not {name!r}",
                f"--repo USER/{terms.prefix}-{name}",
            )
    owed = [terms for terms in involved.values() if terms is not None]
    banners = tuple(dict.fromkeys(terms.banner for terms in owed if terms.banner))
    notice = "\n".join(dict.fromkeys(terms.notice for terms in owed if terms.notice))
    own = known(base[1] or "")
    return Duties(licence, banners, notice, texts=own is not None and own.own)


def teachers_known(teachers: Mapping[str, str | None], sources: Iterable[str] = (), given: Iterable[str] = ()) -> None:
    """Raises UsageError for a model that wrote data and of whose terms nothing is said; `other` says they were read.

    `sources` are the other names that `given`, the names of which a licence was said, may hold.
    """
    for teacher, terms in teachers.items():
        if not terms or (terms != OTHER and known(terms) is None):
            raise UsageError(
                f"the model {teacher} wrote some of the traces, and nothing is said of its terms",
                f"--source-license {teacher}=ID, or ={OTHER} once you have read them and may publish its output"
                f"{_missed(given, [*teachers, *sources])}",
            )
