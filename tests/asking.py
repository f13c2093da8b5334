"""Components that use their context, and write what they do into a ledger."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

from airflow_spark_pipeline.runtime.component.base import Component
from airflow_spark_pipeline.runtime.lifecycle.base import ComponentEvent, PipelineHooks
from tests.steps import names, note, read

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

recorded: set[str] = set()  # names of components, by :class:`Recorded`


class Recorded(PipelineHooks):
    """Keeps the names of the components that are recorded as done."""

    def after_component(self, event: ComponentEvent) -> None:
        recorded.add(event.name)


def _wait(holds: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 60
    while not holds():
        if time.monotonic() > give_up:
            raise TimeoutError("it did not happen")
        time.sleep(0.01)


@dataclass
class Asks(Component):
    """Publishes; fails the first ``fails`` times that anybody runs it, and from the ``fails_from``-th time on."""

    ledger: str
    values: dict[str, Any] = field(default_factory=dict)
    fails: int = 0
    fails_from: int = 99
    finish: str = ""
    finish_after: int = 0  # runs
    waits_for: str = ""  # a component that has to have started
    waits_until_done: str = ""  # a component of this process that has to be recorded

    def run(self, spark: SparkSession) -> None:
        name = self.context.component_name
        earlier = sum(entry["name"] == name for entry in read(self.ledger))
        note(self.ledger, name=name)
        _wait(lambda: not self.waits_for or self.waits_for in names(self.ledger))
        _wait(lambda: not self.waits_until_done or self.waits_until_done in recorded)
        if self.values:
            self.context.publish(**self.values)
        if self.finish and earlier >= self.finish_after:
            self.context.finish(self.finish)
        if earlier < self.fails or earlier + 1 >= self.fails_from:
            self.context.publish(failed=True)
            raise ConnectionError(f"{name} is down")


def asks(name: str, more: str = "", **config: str) -> str:
    """Return a component of a description; ``more`` is HOCON inside the component."""
    lines = "".join(f", {key.replace('_', '-')} = {value}" for key, value in config.items())
    return (
        f'{{ instance-type = "tests.asking.Asks", instance-name = {name}\n{more}\n'
        f"instance-config {{ ledger = ${{LEDGER}}{lines} }} }}"
    )


class Dates(Component):
    """Publishes what is not JSON."""

    def run(self, spark: SparkSession) -> None:
        self.context.publish(day=date(2026, 1, 31))


class StopsSpark(Component):
    """Ends the session of the whole pipeline."""

    def run(self, spark: SparkSession) -> None:
        spark.stop()


@dataclass
class InParts(Component):
    """Notes each part; fails at a part once, or leaves the loop there in some way, once."""

    ledger: str
    days: list[str]
    table: str = ""
    fails_at: str = ""
    leaves_at: str = ""
    way: str = "raise"
    each: bool = False
    at_once: int = 4

    def run(self, spark: SparkSession) -> None:
        if self.each:
            self.context.each_part(self.days, self._part, parallelism=self.at_once)
            return
        for day in self.context.parts(self.days):
            if self._part(day) and self.way == "break":
                break
            if self._is_left(day) and self.way == "return":
                self._fail()
        if self._left:
            self._fail()

    _left = False

    def _is_left(self, day: str) -> bool:
        return self._left and day == self.leaves_at

    def _part(self, day: str) -> bool:
        """Do one part. Returns whether the loop is left here."""
        earlier = sum(entry.get("part") == day for entry in read(self.ledger))
        note(self.ledger, part=day)
        if day == self.fails_at and not earlier:
            raise ConnectionError(f"{day} is not there")
        if day == self.leaves_at and not earlier:
            self._left = True
            if self.way == "raise":
                self._fail()
            return True
        return False

    def _fail(self) -> None:
        raise ConnectionError("it is down")


def in_parts(name: str, days: list[str], more: str = "", **config: str) -> str:
    """Return a component of a description that does these days."""
    lines = "".join(f', {key.replace("_", "-")} = "{value}"' for key, value in config.items())
    return (
        f'{{ instance-type = "tests.asking.InParts", instance-name = {name}\n{more}\n'
        f"instance-config {{ ledger = ${{LEDGER}}, days = {json.dumps(days)}{lines} }} }}"
    )
