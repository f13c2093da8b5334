"""A stand-in for EMR on EKS: moto's API, whose jobs run until somebody ends them."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

from airflow_spark_pipeline.operators.job import SparkPipelineJob
from airflow_spark_pipeline.testing.job_contract import PlatformUnderTest, StartedJob
from tests.platforms.aws import ACCOUNT, REGION, ROLE, aws


class EmrOnEks(PlatformUnderTest):
    """One virtual cluster.

    :param backend: moto's, of one account and region
    """

    def __init__(self, backend: Any, cluster: str) -> None:
        self.backend = backend
        self.cluster = cluster

    def operator(self, **arguments: Any) -> SparkPipelineJob:
        from airflow_spark_pipeline.operators.emr_container import SparkPipelineEmrContainerOperator

        return SparkPipelineEmrContainerOperator(
            virtual_cluster_id=self.cluster,
            execution_role_arn=ROLE,
            release_label="emr-7.13.0-latest",
            aws_conn_id=None,
            region_name=REGION,
            **arguments,
        )

    def jobs(self) -> list[StartedJob]:
        return [
            StartedJob(
                run.id,
                run.job_driver["sparkSubmitJobDriver"]["entryPointArguments"],
                json.dumps(vars(run), default=str),
            )
            for run in self.backend.job_runs.values()
        ]

    def cancelled(self) -> list[str]:
        return [run.id for run in self.backend.job_runs.values() if run.state == "CANCELLED"]

    def end(self, job: Any, *, succeeded: bool, reason: str = "") -> None:
        run = self.backend.job_runs[job]
        run.state, run.state_details = ("COMPLETED" if succeeded else "FAILED"), reason
        run.failure_reason = None if succeeded else "USER_ERROR"

    def forget(self, job: Any) -> None:
        del self.backend.job_runs[job]


@contextlib.contextmanager
def emr_on_eks(patch: Any, *, endpoint: str | None = None) -> Iterator[EmrOnEks]:
    """Give a virtual cluster; its client is answered by moto.

    :param patch: pytest's ``monkeypatch``
    :param endpoint: URL of moto's server
    """
    import boto3
    from moto.emrcontainers import models

    start = models.EMRContainersBackend.start_job_run

    def once(backend: Any, **arguments: Any) -> Any:
        """AWS returns the job run of an earlier call with the same token; moto does not look at it."""
        same = (run for run in backend.job_runs.values() if run.client_token == arguments["client_token"])
        return next(same, None) or start(backend, **arguments)

    patch.setattr(models.EMRContainersBackend, "start_job_run", once)
    with aws(patch, endpoint=endpoint):
        client = boto3.client("emr-containers", region_name=REGION)
        made = client.create_virtual_cluster(
            name="etl", containerProvider={"id": "eks", "type": "EKS", "info": {"eksInfo": {"namespace": "etl"}}}
        )
        yield EmrOnEks(models.emrcontainers_backends[ACCOUNT][REGION], made["id"])
