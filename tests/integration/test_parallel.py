"""Components in parallel on a real Spark: saved outputs, cancelled jobs, the shared session."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_spark_pipeline import PipelineHooks, PipelineRunner
from airflow_spark_pipeline.exceptions import ComponentFailedError
from airflow_spark_pipeline.protocol import ConnectTarget
from airflow_spark_pipeline.runtime.spark.connect import close, open_session
from tests.parallel_steps import sign
from tests.steps import names, read

pytestmark = pytest.mark.spark


class Job:
    def __init__(self, spark: Any, directory: Path, parallelism: int) -> None:
        self.ledger = directory / "ledger"
        self.runner = PipelineRunner(spark, location=directory / "checkpoints")
        self._parallelism = parallelism

    def text(self, *components: str, more: str = "") -> str:
        lines = "\n".join(components)
        return (
            f"pipeline {{ pipeline-name = Parallel, parallelism = {self._parallelism}, {more}\n"
            f"pipeline-components = [\n{lines}\n] }}"
        )

    def component(self, kind: str, name: str, config: str = "", more: str = "depends-on = []") -> str:
        return (
            f"{{ instance-type = tests.parallel_steps.{kind}, instance-name = {name}, {more}\n"
            f'instance-config {{ ledger = "{self.ledger}", {config} }} }}'
        )


@pytest.fixture(params=["classic", pytest.param("connect", marks=pytest.mark.slow)])
def session(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    if request.param == "classic":
        yield request.getfixturevalue("spark")
        return
    server = request.getfixturevalue("connect_server")
    monkeypatch.setenv("SPARK_CONNECT_MODE_ENABLED", "1")
    remote = open_session(ConnectTarget(server.url), {}, str(uuid.uuid4()))
    yield remote
    (tmp_path / "ledger.end").touch()
    close(remote)


@pytest.fixture(params=[1, 3])
def job(request: pytest.FixtureRequest, session: Any, tmp_path: Path) -> Job:
    return Job(session, tmp_path, request.param)


def test_outputs_are_saved_and_restored(job: Job, capsys: pytest.CaptureFixture[str]) -> None:
    size = 1 if job._parallelism == 1 else 2
    text = job.text(
        job.component("Makes", "a", f"view = one_{job._parallelism}, size = {size}"),
        job.component("Makes", "b", f"view = two_{job._parallelism}, size = {size}"),
        job.component("Counts", "c", f"views = [one_{job._parallelism}, two_{job._parallelism}]"),
        more="save-outputs = true",
    )
    with pytest.raises(ComponentFailedError) as failed:
        job.runner.run_with_checkpointing(text)
    (state,) = job.runner.list_resumable("Parallel")
    assert state.completed_components == ("a", "b")
    # A view that a component returned is no change of the session by another one.
    assert [(record.session, record.leaves) for record in state.components] == [({}, {})] * 3
    assert "the session changed" not in capsys.readouterr().out

    assert failed.value.run_id is not None
    report = job.runner.resume(text, failed.value.run_id)
    assert (report.skipped, report.ran) == (["a", "b"], ["c"])
    assert [entry["found"] for entry in read(job.ledger) if "found" in entry] == [[3, 3], [3, 3]]
    tags = [entry["tags"] for entry in read(job.ledger) if "tags" in entry]
    assert [len(found) for found in tags] == ([1, 1] if size == 1 else [2, 2])


@pytest.mark.parametrize("in_thread", ["true", "false"])
def test_a_timeout_cancels_the_jobs_of_its_component_alone(job: Job, in_thread: str) -> None:
    text = job.text(
        job.component("LongJob", "long", f"in-thread = {in_thread}", more="depends-on = [], timeout = 2 s"),
        job.component("Makes", "a", "view = made"),
        job.component("Makes", "b", "view = made_too", more="depends-on = [a]"),
        more="fail-fast = false, save-outputs = true",
    )
    with pytest.raises(ComponentFailedError, match=r"long took longer than its timeout of 2 s, and was stopped"):
        job.runner.run_with_checkpointing(text)
    (state,) = job.runner.list_resumable("Parallel")
    assert state.completed_components == ("a", "b")
    assert sorted(names(job.ledger).replace("long", "l")) == ["a", "b", "l"]


def test_a_timeout_a_failure_and_a_success_at_the_same_time_and_then_a_resume(session: Any, tmp_path: Path) -> None:
    job = Job(session, tmp_path, 4)
    text = job.text(
        job.component("LongJob", "late", more="depends-on = [], timeout = 2 s"),
        job.component("Shares", "down", "waits-for = late, fails = true"),
        job.component("Shares", "fine", "waits-for = down"),
        job.component("Makes", "quick", "view = quick"),
        job.component("Shares", "last", "waits-for = late", more=""),
        more="save-outputs = true",
    )

    class Signs(PipelineHooks):
        def on_component_failure(self, event: Any) -> None:
            sign(str(job.ledger), event.name).set()

    with pytest.raises(ComponentFailedError) as failed:
        job.runner.run_with_checkpointing(text, Signs())
    assert "late took longer than its timeout of 2 s, and was stopped" in str(failed.value)
    assert "down is down" in str(failed.value)
    (state,) = job.runner.list_resumable("Parallel")
    assert set(state.completed_components) == {"quick", "fine"}

    assert failed.value.run_id is not None
    report = job.runner.resume(text, failed.value.run_id)
    assert (sorted(report.ran[:2]), report.ran[2:]) == (["down", "late"], ["last"])
    entries = read(job.ledger)
    assert [entry["name"] for entry in entries].count("fine") == 1
    assert all(entry["active"] for entry in entries if "active" in entry)


def test_a_session_change_while_several_components_run_is_reported_and_restored(
    session: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job, spark = Job(session, tmp_path, 2), session
    before = spark.conf.get("spark.sql.shuffle.partitions")
    text = job.text(
        job.component("Makes", "a", "view = first, size = 2"),
        job.component("Makes", "b", 'view = second, size = 2, setting = "17"'),
        job.component("Counts", "c", "views = [first]"),
        more="save-outputs = true",
    )
    try:
        with pytest.raises(ComponentFailedError) as failed:
            job.runner.run_with_checkpointing(text)
        assert "the session changed while" in capsys.readouterr().out
        (state,) = job.runner.list_resumable("Parallel")
        recorded = [record.session.get("conf") for record in state.components if record.session]
        assert recorded == [{"spark.sql.shuffle.partitions": "17"}]
        spark.conf.set("spark.sql.shuffle.partitions", str(before))
        assert failed.value.run_id is not None
        job.runner.resume(text, failed.value.run_id)
        assert "set again spark.sql.shuffle.partitions" in capsys.readouterr().out
    finally:
        spark.conf.set("spark.sql.shuffle.partitions", str(before))


def test_a_change_by_a_running_component_is_recorded_although_others_are_replayed_and_skipped(
    session: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In attempt 2, ``runs`` sets its setting, and is inside until ``skipped`` is restored and ``last`` runs."""
    job, spark = Job(session, tmp_path, 2), session
    text = job.text(
        job.component("Later", "replayed", "waits-for = set", more="depends-on = [], replay-on-resume = true"),
        job.component("Later", "runs", "fails = true, then = my.running, gives = set, waits-for = go"),
        job.component("Later", "skipped", "first = my.skipped", more="depends-on = [replayed]"),
        job.component("Later", "last", "fails = true, gives = go", more="depends-on = [skipped]"),
        job.component("Counts", "fails", "views = [missing]", more="depends-on = [runs, last]"),
        more="fail-fast = false",
    )
    try:
        with pytest.raises(ComponentFailedError) as failed:
            job.runner.run_with_checkpointing(text)
        spark.conf.unset("my.skipped")
        assert failed.value.run_id is not None
        with pytest.raises(ComponentFailedError):
            job.runner.resume(text, failed.value.run_id)
        assert "set again my.skipped (from skipped)" in capsys.readouterr().out
        (state,) = job.runner.list_resumable("Parallel")
        changes = {record.name: record.session for record in state.components if record.session}
        assert changes.pop("skipped") == {"conf": {"my.skipped": "set"}}
        assert list(changes.values()) == [{"conf": {"my.running": "set"}}]  # of whichever of the two ended first
    finally:
        for key in ("my.skipped", "my.running"):
            spark.conf.unset(key)
