"""The deferrable operator for real: Airflow with a triggerer, spark-submit, and drivers in cluster mode on YARN."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.client import Client, Run
from tests.acceptance.deployment import Deployment, is_running, wait_for
from tests.engines.clusters import Yarn, mini_yarn
from tests.engines.jars import spark_jars

pytestmark = [pytest.mark.airflow, pytest.mark.spark, pytest.mark.timeout(1800)]

_DAGS = Path(__file__).with_name("dags")
_SECONDS = 900.0
_LEASE_SECONDS = 15


@pytest.fixture(scope="module")
def yarn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yarn]:
    with mini_yarn(tmp_path_factory.mktemp("yarn")) as yarn:
        yield yarn


@pytest.fixture(scope="module")
def deployment(yarn: Yarn, airflow_db: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    extra = {"deploy-mode": "cluster", "yarn_resourcemanager_webapp_address": yarn.web}
    airflow = Deployment(
        tmp_path_factory.mktemp("airflow"),
        airflow_db / "airflow.db",
        {"yarn": _DAGS},
        connections={"yarn": {"conn_type": "spark", "host": "yarn", "extra": extra}},
    )
    airflow.environment |= {
        "AIRFLOW__SPARK_PIPELINE__LEASE_SECONDS": str(_LEASE_SECONDS),
        "DRIVER_PYTHON": sys.executable,
        "HADOOP_CONF_DIR": str(yarn.configuration),
        "SPARK_JARS": f"local:{spark_jars()}/*",
        "STAGING": (airflow.home / "staging").as_uri(),
    }
    try:
        airflow.start()
        airflow.start_triggerer()
        yield airflow
    finally:
        airflow.stop()


@pytest.fixture(scope="module")
def client(deployment: Deployment) -> Iterator[Client]:
    client = Client(deployment)
    yield client
    client.close()


def _await_state(run: Run, state: str) -> None:
    wait_for(f"{run} to be {state}", lambda: run.details()["state"] == state or None, seconds=_SECONDS)


def test_a_component_fails_and_a_driver_is_killed_and_each_retry_resumes(client: Client) -> None:
    run = Run(client, "on_yarn", "fails-and-dies", {"b": {"1": "fail"}, "c": {"2": "wait in python"}}, "pipeline")
    run.trigger()
    waiting = run.wait_for_start("c", 2, seconds=_SECONDS)

    # No worker slot is taken while the driver is at work.
    _await_state(run, "deferred")
    assert client.get("/pools/default_pool")["occupied_slots"] == 0

    os.kill(waiting.pid, signal.SIGKILL)
    os.kill(waiting.parent, signal.SIGKILL)
    run.wait("success", tries=3, seconds=_SECONDS)
    assert run.started() == "a1 b1 b2 c2 c3 d3"
    assert run.ended() == "a1 b2 c3 d3"
    assert "ConnectionError: b cannot reach its source" in run.error(1)
    assert "the driver of attempt 2 died at [3/4] c" in run.error(2)
    assert run.xcom()["components_run"] == ["c", "d"]
    # The task's log tells what a driver elsewhere did.
    log = "\n".join(run.log(3))
    assert "[1/4] a skipped (done in attempt 1)" in log
    assert "[4/4] d done in" in log


def test_a_killed_triggerer_stops_nothing_and_a_killed_task_stops_its_driver(
    deployment: Deployment, client: Client, yarn: Yarn
) -> None:
    run = Run(client, "on_yarn", "is-stopped", {"b": {"1": "wait in python"}}, "pipeline")
    run.trigger()
    waiting = run.wait_for_start("b", 1, seconds=_SECONDS)
    _await_state(run, "deferred")

    deployment.kill_triggerer()
    deployment.start_triggerer()
    trigger = wait_for("the next triggerer to take over", lambda: _triggerer(run), seconds=120)
    assert trigger["hostname"]
    assert is_running(waiting.pid)
    assert run.details()["state"] == "deferred"

    run.set_state("failed")
    wait_for("the end of the driver", lambda: not is_running(waiting.pid), seconds=60)
    wait_for("YARN to say so", lambda: "KILLED" in [each["state"] for each in yarn.applications()], seconds=60)

    run.clear(only_failed=True)
    run.wait("success", seconds=_SECONDS)
    assert run.started() == "a1 b1 b2 c2 d2"
    assert run.ended() == "a1 b2 c2 d2"


def _triggerer(run: Run) -> dict[str, str] | None:
    """Who runs the trigger of a deferred task now, once that is a living triggerer."""
    job = run.details().get("triggerer_job")
    return job if job and job["state"] == "running" else None


def test_the_cleanup_is_complete(deployment: Deployment) -> None:
    """Requests, which hold secrets, do not stay behind on the worker."""
    assert not [path for path in deployment.temporary.glob("spark-pipeline-*") if path.is_dir()]
