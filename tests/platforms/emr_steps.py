"""A stand-in for EMR: the steps of one cluster in moto, which run until somebody ends them."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

from airflow_spark_pipeline.operators.job import SparkPipelineJob
from airflow_spark_pipeline.testing.job_contract import PlatformUnderTest, StartedJob
from tests.platforms.aws import ACCOUNT, REGION, aws


class EmrCluster(PlatformUnderTest):
    """One cluster.

    :param cluster: moto's
    """

    def __init__(self, cluster: Any) -> None:
        self.cluster = cluster

    def operator(self, **arguments: Any) -> SparkPipelineJob:
        from airflow_spark_pipeline.operators.emr_steps import SparkPipelineEmrStepsOperator

        named = {} if "job_flow_name" in arguments else {"job_flow_id": self.cluster.id}
        return SparkPipelineEmrStepsOperator(aws_conn_id=None, region_name=REGION, **{**named, **arguments})

    def jobs(self) -> list[StartedJob]:
        return [
            StartedJob(
                {"cluster": self.cluster.id, "step": step.id},
                step.args[step.args.index("run-staged") :],
                json.dumps(vars(step), default=str),
            )
            for step in self.cluster.steps
        ]

    def cancelled(self) -> list[Any]:
        return [job.id for job in self.jobs() if self.step(job.id).state == "CANCELLED"]

    def end(self, job: Any, *, succeeded: bool, reason: str = "") -> None:
        step = self.step(job)
        step.state = "COMPLETED" if succeeded else "FAILED"
        step.failure = {} if succeeded else {"Reason": "Unknown Error.", "Message": reason}

    def forget(self, job: Any) -> None:
        """AWS forgets a cluster two months after its end."""
        self.cluster.steps.remove(self.step(job))

    def step(self, job: Any) -> Any:
        return next(step for step in self.cluster.steps if step.id == job["step"])


@contextlib.contextmanager
def emr_cluster(patch: Any, *, endpoint: str | None = None) -> Iterator[EmrCluster]:
    """Give a cluster; moto's API is completed by what the operator needs, as AWS answers it.

    :param patch: pytest's ``monkeypatch``
    :param endpoint: URL of moto's server
    """
    import boto3
    from moto.core.responses import ActionResult
    from moto.emr import models, responses
    from moto.emr.exceptions import InvalidRequestException

    def described(backend: Any, cluster_id: str, step_id: str) -> Any:
        steps = backend.clusters[cluster_id].steps if cluster_id in backend.clusters else []
        for step in steps:
            if step.id == step_id:
                return step
        raise InvalidRequestException(f"Step id '{step_id}' is not valid.")

    def cancel_steps(response: Any) -> Any:
        which = response._get_param("StepIds", [])
        for step in response.backend.clusters[response._get_param("ClusterId")].steps:
            if step.id in which and step.state in {"PENDING", "RUNNING"}:
                step.state = "CANCELLED"
        return ActionResult({"CancelStepsInfoList": [{"StepId": each, "Status": "SUBMITTED"} for each in which]})

    patch.setattr(models.ElasticMapReduceBackend, "describe_step", described)
    patch.setattr(responses.ElasticMapReduceResponse, "cancel_steps", cancel_steps, raising=False)
    step_class: Any = models.Step
    status = step_class.status.fget
    patch.setattr(
        step_class, "status", property(lambda step: {**status(step), "FailureDetails": getattr(step, "failure", {})})
    )
    with aws(patch, endpoint=endpoint):
        client = boto3.client("emr", region_name=REGION)
        made = client.run_job_flow(
            Name="etl",
            ReleaseLabel="emr-7.13.0",
            JobFlowRole="EMR_EC2_DefaultRole",
            ServiceRole="EMR_DefaultRole",
            Instances={"KeepJobFlowAliveWhenNoSteps": True},
        )
        yield EmrCluster(models.emr_backends[ACCOUNT][REGION].clusters[made["JobFlowId"]])
