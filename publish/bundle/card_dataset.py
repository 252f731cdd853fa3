"""Cards: README files with metadata that huggingface_hub reads, written from ledgers and manifests by templates.

The templates lie in `data/cards`. Numbers come from the folders alone, so a card is the same bytes every time. Texts from
elsewhere (problems, names of models) go through `cell` or a code block that they cannot close.
"""

from __future__ import annotations

import functools
import importlib.resources
import re
import textwrap
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from journey import console, hub, views
from journey.errors import JourneyError
from journey.formats.folders import GeneratedFolder
from journey.formats.publication import ExportFile
from journey.numbers import number, percent
from journey.publish.bundle.source import BundleSource, first_pair
from journey.publish.settings import PublishSettings
from journey.publish.tables import columns
from journey.publish.tables.licences import KNOWN
from journey.schema import Pair
from journey.splits import SPLITS

if TYPE_CHECKING:
    import jinja2
    import pyarrow

_WHAT: dict[columns.Config, str] = {
    "journey": "the whole trial and error of one problem",
    "shortcut": "the correct path of the same problem",
    "pairs": "both traces with every segment, its role and its span",
    "trees": "the reasoning tree that a pair is read from",
    "stepwise": "the steps of one trace, each right or wrong",
    "preference": "a chosen and a rejected answer to one problem",
}
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
_WIDTH = 56  # of one half of a pair side by side


@functools.cache
def _templates() -> jinja2.Environment:
    import jinja2

    folder = Path(str(importlib.resources.files("journey.data"))) / "cards"
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # Markdown, not HTML: see `cell` and `fenced`
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"number": number, "cell": cell, "percent": partial(percent, space=True)}
    return environment


def render(template: str, **context: Any) -> str:
    """A template of `data/cards` with its context; a name that is missing is an error."""
    return _templates().get_template(template).render(**context)


