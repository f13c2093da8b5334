"""A stand-in for Apache Livy: its batches, over HTTP, which run until somebody ends them."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from typing import Any

from airflow_spark_pipeline.operators.job import SparkPipelineJob
from airflow_spark_pipeline.testing.job_contract import PlatformUnderTest, StartedJob
from tests.platforms.http_server import at_once, serve

_DEAD = ("success", "dead", "killed", "error")


class Livy(PlatformUnderTest):
    """One server."""

    def __init__(self) -> None:
        self.batches: list[dict[str, Any]] = []
        self.deleted: list[Any] = []

    def operator(self, **arguments: Any) -> SparkPipelineJob:
        from airflow_spark_pipeline.operators.livy import SparkPipelineLivyOperator

        return SparkPipelineLivyOperator(livy_conn_id="livy", **arguments)

    def jobs(self) -> list[StartedJob]:
        return [
            StartedJob({"id": each["id"], "name": each["name"]}, each["request"]["args"], json.dumps(each))
            for each in self.batches
        ]

    def cancelled(self) -> list[Any]:
        return self.deleted

    def end(self, job: Any, *, succeeded: bool, reason: str = "") -> None:
        self.find(job["id"]).update(state="success" if succeeded else "dead", log=["stderr: ", reason])

    def forget(self, job: Any) -> None:
        """Restart without recovery: the next batch has the same id."""
        self.batches.clear()

    def find(self, number: int) -> dict[str, Any]:
        return next(each for each in self.batches if each["id"] == number)

    def answer(self, method: str, path: list[str], body: Any) -> tuple[int, Any]:
        if method == "POST":
            if any(each["name"] == body["name"] and each["state"] not in _DEAD for each in self.batches):
                return 400, {"msg": "Duplicate session name"}
            batch = {"id": len(self.batches), "name": body["name"], "state": "running", "appId": None, "log": []}
            self.batches.append({**batch, "request": body})
            return 201, batch
        try:
            batch = self.find(int(path[1]))
        except StopIteration:
            return 404, {"msg": f"Session '{path[1]}' not found."}
        if method == "DELETE":
            self.deleted.append({"id": batch["id"], "name": batch["name"]})
            batch["state"] = "killed"
            return 200, {"msg": "deleted"}
        return 200, {name: value for name, value in batch.items() if name != "request"}


@contextlib.contextmanager
def livy(patch: Any, *, around: Callable[..., Any] = at_once) -> Iterator[Livy]:
    """Give a server, and the connection ``livy`` to it.

    :param patch: pytest's ``monkeypatch``
    :param around: is called with each submission, and makes it
    """
    platform = Livy()

    def answer(method: str, path: list[str], body: Any) -> tuple[int, Any]:
        submits = method == "POST"
        said: tuple[int, Any] = (around if submits else at_once)(lambda: platform.answer(method, path, body))
        return said

    with serve(answer) as port:
        patch.setenv("AIRFLOW_CONN_LIVY", f"http://127.0.0.1:{port}")
        yield platform
