"""When a task stops waiting for a job without an end in the log."""

from __future__ import annotations

import pytest

from airflow_spark_pipeline.task.job import ACTIVE, JobState
from airflow_spark_pipeline.task.waiting import Seen, is_over

ENDED = JobState.ended("out of capacity")


def looks(*found: tuple[JobState, bool, bool]) -> Seen:
    seen = Seen()
    for job, has_started, shows_life in found:
        seen = seen.then(job, is_newest=True, is_running=True, has_started=has_started, shows_life=shows_life)
    return seen


@pytest.mark.parametrize(
    ("found", "over"),
    [
        ([(ACTIVE, False, False)], False),  # queued
        ([(ACTIVE, True, True)], False),  # running
        ([(ACTIVE, True, False)], True),  # the driver is dead, whatever the platform says
        ([(ENDED, False, False)], False),  # the platform may be early
        ([(ENDED, False, False), (ENDED, False, False)], True),
        ([(ENDED, True, False), (ENDED, True, False)], True),
        ([(ENDED, True, True)] * 5, False),  # the heartbeat is younger than the lease
        ([(ENDED, False, False), (ACTIVE, False, False), (ENDED, False, False)], False),  # the platform retries
        ([(ENDED, False, False), (ENDED, True, True), (ENDED, True, False)], False),
    ],
)
def test_the_heartbeat_counts_more_than_the_platform(found: list[tuple[JobState, bool, bool]], over: bool) -> None:
    assert is_over(looks(*found)) is over


def test_the_reason_of_a_platform_is_one_line() -> None:
    assert JobState.ended("out of\n  memory ").reason == "out of memory"
