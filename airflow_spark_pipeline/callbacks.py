"""The retry callback: reports what the next try will do, when Airflow decides to retry.

The callback changes nothing: the next try decides again, and may already have started. The callback runs in the task's
process or, after a kill, in the DAG processor. There it does not call Airflow, since an answer may never come and would
block the DAG file: it reports what is known without connections and without rendered templates. Reading the store has a
deadline in both.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from airflow_spark_pipeline.task.argument_checks import seconds
from airflow_spark_pipeline.task.argument_types import kind_of

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    StateChangeCallback = Callable[[Context], None]

log = logging.getLogger(__name__)


class AutoResumeCallback:
    """A callback for ``on_retry_callback`` that reports which component the next try resumes at, and what it skips.

    .. code-block:: python

        notify = AutoResumeCallback(SlackNotifier(text="{{ spark_pipeline.text }}"))
        SparkPipelineOperator(..., on_retry_callback=notify)

    :param notifiers: notifiers to call with the task's context; in it, and so in the templates of a notifier,
        ``spark_pipeline`` has ``text``, ``run_id``, ``attempt``, ``failed_component`` (the first),
        ``failed_components`` (all of them), ``index``, ``total``, ``error`` and ``skips``. An exception of a notifier
        is logged, and the others are still called.
    :param deadline: maximum duration of the look-up in seconds; if it takes longer, the callback only reports that
    """

    def __init__(self, *notifiers: StateChangeCallback, deadline: float = 5.0) -> None:
        for notifier in notifiers:
            if not callable(notifier):
                raise ValueError(  # noqa: TRY004  # as for every other argument
                    f"AutoResumeCallback takes its notifiers as separate arguments; {kind_of(notifier)} is not callable"
                )
        self.notifiers = notifiers
        self.deadline = seconds("deadline", deadline, 5.0)

    def __call__(self, context: Context) -> None:
        """Look up the last run of the task instance, and report what its retry does."""
        from airflow_spark_pipeline.task.lookup import Lookup  # imported at a retry, not while a DAG is parsed

        try:
            found = Lookup(context, self.deadline).find()
        except Exception as error:  # noqa: BLE001  # whatever it is: the retry does not depend on it
            log.info("What the next try resumes could not be read; the retry is not affected: %s", error)
            return
        if found is None:
            return
        log.info("%s", found["text"])
        for notifier in self.notifiers:
            try:
                notifier({**context, "spark_pipeline": found})  # type: ignore[typeddict-unknown-key]
            except Exception:
                log.exception("The notifier %r failed", notifier)


#: Reports to the log; the operator's default.
auto_resume_on_retry = AutoResumeCallback()


def with_auto_resume(callbacks: Any) -> Any:
    """Return a task's retry callbacks plus :data:`auto_resume_on_retry`, unless there is one of its class."""
    given = list(callbacks) if isinstance(callbacks, Sequence) else [callbacks] if callbacks else []
    if any(isinstance(each, AutoResumeCallback) for each in given):
        return callbacks
    return [*given, auto_resume_on_retry]
