r"""The one line that the log, the page and the command line show of an error.

It is the first line of the message, unless that only announces what failed or leaves it out. Example: the message
``Job aborted: Task failed while writing rows.\n\tat ...\nCaused by: java.lang.RuntimeException: disk full`` becomes
``SparkException: Job aborted: Task failed while writing rows. Caused by: java.lang.RuntimeException: disk full``.
"""

from __future__ import annotations

import re

CAUSED_BY = "Caused by: "  # as in a stack trace of Java

# Ends of Spark's lines that only announce an error of a Python function; the second is Spark Connect's.
_ANNOUNCES = (":", "stack trace below.")
# The line of a Python traceback that names the error.
_RAISED = re.compile(r"[A-Za-z_][\w.]*(?:Error|Exception): ")


def headline_of(error_type: str, message: str) -> str:
    """Return the error in one line; if it only announces another error, in Python or in the JVM, both.

    :param error_type: class of the exception
    :param message: text of the exception
    """
    first, *more = message.splitlines() or [""]
    if more and more[0].startswith(": "):  # py4j.protocol.Py4JJavaError: the Java class and its message
        first, more = f"{first.rstrip('.')}{more[0]}", more[1:]
    headline = f"{error_type}: {first}"
    causes = [number for number, line in enumerate(more) if line.startswith(CAUSED_BY)]
    announcement = first
    if causes:  # the last one is what failed
        announcement, more = more[causes[-1]], more[causes[-1] + 1 :]
    if announcement.rstrip().endswith(_ANNOUNCES):
        raised = next((line for line in reversed(more) if _RAISED.match(line)), None)
        cause = raised and f"{CAUSED_BY if causes else ''}{raised}"
    else:
        cause = announcement if causes and _message(announcement) not in first else None
    if cause is None:
        return headline
    return f"{headline.rstrip('.')}. {cause}" if causes else f"{headline} {cause}"


def _message(cause: str) -> str:
    """Return ``disk full`` of ``Caused by: java.io.IOException: disk full``."""
    name, _, message = cause.removeprefix(CAUSED_BY).partition(": ")
    return message.strip() or name
