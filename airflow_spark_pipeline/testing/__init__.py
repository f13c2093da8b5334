"""A pytest plugin for pipelines and components: run, fail at a chosen component, and resume, in one process.

.. code-block:: python

    pytest_plugins = ["airflow_spark_pipeline.testing"]  # in conftest.py

    def test_the_pipeline_resumes_at_the_load(spark_pipeline):
        spark_pipeline.run("daily_etl.conf", fail_at="Load(orders)")
        report = spark_pipeline.resume()
        assert report.ran == ["Load(orders)"]

    def test_the_pipeline_of_a_day(spark_pipeline):
        spark_pipeline.run("daily_etl.conf", values={"ds": "2026-01-31", "params": {"region": "eu"}})

The Spark session comes from the fixture ``spark_pipeline_session``: one small local Spark for the whole test session.
Define a fixture with that name to use a custom session. Checkpoints are written to the test's ``tmp_path``, regardless
of the file.
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


# The contract of platforms is a file of tests that others import.
pytest.register_assert_rewrite(f"{__name__}.job_contract")


class InjectedFailureError(Exception):
    """The failure that a test injected with ``fail_at``."""


@dataclass
class _FailAt(PipelineHooks):
    """Fails a component before it starts."""

    component: str
    reached: bool = False

    gate = True

    def before_component(self, event: ComponentEvent) -> None:
        """Fail if this is the chosen component."""
        if event.name == self.component:
            self.reached = True
            raise InjectedFailureError(f"the test makes {event.name} fail")


class PipelineTester:
    """Runs pipelines and components in a test.

    :param spark: Spark session to use
    :param directory: directory for checkpoints and workdirs
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
        :param values: values for the names in the config's templates, see ``PipelineRunner``; a resume uses the same
            values
        :return: report of the run; ``None`` if the pipeline failed at ``fail_at``, as requested
        :raises ComponentFailedError: the pipeline failed for another reason; :meth:`resume` continues there
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
        """Resume the run that failed last.

        :param config: edited description; default: the same description as before
        :raises NothingToResumeError: no run of this test has failed
        """
        again = config if config is not None else self._config
        if again is None or self._run_id is None:
            raise NothingToResumeError("no run of this test has failed", run_id="")
        return self.runner.resume(again, self._run_id, hooks)

    def run_component(self, component: Component, **views: DataFrame) -> Mapping[str, DataFrame]:
        """Run one component as a pipeline would, register the DataFrames that it returns as views, and return them.

        :param views: DataFrames that the component reads, keyed by view
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
    """One small local Spark for the whole test session; define a fixture with this name to use a custom session."""
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
