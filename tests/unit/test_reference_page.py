"""The reference page that users of the Scala framework know: a test for each row of its tables."""

from __future__ import annotations

import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from airflow_spark_pipeline import PipelineRunner
from airflow_spark_pipeline.checkpoint.encoding import to_json
from airflow_spark_pipeline.checkpoint.state import CheckpointState
from airflow_spark_pipeline.checkpoint.stores.locations import open_store
from airflow_spark_pipeline.exceptions import ComponentFailedError, ResumeRefusedError
from airflow_spark_pipeline.pipeline.parser import parse_pipeline
from tests.sparkless import FakeSpark
from tests.steps import describe, names

PIPELINE = ("a", "b:Step:fails = 1", "c")


class Job:
    def __init__(self, directory: Path) -> None:
        self.location, self.ledger = directory / "checkpoints", directory / "ledger"
        self.runner = PipelineRunner(FakeSpark())  # type: ignore[arg-type]

    def describe(self, fields: str = "", *components: str) -> str:
        return describe(*(components or PIPELINE), more=f'checkpoint {{ location = "{self.location}", {fields} }}')

    def fail(self, fields: str = "") -> str:
        with pytest.raises(ComponentFailedError) as failed:
            self.runner.run_with_checkpointing(self.describe(fields))
        return failed.value.run_id or ""

    def unfinished(self) -> list[CheckpointState]:
        return PipelineRunner(location=self.location).list_resumable("Steps")

    def commits(self) -> list[Path]:
        return sorted(path for path in self.location.rglob("*.json") if not path.parent.name.startswith("_"))


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Job:
    monkeypatch.setenv("LEDGER", str(tmp_path / "ledger"))
    return Job(tmp_path)


# ---- configuration options


def test_enabled_is_false_by_default(job: Job) -> None:
    spec = parse_pipeline(job.describe())
    assert spec.checkpoint.enabled is False
    with pytest.raises(ComponentFailedError):
        job.runner.run(job.describe())
    assert job.commits() == []


def test_enabled_records_progress(job: Job) -> None:
    assert job.fail("enabled = true")
    assert [state.completed_components for state in job.unfinished()] == [("a",)]


def test_location_is_where_checkpoints_lie(job: Job) -> None:
    job.fail("enabled = true")
    assert len(job.commits()) > 0


def test_location_is_in_the_systems_temporary_directory_where_none_is_given(
    job: Job, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    job.location.mkdir()
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(job.location))
    job.runner.run_with_checkpointing(describe("a"))
    assert (job.location / "spark-pipeline-checkpoints").is_dir()
    assert "No checkpoint location is given" in capsys.readouterr().out


def test_auto_resume_is_false_by_default(job: Job) -> None:
    job.fail()
    assert job.runner.run_with_checkpointing(job.describe()).skipped == []


def test_auto_resume_continues_the_last_failed_run(job: Job) -> None:
    job.fail("auto-resume = true")
    assert job.runner.run_with_checkpointing(job.describe("auto-resume = true")).skipped == ["a"]


def test_cleanup_on_success_leaves_one_small_record_that_guards_the_numbers(job: Job) -> None:
    run_id = job.fail()
    assert len(job.commits()) > 1
    job.runner.resume(job.describe(), run_id)
    assert len(job.commits()) == 1
    assert not list(job.location.rglob("_history/*"))


def test_without_cleanup_on_success_the_finished_run_is_kept(job: Job) -> None:
    job.runner.run_with_checkpointing(job.describe("cleanup-on-success = false", "a"))
    assert len(list(job.location.rglob("_history/*.json"))) == 1


# ---- storage locations


@pytest.mark.parametrize("location", ["/tmp/checkpoints", "file:///tmp/checkpoints", "s3a://my-bucket/checkpoints"])
def test_a_storage_location_of_the_page_is_served(location: str) -> None:
    assert open_store(location).location == location


# ---- checkpoint state


@pytest.fixture
def state(job: Job) -> dict[str, Any]:
    """What the resume of a failed run recorded, which failed, too."""
    job.runner = PipelineRunner(FakeSpark(), location=job.location)  # type: ignore[arg-type]
    pipeline = job.describe("", "a", "b:Step:fails = 1", "c:Step:fails = 1")
    with pytest.raises(ComponentFailedError) as failed:
        job.runner.run_with_checkpointing(pipeline)
    with pytest.raises(ComponentFailedError):
        job.runner.resume(pipeline, failed.value.run_id or "")
    (found,) = job.unfinished()
    return {**to_json(found), "first": failed.value.run_id}


def test_run_id_is_unique_for_each_attempt(state: dict[str, Any]) -> None:
    assert state["runId"] != state["first"]


def test_pipeline_name_is_that_of_the_configuration(state: dict[str, Any]) -> None:
    assert state["pipelineName"] == "Steps"


def test_started_at_is_when_the_attempt_started(state: dict[str, Any]) -> None:
    assert datetime.fromisoformat(state["startedAt"]).tzinfo is not None


def test_completed_components_lists_what_is_done(state: dict[str, Any]) -> None:
    assert list(state["completedComponents"]) == ["a", "b"]


def test_last_checkpointed_index_is_that_of_the_last_one(state: dict[str, Any]) -> None:
    assert state["lastCheckpointedIndex"] == 1


def test_total_components_counts_all_components(state: dict[str, Any]) -> None:
    assert state["totalComponents"] == 3


def test_status_is_running_failed_or_completed(state: dict[str, Any]) -> None:
    assert state["status"] == "failed"


def test_resumed_from_is_the_run_whose_progress_was_taken_over(state: dict[str, Any]) -> None:
    assert state["resumedFrom"] == state["first"]


# ---- limitations


def test_a_change_of_what_is_done_cannot_be_resumed(job: Job) -> None:
    run_id = job.fail()
    with pytest.raises(ResumeRefusedError):
        job.runner.resume(job.describe("", "x", "a", "b", "c"), run_id)


def test_more_components_after_the_failed_one_can(job: Job) -> None:
    """Better than the page: what is not done yet may change."""
    run_id = job.fail()
    job.runner.resume(job.describe("", *PIPELINE, "d"), run_id)
    assert names(job.ledger) == "ab" + "bcd"
