"""The sensor and its trigger on real logs in a local directory, without a running Airflow."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import (
    AirflowException,
    AirflowFailException,
    AirflowSkipException,
    TaskDeferred,
)
from airflow.sdk import DAG

from airflow_spark_pipeline.checkpoint.stores.locations import open_store
from airflow_spark_pipeline.sensors.spark_pipeline import SparkPipelineRunSensor
from tests.airflows import AirflowSensorTimeout
from tests.histories_of_runs import History
from tests.triggering import fire

CONF = """
pipeline {
  pipeline-name = Test
  checkpoint.location = "%s"
  pipeline-components = [{ instance-type = shop_etl.Extract }]
}
"""


@pytest.fixture
def location(tmp_path: Path) -> Path:
    return tmp_path / "checkpoints"


def history(location: Path, run_id: str = "r1", **key: Any) -> History:
    return History(open_store(str(location)), run_id, **key)


def sensor(location: Path | None = None, **arguments: Any) -> SparkPipelineRunSensor:
    defaults: dict[str, Any] = {"task_id": "wait", "poke_interval": 0.01, "timeout": 5}
    if "pipeline" not in arguments:
        defaults |= {"pipeline_name": "Test", "checkpoint_location": location}
    with DAG("recovery", schedule=None):
        return SparkPipelineRunSensor(**{**defaults, **arguments})


def defer(task: SparkPipelineRunSensor) -> TaskDeferred:
    with pytest.raises(TaskDeferred) as deferred:
        task.execute({})
    return deferred.value


def test_an_existing_run_is_returned_at_once(location: Path) -> None:
    failed = history(location).failed()
    for deferrable in (True, False):
        run = sensor(location, deferrable=deferrable).execute({})
        assert run["run_id"] == failed.pipeline_run_id
        assert (run["failed_position"], run["failed_component"]) == (2, "b")


def test_poking_continues_until_the_run_exists(location: Path) -> None:
    task = sensor(location)
    assert not task.poke({})
    failed = history(location).failed()
    found = task.poke({})
    assert found.xcom_value is not None
    assert found.xcom_value["run_id"] == failed.pipeline_run_id


def test_it_defers_to_a_trigger_that_finds_the_run(location: Path) -> None:
    task = sensor(location, deferrable=True, timeout=90)
    deferred = defer(task)
    assert deferred.timeout == timedelta(seconds=90)
    failed = history(location).failed()
    run = task.execute_complete({}, fire(deferred))
    assert run["run_id"] == failed.pipeline_run_id


def test_it_defers_by_default_where_airflow_is_configured_to(location: Path, airflow_config: Any) -> None:
    assert not sensor(location).deferrable
    airflow_config("operators", "default_deferrable", "True")
    assert sensor(location).deferrable
    assert not sensor(location, deferrable=False).deferrable


def test_the_file_gives_the_name_and_the_location(location: Path, tmp_path: Path) -> None:
    failed = history(location).failed()
    file = tmp_path / "test.conf"
    file.write_text(CONF % location, encoding="utf-8")
    assert sensor(pipeline=str(file)).execute({})["run_id"] == failed.pipeline_run_id


def test_runs_of_another_namespace_are_not_found(location: Path, airflow_config: Any) -> None:
    history(location).failed()
    airflow_config("spark_pipeline", "namespace", "blue")
    assert not sensor(location).poke({})


def test_a_trigger_holds_no_secret(location: Path, airflow_config: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_STORE", "aws://key:hunter2@/")
    location.mkdir()
    task = sensor(location, deferrable=True, checkpoint_conn_id="store")
    carried = json.dumps(defer(task).trigger.serialize())
    assert "hunter2" not in carried
    assert '"conn_id": "store"' in carried


class TestAStoreOfTheUsersOwn:
    CONF = """
    pipeline {
      pipeline-name = Test
      checkpoint.store { instance-type = tests.user_store.DirectoryStore, instance-config { root = "%s" %s } }
      pipeline-components = [{ instance-type = shop_etl.Extract }]
    }
    """

    def test_a_store_without_secrets_can_be_watched_in_the_triggerer(self, location: Path) -> None:
        deferred = defer(sensor(pipeline=self.CONF % (location, ""), deferrable=True))
        failed = history(location).failed()
        assert fire(deferred)["run"]["run_id"] == failed.pipeline_run_id

    def test_a_store_with_secrets_is_watched_by_the_worker_or_refused_if_deferring_was_requested(
        self, location: Path, airflow_config: Any
    ) -> None:
        text = self.CONF % (location, ", password = hunter2")
        with pytest.raises(AirflowFailException, match=r"contains secrets \(password\)") as error:
            sensor(pipeline=text, deferrable=True).execute({})
        assert "hunter2" not in str(error.value)
        airflow_config("operators", "default_deferrable", "True")
        with pytest.raises(AirflowSensorTimeout):
            sensor(pipeline=text, timeout=0).execute({})


class TestOneComponent:
    """``component``: go on when one component of a run is done."""

    @pytest.mark.parametrize("deferrable", [True, False])
    def test_a_completed_component_is_found_while_the_pipeline_runs(self, location: Path, *, deferrable: bool) -> None:
        running = history(location).running().beat()  # "a" is done, "b" is running
        found = sensor(location, component="a", external_run_id="r1", deferrable=deferrable).execute({})
        assert (found["run_id"], found["status"]) == (running.pipeline_run_id, "running")
        assert not sensor(location, component="b", external_run_id="r1").poke({})

    def test_a_trigger_waits_for_the_run(self, location: Path) -> None:
        task = sensor(location, component="b", external_run_id="r1", deferrable=True)
        running = history(location).running().beat()
        deferred = defer(task)
        running._append("ab")
        assert task.execute_complete({}, fire(deferred))["completed_components"] == ["a", "b"]

    @pytest.mark.parametrize("end", ["failed", "completed"])
    def test_a_completed_component_is_found_however_the_run_ended(self, location: Path, end: str) -> None:
        getattr(history(location), end)()
        assert sensor(location, component="a", external_run_id="r1").poke({})

    def test_a_completed_component_counts_even_if_its_run_has_retries_left(self, location: Path) -> None:
        history(location, tries_left=1).failed()
        assert not sensor(location, external_run_id="r1").poke({})
        assert sensor(location, component="a", external_run_id="r1").poke({})

    def test_progress_that_was_discarded_or_is_another_runs_does_not_count(self, location: Path) -> None:
        failed = history(location).failed()
        assert not sensor(location, component="a", external_run_id="r2").poke({})
        assert not sensor(location, component="a", external_run_id="r1", external_task_id="other").poke({})
        failed.log.discard()
        assert not sensor(location, component="a", external_run_id="r1").poke({})

    def test_since_is_compared_with_the_end_of_the_component(self, location: Path) -> None:
        history(location).failed()
        now = datetime.now(timezone.utc)
        assert sensor(location, component="a", since=datetime(2020, 1, 1, tzinfo=timezone.utc)).poke({})
        assert not sensor(location, component="a", since=now + timedelta(hours=1)).poke({})

    def test_a_name_that_the_file_does_not_have_fails_the_task(self, location: Path) -> None:
        task = sensor(pipeline=CONF % location, component="Extrakt", external_run_id="r1")
        with pytest.raises(AirflowFailException, match="'Test' has no component 'Extrakt'; it has Extract"):
            task.poke({})

    def test_it_needs_a_run_or_a_moment_and_no_state(self, location: Path) -> None:
        with pytest.raises(ValueError, match="component='a' would match a run that ended long ago; give since"):
            sensor(location, component="a")
        with pytest.raises(ValueError, match="give component or wait_for, not both"):
            sensor(location, component="a", wait_for="completed", external_run_id="r1")


class TestBadInput:
    def test_a_sensor_without_a_run_is_refused(self) -> None:
        with pytest.raises(ValueError, match="which run"):
            sensor(pipeline_name=None)

    def test_a_name_together_with_a_pipeline_is_refused(self) -> None:
        with pytest.raises(ValueError, match="not both"):
            sensor(pipeline_name="a", pipeline="a.conf")

    def test_an_unknown_state(self) -> None:
        with pytest.raises(ValueError, match="'done'; it must be one of resumable, completed, ended"):
            sensor(wait_for="done")

    def test_completed_without_a_time_or_a_run_id_is_refused(self, location: Path) -> None:
        with pytest.raises(ValueError, match="ended long ago"):
            sensor(location, wait_for="completed")
        assert sensor(location, wait_for="completed", external_run_id="r1").wait_for == "completed"

    def test_an_invalid_since_is_refused(self, location: Path) -> None:
        with pytest.raises(
            ValueError, match="since is 'yesterday'; it must be a datetime, a date, or text such as 2026"
        ):
            sensor(location, since="yesterday")

    def test_a_location_that_cannot_be_used(self) -> None:
        with pytest.raises(AirflowFailException, match="unknown scheme"):
            sensor(checkpoint_location="ftp://host/x", pipeline_name="Test").execute({})

    def test_soft_fail_skips_the_task(self) -> None:
        for deferrable in (True, False):
            with pytest.raises(AirflowSkipException):
                sensor(
                    checkpoint_location="ftp://host/x", pipeline_name="Test", soft_fail=True, deferrable=deferrable
                ).execute({})

    def test_a_connection_that_does_not_exist(self, location: Path) -> None:
        with pytest.raises(AirflowFailException, match="'absent' does not exist"):
            sensor(location, checkpoint_conn_id="absent").execute({})


def test_a_moment_without_a_time_zone_is_utc(location: Path) -> None:
    failed = history(location).failed()
    soon = datetime.now(timezone.utc) + timedelta(hours=1)
    assert not sensor(location, since=soon.replace(tzinfo=None)).poke({})
    assert not sensor(location, since=soon.isoformat()).poke({})
    found = sensor(location, since=(soon - timedelta(hours=2)).isoformat()).poke({})
    assert found.xcom_value is not None
    assert found.xcom_value["run_id"] == failed.pipeline_run_id


def test_an_error_of_the_trigger_fails_or_skips_the_task(location: Path) -> None:
    task = sensor(location, deferrable=True)
    with pytest.raises(AirflowFailException, match="no permission"):
        task.execute_complete({}, {"error": "no permission", "retry_helps": False})
    with pytest.raises(AirflowException, match="did not answer"):
        task.execute_complete({}, {"error": "it did not answer", "retry_helps": True})


def test_an_unreadable_run_ends_the_wait_for_it(location: Path) -> None:
    task = sensor(
        location,
        deferrable=True,
        external_dag_id="etl",
        external_task_id="load",
        external_run_id="r1",
        external_map_index=-1,
    )
    deferred = defer(task)
    broken = history(location).failed()
    (location / broken.path / "00000003.json").write_text("{", encoding="utf-8")
    event = fire(deferred)
    assert not event["retry_helps"]
    assert "00000003.json is not a readable commit" in event["error"]


@pytest.mark.parametrize(
    ("url", "password"),
    [("memory://me:hunter2xyz@x/ck", "hunter2xyz"), ("memory://me:a/b@c:d@x/ck", "a/b@c:d")],
)
def test_the_log_does_not_show_a_password_of_the_location_and_airflow_masks_it(
    url: str, password: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told: set[str] = set()
    monkeypatch.setattr("airflow.sdk.log.mask_secret", lambda found, name=None: told.update(found), raising=False)
    with pytest.raises(AirflowSensorTimeout):
        sensor(pipeline_name="Test", checkpoint_location=url, timeout=0).execute({})
    said = "".join(capsys.readouterr())
    assert "No such run yet at memory://me:***@x/ck" in said
    assert password not in said
    assert password in told
