"""What one try of the operator submits, and the attempt that it is.

Imported when a task runs, so that parsing a DAG file pays for none of it.
"""

from __future__ import annotations

import ast
import contextlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_spark_pipeline.checkpoint.catalog import prune
from airflow_spark_pipeline.checkpoint.claimant import Caller
from airflow_spark_pipeline.checkpoint.key import UnitKey, make_run_id, unit_path
from airflow_spark_pipeline.checkpoint.location import StoreLocation
from airflow_spark_pipeline.checkpoint.log import RunLog
from airflow_spark_pipeline.checkpoint.state import CheckpointState
from airflow_spark_pipeline.checkpoint.stores.base import CheckpointStore
from airflow_spark_pipeline.checkpoint.stores.credentials import are_temporary
from airflow_spark_pipeline.checkpoint.stores.local import LocalStore
from airflow_spark_pipeline.deployment.locations import (
    checkpoint_location,
    configured,
    lease_seconds,
    location_of,
    storage_options,
)
from airflow_spark_pipeline.deployment.task_instance import caller as caller_of
from airflow_spark_pipeline.deployment.task_instance import (
    forget_wanted_on_change,
    remember,
    remember_description,
    remember_identity,
    remember_run,
    remembered_run,
    task_is,
    unit_key,
    wanted_on_change,
)
from airflow_spark_pipeline.exceptions import CheckpointError, NothingToResumeError
from airflow_spark_pipeline.hooks.spark_pipeline import SparkPipelineSubmitHook
from airflow_spark_pipeline.launch.archives import LAUNCHER
from airflow_spark_pipeline.launch.preflight import check_components
from airflow_spark_pipeline.launch.provider import hook_of
from airflow_spark_pipeline.planning import Code, Selection
from airflow_spark_pipeline.protocol import ConnectTarget, DriverRequest
from airflow_spark_pipeline.secrets import mask, mask_text, more_names
from airflow_spark_pipeline.task.attempt import TaskAttempt
from airflow_spark_pipeline.task.code_here import code_here
from airflow_spark_pipeline.task.unit_choice import Target, by_run_id, of_pipeline

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_spark_pipeline.operators.spark_pipeline import SparkPipelineOperator
    from airflow_spark_pipeline.pipeline.spec import PipelineSpec

# By the way, each success removes what is left of a few runs of its pipeline that ended a month ago.
_KEPT_SECONDS = 30 * 24 * 3600.0
_LOOKED_AT = 10


