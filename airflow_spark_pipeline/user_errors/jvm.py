"""The JVM exceptions behind a PySpark error, and the cause that its message leaves out.

Spark 3.5 reports a failed stage by its outermost exception: ``Job aborted due to stage failure: ... Task failed while
writing rows to s3://lake/orders``. What failed is at the end of the chain of causes, which the JVM still has:
``RuntimeException: the amount is negative``. Not guaranteed: Spark Connect has no JVM here, and a JVM that has ended
does not answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airflow_spark_pipeline.user_errors.headline import CAUSED_BY
from airflow_spark_pipeline.user_errors.text import MESSAGE_LENGTH, attribute, shorten

_MANY = 100  # causes may go in a circle


def throwables_of(error: BaseException) -> Iterator[Any]:
    """Yield the JVM exceptions behind an error, outermost first; none if there is no JVM.

    :raises Exception: the JVM does not answer
    """
    throwable: Any = attribute(error, "java_exception") or attribute(error, "_origin")
    throwable = attribute(throwable, "java_exception", throwable)
    for _ in range(_MANY):
        if throwable is None:
            return
        yield throwable
        throwable = throwable.getCause()


def with_root_cause(error: BaseException, message: str) -> str:
    """Return the message; if the last cause in the JVM is not in what is shown of it, add that cause.

    :param message: text of the error
    """
    try:
        *outer, last = throwables_of(error)
        name, said = str(last.getClass().getName()), str(last.getMessage() or "").strip()
    except Exception:  # there is no JVM, or it no longer answers
        return message
    # The last line, since PySpark formats the traceback of a Python worker in its own way. The middle of a long message
    # is cut out, so the cause may have to be repeated at its end.
    known = not outer or (said or name).splitlines()[-1] in shorten(message, MESSAGE_LENGTH)
    return message if known else f"{message.rstrip()}\n{CAUSED_BY}{': '.join(filter(None, (name, said)))}"
