"""The sample stage: attempts of one policy or several at the same problems, graded, with their first mistakes and a profile.

    journey sample --problems mine.csv --policy MODEL --k 8 --out DIR
    journey sample --family countdown@1 --limit 200 --policy data/runs/f/shortcut-s0 --out DIR

Prompts are those of evaluation. Attempts are the same for any number of workers; an interrupted run goes on.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from journey import console
from journey.answers.checker import CHECKER_VERSION
from journey.catalog import revisions
from journey.config import SampleSettings
from journey.errors import UsageError
from journey.formats.attempts import ATTEMPTS, ESTIMATES, PROBLEMS_FILE, EstimatedMistake, ProfileFile, with_estimates
from journey.formats.files import json_lines, read_lines, write_atomic
from journey.formats.marks import ServersUsed, Timing
from journey.generate.attempts import drawing, estimate, profile, shots
from journey.generate.attempts.groups import DrawingGroup, group_of
from journey.generate.attempts.locate import LOCATOR
from journey.generate.attempts.policies import SamplingPolicy, find_policies, on_one_base
from journey.generate.attempts.reading import as_numbers
from journey.generate.attempts.serving import largest_work, served
from journey.generate.protocols import FAMILIES
from journey.generate.sources import parse_family
from journey.models.endpoints import reference
from journey.questions import load_questions
from journey.sampling.identity import SAMPLER
from journey.schema import Attempt, Problem
from journey.servers import advice
from journey.servers.kept import KeptAnswers
from journey.servers.use import ServerUse, limits_of
from journey.servers.vllm import VllmInstall, find_vllm
from journey.settings.servers import SERVER_USE
from journey.splits import split_of
from journey.store import Folder
from journey.tables.problems import RowCount, problems_of
from journey.tables.rows import UserTable

SAID_AFTER = 50  # problems, when a pass rate far from a half is said before more is sampled
_DRAWS = 200  # per wanted problem of a family


def sample(settings: SampleSettings, out: Path, *, workers: int | None = None) -> Path:
    """Draw the attempts and return the finished folder. Attempts depend on settings and input bytes alone.

    Raises UsageError for unknown names, bad files, or a folder that holds another run.
    """
    check(settings)
    policies = find_policies(settings)
    problems = load_problems(settings)
    started = time.time()
    install = None if settings.sampler == "built-in" else find_vllm()
    config, kept = _config(settings, policies, install), KeptAnswers.beside(Path(out))
    with Folder.open(out, "sample", config, inputs=_inputs(settings), seed=settings.seed) as folder:
        if not folder.finished:
            if not folder.has(PROBLEMS_FILE):
                kept.remove()  # of a folder that was thrown away
                if install is None and (said := advice.hint(largest_work(policies, len(problems), settings))):
                    console.note(said)
            with ServerUse(limits_of(settings, install.at_once if install else None), kept) as use:
                folder.write(PROBLEMS_FILE, json_lines(problems))
                groups = [
                    _group(number, group, problems, settings, use) for number, group in enumerate(on_one_base(policies))
                ]
                _draw(folder, settings, groups, workers, install)
                used = use.record()
                if used is not None:
                    console.note(used.in_words())
                    write_atomic(folder.path(ServersUsed.FILE), used.encoded())
                _finish(folder, settings, groups, policies, started)
        kept.remove()
    return Path(out)


def check(settings: SampleSettings) -> None:
    """Raises UsageError or UnknownName for settings that `sample` would refuse; reads no problem and no weights."""
    if bool(settings.problems) == bool(settings.family):
        given = "both --family and --problems are" if settings.problems else "neither --problems nor --family is"
        raise UsageError(f"{given} given", "give one: --problems FILE, or --family NAME[@LEVEL] --limit N")
    if settings.family:
        parse_family(settings.family)
        if settings.limit is None and settings.pilot is None:
            raise UsageError("a family has no end: how many problems?", "add --limit N")
    if settings.problems:
        UserTable(settings.problems, settings.map)
    if settings.k_hard is not None and settings.k_hard < settings.k:
        raise UsageError(f"k_hard = {settings.k_hard} is below k = {settings.k}", f"give --k-hard {settings.k} or more")
    if settings.locate_with is not None and settings.locate == "checked":
        raise UsageError("--locate-with names a model for estimates, and none are asked for", "add --locate estimated")
    servers = [name for name in settings.policy if reference(name) is not None]
    goes_on = settings.locate_with or next(iter(servers), None)
    if settings.locate == "estimated" and goes_on is not None and reference(goes_on) is not None:
        raise UsageError(
            f"{goes_on} cannot go on from a prefix, which estimates need",
            "add --locate-with MODEL, one with weights here",
        )
    if settings.sampler == "built-in" and (settings.vllm_args is not None or settings.vllm_memory is not None):
        raise UsageError("vllm_args and vllm_memory are for a vLLM that is started here", "add --sampler vllm")
    if settings.sampler == "vllm" and servers:
        raise UsageError(f"{servers[0]} is a server, and --sampler vllm starts another", "leave one of them out")
    limits_of(settings)


def plan(settings: SampleSettings, out: Path) -> dict[str, Any]:
    """What `sample` would do. Writes nothing and loads no weights. Raises what it would raise."""
    check(settings)
    policies, problems = find_policies(settings), load_problems(settings)
    return {
        "out": str(out),
        "problems": len(problems),
        "policies": [each.info.name for each in policies],
        "asked_at_once": [[each.info.name for each in group] for group in on_one_base(policies)],
        "attempts": len(problems) * (settings.k + 1) * len(policies),
        "attempts_at_most": len(problems) * ((settings.k_hard or settings.k) + 1) * len(policies),
        "sampler": _sampler(settings, policies, len(problems)),
        "temperature": {
            each.info.name: f"{each.info.temperature:g} ({each.info.temperature_from})" for each in policies
        },
    }


def _sampler(settings: SampleSettings, policies: Sequence[SamplingPolicy], problems: int) -> str:
    """What answers, and why. Raises UsageError where vLLM is to, and is not to be found."""
    if settings.sampler == "vllm":
        return f"vLLM {find_vllm().version}, by --sampler"
    if all(policy.server is not None for policy in policies):
        return "the servers that are named"
    return advice.why_built_in(largest_work(policies, problems, settings))


def load_problems(settings: SampleSettings) -> list[Problem]:
    """The problems that are put to the policies: of a file, in order, or of a family's training split.

    Raises UsageError for a bad file.
    """
    wanted = min((n for n in (settings.limit, settings.pilot) if n is not None), default=None)
    if settings.problems is not None:
        table = UserTable(settings.problems, settings.map, strict=settings.strict)
        table.check()
        return list(islice(problems_of(table, RowCount()), wanted))
    assert settings.family is not None and wanted is not None
    return list(islice(_of_family(settings, wanted), wanted))


def _of_family(settings: SampleSettings, wanted: int) -> Iterator[Problem]:
    """Distinct problems of the split, in the order of the seed's stream."""
    name, level = parse_family(str(settings.family))
    if settings.split != "train":
        questions, _ = load_questions(f"{name}@{level}", split=settings.split, seed=settings.seed, limit=wanted)
        yield from (question.problem for question in questions)
        return
    family, seen = FAMILIES.get(name)(), set()
    for index in range(_DRAWS * wanted):
        problem = family.problem(settings.seed, index, level)
        if split_of(problem) == settings.split and problem.id not in seen:
            seen.add(problem.id)
            yield problem


