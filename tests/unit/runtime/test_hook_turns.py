"""Hooks are called one at a time; one that hangs in an abandoned thread does not hold up the others."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_spark_pipeline import PipelineHooks
from airflow_spark_pipeline.runtime.lifecycle.calls import ActiveHook, HookCalls


class Gate(PipelineHooks):
    gate = True

    def __init__(self) -> None:
        self.called: list[str] = []
        self.hangs = threading.Event()
        self.ends = threading.Event()

    def after_component(self, event: Any) -> None:
        self.called.append(event.name)
        if event.name == "hangs":
            self.hangs.set()
            self.ends.wait(30)


@pytest.fixture
def gate() -> Iterator[Gate]:
    found = Gate()
    yield found
    found.ends.set()


def test_a_call_that_was_given_up_does_not_hold_up_the_one_that_waits_for_its_turn(gate: Gate) -> None:
    calls = HookCalls([ActiveHook(gate, gate=True)])

    def call(name: str) -> threading.Thread:
        event: Any = SimpleNamespace(name=name)
        thread = threading.Thread(target=calls.gates, args=("after_component", lambda: event), daemon=True)
        thread.start()
        return thread

    hanging = call("hangs")
    assert gate.hangs.wait(10)
    waiting = call("waits")
    waiting.join(0.1)
    assert (waiting.is_alive(), gate.called) == (True, ["hangs"])
    calls.forget_calls()
    waiting.join(10)
    assert (waiting.is_alive(), gate.called) == (False, ["hangs", "waits"])
    gate.ends.set()
    hanging.join(10)
    assert not hanging.is_alive()
