"""End the driver's Python process when the process that started it ends.

``spark-submit`` gives Python a pipe as standard input and never writes to it; the pipe closes when the JVM ends,
however it died. Without this, a killed JVM leaves a Python process that runs until it next needs Spark, and that
finishes components that do not need it. (Spark handles the other direction: the JVM exits when its Python does.) A
driver on Spark Connect has such a pipe from the task's process.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any, NoReturn

from airflow_spark_pipeline.protocol import EXIT_JVM_LOST
from airflow_spark_pipeline.time_limit import within

_ATEXIT_SECONDS = 10.0
_CLOSING_SECONDS = 1.5  # the operator sends SIGKILL two seconds after SIGTERM


# Set by the launcher of a driver inside a given session, whose platform may set Spark's variables as well.
_inside_a_session = False


def say_inside_a_session() -> None:
    """Note that this process belongs to a platform: its standard input and its parent say nothing about Spark."""
    global _inside_a_session
    _inside_a_session = True


def started_by_spark_submit() -> bool:
    """Whether a JVM started this process and holds the other end of its standard input."""
    return "PYSPARK_GATEWAY_PORT" in os.environ and not _inside_a_session


def end_with_parent() -> None:
    """Watch standard input in the background; end this process at once when it ends."""
    threading.Thread(target=_watch, name="lifeline", daemon=True).start()


def end_on_sigterm(close: Callable[[], object]) -> None:
    """End this process on SIGTERM, after closing what it runs elsewhere, or after 1.5 s.

    Nothing is recorded, so the component that was running is run again. Outside the main thread this function does
    nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        return

    def end(number: int, frame: Any) -> None:
        with contextlib.suppress(Exception):
            within(_CLOSING_SECONDS, close, "close")
        os._exit(128 + number)

    signal.signal(signal.SIGTERM, end)


def leave(code: int) -> NoReturn:
    """End the process with this exit code, even if components left threads behind.

    ``sys.exit`` would wait forever for them. What was registered with :mod:`atexit` still runs, for at most 10 s.
    """
    with contextlib.suppress(Exception):
        within(_ATEXIT_SECONDS, atexit._run_exitfuncs, "atexit")
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):  # None, closed, or anything a component may have put there
            stream.flush()
    os._exit(code)


def _watch() -> None:
    try:
        while os.read(sys.stdin.fileno(), 4096):
            pass
    except (OSError, ValueError):
        return  # no standard input to watch: something else started this process
    # Not sys.exit: the main thread may be deep inside a call to a JVM that will never answer. Nothing is recorded, so
    # the component that was running is run again.
    os._exit(EXIT_JVM_LOST)