class Submission:
    """One try; made by :meth:`of`, which looks into the log. Nothing is written before :meth:`begin`.

    :param directory: private to this try; the files that it writes there are gone when the task ends
    """

    def __init__(self, operator: SparkPipelineOperator, spec: PipelineSpec, context: Context, directory: Path) -> None:
        self._operator = operator
        self._context = context
        #: Private to this try; gone when the task ends.
        self.directory = directory
        self._options: dict[str, Any] = {}
        checkpoint = spec.checkpoint.with_defaults(enabled=True, auto_resume=True)
        checkpoint = checkpoint.with_overrides(
            auto_resume=operator.auto_resume, on_change=wanted_on_change(context) or operator.on_change
        )
        if not checkpoint.enabled:
            checkpoint = replace(checkpoint, auto_resume=False, store=None)
        # From here on the description says what holds, defaults and arguments included; the driver reads it so.
        self.spec = replace(spec, checkpoint=checkpoint)
        self._keeps_history = not checkpoint.cleanup_on_success
        self.keeps_progress = checkpoint.enabled

    @classmethod
    def of(
        cls,
        operator: SparkPipelineOperator,
        spec: PipelineSpec,
        context: Context,
        directory: Path,
        *,
        unit: str | None = None,
    ) -> Submission:
        """Return the try, with the unit of work that it is about.

        :param directory: private to this try
        :param unit: the directory of the unit of work, where the try claimed it before it was deferred
        :raises CheckpointLocationError: the checkpoint location cannot be used
        """
        submission = cls(operator, spec, context, directory)
        submission._find(unit)
        return submission

    def _find(self, unit: str | None) -> None:
        operator, spec, context = self._operator, self.spec, self._context
        if self.keeps_progress:
            self.location = checkpoint_location(operator.checkpoint_location, spec.checkpoint.location)
        else:  # the log still tells what came of this try, and goes with it
            self.location = str(self.directory / "log")
        self._caller = caller = caller_of(context)
        key = unit_key(context)
        self._store = self._open()
        if self._store.way:
            operator.log.info("Checkpoints at %s, through %s", mask_text(self.location), self._store.way)
        self._lease_seconds = lease_seconds()
        # A unit that was claimed before is not looked for again: by now another one may be the newest.
        claimed = None if unit is None else by_run_id(make_run_id(unit, 0), spec.pipeline_name, key, caller)
        target = self._target(key, caller) if claimed is None else replace(claimed, run_id=None)
        self._unit = target.unit
        self.attempt = TaskAttempt(
            spec,
            RunLog(self._store, self._unit),
            key,
            target.caller,
            auto_resume=spec.checkpoint.auto_resume,
            lease_seconds=self._lease_seconds,
            selection=Selection(operator.start_from or None, names(operator.only), names(operator.force)),
            run_id=target.run_id,
            is_active=task_is(context, or_will_retry=False),
            code=self._code,
        )
        self._resumes = target.run_id

    def _code(self, recorded: CheckpointState) -> dict[str, Code]:
        operator = self._operator
        environment = {**os.environ, **(operator.env_vars or {})}
        modules = self.directory / "compared"
        return code_here(self.spec, recorded, operator.py_files, operator.dag_dir, modules, environment)

    def remember_description(self) -> None:
        """Keep in Airflow what this try runs, whole and before anything can refuse it."""
        remember_description(self._context, json.dumps(mask(self.spec.to_dict())))

    def begin(self) -> None:
        """Keep in Airflow which run this try works on, and who it is: before it records anything.

        A retry has to find the same run, whatever dies in between.
        """
        remember_identity(self._context, self._caller)
        forget_wanted_on_change(self._context)
        if self._resumes is not None:
            remember_run(self._context, self._resumes)

    def _open(self) -> CheckpointStore:
        if self.keeps_progress:
            self._options = storage_options(
                self._operator.checkpoint_conn_id or configured("checkpoint_conn_id"), self.location
            )
        return StoreLocation.of(self.location, self.spec.checkpoint.store).open(self._options)

    def _target(self, key: UnitKey, caller: Caller) -> Target:
        spec, run_id = self.spec, self._operator.resume_run_id
        if run_id:
            if not self.keeps_progress:
                raise NothingToResumeError(
                    "resume_run_id needs checkpoints, and checkpoint.enabled is false.", run_id=run_id
                )
            return by_run_id(run_id, spec.pipeline_name, key, caller)
        if self._operator.resume_scope == "dag_run" or not spec.checkpoint.auto_resume:
            return Target(unit_path(spec.pipeline_name, key), caller)
        return of_pipeline(
            self._store,
            spec.pipeline_name,
            key,
            caller,
            remembered=remembered_run(self._context),
            is_active=task_is(self._context, or_will_retry=False),
            will_retry=task_is(self._context, or_will_retry=True),
        )

    @property
    def is_local(self) -> bool:
        """Whether the location is a directory, which other machines may not see."""
        return isinstance(self._store, LocalStore)

    @property
    def place(self) -> StoreLocation:
        """Where the run is recorded, for a trigger."""
        return location_of(self.location, self._operator.checkpoint_conn_id, self.spec.checkpoint)

    @property
    def pipeline_name(self) -> str:
        """As the description says it."""
        return self.spec.pipeline_name

    @property
    def unit(self) -> str:
        """The directory of the unit of work."""
        return self._unit

    def progress(self) -> CheckpointState | None:
        """Return where the driver stands, if it runs elsewhere: the task's log shows nothing of its output."""
        hook = hook_of(self._operator)
        elsewhere = isinstance(hook, SparkPipelineSubmitHook) and not hook.runs_driver_here
        return self.attempt.newest() if elsewhere else None

    def forget_job(self) -> None:
        """Let the parent not find the job of an earlier try again."""
        self._operator.forget_earlier_job(self._context)

    def outcome(self, exit_code: int | None) -> CheckpointState:
        """Return the completed state of this try, and show in Airflow where the run stands either way.

        :raises ComponentFailedError: it is not completed
        """
        if are_temporary(self._options):
            # Those of the start may have ended with a run of hours.
            self.attempt.use(RunLog(self._open(), self._unit))
        try:
            return self.attempt.outcome(exit_code)
        finally:
            if self.attempt.last_state is not None:
                self.remember(self.attempt.last_state)

    def remember(self, state: CheckpointState) -> None:
        """Show in Airflow where the run stands."""
        if self.keeps_progress:
            remember(self._context, state)

    def retire(self) -> None:
        """Clean up after success; what cannot be deleted is only said, since the work is done."""
        try:
            self.attempt.retire(keep_history=self._keeps_history)
            prune(
                self._store,
                _KEPT_SECONDS,
                pipeline_name=self.spec.pipeline_name,
                abandoned=False,
                at_most=_LOOKED_AT,
            )
        except CheckpointError as error:
            self._operator.log.warning("The run succeeded, but its checkpoints could not be cleaned up: %s", error)

    def launcher(self) -> Path:
        """Return the driver's launcher, in a directory of its own."""
        # Python puts the launcher's directory first on the module path: nothing else may lie there.
        # No import can name a file with a dash, so that not even the launcher hides a module of the user.
        launcher = self.directory / "launch" / "spark-pipeline.py"
        launcher.parent.mkdir()
        shutil.copy(LAUNCHER, launcher)
        return launcher

    def check(self, launcher: Path, *, python: str, path: Sequence[str], modules_elsewhere: bool = False) -> None:
        """Load the components as the driver will on this machine, see :func:`check_components`.

        :raises PipelineDefinitionError: what is wrong with them
        """
        request = self._write("check.json", DriverRequest(pipeline=self.spec.to_dict(), secret_names=more_names()))
        check_components(
            request,
            launcher=launcher,
            python=python,
            path=path,
            variables=self._operator.env_vars or {},
            modules_elsewhere=modules_elsewhere,
            source=self.spec.source,
        )
        request.unlink()  # should this task be killed, nothing with a secret in it stays behind

    def claim(self, *, spark_config: Mapping[str, str], local: bool, connect: ConnectTarget | None = None) -> Path:
        """Claim the unit of work and write the driver's request.

        :param spark_config: settings that the request carries
        :param local: whether the end of the driver's processes is the end of all work
        :return: the request's file
        """
        token = self.attempt.claim()
        self.remember(self.attempt.claimed)
        request = DriverRequest(
            pipeline=self.spec.to_dict(),
            location=self.location,
            storage_options=self._options,
            unit=self._unit,
            token=token,
            spark_config=spark_config,
            lease_seconds=self._lease_seconds,
            local=local,
            connect=connect,
            secret_names=more_names(),
        )
        return self._write("request.json", request)

    def _write(self, name: str, request: DriverRequest) -> Path:
        path = self.directory / name
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(request.to_json())
        return path


def names(value: str | Sequence[str] | None) -> tuple[str, ...]:
    """Return names from an argument: one, a list, or a list that a template rendered as text; nothing empty."""
    if isinstance(value, str) and value.startswith("[") and value.endswith("]"):
        with contextlib.suppress(ValueError, SyntaxError):
            value = ast.literal_eval(value)
    return tuple(filter(None, [value] if isinstance(value, str) else value or ()))
