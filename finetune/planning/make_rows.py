"""The rows of every arm, made from pairs: which pairs are trained on, which leave all arms, which are withheld."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec

from journey.errors import UsageError
from journey.finetune.planning import preflight
from journey.finetune.rows import budget
from journey.finetune.rows.rows import Rows, encode
from journey.finetune.runs import Arm, ArmChoice, ArmContext
from journey.finetune.training.protocol import Labels
from journey.models import template
from journey.schema import Pair, Trace

_CHUNK = 500


@dataclass(frozen=True)
class ArmRows:
    """The rows of every arm by its name; `pairs` are shared by all arms, `further` are those of the withheld arm.

    `left_out` counts pairs that left all arms, by the arm that has no trace for them.
    """

    pairs: list[Pair]
    further: list[Pair]
    sizes: list[int]
    data: dict[str, Rows]
    left_out: dict[str, int]
    template: list[str]  # what the chat template does to answers

    @property
    def notes(self) -> list[str]:
        """What happened to the pairs, in words."""
        sentences = [
            f"{count:,} pairs leave all arms, because {name} has no trace for them"
            for name, count in self.left_out.items()
            if count
        ]
        if self.further:
            sentences.append(
                f"longer-shortcut sees up to {len(self.further):,} further problems that no other arm is trained on"
            )
        return sentences + self.template


def make(
    everything: Sequence[Pair],
    choices: Sequence[ArmChoice],
    reading: ArmContext,
    sizes: Sequence[int] | None,
    *,
    seeds: int,
    epochs: float,
    max_length: int,
    apart: bool = False,
    labels: Labels | None = None,
) -> ArmRows:
    """Rows of every arm, checked. `sizes`: the numbers of pairs to train on (None: all of them). `labels` is the engine's.

    Raises UsageError for data that would make the comparison unfair or impossible, saying what to type instead.
    """
    arms = list({choice.arm.name: choice.arm for choice in choices}.values())
    size = max(sizes) if sizes else None
    kept, traces_by_arm, left_out, used = _keep(everything, [arm for arm in arms if arm.drops], reading, size)
    if not kept:
        names = ", ".join(left_out)
        raise UsageError(
            f"no pair has a trace for {names}: its method cannot follow a mistake to the end",
            "leave the arm out, or train on pairs of the methods search and slips",
        )
    if size is not None and len(kept) < size:
        raise UsageError(f"{size:,} pairs are asked for, there are {len(kept):,}", f"give --pairs {len(kept)} at most")
    known = {pair.problem.id for pair in kept}
    rest = [pair for pair in everything[used:] if pair.problem.id not in known]
    further = rest if any(arm.withheld for arm in arms) else []
    data: dict[str, Rows] = {}
    notes = preflight.check_template(reading.tokenizer, kept, reading.view)
    siblings = [pair for pairs in reading.by_origin.values() for pair in pairs.values()]
    preflight.check_words(reading.tokenizer, [*kept, *siblings], reading.view)
    preflight.check_special(reading.tokenizer, kept, reading.view)
    notes += preflight.check_boundary(reading.tokenizer, kept, reading.view, apart)
    prompts = {
        pair.problem.id: template.prompt_ids(reading.tokenizer, pair.problem, reading.view)
        for pair in [*kept, *further]
    }
    for arm in arms:
        pairs = [*kept, *further] if arm.withheld else kept
        traces = traces_by_arm.get(arm.name) or [trace for trace in arm.traces(pairs, reading) if trace is not None]
        notes += _check_traces(pairs, traces, arm, reading)
        data[arm.name] = encode(pairs, arm, reading.tokenizer, reading.view, traces, prompts)
        preflight.check_arm(reading.tokenizer, arm, data[arm.name], pairs, traces, reading.view, labels)
    chosen = list(sizes or [len(kept)])
    needed = _check_withheld(choices, data, chosen, seeds, epochs)
    for arm in arms:
        if arm.withheld:
            data[arm.name] = data[arm.name].head(len(kept) + needed)
    preflight.check_same_problems({name: rows.head(len(kept)) for name, rows in data.items()})
    preflight.check_rows(data, max_length, template.end_of_turn(reading.tokenizer))
    return ArmRows(kept, further[:needed], chosen, data, left_out, list(dict.fromkeys(notes)))


def _keep(
    everything: Sequence[Pair], droppers: Sequence[Arm], reading: ArmContext, size: int | None
) -> tuple[list[Pair], dict[str, list[Trace]], dict[str, int], int]:
    """The pairs that every arm has a trace for, up to `size`, with the traces made on the way.

    Also how many were left out by arm, and how many pairs were looked at: those after them may be withheld.
    """
    if not droppers:
        kept = list(everything[:size])
        return kept, {}, {}, len(kept)
    kept, traces_by_arm, left_out, used = [], {arm.name: list[Trace]() for arm in droppers}, {}, 0
    left_out = dict.fromkeys(traces_by_arm, 0)
    for pair, traces in _with_traces(everything, droppers, reading):
        if size is not None and len(kept) == size:
            break
        used += 1
        lacking = next((name for name, trace in traces.items() if trace is None), None)
        if lacking is not None:
            left_out[lacking] += 1
            continue
        kept.append(pair)
        for name, trace in traces.items():
            if trace is not None:
                traces_by_arm[name].append(trace)
    return kept, traces_by_arm, left_out, used


def _with_traces(
    pairs: Sequence[Pair], arms: Sequence[Arm], reading: ArmContext
) -> Iterator[tuple[Pair, dict[str, Trace | None]]]:
    for start in range(0, len(pairs), _CHUNK):
        part = pairs[start : start + _CHUNK]
        by_arm = {arm.name: arm.traces(part, reading) for arm in arms}
        for index, pair in enumerate(part):
            yield pair, {name: traces[index] for name, traces in by_arm.items()}


def _check_traces(pairs: Sequence[Pair], traces: Sequence[Trace], arm: Arm, reading: ArmContext) -> list[str]:
    """What an arm's own traces could not survive: words without a token, a template that changes them."""
    if not callable(arm.trace):
        return []
    read = [msgspec.structs.replace(p, shortcut=t, journey=t) for p, t in zip(pairs, traces, strict=True)]
    preflight.check_words(reading.tokenizer, read, reading.view)
    return preflight.check_template(reading.tokenizer, read, reading.view)


