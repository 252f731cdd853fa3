"""The profile of a policy: how often it is right, where its first mistakes are, and of how many problems journeys can be made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from journey.formats.attempts import PolicyInfo, PolicyProfile, rate_class
from journey.generate.attempts.locate import how_located
from journey.generate.attempts.values import false_value
from journey.schema import Attempt

if TYPE_CHECKING:
    from rich.table import Table

LOOP = 3  # times that an attempt says one step, at least, to be in a loop
LOW, HIGH = 0.20, 0.80  # pass rates outside of which few problems have both right and wrong attempts


def profile_of(policy: PolicyInfo, attempts: Mapping[str, Sequence[Attempt]], k: int) -> PolicyProfile:
    """The profile of all attempts of one policy, by problem; rates are of the first k of each problem."""
    outcomes: Counter[str] = Counter()
    rates: Counter[str] = Counter({"never": 0, "under half": 0, "half or more": 0, "always": 0})
    kinds: Counter[str] = Counter()
    located: Counter[str] = Counter({"checked first": 0, "checked": 0, "estimated": 0, "unlocated": 0})
    places: Counter[str] = Counter()
    by_greedy: Counter[str] = Counter()
    loops = cut_off = mixed = usable = right_with_mistake = greedy_right = greedy_asked = drawn = 0
    for of_problem in attempts.values():
        first = [each for each in of_problem if 0 <= each.index < k and not each.prefix]
        drawn += len(first)
        outcomes.update(each.outcome for each in first)
        cut_off += sum(each.finish == "length" for each in first)
        loops += sum(_loops(each) for each in first)
        rate = rate_of(first)
        if rate is not None:
            rates[rate_class(rate)] += 1
            mixed += 0 < rate < 1
        right_with_mistake += sum(each.outcome == "correct" and not each.clean for each in first)
        for each in first:
            if each.outcome == "wrong":
                kinds[_kind(each)] += 1
                located[how_located(each.mistake)] += 1
                places[_place(each)] += each.mistake.span is not None
        greedy = next((each for each in of_problem if each.index < 0), None)
        greedy_asked += greedy is not None
        greedy_right += greedy is not None and greedy.outcome == "correct"
        useful = any(each.clean for each in of_problem) and any(_known(each) for each in of_problem)
        usable += useful
        if greedy is not None:
            by_greedy[
                f"{'kept' if useful else 'dropped'}, greedy {'right' if greedy.outcome == 'correct' else 'not right'}"
            ] += 1
    decided = outcomes["correct"] + outcomes["wrong"] + outcomes["no_answer"]
    return PolicyProfile(
        policy=policy,
        problems=len(attempts),
        attempts=drawn,
        right=outcomes["correct"],
        wrong=outcomes["wrong"],
        no_answer=outcomes["no_answer"],
        undecided=outcomes["undecided"],
        cut_off=cut_off,
        pass_rate=round(outcomes["correct"] / decided, 4) if decided else None,
        pass_rates=dict(rates),
        mixed=mixed,
        greedy_right=greedy_right if greedy_asked else None,
        kinds=dict(kinds.most_common()),
        located=dict(located),
        right_with_mistake=right_with_mistake,
        usable=usable,
        usable_by_greedy=dict(sorted(by_greedy.items())),
        steps=dict(places.most_common()),
        loops=loops,
    )


def rate_of(attempts: Sequence[Attempt]) -> float | None:
    """The share of right attempts among the decided ones; None where none is decided."""
    decided = [each for each in attempts if each.outcome != "undecided"]
    return sum(each.outcome == "correct" for each in decided) / len(decided) if decided else None


def _kind(attempt: Attempt) -> str:
    """What the first mistake is; a false equation with how its value is off."""
    value = false_value(attempt)
    return (attempt.mistake.kind or "unlocated") + (f", {value}" if value is not None else "")


def _loops(attempt: Attempt) -> bool:
    """Whether an attempt was cut off while it said the same again and again."""
    if attempt.finish != "length":
        return False
    said = Counter(attempt.text[slice(*step)] for step in attempt.steps)
    return max(said.values(), default=0) >= LOOP


def _known(attempt: Attempt) -> bool:
    return attempt.outcome == "wrong" and how_located(attempt.mistake) in ("checked first", "estimated")


def _place(attempt: Attempt) -> str:
    span = attempt.mistake.span
    place = next((n for n, step in enumerate(attempt.steps) if span and step[0] <= span[0] < step[1]), None)
    if place is None:
        return "the answer"
    return "first step" if place == 0 else "last step" if place == len(attempt.steps) - 1 else "a middle step"


def warning(profile: PolicyProfile) -> str | None:
    """What is to be said of a policy that is too weak or too strong for its own mistakes to be used; None otherwise."""
    rate = profile.pass_rate
    if rate is None or LOW <= rate <= HIGH:
        return None
    why = "few right attempts to repair mistakes with" if rate < LOW else "few mistakes to learn from"
    advice = (
        "easier problems, more attempts (--k-hard) or --shots" if rate < LOW else "harder problems, or a weaker policy"
    )
    return f"{profile.policy.name} is right in {rate:.0%} of its attempts: {why}; try {advice}"


def table(profiles: Sequence[PolicyProfile]) -> Table:
    """The profiles for a terminal, a policy a column."""
    from rich.table import Table

    shown = Table(title="attempts", title_justify="left")
    shown.add_column("")
    for profile in profiles:
        shown.add_column(profile.policy.name, justify="right")
    rows: list[tuple[str, list[str]]] = [
        ("problems", [f"{p.problems:,}" for p in profiles]),
        ("attempts", [f"{p.attempts:,}" for p in profiles]),
        ("temperature, top-p", [f"{p.policy.temperature:g}, {p.policy.top_p:g}" for p in profiles]),
        ("right (pass rate)", [_share(p.right, p.right + p.wrong + p.no_answer) for p in profiles]),
        ("wrong", [_share(p.wrong, p.attempts) for p in profiles]),
        ("no answer", [_share(p.no_answer, p.attempts) for p in profiles]),
        ("undecided (in no rate)", [_share(p.undecided, p.attempts) for p in profiles]),
        ("cut off", [_share(p.cut_off, p.attempts) for p in profiles]),
        ("of these in a loop", [_share(p.loops, p.cut_off) for p in profiles]),
        (
            "greedy right",
            ["not asked" if p.greedy_right is None else _share(p.greedy_right, p.problems) for p in profiles],
        ),
    ]
    for name in ("never", "under half", "half or more", "always"):
        rows.append((f"problems right {name}", [_share(p.pass_rates[name], p.problems) for p in profiles]))
    rows.append(("problems with right and wrong", [_share(p.mixed, p.problems) for p in profiles]))
    for kind in dict.fromkeys(kind for p in profiles for kind in p.kinds):
        rows.append((f"first mistake: {kind}", [_share(p.kinds.get(kind, 0), p.wrong) for p in profiles]))
    for name in ("checked first", "checked", "estimated", "unlocated"):
        rows.append((f"located: {name}", [_share(p.located[name], p.wrong) for p in profiles]))
    for name in dict.fromkeys(name for p in profiles for name in p.steps):
        rows.append((f"mistake in {name}", [_share(p.steps.get(name, 0), p.wrong) for p in profiles]))
    rows.append(("right ones with a mistake", [_share(p.right_with_mistake, p.right) for p in profiles]))
    rows.append(("problems that could give a journey", [_share(p.usable, p.problems) for p in profiles]))
    for name in dict.fromkeys(name for p in profiles for name in p.usable_by_greedy):
        rows.append((name, [_share(p.usable_by_greedy.get(name, 0), p.problems) for p in profiles]))
    for label, cells in rows:
        shown.add_row(label, *cells)
    return shown


def _share(part: int, whole: int) -> str:
    return f"{part:,} ({part / whole:.0%})" if whole else f"{part:,} (n = 0)"
