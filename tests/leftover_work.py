"""Components that return while some of their work is still running."""

from __future__ import annotations

import concurrent.futures
import logging
import multiprocessing
import multiprocessing.pool
import subprocess
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_spark_pipeline.runtime.component.base import Component
from tests.steps import note

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

#: Set by a test when what was left may end.
release = threading.Event()
#: What has to be alive as long as the test is.
kept: list[Any] = []


def wait(*_: Any) -> None:
    release.wait(60)


def raise_late() -> None:
    threading.Event().wait(0.2)
    raise OSError("the late write failed")


def _pool(kind: Any = concurrent.futures.ThreadPoolExecutor) -> Any:
    kept.append(kind(2))
    return kept[-1]


def _thread(target: Any, **options: Any) -> threading.Thread:
    thread = threading.Thread(target=target, name="left-alone", **options)
    thread.start()
    return thread


def _nested() -> None:
    _thread(lambda: _thread(wait)).join()


def _submit(work: Any, kind: Any = concurrent.futures.ThreadPoolExecutor, *, look: bool = False) -> None:
    with kind(2) as pool:
        future = pool.submit(work)
    if look:
        assert future.exception() is not None


def _cancel() -> None:
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        futures = [pool.submit(threading.Event().wait, 0.2) for _ in range(2)]
        futures[1].cancel()


def _map(work: Any) -> None:
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        pool.map(lambda _: work(), range(2))


def _daemon_of_a_library() -> None:
    _thread(threading.Event().wait, args=(60,), daemon=True)


def _fork() -> Any:
    process = multiprocessing.get_context("fork").Process(target=wait, name="left-alone")
    process.start()
    kept.append(process)
    return process


def _popen(*command: str) -> None:
    kept.append(subprocess.Popen(command))


#: What is left → whether the component has failed for it, and a part of what is said.
LEAVES: dict[str, tuple[Any, str | None]] = {
    "a thread": (lambda: _thread(wait), "its thread 'left-alone' (FILE:"),
    "a daemon thread of the user": (lambda: _thread(wait, daemon=True), "its thread 'left-alone' (FILE:"),
    "a thread of a thread": (_nested, "its thread 'left-alone'"),
    "a timer": (lambda: threading.Timer(60, wait).start(), "its thread 'Thread-"),
    "a busy executor": (lambda: _pool().submit(wait), "its thread 'ThreadPoolExecutor-"),
    "a busy thread pool": (lambda: _pool(multiprocessing.pool.ThreadPool).apply_async(wait), "its thread 'Thread-"),
    "a process": (_fork, "(left-alone)"),
    "a command": (lambda: _popen("sleep", "60"), "(sleep) still ran"),
    "a thread that raises": (lambda: _thread(raise_late), "OSError: the late write failed"),
    "a future that raises": (lambda: _pool().submit(raise_late), "OSError: the late write failed"),
    "a future that raised before": (lambda: _submit(raise_late), "OSError: the late write failed"),
    "a map that nobody reads": (lambda: _map(raise_late), "OSError: the late write failed"),
    "a process's future that raised before": (
        lambda: _submit(raise_late, concurrent.futures.ProcessPoolExecutor),
        "OSError: the late write failed",
    ),
    "a future that is cancelled": (_cancel, None),
    "a future whose failure is handled": (lambda: _submit(raise_late, look=True), None),
    "a thread that raised before": (lambda: _thread(raise_late).join(), "OSError: the late write failed"),
    "a thread that ends soon": (lambda: _thread(threading.Event().wait, args=(0.2,)), None),
    "a command that ends soon": (lambda: _popen("true"), None),
    "an idle executor": (lambda: _pool().submit(int).result(), None),
    "an executor that nobody asked": (_pool, None),
    "an idle pool of processes": (lambda: _pool(concurrent.futures.ProcessPoolExecutor).submit(int).result(), None),
    "a thread of a library": (_daemon_of_a_library, None),
    "nothing": (lambda: None, None),
}


@dataclass
class Leaves(Component):
    """Leaves something behind."""

    ledger: str
    what: str

    def run(self, spark: SparkSession) -> None:
        note(self.ledger, name=self.context.component_name)
        LEAVES[self.what][0]()


@dataclass
class Logs(Component):
    """Logs what it is told to."""

    code: str

    def run(self, spark: SparkSession) -> None:
        exec(self.code, {"self": self, "logging": logging, "log": logging.getLogger(__name__)})  # noqa: S102


@dataclass
class Queries(Component):
    """Starts a streaming query over ``source``, and does with it what ``then`` says."""

    ledger: str
    source: str
    target: str
    trigger: str
    then: str = ""

    def run(self, spark: SparkSession) -> None:
        note(self.ledger, name=self.context.component_name)

        rows = spark.readStream.schema("id LONG").parquet(self.source)
        if self.then.startswith("fails"):
            rows = rows.selectExpr("CAST(assert_true(id < 0, 'batch 0 is refused') AS STRING) AS refused")
        writer = rows.writeStream.queryName("orders")
        writer = writer.option("checkpointLocation", f"{self.target}/checkpoint")
        if self.trigger:
            writer = writer.trigger(**{self.trigger: True})
        if self.then == "in a thread":
            threading.Thread(target=self._start_late, args=(writer,)).start()
            return
        if self.then == "refuses":
            query = writer.foreachBatch(refuse).start()
        else:
            query = writer.format("parquet").start(f"{self.target}/out")
        if self.then.endswith("stops"):
            query.processAllAvailable()
            query.stop()
        elif self.then.endswith("handles"):
            try:
                query.awaitTermination()
            except Exception as error:  # noqa: BLE001
                self.context.progress(f"handled {type(error).__name__}")
        elif self.then.endswith("late"):
            while query.isActive:
                threading.Event().wait(0.1)

    def _start_late(self, writer: Any) -> None:
        time.sleep(0.5)  # run() has returned
        writer.format("parquet").start(f"{self.target}/out")


def refuse(batch: Any, number: int) -> None:
    raise ValueError(f"batch {number} is refused")
