"""The heartbeat's description of the driver's process."""

from __future__ import annotations

import os
from typing import Any

from airflow_spark_pipeline.checkpoint.key import make_run_id
from airflow_spark_pipeline.checkpoint.processes import identify
from airflow_spark_pipeline.protocol import DriverRequest
from airflow_spark_pipeline.runtime.process.lifeline import started_by_spark_submit
from airflow_spark_pipeline.runtime.spark import connect


def heartbeat_of(request: DriverRequest) -> dict[str, Any]:
    """Return the description of the driver's process for its heartbeat.

    ``process`` is written only if all work ends with these processes: executors on other machines outlive their driver
    a little. ``driver`` is always written: the driver is alive while these processes are. On Spark Connect a successor
    ends the work itself, so it needs to know the session and its user.
    """
    token = request.token
    assert token is not None  # noqa: S101  # checked before
    pids = (os.getpid(), os.getppid()) if started_by_spark_submit() else (os.getpid(),)
    return {
        "runId": make_run_id(request.unit, token.number),
        "attempt": int(token.attempt_id.partition("-")[0]),
        "process": identify(*pids) if request.local else None,
        "driver": identify(*pids),
        **({} if request.connect is None else {"sparkUser": connect.user_of(request.connect)}),
    }
