"""The runs of components, as OpenLineage and OpenTelemetry learn of them: each once, by the try that reads the result.

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

from airflow_spark_pipeline.checkpoint.state import CheckpointState
from airflow_spark_pipeline.deployment.task_instance import remember_told, told
from airflow_spark_pipeline.task import component_lineage, component_spans
from airflow_spark_pipeline.task.component_runs import ComponentRun, runs_after

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    _Teller = Callable[[Context, CheckpointState, Sequence[ComponentRun]], None]

_NOTHING = (-1, 0)


def begin(context: Context, recorded: CheckpointState | None) -> None:
    """Remember at the first try of a task instance what is recorded already: others have told of it."""
    if told(context) is None:
        remember_told(context, _NOTHING if recorded is None else (recorded.epoch, recorded.attempt))


def tell(context: Context, state: CheckpointState, log: Any, *, keeps_progress: bool) -> None:
    """Tell of what this try, and tries that could not, have run. What cannot be told is only said.

    :param state: of this try's own attempt
    :param keeps_progress: whether the log outlasts the try
    """
    earlier = (state.epoch, state.attempt - 1)
    runs = runs_after(state, (told(context) or earlier) if keeps_progress else earlier)
    if keeps_progress:  # before anything is told: a try that dies in between must not tell it twice
        remember_told(context, (state.epoch, state.attempt))
    tellers: tuple[_Teller, ...] = (component_spans.make_spans, component_lineage.emit)
    for teller in tellers:
        try:
            teller(context, state, runs)
        except Exception as error:  # noqa: BLE001  # the run's result does not depend on a collector
            log.warning("%s could not be told of the run's components: %s", teller.__module__.rpartition("_")[2], error)
