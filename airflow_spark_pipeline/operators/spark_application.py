"""Runs a pipeline as a SparkApplication of the Kubernetes operator for Apache Spark.

Importing this module imports Airflow's Kubernetes provider: ``pip install 'airflow-spark-pipeline[kubernetes]'``.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.cncf.kubernetes.hooks.kubernetes import KubernetesHook
from airflow.providers.cncf.kubernetes.operators.custom_object_launcher import CustomObjectLauncher
from airflow.providers.cncf.kubernetes.operators.spark_kubernetes import SparkKubernetesOperator
from kubernetes.client.exceptions import ApiException

from airflow_spark_pipeline.operators.job import ACTIVE, NAME_THE_COMPONENTS, JobState, SparkPipelineJob, StagedJob

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context
    from pydantic import JsonValue

_CLIENT = "airflow_spark_pipeline.operators.spark_application.spark_application"
_ENDED = ("COMPLETED", "FAILED")  # after SUBMISSION_FAILED and FAILING, the application may be started again
_NOT_FOUND, _ALREADY_EXISTS = 404, 409
_PLURAL = "sparkapplications"
_NAME_LENGTH = 56  # the name of the driver's pod ends with -driver, and has at most 63 characters
_API_VERSION = "sparkoperator.k8s.io/v1beta2"


class SparkPipelineSparkApplicationOperator(SparkPipelineJob, SparkKubernetesOperator):  # type: ignore[misc]
    """Run a pipeline as a SparkApplication; a retry resumes at the component that failed. *Experimental*.

    .. code-block:: python

        SparkPipelineSparkApplicationOperator(
            task_id="daily_etl",
            pipeline="daily_etl.conf",
            py_files=["my_etl"],
            checkpoint_location="s3://data-lake/checkpoints",
            namespace="spark",
            application_file="spark_application.yaml",
            deferrable=True,
            retries=3,
        )

    ``application_file`` or ``template_spec`` describes the application: image, service account, driver and executors.
    The operator sets its name, main file, arguments and modules, and adds the Spark settings of the pipeline.

    It takes all arguments of :class:`SparkKubernetesOperator` except those that it sets itself (``code_path``,
    ``random_name_suffix``, ``reattach_on_restart``, ``durable``, ``startup_timeout_seconds``, ``get_logs``,
    ``delete_on_termination``), and those of :class:`~airflow_spark_pipeline.operators.job.SparkPipelineJob`.

    Tested with the provider's operator against a mock of the Kubernetes API, see ``docs/spark-application.md``; not
    tested with the Kubernetes operator itself.
    """

    deduplicates: ClassVar[bool] = True  # an attempt always has the same name
    submit_only: ClassVar[Mapping[str, Any]] = {
        "deferrable": False,
        "get_logs": False,
        "random_name_suffix": False,
        "delete_on_termination": False,
    }
    sets_itself: ClassVar[Mapping[str, str]] = {
        "code_path": NAME_THE_COMPONENTS,
        "random_name_suffix": "each attempt has its own name",
        "startup_timeout_seconds": "use start_timeout",
        "get_logs": "read the log of the driver's pod with kubectl",
        "delete_on_termination": "set timeToLiveSeconds in the application's spec",
        **dict.fromkeys(("reattach_on_restart", "durable"), "a retry always finds the job of the try before"),
    }
    # The provider's have no dot: the name "load_json" would be a file.
    template_ext: Sequence[str] = (".yaml", ".yml")

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        del self.arguments  # of the pod's operator, which hide our method; a SparkApplication has its own
        if not (self.application_file or self.template_spec):
            raise ValueError(
                f"{type(self).__name__} needs application_file or template_spec, which describes the application: "
                "image, service account, driver and executors."
            )

    def place(self, job: StagedJob) -> None:
        """Set ``application``, the object to create, for the job.

        :raises ValueError: the description of the application is not a mapping
        """
        template = copy.deepcopy(self.template_body)
        self.application = _application(template, name=_name(job), namespace=str(self.namespace))
        spec = self.application["spec"]
        if self.image:
            spec["image"] = self.image
        modules = (spec.get("deps") or {}).get("pyFiles") or []
        spec.update(
            type="Python",
            mainApplicationFile=_s3a(job.main),
            arguments=list(job.arguments),
            deps={**(spec.get("deps") or {}), "pyFiles": [*map(_s3a, job.py_files), *modules]},
            sparkConf={**(spec.get("sparkConf") or {}), **job.spark_config},
        )

    def submit(self, context: Context) -> JsonValue:
        """Create the application; return what names it. It may exist already, if an earlier call was not answered."""
        group, version = self.application["apiVersion"].split("/")
        which = {"group": group, "version": version, "namespace": self.namespace}
        try:
            self.hook.custom_object_client.create_namespaced_custom_object(
                **which, plural=_PLURAL, body=self.application
            )
        except ApiException as error:
            if error.status != _ALREADY_EXISTS:
                raise
        return {**which, "name": self.application["metadata"]["name"]}

    def job_state(self, job: JsonValue) -> JobState:
        """Return the state of an application."""
        return SparkApplication(self.hook, job).state()

    def cancel(self, job: JsonValue) -> None:
        """Delete an application, unless it has ended."""
        SparkApplication(self.hook, job).cancel()

    def job_client(self, job: JsonValue) -> tuple[str, dict[str, Any]]:
        """Return the class that asks about an application in the triggerer."""
        given = self.template_body.get("kubernetes", {})
        return _CLIENT, {
            "job": job,
            "conn_id": self.kubernetes_conn_id,
            "in_cluster": self.in_cluster or given.get("in_cluster", False),
            "config_file": self.config_file or given.get("kube_config_file"),
            "cluster_context": self.cluster_context or given.get("cluster_context"),
        }


def spark_application(*, job: JsonValue, **hook_arguments: Any) -> SparkApplication:
    """Return an application, for a process without the operator.

    :param hook_arguments: arguments of the provider's hook
    """
    return SparkApplication(KubernetesHook(**hook_arguments), job)


class SparkApplication:
    """One application.

    :param job: what names it, as the operator returned it
    """

    def __init__(self, hook: KubernetesHook, job: Any) -> None:
        self._hook = hook
        self._which = {**job, "plural": _PLURAL}

    def state(self) -> JobState:
        """Return the state; an application that was deleted has ended."""
        try:
            found = self._hook.custom_object_client.get_namespaced_custom_object(**self._which)
        except ApiException as error:
            if error.status == _NOT_FOUND:
                return JobState.ended("the SparkApplication was deleted")
            raise
        said = (found.get("status") or {}).get("applicationState") or {}
        if said.get("state") not in _ENDED:
            return ACTIVE
        return JobState.ended(f"{said['state']} {said.get('errorMessage') or ''}")

    def cancel(self) -> None:
        """Delete the application unless it has ended: then its state and its log are kept."""
        if not self.state().is_active:
            return
        try:
            self._hook.custom_object_client.delete_namespaced_custom_object(**self._which)
        except ApiException as error:
            if error.status != _NOT_FOUND:
                raise


def _application(template: dict[str, Any], *, name: str, namespace: str) -> dict[str, Any]:
    """Return the object to create, with the volumes and variables of the template's ``kubernetes`` section."""
    spec = template["spark"].setdefault("spec", {})
    for role in ("driver", "executor"):
        spec[role] = spec.get(role) or {}
    template["spark"] = {"apiVersion": _API_VERSION, "kind": "SparkApplication", **template["spark"]}
    launcher = CustomObjectLauncher(
        name=name,
        namespace=namespace,
        kube_client=None,  # it only makes the object
        custom_obj_api=None,
        template_body=template,
    )
    made: dict[str, Any] = launcher.body
    return made


def _name(job: StagedJob) -> str:
    """Return a name that Kubernetes allows, and that is the same in each call for a job."""
    readable = re.sub(r"[^a-z0-9]+", "-", job.name.lower()).strip("-")
    readable = readable if readable[:1].isalpha() else f"spark-{readable}".rstrip("-")
    return f"{readable[: _NAME_LENGTH - len(job.token) - 1].rstrip('-')}-{job.token}"


def _s3a(url: str) -> str:
    """Return the URL with a scheme that Hadoop has."""
    scheme, separator, rest = url.partition("://")
    return f"s3a://{rest}" if separator and scheme in ("s3", "s3n") else url
