"""A stand-in for the Kubernetes operator: SparkApplications in an API server that starts nothing."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from airflow_spark_pipeline.operators.job import SparkPipelineJob
from airflow_spark_pipeline.testing.job_contract import PlatformUnderTest, StartedJob
from tests.kubernetes_api import KubernetesApi, kubernetes_api

WHICH = {"group": "sparkoperator.k8s.io", "version": "v1beta2", "namespace": "spark"}
SPEC = {
    "apiVersion": "sparkoperator.k8s.io/v1beta2",
    "kind": "SparkApplication",
    "spec": {"image": "apache/spark:4.1.1-python3", "driver": {"cores": 1}, "executor": {"instances": 2}},
}


class Kubernetes(PlatformUnderTest):
    """One namespace."""

    def __init__(self, api: KubernetesApi, config_file: Path) -> None:
        self.api = api
        self.config_file = config_file
        self.made: dict[str, dict[str, Any]] = {}  # those that were deleted, too
        self.forgotten: set[str] = set()

    def operator(self, **arguments: Any) -> SparkPipelineJob:
        from airflow_spark_pipeline.operators.spark_application import SparkPipelineSparkApplicationOperator

        return SparkPipelineSparkApplicationOperator(
            kubernetes_conn_id=None,
            config_file=str(self.config_file),
            **{"namespace": "spark", "template_spec": SPEC, **arguments},
        )

    def jobs(self) -> list[StartedJob]:
        for each in self.api.of_kind("SparkApplication"):
            self.made[each["metadata"]["name"]] = each
        return [
            StartedJob({**WHICH, "name": name}, each["spec"]["arguments"], json.dumps(each))
            for name, each in self.made.items()
        ]

    def cancelled(self) -> list[Any]:
        there = {each["metadata"]["name"] for each in self.api.of_kind("SparkApplication")}
        return [job.id for job in self.jobs() if job.id["name"] not in there | self.forgotten]

    def end(self, job: Any, *, succeeded: bool, reason: str = "") -> None:
        self.set_state(job, "COMPLETED" if succeeded else "FAILED", reason)

    def forget(self, job: Any) -> None:
        """The time to live of an application is over."""
        self.jobs()
        self.forgotten.add(job["name"])
        del self.api.objects[self._path(job)]

    def set_state(self, job: Any, state: str, reason: str = "") -> None:
        application = self.api.objects[self._path(job)]
        application["status"] = {"applicationState": {"state": state, "errorMessage": reason}}

    @staticmethod
    def _path(job: Any) -> str:
        return f"/apis/{job['group']}/{job['version']}/namespaces/{job['namespace']}/sparkapplications/{job['name']}"


@contextlib.contextmanager
def kubernetes(folder: Path) -> Iterator[Kubernetes]:
    """Give a namespace, and a file that says how to reach it.

    :param folder: for the file
    """
    with kubernetes_api() as api:
        config = folder / "kube.json"
        cluster = {"name": "c", "cluster": {"server": api.url}}
        user = {"name": "u", "user": {"token": "token-of-the-worker"}}
        context = {"name": "x", "context": {"cluster": "c", "user": "u"}}
        given = {"clusters": [cluster], "users": [user], "contexts": [context], "current-context": "x"}
        config.write_text(json.dumps({"apiVersion": "v1", "kind": "Config", **given}), encoding="utf-8")
        yield Kubernetes(api, config)
