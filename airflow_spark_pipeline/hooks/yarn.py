"""What YARN's resource manager says of an application, and its end: through the provider's own hook.

It needs ``yarn_resourcemanager_webapp_address`` in the Spark connection's extra. Every call blocks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook

if TYPE_CHECKING:
    from airflow.providers.apache.spark.hooks.spark_submit import SparkSubmitHook

_WEBAPP = "yarn_resourcemanager_webapp_address"
_ACTIVE = ("NEW", "NEW_SAVING", "SUBMITTED", "ACCEPTED", "RUNNING")


def can_be_asked(conn_id: str) -> bool:
    """Whether the connection names the resource manager's web address."""
    try:
        return bool(BaseHook.get_connection(conn_id).extra_dejson.get(_WEBAPP))
    except AirflowNotFoundException:
        return False


class YarnApplication:
    """One application.

    :param conn_id: of the Spark connection
    """

    def __init__(self, conn_id: str, application_id: str) -> None:
        self._conn_id = conn_id
        self.application_id = application_id

    def end(self) -> str | None:
        """Return how the application ended, with YARN's diagnostics; ``None`` while it is queued or runs.

        :raises RuntimeError: the resource manager does not answer
        """
        state, final, diagnostics = self._hook._query_yarn_application_status(self.application_id)  # noqa: SLF001
        if state in _ACTIVE:
            return None
        said = f": {diagnostics.strip()}" if diagnostics and diagnostics.strip() else ""
        return f"YARN application {self.application_id} is {state}, {final}{said}"

    def kill(self) -> None:
        """End the application; what goes wrong is only logged."""
        self._hook._kill_yarn_application(self.application_id)  # noqa: SLF001

    @property
    def _hook(self) -> SparkSubmitHook:
        from airflow.providers.apache.spark.hooks.spark_submit import SparkSubmitHook

        return SparkSubmitHook(conn_id=self._conn_id, deploy_mode="cluster", yarn_track_via_rm_api=True)