def _check_withheld(
    choices: Sequence[ArmChoice], data: dict[str, Rows], sizes: Sequence[int], seeds: int, epochs: float
) -> int:
    """How many rows after the shared ones the withheld arm needs; 0 if there is no such arm.

    Raises UsageError where they are not there, with the number of pairs that would do.
    """
    arm = next((choice.arm for choice in choices if choice.arm.withheld), None)
    if arm is None:
        return 0
    own, supervised = data[arm.name], {name: rows.supervised for name, rows in data.items()}
    most = 0
    for size in sizes:
        leader = budget.reference(choices, supervised, size)
        if leader.arm.withheld or supervised[leader.arm.name][:size].sum() <= supervised[arm.name][:size].sum():
            raise UsageError(
                f"{arm.name} is matched to an arm with more tokens, and there is none", "add one, e.g. --arms journey"
            )
        needed = budget.withheld_needed(supervised[arm.name], supervised[leader.arm.name], size, seeds, epochs)
        if size + needed > len(own):
            fits = budget.pairs_that_fit(supervised[arm.name], supervised[leader.arm.name], size, seeds, epochs)
            raise UsageError(
                f"{arm.name} reaches the supervised tokens of {leader.label} on {size:,} pairs only with more withheld "
                f"pairs than the {len(own) - size:,} that are left",
                f"give --pairs {fits}" if fits else "curate more pairs",
            )
        again = set(own.problems[:size]) & set(own.problems[size : size + needed])
        if again:
            raise UsageError(
                f"{arm.name}: {len(again)} problems after the first {size:,} pairs are among those already",
                "give one value of --pairs, or curate one pair per problem",
            )
        most = max(most, size + needed - max(sizes))
    return most
