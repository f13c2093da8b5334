"""Reports the runs of components to OpenLineage and OpenTelemetry: each once, by the try that reads the result.

A component runs in the driver, which may be on a cluster without Airflow. So the task reports it afterwards, from the
log, with the times that the driver recorded. A try reports what was recorded since the last report of this task
instance, including the components of a try whose task was killed. If such a try left a component unfinished and a later
try runs it again, the component is reported once, as the later try recorded it.

Example: try 1 runs ``Extract`` and fails in ``Load``: it reports both. Try 2 skips ``Extract`` and runs ``Load``: it
reports ``Load``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from airflow_spark_pipeline.checkpoint.key import parse_run_id
from airflow_spark_pipeline.checkpoint.state import CheckpointState
from airflow_spark_pipeline.deployment.task_instance import remember_reported, reported
from airflow_spark_pipeline.deployment.task_state import TaskState
from airflow_spark_pipeline.task import component_lineage, component_spans
from airflow_spark_pipeline.task.component_runs import ComponentRun, runs_after

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    _Reporter = Callable[[Context, CheckpointState, Sequence[ComponentRun]], None]

_NOTHING = (-1, 0)


def begin(task_state: TaskState, unit: str, recorded: CheckpointState | None) -> None:
    """Note at the first try of a task instance what is recorded already: other task instances have reported it.

    :param unit: directory of the unit of work
    :param recorded: newest state of its log; an empty log counts from the beginning again
    """
    if recorded is None:
        remember_reported(task_state, unit, _NOTHING)
    elif reported(task_state, unit) is None:
        remember_reported(task_state, unit, (recorded.epoch, recorded.attempt))


def report(context: Context, task_state: TaskState, state: CheckpointState, log: Any, *, keeps_progress: bool) -> None:
    """Report what this try has run, and what earlier tries could not report. A failed report is only logged.

    :param state: state of this try's own attempt
    :param keeps_progress: whether the log outlasts the try
    """
    earlier, unit = (state.epoch, state.attempt - 1), parse_run_id(state.run_id)[0]
    runs = runs_after(state, (reported(task_state, unit) or earlier) if keeps_progress else earlier)
    if keeps_progress:  # before the reports: after a death in between, nothing may be reported twice
        remember_reported(task_state, unit, (state.epoch, state.attempt))
    reporters: dict[str, _Reporter] = {
        "OpenTelemetry": component_spans.make_spans,
        "OpenLineage": component_lineage.emit,
    }
    for name, reporter in reporters.items():
        try:
            reporter(context, state, runs)
        except Exception as error:  # noqa: BLE001  # the run's result does not depend on a collector
            log.warning("The run's components could not be reported to %s: %s", name, error)
