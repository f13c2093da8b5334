"""The DAGs of the acceptance tests: four components with and without retries, and tasks that fail on purpose."""

from __future__ import annotations

import json
import os
import threading
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from airflow.sdk import DAG, task_group

from airflow_spark_pipeline.airflow_features import AIRFLOW
from airflow_spark_pipeline.operators.spark_pipeline import SparkPipelineOperator
from airflow_spark_pipeline.sensors.spark_pipeline import SparkPipelineRunSensor

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_spark_pipeline.task.unit import Unit
    from airflow_spark_pipeline.task.way import Deferred, Ended, Way

_LONGER_THAN_ANY_TEST = 900.0
_REDIS_STORE = Path(__file__).resolve().parents[3] / "docs" / "redis_store.py"


class DiesUnheard(SparkPipelineOperator):
    """Never reports the success of its first try: it waits to be killed at the moment that the DAG run's conf names."""

    def choose_way(self, unit: Unit, context: Context) -> Way:
        way = super().choose_way(unit, context)
        run = way.run

        def run_and_wait() -> Ended | Deferred:
            ended = run()
            self._wait_to_be_killed(context, "before it cleans up")
            return ended

        way.run = run_and_wait  # type: ignore[method-assign]
        return way

    def post_execute(self, context: Any, result: Any = None) -> None:
        super().post_execute(context, result)
        self._wait_to_be_killed(context, "before it reports")

    def _wait_to_be_killed(self, context: Context, moment: str) -> None:
        conf = context["dag_run"].conf or {}
        if conf["dies"] == moment and context["ti"].try_number == 1:
            Path(os.environ["LEDGERS"], f"{context['run_id']}.dying").write_text(str(os.getpid()), encoding="utf-8")
            threading.Event().wait(_LONGER_THAN_ANY_TEST)


def steps(dag_id: str, operator: type[SparkPipelineOperator] = SparkPipelineOperator, **arguments: Any) -> DAG:
    """A DAG of one task, whose tries follow each other at once."""
    defaults = {"pipeline": "steps.conf", "py_files": ["steps"], "retry_delay": timedelta(seconds=1)}
    with DAG(dag_id, schedule=None) as dag:
        operator(task_id="pipeline", **{**defaults, **arguments})
    return dag


retried = steps("retried", retries=3)
retried_with_timeout = steps("retried_with_timeout", retries=3, execution_timeout=timedelta(seconds=75))
on_the_cluster: dict[str, Any] = {
    "conn_id": "spark_standalone",
    "conf": {"spark.cores.max": "1", "spark.executor.memory": "512m"},
}
retried_standalone = steps("retried_standalone", retries=3, **on_the_cluster)
retried_standalone_with_timeout = steps(
    "retried_standalone_with_timeout", retries=3, execution_timeout=timedelta(seconds=75), **on_the_cluster
)
recovered = steps("recovered", retries=0, resume_run_id="{{ dag_run.conf.get('resume_run_id', '') }}")
in_parallel = steps("in_parallel", pipeline="parallel.conf", retries=2)
tried_once = steps("tried_once", retries=0)
taking_over = steps("taking_over", retries=1, resume_scope="pipeline")
dies_unheard = steps("dies_unheard", DiesUnheard, retries=1)
hooked = steps("hooked", pipeline="hooked.conf", py_files=["steps", str(_REDIS_STORE)], retries=0)
in_redis = steps("in_redis", py_files=["steps", str(_REDIS_STORE)], retries=0)
secretive = steps("secretive", pipeline="secretive.conf", retries=0)


def planted(place: str, name: str) -> str:
    """What a test has planted; the DAG's source and what Airflow keeps of it hold the names alone."""
    value: str = json.loads(Path(os.environ["PLANTED"]).read_text(encoding="utf-8"))[place][name]
    return value


def blabbing(dag_id: str, conn_id: str, more: dict[str, str] | None = None) -> DAG:
    """A DAG whose arguments hold secrets.

    :param more: further settings
    """
    on_connect = conn_id.endswith("connect")
    names = json.loads(Path(os.environ["PLANTED"]).read_text(encoding="utf-8")) if "PLANTED" in os.environ else {}
    arguments = {
        argument: {name: f"{{{{ planted({argument!r}, {name!r}) }}}}" for name in names.get(argument, ())}
        for argument in ("conf", "env_vars")
    }
    if on_connect:  # Hadoop's settings have no prefix in a session
        arguments["conf"] = {name.removeprefix("spark.hadoop."): value for name, value in arguments["conf"].items()}
    arguments["conf"] |= more or {}
    with DAG(dag_id, schedule=None, user_defined_macros={"planted": planted}) as dag:
        SparkPipelineOperator(
            task_id="pipeline",
            pipeline=os.environ.get("PLANTED", "") + ("_on_connect.conf" if on_connect else ".conf"),
            py_files=["steps"],
            retries=0,
            conn_id=conn_id,
            **arguments,  # type: ignore[arg-type]
        )
    return dag


blabbing_locally = blabbing("blabbing_locally", "planted_spark_default")
blabbing_on_a_cluster = blabbing(
    "blabbing_on_a_cluster", "planted_spark_standalone", {"spark.cores.max": "1", "spark.executor.memory": "512m"}
)
blabbing_on_connect = blabbing("blabbing_on_connect", "planted_spark_connect")

with DAG("mapped", schedule=None) as mapped:
    SparkPipelineOperator.partial(task_id="pipeline", py_files=["steps"], retries=0).expand(
        pipeline=["steps.conf", "{{ 'steps' }}.conf"]
    )

with DAG("watching", schedule=None) as watching:
    SparkPipelineRunSensor(
        task_id="pipeline",
        pipeline_name="At the same time",
        external_run_id="{{ dag_run.conf['watched'] }}",
        poke_interval=1,
        timeout=120,
    )

with DAG("waits_in_a_bucket", schedule=None):
    SparkPipelineRunSensor(
        task_id="pipeline",
        pipeline_name="Test",
        checkpoint_location="{{ dag_run.conf['location'] }}",
        checkpoint_conn_id="lake",
        poke_interval=2,
        deferrable=True,
    )

if AIRFLOW.has_loops:
    with DAG("looped", schedule=None) as looped:

        @task_group
        def body() -> None:
            SparkPipelineOperator(task_id="pipeline", pipeline="looped.conf", py_files=["steps"], retries=0)

        cast("Any", body).loop(max_iterations=3)

if __name__ == "__main__":
    retried.test(run_conf={"b": {"1": "fail"}})
