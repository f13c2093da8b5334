"""The same components on each engine, in sequence and in parallel, and a real example on each."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import DAG

from airflow_spark_pipeline.operators.spark_pipeline import SparkPipelineOperator

_HERE = Path(__file__).parent
_ROOT = _HERE.parents[2]
_STEPS = _ROOT / "tests" / "acceptance" / "dags" / "steps"
_EXAMPLES = _ROOT / "dags_examples"

# Pythons that have nothing installed: of Airflow's own minor version, and of another one.
_BARE = os.environ.get("BARE_PYTHON", "python3")
_OTHER = os.environ.get("OTHER_PYTHON", "python3")
_SMALL = {"spark.driver.memory": "512m", "spark.executor.memory": "512m", "spark.ui.enabled": "false"}
_BARE_DRIVER = {"spark.pyspark.driver.python": _BARE, "spark.pyspark.python": _BARE}
_YARN = {**_SMALL, "spark.yarn.jars": os.environ.get("SPARK_JARS", "")}
_IN_CONTAINERS = {
    "spark.executor.instances": "1",
    "spark.executorEnv.PYSPARK_PYTHON": _OTHER,
    "spark.yarn.appMasterEnv.PYSPARK_PYTHON": _OTHER,
}
_ONCE = {"spark.yarn.maxAppAttempts": "1"}
_ON_HDFS = {"checkpoint_location": "hdfs:///checkpoints"}  # saved outputs lie there as well
_BY_RM: dict[str, Any] = {"conn_id": "yarn_cluster", "yarn_track_via_rm_api": True, **_ON_HDFS}

ENGINES: Mapping[str, Mapping[str, Any]] = {
    "local": {"conn_id": "local", "conf": {**_SMALL, **_BARE_DRIVER}},
    "standalone": {
        "conn_id": "standalone",
        "conf": {**_SMALL, **_BARE_DRIVER, "spark.cores.max": "2", "spark.executor.cores": "1"},
    },
    "yarn_client": {
        "conn_id": "yarn_client",
        **_ON_HDFS,
        "conf": {
            **_YARN,
            **_BARE_DRIVER,
            "spark.dynamicAllocation.enabled": "true",
            "spark.dynamicAllocation.shuffleTracking.enabled": "true",
            "spark.dynamicAllocation.initialExecutors": "1",
            "spark.dynamicAllocation.minExecutors": "1",
            "spark.dynamicAllocation.maxExecutors": "2",
        },
    },
    "yarn_cluster": {**_BY_RM, "conf": {**_YARN, **_IN_CONTAINERS, **_ONCE}},
    "connect": {"conn_id": "connect"},  # what the executors need is said where the server is started
}
_ON_YARN_CLUSTER: dict[str, Any] = {**ENGINES["yarn_cluster"]}
_VARIANTS: Mapping[str, Mapping[str, Any]] = {
    "yarn_cluster_deferred": {**_ON_YARN_CLUSTER, "deferrable": True, "pool": "deferred"},
    "restarted_server": {"conn_id": "connect_that_dies"},
    "yarn_cluster_twice": {
        **_ON_YARN_CLUSTER,
        "conf": {**_ON_YARN_CLUSTER["conf"], "spark.yarn.maxAppAttempts": "2"},
    },
}


def crew(dag_id: str, pipeline: str = "crew.conf", retries: int = 3, **arguments: Any) -> DAG:
    """A DAG of one task, whose tries follow each other at once, and whose application has the name of the DAG run."""
    with DAG(dag_id, schedule=None) as dag:
        SparkPipelineOperator(
            task_id="pipeline",
            pipeline=_HERE / pipeline,
            py_files=[_HERE / "crew", _STEPS],
            name="{{ run_id }}",
            retries=retries,
            retry_delay=timedelta(seconds=1),
            **arguments,
        )
    return dag


def nycflights(dag_id: str, *, without: str = "", **arguments: Any) -> DAG:
    """The example, whose weather service is out in the first attempt.

    :param without: a line that is left out of its file
    """
    pipeline = _EXAMPLES / "nycflights.conf"
    with DAG(dag_id, schedule=None, params={"data_dir": os.environ.get("FLIGHTS", ""), "outage": True}) as dag:
        SparkPipelineOperator(
            task_id="pipeline",
            pipeline=pipeline.read_text(encoding="utf-8").replace(without, "") if without else pipeline,
            py_files=[_EXAMPLES / "nycflights_components"],
            retries=1,
            retry_delay=timedelta(seconds=1),
            **arguments,
        )
    return dag


for _name, _arguments in {**ENGINES, **_VARIANTS}.items():
    globals()[_name] = crew(f"crew_on_{_name}", **_arguments)
for _name, _arguments in ENGINES.items():
    globals()[f"at_once_{_name}"] = crew(f"at_once_on_{_name}", "at_once.conf", **_arguments)
    # The page of Spark is the server's business on Spark Connect, and no session's.
    _without = '"spark.ui.enabled" = "false"' if _name == "connect" else ""
    globals()[f"nycflights_{_name}"] = nycflights(f"nycflights_on_{_name}", without=_without, **_arguments)
    if _name not in ("connect", "local"):
        globals()[f"secretive_{_name}"] = crew(f"secretive_on_{_name}", "secretive.conf", **_arguments)

_old = os.environ.get("OLD_PYTHON", "python3")
old_python_on_standalone = crew(
    "old_python_on_standalone",
    conn_id="standalone",
    conf={**ENGINES["standalone"]["conf"], "spark.pyspark.driver.python": _old},
)
old_python_on_yarn_cluster = crew(
    "old_python_on_yarn_cluster",
    **_BY_RM,
    conf={**ENGINES["yarn_cluster"]["conf"], "spark.yarn.appMasterEnv.PYSPARK_PYTHON": _old},
)
executors_of_another_python = crew(
    "executors_of_another_python",
    retries=0,
    conn_id="standalone",
    conf={**ENGINES["standalone"]["conf"], "spark.pyspark.python": _OTHER},
)
