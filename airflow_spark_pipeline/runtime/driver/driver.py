"""The driver: runs one attempt.

1. start the heartbeat;
2. adopt the claim whose token the operator passed (rejected if it is not the newest), and record *running*;
3. load the components, and report all their problems before anything runs;
4. wait for older drivers that may still be running in the unit of work;
5. open Spark, run the loop, record the end;
6. stop Spark, release the lease, and print a one-line summary last.
"""

from __future__ import annotations

import contextlib
import functools
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_spark_pipeline import protocol
from airflow_spark_pipeline.checkpoint.layout import outputs_path
from airflow_spark_pipeline.checkpoint.lease import Lease, LeaseTerms, Other
from airflow_spark_pipeline.checkpoint.log import RunLog
from airflow_spark_pipeline.checkpoint.state import CheckpointState, CheckpointStatus
from airflow_spark_pipeline.exceptions import (
    CheckpointError,
    LeaseLostError,
    PipelineDefinitionError,
    ResumeRefusedError,
    SparkPipelineError,
    SupersededError,
)
from airflow_spark_pipeline.pipeline.secret_references import missing_settings
from airflow_spark_pipeline.pipeline.spec import PipelineSpec
from airflow_spark_pipeline.planning import CodeNow, Plan, make_plan, summarize
from airflow_spark_pipeline.protocol import DriverRequest
from airflow_spark_pipeline.runtime.component.base import Component
from airflow_spark_pipeline.runtime.component.code_version import code_now
from airflow_spark_pipeline.runtime.component.logs import LogPrinter
from airflow_spark_pipeline.runtime.component.views import refuse_views_left_out
from airflow_spark_pipeline.runtime.driver.components_and_hooks import load
from airflow_spark_pipeline.runtime.driver.heartbeat import heartbeat_of
from airflow_spark_pipeline.runtime.driver.output_directories import OutputDirectories
from airflow_spark_pipeline.runtime.driver.watchdog import Watchdog
from airflow_spark_pipeline.runtime.lifecycle.base import PipelineEvent, PipelineHooks
from airflow_spark_pipeline.runtime.lifecycle.calls import HookCalls
from airflow_spark_pipeline.runtime.lifecycle.events import Events
from airflow_spark_pipeline.runtime.loop.final_plan import Restored, final_plan
from airflow_spark_pipeline.runtime.loop.loop import ComponentLoop
from airflow_spark_pipeline.runtime.process.output import say
from airflow_spark_pipeline.runtime.recorder import Recorder
from airflow_spark_pipeline.runtime.spark.jobs import Jobs
from airflow_spark_pipeline.runtime.spark.session import (
    application_id,
    cancel_jobs,
    close_session,
    tag_jobs,
    untag_jobs,
)
from airflow_spark_pipeline.runtime.spark.starting import start_spark
from airflow_spark_pipeline.secrets import Redactor
from airflow_spark_pipeline.secrets.references import resolve
from airflow_spark_pipeline.time_limit import within

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


