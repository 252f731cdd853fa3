"""Going on from a text behind a server: in a final message that is continued, in `/completions`, or not at all.

    way = way_of(endpoint)                      # "message", "completions" or None; asked once, with a text that is easy to go on from
    go_on(endpoint, way, "How many ...?", "First, 3 * 4 = 12", cap=64)

Servers that do not know `continue_final_message` often ignore it and answer anew, so what a server can do is seen from what it
writes after "1, 2, 3, 4, 5, 6,", not from whether it takes the request.
"""

from __future__ import annotations

import re
from typing import Any, Literal

from journey.errors import UsageError
from journey.models.endpoints import Endpoint, NotServed, Reply

Way = Literal["message", "completions"]
WAYS: tuple[Way, ...] = ("message", "completions")
_ASKED, _BEGUN = "Count from 1 to 12 in digits, separated by commas.", "1, 2, 3, 4, 5, 6,"
_NEXT = re.compile(r"\s*7\b")
_PROBE_CAP = 8  # tokens


def way_of(endpoint: Endpoint) -> Way | None:
    """How a server goes on from a text; None where it cannot. Raises what the endpoint raises, a refused request aside."""
    missing: list[NotServed] = []
    for way in WAYS:
        try:
            reply = go_on(endpoint, way, _ASKED, _BEGUN, cap=_PROBE_CAP)
        except NotServed as error:
            missing.append(error)
            continue
        except UsageError:
            continue
        if _NEXT.match(reply.text):
            return way
    if len(missing) == len(WAYS):  # no such model, or no such server: that is no matter of going on
        raise missing[0]
    return None


def go_on(endpoint: Endpoint, way: Way, said: str, begun: str, **draw: Any) -> Reply:
    """An answer that goes on from `begun`, which is not in the reply; `draw` is as `Endpoint.chat` takes it."""
    if way == "completions":
        return endpoint.complete(f"{said}\n\n{begun}", **draw)
    return endpoint.chat(said, begun=begun, **draw)
