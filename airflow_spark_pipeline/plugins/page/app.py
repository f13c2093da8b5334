"""The routes of the page, below ``/spark-pipeline``."""

from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import FastAPI, HTTPException, Query, Request, Response, status
from fastapi.concurrency import run_in_threadpool
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel

from airflow_spark_pipeline import __version__
from airflow_spark_pipeline.checkpoint.standing import Standing
from airflow_spark_pipeline.exceptions import SelectionError
from airflow_spark_pipeline.planning import Selection
from airflow_spark_pipeline.plugins.page.access import READS, WRITES, RightsDep
from airflow_spark_pipeline.plugins.page.actions import discard_run
from airflow_spark_pipeline.plugins.page.details import dag_runs, planned, task_runs
from airflow_spark_pipeline.plugins.page.errors import send_codes
from airflow_spark_pipeline.plugins.page.filters import ORDERS, Filters
from airflow_spark_pipeline.plugins.page.history import task_history
from airflow_spark_pipeline.plugins.page.history_models import History
from airflow_spark_pipeline.plugins.page.metadata_db import TaskKey
from airflow_spark_pipeline.plugins.page.models import (
    DagRuns,
    Discard,
    Discarded,
    NextAttempt,
    RunList,
    TaskRuns,
)
from airflow_spark_pipeline.plugins.page.service import ENDED, Service

BUNDLE = Path(__file__).parents[1] / "www" / "dist"

_LIMIT = 100


class _Bundle(StaticFiles):
    """The built front end. Browsers ask each time whether it changed, so that no old bundle runs after an upgrade."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers["Cache-Control"] = "no-cache"
        return response


def build_app() -> FastAPI:
    """Return the app, as it is mounted into Airflow's API server."""
    # FastAPI's own document would be open to everybody; the route below checks the user.
    app = FastAPI(title="Spark pipelines", version=__version__, docs_url=None, redoc_url=None, openapi_url=None)
    service = Service()
    app.state.service = service
    send_codes(app)
    _add_routes_of_a_task(app, service)

    @app.get("/api/runs", response_model=RunList)
    async def list_runs(
        request: Request,
        rights: RightsDep,
        dag_id: str | None = None,
        pipeline: str | None = None,
        state: Standing | None = None,
        run_id: str | None = None,
        started_before: datetime | None = None,
        q: Annotated[str, Query(max_length=200)] = "",
        order_by: Annotated[str, Query(pattern=f"^({'|'.join(ORDERS)})$")] = "-started_at",
        limit: Annotated[int, Query(ge=1, le=_LIMIT)] = 25,
        offset: Annotated[int, Query(ge=0)] = 0,
    ) -> Response:
        """List the unfinished runs that you may see; with the state completed or discarded, those that ended.

        dag_id, run_id and pipeline match parts of the names; started_before is compared with the first attempt.
        """
        filters = Filters(dag_id, run_id, pipeline, state, started_before, q, order_by, limit, offset)
        late = await service.refreshed()
        if state in ENDED:
            late |= await service.look_at_finished()
        return _answer(request, await run_in_threadpool(service.runs, filters, rights, late))

    @app.get("/api/dags/{dag_id}/runs", response_model=DagRuns, dependencies=READS)
    async def show_dag(
        request: Request,
        rights: RightsDep,
        dag_id: str,
        limit: Annotated[int, Query(ge=1, le=_LIMIT)] = 25,
        offset: Annotated[int, Query(ge=0)] = 0,
    ) -> Response:
        """Show the newest runs of a DAG's pipelines."""
        return _answer(request, await dag_runs(service, dag_id, rights, limit, offset))

    @app.post("/api/dags/{dag_id}/discard", response_model=Discarded, dependencies=WRITES)
    async def discard(dag_id: str, body: Discard, rights: RightsDep) -> Discarded:
        """Discard the progress of a task instance that is not running; its next attempt starts over."""
        return await discard_run(service, dag_id, body, rights)

    @app.get("/api/openapi.json", include_in_schema=False)
    async def document(request: Request, user: GetUserDep) -> dict[str, Any]:
        """The OpenAPI document of these routes."""
        return app.openapi()

    app.mount("/static", _Bundle(directory=BUNDLE, check_dir=False), name="static")
    return app


def _add_routes_of_a_task(app: FastAPI, service: Service) -> None:
    @app.get("/api/task", response_model=TaskRuns, dependencies=READS)
    async def show_task(
        request: Request, rights: RightsDep, dag_id: str, run_id: str, task_id: str, map_index: int = -1
    ) -> Response:
        """Show what a task instance has recorded."""
        return _answer(request, await task_runs(service, TaskKey(dag_id, run_id, task_id, map_index), rights))

    @app.get("/api/plan", response_model=NextAttempt | None, dependencies=READS)
    async def show_plan(
        dag_id: str,
        run_id: str,
        task_id: str,
        id: str,  # noqa: A002  # its name in the address, as in the answers
        map_index: int = -1,
        start_from: str | None = None,
        stop_after: str | None = None,
        only: Annotated[list[str], Query()] = [],  # noqa: B006  # FastAPI copies it
        force: Annotated[list[str], Query()] = [],  # noqa: B006  # the same
    ) -> NextAttempt | None:
        """Show what a resume with a selection of components would do; id is the id of the run's newest attempt."""
        selection = Selection(start_from or None, tuple(only), tuple(force), stop_after or None)
        try:
            return await planned(service, TaskKey(dag_id, run_id, task_id, map_index), id, selection)
        except SelectionError as error:
            raise HTTPException(status.HTTP_400_BAD_REQUEST, str(error)) from None

    @app.get("/api/history", response_model=History, dependencies=READS)
    async def show_history(
        request: Request, dag_id: str, run_id: str, task_id: str, pipeline: str, map_index: int = -1
    ) -> Response:
        """Show how long the components took in the last runs of a task's pipeline."""
        return _answer(request, await task_history(service, TaskKey(dag_id, run_id, task_id, map_index), pipeline))


def _answer(request: Request, model: BaseModel) -> Response:
    """Send the model, or status 304 if the client has it already."""
    content = model.model_dump_json().encode()
    etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = {"ETag": etag, "Cache-Control": "private, no-cache", "X-Content-Type-Options": "nosniff"}
    known = [each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")]
    if etag in known:
        return Response(status_code=status.HTTP_304_NOT_MODIFIED, headers=headers)
    return Response(content, media_type="application/json", headers=headers)
