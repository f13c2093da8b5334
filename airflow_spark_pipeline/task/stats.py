"""Metrics about tries of pipelines, sent with Airflow's own statistics (StatsD or OpenTelemetry).

===================================  =======  =========================================================================
``spark_pipeline.resumed``           counter  a try resumed earlier progress
``spark_pipeline.seconds_saved``     counter  whole seconds of work that a completed try did not repeat
``spark_pipeline.superseded``        counter  a try stopped, because another one had taken over
===================================  =======  =========================================================================

Each has the tags ``dag_id``, ``task_id`` and ``pipeline``. They are for display: an error while sending is ignored.
"""

from __future__ import annotations

import logging
from typing import Any

from airflow_spark_pipeline.checkpoint.claim import ClaimKind
from airflow_spark_pipeline.checkpoint.state import CheckpointState
from airflow_spark_pipeline.planning import Outlook, seconds_saved

log = logging.getLogger(__name__)


class TryStats:
    """The statistics of one try.

    :param context: context of the task
    """

    def __init__(self, context: Any, pipeline_name: str) -> None:
        ti = context["ti"]
        self._tags = {"dag_id": ti.dag_id, "task_id": ti.task_id, "pipeline": pipeline_name}

    def decided(self, outlook: Outlook) -> None:
        """Count a try that resumes."""
        if outlook.decision.kind is ClaimKind.RESUME:
            self._count("resumed")

    def completed(self, state: CheckpointState) -> None:
        """Count the seconds that a completed try has saved."""
        saved = round(seconds_saved(state))
        if saved:
            self._count("seconds_saved", saved)

    def superseded(self) -> None:
        """Count a try that was superseded."""
        self._count("superseded")

    def _count(self, name: str, count: int = 1) -> None:
        from airflow.providers.common.compat.sdk import Stats  # when a task runs, not while a DAG file is parsed

        try:
            Stats.incr(f"spark_pipeline.{name}", count, tags=self._tags)
        except Exception:
            # A statistics backend that is down must not fail work that is done.
            log.warning("The statistic spark_pipeline.%s could not be sent", name, exc_info=True)
