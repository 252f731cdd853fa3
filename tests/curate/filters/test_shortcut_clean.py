"""shortcut_clean: trial and error in a shortcut, wrong nodes, and right ones twice or out of order."""

from __future__ import annotations

from journey_testing.curation import EveryReason, segment, trace


class TestReasons(EveryReason):
    filter = "shortcut_clean"
    damages = {
        "role_of_a_journey": lambda sound: segment(sound["search"], "shortcut", "step", role="correction"),
        "node_not_right": lambda sound: segment(
            sound["search"], "shortcut", "step", node=sound["search"].tree.mistakes()[0].id
        ),
        "told_twice": lambda sound: trace(sound["search"], "shortcut", lambda old: [old[0], *old]),
        "out_of_order": lambda sound: trace(sound["search"], "shortcut", lambda old: old[::-1]),
    }
