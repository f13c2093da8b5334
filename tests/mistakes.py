"""A DAG folder with a task that must be refused, for tests of the errors that users get.

Each mistake is given to the operator as Airflow does it: the templated arguments are rendered, then ``execute`` is
called. No process may start except the check of the components, and the checkpoint location stays unchanged.
"""

from __future__ import annotations

import datetime as dt
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG

from airflow_spark_pipeline import SparkPipelineOperator
from airflow_spark_pipeline.checkpoint.claimant import Caller
from airflow_spark_pipeline.checkpoint.key import UnitKey, unit_path
from airflow_spark_pipeline.checkpoint.log import RunLog
from airflow_spark_pipeline.checkpoint.state import CheckpointStatus, ComponentAction, Failure
from airflow_spark_pipeline.checkpoint.stores.locations import open_store
from airflow_spark_pipeline.exceptions import SparkPipelineError
from airflow_spark_pipeline.pipeline.parser import parse_pipeline
from airflow_spark_pipeline.task.attempt import TaskAttempt

MODULE = """
from __future__ import annotations

import abc
from dataclasses import dataclass

from airflow_spark_pipeline import Component


@dataclass
class Extract(Component):
    input_path: str
    limit: int = 10

    def run(self, spark): ...


@dataclass
class Load(Component):
    table: str
    columns: list[str]
    overwrite: bool = True

    def __post_init__(self):
        if self.table == "forbidden":
            raise ValueError("table 'forbidden' is read-only; name another one")

    def run(self, spark): ...


class Draft(Component):
    @abc.abstractmethod
    def tune(self): ...


class Stranger:
    pass
"""

FUTURE = ("from __future__ import annotations\n", "")
EXTRACT = "{ instance-type = shop_etl.Extract, instance-config { input-path = /in } }"
LOAD = "{ instance-type = shop_etl.Load, instance-config { table = orders, columns = [id, total] } }"

NOISE = re.compile(r"Traceback|  File |pyparsing|ParseException|pyhocon|<class |object at 0x|Errno|PosixPath|\bNone\b")


def describe(*components: str, name: str = "pipeline-name = Shop", more: str = "") -> str:
    """A description, one component a line; the first one stands on line 4."""
    listed = "\n".join(components or (EXTRACT, LOAD))
    return f"pipeline {{\n{name}\npipeline-components = [\n{listed}\n]\n{more}\n}}\n"


@dataclass
class TaskInstance:
    """What the operator reads of Airflow's."""

    task: SparkPipelineOperator
    try_number: int = 1
    max_tries: int = 3
    dag_id: str = "shop"
    run_id: str = "manual__2026-01-31"
    task_id: str = "etl"
    map_index: int = -1


class JvmStartedError(Exception):
    """In place of a JVM."""


@dataclass
class Shop:
    """A DAG folder, and a task in it.

    :param looks: what the processes were asked that looked at components
    """

    folder: Path
    looks: list[str] = field(default_factory=list)

    @property
    def location(self) -> Path:
        return self.folder.parent / "checkpoints"

    @property
    def conf(self) -> Path:
        return self.folder / "shop.conf"

    @property
    def module(self) -> Path:
        return self.folder / "libs" / "shop_etl.py"

    def operator(self, **arguments: Any) -> SparkPipelineOperator:
        with DAG("shop", schedule=None, start_date=dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc)) as dag:
            given = {"pipeline": "shop.conf", "py_files": ["libs"], "checkpoint_location": str(self.location)}
            operator = SparkPipelineOperator(task_id="etl", **{**given, **arguments})
        dag.fileloc = str(self.folder / "dag.py")
        return operator

    def run(self, *, try_number: int = 1, **arguments: Any) -> None:
        """Do what Airflow's task runner does."""
        operator = self.operator(**arguments)
        context: Any = {
            "ti": TaskInstance(operator, try_number=try_number),
            "task_state_store": None,
            "ds": "2026-01-31",
            "params": {"day": "Saturday"},
        }
        operator.render_template_fields(context)
        operator.execute(context)

    def mistake(self, **arguments: Any) -> str:
        """Run a task that has to be refused; returns the text of the one error there is."""
        before = snapshot(self.location)
        with pytest.raises(SparkPipelineError) as caught:
            self.run(**arguments)
        text = str(caught.value)
        assert not NOISE.search(text), text
        assert self.looks in ([], ["check"])
        self.looks.clear()
        assert snapshot(self.location) == before
        return text

    def accepted(self, **arguments: Any) -> None:
        """Run a task that has to reach spark-submit."""
        with pytest.raises(JvmStartedError):
            self.run(**arguments)

    def mistake_in(self, text: str, **arguments: Any) -> str:
        """The same with this description in ``shop.conf``."""
        self.conf.write_text(text, encoding="utf-8")
        return self.mistake(**arguments)

    def log(self) -> RunLog:
        key = UnitKey("default", "shop", "manual__2026-01-31", "etl", -1)
        return RunLog(open_store(str(self.location)), unit_path("Shop", key))

    def first_try(self) -> None:
        """Leave what a first try leaves that did the first component and failed at the second."""
        key = UnitKey("default", "shop", "manual__2026-01-31", "etl", -1)
        log = self.log()
        TaskAttempt(parse_pipeline(describe()), log, key, Caller(3, 0, 1), auto_resume=True).claim()
        claim = log.latest()
        assert claim is not None
        extract, load = claim.state.components
        state = replace(
            claim.state,
            status=CheckpointStatus.FAILED,
            completed_components=("Extract",),
            components=(
                replace(extract, action=ComponentAction.RAN, attempt=1),
                replace(load, action=ComponentAction.FAILED, attempt=1),
            ),
            failure=Failure("Load", 1, "OSError", "disk full"),
        )
        log.append(claim, state)

    def newest_commit(self) -> Path:
        return max(self.location.glob("shop-*/*/*.json"))


def snapshot(location: Path) -> Mapping[str, bytes]:
    return {str(file): file.read_bytes() for file in sorted(location.rglob("*")) if file.is_file()}


def make_shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A DAG folder with a module of components, and another run's checkpoints at the location."""
    folder = tmp_path / "dags"
    shop = Shop(folder)
    shop.module.parent.mkdir(parents=True)
    shop.module.write_text(MODULE, encoding="utf-8")
    shop.conf.write_text(describe(), encoding="utf-8")
    other = shop.location / "shop-0123456789ab" / "shop.another-run"
    other.mkdir(parents=True)
    (other / "00000000.json").write_text('{"schemaVersion": 2}', encoding="utf-8")

    class Spy(subprocess.Popen[Any]):
        def __init__(self, command: list[str], *arguments: Any, **options: Any) -> None:
            line = [str(part) for part in command]
            if "spark-submit" in line[0] or "java" in line[0]:
                raise JvmStartedError(line)
            if line[0] == sys.executable:
                shop.looks.append(line[2])
            super().__init__(command, *arguments, **options)

    monkeypatch.setattr(subprocess, "Popen", Spy)
    monkeypatch.delenv("SPARK_HOME", raising=False)
    return shop
