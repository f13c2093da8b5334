"""A pipeline on Kubernetes, by the documented recipe and a real spark-submit, up to where a kubelet would start pods.

The tests have a small API server (``tests/kubernetes_api.py``), which keeps what is created. The command of the created
pod then plays the driver's part, in a separate directory; its executors are asked for and never start, so
the components of this pipeline need none.
"""

from __future__ import annotations

import json
import os
import re
import runpy
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_spark_pipeline.hooks.spark_pipeline import SparkPipelineSubmitHook
from airflow_spark_pipeline.launch.executables import find_spark_submit
from tests.kubernetes_api import KubernetesApi, Object, kubernetes_api
from tests.triggering import fire
from tests.unit.operators.shop import Driver, Shop

pytestmark = [pytest.mark.slow, pytest.mark.spark]

ROOT = Path(__file__).resolve().parents[2]
RECIPE = ROOT / "docs" / "kubernetes"
CONF = """
config { ledger = "%(ledger)s", api-token = planted-token }
spark.config { "spark.hadoop.fs.s3a.secret.key" = planted-setting }
pipeline {
  pipeline-name = Shop
  pipeline-components = [
    { instance-type = shop_steps.Step, instance-name = a, instance-config = ${config} }
    { instance-type = shop_steps.Step, instance-name = b, instance-config = ${config} }
  ]
}
"""
STEPS = """
from dataclasses import dataclass
from pathlib import Path

from airflow_spark_pipeline import Component

@dataclass
class Step(Component):
    ledger: str
    api_token: str

    def run(self, spark):
        with Path(self.ledger).open("a") as file:
            print(self.context.component_name, len(self.api_token), spark.version, file=file)
"""
PLANTED = ("planted-setting", "planted-token")


@dataclass
class Submitted:
    """What one try has left behind.

    :param uploads: the directory of ``spark.kubernetes.file.upload.path``
    """

    api: KubernetesApi
    uploads: Path
    command: list[str]
    deferred: TaskDeferred
    operator: Any
    context: Any
    ledger: Path

    @property
    def pod(self) -> Object:
        (pod,) = [pod for pod in self.api.of_kind("Pod") if pod["metadata"]["labels"]["spark-role"] == "driver"]
        return pod

    @property
    def container(self) -> Object:
        (container,) = self.pod["spec"]["containers"]
        return dict(container)

    @property
    def properties(self) -> dict[str, str]:
        """The driver's settings, from the config map that the pod mounts."""
        text = next(each["data"]["spark.properties"] for each in self.api.of_kind("ConfigMap"))
        lines = [line.split("=", 1) for line in text.splitlines() if not line.startswith("#")]
        return {name: re.sub(r"\\(.)", r"\1", value) for name, value in lines}

    def uploaded(self, name: str) -> Path:
        (path,) = self.uploads.glob(f"spark-upload-*/{name}")
        return path


@pytest.fixture(scope="module")
def recipe() -> dict[str, str]:
    """The settings of the documented DAG."""
    dag = runpy.run_path(str(RECIPE / "on_kubernetes.py"))["dag"]
    conf: dict[str, str] = dag.get_task("daily_etl").conf
    return conf


@pytest.fixture(scope="module")
def submitted(tmp_path_factory: pytest.TempPathFactory, recipe: dict[str, str]) -> Iterator[Submitted]:
    folder, uploads = tmp_path_factory.mktemp("dags"), tmp_path_factory.mktemp("uploads")
    ledger = folder / "ledger"
    (folder / "shop_steps.py").write_text(STEPS, encoding="utf-8")
    (folder / "shop.conf").write_text(CONF % {"ledger": ledger}, encoding="utf-8")
    with kubernetes_api() as api, pytest.MonkeyPatch.context() as patch:
        # The package that brings it is not installed here: the provider asks whether it is, and then does not use it.
        patch.setattr("airflow.providers.apache.spark.hooks.spark_submit.kube_client", object(), raising=False)
        connection = {"conn_type": "spark", "host": f"k8s://{api.url}"}
        extra = {"deploy-mode": "cluster", "namespace": "etl"}
        patch.setenv("AIRFLOW_CONN_SPARK_KUBERNETES", json.dumps({**connection, "extra": extra}))
        commands: list[list[str]] = []
        build = SparkPipelineSubmitHook._build_spark_submit_command

        def built(hook: SparkPipelineSubmitHook, application: str) -> list[str]:
            commands.append(build(hook, application))
            return commands[-1]

        patch.setattr(SparkPipelineSubmitHook, "_build_spark_submit_command", built)
        operator = Shop(folder, Driver()).operator(
            conn_id="spark_kubernetes",
            conf={**recipe, "spark.kubernetes.file.upload.path": uploads.as_uri()},
            py_files=["shop_steps.py"],
            deferrable=True,
        )
        context = Shop(folder, Driver()).context(operator)
        with pytest.raises(TaskDeferred) as deferred:
            operator.execute(context)
        yield Submitted(api, uploads, commands[-1], deferred.value, operator, context, ledger)


