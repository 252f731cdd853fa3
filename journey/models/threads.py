"""The number of threads that torch computes with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


def use_one_thread() -> None:
    """From now on torch has one thread in this process."""
    import torch

    torch.set_num_threads(1)


@contextmanager
def one_thread_on(device: str) -> Iterator[None]:
    """One thread inside where the device is a CPU, as before afterwards.

    Sums are then rounded alike on every machine; and two threads in one process are slower than one on a small model.
    """
    import torch

    before = torch.get_num_threads()
    if device == "cpu":
        use_one_thread()
    try:
        yield
    finally:
        torch.set_num_threads(before)
