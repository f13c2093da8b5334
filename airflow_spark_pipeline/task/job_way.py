"""One try as a job of a platform: the platform's operator submits, and this module waits.

The log decides the result of the job. The platform is asked only whether the job of an earlier try may still be
running, and why a job has ended if its driver recorded nothing.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_spark_pipeline.checkpoint.location import default_location
from airflow_spark_pipeline.checkpoint.state import CheckpointState
from airflow_spark_pipeline.checkpoint.stop import stop
from airflow_spark_pipeline.deployment.locations import secrets_of
from airflow_spark_pipeline.exceptions import CheckpointError, CheckpointLocationError, SupersededError
from airflow_spark_pipeline.launch.private_settings import hidden
from airflow_spark_pipeline.launch.staging import Staging
from airflow_spark_pipeline.pipeline.spark_settings import refuse_settings
from airflow_spark_pipeline.planning import AlreadyCompletedError
from airflow_spark_pipeline.task.deferral import cannot_be_deferred
from airflow_spark_pipeline.task.job import ACTIVE, JobState, Platform, StagedJob
from airflow_spark_pipeline.task.remembered_job import RememberedJob, forget, remember, remembered
from airflow_spark_pipeline.task.staged_files import StagedFiles
from airflow_spark_pipeline.task.staged_secrets import refuse_secrets
from airflow_spark_pipeline.task.unit import Unit
from airflow_spark_pipeline.task.waiting import Seen, is_over
from airflow_spark_pipeline.task.way import Deferred, Ended, Way
from airflow_spark_pipeline.triggers.spark_pipeline import SparkPipelineAttemptTrigger

_SHORTEST_INTERVAL = 10.0  # in the triggerer, seconds
_START_SECONDS = 3600.0  # if the triggerer cannot ask the platform


@dataclass(frozen=True, slots=True)
class JobArguments:
    """The arguments that only jobs of platforms have.

    :param name: name of the Spark application; default: the pipeline's name
    :param conf: Spark settings that win over the description's
    :param staging_location: where files are uploaded; ``None`` for the checkpoint location
    :param allows_secrets: whether secrets of the description may be uploaded
    :param poll_interval: seconds between two checks of the job
    """

    name: str | None = None
    conf: Mapping[str, Any] = field(default_factory=dict)
    staging_location: str | None = None
    allows_secrets: bool = False
    poll_interval: float = 10.0


def pause(seconds: float) -> None:
    """Wait between two checks of the job."""
    time.sleep(seconds)


class JobWay(Way):
    """A job that a platform runs; see :class:`~airflow_spark_pipeline.operators.job.SparkPipelineJob`.

    :param platform: the operator of the platform
    """

    def __init__(self, unit: Unit, platform: Platform, arguments: JobArguments) -> None:
        self._unit = unit
        self._platform = platform
        self._arguments = arguments
        self._job: RememberedJob | None = None
        self._attempt_id: str | None = None
        self._starts_anew = False

    def forget_earlier_job(self) -> None:
        """Cancel the job of the previous try: it has ended, or its driver is gone and must not come back."""
        self._starts_anew = True
        if (job := remembered(self._unit.task_state)) is not None:
            self._cancel(job)
        forget(self._unit.task_state)

    def run(self) -> Ended | Deferred:
        """Find the job of an earlier try, or submit one; then wait.

        :raises PipelineDefinitionError: the request would contain secrets, a setting has a field or an argument, or a
            module to upload does not exist
        :raises CheckpointLocationError: the location is local to this machine, or files cannot be uploaded
        :raises NotDeferrableError: the user wants it, and it is not possible
        """
        defers = self._checked()
        staging = Staging(self._unit.open_store(self._arguments.staging_location))
        files = StagedFiles(
            self._unit,
            staging,
            self._settings(),
            name=self._arguments.name or self._unit.pipeline_name,
            started_by=self._platform.started_by,
        )
        try:
            if self._starts_anew or not self._found_again(files):
                files.upload()  # may fail: nothing is claimed yet
                self._submit(files.claimed())
        except AlreadyCompletedError as error:
            self._unit.log.info("%s", error)
            return Ended()
        if defers and self._unit.attempt.is_running():
            return Deferred(self._trigger())
        return self._wait()

    def stop(self) -> None:
        """Cancel the job, and stop its attempt in the log, which ends a driver that the platform does not cancel."""
        if self._job is not None:
            self._cancel(self._job)
        if self._attempt_id is not None:
            stop(self._unit.attempt.log, self._attempt_id, "its task was stopped")

    # ---- before anything is claimed

    def _checked(self) -> bool:
        """Check everything that needs no claim; return whether this try defers."""
        unit, arguments = self._unit, self._unit.arguments
        refuse_settings(self._arguments.conf)
        if unit.location.location == default_location() or not unit.keeps_progress:
            raise CheckpointLocationError(
                "The driver of a platform's job answers through the checkpoint log, so a checkpoint location is needed "
                "that both Airflow and the job reach: set checkpoint_location, and leave checkpoint.enabled alone."
            )
        if not self._arguments.allows_secrets:
            refuse_secrets(unit.spec, {str(name): str(value) for name, value in self._arguments.conf.items()})
        secrets = ", ".join(secrets_of(unit.location))
        if arguments.deferrable and secrets:
            cannot_be_deferred(
                arguments, f"the checkpoint location contains secrets ({secrets}), which a trigger must not contain"
            )
        return arguments.deferrable and not secrets

    def _settings(self) -> tuple[dict[str, str], dict[str, str]]:
        """Return the Spark settings for the job's arguments, and those for the request."""
        given = {**self._unit.spec.spark.config, **self._arguments.conf}
        private = hidden(given)
        return {str(name): str(value) for name, value in given.items() if name not in private}, private

    # ---- the job of an earlier try

    def _found_again(self, files: StagedFiles) -> bool:
        """Whether the job of an earlier try exists, so that this try waits for it."""
        state = self._unit.attempt.newest()
        if state is None or not self._unit.attempt.is_running():
            return False
        job = remembered(self._unit.task_state)
        if job is not None and job.attempt_id == state.attempt_id:
            return self._reconnected(job)
        return self._submitted_again(files, state)

    def _reconnected(self, job: RememberedJob) -> bool:
        found = self._state(job)
        if not found.is_active:
            self._unit.log.info("Job %s has ended%s", job.id, f": {found.reason}" if found.reason else "")
            return False
        self._unit.log.info("Job %s of an earlier try is still running; waiting for it", job.id)
        self._expect(job)
        return True

    def _submitted_again(self, files: StagedFiles, state: CheckpointState) -> bool:
        """Send the request of a claim again if its job id was lost: the platform returns the job, if it has one."""
        if not self._platform.deduplicates or not self._unit.attempt.is_of_this_task(state):
            return False
        files.upload()
        job = files.claimed_before(state.attempt_id)
        if job is None:
            return False
        self._unit.log.info("The job of attempt %s is not known; its request is sent again", state.attempt)
        self._attempt_id = state.attempt_id
        self._unit.attempt.expect(state.attempt_id)
        self._submit(job)
        return True

    def _submit(self, job: StagedJob) -> None:
        self._attempt_id = job.token
        self._platform.place(job)
        self._job = RememberedJob(job.token, self._platform.submit(self._unit.context))
        self._unit.log.info("Submitted job %s", self._job.id)
        try:
            remember(self._unit.task_state, self._job)
        except Exception as error:  # noqa: BLE001  # whatever the API server has: the job runs, and this try waits for it
            self._unit.log.warning("Airflow's task state store did not take the id of the job: %s", error)

    def _expect(self, job: RememberedJob) -> None:
        self._job, self._attempt_id = job, job.attempt_id
        self._unit.attempt.expect(job.attempt_id)

    # ---- waiting

    def _wait(self) -> Ended:
        seen = Seen()
        while (seen := self._look(seen)).attempt_is_running and not is_over(seen):
            pause(self._arguments.poll_interval)
        if seen.attempt_is_running and seen.job.is_active and self._job is not None:
            self._unit.log.warning("The driver shows no sign of life; cancelling job %s", self._job.id)
            self._cancel(self._job)
        if seen.is_newest:
            forget_request(self._unit, self._arguments.staging_location)
        return Ended(reason=seen.job.reason)

    def _look(self, before: Seen) -> Seen:
        attempt = self._unit.attempt
        job = self._state(self._job) if self._job is not None else ACTIVE  # before the log is read, which decides
        state = attempt.newest()
        newest = state is not None and state.attempt_id == self._attempt_id
        return before.then(
            job,
            is_newest=newest,
            is_running=newest and attempt.is_running(),
            has_started=attempt.has_started(),
            shows_life=attempt.shows_life(),
        )

    def _state(self, job: RememberedJob) -> JobState:
        try:
            return self._platform.job_state(job.id)
        except Exception as error:  # noqa: BLE001  # whatever its client raises; the log tells when the driver has ended
            self._unit.log.warning("The platform does not report the state of job %s: %s", job.id, error)
            return ACTIVE

    def _cancel(self, job: RememberedJob) -> None:
        try:
            self._platform.cancel(job.id)
        except Exception as error:  # noqa: BLE001  # a driver that cannot be cancelled is stopped by the log
            self._unit.log.warning("Job %s could not be cancelled: %s", job.id, error)

    def _trigger(self) -> SparkPipelineAttemptTrigger:
        unit, job = self._unit, self._job
        client = None if job is None else self._platform.job_client(job.id)
        limit = unit.arguments.start_timeout
        if limit is None and client is None:
            limit = _START_SECONDS
        if self._attempt_id is None:
            raise SupersededError("This try has no attempt to wait for.")
        return SparkPipelineAttemptTrigger(
            place=unit.location.to_dict(),
            unit=unit.path,
            attempt_id=self._attempt_id,
            poll_interval=max(_SHORTEST_INTERVAL, self._arguments.poll_interval),
            start_by=None if limit is None else time.time() + limit,
            job_client=None if client is None else client[0],
            job_arguments=None if client is None else client[1],
        )


def forget_request(unit: Unit, staging_location: str | None) -> None:
    """Remove the request of a job that has ended; if that fails, log it.

    :param staging_location: ``None`` for the checkpoint location
    """
    try:
        Staging(unit.open_store(staging_location)).forget(unit.path)
    except CheckpointError as error:
        unit.log.warning("The request of the job could not be removed: %s", error)
