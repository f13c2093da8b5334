"""A pytest plugin for pipelines and components: run, fail at a chosen component, and resume, in one process.

.. code-block:: python

    pytest_plugins = ["airflow_spark_pipeline.testing"]  # in conftest.py

    def test_the_pipeline_resumes_at_the_load(spark_pipeline):
        spark_pipeline.run("daily_etl.conf", fail_at="Load(orders)")
        report = spark_pipeline.resume()
        assert report.ran == ["Load(orders)"]

    def test_the_pipeline_of_a_day(spark_pipeline):
        spark_pipeline.run("daily_etl.conf", values={"ds": "2026-01-31", "params": {"region": "eu"}})

The session is that of the fixture ``spark_pipeline_session``: one small local Spark for the whole test session. Define
a fixture of that name to use one of your own. Checkpoints lie in the test's ``tmp_path``, whatever the file says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airflow_spark_pipeline.exceptions import ComponentFailedError, NothingToResumeError
from airflow_spark_pipeline.runtime.component.base import Component, ComponentContext
from airflow_spark_pipeline.runtime.lifecycle.base import ComponentEvent, PipelineHooks
from airflow_spark_pipeline.runtime.standalone.report import RunReport
from airflow_spark_pipeline.runtime.standalone.runner import Config, PipelineRunner

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


class InjectedFailureError(Exception):
    """The failure that a test asked for."""


@dataclass
class _FailAt(PipelineHooks):
    """Fails a component before it starts."""

    component: str
    reached: bool = False

    gate = True

    def before_component(self, event: ComponentEvent) -> None:
        """Fail, if it is the one."""
        if event.name == self.component:
            self.reached = True
            raise InjectedFailureError(f"the test makes {event.name} fail")


class PipelineTester:
    """Runs pipelines and components of a test.

    :param spark: the session
    :param directory: for checkpoints and workdirs
    """

    def __init__(self, spark: SparkSession, directory: Path) -> None:
        self.spark = spark
        self._directory = directory
        self.runner = self._runner(None)
        self._config: Config | None = None
        self._run_id: str | None = None

    def run(
        self,
        config: Config,
        *,
        fail_at: str | None = None,
        hooks: PipelineHooks | None = None,
        values: Mapping[str, Any] | None = None,
    ) -> RunReport | None:
        """Run a pipeline.

        :param fail_at: ``instance-name`` of the component that fails, right before it starts
        :param values: of the names in its templates, see ``PipelineRunner``; a resume takes the same ones
        :return: the report; ``None`` where the pipeline failed at ``fail_at``, as it was asked to
        :raises ComponentFailedError: it failed for a reason of its own; :meth:`resume` goes on there
        :raises AssertionError: the component of ``fail_at`` was never reached
        """
        self._config, self._run_id = config, None
        self.runner = self._runner(values)
        failing = None if fail_at is None else _FailAt(fail_at)
        active = [hook for hook in (failing, hooks) if hook is not None]
        try:
            report = self.runner.run_with_checkpointing(config, PipelineHooks.compose(*active), auto_resume=False)
        except ComponentFailedError as error:
            self._run_id = error.run_id
            if failing is not None and failing.reached:
                return None
            raise
        if failing is not None:
            raise AssertionError(f"no component {fail_at!r} was run, so none could fail")
        return report

    def _runner(self, values: Mapping[str, Any] | None) -> PipelineRunner:
        return PipelineRunner(self.spark, location=self._directory / "checkpoints", values=values)

    def resume(self, config: Config | None = None, *, hooks: PipelineHooks | None = None) -> RunReport:
        """Go on with the run that failed last.

        :param config: the description as it is by now; default: as it was
        :raises NothingToResumeError: no run of this test has failed
        """
        again = config if config is not None else self._config
        if again is None or self._run_id is None:
            raise NothingToResumeError("no run of this test has failed", run_id="")
        return self.runner.resume(again, self._run_id, hooks)

    def run_component(self, component: Component, **views: DataFrame) -> Mapping[str, DataFrame]:
        """Run one component as a pipeline would, and return the frames that it returns, registered as views.

        :param views: frames that it reads, by view
        """
        for name, frame in views.items():
            frame.createOrReplaceTempView(name)
        workdir = str(self._directory / "workdir")
        component.attach(ComponentContext.standalone(workdir, component_name=type(component).__name__))
        frames = component.run(self.spark) or {}
        for name, frame in frames.items():
            frame.createOrReplaceTempView(name)
        return frames


@pytest.fixture(scope="session")
def spark_pipeline_session() -> Iterator[SparkSession]:
    """One small local Spark for the whole session; define a fixture of this name to use your own."""
    from pyspark.sql import SparkSession

    session = (
        SparkSession.builder.master("local[1]")
        .appName("spark_pipeline")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "1")
        .getOrCreate()
    )
    yield session
    session.stop()


@pytest.fixture
def spark_pipeline(spark_pipeline_session: SparkSession, tmp_path: Path) -> PipelineTester:
    """Run, fail and resume pipelines: see :class:`PipelineTester`."""
    return PipelineTester(spark_pipeline_session, tmp_path)
