"""YARN applications: asks the resource manager for their status and kills them, through the provider's hook.

This needs ``yarn_resourcemanager_webapp_address`` in the Spark connection's extra. Every call blocks.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook

from airflow_spark_pipeline.exceptions import CheckpointStoreError, SparkInstallationError, SparkPipelineError
from airflow_spark_pipeline.protocol import EXIT_CHECKPOINT, EXIT_PYTHON

if TYPE_CHECKING:
    from airflow_spark_pipeline.launch.provider import ProviderHook

_WEBAPP = "yarn_resourcemanager_webapp_address"
_ACTIVE = ("NEW", "NEW_SAVING", "SUBMITTED", "ACCEPTED", "RUNNING")
_EXIT_STATUS = re.compile(r"User application exited with (?:status )?(\d+)")
_APPLICATION = re.compile(r"application_\d+_\d+")


def can_be_asked(conn_id: str) -> bool:
    """Whether the connection has the resource manager's web address."""
    try:
        return bool(BaseHook.get_connection(conn_id).extra_dejson.get(_WEBAPP))
    except AirflowNotFoundException:
        return False


def explain(diagnostics: str, location: str) -> SparkPipelineError | None:
    """Explain the exit code of a driver that ended before it could record the reason; ``None`` if that is not possible.

    The driver's message is on its standard output, which YARN's diagnostics do not contain.

    :param location: checkpoint location
    """
    status, application = _EXIT_STATUS.search(diagnostics), _APPLICATION.search(diagnostics)
    if status is None or application is None:
        return None
    where = f"Its own message is in the application's log: yarn logs -applicationId {application[0]}"
    if int(status[1]) == EXIT_PYTHON:
        return SparkInstallationError(
            "The driver's Python is too old for airflow-spark-pipeline, which needs 3.10 or newer "
            f"there. Set another one with spark.yarn.appMasterEnv.PYSPARK_PYTHON in conf. {where}"
        )
    if int(status[1]) == EXIT_CHECKPOINT:
        return CheckpointStoreError(f"The driver could not record its progress at {location}. {where}", path=location)
    return None


class YarnApplication:
    """One YARN application.

    :param conn_id: id of the Spark connection
    """

    def __init__(self, conn_id: str, application_id: str) -> None:
        self._conn_id = conn_id
        self.application_id = application_id

    def end(self) -> str | None:
        """Return how the application ended, with YARN's diagnostics; ``None`` while it is queued or running.

        :raises RuntimeError: the resource manager does not answer
        """
        state, final, diagnostics = self._hook.yarn_status(self.application_id)
        if state in _ACTIVE:
            return None
        said = f": {diagnostics.strip()}" if diagnostics and diagnostics.strip() else ""
        return f"YARN application {self.application_id} is {state}, {final}{said}"

    def kill(self) -> None:
        """Kill the application; errors are only logged."""
        self._hook.kill_yarn_application(self.application_id)

    @property
    def _hook(self) -> ProviderHook:
        from airflow_spark_pipeline.launch.provider import ProviderHook

        return ProviderHook(conn_id=self._conn_id, deploy_mode="cluster", yarn_track_via_rm_api=True)
