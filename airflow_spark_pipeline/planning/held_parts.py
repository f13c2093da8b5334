"""Whether the parts that an earlier attempt recorded of a component still count. Pure.

They count while the component's own description and the version that its class declares are the same, and nothing that
it depends on runs again. A run that starts over has a new epoch, and takes over nothing.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from airflow_spark_pipeline.checkpoint.state import ComponentCheckpoint
from airflow_spark_pipeline.pipeline.fingerprint import VERSION, differences, fingerprint
from airflow_spark_pipeline.pipeline.spec import ComponentSpec
from airflow_spark_pipeline.planning.changes import Code


def why_parts_start_anew(
    component: ComponentSpec, record: ComponentCheckpoint, salt: str, code: Code, again: Collection[str]
) -> str | None:
    """Return why recorded parts no longer count; ``None`` if they do.

    :param record: what is recorded of the component
    :param code: its current code, if it is known
    :param again: names of the components that run again although they were done, or because of an edit before them
    """
    if component.instance_name in again:
        return "an earlier component was edited"
    dirty = next((name for name in component.depends_on or () if name in again), None)
    if dirty is not None:
        return f"it depends on {dirty}, which runs again"
    fields = {path: digest for path, digest in record.fingerprint.items() if path != VERSION}
    changed = differences(fields, fingerprint(component, salt))
    if changed:
        return f"{', '.join(changed)} has changed" if len(changed) == 1 else f"{', '.join(changed)} have changed"
    recorded = record.fingerprint.get(VERSION)
    if recorded is not None and code.version is not None and recorded != code.version:
        return f"{component.instance_type}.version has changed"
    return None


def parts_note(record: ComponentCheckpoint) -> str:
    """Return what to add about the parts of a component: how many are done, or ran; empty if it has none."""
    if record.parts:
        return f"; {parts_done(record)} parts are done"
    counts = record.part_counts
    skipped = f", {counts['skipped']} done before" if counts.get("skipped") else ""
    return f"; {counts.get('run', 0)} of {counts['total']} parts ran{skipped}" if counts.get("total") else ""


def parts_done(record: ComponentCheckpoint) -> str:
    """Return how many parts of a component are done: ``37 of 50``."""
    return f"{len(record.parts)} of {record.part_counts.get('total', len(record.parts))}"


def taken_over(record: ComponentCheckpoint) -> dict[str, Any]:
    """Return the fields with which the next attempt starts: all parts that are done, it skips."""
    done = len(record.parts)
    return {
        "parts": record.parts,
        "part_counts": {"total": record.part_counts.get("total", done), "skipped": done, "run": 0},
        "part_seconds": {"skipped": round(sum(record.part_seconds.values()), 6), "run": 0.0},
    }
