"""A platform that this package does not know: a way, and an operator with ``PipelineTask`` in front."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG, BaseOperator

from airflow_spark_pipeline.exceptions import ComponentFailedError
from airflow_spark_pipeline.operators.pipeline_task import PipelineTask
from airflow_spark_pipeline.task.driver_files import REQUEST, DriverFiles
from airflow_spark_pipeline.task.try_arguments import Arguments
from airflow_spark_pipeline.task.unit import Unit
from airflow_spark_pipeline.task.way import Ended, Way
from tests.unit.operators.shop import CONF, Driver, Shop


@dataclass
class Platform:
    """Takes jobs, and ends them at once."""

    driver: Driver = field(default_factory=Driver)
    jobs: list[Path] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    forgotten: int = 0


class PlatformWay(Way):
    def __init__(self, unit: Unit, platform: Platform) -> None:
        self.unit, self.platform = unit, platform

    def forget_earlier_job(self) -> None:
        self.platform.forgotten += 1

    def run(self) -> Ended:
        files = DriverFiles(self.unit.directory)
        request = self.unit.claim(spark_config=self.unit.spec.spark.config, local=False)
        self.platform.jobs.append(files.write(REQUEST, request))
        self.platform.driver.run(request)
        return Ended()

    def stop(self) -> None:
        self.platform.stopped.append(self.unit.path)


class PlatformOperator(PipelineTask, BaseOperator):
    template_fields = ("pipeline", "checkpoint_location")

    def __init__(self, *, pipeline: str, checkpoint_location: str, platform: Platform, **rest: Any) -> None:
        super().__init__(**rest)
        self.pipeline, self.checkpoint_location, self.platform = pipeline, checkpoint_location, platform
        self.name = self.conf = self.env_vars = None

    def execute(self, context: Any) -> dict[str, Any]:
        return self.run_pipeline(context)

    def arguments(self, context: Any) -> Arguments:
        folder = Path(self.checkpoint_location).parent
        return Arguments(self._describe(context), self.log, folder, checkpoint_location=self.checkpoint_location)

    def choose_way(self, unit: Unit, context: Any) -> Way:
        return PlatformWay(unit, self.platform)


def run(shop: Shop, platform: Platform, try_number: int) -> tuple[PlatformOperator, Any]:
    (shop.folder / "shop.conf").write_text(CONF, encoding="utf-8")
    with DAG("shop", schedule=None, start_date=dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc)) as dag:
        location = str(shop.folder / "checkpoints")
        operator = PlatformOperator(
            task_id="etl", pipeline="shop.conf", checkpoint_location=location, platform=platform, retries=3
        )
    dag.fileloc = str(shop.folder / "dag.py")
    context = shop.context(operator, try_number)  # type: ignore[arg-type]
    operator.render_template_fields(context)
    return operator, context


def test_its_retry_resumes_at_the_component_that_failed(tmp_path: Path) -> None:
    platform, shop = Platform(Driver(fails_at="Clean")), Shop(tmp_path, Driver())
    operator, context = run(shop, platform, 1)
    with pytest.raises(ComponentFailedError, match=r"failed at \[2/3\] Clean"):
        operator.execute(context)
    platform.driver.fails_at = None
    operator, context = run(shop, platform, 2)
    assert [step.name for step in operator.plan(context).steps if step.action.value == "run"] == ["Clean", "Load"]
    assert operator.execute(context)["components_run"] == ["Clean", "Load"]
    assert [job.exists() for job in platform.jobs] == [False, False]
    assert platform.forgotten == 2


def test_it_is_stopped_with_its_task_and_not_before_it_runs(tmp_path: Path) -> None:
    platform, shop = Platform(), Shop(tmp_path, Driver())
    operator, context = run(shop, platform, 1)
    operator.on_kill()
    assert platform.stopped == []
    operator.execute(context)
    operator.on_kill()
    assert len(platform.stopped) == 1
