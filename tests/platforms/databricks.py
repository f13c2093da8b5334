"""A stand-in for Databricks: the runs of its Jobs API, which run until somebody ends them."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

from airflow_spark_pipeline.operators.job import SparkPipelineJob
from airflow_spark_pipeline.testing.job_contract import PlatformUnderTest, StartedJob
from tests.platforms.http_server import at_once, serve


class Databricks(PlatformUnderTest):
    """One workspace."""

    def __init__(self) -> None:
        self.runs: dict[int, dict[str, Any]] = {}
        self._one_at_a_time = threading.Lock()

    def operator(self, **arguments: Any) -> SparkPipelineJob:
        from airflow_spark_pipeline.operators.databricks import SparkPipelineDatabricksOperator

        return SparkPipelineDatabricksOperator(
            databricks_conn_id="databricks",
            new_cluster={"spark_version": "17.3.x-scala2.13"},
            databricks_retry_limit=1,
            **arguments,
        )

    def jobs(self) -> list[StartedJob]:
        return [
            StartedJob(number, run["request"]["spark_python_task"]["parameters"], json.dumps(run))
            for number, run in list(self.runs.items())
        ]

    def cancelled(self) -> list[int]:
        return [number for number, run in list(self.runs.items()) if run["state"].get("result_state") == "CANCELED"]

    def end(self, job: Any, *, succeeded: bool, reason: str = "") -> None:
        result = "SUCCESS" if succeeded else "FAILED"
        self.runs[job]["state"] = {"life_cycle_state": "TERMINATED", "result_state": result, "state_message": reason}

    def forget(self, job: Any) -> None:
        del self.runs[job]

    def answer(self, method: str, path: list[str], body: Any) -> tuple[int, Any]:
        with self._one_at_a_time:
            return self._answer(path, body)

    def _answer(self, path: list[str], body: Any) -> tuple[int, Any]:
        if path[-1] == "submit":
            for number, run in self.runs.items():
                if run["request"].get("idempotency_token") == body["idempotency_token"]:
                    return 200, {"run_id": number}
            number = len(self.runs) + 7
            self.runs[number] = {"request": body, "state": {"life_cycle_state": "RUNNING", "state_message": ""}}
            return 200, {"run_id": number}
        if int(body["run_id"]) not in self.runs:
            return 404, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": f"Run {body['run_id']} does not exist."}
        run = self.runs[int(body["run_id"])]
        if path[-1] == "cancel":
            run["state"] = {"life_cycle_state": "TERMINATED", "result_state": "CANCELED", "state_message": "by user"}
            return 200, {}
        return 200, {"run_id": int(body["run_id"]), "run_page_url": "http://workspace/run", "state": run["state"]}


@contextlib.contextmanager
def databricks(patch: Any, *, around: Callable[..., Any] = at_once) -> Iterator[Databricks]:
    """Give a workspace, and the connection ``databricks`` to it.

    :param patch: pytest's ``monkeypatch``
    :param around: is called with each submission, and makes it
    """
    platform = Databricks()

    def answer(method: str, path: list[str], body: Any) -> tuple[int, Any]:
        submits = path[-1] == "submit"
        said: tuple[int, Any] = (around if submits else at_once)(lambda: platform.answer(method, path, body))
        return said

    with serve(answer) as port:
        where = {"conn_type": "databricks", "schema": "http", "host": "127.0.0.1", "port": port}
        connection = {**where, "password": "token-of-the-worker"}
        patch.setenv("AIRFLOW_CONN_DATABRICKS", json.dumps(connection))
        yield platform
