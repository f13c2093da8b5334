"""What the commands print: lines that fit the terminal, with ids that can be copied whole."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any

from airflow_spark_pipeline.checkpoint.catalog import RunEntry
from airflow_spark_pipeline.checkpoint.state import CheckpointState, CheckpointStatus
from airflow_spark_pipeline.cli.output import OUTPUT, complain
from airflow_spark_pipeline.planning import readable, seconds_saved

_NARROWEST = 40  # columns; nobody's terminal is smaller


def out(text: str = "") -> None:
    """Print a line of the result."""
    OUTPUT.write(text)


def err(text: str) -> None:
    """Print a line that is no result."""
    complain(text)


def as_json(value: Any) -> None:
    """Print JSON: in ASCII where the output has no other characters."""
    out(json.dumps(value, indent=2, ensure_ascii=not OUTPUT.is_unicode, default=str))


def table(rows: Sequence[Sequence[str]]) -> None:
    """Print rows in columns, each in one line, whole."""
    for lines in columns(rows):
        out(lines[0])


def columns(rows: Sequence[Sequence[str]], *, cut: bool = False) -> list[list[str]]:
    """Return the lines of each row, with all rows in the same columns.

    :param cut: the last column is a text of which the beginning will do: on a terminal it is cut to the width, or
        stands in a line of its own where nothing else has room. The columns before it, names and ids, never are
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


def state_of(entry: RunEntry) -> str:
    """Return how a run stands: as it is recorded, but *died* where nobody shows a sign of life any more."""
    if entry.commit is None:
        return "unreadable"
    status = entry.commit.state.status
    return "died" if status is CheckpointStatus.RUNNING and not entry.alive else status.value


def age_of(state: CheckpointState) -> float:
    """Return how many seconds ago the run was last heard of."""
    return (datetime.now(timezone.utc) - datetime.fromisoformat(state.updated_at)).total_seconds()


def ago(seconds: float) -> str:
    """Return an age as people read it."""
    if seconds < 48 * 3600:
        return f"{readable(max(round(seconds), 0))} ago".replace(".0 s", " s")
    return f"{seconds / 86_400:.0f} days ago"


def run_line(entry: RunEntry) -> list[str]:
    """Return the cells of a run in a listing."""
    if entry.commit is None:
        return [entry.path, "unreadable", "", "", str(entry.error)]
    state = entry.commit.state
    failure = state.failure
    where = "" if failure is None else f"{failure.component + ': ' if failure.component else ''}{failure.headline}"
    done = f"{len(state.completed_components)}/{state.total_components} done"
    return [state.pipeline_name, state_of(entry), done, ago(age_of(state)), where]


def run_data(entry: RunEntry) -> dict[str, Any]:
    """Return a run of a listing as data."""
    if entry.commit is None:
        return {"path": entry.path, "state": "unreadable", "error": str(entry.error)}
    state = entry.commit.state
    return {
        "run_id": state.run_id,
        "pipeline_name": state.pipeline_name,
        "state": state_of(entry),
        "attempt": state.attempt,
        "started_at": state.started_at,
        "updated_at": state.updated_at,
        "completed_components": list(state.completed_components),
        "total_components": state.total_components,
        "failed_component": None if state.failure is None else state.failure.component,
        "error": None if state.failure is None else state.failure.headline,
        "unit": dict(state.key),
    }


def show_run(entry: RunEntry, state: CheckpointState, *, traceback: bool) -> None:
    """Print everything about a run."""
    unit = state.key
    facts = [
        ("run", state.run_id),
        ("pipeline", state.pipeline_name),
        ("state", f"{state_of(entry)}, {ago(age_of(state))}"),
        ("attempt", f"{state.attempt}, started {state.started_at}"),
        ("resumed from", state.resumed_from or ""),
        ("task", f"{unit['dagId']}.{unit['taskId']}, DAG run {unit['runId']}" if unit.get("dagId") else ""),
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
                f"{c.reason or ''}{f' ({len(c.retries)} retries)' if c.retries else ''}",
            ]
            for c in state.components
        ]
    )
    if state.failure is not None:
        out()
        out(f"{state.failure.error_type}: {state.failure.message}")
        if traceback and state.failure.traceback:
            out(state.failure.traceback.rstrip())
