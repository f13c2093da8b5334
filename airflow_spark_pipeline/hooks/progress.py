"""What a run's log tells of its driver's progress, line by line: for task logs that do not see the driver's own output.

Reads commits only, so it tells of a component once it is done, or has failed.
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

SECONDS = 10.0

log = logging.getLogger(__name__)


class Progress:
    """Tells each thing about one attempt once.

    :param attempt_id: commits of other attempts are not told of
    """

    def __init__(self, attempt_id: str) -> None:
        self._attempt_id = attempt_id
        self._told: set[str] = set()

    def lines(self, state: CheckpointState) -> list[str]:
        """Return what a commit tells that those before it did not."""
        if state.attempt_id != self._attempt_id or state.status is CheckpointStatus.SUBMITTED:
            return []
        found = {"": f"The driver of attempt {state.attempt} is at work"}
        if state.spark_application_id:
            found["application"] = f"Spark application {state.spark_application_id}"
        for component in state.components:
            if line := _line(component, state):
                found[component.name] = line
        fresh = {name: line for name, line in found.items() if name not in self._told}
        self._told |= fresh.keys()
        return list(fresh.values())


def _line(component: ComponentCheckpoint, state: CheckpointState) -> str | None:
    place = f"[{component.index + 1}/{state.total_components}] {component.name}"
    if component.action is ComponentAction.RAN:
        return f"{place} done in {component.duration_seconds or 0.0:.1f} s"
    if component.action is ComponentAction.REPLAYED:
        return f"{place} replayed"
    if component.action is ComponentAction.SKIPPED:
        return f"{place} skipped ({component.reason})"
    if state.failure is not None and state.failure.component == component.name:
        return f"{place} failed: {state.failure.headline}"
    return None


@contextlib.contextmanager
def told(
    look: Callable[[], CheckpointState | None], tell: Callable[[str], None], every: float = SECONDS
) -> Iterator[None]:
    """Tell of the progress of an attempt while the caller waits for it.

    :param look: returns the newest state of this attempt, ``None`` while there is none
    :param every: seconds between two looks
    """
    ended = threading.Event()

    def follow() -> None:
        progress: Progress | None = None
        last = False
        while not last:
            last = ended.wait(every)  # and a last look when the wait is over
            try:
                state = look()
            except CheckpointError as error:
                log.debug("No progress can be told: %s", error)
                continue
            if state is not None:
                progress = progress or Progress(state.attempt_id)
                for line in progress.lines(state):
                    tell(line)

    thread = threading.Thread(target=follow, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(every)
