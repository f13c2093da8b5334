"""An operator without Spark: a *driver* takes the request in place of spark-submit, and answers through the log."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowException
from airflow.sdk import DAG

from airflow_spark_pipeline import SparkPipelineOperator
from airflow_spark_pipeline.airflow_features import AIRFLOW
from airflow_spark_pipeline.checkpoint.key import UnitKey, unit_path
from airflow_spark_pipeline.checkpoint.log import RunLog
from airflow_spark_pipeline.checkpoint.state import CheckpointState, CheckpointStatus, Commit, ComponentAction, Failure
from airflow_spark_pipeline.checkpoint.stores.locations import open_store
from airflow_spark_pipeline.exceptions import ComponentFailedError
from airflow_spark_pipeline.hooks.spark_pipeline import SparkPipelineSubmitHook
from airflow_spark_pipeline.protocol import DriverRequest

CONF = """
spark {
  app-name = "Shop of {{ ds }}"
  config { "spark.sql.shuffle.partitions" = 7, "spark.hadoop.fs.s3a.secret.key" = hunter2 }
}
pipeline {
  pipeline-name = Shop
  pipeline-components = [
    { instance-type = shop_etl.Extract, instance-config { input-path = "/in/{{ ds }}", api-token = swordfish } }
    { instance-type = shop_etl.Clean }
    { instance-type = shop_etl.Load }
  ]
}
"""
YARN = '{"conn_type": "spark", "host": "yarn", "extra": {"deploy-mode": "cluster"%s}}'
ASKABLE = ', "yarn_resourcemanager_webapp_address": "http://rm:8088"'
UNIT = UnitKey("default", "shop", "manual__2026-01-31", "etl", -1)
NAMES = ("Extract", "Clean", "Load")


@dataclass
class TaskInstance:
    """What the operator reads of Airflow's."""

    task: SparkPipelineOperator
    try_number: int
    max_tries: int
    dag_id: str = "shop"
    run_id: str = "manual__2026-01-31"
    task_id: str = "etl"
    map_index: int = -1
    stats_tags: dict[str, str] = field(default_factory=dict)
    #: What other task instances are doing: state by DAG run.
    others: dict[str, str] = field(default_factory=dict)

    #: What is pushed to XCom beside the task's result.
    pushed: dict[str, Any] = field(default_factory=dict)

    def xcom_push(self, key: str, value: Any) -> None:
        self.pushed[key] = value

    def get_ti_count(self, *, dag_id: str, run_ids: list[str], states: list[str], **_: Any) -> int:
        return sum(self.others.get(run_id) in states for run_id in run_ids if dag_id == self.dag_id)


@dataclass
class StateStore:
    """Airflow's ``task_state_store`` of one task instance."""

    values: dict[str, Any] = field(default_factory=dict)

    def get(self, key: str) -> Any:
        return self.values.get(key)

    def set(self, key: str, value: Any, **_: Any) -> None:
        self.values[key] = value

    def delete(self, key: str) -> None:
        self.values.pop(key, None)


@dataclass
class Driver:
    """Does what the request says until the component that fails, if any.

    :param fails_at: name of a component
    :param finishes_at: name of a component that finishes the run early
    :param answer: raised when it has ended, as the provider's hook does for an exit code
    :param silent: it never starts, as where the cluster refuses the job
    """

    fails_at: str | None = None
    finishes_at: str | None = None
    answer: Exception | None = None
    silent: bool = False
    commands: list[list[str]] = field(default_factory=list)
    requests: list[DriverRequest] = field(default_factory=list)

    def submit(self, hook: SparkPipelineSubmitHook, application: str = "", **_: Any) -> None:
        arguments = hook._before_submit(hook)
        self.commands.append(hook._build_spark_submit_command(application))
        request = DriverRequest.from_json(Path(arguments[1]).read_text(encoding="utf-8"))
        self.requests.append(request)
        if not self.silent:
            self.run(request)
        if self.answer is not None:
            raise self.answer

    def run(self, request: DriverRequest) -> None:
        assert request.token is not None
        log = RunLog(open_store(request.location), request.unit)
        commit = log.adopt(request.token.number, request.token.attempt_id, request.token.nonce)
        commit = log.append(commit, replace(commit.state, status=CheckpointStatus.RUNNING))
        for component in commit.state.components:
            if component.name in commit.state.completed_components or component.action is ComponentAction.OMITTED:
                continue
            if component.name == self.fails_at:
                failure = Failure(component.name, component.index, "OSError", "disk full")
                log.append(commit, replace(commit.state, status=CheckpointStatus.FAILED, failure=failure))
                return
            commit = log.append(commit, self.done(commit.state, component.name))
            if component.name == self.finishes_at:
                commit = log.append(commit, finished(commit.state, component.index))
                break
        log.append(commit, replace(commit.state, status=CheckpointStatus.COMPLETED))

    @staticmethod
    def done(state: CheckpointState, name: str) -> CheckpointState:
        record = state.component(name)
        assert record is not None
        ran = replace(record, action=ComponentAction.RAN, attempt=state.attempt, duration_seconds=1.0)
        return replace(state.with_component(ran), completed_components=(*state.completed_components, name))


