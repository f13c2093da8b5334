"""The page's routes behind Airflow's own authentication, a migrated database, and records in a real folder."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import httpx
import pytest

from airflow_spark_pipeline.checkpoint.key import UnitKey, make_run_id, unit_path
from airflow_spark_pipeline.checkpoint.log import RunLog
from airflow_spark_pipeline.checkpoint.state import (
    AttemptSummary,
    CheckpointStatus,
    Commit,
    ComponentAction,
    Failure,
)
from airflow_spark_pipeline.checkpoint.stores.local import LocalStore
from tests.fakes import make_state

DAGS = ("page_a", "page_b")
PIPELINE = "Test"


class Page:
    """The routes, asked by a user: ``page.get("/api/runs", "viewer")``."""

    def __init__(self, app: Any, tokens: Callable[[str], str]) -> None:
        self.app = app
        self._tokens = tokens

    def get(self, path: str, user: str | None = "admin", **arguments: Any) -> httpx.Response:
        return self.ask("GET", path, user, **arguments)

    def post(self, path: str, body: Any, user: str | None = "admin", **arguments: Any) -> httpx.Response:
        return self.ask("POST", path, user, json=body, **arguments)

    def ask(self, method: str, path: str, user: str | None, **arguments: Any) -> httpx.Response:
        async def send() -> httpx.Response:
            headers = {} if user is None else {"Authorization": f"Bearer {self._tokens(user)}"}
            headers |= arguments.pop("headers", {})
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://airflow.test") as client:
                return await client.request(method, f"/spark-pipeline{path}", headers=headers, **arguments)

        return asyncio.run(send())

    def runs(self, user: str = "admin", **query: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get("/api/runs", user, params=query).raise_for_status().json()["runs"]
        return found


@pytest.fixture(scope="session")
def page_db(airflow_db: Path) -> Iterator[None]:
    """Two DAGs with a pipeline and another task each, and a failed DAG run of each."""
    from airflow.api.common.delete_dag import delete_dag
    from airflow.models.dagbundle import DagBundleModel
    from airflow.utils.session import create_session

    with create_session() as session:
        session.add(DagBundleModel(name="page"))
        session.flush()
        for dag_id in DAGS:
            _add_dag(session, dag_id)
    yield
    for dag_id in DAGS:  # the acceptance tests start from the same database
        delete_dag(dag_id)


def _add_dag(session: Any, dag_id: str) -> None:
    from airflow.models.dag import DagModel
    from airflow.models.dag_version import DagVersion
    from airflow.models.dagrun import DagRun
    from airflow.models.serialized_dag import SerializedDagModel
    from airflow.models.taskinstance import TaskInstance
    from airflow.providers.standard.operators.empty import EmptyOperator
    from airflow.sdk import DAG
    from airflow.serialization.serialized_objects import LazyDeserializedDAG

    from airflow_spark_pipeline.operators.spark_pipeline import SparkPipelineOperator
    from tests.airflows import DagSerialization

    with DAG(dag_id, schedule=None) as dag:
        SparkPipelineOperator(task_id="etl", pipeline="etl.conf")
        EmptyOperator(task_id="other")
    session.add(DagModel(dag_id=dag_id, bundle_name="page", is_paused=False, fileloc="/etl.py"))  # type: ignore[no-untyped-call]
    session.flush()
    SerializedDagModel.write_dag(LazyDeserializedDAG.from_dag(dag), bundle_name="page", session=session)
    session.flush()
    version = DagVersion.get_latest_version(dag_id, session=session)
    assert version is not None
    stored = DagSerialization.from_dict(DagSerialization.to_dict(dag))
    now = datetime.now(timezone.utc)
    session.add(DagRun(dag_id=dag_id, run_id="r1", run_type="manual", run_after=now, state="failed"))  # type: ignore[arg-type]
    session.flush()
    for task_id in ("etl", "other"):
        instance = TaskInstance(stored.get_task(task_id), run_id="r1", dag_version_id=version.id, state="failed")
        instance.start_date = now
        session.add(instance)


@pytest.fixture(scope="session")
def _tokens(page_db: None) -> Iterator[Callable[[str], str]]:
    """Tokens that Airflow itself makes, for users of each role; ``user@page_a`` may see that DAG alone."""
    patch = pytest.MonkeyPatch()
    patch.setenv("AIRFLOW__API_AUTH__JWT_SECRET", secrets.token_hex(32))
    patch.setenv("AIRFLOW__CORE__AUTH_MANAGER", "tests.integration.page.one_dag.OneDagAuthManager")
    from airflow.api_fastapi.app import create_auth_manager, purge_cached_app
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

    purge_cached_app()
    manager = create_auth_manager()

    def token(name: str) -> str:
        return manager.generate_jwt(SimpleAuthManagerUser(username=name, role=name.partition("@")[0]))

    yield token
    purge_cached_app()
    patch.undo()


@pytest.fixture
def location(tmp_path: Path, airflow_config: Callable[[str, str, str], None]) -> Path:
    """The configured checkpoint location."""
    airflow_config("spark_pipeline", "checkpoint_location", str(tmp_path / "checkpoints"))
    return tmp_path / "checkpoints"


@pytest.fixture
def page(location: Path, _tokens: Callable[[str], str]) -> Page:
    from fastapi import FastAPI

    from airflow_spark_pipeline.plugins.spark_pipeline import SparkPipelinePlugin

    root = FastAPI()
    mounted = SparkPipelinePlugin.fastapi_apps[0]
    root.mount(mounted["url_prefix"], type(mounted["app"])())
    return Page(root, _tokens)


class Record:
    """Puts runs of a three-component pipeline into a location, as drivers do."""

    def __init__(self, location: Path) -> None:
        self.store = LocalStore(str(location), location)

    def run(
        self,
        dag_id: str = "page_a",
        run_id: str = "r1",
        *,
        status: CheckpointStatus = CheckpointStatus.FAILED,
        namespace: str = "default",
        alive: bool = False,
        message: str = "no route to host",
        pipeline: str = PIPELINE,
        iteration: int | None = None,
    ) -> RunLog:
        """A run whose first component is done, and whose second one failed, or was running."""
        key = UnitKey(namespace, dag_id, run_id, "etl", -1, iteration)
        path = unit_path(pipeline, key)
        log = RunLog(self.store, path)
        state = make_state(done="a", key=key, pipeline_name=pipeline, status=CheckpointStatus.SUBMITTED)
        state = replace(
            state,
            run_id=make_run_id(path, 0),
            attempts=(AttemptSummary(1, make_run_id(path, 0), "2026-01-01T00:00:00.000+00:00"),),
        )
        first, second, third = state.components
        first = replace(first, action=ComponentAction.RAN, duration_seconds=60.0, started_at=state.started_at)
        claim = log.claim(lambda _: state)
        if status is CheckpointStatus.FAILED:
            second = replace(
                second, action=ComponentAction.FAILED, attempt=1, duration_seconds=2.0, started_at=state.started_at
            )
            failure = Failure("b", 1, "ConnectionError", message, "Traceback …")
            state = replace(state, failure=failure)
        if status is CheckpointStatus.COMPLETED:
            second, third = (replace(each, action=ComponentAction.RAN, attempt=1) for each in (second, third))
            state = replace(state, completed_components=("a", "b", "c"))
        if status is not CheckpointStatus.SUBMITTED:
            commit = log.append(claim, replace(state, status=status, components=(first, second, third)))
            if status is CheckpointStatus.COMPLETED:
                log.retire(commit)
        if alive:
            self.store.write(f"{path}/hb-1-me-1", b"{}")
        return log

    def newest(self, log: RunLog) -> Commit:
        commit = log.latest()
        assert commit is not None
        return commit


@pytest.fixture
def record(location: Path) -> Record:
    return Record(location)
