"""What a retry is going to do, said when it is decided that there will be one.

The callback changes nothing: the next try looks for itself, and may already be on its way. It runs in the task's
process, or, after a kill, in the DAG processor. There it asks Airflow for nothing, since an answer may not come and the
DAG file would stand still meanwhile: it says what can be known without a connection and without rendering templates.
The look into the store has a deadline in both.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    StateChangeCallback = Callable[[Context], None]

log = logging.getLogger(__name__)


class AutoResumeCallback:
    """A callback for ``on_retry_callback`` that says what the next try resumes, and skips.

    .. code-block:: python

        tell = AutoResumeCallback(SlackNotifier(text="{{ spark_pipeline.text }}"))
        SparkPipelineOperator(..., on_retry_callback=tell)

    :param notifiers: called with the task's context; in it, and so in the templates of a notifier, ``spark_pipeline``
        holds ``text``, ``run_id``, ``attempt``, ``failed_component``, ``index``, ``total``, ``error`` and ``skips``.
        What a notifier raises is logged, and keeps no other from being called.
    :param deadline: seconds that the look-up may take; when it takes longer, only that is said
    """

    def __init__(self, *notifiers: StateChangeCallback, deadline: float = 5.0) -> None:
        self.notifiers = notifiers
        self.deadline = deadline

    def __call__(self, context: Context) -> None:
        """Look up the last run of the task instance, and say it."""
        from airflow_spark_pipeline.task.lookup import Lookup  # read when there is a retry, not while a DAG is parsed

        try:
            found = Lookup(context, self.deadline).find()
        except Exception as error:  # noqa: BLE001  # whatever it is: the retry does not depend on it
            log.info("What the next try resumes is not known: %s", error)
            return
        if found is None:
            return
        log.info("%s", found["text"])
        for notifier in self.notifiers:
            try:
                notifier({**context, "spark_pipeline": found})  # type: ignore[typeddict-unknown-key]
            except Exception:
                log.exception("The notifier %r failed", notifier)


#: Says it to the log; what the operator installs by default.
auto_resume_on_retry = AutoResumeCallback()


def with_auto_resume(callbacks: Any) -> Any:
    """Return a task's retry callbacks with :data:`auto_resume_on_retry` behind them, unless one is of its kind."""
    given = list(callbacks) if isinstance(callbacks, Sequence) else [callbacks] if callbacks else []
    if any(isinstance(each, AutoResumeCallback) for each in given):
        return callbacks
    return [*given, auto_resume_on_retry]
