"""Arms by the origin of their journeys (`journey:own`, `journey:injected`, `journey:profiled`): pairs of the same problems, matched.

The shortcut of every arm is the policy's one right path of a problem; the journeys have, at the same place of it, the policy's own
wrong step or a slip. What is not matched is refused, with the reason. `own` means that the policy is what every arm starts from.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from journey.errors import UsageError
from journey.finetune.runs import ORIGINS, ArmChoice
from journey.formats.finetune import ADAPTER
from journey.models.load import ModelRef
from journey.sampling.identity import weights_of
from journey.schema import Pair

_MAKE = "journey generate --attempts DIR --method own,injected,profiled, in one call"


@dataclass(frozen=True)
class MatchedPairs:
    """Pairs of the first origin, those of the others by origin and problem, and what was found equal and different."""

    pairs: list[Pair]
    by_origin: dict[str, dict[str, Pair]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class StartWeights:
    """What all arms start from: the base, and the hash of the adapter or model merged into it (None: the base as it is)."""

    ref: ModelRef
    digest: str | None = None
    kind: str = "adapter"

    def is_policy(self, policy: Mapping[str, Any]) -> bool:
        """Whether a policy is this very model, by the hashes of its weights."""
        weights, adapter = policy.get("weights"), policy.get("adapter")
        if self.digest is None:
            return adapter is None and weights == weights_of(self.ref)
        if self.kind == "adapter":
            return adapter == self.digest and weights == weights_of(self.ref)
        whole = hashlib.sha256(f"{ADAPTER.replace('adapter_', '')} {self.digest}\n".encode()).hexdigest()
        return self.kind == "model" and adapter is None and weights == whole


def match(everything: Sequence[Pair], choices: Sequence[ArmChoice], start: StartWeights) -> MatchedPairs:
    """The pairs that all arms see. Without an arm that names an origin these are all pairs, as they are.

    Raises UsageError for journeys that are not there or not matched, and for `own` ones of another policy.
    """
    origins = list(dict.fromkeys(choice.arm.origin for choice in choices if choice.arm.origin))
    if not origins:
        return MatchedPairs(list(everything))
    plain = [choice.label for choice in choices if choice.arm.mistakes and not choice.arm.origin]
    if plain:
        raise UsageError(f"arm {plain[0]} beside {origins[0]}: whose journeys?", f"write {plain[0]}:{origins[0]}")
    by_origin: dict[str, dict[str, Pair]] = {origin: {} for origin in origins}
    for pair in everything:
        for origin in origins:
            if pair.provenance.get("wrong_step") == ORIGINS[origin]:
                if pair.problem.id in by_origin[origin]:
                    raise UsageError(
                        f"{origin} journeys come several to a problem: one is compared", f"make them with {_MAKE}"
                    )
                by_origin[origin][pair.problem.id] = pair
    for origin, pairs in by_origin.items():
        if not pairs:
            raise UsageError(f"there are no {origin} journeys among these pairs", f"make them with {_MAKE}")
    shared = set.intersection(*(set(pairs) for pairs in by_origin.values()))
    if not shared:
        raise UsageError(f"no problem has journeys of {' and '.join(origins)}", f"make them with {_MAKE}")
    for name in sorted(shared):
        _check_matched({origin: pairs[name] for origin, pairs in by_origin.items()})
    if "own" in origins:
        _check_policy(by_origin["own"].values(), start)
    kept = {origin: {n: p for n, p in pairs.items() if n in shared} for origin, pairs in by_origin.items()}
    lost = {origin: len(pairs) - len(shared) for origin, pairs in by_origin.items()}
    return MatchedPairs(list(kept[origins[0]].values()), kept, tuple(_sentences(kept, lost)))


def _check_matched(pairs: Mapping[str, Pair]) -> None:
    (first, one), *others = pairs.items()
    for name, other in others:
        facts = {
            "right path": (_said(one), _said(other)),
            "place, clean rows, delay or re-checks": (one.provenance.get("matched"), other.provenance.get("matched")),
            "number of mistakes": (one.mistakes, other.mistakes),
            "settings": (one.provenance.get("settings"), other.provenance.get("settings")),
            "clean journey": (one.mistakes or _said(one, "journey"), other.mistakes or _said(other, "journey")),
        }
        for what, (left, right) in facts.items():
            if left != right:
                raise UsageError(
                    f"{first} and {name} journeys are not matched: problem {one.problem.id[:12]} has another {what}",
                    f"make them with {_MAKE}",
                )


def _said(pair: Pair, half: str = "shortcut") -> list[tuple[str, str, str]]:
    """A trace without the numbers of its nodes, which depend on what else is in the tree."""
    return [(segment.role, segment.text, segment.brief) for segment in getattr(pair, half).segments]


def _check_policy(pairs: Any, start: StartWeights) -> None:
    for pair in pairs:
        policy = pair.provenance.get("policy") or {}
        if not start.is_policy(policy):
            raise UsageError(
                f"the own mistakes are those of {policy.get('name')}, which is not what the arms start from",
                "start there (--base, --warmup), or write model for own: they are another model's mistakes",
            )


def _sentences(by_origin: Mapping[str, Mapping[str, Pair]], lost: Mapping[str, int]) -> list[str]:
    """What is equal, and what cannot be: text, length and kind of the wrong step, whether the text shows it, what follows it,
    kinds of notices, whether the policy would repeat it.
    """
    pairs = next(iter(by_origin.values()))
    clean = sum(not pair.mistakes for pair in pairs.values())
    fresh = sum(pair.provenance.get("ending") == "fresh" for pair in pairs.values())
    without = [
        f"; {n:,} {origin} ones ({_share(n, n + len(pairs))}) have no partner" for origin, n in lost.items() if n
    ]
    same = f"the same {len(pairs):,} problems, right paths ({fresh:,} begun again), places and {clean:,} clean rows"
    told = [f"{origin}: {_differences(list(of_origin.values()))}" for origin, of_origin in by_origin.items()]
    return [f"matched journeys of {', '.join(by_origin)}: {same}{''.join(without)}", *told]


def _differences(pairs: Sequence[Pair]) -> str:
    told = [pair for pair in pairs if pair.mistakes]
    if not told:
        return "no mistakes"
    words = [len(s.brief.split()) for pair in told for s in pair.journey.segments if s.role == "mistake"]
    after = sum(s.role == "consequence" for pair in told for s in pair.journey.segments)
    shown = sum(bool(pair.provenance.get("shown")) for pair in told)
    clamped = sum(pair.provenance["delays"][0] < pair.provenance.get("delay", 0) for pair in told)
    repeated = sum(pair.provenance.get("repeated", 0) for pair in told)
    return ", ".join(
        [
            *_shares(told, "kinds"),
            f"{_share(shown, len(told))} shown by the text",
            f"{sum(words) / max(1, len(words)):.1f} terse words in a wrong step",
            f"{after / len(told):.1f} steps after it ({_share(clamped, len(told))} fewer than asked for)",
            *(f"{each} as notice" for each in _shares(told, "notices")),
            f"the policy wrote it in {repeated / len(told):.1f} of its attempts",
        ]
    )


def _shares(pairs: Sequence[Pair], fact: str) -> list[str]:
    """The shares of what a fact of the provenance lists, the largest first."""
    counts = Counter(each for pair in pairs for each in pair.provenance.get(fact, ()))
    return [f"{_share(count, counts.total())} {name}" for name, count in counts.most_common()]


def _share(part: int, whole: int) -> str:
    return f"{part / max(1, whole):.0%}"
