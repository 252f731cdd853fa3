"""Plans of a dry run as a person reads them: rows, time, memory, disk, and the smallest effect that could be seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from journey import console
from journey.cli.printing import terminal
from journey.numbers import gib

Plan = Mapping[str, Any]


def show(verb: str, plan: Plan) -> None:
    """Print the plan of a verb, and where all of it is to be had."""
    terminal.show_facts(_SHOWN[verb](plan))
    console.note("nothing was done; --json has the whole plan")


def time_of(seconds: float | None) -> str:
    """`40 s`, `12 min`, `3.5 h`."""
    if seconds is None:
        return "not estimated"
    if seconds < 100:
        return f"about {max(1, round(seconds))} s"
    return f"about {seconds / 60:.0f} min" if seconds < 6000 else f"about {seconds / 3600:.1f} h"


def _at_most(seconds: float | None) -> str:
    return time_of(seconds) if seconds is None else time_of(seconds).replace("about", "at most")


def size_of(count: float) -> str:
    """`12 MB`, `3.4 GB`."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{max(count / 1e6, 0.1):.1f} MB"


def _generate(plan: Plan) -> dict[str, Any]:
    if "pairs" not in plan:  # the Hub did not answer
        return dict(plan)
    combined = (" ".join(filter(None, [each["name"], "on", each["family"] or "the file"])) for each in plan["methods"])
    return {
        "folder": f"{plan['out']} ({plan['folder']})",
        "made by": ", ".join(combined),
        **({"problems": f"{plan['problems']:,}"} if "problems" in plan else {}),
        "pairs": f"about {plan['pairs']:,} in {plan['shards']:,} files",
        "time": f"{time_of(plan['estimated_seconds'])} in {plan['workers']} processes",
        "disk": size_of(plan["estimated_bytes"]),
    }


def _sample(plan: Plan) -> dict[str, Any]:
    most = plan["attempts_at_most"]
    return {
        "folder": plan["out"],
        "problems": f"{plan['problems']:,}",
        "policies": "; ".join(", ".join(group) for group in plan["asked_at_once"]),
        "attempts": f"{plan['attempts']:,}" + (f", {most:,} at most" if most > plan["attempts"] else ""),
        "answered by": plan["sampler"],
        **{f"temperature of {name}": said for name, said in plan["temperature"].items()},
    }


def _curate(plan: Plan) -> dict[str, Any]:
    settings = plan["settings"]
    return {
        "folder": plan["out"],
        **{f"pairs of {name}": f"{counts['pairs']:,}" for name, counts in plan["inputs"].items()},
        "lengths measured for": settings["base"] or "no base: words are counted",
        "kept out": settings["benchmarks"] or "no benchmark",
        "limits": settings["preset"],
    }


def _finetune(plan: Plan) -> dict[str, Any]:
    hours, runs = plan["hours"], plan["runs"]
    facts = {
        "base": plan["base"],
        "rows": f"{plan['pairs']:,} pairs; {sum(run['rows'] for run in runs):,} rows seen by {len(runs)} runs",
        "longest row": f"{plan['max_length']:,} tokens",
        "optimiser steps": ", ".join(f"{run['run']}: {run['steps']:,}" for run in runs),
        "time": time_of(None if hours is None else hours * 3600) + f", {plan['workers']} at a time on {plan['device']}",
        "memory": f"{gib(plan['memory_bytes_per_group'] * plan['workers'])} at most",
        "disk": size_of(plan["disk_bytes"]),
    }
    if cards := plan["runs_that_fit_on_a_gpu"]:
        facts["a GPU's stack holds"] = ", ".join(f"{runs:,} runs on {card}" for card, runs in cards.items())
    if plan["sweep"]:
        facts["learning rates tried"] = f"{plan['sweep']['trials']} trials of {plan['sweep']['rates']}"
    facts |= _chances(plan)
    for number, note in enumerate(plan["notes"], start=1):
        facts[f"note {number}"] = note
    return facts


