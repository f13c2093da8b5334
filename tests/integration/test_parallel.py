"""Components in parallel on a real Spark: saved outputs, jobs that are cancelled alone, and the shared session."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from airflow_spark_pipeline import PipelineRunner
from airflow_spark_pipeline.exceptions import ComponentFailedError
from tests.steps import names, read

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark


class Job:
    def __init__(self, spark: SparkSession, directory: Path, parallelism: int) -> None:
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


@pytest.fixture(params=[1, 3])
def job(request: pytest.FixtureRequest, spark: SparkSession, tmp_path: Path) -> Job:
    return Job(spark, tmp_path, request.param)


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


def test_a_timeout_cancels_the_jobs_of_its_component_alone(job: Job) -> None:
    text = job.text(
        job.component("LongJob", "long", more="depends-on = [], timeout = 2 s"),
        job.component("Makes", "a", "view = made"),
        job.component("Makes", "b", "view = made_too", more="depends-on = [a]"),
        more="fail-fast = false, save-outputs = true",
    )
    with pytest.raises(ComponentFailedError, match=r"long took longer than its timeout of 2 s, and was stopped"):
        job.runner.run_with_checkpointing(text)
    (state,) = job.runner.list_resumable("Parallel")
    assert state.completed_components == ("a", "b")
    assert sorted(names(job.ledger).replace("long", "l")) == ["a", "b", "l"]


def test_a_change_of_the_session_while_several_run_is_told_and_set_again(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job = Job(spark, tmp_path, 2)
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
