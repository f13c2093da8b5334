"""One run of a pipeline outside a DAG: load, claim, drive, and clean up after a success."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_spark_pipeline import protocol
from airflow_spark_pipeline.checkpoint.key import make_run_id
from airflow_spark_pipeline.checkpoint.log import RunLog
from airflow_spark_pipeline.checkpoint.state import CheckpointState, CheckpointStatus, Commit
from airflow_spark_pipeline.checkpoint.stores.base import CheckpointStore
from airflow_spark_pipeline.exceptions import CheckpointError
from airflow_spark_pipeline.pipeline.spec import CheckpointSpec, PipelineSpec
from airflow_spark_pipeline.planning import Selection
from airflow_spark_pipeline.protocol import DriverRequest, Token
from airflow_spark_pipeline.runtime.driver.components_and_hooks import load
from airflow_spark_pipeline.runtime.driver.driver import Driver
from airflow_spark_pipeline.runtime.lifecycle.base import PipelineHooks
from airflow_spark_pipeline.runtime.process.lifeline import started_by_spark_submit
from airflow_spark_pipeline.runtime.process.output import say
from airflow_spark_pipeline.runtime.process.redaction import redactor_of
from airflow_spark_pipeline.runtime.standalone import claiming
from airflow_spark_pipeline.runtime.standalone import spark as sessions
from airflow_spark_pipeline.runtime.standalone.claiming import Unit
from airflow_spark_pipeline.runtime.standalone.report import RunReport, failed
from airflow_spark_pipeline.spark_installation import require_spark

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@dataclass(frozen=True)
class RunnerSettings:
    """What all runs of a runner share; the arguments of ``PipelineRunner``."""

    spark: SparkSession | None
    storage_options: Mapping[str, Any]
    lease_seconds: float
    py_files: tuple[str, ...]


@dataclass(frozen=True)
class OneRun:
    """One run.

    :param location: location of the saved outputs
    :param seen: newest commit of the run to resume; the claim fails if there is a newer one
    :param recorded: state with the views that the components of earlier attempts made
    :param resumable: whether anything of the run is kept after this process
    """

    spec: PipelineSpec
    store: CheckpointStore
    location: str
    unit: Unit
    selection: Selection | None
    seen: Commit | None = None
    recorded: CheckpointState | None = None
    resumable: bool = True

    def drive(
        self, hooks: tuple[PipelineHooks, ...], settings: RunnerSettings, claimed: Callable[[str | None], None]
    ) -> RunReport:
        """Run the pipeline and return its report.

        :param hooks: hooks to call in addition to those of the description
        :param claimed: called with ``None`` before the claim, and with the id of a resumable run after it
        """
        # Problems of the description are reported before anything is claimed.
        components, _ = load(self.spec, self.recorded, *hooks)
        log = RunLog(self.store, self.unit.path)
        spark = settings.spark or sessions.active_session()
        target = None if spark is not None else sessions.connect_target(self.spec, settings.py_files)
        if spark is None and not started_by_spark_submit():
            require_spark(connect=target is not None)
        claimed(None)
        token = claiming.claim(
            log,
            self.spec,
            self.unit,
            lease_seconds=settings.lease_seconds,
            selection=self.selection,
            seen=self.seen,
            components=components,
        )
        claimed(make_run_id(self.unit.path, token.number) if self.resumable else None)
        request = self._request(token, settings, spark, target)
        redactor = redactor_of(request)
        driver = Driver(
            request, redactor, log, spark=spark, hooks=hooks, owns_process=False, py_files=settings.py_files
        )
        code, summary = driver.drive()
        if driver.interrupt is not None:
            raise driver.interrupt
        if code != protocol.EXIT_COMPLETED:
            raise failed(driver.state, redactor.mask(summary), resumable=self.resumable)
        say(redactor.mask(summary))
        if not self.unit.is_airflows:
            _retire(log, self.spec.checkpoint)
        return RunReport(driver.state)

    def _request(
        self, token: Token, settings: RunnerSettings, spark: SparkSession | None, target: protocol.ConnectTarget | None
    ) -> DriverRequest:
        return DriverRequest(
            pipeline=self.spec.to_dict(),
            location=self.location,
            storage_options=settings.storage_options,
            unit=self.unit.path,
            token=token,
            spark_config={} if spark is not None else sessions.spark_config(self.spec),
            connect=target,
            lease_seconds=settings.lease_seconds,
            local=sessions.is_local(spark, self.spec),
        )


def _retire(log: RunLog, checkpoint: CheckpointSpec) -> None:
    """Clean up after success; a failed deletion is only reported, since the work is done."""
    try:
        latest = log.latest()
        if latest is not None and latest.state.status is CheckpointStatus.COMPLETED:
            keep_outputs = latest.state.kept_seconds is not None
            log.retire(latest, keep_history=not checkpoint.cleanup_on_success, keep_outputs=keep_outputs)
    except CheckpointError as error:
        say(f"The run succeeded, but its checkpoints could not be cleaned up: {error}")