def _evaluate(plan: Plan) -> dict[str, Any]:
    if "plan" not in plan:  # another harness
        return dict(plan)
    fixed, memory = plan["plan"], plan["memory_bytes_per_worker"]
    facts = {
        "asked": ", ".join(f"{each['name']} ({each['problems']:,})" for each in fixed["benchmarks"]),
        "of": ", ".join(run["run"] for run in fixed["runs"]),
        "answers": f"{plan['answers']:,}, {plan['new_tokens_at_most']:,} new tokens at most",
        "answered by": plan["sampler"],
        **({"recovery probe": f"{probe:,} texts at most"} if (probe := plan["recovery_texts_at_most"]) else {}),
        "time": f"{_at_most(plan['seconds_at_most'])}, {plan['workers']} processes on {plan['device']}",
        "memory": "a server's" if memory is None else f"{gib(memory * plan['workers'])} at most",
        "disk": f"{size_of(plan['disk_bytes'])} at most",
        **_effects(plan),
    }
    return {**facts, "serve": plan["serve"]} if "serve" in plan else facts


def _run(plan: Plan) -> dict[str, Any]:
    return {
        "folder": plan["out"],
        "finished": plan["finished"] or "nothing yet",
        "to do": plan["to_run"],
        **{
            _OF_GENERATE.get(name, name): value
            for name, value in _generate(plan["generate"]).items()
            if name != "folder"
        },
        "runs": plan["runs"],
        **{f"time and memory of {stage}": _cost(told) for stage, told in plan["costs"].items()},
        "base": plan["settings"]["finetune"]["base"],
        "asked": ", ".join(f"{name} ({count or 'all'})" for name, count in plan["benchmarks"].items()),
        **_effects(plan),
        **{f"claim {claim['name']}": _claim(claim) for claim in plan.get("claims", ())},
    }


def _claim(claim: Mapping[str, Any]) -> str:
    against = f"; contradicted by: {', '.join(claim['contradicts'])}" if claim["contradicts"] else ""
    return f"{claim['source']}: {claim['compared']}; agrees if {' or '.join(claim['agrees'])}{against}"


def _sweep(plan: Plan) -> dict[str, Any]:
    shared = sum(map(len, plan["shared"].values()))
    return {
        "folder": plan["out"],
        **{f"axis {setting}": values for setting, values in plan["axes"].items()},
        "points": f"{len(plan['points'])}: {', '.join(plan['points'])}",
        "finished": plan["finished"] or "nothing yet",
        "stages to do": ", ".join(f"{count} x {stage}" for stage, count in plan["stages"].items()),
        "stages shared": f"{shared}, each done once by the first point that needs it",
        "comparisons": f"{plan['comparisons']} with the first value of an axis; headline on {plan['primary']}",
        **{f"claim {claim['name']}": _claim(claim) for claim in plan["claims"]},
    }


_OF_GENERATE = {"time": "time of generate"}  # the longest of a run are the other stages


def _cost(told: Mapping[str, float | None] | str) -> str:
    """Of a stage whose input is there; else when it will be told."""
    if isinstance(told, str):
        return told
    memory = told["memory_bytes"]
    return f"{time_of(told['seconds'])}, " + ("a server's memory" if memory is None else f"{gib(memory)} at most")


def _effects(plan: Plan) -> dict[str, str]:
    """The smallest effect to be seen on each benchmark, and what would halve it."""
    facts = {}
    for name, points in plan["detectable_points"].items():
        words = "none to be told with one seed" if points is None else f"{points:g} points"
        halving = plan["to_halve_it"].get(name) or []
        wanted = " or ".join(f"{size['seeds']} seeds on {size['problems']:,} problems" for size in halving[:1])
        facts[f"smallest detectable effect, {name}"] = words + (f"; half of it: {wanted}" if wanted else "")
    return facts | _chances(plan)


def _chances(plan: Plan) -> dict[str, str]:
    """What chance the words *equal* and *better* have, by how much runs vary between seeds."""
    facts = {}
    for name, told in plan.get("chances", {}).items():
        if told is None:
            facts[f"chance of a verdict, {name}"] = "none: under 2 seeds or 100 problems"
            continue
        spreads = [(spread, one) for spread, one in told.items() if isinstance(one, Mapping)]
        cells = (f"equal {one['equal']} %, better {one['better']} % (runs vary by {spread})" for spread, one in spreads)
        truth = f"where the truth is 0, and {told['margin_points']:g} points"
        facts[f"chance of a verdict, {name}"] = f"{'; '.join(cells)}; {truth}"
    return facts


_SHOWN: dict[str, Callable[[Plan], dict[str, Any]]] = {
    "generate": _generate,
    "sample": _sample,
    "curate": _curate,
    "finetune": _finetune,
    "evaluate": _evaluate,
    "run": _run,
    "sweep": _sweep,
}
