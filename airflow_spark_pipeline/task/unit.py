"""One try and its unit of work: what runs, in whose log it is recorded, and its result.

:meth:`Unit.open` reads Airflow's configuration and task state store, and the log; :meth:`Unit.decide` reads the log. A
plan needs no more. A try also writes: :meth:`Unit.remember_description` and :meth:`Unit.begin` into Airflow's task
state store, and :meth:`Unit.claim` into the log.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_spark_pipeline.checkpoint.key import make_run_id
from airflow_spark_pipeline.checkpoint.location import StoreLocation
from airflow_spark_pipeline.checkpoint.log import RunLog
from airflow_spark_pipeline.checkpoint.prune import prune
from airflow_spark_pipeline.checkpoint.state import CheckpointState
from airflow_spark_pipeline.checkpoint.stores.base import CheckpointStore
from airflow_spark_pipeline.checkpoint.stores.credentials import are_temporary
from airflow_spark_pipeline.checkpoint.stores.local import LocalStore
from airflow_spark_pipeline.deployment.airflow_masker import redacted_by_airflow
from airflow_spark_pipeline.deployment.chosen_on_page import (
    forget_wanted_on_change,
    wanted_on_change,
    wanted_selection,
)
from airflow_spark_pipeline.deployment.locations import lease_seconds, location_of, storage_options
from airflow_spark_pipeline.deployment.task_instance import (
    caller,
    remember,
    remember_description,
    remember_identity,
    remember_run,
    task_is,
    unit_key,
)
from airflow_spark_pipeline.deployment.task_state import TaskState
from airflow_spark_pipeline.exceptions import CheckpointError, ResumeRefusedError
from airflow_spark_pipeline.pipeline.spec import PipelineSpec
from airflow_spark_pipeline.planning import Code, Outlook
from airflow_spark_pipeline.protocol import ConnectTarget, DriverRequest
from airflow_spark_pipeline.secrets import mask, more_names
from airflow_spark_pipeline.task.attempt import TaskAttempt
from airflow_spark_pipeline.task.try_arguments import Arguments
from airflow_spark_pipeline.task.unit_choice import UnitChoice, by_run_id, choose_unit
from airflow_spark_pipeline.task.worker_code import code_here

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

# Each success also removes what is left of a few runs of its pipeline that ended a month ago.
_KEPT_SECONDS = 30 * 24 * 3600.0
_LOOKED_AT = 10


class Unit:
    """One try and its unit of work; created by :meth:`open`.

    :param arguments: arguments of the operator
    :param context: context of the task
    :param task_state: what Airflow keeps of the task instance between its tries
    :param directory: private to this try; deleted when the task ends
    :param spec: the description with defaults and arguments, as the driver gets it
    :param attempt: its claim, and what its log says
    :param location: checkpoint location
    :param options: fsspec options of the location
    :param lease_seconds: seconds without a heartbeat after which its driver counts as dead
    :param target: the unit of work
    """

    def __init__(
        self,
        arguments: Arguments,
        context: Context,
        task_state: TaskState,
        directory: Path,
        spec: PipelineSpec,
        attempt: TaskAttempt,
        location: StoreLocation,
        options: Mapping[str, Any],
        lease_seconds: float,
        target: UnitChoice,
    ) -> None:
        self.arguments = arguments
        self.context = context
        self.task_state = task_state
        self.directory = directory
        self.spec = spec
        self.attempt = attempt
        self.location = location
        self._options = options
        self._lease_seconds = lease_seconds
        self._target = target

    @classmethod
    def open(cls, arguments: Arguments, context: Context, directory: Path, *, claimed: str | None = None) -> Unit:
        """Return the try with its unit of work; nothing is written.

        :param claimed: the directory of the unit that this try claimed before it was deferred
        :raises CheckpointLocationError: the checkpoint location cannot be used
        :raises NothingToResumeError: the run to resume does not belong to this pipeline
        """
        task_state = TaskState.of(context)
        spec = _effective_spec(arguments, wanted_on_change(task_state))
        location = _location(arguments, spec, directory)
        options = storage_options(location.conn_id, location.location)
        store = location.open(options)
        if store.way:
            arguments.log.info("Checkpoints at %s, through %s", location.name, store.way)
        key, me = unit_key(context), caller(context, task_state)
        lease, chosen = lease_seconds(), wanted_selection(context, task_state)
        if claimed is None:
            target = choose_unit(arguments, context, task_state, spec, store, key, me)
        else:  # not chosen again: by now another unit may be the newest
            target = replace(by_run_id(make_run_id(claimed, 0), spec.pipeline_name, key, me), run_id=None)
        attempt = TaskAttempt(
            spec,
            RunLog(store, target.unit),
            key,
            target.caller,
            auto_resume=bool(spec.checkpoint.auto_resume),
            lease_seconds=lease,
            selection=arguments.selection if chosen is None else chosen,
            run_id=target.run_id,
            is_active=task_is(context, or_will_retry=False),
            code_now=partial(_code_now, arguments, spec, directory),
        )
        return cls(arguments, context, task_state, directory, spec, attempt, location, options, lease, target)

    def decide(self) -> Outlook:
        """Return what this try does; nothing is claimed. See :meth:`TaskAttempt.decide` for its errors."""
        try:
            return self.attempt.decide()
        except ResumeRefusedError as error:
            raise self.arguments.description.explain(error, self.context) from None

    def open_store(self, location: str | None) -> CheckpointStore:
        """Return the store of another location, or of Spark's part of this one, with the same credentials.

        :param location: ``None`` for the checkpoint location, even if a custom store keeps the log elsewhere
        :raises CheckpointLocationError: it cannot be used
        """
        options = storage_options(self.location.conn_id, location) if location else self._options
        return StoreLocation.of(location or self.location.location).open(options)

    def remember_description(self) -> None:
        """Store in Airflow the whole description that this try runs, before anything can refuse it."""
        remember_description(self.task_state, json.dumps(redacted_by_airflow(mask(self.spec.to_dict()))))

    def begin(self) -> None:
        """Store the run of this try, and the identity of its DAG run, in Airflow, before the log records anything.

        A retry must find the same run, even if the process dies in between.
        """
        remember_identity(self.task_state, self._target.caller)
        forget_wanted_on_change(self.task_state)
        if self._target.run_id is not None:
            remember_run(self.task_state, self._target.run_id)

    def claim(
        self,
        *,
        spark_config: Mapping[str, str],
        local: bool,
        connect: ConnectTarget | None = None,
        carries_keys: bool = True,
    ) -> DriverRequest:
        """Claim the unit of work, and return the request for its driver. From now on no older driver records anything.

        :param spark_config: settings in the request
        :param local: whether all work ends with the driver's processes
        :param connect: the Spark Connect server, if there is one
        :param carries_keys: whether the request contains the credentials with which Airflow opens the location;
            otherwise the driver uses its own identity
        :raises SupersededError: a newer try is running
        :raises AlreadyCompletedError: there is nothing left to run
        """
        token = self.attempt.claim()
        self._remember(self.attempt.claimed)
        return DriverRequest(
            pipeline=self.spec.to_dict(),
            location=self.location.location,
            storage_options=self._options if carries_keys else {},
            unit=self.path,
            token=token,
            spark_config=spark_config,
            lease_seconds=self._lease_seconds,
            local=local,
            connect=connect,
            secret_names=more_names(),
        )

    def check_request(self) -> DriverRequest:
        """Return a request for a check that only loads the components; nothing is claimed."""
        return DriverRequest(pipeline=self.spec.to_dict(), secret_names=more_names())

    def outcome(self, exit_code: int | None, reason: str = "") -> CheckpointState:
        """Return the completed state of this try; whether it completed or not, store in Airflow how far the run got.

        :param reason: why the job has ended, in the platform's words
        :raises ComponentFailedError: it is not completed
        :raises SupersededError: another attempt has claimed the unit
        """
        if are_temporary(self._options):
            # Credentials from the start may have expired during a run of hours.
            self._options = storage_options(self.location.conn_id, self.location.location)
            self.attempt.use(RunLog(self.location.open(self._options), self.path))
        try:
            return self.attempt.outcome(exit_code, reason)
        finally:
            if self.attempt.last_state is not None:
                self._remember(self.attempt.last_state)

    def retire(self) -> None:
        """Clean up after success; an error is only logged, since the work is done."""
        try:
            self.attempt.retire(keep_history=not self.spec.checkpoint.cleanup_on_success)
            store = self.attempt.log.store
            prune(
                store,
                _KEPT_SECONDS,
                pipeline_name=self.pipeline_name,
                abandoned=False,
                copied=False,
                at_most=_LOOKED_AT,
            )
        except CheckpointError as error:
            self.log.warning("The run succeeded, but its checkpoints could not be cleaned up: %s", error)

    @property
    def log(self) -> Any:
        """The task's logger."""
        return self.arguments.log

    @property
    def pipeline_name(self) -> str:
        """The name in the description."""
        return self.spec.pipeline_name

    @property
    def path(self) -> str:
        """The directory of the unit of work."""
        return self._target.unit

    @property
    def keeps_progress(self) -> bool:
        """Whether a retry can resume: ``checkpoint.enabled``."""
        return self.spec.checkpoint.enabled

    @property
    def is_local(self) -> bool:
        """Whether the location is a directory, which other machines may not see."""
        return isinstance(self.attempt.log.store, LocalStore)

    def _remember(self, state: CheckpointState) -> None:
        if self.keeps_progress:
            remember(self.task_state, state)


def _effective_spec(arguments: Arguments, wanted_on_change: str | None) -> PipelineSpec:
    """Return the description, completed with defaults and arguments."""
    spec = arguments.description.spec
    checkpoint = spec.checkpoint.with_defaults(enabled=True, auto_resume=True).with_overrides(
        auto_resume=arguments.auto_resume, on_change=wanted_on_change or arguments.on_change
    )
    if not checkpoint.enabled:
        checkpoint = replace(checkpoint, auto_resume=False, store=None)
    return replace(spec, checkpoint=checkpoint)


def _location(arguments: Arguments, spec: PipelineSpec, directory: Path) -> StoreLocation:
    if not spec.checkpoint.enabled:
        return StoreLocation.of(str(directory / "log"))  # it contains the result of this try, and is deleted with it
    return location_of(arguments.checkpoint_location, arguments.checkpoint_conn_id, spec.checkpoint)


def _code_now(arguments: Arguments, spec: PipelineSpec, directory: Path, recorded: CheckpointState) -> dict[str, Code]:
    environment = {**os.environ, **arguments.env_vars}
    return code_here(spec, recorded, arguments.py_files, arguments.dag_dir, directory / "compared", environment)
