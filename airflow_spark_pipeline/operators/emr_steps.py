"""Runs a pipeline as a step of an EMR cluster.

Importing this module imports Airflow's Amazon provider: ``pip install 'airflow-spark-pipeline[emr]'``.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.amazon.aws.hooks.emr import EmrHook
from airflow.providers.amazon.aws.operators.emr import EmrAddStepsOperator

from airflow_spark_pipeline.exceptions import PipelineDefinitionError, Problem
from airflow_spark_pipeline.operators.emr_submission import EmrJob, client_arguments, s3_url, submit_options
from airflow_spark_pipeline.operators.job import ACTIVE, NAME_THE_COMPONENTS, JobState, StagedJob

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context
    from pydantic import JsonValue

    from airflow_spark_pipeline.task.unit import Unit
    from airflow_spark_pipeline.task.way import Way

_CLIENT = "airflow_spark_pipeline.operators.emr_steps.emr_step"
_ENDED = ("COMPLETED", "CANCELLED", "FAILED", "INTERRUPTED")


class SparkPipelineEmrStepsOperator(EmrJob, EmrAddStepsOperator):  # type: ignore[misc]
    """Run a pipeline as a step of an EMR cluster; a retry resumes at the component that failed. *Experimental*.

    .. code-block:: python

        SparkPipelineEmrStepsOperator(
            task_id="daily_etl",
            pipeline="daily_etl.conf",
            py_files=["my_etl"],
            checkpoint_location="s3://data-lake/checkpoints",
            job_flow_id="j-2AXXXXXXGAPLF",
            deferrable=True,
            retries=3,
        )

    It takes all arguments of :class:`EmrAddStepsOperator` except those that it sets itself (``steps``,
    ``wait_for_completion``), and those of :class:`~airflow_spark_pipeline.operators.job.SparkPipelineJob`.

    The step does not end its cluster when it fails, so that the retry finds the cluster.

    Tested with the provider's operator against a mock of the API, see ``docs/emr.md``; not tested on AWS.

    :param spark_submit_parameters: more options for ``spark-submit``, such as ``--jars``; the last one wins, so
        ``--deploy-mode client`` runs the driver on the primary node (templated)
    """

    submit_only: ClassVar[Mapping[str, Any]] = {"wait_for_completion": False, "deferrable": False}
    sets_itself: ClassVar[Mapping[str, str]] = {
        "steps": f"{NAME_THE_COMPONENTS}, and options of spark-submit in spark_submit_parameters",
        "wait_for_completion": "use deferrable to choose where the task waits",
    }
    template_fields: Sequence[str] = (
        *(field for field in EmrAddStepsOperator.template_fields if field != "steps"),
        "spark_submit_parameters",
    )

    def choose_way(self, unit: Unit, context: Context) -> Way:
        """Return the way to a driver: a step of EMR.

        :raises PipelineDefinitionError: a quotation in ``spark_submit_parameters`` has no end
        """
        try:
            shlex.split(self.spark_submit_parameters or "")
        except ValueError as error:
            wrong = f"the argument spark_submit_parameters cannot be split into options: {error}"
            raise PipelineDefinitionError([Problem(wrong)]) from None
        return super().choose_way(unit, context)

    def place(self, job: StagedJob) -> None:
        """Set ``steps`` to one step that runs ``spark-submit``."""
        options = [*submit_options(job), *shlex.split(self.spark_submit_parameters or "")]
        command = ["spark-submit", "--deploy-mode", "cluster", *options, s3_url(job.main), *job.arguments]
        self.steps = [
            {
                "Name": job.name,
                "ActionOnFailure": "CONTINUE",  # the retry needs the cluster, and so do the steps of others
                "HadoopJarStep": {"Jar": "command-runner.jar", "Args": command},
            }
        ]

    def submit(self, context: Context) -> JsonValue:
        """Add the step; return its id and the id of its cluster."""
        # A name may mean another cluster later.
        self.job_flow_id = self.job_flow_id or self.hook.get_cluster_id_by_name(
            str(self.job_flow_name), self.cluster_states
        )
        steps: Any = super().submit(context)
        return {"cluster": str(self.job_flow_id), "step": str(steps[0])}

    def job_state(self, job: JsonValue) -> JobState:
        """Return the state of a step."""
        return EmrStep(self.hook.conn, job).state()

    def cancel(self, job: JsonValue) -> None:
        """Cancel a step."""
        EmrStep(self.hook.conn, job).cancel()

    def job_client(self, job: JsonValue) -> tuple[str, dict[str, Any]]:
        """Return the class that asks about a step in the triggerer."""
        return _CLIENT, {
            "job": job,
            **self._hook_arguments,
        }


def emr_step(*, job: JsonValue, **hook_arguments: Any) -> EmrStep:
    """Return a step, for a process without the operator.

    :param hook_arguments: arguments of the provider's hook, and its ``botocore_config``
    """
    return EmrStep(EmrHook(**client_arguments(**hook_arguments)).conn, job)


class EmrStep:
    """One step of a cluster.

    :param client: boto3 client
    :param job: ids of the step and its cluster, as the operator returned them
    """

    def __init__(self, client: Any, job: Any) -> None:
        self._client = client
        self._cluster, self._step = job["cluster"], job["step"]

    def state(self) -> JobState:
        """Return the state; a step that EMR has forgotten has ended."""
        try:
            found = self._client.describe_step(ClusterId=self._cluster, StepId=self._step)
        except self._client.exceptions.InvalidRequestException as error:
            return JobState.ended(f"EMR does not know the step: {error}")
        status = found["Step"]["Status"]
        if status["State"] not in _ENDED:
            return ACTIVE
        details, change = status.get("FailureDetails") or {}, status.get("StateChangeReason") or {}
        said = [details.get("Reason"), details.get("Message"), change.get("Message")]
        return JobState.ended(" ".join([status["State"], *filter(None, said)]))

    def cancel(self) -> None:
        """Cancel the step unless it has ended."""
        if self.state().is_active:
            self._client.cancel_steps(
                ClusterId=self._cluster, StepIds=[self._step], StepCancellationOption="TERMINATE_PROCESS"
            )
