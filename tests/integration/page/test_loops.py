"""A task in a loop has a task instance for each iteration, all under one address (Airflow 3.4)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any
from uuid import UUID

import pytest

from airflow_spark_pipeline.airflow_features import AIRFLOW
from airflow_spark_pipeline.plugins.page.metadata_db import TaskKey, resolved_pipeline
from tests.integration.page.conftest import Page, Record

pytestmark = [pytest.mark.airflow, pytest.mark.skipif(not AIRFLOW.has_loops, reason="this Airflow has no loops")]


@pytest.fixture
def iterations(page: Page) -> Iterator[dict[int, str]]:
    """Two iterations of the task ``etl`` in the DAG run r1 of page_b: the ids of their task instances."""
    from airflow.models.dag_version import DagVersion
    from airflow.models.dynamic_region import DynamicRegion  # type: ignore[import-not-found]  # of Airflow 3.4
    from airflow.models.renderedtifields import RenderedTaskInstanceFields
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session
    from sqlalchemy import delete, insert

    made: Any = TaskInstance
    with create_session() as session:
        region = DynamicRegion(dag_id="page_b", run_id="r1", node_id="body")
        session.add(region)
        session.flush()
        version: Any = DagVersion.get_latest_version("page_b", session=session)
        task, found = _task("page_b"), {}
        for index, state in ((0, "success"), (1, "failed")):
            instance = made(
                task, run_id="r1", dag_version_id=version.id, state=state, region_id=region.id, region_index=index
            )
            instance.start_date = datetime.now(timezone.utc)
            session.add(instance)
            session.flush()
            fields = {"resolved_pipeline": json.dumps({"pipeline-name": "Test", "iteration": index})}
            values = {"task_instance_id": instance.id, "rendered_fields": fields}
            session.execute(insert(RenderedTaskInstanceFields).values(values))
            found[index] = str(instance.id)
        ids = {"region": region.id, "instances": [UUID(each) for each in found.values()]}
    yield found
    with create_session() as session:
        session.execute(delete(TaskInstance).where(TaskInstance.id.in_(ids["instances"])))
        session.execute(delete(DynamicRegion).where(DynamicRegion.id == ids["region"]))


def _task(dag_id: str) -> Any:
    from airflow.sdk import DAG
    from airflow.serialization.serialized_objects import DagSerialization

    from airflow_spark_pipeline.operators.spark_pipeline import SparkPipelineOperator

    with DAG(dag_id, schedule=None) as dag:
        SparkPipelineOperator(task_id="etl", pipeline="etl.conf")
    return DagSerialization.from_dict(DagSerialization.to_dict(dag)).get_task("etl")


def test_each_iteration_is_shown_and_cleared_separately(page: Page, record: Record, iterations: dict[int, str]) -> None:
    record.run("page_b", iteration=1)
    (listed,) = page.runs(dag_id="page_b")
    shown = page.get("/api/task", params={"dag_id": "page_b", "run_id": "r1", "task_id": "etl"}).json()["runs"]
    newest = page.get("/api/dags/page_b/runs").json()["runs"]
    for row in (listed, *shown, *newest):
        assert (row["iteration"], row["map_index"], row["task_state"]) == (1, -1, "failed")
        assert (row["clear_instance"], row["resume_blocked"]) == (iterations[1], None)
    assert (len(shown), len(newest)) == (1, 1)
    for index in iterations:
        text = resolved_pipeline(TaskKey("page_b", "r1", "etl", -1, index))
        assert json.loads(text or "{}")["iteration"] == index
    body = {"run_id": "r1", "task_id": "etl", "iteration": 1, "id": listed["id"], "number": listed["number"]}
    assert page.post("/api/dags/page_b/discard", {**body, "iteration": 0}).status_code == 404
    assert page.post("/api/dags/page_b/discard", body).status_code == 200
