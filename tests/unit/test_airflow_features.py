from __future__ import annotations

import subprocess
import sys

import pytest

from airflow_spark_pipeline.airflow_features import AIRFLOW, features_of


@pytest.mark.parametrize(
    ("version", "discards"),
    [
        ("3.3.0", False),
        ("3.3.12", False),
        ("3.4.0b2", True),
        ("3.4.0.dev0+local", True),
        ("3.4.0", True),
        ("3.10.1", True),
        ("4.0", True),
    ],
)
def test_a_version_has_what_came_with_it_or_before(version: str, discards: bool) -> None:
    features = features_of(version)
    assert (features.clear_discards_task_state, features.rendered_fields_by_id) == (discards, discards)


@pytest.mark.airflow
def test_what_is_said_of_the_installed_airflow_is_true() -> None:
    from airflow.api_fastapi.core_api.datamodels.task_instances import ClearTaskInstancesBody
    from airflow.models.renderedtifields import RenderedTaskInstanceFields

    assert AIRFLOW.clear_discards_task_state is ("keep_task_state" in ClearTaskInstancesBody.model_fields)
    assert AIRFLOW.rendered_fields_by_id is hasattr(RenderedTaskInstanceFields, "task_instance_id")


def test_the_module_loads_nothing_of_airflow_but_its_root() -> None:
    code = (
        "import sys, airflow; before = set(sys.modules); import airflow_spark_pipeline.airflow_features; "
        "print(sorted(name for name in set(sys.modules) - before if name.startswith('airflow.')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "[]\n"
