"""The recovery DAG: a deferred sensor waits for a run that failed for good, and an operator resumes it."""

from __future__ import annotations

import json

import pytest

from airflow_spark_pipeline.checkpoint.stores.locations import open_store
from tests.acceptance.client import Client, Run
from tests.acceptance.deployment import Deployment, wait_for
from tests.chaos.locations import s3_at
from tests.histories_of_runs import History


@pytest.mark.slow
def test_a_recovery_dag_waits_without_a_worker_and_resumes_what_failed(triggerer: Deployment, client: Client) -> None:
    result = triggerer.temporary / "recovered"
    recovery = Run(client, "recovery", "recovers", {"result": str(result)}, "resume")
    sensor = Run(client, "recovery", "recovers", {}, "failed")
    recovery.trigger()
    wait_for("the sensor to defer", lambda: sensor.details()["state"] == "deferred" or None, seconds=240)

    # It takes no slot of its pool, and no process works on it; the triggerer does. Runs of other tests may take slots.
    pool = client.get("/pools/default_pool")
    assert (pool["include_deferred"], pool["deferred_slots"]) == (False, 1)
    assert not [
        command for _, command in triggerer.processes() if "airflow worker" in command and "recovers" in command
    ]
    assert sensor.details()["trigger"]["classpath"].endswith("SparkPipelineRunTrigger")

    # The last of five components cannot write below a file; its own task has one more try, which is left to it.
    blocked = triggerer.temporary / "blocked"
    blocked.write_text("a file", encoding="utf-8")
    original = Run(client, "ready_made", "fails-for-good", {"result": str(blocked / "revenue")}, "revenue")
    original.trigger()
    wait_for("a worker with something to do", lambda: _busy_workers(triggerer), seconds=120)
    original.wait("failed", tries=2)

    recovery.wait("success")
    found, resumed = sensor.xcom(), recovery.xcom()
    assert (found["dag_run_id"], found["status"]) == ("fails-for-good", "failed")
    assert (found["failed_position"], found["failed_component"]) == (5, "Write(revenue)")
    assert found["attempt"] == 2
    assert resumed["resumed_from"] == found["run_id"]
    assert resumed["components_run"] == ["Write(revenue)"]
    assert (result / "_SUCCESS").exists()


@pytest.mark.slow
def test_the_triggerer_reads_a_location_with_the_connection_of_the_sensor(
    triggerer: Deployment, client: Client, s3_endpoint: str
) -> None:
    """Nothing but the connection says where the bucket is, and with which keys it is read."""
    place = s3_at(s3_endpoint)
    extra = {"endpoint_url": s3_endpoint, "region_name": "us-east-1"}
    login = {"login": place.options["key"], "password": place.options["secret"], "extra": json.dumps(extra)}
    client.post("/connections", {"connection_id": "lake", "conn_type": "aws", **login})
    run = Run(client, "waits_in_a_bucket", "waits", {"location": place.location}, "pipeline")
    run.trigger()
    wait_for("the sensor to defer", lambda: run.details()["state"] == "deferred" or None, seconds=240)
    failed = History(open_store(place.location, place.options)).failed()
    run.wait("success")
    assert run.xcom()["run_id"] == failed.pipeline_run_id


def _busy_workers(deployment: Deployment) -> list[str]:
    """The command lines of the executor's processes that work on a task; each says so itself."""
    workers = [command for _, command in deployment.processes() if command.startswith("airflow worker")]
    return [command for command in workers if "<idle>" not in command]
