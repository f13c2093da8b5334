"""The link from a task instance to the page of its run.

Airflow asks for it when the task has ended and stores it, so a try that was killed has none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from airflow.providers.common.compat.sdk import BaseOperatorLink, conf

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey


class SparkPipelineRunLink(BaseOperatorLink):
    """Leads to the page that shows the run of a task instance, component by component."""

    name = "Spark pipeline run"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the page's path on the API server."""
        prefix = urlsplit(conf.get("api", "base_url", fallback="")).path.rstrip("/")
        query = {"dag_id": ti_key.dag_id, "run_id": ti_key.run_id, "task_id": ti_key.task_id}
        if ti_key.map_index >= 0:
            query["map_index"] = str(ti_key.map_index)
        return f"{prefix}/plugin/spark-pipeline?{urlencode(query)}"
