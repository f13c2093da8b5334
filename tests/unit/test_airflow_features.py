from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from inspect import getsource, signature

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
def test_a_version_has_the_features_of_itself_and_its_predecessors(version: str, discards: bool) -> None:
    features = features_of(version)
    assert (features.clear_discards_task_state, features.rendered_fields_by_id) == (discards, discards)


def test_each_minor_version_can_do_what_the_one_before_could_and_more() -> None:
    counted = [sum(features_of(version)) for version in ("3.0.6", "3.1.8", "3.2.2", "3.3.2", "3.4.0b2")]
    assert counted == sorted(set(counted))
    assert counted[0] == 0


@pytest.mark.airflow
def test_the_features_of_the_installed_airflow_are_right() -> None:
    import airflow.sdk
    from airflow.api_fastapi.auth.managers.base_auth_manager import BaseAuthManager
    from airflow.api_fastapi.core_api.datamodels.task_instances import ClearTaskInstancesBody
    from airflow.models.renderedtifields import RenderedTaskInstanceFields
    from airflow.models.taskinstance import TaskInstance
    from airflow.plugins_manager import AirflowPlugin
    from airflow.triggers.base import BaseTrigger

    assert AIRFLOW.clear_discards_task_state is ("keep_task_state" in ClearTaskInstancesBody.model_fields)
    assert AIRFLOW.rendered_fields_by_id is hasattr(RenderedTaskInstanceFields, "task_instance_id")
    assert AIRFLOW.clear_spares_running_tasks is ("prevent_running_task" in ClearTaskInstancesBody.model_fields)
    assert AIRFLOW.tries_in_one_table is (find_spec("airflow.models.taskinstancehistory") is None)
    assert AIRFLOW.has_loops is (find_spec("airflow.models.dynamic_region") is not None)
    rendering = signature(airflow.sdk.BaseOperator.__init__).parameters
    assert AIRFLOW.tasks_choose_native_rendering is ("render_template_as_native_obj" in rendering)
    assert AIRFLOW.has_retry_policies is hasattr(airflow.sdk, "RetryPolicy")
    assert AIRFLOW.has_task_state_store is (find_spec("airflow.models.task_state_store") is not None)
    assert AIRFLOW.tells_triggers_of_kills is hasattr(BaseTrigger, "on_kill")
    assert AIRFLOW.has_react_plugins is hasattr(AirflowPlugin, "react_apps")
    registers = getsource(TaskInstance.register_asset_changes_in_db)
    assert AIRFLOW.alias_events_take_nested_extra is ("frozenset" not in registers)  # which hashes each value
    rights = signature(BaseAuthManager.filter_authorized_dag_ids).parameters
    assert AIRFLOW.has_teams is ("team_name" in rights)


def test_the_module_loads_nothing_of_airflow_but_its_root() -> None:
    code = (
        "import sys, airflow; before = set(sys.modules); import airflow_spark_pipeline.airflow_features; "
        "print(sorted(name for name in set(sys.modules) - before if name.startswith('airflow.')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "[]\n"
