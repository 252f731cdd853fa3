"""Events from a training process to its parent, a JSON line each on its stdout."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import BinaryIO

import msgspec

from journey.finetune.training.protocol import Trained


class Event(msgspec.Struct, frozen=True, omit_defaults=True):
    """A step that was made, how a run ended, or a message for a person. `again`: another try could go better."""

    run: str
    step: int = 0
    loss: float = 0.0
    trained: Trained | None = None
    failed: str | None = None
    again: bool = True
    message: str | None = None

    @property
    def ends(self) -> bool:
        """Whether the run has ended."""
        return self.trained is not None or self.failed is not None


def write_event(event: Event, stream: BinaryIO) -> None:
    """Send an event. Raises BrokenPipeError when nobody reads any more."""
    stream.write(msgspec.json.encode(event) + b"\n")
    stream.flush()


def read_events(lines: Iterable[bytes]) -> Iterator[Event]:
    """The events as they come."""
    decoder = msgspec.json.Decoder(Event)
    return map(decoder.decode, lines)
