"""Components whose process forks, and whose child returns from ``run``."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_spark_pipeline.runtime.component.base import Component
from airflow_spark_pipeline.runtime.lifecycle.base import ComponentEvent, PipelineHooks
from tests.sparkless import FakeSpark
from tests.steps import note

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@dataclass
class Forks(Component):
    """Forks; the child ends the way ``how`` says, the parent waits for it and notes its exit code."""

    ledger: str
    how: str

    def run(self, spark: SparkSession) -> None:
        if self.how == "multiprocessing":
            process = multiprocessing.get_context("fork").Process(target=sys.exit, args=(5,))
            process.start()
            process.join()
            note(self.ledger + ".codes", code=process.exitcode)
            return
        if self.how == "in a thread":
            thread = threading.Thread(target=self._fork, args=("returns",))
            thread.start()
            thread.join()
            return
        self._fork(self.how)

    def _fork(self, how: str) -> None:
        child = os.fork()
        if child:
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            note(self.ledger + ".codes", code=code)
            return
        print("the child speaks")  # noqa: T201
        if how == "raises":
            raise ValueError("in the child")
        if how == "exits with a text":
            sys.exit("the child gives up")
        if how.startswith("exits "):
            sys.exit(int(how[6:]))
        if how == "has a child":
            self._fork("returns")


@dataclass
class Forking(PipelineHooks):
    """A hook that forks, and whose child comes back."""

    ledger: str

    def after_component(self, event: ComponentEvent) -> None:
        child = os.fork()
        if child:
            note(self.ledger + ".codes", code=os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


class DyingContext:
    """A JVM's, which dies when it is told to."""

    alive = True

    @classmethod
    def kill(cls) -> None:
        cls.alive = False


class DyingSpark(FakeSpark):
    """Spark in a JVM that can die."""

    def __init__(self) -> None:
        super().__init__()
        DyingContext.alive = True
        self.sparkContext.isStopped = self._ask  # type: ignore[method-assign]

    @staticmethod
    def _ask() -> bool:
        if not DyingContext.alive:
            raise ConnectionRefusedError("the JVM does not answer")
        return False


@dataclass
class Kills(Component):
    """Kills the JVM, and returns."""

    ledger: str

    def run(self, spark: SparkSession) -> None:
        note(self.ledger, name=self.context.component_name)
        DyingContext.kill()


@dataclass
class KillsProcess(Component):
    """Kills the process of the real JVM, and returns."""

    ledger: str

    def run(self, spark: SparkSession) -> None:
        note(self.ledger, name=self.context.component_name)
        pid = spark.sparkContext._jvm.ProcessHandle.current().pid()  # type: ignore[union-attr]
        os.kill(pid, signal.SIGKILL)
