"""Pipelines outside a DAG: in a notebook, a plain ``spark-submit``, a test, or behind the command line.

Guarantees: runs use the same driver, loop and log as under Airflow, in this process; a session that is passed or active
is used and not stopped; a failed run raises an error with the id to resume it by. Outside Airflow every run is a new
unit of work with a new id. It is resumed by that id, or by ``auto-resume`` as the newest unfinished run of its
pipeline. Not guaranteed: stopping a component that ignores cancellation, since the process belongs to the caller and is
not ended.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_spark_pipeline.checkpoint.location import StoreLocation
from airflow_spark_pipeline.checkpoint.log import RunLog
from airflow_spark_pipeline.checkpoint.state import DEFAULT_LEASE_SECONDS, CheckpointState, Commit
from airflow_spark_pipeline.checkpoint.stores.base import CheckpointStore
from airflow_spark_pipeline.checkpoint.stores.locations import open_store
from airflow_spark_pipeline.checkpoint.stores.read_only import ReadingStore
from airflow_spark_pipeline.exceptions import (
    CheckpointError,
    PipelineDefinitionError,
    Problem,
)
from airflow_spark_pipeline.pipeline.parse_result import Reading
from airflow_spark_pipeline.pipeline.spec import PipelineSpec
from airflow_spark_pipeline.planning import AlreadyCompletedError, KnownViews, Plan, Selection, Waits, waits_for
from airflow_spark_pipeline.runtime.component.loading import load_components
from airflow_spark_pipeline.runtime.component.views import known_views
from airflow_spark_pipeline.runtime.driver.components_and_hooks import problems_of
from airflow_spark_pipeline.runtime.lifecycle.base import PipelineHooks, flatten
from airflow_spark_pipeline.runtime.lifecycle.checkpoints import CheckpointHooks
from airflow_spark_pipeline.runtime.process.output import say
from airflow_spark_pipeline.runtime.spark.given_session import configured
from airflow_spark_pipeline.runtime.standalone import claiming
from airflow_spark_pipeline.runtime.standalone import spark as sessions
from airflow_spark_pipeline.runtime.standalone.modules import directory_of, importable
from airflow_spark_pipeline.runtime.standalone.one_run import OneRun, RunnerSettings
from airflow_spark_pipeline.runtime.standalone.report import RunReport
from airflow_spark_pipeline.runtime.standalone.waiting import refuse_if_alive, wait_until_silent
from airflow_spark_pipeline.secrets import mask_text

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Config = str | os.PathLike[str] | PipelineSpec


class PipelineRunner:
    """Runs pipelines in this process.

    .. code-block:: python

        runner = PipelineRunner(spark)
        report = runner.run_with_checkpointing("daily_etl.conf")

    A config is a path, HOCON text, or a ``PipelineSpec``; reading HOCON needs the package ``pyhocon``. Templates in it
    are rendered as under Airflow, with ``values``. While a file is validated or run, modules are also looked for in its
    directory.

    :param spark: Spark session to use, which is not stopped; default: the active session, otherwise a new one that the
        description configures and that is stopped at the end
    :param location: checkpoint location, instead of the description's; default: the description's location, otherwise a
        directory in the system's temporary directory
    :param storage_options: fsspec options for the location
    :param store: checkpoint store to use, instead of the location
    :param namespace: namespace that is part of the identity of every run
    :param lease_seconds: seconds without a heartbeat after which this run counts as dead
    :param py_files: ``.py``, ``.zip`` or ``.egg`` files with modules that Spark's workers on other machines need; they
        are added to a session that the runner opens
    :param values: values for the names in a config's templates: ``{"ds": "2026-01-31", "params": {"region": "eu"}}``.
        From one of ``ds``, ``ts`` and ``logical_date`` the others are derived, also ``ds_nodash`` and similar names
    """

    def __init__(
        self,
        spark: SparkSession | None = None,
        *,
        location: str | os.PathLike[str] | None = None,
        storage_options: Mapping[str, Any] | None = None,
        store: CheckpointStore | None = None,
        namespace: str = "default",
        lease_seconds: float = DEFAULT_LEASE_SECONDS,
        py_files: Sequence[str | os.PathLike[str]] = (),
        values: Mapping[str, Any] | None = None,
    ) -> None:
        self._spark = spark
        self._values = values
        self._location = None if location is None else os.fspath(location)
        self._options = dict(storage_options or {})
        self._store = store
        self._namespace = namespace
        self._settings = RunnerSettings(
            spark, self._options, lease_seconds, tuple(os.fspath(file) for file in py_files)
        )
        #: Id of the resumable run that was started last, whatever its result; ``None`` before the first.
        self.run_id: str | None = None

    def run(
        self, config: Config, hooks: PipelineHooks | None = None, *, selection: Selection | None = None
    ) -> RunReport:
        """Run a pipeline from the beginning. Nothing is recorded unless the hooks include ``CheckpointHooks``.

        :raises PipelineDefinitionError: the description is wrong
        :raises SparkInstallationError: Spark cannot start here
        :raises ComponentFailedError: a component failed; with ``CheckpointHooks`` its ``run_id`` can be resumed
        """
        spec = _read(config, self._values)
        checkpoints = next((hook for hook in flatten(hooks) if isinstance(hook, CheckpointHooks)), None)
        unit = claiming.fresh_unit(spec, self._namespace)
        if checkpoints is not None:
            location = self._location or checkpoints.store.location
            return self._run(OneRun(spec, checkpoints.store, location, unit, selection), hooks)
        spec = replace(spec, checkpoint=replace(spec.checkpoint, store=None, auto_resume=False))
        with tempfile.TemporaryDirectory(prefix="spark-pipeline-") as directory:
            run = OneRun(spec, open_store(directory), directory, unit, selection, resumable=False)
            return self._run(run, hooks)

    def run_with_checkpointing(
        self,
        config: Config,
        hooks: PipelineHooks | None = None,
        *,
        auto_resume: bool | None = None,
        selection: Selection | None = None,
    ) -> RunReport:
        """Run a pipeline and record its progress, unless the description says ``checkpoint.enabled = false``.

        With ``auto-resume = true`` the newest run of the pipeline that did not complete is resumed.
        If its driver may still be running, this waits until the driver has been silent for a whole lease.

        :param auto_resume: whether to resume the newest run, instead of ``auto-resume`` in the description
        :raises PipelineDefinitionError: the description is wrong
        :raises StillRunningError: the newest run is still running
        :raises ResumeRefusedError: a completed component was changed
        :raises ComponentFailedError: a component failed; its ``run_id`` can be resumed
        """
        spec = _read(config, self._values)
        checkpoint = spec.checkpoint.with_defaults(enabled=True).with_overrides(auto_resume=auto_resume)
        spec = replace(spec, checkpoint=checkpoint)
        if not checkpoint.enabled:
            return self.run(spec, hooks, selection=selection)
        store, location = self._place(spec)
        while True:
            seen, unit = None, claiming.fresh_unit(spec, self._namespace)
            if checkpoint.auto_resume:
                unit = claiming.next_unit(store, spec, self._namespace)
                seen = claiming.last_unfinished(store, spec, self._namespace, wait_until_silent)
                say(_found(seen, spec, location))
            unit = unit if seen is None else claiming.unit_of(seen.state)
            try:
                return self._run(OneRun(spec, store, location, unit, selection, seen=seen), hooks)
            except claiming.MovedOnError:
                continue  # another process was faster

    def resume(
        self,
        config: Config,
        run_id: str,
        hooks: PipelineHooks | None = None,
        *,
        selection: Selection | None = None,
    ) -> RunReport:
        """Resume a run that did not complete; the id may be that of any of its attempts.

        If the run has completed in the meantime, its report is returned and nothing runs.

        :raises NothingToResumeError: there is no such run of this pipeline, or it was discarded
        :raises StillRunningError: a driver of the run is still running
        :raises ResumeRefusedError: a completed component was changed
        :raises ComponentFailedError: a component failed
        """
        spec = _read(config, self._values)
        # Views that a skipped component made must exist: refuse a pipeline that cannot be resumed.
        spec = replace(spec, checkpoint=spec.checkpoint.with_overrides(enabled=True, auto_resume=True))
        store, location = self._place(spec)
        while True:
            seen = claiming.find_resumable(store, spec, run_id, wait_until_silent)
            unit = claiming.unit_of(seen.state)
            try:
                run = OneRun(spec, store, location, unit, selection, seen=seen, recorded=seen.state)
                return self._run(run, hooks)
            except AlreadyCompletedError as done:
                say(str(done))
                return RunReport(done.state)
            except claiming.MovedOnError:
                continue  # another process was faster

    def list_resumable(self, pipeline_name: str | None = None) -> list[CheckpointState]:
        """Return the runs that can be resumed, newest first. Nothing is written; a missing location has no runs.

        :param pipeline_name: name of the pipeline whose runs to return; default: all pipelines
        :raises CheckpointError: the location cannot be read
        """
        if self._store is None and self._location is None:
            raise CheckpointError(
                "Give the runner a location, or a store: PipelineRunner(location=…).list_resumable()."
            )
        store = self._store or open_store(self._location or "", self._options)
        return claiming.resumable_runs(ReadingStore(store), pipeline_name)

    def validate(self, config: Config) -> list[Problem]:
        """Return all problems of a description. Its classes are imported; nothing runs, and Spark is not started."""
        try:
            reading = _reading(config, self._values)
        except PipelineDefinitionError as error:
            return list(error.problems)
        with importable(*directory_of(None if reading.spec is None else reading.spec.source)):
            return problems_of(reading)

    def plan(self, config: Config, run_id: str | None = None, *, selection: Selection | None = None) -> Plan:
        """Return what would run, what would be skipped, and why. Spark is not started, and nothing is written.

        :param run_id: id of the run that :meth:`resume` would get; ``None`` for the plan of
            :meth:`run_with_checkpointing`
        :raises ResumeRefusedError: the recorded state no longer fits the description
        """
        spec = _read(config, self._values)
        unit = claiming.fresh_unit(spec, self._namespace)
        store = ReadingStore(self._place(spec)[0])
        if run_id is not None:
            unit = claiming.unit_of(claiming.find_resumable(store, spec, run_id, refuse_if_alive).state)
        elif spec.checkpoint.auto_resume:
            seen = claiming.last_unfinished(store, spec, self._namespace, refuse_if_alive)
            unit = unit if seen is None else claiming.unit_of(seen.state)
        with importable(*directory_of(spec.source)):
            try:
                components = load_components(spec.components)
            except PipelineDefinitionError:  # their code cannot be compared then; a run reports why
                components = None
            return claiming.decide(spec, RunLog(store, unit.path).latest(), selection, components)[1]

    def waits(self, config: Config) -> Waits:
        """Return what each component waits for, in order; views are not known if a class cannot be loaded."""
        spec = _read(config, self._values)
        with importable(*directory_of(spec.source)):
            try:
                views = known_views(load_components(spec.components))
            except PipelineDefinitionError:
                views = [KnownViews()] * len(spec.components)
        return waits_for(spec, views)

    # ---- one run

    def _place(self, spec: PipelineSpec) -> tuple[CheckpointStore, str]:
        named = self._location or spec.checkpoint.location
        if self._store is not None:
            return self._store, named or self._store.location
        where = StoreLocation.of(named, spec.checkpoint.store)
        if where.temporary:
            say(f"No checkpoint location is given; using {where.location}, which a reboot may clear.")
        return where.open(self._options), where.location

    def _run(self, run: OneRun, hooks: PipelineHooks | None) -> RunReport:
        """Do one run. Its id is known as soon as it is claimed, whatever comes of it."""

        def claimed(run_id: str | None) -> None:
            self.run_id = run_id

        more = tuple(hook for hook in flatten(hooks) if not isinstance(hook, CheckpointHooks))
        with importable(*directory_of(run.spec.source)), configured(self._spark or sessions.active_session(), run.spec):
            return run.drive(more, self._settings, claimed)


def _read(config: Config, values: Mapping[str, Any] | None) -> PipelineSpec:
    return config if isinstance(config, PipelineSpec) else _reading(config, values).checked()


def _reading(config: Config, values: Mapping[str, Any] | None) -> Reading:
    if isinstance(config, PipelineSpec):
        return Reading(config)
    try:
        from airflow_spark_pipeline.rendering.without_airflow import read_config

        spec = read_config(config, values)
    except ImportError as error:
        raise PipelineDefinitionError(
            [
                Problem(
                    f"HOCON needs the packages pyhocon and jinja2 here ({error}); install them, or pass a PipelineSpec"
                )
            ]
        ) from error
    for warning in spec.warnings:
        say(f"warning: {warning}")
    return spec


def _found(seen: Commit | None, spec: PipelineSpec, location: str) -> str:
    """Say whether auto-resume found a run to resume, so that an unexpected full run is noticed early."""
    if seen is None:
        return f"No run of {spec.pipeline_name!r} to resume in {mask_text(location)}; a new one starts."
    done = f"{len(seen.state.completed_components)} of {seen.state.total_components} components are done"
    return f"Resuming {seen.state.run_id}: {done}."
