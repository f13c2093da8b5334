"""A sensor that waits for a run of a pipeline: one that can be resumed, that ended, or whose component is done."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from airflow.providers.common.compat.sdk import (
    AirflowException,
    AirflowFailException,
    AirflowSkipException,
    BaseSensorOperator,
    PokeReturnValue,
    conf,
)

from airflow_spark_pipeline.task.argument_checks import as_text, choice, flag, plain_text
from airflow_spark_pipeline.task.argument_types import OF_SENSORS, check_templated

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context
    from airflow.sdk import XComArg
    from jinja2 import Environment

    from airflow_spark_pipeline.checkpoint.location import StoreLocation
    from airflow_spark_pipeline.checkpoint.query import RunQuery, WaitFor
    from airflow_spark_pipeline.exceptions import SparkPipelineError
    from airflow_spark_pipeline.pipeline.spec import PipelineSpec

_WAITS = ("resumable", "completed", "ended")
_RETRY_SECONDS = 20.0  # how long the worker retries if the store does not answer


class SparkPipelineRunSensor(BaseSensorOperator):
    """Wait for a run of a pipeline, and return its id and position.

    .. code-block:: python

        failed = SparkPipelineRunSensor(task_id="failed", pipeline_name="Daily ETL", deferrable=True)
        resume = SparkPipelineOperator(
            task_id="resume",
            pipeline="daily_etl.conf",
            resume_run_id="{{ ti.xcom_pull(task_ids='failed')['run_id'] }}",
        )
        failed >> resume

    It reads the checkpoint location, so the worker (the triggerer, if deferred) must reach it, and must have permission
    to write there: it reads the location's clock by writing a small file. A run is *resumable* if a component failed,
    or if its driver died, which means that it showed no sign of life for its lease. A run whose driver is alive is not
    resumable, and neither is a run that was submitted and whose driver has not started yet. If several runs match, the
    most recent one is returned. Runs of another ``[spark_pipeline] namespace`` are never returned.

    :param pipeline_name: name of the pipeline, as in its file (templated)
    :param pipeline: instead of the name: path, URL or text of the pipeline's HOCON file, read when the task runs. It
        provides the name, the checkpoint location, and a custom store if the file names one (templated)
    :param external_dag_id: id of a DAG; only its runs match (templated)
    :param external_task_id: id of a task; only its runs match (templated)
    :param external_run_id: run id of a DAG run; only its run matches (templated)
    :param external_map_index: map index of a mapped task; only its run matches. -1 for a task that is not mapped
        (templated)
    :param wait_for: ``resumable`` (the default), ``completed``, or ``ended`` (completed, discarded or resumable)
    :param component: name of a component, instead of ``wait_for``: wait until a run has recorded it as done. The run
        may still be running, or fail later (templated)
    :param since: only runs that reached this state, or completed this component, at or after this time: a
        ``datetime``, a ``date``, or ISO 8601 text; UTC without a time zone. Required for completed or ended runs and
        for components, unless ``external_run_id`` is set; otherwise yesterday's run would match (templated)
    :param include_retrying: also return a failed run whose own task has tries left. By default it is left to its task
    :param checkpoint_location: as for the operator (templated)
    :param checkpoint_conn_id: as for the operator
    :param deferrable: wait in the triggerer, without a worker slot; default ``[operators]
        default_deferrable``
    :param poke_interval: seconds between two checks. Deferred sensors with the same location and interval share them
    :return: ``run_id``, ``pipeline_name``, ``status`` (``failed``, ``dead``, ``completed``, ``discarded``),
        ``attempt``, ``dag_id``, ``dag_run_id``, ``task_id``, ``map_index``, ``iteration`` (of a loop),
        ``failed_component``, ``failed_position`` (from 1), ``failed_components`` (all of them), ``total_components``,
        ``completed_components``, ``error``, ``updated_at`` (XCom)
    """

    template_fields: Sequence[str] = (
        "pipeline_name",
        "pipeline",
        "external_dag_id",
        "external_task_id",
        "external_run_id",
        "external_map_index",
        "component",
        "since",
        "checkpoint_location",
    )
    ui_color = "#f5dcc4"
    argument_types: ClassVar = OF_SENSORS
    needs_arguments: tuple[str, ...] = ()  # a template that gives nothing would match any run

    def __init__(
        self,
        *,
        pipeline_name: str | None = None,
        pipeline: str | os.PathLike[str] | XComArg | None = None,
        external_dag_id: str | None = None,
        external_task_id: str | None = None,
        external_run_id: str | None = None,
        external_map_index: int | str | XComArg | None = None,
        wait_for: WaitFor = "resumable",
        component: str | None = None,
        since: date | str | XComArg | None = None,
        include_retrying: bool = False,
        checkpoint_location: str | os.PathLike[str] | None = None,
        checkpoint_conn_id: str | None = None,
        deferrable: bool | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if pipeline_name is not None and pipeline is not None:
            raise ValueError("give pipeline_name or pipeline, not both: the file contains the name")
        if pipeline_name is None and pipeline is None and external_dag_id is None:
            raise ValueError("which run? Give pipeline_name, pipeline, or external_dag_id")
        choice("wait_for", wait_for, _WAITS)
        if component is not None and wait_for != "resumable":
            raise ValueError("give component or wait_for, not both: the run of a component may be in any state")
        if (wait_for != "resumable" or component is not None) and since is None and external_run_id is None:
            which = f"wait_for={wait_for!r}" if component is None else f"component={component!r}"
            raise ValueError(
                f"{which} would match a run that ended long ago; give since, such as '{{{{ data_interval_end }}}}', or "
                "external_run_id"
            )
        self.pipeline_name = pipeline_name
        self.pipeline = as_text(pipeline)
        self.text_of_dag: str | None = None  # text of a pipeline that is not a file, before rendering
        self.external_dag_id = external_dag_id
        self.external_task_id = external_task_id
        self.external_run_id = external_run_id
        self.external_map_index: Any = external_map_index
        self.wait_for = wait_for
        self.component = component
        self.since: Any = since
        self.include_retrying = flag("include_retrying", include_retrying, default=False)
        self.checkpoint_location = as_text(checkpoint_location)
        self.checkpoint_conn_id = plain_text("checkpoint_conn_id", checkpoint_conn_id)
        self.deferrable_is_named = deferrable is not None
        default_deferrable = conf.getboolean("operators", "default_deferrable", fallback=False)
        self.deferrable = flag("deferrable", deferrable, default_deferrable)
        check_templated(self)

    def _do_render_template_fields(
        self, parent: Any, template_fields: Any, context: Context, jinja_env: Environment, seen_oids: set[int]
    ) -> None:
        """Render the templated arguments in the same way as the operator."""
        if parent is not self:
            super()._do_render_template_fields(parent, template_fields, context, jinja_env, seen_oids)
            return
        from airflow_spark_pipeline.task import arguments

        arguments.render(self, super()._do_render_template_fields, template_fields, context, jinja_env, seen_oids)

    def execute(self, context: Context) -> Any:
        """Check once; then wait in the triggerer if deferrable, otherwise like any sensor."""
        if not self.deferrable:
            return super().execute(context)
        try:
            found = self.poke(context)
        except AirflowFailException as error:
            if self.soft_fail or self.never_fail:
                raise AirflowSkipException(str(error)) from error
            raise
        if found:
            return found.xcom_value
        place, query = self._what(context)
        if self._may_travel(place):
            self._defer(place, query)
        return super().execute(context)

    def _may_travel(self, place: StoreLocation) -> bool:
        """Whether a trigger may carry the location: Airflow's database must not contain secrets."""
        from airflow_spark_pipeline.deployment.locations import secrets_of

        secrets = ", ".join(secrets_of(place))
        if not secrets:
            return True
        message = f"The checkpoint location contains secrets ({secrets}), which a trigger must not contain."
        if self.deferrable_is_named:
            raise AirflowFailException(f"{message} Let the store read them elsewhere, or set deferrable=False.")
        self.log.warning("%s Waiting on the worker instead.", message)
        return False

    def _defer(self, place: StoreLocation, query: RunQuery) -> NoReturn:
        from airflow_spark_pipeline.triggers.spark_pipeline import SparkPipelineRunTrigger

        trigger = SparkPipelineRunTrigger(
            place=place.to_dict(), query=query.to_dict(), poll_interval=self.poke_interval
        )
        self.defer(trigger=trigger, method_name="execute_complete", timeout=timedelta(seconds=self.timeout))

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Return the run that the trigger found."""
        if "error" in event:
            raise (AirflowException if event["retry_helps"] else AirflowFailException)(event["error"])
        run: dict[str, Any] = event["run"]
        self._tell(run)
        return run

    def poke(self, context: Context) -> PokeReturnValue:
        """Check once."""
        from airflow_spark_pipeline.checkpoint.log import RunLog
        from airflow_spark_pipeline.checkpoint.snapshot import Snapshot
        from airflow_spark_pipeline.deployment.locations import open_location
        from airflow_spark_pipeline.exceptions import SparkPipelineError
        from airflow_spark_pipeline.planning import describe_run

        try:
            place, query = self._what(context)
            log = RunLog(open_location(place), "", retry_seconds=_RETRY_SECONDS)
            found = log.retried(lambda: query.find(Snapshot(log.store)))
        except SparkPipelineError as error:
            _fail(error)
        if found is None:
            self.log.info("No such run yet at %s", place.name)
            return PokeReturnValue(is_done=False)
        run = describe_run(found)
        self._tell(run)
        return PokeReturnValue(is_done=True, xcom_value=run)

    def _what(self, context: Context) -> tuple[StoreLocation, RunQuery]:
        """Return the location and the query."""
        from airflow_spark_pipeline.checkpoint.query import RunQuery
        from airflow_spark_pipeline.deployment.airflow_masker import take_names_of_airflow, tell_airflow
        from airflow_spark_pipeline.deployment.locations import location_of, namespace

        take_names_of_airflow()
        spec = self._describe(context)
        place = location_of(
            self.checkpoint_location, self.checkpoint_conn_id, None if spec is None else spec.checkpoint
        )
        tell_airflow([place.location], place.config)  # before anything can fail with a message that contains them
        return place, RunQuery(
            self.wait_for,
            namespace(),
            pipeline_name=self.pipeline_name if spec is None else spec.pipeline_name,
            dag_id=self.external_dag_id,
            run_id=self.external_run_id,
            task_id=self.external_task_id,
            map_index=self.external_map_index,
            since=None if self.since is None else self.since.timestamp(),
            retrying=self.include_retrying,
            component=self.component,
        )

    def _describe(self, context: Context) -> PipelineSpec | None:
        from airflow_spark_pipeline.task.arguments import settle

        settle(self)
        if self.pipeline is None:
            return None
        from airflow_spark_pipeline.task.templates import describe, source_of

        spec = describe(source_of(self), context, self.get_template_env())
        names = [component.instance_name for component in spec.components]
        if self.component and self.component not in names:
            raise AirflowFailException(
                f"Pipeline {spec.pipeline_name!r} has no component {self.component!r}; it has {', '.join(names)}."
            )
        return spec

    def _tell(self, run: dict[str, Any]) -> None:
        if self.component:
            self.log.info(
                "Component %s of run %s of pipeline %r is done", self.component, run["run_id"], run["pipeline_name"]
            )
            return
        where = ""
        if run["failed_position"] is not None:
            where = f" at [{run['failed_position']}/{run['total_components']}] {', '.join(run['failed_components'])}"
        self.log.info("Run %s of pipeline %r is %s%s", run["run_id"], run["pipeline_name"], run["status"], where)


def _fail(error: SparkPipelineError) -> NoReturn:
    raise (AirflowException if error.retry_helps else AirflowFailException)(str(error)) from None
