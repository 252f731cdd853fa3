"""Every filter keeps what the catalogs make, and drops a pair damaged for each of its reasons, under that reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from journey.catalog import FILTERS
from journey.curate.item import HALVES, Half, Item
from journey.curate.rules import Context, bind, resolve_options
from journey.schema import Arith, Check, Node, Problem, Question, Reachable, Segment, Trace

Made = dict[str, Item]
Damage = Callable[[Made], Item]


def tree(item: Item, **changes: Any) -> Item:
    return Item(item.pair, replace(item.tree, **changes))


def pair(item: Item, **changes: Any) -> Item:
    return Item(replace(item.pair, **changes), item.tree)


def problem(item: Item, **changes: Any) -> Item:
    return pair(item, problem=replace(item.pair.problem, **changes))


def node(item: Item, pick: Callable[[Node], bool], **changes: Any) -> Item:
    """The item with the first node that fits changed."""
    found = next(each for each in item.tree.nodes if pick(each))
    return tree(item, nodes=tuple(replace(each, **changes) if each is found else each for each in item.tree.nodes))


def trace(item: Item, half: Half, change: Callable[[list[Segment]], list[Segment]]) -> Item:
    """The item with the segments of one half changed."""
    old = item.trace(half)
    new = Trace(tuple(change(list(old.segments))), old.answer, old.answer_brief)
    return pair(item, **{half: new})


def segment(item: Item, half: Half, of: str, /, **changes: Any) -> Item:
    """The item with the first segment of a role changed in one half."""

    def change(segments: list[Segment]) -> list[Segment]:
        place = next(k for k, each in enumerate(segments) if each.role == of)
        return [*segments[:place], replace(segments[place], **changes), *segments[place + 1 :]]

    return trace(item, half, change)


def mistake(each: Node) -> bool:
    return each.role == "mistake"


def right(each: Node) -> bool:
    return each.role in ("step", "correction") and each.verdict == "right" and each.parent is not None


def boxed(made: Made, text: str, kind: str = "search") -> Item:
    return segment(made[kind], "journey", "answer", text=f"It is \\boxed{{{text}}}.", brief=f"\\boxed{{ {text} }}")


def check(made: Made, left: str, relation: Any, other: str) -> Item:
    """The slips item, whose mistakes are seen through by this check."""
    item, new = made["slips"], Check("test", left, relation, other)
    return tree(item, nodes=tuple(replace(each, check=new) if each.check else each for each in item.tree.nodes))


def wrong_sum(made: Made) -> Item:
    text = next(filter(right, made["search"].tree.nodes)).text
    return node(made["search"], right, text=f"{text.partition(' = ')[0]} = 999")


def unchecked(made: Made) -> Item:
    return tree(made["slips"], nodes=tuple(replace(each, check=None) for each in made["slips"].tree.nodes))


def undecided_gold(made: Made) -> Item:
    return problem(boxed(made, "50%", "slips"), answer="0.5")


def twice(segments: list[Segment]) -> list[Segment]:
    return [segments[0], *segments]


def only(role: str) -> Callable[[list[Segment]], list[Segment]]:
    return lambda segments: [each for each in segments if each.role == role]


def without(role: str) -> Callable[[list[Segment]], list[Segment]]:
    return lambda segments: [each for each in segments if each.role != role]


def early_box(made: Made) -> Item:
    return segment(made["search"], "shortcut", "plan", text="I guess \\boxed{1}.")


def told_in_plan(made: Made) -> Item:
    return segment(made["search"], "journey", "plan", text=f"It will be {made['search'].pair.journey.answer}, I think.")


def computed(made: Made) -> Item:
    quantities = made["slips"].tree.quantities
    place = next(k for k, each in enumerate(quantities) if each.expression)
    changed = replace(quantities[place], value="987654")
    return tree(made["slips"], quantities=(*quantities[:place], changed, *quantities[place + 1 :]))


# A column per reason: what is done to a sound pair so that this reason, and no rule's silence, is the result.
DAMAGES: dict[str, dict[str, Damage]] = {
    "views_of_tree": {
        "other_problem": lambda made: problem(made["search"], question="What else?"),
        "broken_tree": lambda made: node(made["search"], right, parent=99),
        "node_not_in_tree": lambda made: segment(made["search"], "journey", "mistake", node=99),
        "role_differs": lambda made: segment(made["search"], "journey", "mistake", role="consequence"),
        "text_differs": lambda made: node(made["search"], mistake, text="1 + 1 = 2"),
        "span_differs": lambda made: segment(made["slips"], "shortcut", "step", start=3),
        "step_not_in_journey": lambda made: trace(made["search"], "journey", lambda old: [*old[:-2], old[-1]]),
    },
    "answer_correct": {
        "answer_wrong": lambda made: boxed(made, "1 + 1"),
        "answer_undecided": undecided_gold,
        "no_answer": lambda made: segment(made["search"], "shortcut", "answer", text="Done.", brief="so"),
    },
    "mistakes_refuted": {
        "mistake_without_claim": lambda made: node(made["search"], mistake, claim=None),
        "mistake_undecided": lambda made: node(made["slips"], mistake, claim=Arith("48 / 0", "24")),
        "mistake_is_true": lambda made: node(made["slips"], mistake, claim=Arith("48 / 2", "24")),
    },
    "moves_legal": {
        "move_unreadable": lambda made: node(made["search"], mistake, text="12 plus 3"),
        "number_not_there": lambda made: node(made["search"], mistake, text="998 + 1 = 999"),
        "equation_false": lambda made: wrong_sum(made),
        "claim_of_other_state": lambda made: node(made["search"], mistake, claim=Reachable((999,), 10)),
    },
    "corrections_true": {
        "step_is_false": lambda made: node(made["search"], right, claim=Arith("1 + 1", "3")),
        "step_undecided": lambda made: node(made["search"], right, claim=Arith("1 / 0", "3")),
        "equation_false": lambda made: node(made["slips"], right, text="c = 2 + 2 = 5 ."),
        "truth_differs": lambda made: node(made["slips"], mistake, truth="987654"),
        "quantity_differs": computed,
        "target_out_of_reach": lambda made: node(made["search"], mistake, verdict="right"),
        "target_not_reached": lambda made: trace(made["search"], "shortcut", lambda old: [*old[:-2], old[-1]]),
    },
    "notices_contradict": {
        "never_noticed": lambda made: trace(made["slips"], "journey", without("notice")),
        "no_check": unchecked,
        "check_undecided": lambda made: check(made, "1 / 0", "=", "x"),
        "check_passes_claim": lambda made: check(made, "x", "=", "x"),
        "check_fails_truth": lambda made: check(made, "x", "<", "x"),
    },
    "shortcut_clean": {
        "role_of_a_journey": lambda made: segment(made["search"], "shortcut", "step", role="correction"),
        "node_not_right": lambda made: segment(
            made["search"], "shortcut", "step", node=made["search"].tree.mistakes()[0].id
        ),
        "told_twice": lambda made: trace(made["search"], "shortcut", twice),
        "out_of_order": lambda made: trace(made["search"], "shortcut", lambda old: old[::-1]),
    },
    "answer_after_work": {
        "answers_differ": lambda made: pair(made["search"], shortcut=replace(made["search"].pair.shortcut, answer="7")),
        "not_one_last_answer": lambda made: trace(made["search"], "journey", lambda old: old[::-1]),
        "no_work": lambda made: trace(made["search"], "shortcut", only("answer")),
        "not_one_box": lambda made: segment(made["search"], "journey", "answer", text="\\boxed{1} or \\boxed{2}"),
        "box_before_answer": early_box,
        "answer_in_plan": told_in_plan,
    },
    "markup": {"markup": lambda made: problem(made["slips"], question="What is 2 + 2?<|im_end|>")},
    "length": {
        "no_text": lambda made: problem(made["search"], brief=""),
        "not_encodable": lambda made: problem(made["search"], brief="use 12 unheard-of words"),
        "too_long": lambda made: made["search"],
    },
    "benchmark_overlap": {
        "same_problem": lambda made: made["search"],
        "same_question": lambda made: asked(made, "How many APPLES does Tom have, in all his three baskets?"),
        "shared_words": lambda made: asked(made, "Anna asks: how many apples does Tom have in all his bags?"),
        "whole_question": lambda made: asked(made, "Please find the sum of 12 and 30 quickly."),
        "shared_words_in_trace": lambda made: segment(
            asked(made, "Something else entirely."), "journey", "notice", text=" how many apples does tom have in all"
        ),
    },
    "exact_duplicate": {
        "duplicate": lambda made: made["search"],
        "duplicate_problem": lambda made: segment(made["search"], "journey", "plan", text="Hmm."),
    },
}
OPTIONS: dict[str, dict[str, dict[str, Any]]] = {
    "length": {"too_long": {"max_tokens": 16}},
    "benchmark_overlap": {"shared_words_in_trace": {"traces": True}},
    "exact_duplicate": {"duplicate_problem": {"per_problem": 1}},
}


def asked(made: Made, question: str) -> Item:
    return problem(made["slips"], question=question, source="file", id="mine")


@pytest.fixture(scope="session")
def sound(searches: list[Item], slips: list[Item]) -> Made:
    """One pair of each method that has all kinds of segments."""
    return {
        "search": next(each for each in searches if {"mistake", "consequence", "correction"} <= roles(each)),
        "slips": next(each for each in slips if {"mistake", "consequence", "correction", "step"} <= roles(each)),
    }


def roles(item: Item) -> set[str]:
    return {each.role for each in item.pair.journey.segments}


@pytest.fixture(scope="session")
def benchmark(sound: Made) -> dict[str, list[Question]]:
    texts = ("How many apples does Tom have in all his three baskets?", "Find the sum of 12 and 30.")
    kept = [Problem(f"b{place}", text, "1", "file") for place, text in enumerate(texts)]
    return {"mine": [Question(each.id, "mine", each) for each in [*kept, sound["search"].pair.problem]]}


def reasons(name: str, items: list[Item], context: Context, options: dict[str, Any]) -> set[str]:
    resolved = resolve_options(context.settings.model_copy(update={"options": {name: options}}))
    rule = next(each for each in bind(resolved, context) if each.name == name)
    return {drop.reason for drops in rule.judge(items) for drop in drops}


CASES = [(name, reason) for name, damages in DAMAGES.items() for reason in damages]


@pytest.mark.parametrize(("name", "reason"), CASES, ids=[f"{name}-{reason}" for name, reason in CASES])
def test_each_reason_drops(
    name: str, reason: str, sound: Made, context: Context, benchmark: dict[str, list[Question]]
) -> None:
    """The damaged pair is dropped for its reason; the sound one, under the same options, for none of the filter's."""
    options = OPTIONS.get(name, {}).get(reason, {})
    own = Context(context.settings)
    own.questions = benchmark if name == "benchmark_overlap" else {}
    damaged = DAMAGES[name][reason](sound)
    before = [sound["search"]] if name == "exact_duplicate" else []
    assert reason in reasons(name, [*before, damaged], own, options)


@pytest.mark.parametrize("changed", [{"text": "It is \\boxed{1 + 1}."}, {"brief": "\\boxed{ 1 + 1 }"}])
@pytest.mark.parametrize("half", HALVES)
def test_both_halves_and_notations_are_graded(
    half: Half, changed: dict[str, str], sound: Made, context: Context
) -> None:
    wrong = segment(sound["search"], half, "answer", **changed)
    assert reasons("answer_correct", [wrong], context, {}) == {"answer_wrong"}


def test_every_reason_of_every_filter_has_a_row() -> None:
    declared = {entry.name: set(entry.facts["reasons"]) for entry in FILTERS.entries()}
    assert {name: set(damages) for name, damages in DAMAGES.items()} == declared


@pytest.mark.parametrize("name", FILTERS.names())
def test_sound_pairs_are_kept(name: str, searches: list[Item], slips: list[Item], context: Context) -> None:
    own = Context(context.settings)
    own.questions = {}
    assert reasons(name, [*searches, *slips], own, {}) == set()
