"""End processes that a component forked, so that they never act as the driver.

``os.fork`` copies the whole driver: its position in the loop, its claim, its connection to the JVM. A child that
returns from the user's code would record the component, release the lease and stop Spark in its parent's name. So it
ends there immediately, like a script that reaches its end, with the exit code that it asked for.
"""

from __future__ import annotations

import contextlib
import os
import sys

from airflow_spark_pipeline.runtime.process.output import say
from airflow_spark_pipeline.user_errors.text import text_of


def end_if_forked(pid: int, error: BaseException | None = None) -> None:
    """End this process if it is a fork of the driver.

    :param pid: id of the driver's process
    :param error: exception that the user's code raised in the child, if any
    """
    if os.getpid() == pid:
        return
    code = 0 if error is None else _exit_code(error)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    os._exit(code)


def _exit_code(error: BaseException) -> int:
    if not isinstance(error, SystemExit):
        say(text_of(error).traceback)
        return 1
    if error.code is None or isinstance(error.code, int):
        return (error.code or 0) & 0xFF
    say(str(error.code))
    return 1
