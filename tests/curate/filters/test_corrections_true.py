"""corrections_true: steps, truths and quantities that do not hold, and searches that do not arrive."""

from __future__ import annotations

from msgspec.structs import replace

from journey.config import CurateSettings
from journey.curate.item import Item
from journey.curate.rules import Context
from journey.schema import Arith
from journey_testing import traces
from journey_testing.curation import EveryReason, Sound, mistake, node, reasons, right, trace, tree


def computed(sound: Sound) -> Item:
    quantities = sound["slips"].tree.quantities
    place = next(k for k, each in enumerate(quantities) if each.expression)
    changed = replace(quantities[place], value="987654")
    return tree(sound["slips"], quantities=(*quantities[:place], changed, *quantities[place + 1 :]))


class TestReasons(EveryReason):
    filter = "corrections_true"
    damages = {
        "step_is_false": lambda sound: node(sound["search"], right, claim=Arith("1 + 1", "3")),
        "step_undecided": lambda sound: node(sound["search"], right, claim=Arith("1 / 0", "3")),
        "equation_false": lambda sound: node(sound["slips"], right, text="c = 2 + 2 = 5 ."),
        "truth_differs": lambda sound: node(sound["slips"], mistake, truth="987654"),
        "quantity_differs": computed,
        "target_out_of_reach": lambda sound: node(sound["search"], mistake, verdict="right"),
        "target_not_reached": lambda sound: trace(sound["search"], "shortcut", lambda old: [*old[:-2], old[-1]]),
    }


def test_a_false_equation_in_the_prose_of_an_imported_step() -> None:
    [made] = traces.made("s1k")
    step = next(node for node in made.tree.nodes if "12 - 2 = 10" in node.text)
    nodes = tuple(replace(node, text="12 - 2 = 11 are left.") if node is step else node for node in made.tree.nodes)
    context = Context(CurateSettings())
    assert not reasons("corrections_true", [Item(made.pair, made.tree)], context, {})
    damaged = Item(made.pair, replace(made.tree, nodes=nodes))
    assert reasons("corrections_true", [damaged], context, {}) == {"equation_false"}
