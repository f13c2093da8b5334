"""The package as Airflow and pip see it: metadata, entry points, configuration, and a cheap import."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import distribution, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import conf
from airflow.providers_manager import ProvidersManager

import airflow_spark_pipeline
from airflow_spark_pipeline.get_provider_info import get_provider_info
from airflow_spark_pipeline.plugins.spark_pipeline import SparkPipelinePlugin

NAME = "airflow-spark-pipeline"
#: What the operators of platforms need, which is not on every set of versions.
PROVIDERS = {
    "airflow_spark_pipeline.operators.databricks": "airflow.providers.databricks",
    "airflow_spark_pipeline.operators.dataproc_batch": "airflow.providers.google",
    "airflow_spark_pipeline.operators.dataproc_job": "airflow.providers.google",
    "airflow_spark_pipeline.operators.emr_container": "airflow.providers.amazon",
    "airflow_spark_pipeline.operators.emr_serverless": "airflow.providers.amazon",
    "airflow_spark_pipeline.operators.emr_steps": "airflow.providers.amazon",
    "airflow_spark_pipeline.operators.livy": "airflow.providers.apache.livy",
    "airflow_spark_pipeline.operators.spark_application": "airflow.providers.cncf.kubernetes",
}


def is_installed(module: str) -> bool:
    """Whether a module of a provider can be found; its parents may be missing, too."""
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def run_python(code: str) -> str:
    """Run the code in a fresh interpreter and return what it prints."""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=120)
    return done.stdout.strip()


def test_the_version_of_the_distribution_is_the_version_of_the_package() -> None:
    assert distribution(NAME).version == airflow_spark_pipeline.__version__


def test_the_licence_is_apache_and_travels_with_the_distribution() -> None:
    assert distribution(NAME).metadata["License-Expression"] == "Apache-2.0"
    assert distribution(NAME).metadata.get_all("License-File") == ["LICENSE"]


def test_importing_the_package_loads_nothing_heavy() -> None:
    """Airflow imports it in every process, and the driver where there is no Airflow."""
    heavy = ["airflow", "fsspec", "pyhocon", "pyspark"]
    code = f"import sys, airflow_spark_pipeline; print([m for m in {heavy} if m in sys.modules])"
    assert run_python(code) == "[]"


def test_importing_the_plugin_loads_no_server_and_no_spark() -> None:
    """Every task process imports the plugin before it runs."""
    code = (
        "import sys; from airflow.plugins_manager import AirflowPlugin; before = set(sys.modules)\n"
        "import airflow_spark_pipeline.plugins.spark_pipeline\n"
        "print(sorted(m for m in set(sys.modules) - before if not m.startswith('airflow_spark_pipeline')))"
    )
    assert run_python(code).splitlines()[-1] == "[]"


def test_the_operator_for_spark_submit_imports_nothing_of_other_platforms() -> None:
    """Their providers are large, and need not be installed."""
    code = (
        "import sys, airflow_spark_pipeline.operators.spark_pipeline\n"
        "names = ('operators.job', 'task.job_way', 'pipeline.testing', 'boto3')\n"
        "names += ('amazon.aws', 'databricks.hooks', 'livy.hooks', 'kubernetes.operators', 'providers.google')\n"
        "print([m for m in sys.modules if any(name in m for name in names)])"
    )
    assert run_python(code).splitlines()[-1] == "[]"


def test_an_unknown_name_is_an_attribute_error_that_names_it() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Pipeline'"):
        airflow_spark_pipeline.Pipeline  # type: ignore[attr-defined]  # noqa: B018


def test_every_public_name_can_be_imported() -> None:
    for name in airflow_spark_pipeline.__all__:
        assert getattr(airflow_spark_pipeline, name), name
    assert dir(airflow_spark_pipeline) == sorted(airflow_spark_pipeline.__all__)


def test_airflow_discovers_the_provider() -> None:
    provider = ProvidersManager().providers[NAME]  # type: ignore[no-untyped-call]
    assert provider.version == airflow_spark_pipeline.__version__
    assert provider.data["name"] == get_provider_info()["name"]


def test_the_provider_info_names_the_distribution() -> None:
    """Airflow refuses a provider whose package-name is not the distribution's."""
    assert get_provider_info()["package-name"] == distribution(NAME).name


def test_the_provider_info_can_be_sent_as_json() -> None:
    """The REST API serves it."""
    assert json.loads(json.dumps(get_provider_info())) == get_provider_info()


@pytest.mark.parametrize("kind", ["operators", "hooks"])
def test_every_module_of_the_provider_info_can_be_imported(kind: str) -> None:
    for entry in get_provider_info()[kind]:
        for module in entry["python-modules"]:
            if module not in PROVIDERS or is_installed(PROVIDERS[module]):
                __import__(module)


def test_both_ways_to_the_plugin_lead_to_one_class() -> None:
    """With lazy discovery Airflow reads the entry point alone, without it the provider info too; names must agree."""
    (entry_point,) = entry_points(group="airflow.plugins", name="spark_pipeline")
    (declared,) = get_provider_info()["plugins"]
    assert entry_point.load() is SparkPipelinePlugin
    assert declared["name"] == SparkPipelinePlugin.name == entry_point.name
    assert declared["plugin-class"] == f"{SparkPipelinePlugin.__module__}.{SparkPipelinePlugin.__qualname__}"


def test_every_option_documents_itself() -> None:
    (section,) = get_provider_info()["config"].values()
    for option in section["options"].values():
        assert set(option) == {"description", "version_added", "type", "example", "default"}
        assert option["description"].endswith(".")
        assert option["example"]


def test_options_have_their_defaults() -> None:
    manager: Any = ProvidersManager
    manager().initialize_providers_configuration()  # as every command of Airflow does
    assert conf.get("spark_pipeline", "namespace") == "default"
    assert conf.get("spark_pipeline", "checkpoint_location") == ""
    assert conf.get("spark_pipeline", "checkpoint_conn_id") == ""


def test_the_environment_overrides_an_option(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__SPARK_PIPELINE__NAMESPACE", "blue")
    assert conf.get("spark_pipeline", "namespace") == "blue"


@pytest.mark.airflow
def test_the_command_line_knows_the_provider_the_plugin_and_the_option(airflow_home: Path) -> None:
    """What an administrator types to see whether the installation worked."""

    def airflow(*arguments: str) -> str:
        command = [sys.executable, "-m", "airflow", *arguments]
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
        return done.stdout

    assert NAME in airflow("providers", "list", "--output", "json")
    assert "SparkPipelinePlugin" in airflow("plugins", "--output", "json")
    assert airflow("config", "get-value", "spark_pipeline", "namespace").strip().endswith("default")


def test_the_built_page_is_there_and_knows_each_place_by_its_name() -> None:
    """Airflow loads the bundle once and then looks for the name of the place: one that differs is an error page."""
    bundle = Path(airflow_spark_pipeline.__file__).parent / "plugins/www/dist"
    text = (bundle / "main.js").read_text(encoding="utf-8")
    for place in SparkPipelinePlugin.react_apps:
        assert f"`{place['name']}`" in text or f'"{place["name"]}"' in text
        for address in (place["bundle_url"], place["icon"], place["icon_dark_mode"]):
            assert (bundle / address.partition("?")[0].rpartition("/")[2]).is_file()


def test_no_two_places_of_the_page_share_an_address() -> None:
    routes = [place["url_route"] for place in SparkPipelinePlugin.react_apps]
    assert len(set(routes)) == len(routes)
    assert not any(route.startswith("/") for route in routes)
