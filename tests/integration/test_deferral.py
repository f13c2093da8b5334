"""A deferred task whose real driver runs in another process: stops, and deaths.

In place of spark-submit and a cluster, a driver is started that nobody waits for. It runs without Spark; its log, its
lease and its watchdog are the real ones.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred
from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

from airflow_spark_pipeline.checkpoint.state import CheckpointStatus
from airflow_spark_pipeline.exceptions import ComponentFailedError
from airflow_spark_pipeline.hooks.spark_pipeline import SparkPipelineSubmitHook
from airflow_spark_pipeline.task import deferral
from tests.acceptance.ledger import read_ledger, short
from tests.triggering import fire, restore
from tests.unit.operators.shop import Driver, Shop

ROOT = Path(__file__).resolve().parents[2]
STEPS = ROOT / "tests" / "acceptance" / "dags"
LEASE_SECONDS = 6
CONF = """
pipeline {
  pipeline-name = Shop
  pipeline-components = [
    { instance-type = steps.Step, instance-name = a, instance-config { ledger = "%(ledger)s" } }
    { instance-type = steps.Step, instance-name = b, instance-config { ledger = "%(ledger)s", deeds = %(deeds)s } }
    { instance-type = steps.Step, instance-name = c, instance-config { ledger = "%(ledger)s" } }
  ]
}
"""


@dataclass
class Cluster:
    """Accepts jobs, and runs their drivers at once.

    :param directory: of the files that were shipped with them
    """

    directory: Path
    drivers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def submit(self, hook: SparkPipelineSubmitHook) -> None:
        name = hook._before_submit(hook)[1]
        shipped = next(file for file in (hook._files or "").split(",") if file.endswith(name))
        request = self.directory / f"{len(self.drivers)}-{name}"
        shutil.copy(shipped, request)
        environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{STEPS}"}
        command = [sys.executable, "-m", "tests.sparkless", "run", str(request)]
        log = (self.directory / f"{len(self.drivers)}.log").open("wb")
        with log:
            self.drivers.append(
                subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            )


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, airflow_config: Any) -> Iterator[Cluster]:
    connection = {"conn_type": "spark", "host": "yarn", "extra": {"deploy-mode": "cluster"}}
    monkeypatch.setenv("AIRFLOW_CONN_SPARK_DEFAULT", json.dumps(connection))
    monkeypatch.setattr(deferral, "_SHORTEST_INTERVAL", 0.2)
    airflow_config("spark_pipeline", "lease_seconds", str(LEASE_SECONDS))
    cluster = Cluster(tmp_path)
    monkeypatch.setattr(SparkPipelineSubmitHook, "submit", lambda hook, *a, **k: cluster.submit(hook))
    monkeypatch.setattr(SparkPipelineSubmitHook, "prepare", lambda hook: None)
    yield cluster
    for driver in cluster.drivers:
        driver.kill()
        driver.wait()


class Job:
    """A task whose component ``b`` does what it is told to, by attempt."""

    def __init__(self, folder: Path, **deeds: str) -> None:
        self.ledger = folder / "ledger.jsonl"
        conf = CONF % {"ledger": self.ledger, "deeds": json.dumps({name[1:]: deed for name, deed in deeds.items()})}
        (folder / "shop.conf").write_text(conf, encoding="utf-8")
        self.shop = Shop(folder, Driver())

    def defer(self, try_number: int = 1) -> tuple[TaskDeferred, Any, Any]:
        operator = self.shop.operator(deferrable=True, status_poll_interval=0)
        context = self.shop.context(operator, try_number)
        with pytest.raises(TaskDeferred) as deferred:
            operator.execute(context)
        return deferred.value, operator, context

    def finish(self, try_number: int = 1) -> Any:
        deferred, operator, context = self.defer(try_number)
        return operator.execute_complete(context, fire(deferred))

    def await_start(self, what: str) -> None:
        deadline = time.monotonic() + 30
        while what not in self.started():
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def started(self) -> str:
        return short(read_ledger(self.ledger), "start")


def test_a_killed_driver_counts_as_dead_after_its_lease_and_the_retry_resumes(cluster: Cluster, tmp_path: Path) -> None:
    job = Job(tmp_path, _1="wait in python")
    deferred, operator, context = job.defer()
    job.await_start("b1")
    cluster.drivers[0].kill()
    killed = time.monotonic()
    event = fire(deferred)
    assert time.monotonic() - killed < 2 * LEASE_SECONDS
    with pytest.raises(ComponentFailedError, match=r"driver of attempt 1 died at \[2/3\] b"):
        operator.execute_complete(context, event)
    assert job.finish(try_number=2)["components_run"] == ["b", "c"]
    assert job.started() == "a1 b1 b2 c2"


def test_a_task_that_is_killed_while_deferred_stops_a_driver_in_pure_python_code(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = Job(tmp_path, _1="wait in python")
    deferred, _, context = job.defer()
    job.await_start("b1")
    trigger = restore(deferred)
    trigger.task_instance = context["ti"]
    monkeypatch.setattr(RuntimeTaskInstance, "get_task_states", lambda **_: {context["ti"].run_id: {"etl": "failed"}})
    asyncio.run(trigger.on_kill())
    assert cluster.drivers[0].wait(LEASE_SECONDS) != 0
    assert job.shop.latest().state.status is CheckpointStatus.FAILED
    assert job.finish(try_number=2)["components_run"] == ["b", "c"]
    assert job.started() == "a1 b1 b2 c2"
