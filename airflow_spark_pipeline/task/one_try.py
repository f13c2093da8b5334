"""One try from its unit of work to its result: the same for every way to start a driver."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from airflow_spark_pipeline.checkpoint.claim import ClaimKind
from airflow_spark_pipeline.checkpoint.state import CheckpointState, CheckpointStatus
from airflow_spark_pipeline.checkpoint.stop import stop
from airflow_spark_pipeline.exceptions import CheckpointError, ComponentFailedError, SupersededError
from airflow_spark_pipeline.launch.progress import follow_progress
from airflow_spark_pipeline.planning import Outlook
from airflow_spark_pipeline.task import component_reports
from airflow_spark_pipeline.task.asset_events import add_asset_events
from airflow_spark_pipeline.task.result import result
from airflow_spark_pipeline.task.stats import TryStats
from airflow_spark_pipeline.task.unit import Unit
from airflow_spark_pipeline.task.way import Deferred, Ended, Way


@contextlib.contextmanager
def private_directory() -> Iterator[Path]:
    """Create the directory of one try, for this user only: a request in it may contain secrets."""
    directory = Path(tempfile.mkdtemp(prefix="spark-pipeline-"))  # mode 0700
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def run(unit: Unit, choose: Callable[[Unit], Way]) -> dict[str, Any] | Deferred:
    """Run what is not done yet, and return the result for XCom, or the trigger to wait for.

    :param choose: returns the way to a driver; called if there is anything to run
    :raises ComponentFailedError: the try is not completed
    :raises SupersededError: a newer try is running
    :raises SparkPipelineError: see :meth:`Unit.decide` and :meth:`Way.run`
    """
    stats = TryStats(unit.context, unit.pipeline_name)
    with _counted(stats):
        unit.remember_description()
        outlook = unit.decide()
        stats.decided(outlook)
        unit.begin()
        if unit.keeps_progress:
            latest = outlook.latest
            component_reports.begin(unit.task_state, unit.path, None if latest is None else latest.state)
        ended = _run_driver(unit, choose, outlook)
        if isinstance(ended, Deferred):
            return ended
        return _completed(unit, stats, _outcome(unit, ended.exit_code, ended.reason))


def _run_driver(unit: Unit, choose: Callable[[Unit], Way], outlook: Outlook) -> Ended | Deferred:
    kind, reason = outlook.decision.kind, outlook.decision.reason
    if kind is ClaimKind.REPORT:
        unit.log.info("Pipeline %r: %s; nothing runs", unit.pipeline_name, reason)
        return Ended()
    unit.log.info("Pipeline %r: %s; %s", unit.pipeline_name, reason, outlook.plan.describe())
    way = choose(unit)
    anew = kind is ClaimKind.START or unit.attempt.driver_is_gone()
    if anew:
        way.forget_earlier_job()

    def look() -> CheckpointState | None:
        return None if way.shows_output else unit.attempt.in_progress(before_claim=not anew)

    with follow_progress(look, unit.log.info):
        ended = way.run()
    if isinstance(ended, Deferred):
        unit.log.info("Waiting for the driver in the triggerer.")
    return ended


@dataclass(frozen=True, slots=True)
class Waited:
    """An attempt that the triggerer waited for, once the wait is over.

    :param is_newest: whether no other attempt has claimed the unit since
    :param had_ended: whether it had ended by its log; otherwise its job may still wait or run
    :param was_stopped: whether this try has just asked its driver to stop
    """

    attempt_id: str
    is_newest: bool
    had_ended: bool = False
    was_stopped: bool = False


def complete(unit: Unit, event: dict[str, Any], after: Callable[[Unit, Waited], None]) -> dict[str, Any]:
    """Return the result, by its log, of an attempt that the triggerer waited for.

    :param event: event of the trigger
    :param after: called once the wait is over, however it ended
    :raises ComponentFailedError: it is not completed
    """
    if "error" in event:
        # The run continues: a retry reads its log, and waits for it or takes over.
        raise CheckpointError(event["error"])
    unit.log.info("Continuing, because %s.", event["because"])
    attempt_id, newest = event["attempt_id"], unit.attempt.newest()
    unit.attempt.expect(attempt_id)
    is_newest = newest is not None and newest.attempt_id == attempt_id
    is_late = is_newest and newest is not None and newest.status is CheckpointStatus.SUBMITTED
    waited = Waited(attempt_id, is_newest, is_newest and not unit.attempt.is_running(), is_late)
    stats = TryStats(unit.context, unit.pipeline_name)
    with _counted(stats):
        try:
            if is_late and newest is not None:
                _refuse_a_late_start(unit, newest, event["because"])
            state = _outcome(unit, None, event.get("reason", ""))
        finally:
            after(unit, waited)
        return _completed(unit, stats, state)


def give_up(unit: Unit, why: str, after: Callable[[Unit, Waited], None]) -> None:
    """Stop the driver of a try that has stopped waiting.

    :param after: called then, if there is a driver
    """
    state = unit.attempt.newest()
    if state is not None and unit.attempt.is_mine(state):
        stop(unit.attempt.log, state.attempt_id, why)
        after(unit, Waited(state.attempt_id, is_newest=True, was_stopped=True))


def _refuse_a_late_start(unit: Unit, state: CheckpointState, because: str) -> NoReturn:
    """Make sure that a job that is still queued does not start when no task waits for it."""
    stop(unit.attempt.log, state.attempt_id, because)
    raise ComponentFailedError(f"Pipeline {state.pipeline_name!r}: {because}", run_id=state.run_id)


def _outcome(unit: Unit, exit_code: int | None, reason: str) -> CheckpointState:
    try:
        state = unit.outcome(exit_code, reason)
    except ComponentFailedError:
        _report(unit)
        raise
    _report(unit)
    return state


def _report(unit: Unit) -> None:
    if (state := unit.attempt.last_state) is not None:
        component_reports.report(unit.context, unit.task_state, state, unit.log, keeps_progress=unit.keeps_progress)


def _completed(unit: Unit, stats: TryStats, state: CheckpointState) -> dict[str, Any]:
    stats.completed(state)
    add_asset_events(unit.context, state, unit.log)
    unit.retire()
    return result(state)


@contextlib.contextmanager
def _counted(stats: TryStats) -> Iterator[None]:
    try:
        yield
    except SupersededError:
        stats.superseded()
        raise
