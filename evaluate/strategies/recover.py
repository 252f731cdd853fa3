"""The recovery probe: what a run does after a text that has just made a mistake, its own or another's."""

from __future__ import annotations

from journey.evaluate.test_time.contract import Strategy, in_catalog


@in_catalog
class Recover(Strategy):
    """A probe, with a table of its own: goes on from texts with a mistake and from their clean twins, writer by reader."""

    name, draw, probe = "recover", "greedy", True
