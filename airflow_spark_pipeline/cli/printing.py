"""Printing for the commands: lines that fit the terminal, with complete ids for copying."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any

from airflow_spark_pipeline.checkpoint.catalog import RunEntry
from airflow_spark_pipeline.checkpoint.standing import Standing
from airflow_spark_pipeline.checkpoint.state import CheckpointState, ComponentCheckpoint
from airflow_spark_pipeline.cli.output import OUTPUT, complain
from airflow_spark_pipeline.planning import (
    failure_note,
    failures,
    not_done,
    parts_note,
    published,
    readable,
    seconds_saved,
    stopped_at,
)

_STOPPED = (Standing.FAILED, Standing.DEAD)

_NARROWEST = 40  # columns; terminals are not narrower
_LONGEST = 200  # characters of a published value; JSON output has all


def out(text: str = "") -> None:
    """Print a line of the result."""
    OUTPUT.write(text)


def err(text: str) -> None:
    """Print a line that is not a result."""
    complain(text)


def as_json(value: Any) -> None:
    """Print JSON, in ASCII if the output cannot write other characters."""
    out(json.dumps(value, indent=2, ensure_ascii=not OUTPUT.is_unicode, default=str))


def table(rows: Sequence[Sequence[str]]) -> None:
    """Print rows in columns, each complete and on one line."""
    for lines in columns(rows):
        out(lines[0])


def columns(rows: Sequence[Sequence[str]], *, cut: bool = False) -> list[list[str]]:
    """Return the lines of each row, with all rows in the same columns.

    :param cut: whether the last column may be shortened: on a terminal it is cut to the width, or printed on a separate
        line if there is no room. The columns before it, names and ids, are never cut
    """
    cells = [[*row[:-1], " ".join(row[-1].split())] for row in rows]
    widths = [max((len(cell) for cell in column), default=0) for column in zip(*cells, strict=True)]
    found = []
    for *before, last in cells:
        start = "  ".join(cell.ljust(width) for cell, width in zip(before, widths, strict=False))
        lines = _fitted(start, last) if cut and OUTPUT.is_terminal else [f"{start}  {last}" if start else last]
        found.append([line.rstrip() for line in lines])
    return found


def _fitted(start: str, last: str) -> list[str]:
    room = max(shutil.get_terminal_size().columns, _NARROWEST)
    left = room - len(start) - 2
    if len(last) <= left:
        return [f"{start}  {last}"]
    if left >= _NARROWEST // 2:
        return [f"{start}  {last[: left - 1]}…"]
    text = f"    {last}"
    return [start, text if len(text) <= room else f"{text[: room - 1]}…"]


def age_of(state: CheckpointState) -> float:
    """Return the seconds since the run's last update."""
    return (datetime.now(timezone.utc) - datetime.fromisoformat(state.updated_at)).total_seconds()


def ago(seconds: float) -> str:
    """Return an age as text for people."""
    if seconds < 48 * 3600:
        return f"{readable(max(round(seconds), 0))} ago".replace(".0 s", " s")
    return f"{seconds / 86_400:.0f} days ago"


def run_line(entry: RunEntry) -> list[str]:
    """Return the cells of a run in a listing, without its number."""
    if entry.commit is None:
        return [entry.path, entry.standing.value, "", "", OUTPUT.masked(str(entry.error))]
    state = entry.commit.state
    done = f"{len(state.completed_components)}/{state.total_components} done"
    return [state.pipeline_name or entry.path, entry.standing.value, done, ago(age_of(state)), _where(entry, state)]


def _where(entry: RunEntry, state: CheckpointState) -> str:
    place = ", ".join(not_done(state)) if entry.standing in _STOPPED else ""
    error = "" if state.failure is None or entry.standing is Standing.DEAD else state.failure.headline
    return ": ".join(part for part in (place, error) if part)


def run_data(entry: RunEntry) -> dict[str, Any]:
    """Return a run as data for JSON."""
    if entry.commit is None:
        known = entry.recorded
        run_id = None if known is None else known.state.run_id
        return {
            "runId": run_id,
            "path": entry.path,
            "state": entry.standing.value,
            "error": OUTPUT.masked(str(entry.error)),
        }
    state = entry.commit.state
    stopped = stopped_at(state) if entry.standing in _STOPPED else None
    return {
        "runId": state.run_id,
        "pipelineName": state.pipeline_name,
        "state": entry.standing.value,
        "attempt": state.attempt,
        "startedAt": state.started_at,
        "updatedAt": state.updated_at,
        "completedComponents": list(state.completed_components),
        "totalComponents": state.total_components,
        "failedComponent": None if stopped is None else stopped.name,
        "failedPosition": None if stopped is None else stopped.index + 1,
        "failedComponents": not_done(state) if stopped is not None else [],
        "error": None if state.failure is None else state.failure.headline,
        "unit": state.key.to_dict(),
    }


def show_run(entry: RunEntry, state: CheckpointState, *, traceback: bool) -> None:
    """Print everything about a run."""
    unit = state.key
    facts = [
        ("run", state.run_id),
        ("pipeline", state.pipeline_name),
        ("state", f"{entry.standing.value}, {ago(age_of(state))}"),
        ("attempt", f"{state.attempt}, started {state.started_at}"),
        ("resumed from", state.resumed_from or ""),
        ("task", f"{unit.dag_id}.{unit.task_id}, DAG run {unit.run_id}" if unit.dag_id else ""),
        ("application", state.spark_application_id or ""),
        ("not repeated", f"{readable(saved)} of work" if (saved := seconds_saved(state)) else ""),
    ]
    table([[name, value] for name, value in facts if value])
    out()
    table(
        [
            [
                f"[{c.index + 1}/{state.total_components}]",
                c.name,
                c.action.value,
                "" if c.duration_seconds is None else readable(c.duration_seconds),
                "" if c.attempt is None else f"attempt {c.attempt}",
                f"{c.reason or ''}{_retries(c)}{_notes(c)}",
            ]
            for c in state.components
        ]
    )
    if values := published(state):
        out()
        table(
            [
                ["published", name, f"{key} = {_short(value)}"]
                for name, each in values.items()
                for key, value in each.items()
            ]
        )
    if state.failure is not None:
        out()
        out(f"{state.failure.error_type}: {state.failure.message}")
        if traceback and state.failure.traceback:
            out(state.failure.traceback.rstrip())
        _show_more_failures(state, state.failure.component, traceback=traceback)


def _show_more_failures(state: CheckpointState, first: str | None, *, traceback: bool) -> None:
    """Print the errors of the other components that failed."""
    for record in failures(state):
        if record.name != first and not record.tolerated:
            out(f"{record.name}: {record.reason}")
            if traceback and record.failure_traceback:
                out(record.failure_traceback.rstrip())


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=not OUTPUT.is_unicode)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _retries(record: ComponentCheckpoint) -> str:
    count = len(record.retries)
    return f" ({count} {'retry' if count == 1 else 'retries'})" if count else ""


def _notes(record: ComponentCheckpoint) -> str:
    return f"{parts_note(record)}{failure_note(record)}"