def test_the_driver_is_a_pod_of_the_recipe(submitted: Submitted, recipe: dict[str, str]) -> None:
    template = yaml.safe_load((RECIPE / "driver-pod.yaml").read_text(encoding="utf-8"))
    pod, container = submitted.pod, submitted.container
    assert container["image"] == recipe["spark.kubernetes.container.image"]
    assert pod["spec"]["serviceAccountName"] == recipe["spark.kubernetes.authenticate.driver.serviceAccountName"]
    assert pod["spec"]["securityContext"] == template["spec"]["securityContext"]
    assert pod["metadata"]["labels"].items() >= template["metadata"]["labels"].items()
    (variable,) = template["spec"]["containers"][0]["env"]
    assert variable in container["env"]
    assert pod["spec"]["restartPolicy"] == "Never"


def test_the_service_account_of_the_recipe_is_the_one_that_has_the_rights(recipe: dict[str, str]) -> None:
    found = list(yaml.safe_load_all((RECIPE / "rbac.yaml").read_text(encoding="utf-8")))
    account = next(each for each in found if each["kind"] == "ServiceAccount")
    assert account["metadata"]["name"] == recipe["spark.kubernetes.authenticate.driver.serviceAccountName"]
    roles = {each["metadata"]["name"]: each for each in found if each["kind"] == "Role"}
    assert all(each["roleRef"]["name"] in roles for each in found if each["kind"] == "RoleBinding")


def test_the_rights_of_the_worker_cover_what_spark_submit_creates(submitted: Submitted) -> None:
    found = yaml.safe_load_all((RECIPE / "rbac.yaml").read_text(encoding="utf-8"))
    role = next(each for each in found if each["kind"] == "Role" and each["metadata"]["name"] == "spark-submit")
    allowed = {resource for rule in role["rules"] for resource in rule["resources"]}
    assert {path.split("/")[-2] for path in submitted.api.objects} <= allowed


def test_shipped_files_are_uploaded_and_named_in_the_drivers_settings(submitted: Submitted) -> None:
    launcher = submitted.uploaded("spark-pipeline.py")
    assert submitted.container["args"][-3:] == [launcher.as_uri(), "run", "request.json"]
    assert submitted.properties["spark.files"] == submitted.uploaded("request.json").as_uri()
    modules = [Path(urlsplit(url).path) for url in submitted.properties["spark.submit.pyFiles"].split(",")]
    assert len(modules) == 2
    assert all(module.is_file() and submitted.uploads in module.parents for module in modules)


def test_no_secret_is_in_the_command_or_in_any_object(submitted: Submitted) -> None:
    assert not [secret for secret in PLANTED if secret in submitted.api.text()]
    assert not [secret for secret in PLANTED if secret in " ".join(submitted.command)]


def test_the_secrets_are_in_the_request_which_spark_uploads_for_everybody_to_read(submitted: Submitted) -> None:
    """The docs say so: who may read the upload path has to be decided there, and Spark removes nothing from it."""
    request = submitted.uploaded("request.json")
    assert all(secret in request.read_text(encoding="utf-8") for secret in PLANTED)
    assert stat.S_IMODE(request.stat().st_mode) == 0o644
    assert "0644" in (ROOT / "docs" / "kubernetes.md").read_text(encoding="utf-8")


def test_the_task_can_delete_the_pod_of_its_driver(submitted: Submitted) -> None:
    assert submitted.operator._hook._kubernetes_driver_pod == submitted.pod["metadata"]["name"]


@pytest.mark.nightly
def test_the_pods_own_command_runs_the_pipeline_with_nothing_but_what_was_uploaded(
    submitted: Submitted, tmp_path: Path
) -> None:
    """The image's entry point turns ``driver …`` into spark-submit in client mode, in the working directory."""
    settings = tmp_path / "spark.properties"
    settings.write_text("".join(f"{name} {value}\n" for name, value in submitted.properties.items()), encoding="utf-8")
    directory = tmp_path / "work"
    directory.mkdir()
    spark_submit, needed = find_spark_submit()
    word, flag, _, *arguments = submitted.container["args"]
    assert (word, flag) == ("driver", "--properties-file")
    # In a cluster these are the pod's address, and kubernetes.default.svc.
    loopback = {
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.kubernetes.driver.master": submitted.api.url,
        "spark.ui.enabled": "false",
    }
    command = [spark_submit, *(word for name, value in loopback.items() for word in ("--conf", f"{name}={value}"))]
    command += ["--deploy-mode", "client", flag, str(settings), *arguments]
    environment = {"PATH": os.environ["PATH"], "JAVA_HOME": os.environ.get("JAVA_HOME", ""), **needed}
    python = {"PYSPARK_PYTHON": sys.executable, "SPARK_APPLICATION_ID": submitted.properties["spark.app.id"]}
    driver = subprocess.run(
        command,
        cwd=directory,
        env={**environment, **python},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert driver.returncode == 0, driver.stdout + driver.stderr
    assert [line.split()[:2] for line in submitted.ledger.read_text().splitlines()] == [["a", "13"], ["b", "13"]]
    assert (directory / "request.json").is_file()
    result = submitted.operator.execute_complete(submitted.context, fire(submitted.deferred))
    assert result["components_run"] == ["a", "b"]
    assert not [secret for secret in PLANTED if secret in submitted.api.text()]
