"""A stand-in for EMR Serverless: moto's API, whose jobs run until somebody ends them."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from typing import Any

from airflow_spark_pipeline.operators.job import SparkPipelineJob
from airflow_spark_pipeline.testing.job_contract import PlatformUnderTest, StartedJob
from tests.platforms.aws import ACCOUNT, REGION, ROLE, aws
from tests.platforms.http_server import at_once


class EmrServerless(PlatformUnderTest):
    """One application.

    :param backend: moto's, of one account and region
    """

    def __init__(self, backend: Any, application: str) -> None:
        self.backend = backend
        self.application = application

    def operator(self, **arguments: Any) -> SparkPipelineJob:
        from airflow_spark_pipeline.operators.emr_serverless import SparkPipelineEmrServerlessOperator

        return SparkPipelineEmrServerlessOperator(
            application_id=self.application,
            execution_role_arn=ROLE,
            aws_conn_id=None,
            region_name=REGION,
            configuration_overrides={"monitoringConfiguration": {}},
            **arguments,
        )

    def runs(self) -> list[Any]:
        return list(self.backend.job_runs.get(self.application, ()))

    def jobs(self) -> list[StartedJob]:
        return [
            StartedJob(
                run.id,
                run.job_driver["sparkSubmit"]["entryPointArguments"],
                json.dumps(vars(run), default=str),
            )
            for run in self.runs()
        ]

    def cancelled(self) -> list[str]:
        return [run.id for run in self.runs() if run.state == "CANCELLED"]

    def end(self, job: Any, *, succeeded: bool, reason: str = "") -> None:
        run = self._run(job)
        run.state, run.state_details = ("SUCCESS" if succeeded else "FAILED"), reason

    def forget(self, job: Any) -> None:
        self.backend.job_runs[self.application].remove(self._run(job))

    def _run(self, job: Any) -> Any:
        return next(run for run in self.runs() if run.id == job)


@contextlib.contextmanager
def emr_serverless(
    patch: Any, *, endpoint: str | None = None, around: Callable[..., Any] = at_once
) -> Iterator[EmrServerless]:
    """Give an application; its client is answered by moto, in this process or by a server of it.

    :param patch: pytest's ``monkeypatch``
    :param endpoint: URL of moto's server
    :param around: is called with each submission, and makes it
    """
    import boto3
    from moto.emrserverless import models

    patch.setattr(models, "JOB_STATUS", "SUBMITTED")  # moto's jobs succeed at once
    start = models.EMRServerlessBackend.start_job_run

    def once(backend: Any, **arguments: Any) -> Any:
        """AWS returns the job run of an earlier call with the same token; moto does not look at it."""
        earlier = backend.job_runs.get(arguments["application_id"], ())
        same = (run for run in earlier if run.client_token == arguments["client_token"])
        return next(same, None) or start(backend, **arguments)

    def held(backend: Any, **arguments: Any) -> Any:
        return around(lambda: once(backend, **arguments))

    patch.setattr(models.EMRServerlessBackend, "start_job_run", held)
    with aws(patch, endpoint=endpoint):
        client = boto3.client("emr-serverless", region_name=REGION)
        made = client.create_application(name="etl", releaseLabel="emr-7.13.0", type="SPARK", clientToken="made")
        yield EmrServerless(models.emrserverless_backends[ACCOUNT][REGION], made["applicationId"])
