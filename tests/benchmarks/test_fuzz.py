"""The fuzzer in small: it finds nothing, and would find what hangs or crashes."""

from __future__ import annotations

import importlib.util
import random
import time
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def fuzz() -> ModuleType:
    path = Path(__file__).resolve().parents[2] / "benchmarks" / "fuzz.py"
    spec = importlib.util.spec_from_file_location("fuzz", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_thousand_inputs(fuzz: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzz, "watch", lambda seen: None)  # an audit hook would stay for the tests that follow
    monkeypatch.setattr(fuzz.last_resort, "ask_math_verify", fuzz.last_resort.ask_math_verify)  # put back afterwards
    found = fuzz.measure(1000, 7, worker=False)
    assert not found["crashes"] and not found["over_a_second"], found
    assert set(found["readers"]) == set(fuzz.READERS)


def test_what_crashes_or_hangs_is_found(fuzz: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = iter(range(1000))

    def reader(rng: random.Random) -> None:
        if (call := next(calls)) == 25:
            raise ZeroDivisionError("a bug")
        if call == 27:
            until = time.thread_time() + 1.05
            while time.thread_time() < until:
                pass

    monkeypatch.setattr(fuzz, "watch", lambda seen: None)
    monkeypatch.setattr(fuzz.last_resort, "ask_math_verify", fuzz.last_resort.ask_math_verify)
    monkeypatch.setattr(fuzz, "READERS", {"rows": (reader, 1.0)})
    found = fuzz.measure(10, 1, worker=False)  # twenty calls warm up
    assert len(found["crashes"]) == len(found["over_a_second"]) == 1
