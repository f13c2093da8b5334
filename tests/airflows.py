"""Names that older versions of Airflow keep in other modules, and marks for features that they lack."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from airflow import __version__

from airflow_spark_pipeline.airflow_features import AIRFLOW

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag
    from airflow.sdk.exceptions import AirflowSensorTimeout, TaskDeferralTimeout
    from airflow.serialization.serialized_objects import DagSerialization
else:
    try:
        from airflow.dag_processing.dagbag import DagBag
    except ImportError:  # Airflow 3.1
        from airflow.models.dagbag import DagBag as NamelessBag

        class DagBag(NamelessBag):
            def __init__(self, *arguments: Any, bundle_name: str, **options: Any) -> None:
                super().__init__(*arguments, **options)

    try:
        from airflow.sdk.exceptions import AirflowSensorTimeout, TaskDeferralTimeout
    except ImportError:  # Airflow 3.1
        from airflow.exceptions import AirflowSensorTimeout, TaskDeferralTimeout
    try:
        from airflow.serialization.serialized_objects import DagSerialization
    except ImportError:  # Airflow 3.1
        from airflow.serialization.serialized_objects import SerializedDAG as DagSerialization

__all__ = [
    "AirflowSensorTimeout",
    "DagBag",
    "DagSerialization",
    "TaskDeferralTimeout",
    "needs_store",
    "retries_killed_tasks",
    "survives_lost_workers",
]

needs_store = pytest.mark.skipif(not AIRFLOW.has_task_state_store, reason="this Airflow has no task state store")
retries_killed_tasks = pytest.mark.skipif(
    __version__.startswith("3.0."), reason="Airflow 3.0 does not retry a task whose process was killed"
)
survives_lost_workers = pytest.mark.skipif(
    __version__ == "3.4.0b2", reason="the scheduler of this beta ends with an IntegrityError when a worker was killed"
)
