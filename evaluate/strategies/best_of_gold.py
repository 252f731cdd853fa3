"""Best of k by the gold answer: pass@k under the name that tables of best-of-k use. An oracle."""

from __future__ import annotations

from journey.evaluate.strategies.passing import PassAtK
from journey.evaluate.test_time.contract import in_catalog


@in_catalog
class BestOfGold(PassAtK):
    """The best of k samples by the gold answer, which is pass@k. An oracle, never in a verdict."""

    name = "best-of-gold"
