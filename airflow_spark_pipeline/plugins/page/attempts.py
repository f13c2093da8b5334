"""What each attempt did, from the log, and the tries that recorded nothing there, from Airflow. Pure: reads nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from airflow_spark_pipeline.checkpoint.standing import Standing, standing_of
from airflow_spark_pipeline.checkpoint.state import (
    AttemptSummary,
    CheckpointState,
    CheckpointStatus,
    Commit,
    ComponentAction,
    ComponentCheckpoint,
)
from airflow_spark_pipeline.plugins.page.models import Attempt, AttemptStatus, Bar, BarAction
from airflow_spark_pipeline.plugins.page.run_models import began, current, parts_of, try_number_of
from airflow_spark_pipeline.plugins.page.tries import Try, TryFailure

_FAILED_TRIES = ("failed", "up_for_retry", "upstream_failed")


def attempts(commit: Commit, shown: Standing, read: Callable[[int, str], Commit | None]) -> list[Attempt]:
    """Return what each attempt of the epoch did, oldest first.

    :param read: returns the commit with a number, or ``None`` if it was cleaned up or belongs to another run
    """
    summaries = commit.state.attempts
    found = []
    for position, summary in enumerate(summaries):
        last: Commit | None = commit
        if position + 1 < len(summaries):
            claim = _claim_number(summaries[position + 1].run_id)
            last = None if claim is None else read(claim - 1, summary.run_id)
        over = Standing.DEAD if position + 1 < len(summaries) else shown
        bars = _remembered(commit.state, summary) if last is None else _bars(last.state, over)
        state = None if last is None else last.state
        found.append(
            Attempt(
                attempt=summary.attempt,
                id=summary.run_id,
                started_at=summary.started_at,
                ended_at=None
                if state is None or (state is commit.state and shown is Standing.RUNNING)
                else state.updated_at,
                task_state=None,
                status=shown.value if state is commit.state else _ended_as(state),
                error=summary.error,
                spark_application_id=None if state is None else state.spark_application_id,
                try_number=None if state is None else try_number_of(state),
                bars=bars,
            )
        )
    return found


def _ended_as(state: CheckpointState | None) -> AttemptStatus:
    if state is None:
        return "unknown"
    return standing_of(state.status, alive=False).value


def _claim_number(run_id: str) -> int | None:
    number = run_id.rpartition("~")[2]
    return int(number) if number.isdigit() else None


def _remembered(state: CheckpointState, summary: AttemptSummary) -> list[Bar]:
    """Return what the newest commit says of an attempt whose own commits were cleaned up."""
    ran = [c for c in state.components if c.attempt == summary.attempt and c.action is not ComponentAction.FAILED]
    bars = [_bar(c, "ran") for c in ran]
    failed = next((c for c in state.components if c.name == summary.failed), None)
    if failed is not None:
        bars.append(_timeless(failed, "failed"))
    return sorted(bars, key=lambda bar: bar.index)


def _bar(record: ComponentCheckpoint, action: BarAction) -> Bar:
    return Bar(
        index=record.index,
        name=record.name,
        action=action,
        started_at=record.started_at,
        duration_seconds=record.duration_seconds,
        parts=parts_of(record),
    )


def _timeless(record: ComponentCheckpoint, action: BarAction) -> Bar:
    """Return the bar of a component whose times in this attempt are not known, or that did not run in it."""
    return Bar(index=record.index, name=record.name, action=action, started_at=None, duration_seconds=None, parts=None)


def _bars(state: CheckpointState, shown: Standing) -> list[Bar]:
    bars = []
    done = set(state.completed_components)
    for c in state.components:
        mine = c.attempt == state.attempt
        if c.action is ComponentAction.REPLAYED:
            bars.append(_timeless(c, "replayed"))
        elif mine and c.action in {ComponentAction.RAN, ComponentAction.FAILED}:
            bars.append(_bar(c, "failed" if c.action is ComponentAction.FAILED else "ran"))
        elif c.name in done:
            bars.append(_timeless(c, "skipped"))
        elif state.status is CheckpointStatus.RUNNING and c.name in current(state):
            action: BarAction = "running" if shown is Standing.RUNNING else "interrupted"
            bars.append(
                Bar(
                    index=c.index,
                    name=c.name,
                    action=action,
                    started_at=c.started_at or began(state),
                    duration_seconds=None,
                    parts=parts_of(c),
                )
            )
    return bars


def with_tries(
    attempts: list[Attempt], tries: Iterable[Try], failures: Mapping[int, TryFailure], *, active: bool
) -> list[Attempt]:
    """Return the attempts, completed with what Airflow knows of their tries, and the tries without an attempt, by time.

    The commits of an attempt name its try; if they were cleaned up, the times decide. A try without an attempt was
    refused, failed before its driver claimed the run, is waiting, or has just started.

    :param failures: why tries failed, by number
    :param active: whether the newest try is running, or about to run
    """
    known = list(tries)
    newest = max((each.number for each in known), default=0)
    found, left = [], {each.number: each for each in known}
    for attempt in attempts:
        made_by = left.get(attempt.try_number or 0) or _by_time(attempt, left.values())
        if made_by is not None:
            left.pop(made_by.number, None)
        found.append(attempt if made_by is None else _filled(attempt, made_by))
    for each in left.values():
        if each.started_at is None and not (active and each.number == newest):
            continue  # it was cleared before it started
        found.append(_without_record(each, failures.get(each.number), active=active and each.number == newest))
    return sorted(found, key=lambda each: (_time(each.started_at), each.attempt or 0))


def _by_time(attempt: Attempt, tries: Iterable[Try]) -> Try | None:
    if attempt.try_number is not None or attempt.started_at is None:
        return None
    at = _time(attempt.started_at)
    fits = (each for each in tries if each.started_at and _time(each.started_at) <= at <= _time(each.ended_at))
    return next(fits, None)


def _filled(attempt: Attempt, made_by: Try) -> Attempt:
    """Return the attempt with the state and the end from Airflow, if the log does not have them."""
    changes: dict[str, object] = {"task_state": made_by.state, "try_number": made_by.number}
    if attempt.status == "unknown" and made_by.state in _FAILED_TRIES:
        changes["status"] = "failed"
    if attempt.ended_at is None and attempt.status not in ("running", "submitted"):
        changes["ended_at"] = made_by.ended_at
    if attempt.status == "dead" and made_by.ended_at is not None:
        changes |= {"ended_at": made_by.ended_at, "bars": [_interrupted(bar, made_by.ended_at) for bar in attempt.bars]}
    return attempt.model_copy(update=changes)


def _interrupted(bar: Bar, ended_at: str) -> Bar:
    """Return the bar of an interrupted component: it may have run until its try ended."""
    if bar.action != "interrupted" or bar.started_at is None:
        return bar
    seconds = (_time(ended_at) - _time(bar.started_at)).total_seconds()
    return bar.model_copy(update={"duration_seconds": max(0.0, round(seconds, 3))})


def _without_record(each: Try, failure: TryFailure | None, *, active: bool) -> Attempt:
    status: AttemptStatus = "refused" if failure is not None and failure.refused else "not_recorded"
    return Attempt(
        attempt=None,
        id=f"try-{each.number}",
        started_at=each.started_at,
        ended_at=None if active else each.ended_at,
        status=status,
        task_state=each.state or "no_status",
        error=None if failure is None else failure.message,
        spark_application_id=None,
        try_number=each.number,
        bars=[],
    )


_LAST = datetime.fromisoformat("9999-01-01T00:00:00+00:00")


def _time(iso: str | None) -> datetime:
    return _LAST if iso is None else datetime.fromisoformat(iso.replace("Z", "+00:00"))
