"""SparkApplications: the contract of platforms against the provider's operator and an API server."""

from __future__ import annotations

import json
import pkgutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("airflow.providers.cncf.kubernetes.operators.spark_kubernetes")

from airflow_spark_pipeline.operators.spark_application import SparkPipelineSparkApplicationOperator
from airflow_spark_pipeline.testing.job_contract import JobContract
from tests.platforms.spark_application import SPEC, WHICH, Kubernetes, kubernetes
from tests.platforms.staged import staged_job

JOB = staged_job("s3://lake", more_py_files=("https://x/my.zip",))

YAML = """
apiVersion: sparkoperator.k8s.io/v1beta2
kind: SparkApplication
metadata:
  labels: {team: etl}
spec:
  mode: cluster
  image: apache/spark
  deps: {jars: ["local:///a.jar"], pyFiles: ["local:///theirs.zip"]}
  sparkConf: {spark.sql.shuffle.partitions: "200", spark.speculation: "true"}
  restartPolicy: {type: Never}
  driver: {serviceAccount: spark}
"""


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Kubernetes]:
    with kubernetes(tmp_path) as cluster:
        yield cluster


class TestSparkApplication(JobContract):
    @pytest.fixture
    def platform(self, cluster: Kubernetes) -> Kubernetes:
        return cluster


def operator(**arguments: Any) -> Any:
    return SparkPipelineSparkApplicationOperator(
        task_id="etl", pipeline="etl.conf", **{"template_spec": SPEC, **arguments}
    )


def submitted(cluster: Kubernetes) -> tuple[Any, Any]:
    task: Any = cluster.operator(task_id="etl", pipeline="etl.conf")
    task.place(JOB)
    return task, task.submit({})


@pytest.mark.parametrize("kind", ["text", "file", "section"])
def test_a_job_is_added_to_the_users_description(tmp_path: Path, kind: str) -> None:
    if kind == "file":
        (tmp_path / "application.yaml").write_text(YAML, encoding="utf-8")
    described = {
        "text": YAML,
        "file": str(tmp_path / "application.yaml"),
        "section": "spark:\n" + "\n".join(f"  {line}" for line in YAML.splitlines()),
    }
    task = operator(template_spec=None, application_file=described[kind], namespace="etl", image="mine")
    task.place(JOB)
    application = task.application
    assert (application["apiVersion"], application["kind"]) == ("sparkoperator.k8s.io/v1beta2", "SparkApplication")
    assert application["metadata"] == {
        "labels": {"team": "etl"},
        "name": "daily-etl-1-0123456789ab",
        "namespace": "etl",
    }
    assert application["spec"] == {
        "type": "Python",
        "mode": "cluster",
        "image": "mine",
        "mainApplicationFile": "s3a://lake/_staged/code/1/spark-pipeline.py",
        "arguments": list(JOB.arguments),
        "deps": {
            "jars": ["local:///a.jar"],
            "pyFiles": ["s3a://lake/_staged/code/2/runtime.zip", "https://x/my.zip", "local:///theirs.zip"],
        },
        "sparkConf": {"spark.sql.shuffle.partitions": "7", "spark.speculation": "true"},
        "restartPolicy": {"type": "Never"},
        "driver": {"serviceAccount": "spark"},
        "executor": {},
    }


@pytest.mark.parametrize(
    ("name", "placed"),
    [
        ("Daily ETL", "daily-etl-1-0123456789ab"),
        ("2026 orders!", "spark-2026-orders-1-0123456789ab"),
        ("日次", "spark-1-0123456789ab"),
        ("a" * 99, "a" * 41 + "-1-0123456789ab"),
        ("a" * 40 + "-b", "a" * 40 + "-1-0123456789ab"),
    ],
)
def test_the_name_of_an_application_is_one_that_kubernetes_allows(name: str, placed: str) -> None:
    task = operator()
    task.place(replace(JOB, name=name))
    assert task.application["metadata"]["name"] == placed
    assert len(f"{placed}-driver") <= 63


@pytest.mark.parametrize(
    "name",
    ["code_path", "random_name_suffix", "durable", "startup_timeout_seconds", "get_logs", "delete_on_termination"],
)
def test_arguments_that_the_operator_sets_itself_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"sets {name} itself"):
        operator(**{name: True})


def test_an_application_without_a_description_is_refused() -> None:
    with pytest.raises(ValueError, match="needs application_file or template_spec"):
        operator(template_spec=None)


def test_it_takes_the_arguments_of_its_parent_and_the_defaults_of_the_dag() -> None:
    task = operator(
        default_args={"checkpoint_location": "s3://lake/c", "namespace": "etl"}, in_cluster=True, deferrable=True
    )
    assert (task.checkpoint_location, task.namespace, task.in_cluster) == ("s3://lake/c", "etl", True)
    assert (task.deferrable, task.waits_in_triggerer) == (False, True)
    fields = set(task.template_fields)
    assert {"pipeline", "application_file", "namespace", "template_spec"} <= fields
    assert all(hasattr(task, name) for name in fields)


def test_a_name_that_ends_like_a_file_is_not_read_as_a_file(tmp_path: Path) -> None:
    task = operator(start_from="load_json", only=["read_yaml"])
    task.resolve_template_files()
    assert (task.start_from, task.only) == ("load_json", ["read_yaml"])


@pytest.mark.parametrize(
    "state", ["", "SUBMITTED", "RUNNING", "PENDING_RERUN", "SUBMISSION_FAILED", "FAILING", "UNKNOWN"]
)
def test_an_application_that_may_run_or_start_again_is_active(cluster: Kubernetes, state: str) -> None:
    task, job = submitted(cluster)
    assert task.job_state(job).is_active  # the operator has not seen it yet
    cluster.set_state(job, state)
    assert task.job_state(job).is_active


def test_an_application_that_has_ended_is_kept(cluster: Kubernetes) -> None:
    task, job = submitted(cluster)
    cluster.end(job, succeeded=False, reason="driver pod failed:\n exit 137")
    assert task.job_state(job).reason == "FAILED driver pod failed: exit 137"
    task.cancel(job)
    assert len(cluster.api.of_kind("SparkApplication")) == 1


def test_the_triggerer_asks_without_the_operator(cluster: Kubernetes) -> None:
    task, job = submitted(cluster)
    assert job == {**WHICH, "name": "daily-etl-1-0123456789ab"}
    name, arguments = task.job_client(job)
    application = pkgutil.resolve_name(name)(**json.loads(json.dumps(arguments)))
    assert application.state().is_active
    application.cancel()
    application.cancel()
    assert application.state().reason == "the SparkApplication was deleted"
