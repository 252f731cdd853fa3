"""Copies to a device: by way of pinned memory, and not waited for."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from journey.models.compute.transfer import on_device


class _Told:
    """In a tensor's place: notes what it is told."""

    def __init__(self, where: str, told: list[tuple[Any, ...]]) -> None:
        self.device, self.told = SimpleNamespace(type=where), told

    def pin_memory(self) -> _Told:
        self.told.append(("pinned",))
        return self

    def to(self, device: torch.device, non_blocking: bool = False) -> str:
        self.told.append((device.type, non_blocking))
        return "there"


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        ("cpu", "cuda", [("pinned",), ("cuda", True)]),
        ("cpu", "meta", [("meta", True)]),
        ("cpu", "cpu", [("cpu", False)]),
        ("cuda", "cuda", [("cuda", False)]),
    ],
)
def test_what_is_pinned_and_what_is_waited_for(source: str, target: str, expected: list[tuple[Any, ...]]) -> None:
    told: list[tuple[Any, ...]] = []
    tensor: Any = _Told(source, told)
    assert on_device(tensor, target) == "there" and told == expected
