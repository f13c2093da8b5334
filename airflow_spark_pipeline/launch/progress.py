"""Progress lines from a run's checkpoint log, for task logs without the driver's output.

Only commits are read, so a component is reported when it is done or has failed.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator

from airflow_spark_pipeline.checkpoint.state import (
    CheckpointState,
    CheckpointStatus,
    ComponentAction,
    ComponentCheckpoint,
)
from airflow_spark_pipeline.exceptions import CheckpointError
from airflow_spark_pipeline.planning import failure_note, parts_note, readable

SECONDS = 10.0

log = logging.getLogger(__name__)


class Progress:
    """Reports each event of one attempt once.

    :param attempt_id: id of the attempt to report; commits of other attempts are ignored
    """

    def __init__(self, attempt_id: str) -> None:
        self.attempt_id = attempt_id
        self._told: set[str] = set()

    def lines(self, state: CheckpointState) -> list[str]:
        """Return lines for what is new in a commit."""
        if state.attempt_id != self.attempt_id or state.status is CheckpointStatus.SUBMITTED:
            return []
        found = {"": f"The driver of attempt {state.attempt} is running"}
        if state.spark_application_id:
            found["application"] = f"Spark application {state.spark_application_id}"
        for component in state.components:
            found |= _retries(component, state)
            if line := _line(component, state):
                found[component.name] = line
        fresh = {name: line for name, line in found.items() if name not in self._told}
        self._told |= fresh.keys()
        return list(fresh.values())


def _line(component: ComponentCheckpoint, state: CheckpointState) -> str | None:
    """Return the line that the driver prints for a component that has run or was skipped."""
    took = readable(component.duration_seconds or 0.0)
    tries = f" (try {len(component.retries) + 1})" if component.retries else ""
    saved = f"; saved {', '.join(component.outputs)}" if component.outputs else ""
    notes = f"{parts_note(component)}{failure_note(component)}"
    finish = f"; finishes the run early: {component.finished}" if component.finished is not None else ""
    if component.action is ComponentAction.RAN:
        return f"{_place(component, state)} done in {took}{tries}{saved}{parts_note(component)}{finish}"
    if component.action is ComponentAction.REPLAYED:
        return f"{_place(component, state)} replayed"
    if component.action is ComponentAction.SKIPPED:
        return f"{_place(component, state)} skipped ({component.reason})"
    if component.action is ComponentAction.FAILED and component.attempt == state.attempt:
        return f"{_place(component, state)} failed after {took}{tries}: {component.reason}{notes}"
    if component.action is ComponentAction.UPSTREAM_FAILED:
        return f"{_place(component, state)} not run ({component.reason})"
    return None


def _retries(component: ComponentCheckpoint, state: CheckpointState) -> dict[str, str]:
    """Return lines for the retries of a component in this attempt."""
    if component.action is ComponentAction.SKIPPED:
        return {}  # they belong to the attempt that ran it
    return {
        f"{component.name} {retry['startedAt']}": f"{_place(component, state)} failed after "
        f"{readable(retry['durationSeconds'])}: {retry['error']}; next try in {readable(retry['delaySeconds'])}"
        for retry in component.retries
    }


def _place(component: ComponentCheckpoint, state: CheckpointState) -> str:
    return f"[{component.index + 1}/{state.total_components}] {component.name}"


@contextlib.contextmanager
def follow_progress(
    look: Callable[[], CheckpointState | None], tell: Callable[[str], None], every: float = SECONDS
) -> Iterator[None]:
    """Report the progress of an attempt while the caller waits for it.

    :param look: function that returns the newest state of this attempt, or ``None`` if there is none yet
    :param every: seconds between two checks
    """
    ended = threading.Event()

    def follow() -> None:
        progress: Progress | None = None
        last = False
        while not last:
            last = ended.wait(every)  # and a last check when the wait is over
            try:
                state = look()
            except CheckpointError as error:
                log.debug("The progress cannot be shown: %s", error)
                continue
            if state is not None:
                if progress is None or progress.attempt_id != state.attempt_id:
                    progress = Progress(state.attempt_id)
                for line in progress.lines(state):
                    tell(line)

    thread = threading.Thread(target=follow, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(every)
