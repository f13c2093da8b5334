"""Components for tests of parallel runs: they wait for each other, so that no test depends on speed."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_spark_pipeline.runtime.component.base import Component
from airflow_spark_pipeline.runtime.lifecycle.base import ComponentEvent, PipelineHooks
from airflow_spark_pipeline.runtime.spark.connect import is_connect
from tests.steps import OutageError, note

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

SECONDS = 60.0
_barriers: dict[tuple[str, str], threading.Barrier] = {}
_signs: dict[tuple[str, str], threading.Event] = {}
_lock = threading.Lock()


def sign(ledger: str, name: str) -> threading.Event:
    """An event that tests and components share; the ledger keeps tests apart."""
    with _lock:
        return _signs.setdefault((ledger, name), threading.Event())


@dataclass
class Meet(Component):
    """Waits until ``size`` components are inside and for a sign, gives one, and then ends or fails."""

    ledger: str
    size: int = 1
    waits_for: str = ""
    gives: str = ""
    fails: int = 0

    def run(self, spark: SparkSession) -> None:
        context = self.context
        note(self.ledger, name=context.component_name, attempt=context.attempt)
        with _lock:
            key = (self.ledger, f"{context.run_id}-{self.size}")
            barrier = _barriers.setdefault(key, threading.Barrier(self.size))
        if not context.retry:
            barrier.wait(SECONDS)
        if self.waits_for and not sign(self.ledger, self.waits_for).wait(SECONDS):
            raise TimeoutError(self.waits_for)
        if self.gives:
            sign(self.ledger, self.gives).set()
        if context.retry < self.fails:
            raise OutageError(f"{context.component_name} is down")


@dataclass
class Later(Component):
    """Sets ``first`` and may fail in the first attempt; in the next one sets ``then``, gives a sign and awaits one."""

    ledger: str
    first: str = ""
    then: str = ""
    fails: bool = False
    gives: str = ""
    waits_for: str = ""

    def run(self, spark: SparkSession) -> None:
        is_first = self.context.attempt == 1
        if setting := self.first if is_first else self.then:
            spark.conf.set(setting, "set")
        if is_first and self.fails:
            raise OutageError("in the first attempt")
        if self.gives and not is_first:
            sign(self.ledger, self.gives).set()
        if self.waits_for and not is_first and not sign(self.ledger, self.waits_for).wait(SECONDS):
            raise TimeoutError(self.waits_for)


@dataclass
class Talk(Component):
    """Tells its name in all ways while the other one is inside, too."""

    ledger: str

    def run(self, spark: SparkSession) -> None:
        context = self.context
        with _lock:
            barrier = _barriers.setdefault((self.ledger, context.run_id), threading.Barrier(2))
        barrier.wait(SECONDS)
        context.progress(f"progress of {context.component_name}")
        context.logger.info("info of %s", context.component_name)
        thread = threading.Thread(target=lambda: context.logger.warning("thread of %s", context.component_name))
        thread.start()
        thread.join()
        barrier.wait(SECONDS)


@dataclass
class Stuck(Component):
    """Waits in C code, where nothing can interrupt it, until the test gives the sign."""

    ledger: str

    def run(self, spark: SparkSession) -> None:
        note(self.ledger, name=self.context.component_name)
        sign(self.ledger, "inside").set()
        sign(self.ledger, "let go").wait(SECONDS)


@dataclass
class Finishes(Component):
    """Finishes the run early."""

    ledger: str

    def run(self, spark: SparkSession) -> None:
        note(self.ledger, name=self.context.component_name)
        self.context.finish("no new data")


class OneAtATime(PipelineHooks):
    """Notes its calls, and whether one began before another had returned."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.overlapped = False
        self._inside = threading.Lock()

    def _note(self, name: str, event: ComponentEvent) -> None:
        if not self._inside.acquire(blocking=False):
            self.overlapped = True
            return
        try:
            self.calls.append(f"{name}:{event.name}")
            threading.Event().wait(0.01)  # time for another call to begin, if it could
        finally:
            self._inside.release()

    def before_component(self, event: ComponentEvent) -> None:
        self._note("before_component", event)

    def after_component(self, event: ComponentEvent) -> None:
        self._note("after_component", event)

    def on_retry(self, event: ComponentEvent) -> None:
        self._note("on_retry", event)

    def on_component_failure(self, event: ComponentEvent) -> None:
        self._note("on_component_failure", event)


class GateOneAtATime(OneAtATime):
    """The same, as a gate."""

    gate = True


@dataclass
class Makes(Component):
    """Returns a view while ``size`` components are inside; can change a setting of the session before."""

    ledger: str
    view: str
    size: int = 1
    setting: str = ""

    def run(self, spark: SparkSession) -> dict[str, DataFrame]:
        context = self.context
        note(self.ledger, name=context.component_name, tags=sorted(_tags(spark)))
        with _lock:
            barrier = _barriers.setdefault((self.ledger, context.run_id), threading.Barrier(self.size))
        barrier.wait(SECONDS)
        if self.setting:
            spark.conf.set("spark.sql.shuffle.partitions", self.setting)
        frame = spark.range(100).selectExpr("id % 3 AS part").groupBy("part").count()
        barrier.wait(SECONDS)
        return {self.view: frame}

    def makes_views(self) -> list[str]:
        return [self.view]


@dataclass
class Counts(Component):
    """Notes the number of rows of views; fails the first time."""

    ledger: str
    views: list[str]

    def run(self, spark: SparkSession) -> None:
        found = [spark.table(view).count() for view in self.views]
        note(self.ledger, name=self.context.component_name, found=found)
        if self.context.attempt == 1:
            raise OutageError("down")

    def reads_views(self) -> list[str]:
        return self.views


@dataclass
class LongJob(Component):
    """One Spark job that takes hours, in its first attempt.

    :param in_thread: whether a thread of the component runs it, as a part of it
    """

    ledger: str
    in_thread: bool = False

    def run(self, spark: SparkSession) -> None:
        note(self.ledger, name=self.context.component_name)
        if self.context.attempt > 1:
            return
        if self.in_thread:
            self.context.each_part(["only"], lambda _: self._long(spark), parallelism=1)
        else:
            self._long(spark)

    def _long(self, spark: SparkSession) -> None:
        if not is_connect(spark):
            spark.range(10**15).selectExpr("sum(id % 7)").collect()
            return
        # A server that cancels an operation too early lets its job run on: this one leaves a core free, and the test
        # can end it.
        from pyspark.sql.functions import udf

        end = f"{self.ledger}.end"

        def waits() -> None:  # runs on the server, which does not have this module
            import os
            import time

            while not os.path.exists(end):
                time.sleep(0.05)

        spark.range(0, 1, 1, 1).select(udf(lambda _: waits(), "string")("id")).collect()


@dataclass
class Shares(Component):
    """Runs jobs until a sign; ends or, in its first attempt, fails. Notes whether its thread has an active session."""

    ledger: str
    waits_for: str
    fails: bool = False

    def run(self, spark: SparkSession) -> None:
        context = self.context
        note(self.ledger, name=context.component_name, active=type(spark).getActiveSession() is not None)
        while not sign(self.ledger, self.waits_for).is_set():
            spark.range(1000).selectExpr("sum(id)").collect()
        if self.fails and context.attempt == 1:
            raise OutageError(f"{context.component_name} is down")


def _tags(spark: Any) -> set[str]:
    """The tags of this thread's jobs."""
    found: set[str] = spark.getTags() if is_connect(spark) else spark.sparkContext.getJobTags()
    return found
