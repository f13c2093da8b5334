"""A platform that does not exist, an operator that submits to it, and the operator that runs pipelines there."""

from __future__ import annotations

import json
from typing import Any

from airflow.sdk import BaseOperator

from airflow_spark_pipeline.operators.job import ACTIVE, JobState, SparkPipelineJob, StagedJob
from airflow_spark_pipeline.testing.job_contract import PlatformUnderTest, StartedJob


class Cluster:
    """The platform: it takes jobs, and says how they are doing."""

    def __init__(self) -> None:
        self.jobs: dict[str, dict[str, Any]] = {}

    def submit(self, **job: Any) -> str:
        """Start a job; return its id."""
        self.jobs[f"job-{len(self.jobs) + 1}"] = {**job, "status": "RUNNING", "message": ""}
        return f"job-{len(self.jobs)}"


class ClusterSubmitOperator(BaseOperator):
    """The operator that there is: it submits a Python file, and does not wait."""

    def __init__(self, *, cluster: Cluster, main: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.cluster = cluster
        self.request: dict[str, Any] = {"main": main}

    def execute(self, context: Any) -> str:
        """Submit."""
        return self.cluster.submit(**self.request)


class ClusterPipelineOperator(SparkPipelineJob, ClusterSubmitOperator):
    """Run a pipeline on the cluster; its retries resume at the component that failed."""

    def place(self, job: StagedJob) -> None:
        self.request = {"main": job.main, "arguments": list(job.arguments), "py_files": list(job.py_files)}
        self.request |= {"conf": dict(job.spark_config), "name": job.name}

    def job_state(self, job: Any) -> JobState:
        found = self.cluster.jobs.get(job, {"status": "GONE", "message": ""})
        return ACTIVE if found["status"] == "RUNNING" else JobState.ended(f"{found['status']} {found['message']}")

    def cancel(self, job: Any) -> None:
        if self.cluster.jobs.get(job, {}).get("status") == "RUNNING":
            self.cluster.jobs[job]["status"] = "CANCELLED"


class ClusterUnderTest(PlatformUnderTest):
    """What the contract needs to know of it."""

    def __init__(self) -> None:
        self.cluster = Cluster()

    def operator(self, **arguments: Any) -> SparkPipelineJob:
        return ClusterPipelineOperator(cluster=self.cluster, **arguments)

    def jobs(self) -> list[StartedJob]:
        return [StartedJob(name, job["arguments"], json.dumps(job)) for name, job in self.cluster.jobs.items()]

    def cancelled(self) -> list[str]:
        return [name for name, job in self.cluster.jobs.items() if job["status"] == "CANCELLED"]

    def end(self, job: Any, *, succeeded: bool, reason: str = "") -> None:
        self.cluster.jobs[job].update(status="SUCCEEDED" if succeeded else "FAILED", message=reason)

    def forget(self, job: Any) -> None:
        del self.cluster.jobs[job]
