"""From pairs to rows and runs: pairs that leave all arms, withheld pairs, data that is not enough, axes."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from journey.config import FinetuneSettings
from journey.errors import UsageError
from journey.finetune import cost
from journey.finetune.planning import audit
from journey.finetune.planning.make_rows import ArmRows, make
from journey.finetune.planning.prepare import lay_out
from journey.finetune.rows import budget
from journey.finetune.runs import ArmChoice, ArmContext, Run, choose
from journey.schema import Pair

SHAPE = cost.Shape(1000, 900, 100, layers=2, hidden=8, intermediate=16, attention_width=8, vocabulary=50, positions=64)
ALL = (
    "shortcut,journey,journey-masked,answer-only,mix-25,mix-50,mix-75,longer-shortcut,dots,marker,shuffled,deleted-steps,changed-digits,only-wrong"
).split(",")


def made_of(
    pairs: list[Pair], arms: list[str], tokenizer: Any, sizes: list[int] | None = None, **more: Any
) -> tuple[ArmRows, list[ArmChoice]]:
    choices, _ = choose(arms, "examples")
    facts = {"seeds": 2, "epochs": 1.0, "max_length": 512, **more}
    return make(pairs, choices, ArmContext(tokenizer, "compact"), sizes, **facts), choices


def runs_of(made: ArmRows, choices: list[ArmChoice], **settings: Any) -> tuple[list[Run], dict[str, audit.Counted]]:
    chosen = FinetuneSettings(**{"seeds": 2, "rows_per_step": 8, **settings})
    shapes = {rank: cost.of_rank(SHAPE, rank) for rank in chosen.ranks}
    runs = lay_out(choices, made.data, chosen, made.sizes, shapes)
    counted = [audit.count(run, made.data[run.kind], shapes[run.rank], chosen.rows_per_step) for run in runs]
    return runs, {one.run: one for one in counted}


def test_pairs_without_a_wrong_way_leave_all_arms(many_pairs: list[Pair], pocket: Any) -> None:
    """Countdown with 20 20 20 for 60 has nothing but the right way; so has a pair of an unknown method."""
    odd = msgspec.structs.replace(many_pairs[3], method="imported")
    pairs = [*many_pairs[:3], odd, *many_pairs[4:20]]
    made, _ = made_of(pairs, ["journey", "only-wrong", "mix-50"], pocket)
    assert odd not in made.pairs and len(made.pairs) == 20 - made.left_out["only-wrong"]
    assert {rows.problems for rows in made.data.values()} == {tuple(pair.problem.id for pair in made.pairs)}
    assert any("leave all arms, because only-wrong" in note for note in made.notes)
    few, _ = made_of(pairs, ["journey", "only-wrong"], pocket, [5])
    assert few.pairs == made.pairs[:5]  # as many as were asked for, all the same
    without, _ = made_of(pairs, ["journey"], pocket)
    assert without.pairs == pairs and without.notes == []


def test_an_arm_that_no_pair_has_a_trace_for_is_refused(many_pairs: list[Pair], pocket: Any) -> None:
    odd = [msgspec.structs.replace(pair, method="imported") for pair in many_pairs[:4]]
    with pytest.raises(UsageError, match="no pair has a trace for only-wrong"):
        made_of(odd, ["journey", "only-wrong"], pocket)


def test_more_pairs_than_there_are_say_how_many_there_are(many_pairs: list[Pair], pocket: Any) -> None:
    with pytest.raises(UsageError, match="30 pairs are asked for, there are 24\n  give --pairs 24"):
        made_of(many_pairs[:24], ["journey"], pocket, [12, 30])


def test_longer_shortcut_sees_further_problems_up_to_the_journeys_tokens(many_pairs: list[Pair], pocket: Any) -> None:
    made, choices = made_of(many_pairs, ["shortcut", "journey", "longer-shortcut"], pocket, [40])
    rows = made.data["longer-shortcut"]
    assert len(made.data["journey"]) == 40 < len(rows) == 40 + len(made.further)
    assert rows.problems[:40] == made.data["journey"].problems
    assert not set(rows.problems[:40]) & set(rows.problems[40:])
    runs, counted = runs_of(made, choices)
    for seed in (0, 1):
        longer, journey = counted[f"longer-shortcut-s{seed}"], counted[f"journey-s{seed}"]
        assert abs(longer.supervised_tokens - journey.supervised_tokens) <= rows.supervised.max() / 2
        assert longer.problems > journey.problems == 40
        assert longer.epochs == pytest.approx(1, abs=0.01)
    order = [row for step in budget.laid_out(runs[2], rows, 8) for row in step]
    assert order[:40] == [row for step in budget.laid_out(runs[1], made.data["journey"], 8) for row in step]
    assert min(order[40:]) >= 40
    assert any("further problems that no other arm is trained on" in note for note in made.notes)
    equal, differs = audit.compare(list(counted.values()))
    assert "problems: 40 in shortcut, journey" in equal
    assert any(sentence.startswith("problems: shortcut 40, journey 40, longer-shortcut") for sentence in differs)


@pytest.mark.parametrize(("sizes", "epochs"), [(None, 1.0), ([150], 1.0), ([190], 0.5), ([60, 150], 2.0)])
def test_too_few_withheld_pairs_say_how_many_would_do(
    sizes: list[int] | None, epochs: float, many_pairs: list[Pair], pocket: Any
) -> None:
    arms = ["shortcut", "journey", "longer-shortcut"]
    with pytest.raises(UsageError, match="give --pairs [0-9]+") as refused:
        made_of(many_pairs, arms, pocket, sizes, epochs=epochs)
    fits = int(str(refused.value).rpartition("--pairs ")[2])
    made_of(many_pairs, arms, pocket, [fits], epochs=epochs)
    if epochs >= 1:  # below one epoch the part of the rows that is drawn decides, and a little less is offered
        with pytest.raises(UsageError, match="only with more withheld pairs"):
            made_of(many_pairs, arms, pocket, [fits + 2], epochs=epochs)


def test_longer_shortcut_needs_a_longer_arm_and_takes_no_budget(many_pairs: list[Pair], pocket: Any) -> None:
    for arms in (["longer-shortcut"], ["shortcut", "longer-shortcut"]):
        with pytest.raises(UsageError, match="matched to an arm with more tokens"):
            made_of(many_pairs, arms, pocket, [40])
    with pytest.raises(UsageError, match="takes no budget"):
        choose(["journey", "longer-shortcut@examples"], "examples")


def test_withheld_pairs_are_of_other_problems(many_pairs: list[Pair], pocket: Any) -> None:
    twice = [*many_pairs[:40], *many_pairs[:30], *many_pairs[40:]]
    arms = ["journey", "longer-shortcut"]
    made, _ = made_of(twice, arms, pocket, [40])
    assert (
        made.data["longer-shortcut"].problems
        == made_of(many_pairs, arms, pocket, [40])[0].data["longer-shortcut"].problems
    )
    with pytest.raises(UsageError, match="are among those already"):
        made_of(twice, arms, pocket, [40, 72])


@pytest.mark.parametrize("match", ["examples", "tokens", "steps", "flops"])
def test_all_arms_on_every_budget_hold_what_the_audit_says(match: str, many_pairs: list[Pair], pocket: Any) -> None:
    choices, _ = choose(ALL, match)  # type: ignore[arg-type]
    made = make(many_pairs, choices, ArmContext(pocket, "compact"), [40], seeds=1, epochs=1.0, max_length=512)
    runs, counted = runs_of(made, choices, seeds=1)
    reference, shape = counted["journey-s0"], cost.of_rank(SHAPE, 16)
    assert reference.epochs == 1
    for run in runs:
        one, rows = counted[run.run], made.data[run.kind]
        half_a_row = {"tokens": rows.supervised.max() / 2, "flops": cost.flops_by_row(shape, rows.lengths).max() / 2}
        if match == "examples" and run.kind != "longer-shortcut":
            assert (one.rows, one.epochs, one.steps) == (reference.rows, 1, reference.steps)
        if match == "tokens":
            assert abs(one.supervised_tokens - reference.supervised_tokens) <= half_a_row["tokens"]
        if match == "flops" and run.kind != "longer-shortcut":
            assert abs(one.flops - reference.flops) <= half_a_row["flops"] + 1
        if match == "steps" and run.kind != "longer-shortcut":
            assert one.steps == reference.steps
            mean = one.supervised_tokens / one.steps
            assert mean == pytest.approx(reference.supervised_tokens / reference.steps, abs=half_a_row["tokens"])
        shares = one.answer_share, one.correct_path_share, one.mistake_share
        assert all(0 <= share <= 1 for share in shares) and sum(shares) <= 1.0001
    assert counted["journey-masked-s0"].mistake_share == 0 < counted["journey-s0"].mistake_share
    assert counted["answer-only-s0"].answer_share == 1
    assert counted["dots-s0"].correct_path_share == 0


def test_values_of_axes_are_matched_and_named_by_themselves(many_pairs: list[Pair], pocket: Any) -> None:
    made, choices = made_of(many_pairs, ["shortcut@tokens", "journey"], pocket, [40, 80])
    runs, counted = runs_of(made, choices, rank=[4, 8], lr=[1e-3, 3e-3], pairs=[40, 80])
    assert len({run.run for run in runs}) == len(runs) == 2 * 2 * 2 * 2 * 2
    assert runs[0].run == "shortcut-tokens-lr0.001-n40-r4-s0" and runs[-1].run == "journey-lr0.003-n80-r8-s1"
    for run in runs:
        one = counted[run.run]
        assert (one.pairs, one.lr, one.rank, one.axis) == (run.pairs, run.lr, run.rank, run.axis)
        assert one.problems == run.pairs
        if run.kind == "shortcut":
            same = counted[run.run.replace("shortcut-tokens", "journey")]
            assert abs(one.supervised_tokens - same.supervised_tokens) <= made.data["shortcut"].supervised.max() / 2
    small, large = (counted[f"journey-lr0.001-n40-r{rank}-s0"] for rank in (4, 8))
    assert large.flops > small.flops and large.supervised_tokens == small.supervised_tokens
    equal, _ = audit.compare(list(counted.values()))
    assert "lr0.001-n40-r4: problems: 40 in shortcut@tokens, journey" in equal
    assert "lr0.003-n80-r8: problems: 80 in shortcut@tokens, journey" in equal
