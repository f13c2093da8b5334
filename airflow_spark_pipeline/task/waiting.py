"""Decides when to stop waiting for a job whose attempt has no end in the log. Pure.

| the job | the driver | what it means |
|---|---|---|
| active | not started | queued, or starting: wait |
| active | shows life | running: wait |
| active | started, no sign of life | dead or cut off, even if the platform disagrees: over |
| ended | shows life | the platform was faster than the log, or is wrong: wait, at most one lease |
| ended | no sign of life | over, after a second check |
"""

from __future__ import annotations

from dataclasses import dataclass

from airflow_spark_pipeline.task.job import ACTIVE, JobState

_LOOKS = 2  # a platform may say that a job has ended before its driver has started


@dataclass(frozen=True, slots=True)
class Seen:
    """The result of one check of a job and its log.

    :param is_newest: whether the newest commit belongs to the attempt of this wait
    :param attempt_is_running: whether the log does not have the end of that attempt
    :param has_started: whether its driver has recorded anything
    :param shows_life: whether a driver has renewed its heartbeat within the lease
    :param looks_after_the_end: number of consecutive checks that found the job ended and no driver
    """

    job: JobState = ACTIVE
    is_newest: bool = True
    attempt_is_running: bool = True
    has_started: bool = False
    shows_life: bool = False
    looks_after_the_end: int = 0

    def then(self, job: JobState, *, is_newest: bool, is_running: bool, has_started: bool, shows_life: bool) -> Seen:
        """Return the result of the next check."""
        silent = not job.is_active and not shows_life
        looks = self.looks_after_the_end + 1 if silent else 0
        return Seen(job, is_newest, is_running, has_started, shows_life, looks)


def is_over(seen: Seen) -> bool:
    """Whether to stop waiting, although the attempt has no end in the log."""
    if seen.shows_life:
        return False
    return seen.has_started if seen.job.is_active else seen.looks_after_the_end >= _LOOKS