def _config(
    settings: SampleSettings, policies: Sequence[SamplingPolicy], install: VllmInstall | None
) -> dict[str, Any]:
    config = settings.model_dump(mode="json", exclude=set(SERVER_USE))
    if install is not None:
        config["vllm"] = install.version
    if settings.problems and Path(settings.problems).exists():
        config["problems"] = Path(settings.problems).name  # the hash says which bytes; the place does not matter
    config["policy"] = [
        {"name": each.info.name, "weights": each.info.weights, "adapter": each.info.adapter_sha256} for each in policies
    ]
    if settings.locate_with is not None:
        config["locate_with"] = Path(settings.locate_with).name
    config |= revisions((FAMILIES, [parse_family(settings.family)[0]] if settings.family else []))
    return {**config, "sampler": SAMPLER, "checker": CHECKER_VERSION, "locator": LOCATOR}


def _inputs(settings: SampleSettings) -> dict[str, str]:
    return {"problems": UserTable(settings.problems, settings.map).digest()} if settings.problems else {}


def _draw(
    folder: Folder,
    settings: SampleSettings,
    groups: Sequence[DrawingGroup],
    workers: int | None,
    install: VllmInstall | None,
) -> None:
    """Everything that needs a model."""
    for group in groups:
        own = settings.locate == "estimated" and settings.locate_with is None
        there = drawing.is_drawn(folder, group) and (not own or estimate.is_estimated(folder, group))
        with served(folder, group, None if there else install) as asked:
            drawing.draw(folder, asked, workers, drawing.RateWatch(SAID_AFTER))
            if own:
                estimate.estimate(folder, asked, workers)
    if settings.locate == "estimated" and settings.locate_with is not None:
        for group in groups:
            estimate.estimate(folder, group, workers)


def _finish(
    folder: Folder,
    settings: SampleSettings,
    groups: Sequence[DrawingGroup],
    policies: Sequence[SamplingPolicy],
    started: float,
) -> None:
    problems = {problem.id: problem for shard in groups[0].shards for problem in shard}
    by_policy = _by_policy(folder, problems)
    infos = {policy.info.name: policy.info for group in groups for policy in group.policies}
    profiles = [
        profile.profile_of(infos[policy.info.name], by_policy[policy.info.name], settings.k) for policy in policies
    ]
    ProfileFile(tuple(profiles)).write(folder)
    counts = {
        "problems": len(problems),
        "attempts": sum(len(of_one) for of_policy in by_policy.values() for of_one in of_policy.values()),
        "usable": {each.policy.name: each.usable for each in profiles},
    }
    folder.finish(counts, Timing(time.time() - started))
    for each in profiles:
        said = profile.warning(each)
        if said:
            console.note(said)


def _group(
    number: int,
    policies: Sequence[SamplingPolicy],
    problems: Sequence[Problem],
    settings: SampleSettings,
    use: ServerUse,
) -> DrawingGroup:
    shown: Mapping[str, Sequence[tuple[Problem, str]]] = {}
    if settings.shots:
        shown = shots.examples(problems, settings.shots, policies[0].view, settings.seed)
    return group_of(number, policies, problems, settings, shown, use)


def _by_policy(folder: Folder, problems: Mapping[str, Problem]) -> dict[str, dict[str, list[Attempt]]]:
    """All attempts by policy and problem, with what was estimated of them, the greedy one first; spelled numbers are joined."""
    estimates = [each for path in folder.shards(ESTIMATES) for each in read_lines(path, EstimatedMistake)]
    drawn = (attempt for path in folder.shards(ATTEMPTS) for attempt in read_lines(path, Attempt))
    by_policy: dict[str, dict[str, list[Attempt]]] = {}
    for attempt in with_estimates(drawn, estimates):
        by_policy.setdefault(attempt.policy, {}).setdefault(attempt.problem, []).extend(
            as_numbers(problems[attempt.problem], [attempt])
        )
    return by_policy
