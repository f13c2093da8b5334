"""Components and hooks for tests, which write what they do into a ledger."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_spark_pipeline.runtime.component.base import Component
from airflow_spark_pipeline.runtime.lifecycle.base import ComponentEvent, PipelineEvent, PipelineHooks

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


class OutageError(ConnectionError):
    """Something that passes."""


def note(ledger: str, **entry: Any) -> None:
    with Path(ledger).open("a", encoding="utf-8") as file:
        file.write(json.dumps(entry) + "\n")


def read(ledger: Path | str) -> list[dict[str, Any]]:
    path = Path(ledger)
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


@dataclass
class Step(Component):
    """Notes that it ran; fails the first ``fails`` times that anybody runs it."""

    ledger: str
    fails: int = 0
    error: str = "OutageError"
    message: str = "down"
    password: str = ""

    def run(self, spark: SparkSession) -> None:
        context = self.context
        name = context.component_name
        earlier = sum(entry["name"] == name for entry in read(self.ledger))
        entry = {"name": name, "attempt": context.attempt, "retry": context.retry, "workdir": context.workdir}
        note(self.ledger, **entry)
        if earlier < self.fails:
            kind: type[BaseException] = {"ValueError": ValueError, "SystemExit": SystemExit}.get(
                self.error, OutageError
            )
            raise kind(f"{self.message} {self.password}".strip())


@dataclass
class Dirty(Component):
    """Changes its own field, and fails if an earlier try has."""

    ledger: str
    count: int = 0

    def run(self, spark: SparkSession) -> None:
        note(self.ledger, count=self.count)
        self.count += 1
        if len(read(self.ledger)) == 1:
            raise OutageError("once")


@dataclass
class Slow(Component):
    """Waits in pure Python, for longer than any test."""

    ledger: str
    stubborn: bool = False

    def run(self, spark: SparkSession) -> None:
        note(self.ledger, name=self.context.component_name)
        try:
            time.sleep(60)
        except Exception:
            if not self.stubborn:
                raise


@dataclass
class LongJob(Component):
    """One Spark job that takes hours."""

    ledger: str

    def run(self, spark: SparkSession) -> None:
        note(self.ledger, name=self.context.component_name)
        spark.range(10**15).selectExpr("sum(id % 7 * id)").collect()


@dataclass
class Noting(PipelineHooks):
    """Notes every call; fails in the one that it is told to fail in."""

    ledger: str
    fails_in: str = ""

    def _note(self, name: str, event: PipelineEvent | ComponentEvent) -> None:
        about = {"component": event.name, "retry": event.retry} if isinstance(event, ComponentEvent) else {}
        status = {"status": event.status} if isinstance(event, PipelineEvent) else {}
        note(self.ledger, hook=name, **about, **status)
        if name == self.fails_in:
            raise RuntimeError("the hook is broken")

    def before_pipeline(self, event: PipelineEvent) -> None:
        self._note("before_pipeline", event)

    def after_pipeline(self, event: PipelineEvent) -> None:
        self._note("after_pipeline", event)

    def before_component(self, event: ComponentEvent) -> None:
        self._note("before_component", event)

    def after_component(self, event: ComponentEvent) -> None:
        self._note("after_component", event)

    def on_component_failure(self, event: ComponentEvent) -> None:
        self._note("on_component_failure", event)

    def on_retry(self, event: ComponentEvent) -> None:
        self._note("on_retry", event)

    def on_resume(self, event: PipelineEvent) -> None:
        self._note("on_resume", event)

    def on_superseded(self, event: PipelineEvent) -> None:
        self._note("on_superseded", event)


@dataclass
class Gate(Noting):
    """The same, as a gate."""

    gate = True


def describe(*components: str, more: str = "", name: str = "Steps") -> str:
    """A description of components ``name:Class:config``, or whole ones in braces."""
    written = [c if c.startswith("{") else component(*c.split(":", 2)) for c in components]
    return f'pipeline {{ pipeline-name = "{name}"\n{more}\npipeline-components = [\n' + "\n".join(written) + "\n] }"


def component(name: str, kind: str = "Step", config: str = "", more: str = "") -> str:
    return (
        f'{{ instance-type = "tests.steps.{kind}", instance-name = {name}, {more}\n'
        f"instance-config {{ ledger = ${{LEDGER}}, {config} }} }}"
    )


def names(ledger: Path | str) -> str:
    """What ran, in order, as the names of components."""
    return "".join(entry["name"] for entry in read(ledger) if "name" in entry)


def calls(ledger: Path | str) -> list[str]:
    """Which hooks were called, in order, each with its component."""
    return [
        ":".join(filter(None, [entry["hook"], entry.get("component")])) for entry in read(ledger) if "hook" in entry
    ]


def in_thread(work: Any) -> Mapping[str, Any]:
    """Run something beside the main thread, and return its result or error."""
    box: dict[str, Any] = {}

    def run() -> None:
        try:
            box["result"] = work()
        except BaseException as error:  # noqa: BLE001  # the caller looks at it
            box["error"] = error

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(60)
    return box
