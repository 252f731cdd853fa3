"""views_of_tree: every way in which a half may be no view of its tree."""

from __future__ import annotations

from journey_testing.curation import EveryReason, mistake, node, problem, right, segment, trace


class TestReasons(EveryReason):
    filter = "views_of_tree"
    damages = {
        "other_problem": lambda sound: problem(sound["search"], question="What else?"),
        "broken_tree": lambda sound: node(sound["search"], right, parent=99),
        "node_not_in_tree": lambda sound: segment(sound["search"], "journey", "mistake", node=99),
        "role_differs": lambda sound: segment(sound["search"], "journey", "mistake", role="consequence"),
        "text_differs": lambda sound: node(sound["search"], mistake, text="1 + 1 = 2"),
        "span_differs": lambda sound: segment(sound["slips"], "shortcut", "step", start=3),
        "step_not_in_journey": lambda sound: trace(sound["search"], "journey", lambda old: [*old[:-2], old[-1]]),
    }
