"""The triggers of the sensor and the operator. They carry the location and the query, but no secrets."""

from __future__ import annotations

import asyncio
import pkgutil
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_spark_pipeline.airflow_features import AIRFLOW
from airflow_spark_pipeline.checkpoint.catalog import RunEntry
from airflow_spark_pipeline.checkpoint.location import StoreLocation
from airflow_spark_pipeline.checkpoint.log import RunLog
from airflow_spark_pipeline.checkpoint.query import RunQuery
from airflow_spark_pipeline.checkpoint.snapshot import Snapshot
from airflow_spark_pipeline.checkpoint.standing import Standing
from airflow_spark_pipeline.checkpoint.stop import stop
from airflow_spark_pipeline.deployment.locations import open_location
from airflow_spark_pipeline.exceptions import SparkPipelineError
from airflow_spark_pipeline.launch.progress import Progress
from airflow_spark_pipeline.planning import describe_run
from airflow_spark_pipeline.triggers.watch import ask, watch

_DEADLINE_SECONDS = 30.0  # for one call to the cluster manager


class SparkPipelineRunTrigger(BaseTrigger):
    """Wait until a run of a pipeline is there.

    :param place: location to watch, the JSON form of a :class:`StoreLocation`
    :param query: run to wait for, the JSON form of a :class:`RunQuery`
    :param poll_interval: seconds between two checks; triggers with the same location and interval share them
    """

    def __init__(self, *, place: Mapping[str, Any], query: Mapping[str, Any], poll_interval: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # as it is in Airflow
        self.place = dict(place)
        self.query = dict(query)
        self.poll_interval = poll_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments that recreate this trigger."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {"place": self.place, "query": self.query, "poll_interval": self.poll_interval},
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Check until the run exists; the event contains the run, or the reason to give up."""
        query = RunQuery(**self.query)
        try:
            async for found in watch(StoreLocation.from_dict(self.place), self.poll_interval).answers(
                query.find, self._tell
            ):
                if found is not None:
                    yield _event({"run": describe_run(found)})
                    return
        except SparkPipelineError as error:
            yield _event({"error": str(error), "retry_helps": error.retry_helps})

    def _tell(self, message: str) -> None:
        self.log.warning("%s", message)


class SparkPipelineAttemptTrigger(BaseTrigger):
    """Wait until an attempt has ended: with a commit, by the death of its driver, or without ever starting.

    The progress of the components is printed to the task's log as it is recorded. Killing the task stops the driver,
    through the checkpoint log. A triggerer that ends, or hands over its triggers, does not stop the driver.

    :param place: location to watch, the JSON form of a :class:`StoreLocation`
    :param unit: directory of the unit of work
    :param attempt_id: attempt id of the claim
    :param poll_interval: seconds between two checks; triggers with the same location and interval share them
    :param start_by: latest start time of the driver, in seconds since 1970; ``None`` for no limit
    :param yarn_application_id: application id of the job, if it runs on YARN
    :param conn_id: id of the Spark connection, if it gives access to YARN's resource manager
    :param job_client: dotted name of a class with ``state()`` and ``cancel()``, for a job of a platform
    :param job_arguments: arguments of that class
    """

    def __init__(
        self,
        *,
        place: Mapping[str, Any],
        unit: str,
        attempt_id: str,
        poll_interval: float,
        start_by: float | None = None,
        yarn_application_id: str | None = None,
        conn_id: str | None = None,
        job_client: str | None = None,
        job_arguments: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # as it is in Airflow
        self.place = dict(place)
        self.unit = unit
        self.attempt_id = attempt_id
        self.poll_interval = poll_interval
        self.start_by = start_by
        self.yarn_application_id = yarn_application_id
        self.conn_id = conn_id
        self.job_client = job_client
        self.job_arguments = None if job_arguments is None else dict(job_arguments)
        self._has_event = False

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments that recreate this trigger."""
        names = ("place", "unit", "attempt_id", "poll_interval", "start_by", "yarn_application_id", "conn_id")
        more = ("job_client", "job_arguments") if self.job_client is not None else ()
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {name: getattr(self, name) for name in (*names, *more)},
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Check until the attempt has ended; the event says how that was detected. The result is in the log."""
        progress = Progress(self.attempt_id)
        try:
            async for run in watch(StoreLocation.from_dict(self.place), self.poll_interval).answers(
                self._look, self._tell
            ):
                if run is not None and run.commit is not None:
                    for line in progress.lines(run.commit.state):
                        self.log.info("%s", line)
                end = self._end(run) or await self._end_before_the_start(run)
                if end is not None:
                    why = await self._what_the_platform_says(run)
                    self._has_event = True
                    yield _event({**self._which, "because": end, **({"reason": why} if why else {})})
                    return
        except SparkPipelineError as error:
            self._has_event = True
            yield _event({**self._which, "error": str(error), "retry_helps": error.retry_helps})

    async def cleanup(self) -> None:
        """Handle the end of the trigger; in older Airflow versions this may mean that the task was killed."""
        if not AIRFLOW.tells_triggers_of_kills and not self._has_event and self.task_instance is not None:
            await self.on_kill()
        await super().cleanup()

    async def on_kill(self) -> None:
        """Stop the driver if the task was marked or cleared, but not if Airflow only moves the trigger."""
        if await self._is_still_deferred():
            self.log.info("The task is still deferred; its driver keeps running.")
            return
        stopped = await asyncio.to_thread(self._stop)
        self.log.info("The driver is asked to stop." if stopped else "The driver has ended already.")

    def _stop(self) -> bool:
        log = RunLog(open_location(StoreLocation.from_dict(self.place)), self.unit)
        stopped = stop(log, self.attempt_id, "its task was marked or cleared while it was deferred")
        if self.yarn_application_id is not None and self.conn_id is not None:
            from airflow_spark_pipeline.launch.yarn import YarnApplication

            YarnApplication(self.conn_id, self.yarn_application_id).kill()
        if self.job_client is not None:
            try:
                self._job().cancel()
            except Exception as error:  # noqa: BLE001  # whatever its client raises: the log stops the driver
                self.log.warning("The job could not be cancelled: %s", error)
        return stopped

    async def _is_still_deferred(self) -> bool:
        """Whether the task is still waiting for this trigger.

        A triggerer that was frozen for a while finds that another has taken its triggers, and cancels its own in the
        same way as those of killed tasks.
        """
        from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

        ti = self.task_instance
        if ti is None:
            return False
        states = await asyncio.to_thread(
            RuntimeTaskInstance.get_task_states,
            dag_id=ti.dag_id,
            task_ids=[ti.task_id],
            run_ids=[ti.run_id],
            map_index=ti.map_index,
        )
        name = ti.task_id if ti.map_index < 0 else f"{ti.task_id}_{ti.map_index}"
        return bool(states.get(ti.run_id, {}).get(name) == "deferred")

    def _look(self, snapshot: Snapshot) -> RunEntry | None:
        run = snapshot.run(self.unit)
        if run is not None and run.error is not None:
            raise run.error
        return run

    def _end(self, run: RunEntry | None) -> str | None:
        """Return why the wait is over, according to the checkpoint log; ``None`` if it is not."""
        if run is None or run.commit is None:
            return "its checkpoint log no longer exists"
        if run.commit.state.attempt_id != self.attempt_id:
            return "another attempt has taken over"
        if run.standing is Standing.DEAD:
            return "its driver no longer shows a sign of life"
        return None if run.standing in (Standing.SUBMITTED, Standing.RUNNING) else f"the run is {run.standing.value}"

    async def _end_before_the_start(self, run: RunEntry | None) -> str | None:
        """Return why the driver will never start, which the checkpoint log does not contain before the first commit."""
        if run is None or run.standing is not Standing.SUBMITTED:
            return None
        if self.yarn_application_id is not None and self.conn_id is not None:
            from airflow_spark_pipeline.launch.yarn import YarnApplication

            application = YarnApplication(self.conn_id, self.yarn_application_id)
            try:
                end = await ask(application.end, "asks YARN", _DEADLINE_SECONDS)
            except (RuntimeError, asyncio.TimeoutError) as error:
                self.log.warning("YARN's resource manager does not answer: %s", error)
            else:
                if end is not None:
                    return f"its driver never started: {end}"
        job = await self._job_state()
        if job is not None and not job.is_active:
            return f"its job ended before its driver started{f': {job.reason}' if job.reason else ''}"
        if self.start_by is not None and time.time() > self.start_by:
            return "its driver did not start in time: see why the job waits on the cluster, or raise start_timeout"
        return None

    async def _what_the_platform_says(self, run: RunEntry | None) -> str:
        """Return why the job of a dead driver has ended, in the platform's words."""
        if run is None or run.standing is not Standing.DEAD:
            return ""
        job = await self._job_state()
        return "" if job is None else job.reason

    async def _job_state(self) -> Any:
        if self.job_client is None:
            return None
        try:
            return await ask(lambda: self._job().state(), "asks the platform", _DEADLINE_SECONDS)
        except Exception as error:  # noqa: BLE001  # whatever its client raises: the log tells when the driver ends
            self.log.warning("The platform does not report the state of the job: %s", error)
            return None

    def _job(self) -> Any:
        return pkgutil.resolve_name(str(self.job_client))(**(self.job_arguments or {}))

    @property
    def _which(self) -> dict[str, Any]:
        return {"unit": self.unit, "attempt_id": self.attempt_id}

    def _tell(self, message: str) -> None:
        self.log.warning("%s", message)


def _event(payload: dict[str, Any]) -> TriggerEvent:
    return TriggerEvent(payload)  # type: ignore[no-untyped-call]  # as it is in Airflow