class Driver:
    """Runs one attempt: heartbeat, claim, components, end.

    :param log: log of the unit of work
    :param spark: Spark session to use, which is not stopped; default: the driver opens one. If it is given, the process
        belongs to the caller and is never ended, whatever a component does
    :param hooks: hooks to call in addition to those of the description
    :param py_files: files with modules that Spark's workers on other machines need; used if the driver opens the
        session
    """

    def __init__(
        self,
        request: DriverRequest,
        redactor: Redactor,
        log: RunLog,
        *,
        spark: SparkSession | None = None,
        hooks: Sequence[PipelineHooks] = (),
        owns_process: bool = True,
        py_files: Sequence[str] = (),
    ) -> None:
        if request.token is None:
            raise ValueError("the request holds no token")
        self._token = request.token
        #: A missing variable is reported with the other problems of the description.
        self._missing = missing_settings(request.spark_config, os.environ)
        self._request = request = replace(request, spark_config=resolve(request.spark_config, os.environ))
        self._spec = PipelineSpec.from_dict(request.pipeline)
        self._log = log
        # a write retried for a whole lease would come too late to keep it
        self._log.bound_retries(request.lease_seconds / 3)
        self._redactor = redactor
        self._recorder = Recorder(self._log, redactor)
        self._lease = Lease(self._log, self._token.attempt_id, heartbeat_of(request), LeaseTerms(request.lease_seconds))
        self._outputs = OutputDirectories(
            request.location.rstrip("/"), outputs_path(request.unit), self._token.number, self._lease.incarnation
        )
        self._owns_process = owns_process
        self._watchdog = Watchdog(
            self._log,
            self._lease,
            lambda: self._recorder.newest,
            recorded=lambda: self._recorder.recorded,
            ends_process=self._owns_process,
        )
        self._given = spark
        self._more_hooks = tuple(hooks)
        self._py_files = tuple(py_files)
        self._calls = HookCalls()
        self._code: CodeNow = {}
        #: Set when Ctrl-C was pressed; the failure is recorded.
        self.interrupt: KeyboardInterrupt | None = None

    @property
    def state(self) -> CheckpointState:
        """The recorded state."""
        return self._recorder.state

    def logs(self) -> LogPrinter:
        """Return the handler that prints what components log, for a process that belongs to the driver."""
        return LogPrinter.of(self._spec, self._redactor.mask)

    def drive(self) -> tuple[int, str]:
        """Run the whole attempt. Returns the exit code and the summary line.

        :raises SupersededError: another attempt has taken over
        :raises CheckpointError: progress could not be recorded
        """
        # The heartbeat comes first: without one, the next claimant would take this driver for ended.
        self._watchdog.start()
        try:
            return self._drive()
        except (SupersededError, LeaseLostError) as error:
            self._calls.tell("on_superseded", functools.partial(self._superseded, error))
            with contextlib.suppress(Exception):  # an unreachable store must not keep the process alive
                within(self._lease.terms.patience, self._delete_unrecorded, "delete")
            raise
        finally:
            self._watchdog.stop()

    def _superseded(self, error: Exception) -> PipelineEvent:
        return Events(self._spec, self._recorder).ended("superseded", self._recorder.describe(error, None))

    def _drive(self) -> tuple[int, str]:
        self._recorder.adopt(self._token, self._watchdog.guard)
        if self._recorder.state.status is CheckpointStatus.COMPLETED:
            # The cluster manager restarted the driver after the end: recording anything more would undo that end.
            return protocol.EXIT_COMPLETED, summarize(self._recorder.state)
        earlier = self._recorder.state
        plan = make_plan(self._spec, earlier)
        self._recorder.running(plan)
        try:
            if self._missing:
                raise PipelineDefinitionError(self._missing)
            components, hooks = load(self._spec, earlier, *self._more_hooks)
            refuse_views_left_out(self._spec, components, plan)
            self._look_at_code(components, plan, earlier)
        except (PipelineDefinitionError, ResumeRefusedError) as error:
            self._recorder.refused(error)
            return protocol.EXIT_DEFINITION, str(error)
        self._calls = HookCalls(hooks, self._redactor.mask)
        others = self._wait_for_others()
        answer = self._run(components, earlier, others)
        with contextlib.suppress(CheckpointError):  # the result is recorded; the files that stay are stale
            # A heartbeat is the only trace of a session on a server, which a later attempt may end.
            self._lease.clear([each for each in others if self._ends_sessions or "sparkUser" not in each.about])
        return answer

    def _look_at_code(self, components: list[Component], plan: Plan, earlier: CheckpointState) -> None:
        """Compare the code with the recorded code; only the driver has the files that run.

        :raises ResumeRefusedError: a version has changed, or with ``code-match = true`` a file
        """
        self._code = code_now(self._spec, components, earlier.fingerprint_salt)
        self._recorder.know(self._code)
        found = make_plan(self._spec, earlier, code=self._code)
        if found != plan:
            self._recorder.running(found)

    @property
    def _ends_sessions(self) -> bool:
        """Whether this driver ends the sessions that dead drivers have left on a Spark Connect server."""
        return self._request.connect is not None and self._given is None

    def _wait_for_others(self) -> list[Other]:
        others = self._lease.others(self._log.retried(self._log.listing))
        if not self._ends_sessions:  # what such a driver runs on its server outlives its process
            others = [replace(each, process=None) if "sparkUser" in each.about else each for each in others]

        def tell(other: Other) -> None:
            limit = max(other.lease_seconds, self._lease.terms.seconds) + self._log.store.clock_slack
            say(f"Waiting for {other.description} to end, {limit:g} s at most after its last sign of life ...")

        number = self._recorder.newest
        assert number is not None  # noqa: S101  # *running* is recorded
        for _ in self._lease.wait(others, number, sleep=time.sleep, tell=tell):
            self._watchdog.guard()
        return others

    def _run(self, components: list[Component], earlier: CheckpointState, others: list[Other]) -> tuple[int, str]:
        recorder, tag = self._recorder, f"spark-pipeline-{self._lease.incarnation}"
        try:
            spark = self._given or start_spark(
                self._request,
                others,
                self._lease.incarnation,
                self._redactor,
                owns_process=self._owns_process,
                py_files=self._py_files,
            )
        except Exception as error:  # anything Spark raises while starting is the reason of the failure
            recorder.refused(error)
            others.clear()  # their work on the server may still run: the next attempt must find them
            return protocol.EXIT_COMPONENT_FAILED, f"Spark did not start: {recorder.describe(error, None).headline}"
        try:
            application = application_id(spark)
            recorder.application(application)
            say(f"Spark {spark.version}, application {application}, attempt {recorder.state.attempt}")
            tag_jobs(spark, tag)
            steps: list[Callable[[], object]] = [lambda: cancel_jobs(spark, tag), lambda: close_session(spark)]
            self._watchdog.on_cancel(*(steps if self._given is None else steps[:1]))
            outputs = self._outputs.of_unit
            plan, restored = final_plan(self._spec, components, earlier, self._code, recorder, spark, outputs)
            complete = self._loop(components, plan, restored, spark, tag)
        except SparkPipelineError:
            raise
        except Exception as error:  # Spark could not read or restore a saved output
            self._watchdog.guard()
            recorder.refused(error)
            complete = False
        finally:
            if self._given is None:
                # Spark prints while it stops. Stop it first, so that the summary is the last line of the log.
                if not close_session(spark):
                    self._watchdog.keep_lease()  # the next attempt must look for what is still running
            else:
                untag_jobs(spark, tag)
        return (protocol.EXIT_COMPLETED if complete else protocol.EXIT_COMPONENT_FAILED), summarize(recorder.state)

    def _loop(self, components: list[Component], plan: Plan, restored: Restored, spark: SparkSession, tag: str) -> bool:
        loop = ComponentLoop(
            self._spec,
            components,
            plan,
            self._recorder,
            workdir=self._outputs.of_try,
            restored=restored,
            hooks=self._calls,
            pause=self._watchdog.pause,
            jobs=Jobs(spark, tag, [component.instance_name for component in self._spec.components]),
            last_resort=self._last_resort,
        )
        try:
            return loop.run(spark)
        finally:
            self.interrupt = loop.interrupt
            if loop.abandoned:
                self._watchdog.keep_lease()  # the next attempt must wait until this process has ended

    def _delete_unrecorded(self) -> None:
        """Delete the outputs of the components that were running when this driver stopped: no commit will name them."""
        self._outputs.delete(self._log.outputs, self._recorder.unrecorded)

    def _last_resort(self) -> None:
        if self._owns_process:
            say("The component did not stop at its timeout, so the process ends")
            os._exit(protocol.EXIT_COMPONENT_FAILED)
        say("The component did not stop at its timeout; interrupting it")
