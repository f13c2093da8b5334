"""The driver's Python ends when its JVM does.

``spark-submit`` gives Python a pipe as standard input and never writes to it; the pipe ends when the JVM does, however
it died. Without this a killed JVM leaves a Python process that works on until it next needs Spark, and runs components
that need none to their end. (The other way round is Spark's own: the JVM exits when its Python does.)
"""

from __future__ import annotations

import os
import sys
import threading

from airflow_spark_pipeline.protocol import EXIT_JVM_LOST


def started_by_spark_submit() -> bool:
    """Whether a JVM started this process and holds the other end of its standard input."""
    return "PYSPARK_GATEWAY_PORT" in os.environ


def end_with_jvm() -> None:
    """Watch standard input in the background; end this process at once when it ends."""
    threading.Thread(target=_watch, name="lifeline", daemon=True).start()


def _watch() -> None:
    try:
        while os.read(sys.stdin.fileno(), 4096):
            pass
    except (OSError, ValueError):
        return  # no standard input to watch: somebody else started us
    # Not sys.exit: the main thread may be deep inside a call to a JVM that will never answer. Nothing is recorded, so
    # the component that was running is run again.
    os._exit(EXIT_JVM_LOST)