def finished(state: CheckpointState, index: int) -> CheckpointState:
    """Return the state of a run that the component of an index finished early."""
    components = (
        replace(c, finished="no new data")
        if c.index == index
        else replace(c, action=ComponentAction.OMITTED)
        if c.index > index
        else c
        for c in state.components
    )
    return replace(state, components=tuple(components))


@dataclass
class Queue(Driver):
    """A YARN that accepts jobs, and what it answers about them."""

    hooks: list[SparkPipelineSubmitHook] = field(default_factory=list)
    states: list[tuple[str, str, str]] = field(default_factory=list)
    killed: list[str] = field(default_factory=list)
    starts_at_once: bool = False
    refuses: bool = False

    def submit(self, hook: SparkPipelineSubmitHook, application: str = "", **_: Any) -> None:
        name = hook._before_submit(hook)[1]
        self.commands.append(hook._build_spark_submit_command(application))
        if self.refuses:
            raise AirflowException("Cannot execute: spark-submit. Error code is: 1.")
        shipped = next(file for file in (hook._files or "").split(",") if file.endswith(name))
        self.requests.append(DriverRequest.from_json(Path(shipped).read_text(encoding="utf-8")))
        self.hooks.append(hook)
        hook._yarn_application_id = f"application_1_{len(self.requests)}"
        if self.starts_at_once:
            self.let_run()

    def let_run(self) -> None:
        request = self.requests[-1]
        open_store(request.location).write(
            f"{request.unit}/hb-{len(self.requests)}", b"{}"
        )  # alive, as far as anybody sees
        self.run(self.requests[-1])


@dataclass
class Shop:
    """A DAG folder with one task."""

    folder: Path
    driver: Driver
    store: StateStore = field(default_factory=StateStore)
    run_id: str = UNIT.run_id
    others: dict[str, str] = field(default_factory=dict)

    def in_dag_run(self, run_id: str) -> Shop:
        """Return the same task in another DAG run."""
        return replace(self, run_id=run_id, store=StateStore())

    def operator(self, **arguments: Any) -> SparkPipelineOperator:
        with DAG("shop", schedule=None, start_date=dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc)) as dag:
            given = {"pipeline": "shop.conf", "checkpoint_location": str(self.folder / "checkpoints"), "retries": 3}
            operator = SparkPipelineOperator(task_id="etl", **{**given, **arguments})
        dag.fileloc = str(self.folder / "dag.py")
        return operator

    def run(self, *, try_number: int = 1, max_tries: int = 3, **arguments: Any) -> dict[str, Any]:
        """Do what Airflow's task runner does in one try."""
        operator = self.operator(**arguments)
        context = self.context(operator, try_number, max_tries)
        operator.render_template_fields(context)
        return operator.execute(context)

    def context(self, operator: SparkPipelineOperator, try_number: int = 1, max_tries: int = 3) -> Any:
        return {
            "ti": TaskInstance(operator, try_number, max_tries, run_id=self.run_id, others=self.others),
            "task_state_store": self.store if AIRFLOW.has_task_state_store else None,
            "ds": "2026-01-31",
            "params": {},
        }

    def latest(self) -> Commit:
        unit = unit_path("Shop", replace(UNIT, run_id=self.run_id))
        log = RunLog(open_store(str(self.folder / "checkpoints")), unit)
        commit = log.latest()
        assert commit is not None
        return commit


def fail(shop: Shop) -> tuple[Any, ComponentFailedError]:
    """Let the task fail at its second component; returns the context of its callbacks, and the error."""
    shop.driver.fails_at = "Clean"
    operator = shop.operator()
    context = shop.context(operator)
    operator.render_template_fields(context)
    with pytest.raises(ComponentFailedError) as raised:
        operator.execute(context)
    shop.driver.fails_at = None
    return {**context, "task": operator, "exception": raised.value}, raised.value
