"""A component that keeps a ledger, and fails or dies as configured.

The ledger is a file that no part of the package knows: one line when a component starts and one when it ends, synced to
the disk before anything else happens. What ran is proven by the ledger alone.
"""

from __future__ import annotations

import base64
import contextlib
import html
import json
import os
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import quote, quote_plus

from airflow_spark_pipeline import Component, ComponentEvent, PipelineHooks

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyspark.sql import DataFrame, SparkSession

_LONGER_THAN_ANY_TEST = 900.0
_SETTING = "spark.hadoop.fs.s3a.secret.key"


@dataclass
class Step(Component):
    """Notes that it starts, does what it is told to in this attempt, and notes that it ends.

    :param ledger: path of the ledger
    :param deeds: what to do besides, by attempt: ``{"1": "raise"}``
    """

    ledger: str
    deeds: dict[str, str] = field(default_factory=dict)

    def run(self, spark: SparkSession) -> Mapping[str, DataFrame] | None:
        self.note("start", alive=self._others_alive())
        deed = self.deeds.get(str(self.context.attempt))
        if deed is not None:
            getattr(self, deed.replace(" ", "_"))(spark)
        made = self.work(spark)
        self.note("end")
        return made

    def work(self, spark: SparkSession) -> Mapping[str, DataFrame] | None:
        """What a component of another kind does besides."""

    def note(self, event: str, **details: Any) -> None:
        entry = {
            "event": event,
            "component": self.context.component_name,
            "attempt": self.context.attempt,
            "pid": os.getpid(),
            "parent": os.getppid(),
            "time": time.time(),
            **details,
        }
        descriptor = os.open(self.ledger, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(descriptor, json.dumps(entry).encode() + b"\n")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _others_alive(self) -> list[int]:
        """Return the processes of other drivers in the ledger that are still running."""
        ledger = Path(self.ledger)
        lines = ledger.read_text(encoding="utf-8").splitlines() if ledger.exists() else []
        entries = [json.loads(line) for line in lines]
        others = {pid for entry in entries for pid in (entry["pid"], entry["parent"])} - {os.getpid(), os.getppid()}
        return sorted(pid for pid in others if _is_running(pid))

    # ---- deeds

    def fail(self, spark: SparkSession) -> NoReturn:
        raise ConnectionError(f"{self.context.component_name} cannot reach its source")

    def fail_twice(self, spark: SparkSession) -> None:
        if self.context.retry < 2:  # twice
            self.fail(spark)

    def meet(self, spark: SparkSession) -> None:
        """Wait until four components of this attempt have started."""
        mine = f'"attempt": {self.context.attempt},'
        while sum('"start"' in line and mine in line for line in Path(self.ledger).read_text().splitlines()) < 4:
            threading.Event().wait(0.05)

    def meet_and_fail(self, spark: SparkSession) -> NoReturn:
        self.meet(spark)
        self.fail(spark)

    def wait_in_python(self, spark: SparkSession) -> None:
        threading.Event().wait(_LONGER_THAN_ANY_TEST)

    def wait_for_a_file(self, spark: SparkSession) -> None:
        """Wait for a file next to the ledger."""
        waited = threading.Event()
        while not Path(f"{self.ledger}.go").exists():
            waited.wait(0.1)

    def wait_in_spark(self, spark: SparkSession) -> None:
        jvm: Any = spark._jvm
        jvm.java.lang.Thread.sleep(int(_LONGER_THAN_ANY_TEST * 1000))

    def wait_on_a_server(self, spark: SparkSession) -> None:
        """One operation of Spark Connect, which leaves a mark beside the ledger ten times a second."""
        from pyspark.sql.functions import udf

        marks = f"{self.ledger}.marks"
        spark.range(0, 1, 1, 1).select(udf(lambda _: _leave_marks(marks), "string")("id")).collect()

    def call_sys_exit(self, spark: SparkSession) -> NoReturn:
        sys.exit(0)

    def end_the_process(self, spark: SparkSession) -> NoReturn:
        os._exit(0)

    def stop_spark(self, spark: SparkSession) -> None:
        spark.stop()

    def leave_a_thread(self, spark: SparkSession) -> None:
        threading.Thread(target=threading.Event().wait, name="forgotten", daemon=False).start()


@dataclass
class Announce(PipelineHooks):
    """A user's own hook: notes in the ledger what it is told of components.

    :param ledger: path of the ledger
    """

    ledger: str

    def on_retry(self, event: ComponentEvent) -> None:
        self._note("retried", event)

    def after_component(self, event: ComponentEvent) -> None:
        self._note("announced", event)

    def _note(self, what: str, event: ComponentEvent) -> None:
        entry = {"event": what, "component": event.name, "attempt": event.run.attempt, "pid": os.getpid()}
        with Path(self.ledger).open("a", encoding="utf-8") as file:
            file.write(json.dumps({**entry, "parent": os.getppid(), "time": time.time()}) + "\n")


@dataclass
class Confidant(Step):
    """Knows a secret, looks for it where others could read it, and blurts it out when it is told to fail.

    :param password: must show nowhere
    """

    password: str = ""

    def run(self, spark: SparkSession) -> Mapping[str, DataFrame] | None:
        settings = dict(spark.sparkContext.getConf().getAll())
        self.note("look", command_lines=command_lines(), setting_has_arrived=_SETTING in settings)
        return super().run(spark)

    def fail(self, spark: SparkSession) -> NoReturn:
        key = spark.sparkContext.getConf().get(_SETTING)
        try:
            raise PermissionError(f"access denied for etl:{self.password}")
        except PermissionError as error:
            raise ConnectionError(
                f"jdbc:postgresql://etl:{self.password}@db/orders does not answer, nor s3 with {key}"
            ) from error


@dataclass
class Blabber(Step):
    """Prints every secret that it can get hold of, in every spelling, and raises errors that are made of them.

    :param planted: by name
    """

    planted: dict[str, str] = field(default_factory=dict)

    def work(self, spark: SparkSession) -> Mapping[str, DataFrame] | None:
        settings = settings_of(spark)
        variables = {name: value for name, value in os.environ.items() if name.startswith("SHOP_")}
        as_meant = self.planted["reference"] == os.environ["SHOP_REFERENCED"]
        as_meant &= self.planted["in-url"] == f"jdbc:x://u:{os.environ['SHOP_REFERENCED']}@h"
        self.note("look", command_lines=command_lines(), as_meant=as_meant, settings=sorted(settings))
        for name, text in {**self.planted, **settings, **variables}.items():
            for spelled in spellings_of(text):
                (sys.stdout if len(text) % 2 else sys.stderr).write(f"{name} is {spelled}\n")
        return None

    def fail(self, spark: SparkSession) -> NoReturn:
        self.work(spark)
        texts = [*self.planted.values(), *settings_of(spark).values()]
        try:
            raise PermissionError("; ".join(texts[::2]) + " \udce9")
        except PermissionError as error:
            raise ConnectionError("\n".join(map(repr, texts[1::2]))) from error


@dataclass
class KeepsSecrets(PipelineHooks):
    """A hook with secrets, which fails and says them.

    :param planted: by name
    """

    planted: dict[str, str] = field(default_factory=dict)

    def on_retry(self, event: ComponentEvent) -> None:
        sys.stdout.write(f"retried {' '.join(self.planted.values())}\n")
        raise ValueError(f"cannot call {self.planted}")


def settings_of(spark: SparkSession) -> dict[str, str]:
    """What the session was configured with, on Spark Connect as well."""
    from pyspark.sql.utils import is_remote

    return dict(spark.conf.getAll if is_remote() else spark.sparkContext.getConf().getAll())


def spellings_of(text: str) -> list[str]:
    """A text in the spellings in which clients and protocols show it."""
    basic = base64.b64encode(f"etl:{text}".encode()).decode()
    return [text, repr(text), json.dumps(text), quote(text, safe=""), quote_plus(text), html.escape(text), basic]


def _leave_marks(file: str) -> None:
    for _ in range(int(_LONGER_THAN_ANY_TEST * 10)):
        with Path(file).open("a", encoding="utf-8") as marks:
            marks.write(f"{time.time()}\n")
        time.sleep(0.1)


def _is_running(pid: int) -> bool:
    """Whether the process exists and is not just waiting to be reaped."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def command_lines() -> str:
    """The command lines of all processes, as ``ps`` shows them to everybody."""
    lines = []
    for directory in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            lines.append((directory / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return "\n".join(lines)