def cell(text: object) -> str:
    """Text that cannot leave its cell of a table, nor be read as HTML or markup."""
    plain = " ".join(console.clean(str(text)).split())
    plain = plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([|`*_\[\]\\])", r"\\\1", plain)


def fenced(text: str) -> str:
    """A code block whose fence is longer than any run of backticks in the text."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{console.clean(text).rstrip()}\n{fence}"


def side_by_side(pair: Pair, view: views.View) -> str:
    """Both traces of a pair in one code block, what is asked above them."""
    halves = [_lines(views.render(trace, view).text, _WIDTH) for trace in (pair.shortcut, pair.journey)]
    height = max(map(len, halves))
    left, right = (half + [""] * (height - len(half)) for half in halves)
    rows = [
        "shortcut".ljust(_WIDTH + 3) + "journey",
        *(f"{a:<{_WIDTH}} | {b}" for a, b in zip(left, right, strict=True)),
    ]
    prompt = pair.problem.brief if view == "compact" else pair.problem.question
    return fenced("\n".join([*_lines(prompt, 2 * _WIDTH + 3), "", *(row.rstrip() for row in rows)]))


def _lines(text: str, width: int) -> list[str]:
    return [part for line in console.clean(text).splitlines() for part in (textwrap.wrap(line, width) or [""])]


def slug(name: str) -> str:
    """A repository's name as an identifier."""
    return re.sub(r"\W+", "_", name.rpartition("/")[2]).strip("_").lower()


def join(metadata: str, body: str) -> str:
    """A card: YAML between dashes, then the body."""
    text = re.sub(r"\n{3,}", "\n\n", body).strip()
    return f"---\n{metadata.strip()}\n---\n{text}\n"


def check(text: str, kind: hub.RepoType) -> None:
    """Raises JourneyError if huggingface_hub does not read the card's metadata back as they are written."""
    from huggingface_hub import DatasetCard, ModelCard

    try:
        card = (DatasetCard if kind == "dataset" else ModelCard)(text, ignore_metadata_errors=False)
    except (ValueError, yaml.YAMLError) as error:
        raise JourneyError(f"the card's metadata are broken: {error}") from error
    written = yaml.safe_load(text.split("\n---\n")[0])
    again = yaml.safe_load(card.data.to_yaml())
    if again != written:
        raise JourneyError("huggingface_hub reads the card's metadata differently from what is written")


def recipes(settings: PublishSettings, rows: Mapping[str, Mapping[str, int]]) -> dict[str, str]:
    """The files of `recipes/`, by name: how other trainers read this dataset."""
    context = {"repo": settings.repo, "slug": slug(settings.repo)}
    names = ("axolotl.yaml", "dataset_info.json", "trl_sft.yaml", "unsloth.py")
    return {name: render(f"{name}.j2", **context) for name in names}


def dataset(source: BundleSource, settings: PublishSettings, rows: Mapping[str, Mapping[str, int]]) -> str:
    """README.md of a dataset bundle; `rows` by config and split."""
    from huggingface_hub import DatasetCardData

    present = [config for config in columns.CONFIGS if rows.get(config)]
    data = DatasetCardData(
        pretty_name=_name(settings.repo),
        license=source.licence.id,
        language=["en"],
        task_categories=["text-generation"],
        size_categories=[size_category(max(sum(by.values()) for by in rows.values()))],
        tags=["reasoning", "chain-of-thought", "math", "synthetic", "sft", "process-supervision", "journey-learning"],
        annotations_creators=["machine-generated"],
        configs=[_config(config, rows[config]) for config in present],
    )
    return join(data.to_yaml(), render("dataset.md.j2", **_dataset_context(source, settings, rows, present)))


def _config(config: columns.Config, by_split: Mapping[str, int]) -> dict[str, Any]:
    files = [{"split": split, "path": f"{config}/{split}-*"} for split in SPLITS if by_split.get(split)]
    named: dict[str, Any] = {"config_name": config}
    return {**named, **({"default": True} if config == columns.DEFAULT else {}), "data_files": files}


def size_category(rows: int) -> str:
    """The Hub's word for a number of rows."""
    return next((name for limit, name in _SIZES if rows < limit), "1M<n<10M" if rows < 10**7 else "10M<n<100M")


def _name(repo: str) -> str:
    return repo.rpartition("/")[2]


def _dataset_context(
    source: BundleSource,
    settings: PublishSettings,
    rows: Mapping[str, Mapping[str, int]],
    present: list[columns.Config],
) -> dict[str, Any]:
    survey = source.survey
    recipe_files = recipes(settings, rows)
    policies = survey.policies + source.preference.policies
    return {
        "name": _name(settings.repo),
        "repo": settings.repo,
        "slug": slug(settings.repo),
        "url": hub_page(settings.repo, "dataset"),
        "total": survey.total,
        "repeat_note": _view_note(settings.view),
        "side_by_side": side_by_side(first_pair(source), settings.view),
        "axolotl": recipe_files["axolotl.yaml"].strip(),
        "llamafactory": recipe_files["dataset_info.json"].strip(),
        "splits": [split for split in SPLITS if survey.pairs[split]],
        "configs": [{"name": name, "rows": rows[name], "what": _WHAT[name]} for name in present],
        "tables": _tables(present, settings.view, bool(settings.reasoning_content)),
        "left_out": 2 * survey.total - sum(rows["stepwise"].values()),
        "methods": sorted(survey.methods.items()),
        "policies": [(name, n, terms(settings, name)) for name, n in sorted(policies.items())],
        "mistakes": sorted(survey.mistakes.items()),
        "proofs": [(*both, n, percent(n / survey.proofs.total())) for both, n in sorted(survey.proofs.items())],
        "unverified": survey.unverified,
        "asked": _asked(source.trees, survey.prompts),
        "imported": [(*what, n) for what, n in sorted(survey.imported.items())],
        "generated": _generated(source.trees),
        "funnel": source.curated.funnel,
        "benchmarks": source.curated.benchmarks,
        "licence": source.licence.id,
        "sources": [
            (name, n, licence_of(settings, survey.licences, name)) for name, n in sorted(survey.sources.items())
        ],
        "owed": owed(settings, policies),
        "limits": _limits(source),
        "manifest": source.curated.sha256,
    }


def hub_page(repo: str, kind: hub.RepoType) -> str:
    """The public page of a repository; the same whatever endpoint is configured, so that cards do not vary."""
    return f"https://huggingface.co/{'datasets/' if kind == 'dataset' else ''}{repo}"


def _view_note(view: views.View) -> str:
    return {
        "think": "",
        "plain": "Traces are written without `<think>` tags.",
        "compact": "Traces are in a terse notation of signs and numbers, for tiny models; `pairs` holds the prose too.",
    }[view]


def _tables(present: Iterable[columns.Config], view: views.View, apart: bool) -> list[dict[str, Any]]:
    """The columns of every config with types and notes; configs with the same columns share a table."""
    by_schema: dict[str, dict[str, Any]] = {}
    for config in present:
        schema = columns.schema(config, view, apart)
        rows = [{"name": f.name, "type": type_words(f.type), "note": columns.COLUMN_NOTES[f.name]} for f in schema]
        by_schema.setdefault(str(schema), {"names": [], "columns": rows})["names"].append(config)
    return list(by_schema.values())


def type_words(kind: pyarrow.DataType) -> str:
    """An Arrow type in words that Markdown leaves alone: `list of (role: string, content: string)`."""
    import pyarrow.types as of

    if of.is_list(kind):
        return f"list of {type_words(kind.value_type)}"
    if of.is_struct(kind):
        return f"({', '.join(f'{field.name}: {type_words(field.type)}' for field in kind)})"
    return str(kind)


def _generated(folders: Iterable[GeneratedFolder]) -> list[tuple[str, int]]:
    """Counts of the generate folders, added up: mistakes by kind, notices by kind, what could not be used."""
    total: Counter[str] = Counter()
    for folder in folders:
        counts = folder.counts
        by_words = {"mistakes of kind": counts.kinds, "noticed by": counts.notices, "not used, reason": counts.rejected}
        for words, numbers in by_words.items():
            total.update({f"{words} {key.replace('_', ' ')}": count for key, count in numbers.items()})
    return sorted(total.items())


def _asked(
    folders: Iterable[GeneratedFolder], prompts: set[tuple[str, str]]
) -> list[tuple[str, str, str, int, int, int]]:
    """The models that were asked: role, model, prompts by hash, answers, tokens of prompts (-1: not known) and of answers."""
    rows: dict[tuple[str, str, str], Counter[str]] = {}
    for folder in folders:
        config, counts = folder.manifest.config, folder.counts.asked
        if counts.get("attempts"):
            key = ("policy, sampled", str(config["policy"]), "those of evaluation")
            rows.setdefault(key, Counter()).update({
                "answers": counts["attempts"], "prompt tokens": -1, "tokens": counts["attempt tokens"]
            })  # fmt: skip
        for role in ("policy", "critic", "rewriter"):
            model = config.get(role)
            if isinstance(model, dict) and counts.get(f"{role} answers"):
                oracle = ", shown the gold answer" if role == "critic" and config.get("oracle") else ""
                key = (f"{role}{oracle}", str(model["name"]), _prompts(role, prompts))
                for what in ("answers", "prompt tokens", "tokens"):
                    rows.setdefault(key, Counter())[what] += counts.get(f"{role} {what}", 0)
    return [(*key, n["answers"], n["prompt tokens"], n["tokens"]) for key, n in sorted(rows.items())]


_PROMPTS_OF = {"policy": ("step",), "critic": ("critic", "critic_oracle", "judge", "reward"), "rewriter": ("rewrite",)}


def _prompts(role: str, used: set[tuple[str, str]]) -> str:
    """The prompts of a role that stand behind the pairs, each with its hash."""
    return ", ".join(f"{name} {known}" for name, known in sorted(used) if name in _PROMPTS_OF[role]) or "none"


def terms(settings: PublishSettings, teacher: str) -> str:
    """The licence of a model that wrote traces, as it was given."""
    return settings.source_license.get(teacher, "not stated")


def licence_of(settings: PublishSettings, stated: Mapping[str, str | None], source: str) -> str | None:
    """A source's licence: what its problems say, else what the publisher says."""
    return stated.get(source) or settings.source_license.get(source)


def owed(settings: PublishSettings, policies: Mapping[str, int]) -> list[str]:
    """What who uses the data owes to the makers of models that wrote some of it."""
    lines = []
    for name in sorted(policies):
        licence = KNOWN.get(settings.source_license.get(name, ""))
        if licence is not None and licence.prefix:
            lines.append(
                f"Some traces were written by {cell(name)} ({licence.id}): the name of a model trained on them and "
                f'distributed must begin with "{licence.prefix}", and its page must say "{licence.banner}".'
            )
    return lines


def _limits(source: BundleSource) -> list[str]:
    survey = source.survey
    lines = []
    foreign = {origin for origin, _ in survey.proofs} - {"own", "model", "human", "unknown"}
    if any(origin == "own" for origin, _ in survey.proofs):
        lines.append(
            "Mistakes of origin `own` are those of the model that `policy` names: they are a model's own only where that very "
            "model is trained on; to any other they are another model's."
        )
    if not survey.policies and foreign:
        lines.append(
            "The mistakes are made by rule, not by a model: they are provably wrong, but their kinds and their "
            "frequencies are not those of a language model."
        )
    if "search" in survey.methods:
        lines.append(
            "On search problems a shortcut names the right branch without a reason that its reader could know, so the "
            "two views differ in more than mistakes."
        )
    if survey.oracle_timed:
        lines.append(
            f"{number(survey.oracle_timed)} journeys leave a wrong branch before it is exhausted, which takes knowledge "
            "that their reader does not have (`oracle_timed` in `provenance`)."
        )
    if survey.unverified:
        lines.append(f"The roles of {number(survey.unverified)} pairs were read out of prose and are not verified.")
    lines.append("The language is English, and the narration is drawn from a limited stock of phrases.")
    lines.append("Nothing here shows that journeys help: compare, with several seeds, before you conclude.")
    return lines


def exported(facts: ExportFile, licence: str | None) -> str:
    """The card of a merged model."""
    from huggingface_hub import ModelCardData

    known_ = KNOWN.get((licence or "").lower())
    data = ModelCardData(
        license=known_.id if known_ else None,
        base_model=facts.base if hub.is_id(facts.base) else None,
        library_name="transformers",
        pipeline_tag="text-generation",
        tags=["reasoning", "journey-learning"],
    )
    return join(data.to_yaml(), render("exported.md.j2", facts=facts, licence=licence))
