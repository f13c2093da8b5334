"""Views of completed components if restoring or replaying them goes wrong."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql.types import LongType, StructField, StructType

from airflow_spark_pipeline import PipelineRunner
from airflow_spark_pipeline.checkpoint.catalog import discard
from airflow_spark_pipeline.checkpoint.state import CheckpointState, CheckpointStatus, ComponentAction
from airflow_spark_pipeline.checkpoint.stores.local import LocalStore
from airflow_spark_pipeline.checkpoint.stores.locations import load_store
from airflow_spark_pipeline.exceptions import ComponentFailedError
from airflow_spark_pipeline.runtime.component.base import Component
from tests.sparkless import FakeSpark
from tests.steps import Step, component, describe, names

MORE = "checkpoint { auto-resume = true }"


class Frame:
    """As much of a frame as saving and restoring need: its files."""

    schema = StructType([StructField("id", LongType())])
    columns = ("id",)

    def __init__(self, directory: Path | None = None) -> None:
        self._directory = directory

    @property
    def write(self) -> Frame:
        return self

    def parquet(self, path: str) -> None:
        directory = Path(path.removeprefix("file://"))
        directory.mkdir(parents=True)
        (directory / "part-0.parquet").touch()

    def inputFiles(self) -> list[str]:  # noqa: N802  # Spark's name
        assert self._directory is not None
        return [str(file) for file in self._directory.iterdir()]

    def createOrReplaceTempView(self, name: str) -> None:  # noqa: N802  # Spark's name
        pass


class ReadingSpark(FakeSpark):
    """A session that reads what frames wrote, as often as it may."""

    def __init__(self, reads: int = 1_000) -> None:
        super().__init__()
        self.reads = reads

    @property
    def read(self) -> ReadingSpark:
        return self

    def option(self, name: str, value: str) -> ReadingSpark:
        return self

    def schema(self, schema: StructType) -> ReadingSpark:
        assert schema == Frame.schema
        return self

    def parquet(self, path: str) -> Frame:
        self.reads -= 1
        if self.reads < 0:
            raise PermissionError(f"403 Forbidden: {path}")
        return Frame(Path(path.removeprefix("file://")))


@dataclass
class Draw(Step):
    """Returns a frame."""

    def run(self, spark: Any) -> Any:
        super().run(spark)
        return {"drawn": Frame()}


@dataclass
class Define(Step):
    """Defines a view whenever it is run; fails the second time."""

    replay_on_resume = True

    def run(self, spark: Any) -> None:
        if self.context.attempt == self.fails:
            raise RuntimeError("the source is not there")


class Elsewhere(LocalStore):
    """A custom store, which keeps its objects in another place."""

    def __init__(self, location: str, directory: str) -> None:
        super().__init__(location, Path(directory))


class Job:
    """A pipeline on a local disk, whose attempts may have different sessions."""

    def __init__(self, directory: Path) -> None:
        self._location = directory / "checkpoints"

    def run(self, *components: str, spark: FakeSpark | None = None, more: str = "") -> Any:
        text = describe(*components, more=f"{MORE}\n{more}")
        return self._runner(spark).run_with_checkpointing(text)

    def fails(self, *components: str, spark: FakeSpark | None = None, more: str = "") -> ComponentFailedError:
        with pytest.raises(ComponentFailedError) as failed:
            self.run(*components, spark=spark, more=more)
        return failed.value

    @property
    def state(self) -> CheckpointState:
        (state,) = self._runner(None).list_resumable()
        return state

    def _runner(self, spark: FakeSpark | None) -> PipelineRunner:
        return PipelineRunner(spark or ReadingSpark(), location=self._location)  # type: ignore[arg-type]


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Job:
    monkeypatch.setenv("LEDGER", str(tmp_path / "ledger"))
    return Job(tmp_path)


def _own(name: str, cls: type[Component], config: str = "", more: str = "") -> str:
    return component(name, config=config, more=more).replace("tests.steps.Step", f"{__name__}.{cls.__name__}")


def test_a_saved_output_that_spark_cannot_read_fails_the_attempt_and_loses_nothing(job: Job, tmp_path: Path) -> None:
    """Not to be able to look is no proof that it is gone: the component is not run again for it."""
    components = (_own("a", Draw, more="save-outputs = true"), "b:Step:fails = 1")
    job.fails(*components)

    failed = job.fails(*components, spark=ReadingSpark(reads=0))

    assert "403 Forbidden" in str(failed)
    assert job.state.status is CheckpointStatus.FAILED
    assert job.state.failure is not None
    assert job.state.failure.headline.startswith("PermissionError: 403 Forbidden: file:///")
    assert job.state.completed_components == ("a",)
    assert names(tmp_path / "ledger") == "ab"
    assert job.run(*components).skipped == ["a"]
    assert names(tmp_path / "ledger") == "abb"


def test_a_saved_output_is_read_once_where_it_is_saved_and_once_where_it_is_restored(job: Job) -> None:
    components = (_own("a", Draw, more="save-outputs = true"), "b:Step:fails = 1")
    job.fails(*components, spark=ReadingSpark(reads=1))
    assert job.run(*components, spark=ReadingSpark(reads=1)).skipped == ["a"]


def test_a_saved_output_that_is_gone_lets_its_component_run_again(job: Job, tmp_path: Path) -> None:
    components = (_own("a", Draw, more="save-outputs = true"), "b:Step:fails = 1")
    job.fails(*components)
    (saved,) = (tmp_path / "checkpoints").rglob("part-0.parquet")
    saved.unlink()
    assert job.run(*components).ran == ["a", "b"]


def test_only_the_component_whose_saved_output_is_gone_runs_again(job: Job, tmp_path: Path) -> None:
    saved = [_own(name, Draw, more="save-outputs = true") for name in ("a", "b", "c")]
    components = (*saved, "d:Step:fails = 1")
    job.fails(*components)
    files = sorted((tmp_path / "checkpoints").rglob("part-0.parquet"))
    assert len(files) == len(saved)
    files[1].unlink()
    told = job.run(*components)
    assert (told.skipped, told.ran) == (["a", "c"], ["b", "d"])


@pytest.mark.parametrize("fail_fast", ["true", "false"])
def test_a_component_that_fails_while_it_is_replayed_fails_the_run_and_stays_done(
    job: Job, tmp_path: Path, fail_fast: str
) -> None:
    components = (_own("a", Define, "fails = 2"), "b:Step:fails = 1")
    more = f"fail-fast = {fail_fast}"
    job.fails(*components, more=more)

    failed = job.fails(*components, more=more)

    assert "the source is not there" in str(failed)
    state = job.state
    assert state.status is CheckpointStatus.FAILED
    assert state.failure is not None
    assert state.failure.component == "a"
    record = state.component("a")
    assert record is not None
    assert record.action is ComponentAction.FAILED
    everything = fail_fast == "false"
    assert state.completed_components == (("a", "b") if everything else ("a",))
    assert names(tmp_path / "ledger") == ("bb" if everything else "b")
    report = job.run(*components, more=more)
    assert report.state.status is CheckpointStatus.COMPLETED
    assert names(tmp_path / "ledger") == "bb"


@pytest.mark.parametrize("end", ["success", "discard"])
def test_saved_outputs_go_with_their_run_where_its_progress_lies_in_a_custom_store(
    job: Job, tmp_path: Path, end: str
) -> None:
    instance_type, config = f"{__name__}.Elsewhere", {"directory": str(tmp_path / "elsewhere")}
    more = (
        f'checkpoint.store {{ instance-type = "{instance_type}", '
        f'instance-config {{ directory = "{config["directory"]}" }} }}'
    )
    components = (_own("a", Draw, more="save-outputs = true"), "b:Step:fails = 1")
    failed = job.fails(*components, more=more)
    assert {path.name for path in (tmp_path / "checkpoints").iterdir()} == {"_outputs"}
    assert list((tmp_path / "checkpoints").rglob("part-0.parquet"))

    if end == "success":
        assert job.run(*components, more=more).skipped == ["a"]
    else:
        assert failed.run_id is not None
        discard(load_store(instance_type, config, str(tmp_path / "checkpoints")), failed.run_id)

    assert not list((tmp_path / "checkpoints").rglob("part-0.parquet"))
