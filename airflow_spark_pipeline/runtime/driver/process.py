"""The driver's process: its description in the heartbeat, and its end."""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
import threading
from typing import Any, NoReturn

from airflow_spark_pipeline.checkpoint.key import make_run_id
from airflow_spark_pipeline.checkpoint.processes import identify
from airflow_spark_pipeline.protocol import DriverRequest
from airflow_spark_pipeline.runtime.driver.lifeline import started_by_spark_submit
from airflow_spark_pipeline.runtime.spark import connect

_ATEXIT_SECONDS = 10.0


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


def leave(code: int) -> NoReturn:
    """End the process with this exit code, even if components left threads behind.

    ``sys.exit`` would wait forever for them. What was registered with :mod:`atexit` still runs, for at most 10 s.
    """
    finishing = threading.Thread(target=atexit._run_exitfuncs, name="atexit", daemon=True)
    finishing.start()
    finishing.join(_ATEXIT_SECONDS)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):  # None, closed, or anything a component may have put there
            stream.flush()
    os._exit(code)
