"""The process that a driver is: what its heartbeat says of it, and how it ends."""

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
    """Return what the heartbeat of a driver says of its process.

    The processes are named as ``process`` only where their end is the end of all work: executors elsewhere outlive
    their driver a little. As ``driver`` they are named always: while they are alive the driver is. On Spark Connect a
    successor ends the work itself, and needs to know whose session it is in.
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
    """End the process with this exit code, whatever threads components left behind.

    ``sys.exit`` would wait for them for ever. What was registered with :mod:`atexit` still runs, for at most 10 s.
    """
    finishing = threading.Thread(target=atexit._run_exitfuncs, name="atexit", daemon=True)
    finishing.start()
    finishing.join(_ATEXIT_SECONDS)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):  # None, closed, or whatever a component has put there
            stream.flush()
    os._exit(code)
