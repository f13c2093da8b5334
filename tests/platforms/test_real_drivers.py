"""Each platform with real drivers: a component fails, a driver is killed, and the tries after them resume."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG

from airflow_spark_pipeline.exceptions import ComponentFailedError
from airflow_spark_pipeline.testing.job_contract import PlatformUnderTest
from airflow_spark_pipeline.testing.stand_ins import StateStore, TaskInstance
from tests.platforms import drivers
from tests.platforms.databricks import databricks
from tests.platforms.drivers import Drivers
from tests.platforms.livy import livy
from tests.platforms.real_steps import CONF, STEPS

# The hook of Databricks asks Airflow for it.
pytestmark = pytest.mark.filterwarnings("ignore:ProvidersManager.hooks is deprecated")

PLATFORMS: dict[str, tuple[Any, Any]] = {
    "databricks": (databricks, drivers.of_databricks),
    "livy": (livy, drivers.of_livy),
}
_PLANTED = (b"identity-of-the-worker", b"token-of-the-worker")


@pytest.fixture(params=PLATFORMS)
def platform(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[PlatformUnderTest]:
    """A platform that starts a driver for each job, with its own environment."""
    import pyspark

    monkeypatch.setenv("AIRFLOW__SPARK_PIPELINE__LEASE_SECONDS", "15")  # short, and long enough for a busy machine
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "JAVA_HOME": os.environ["JAVA_HOME"],
        "SPARK_HOME": str(Path(pyspark.__file__).parent),
        "PYSPARK_PYTHON": sys.executable,
    }
    stand_in, command = PLATFORMS[request.param]
    with stand_in(monkeypatch) as platform:
        running = Drivers(platform, command, tmp_path / "drivers", environment)
        with contextlib.closing(running):
            yield platform


def run(platform: PlatformUnderTest, folder: Path, store: StateStore, try_number: int) -> Any:
    with DAG("real", schedule=None, start_date=dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc)) as dag:
        operator = platform.operator(
            task_id="etl",
            pipeline="real.conf",
            py_files=["real_steps.py"],
            checkpoint_location=str(folder / "checkpoints"),
            job_poll_interval=0.5,
            conf={"spark.ui.enabled": "false"},
            retries=3,
        )
    dag.fileloc = str(folder / "dag.py")
    context: Any = {"ti": TaskInstance(operator, try_number, 3), "task_state_store": store, "params": {}}
    operator.render_template_fields(context)
    return operator.execute(context)


def test_failures_and_deaths_of_real_drivers_are_resumed_and_no_key_is_left(
    platform: PlatformUnderTest, tmp_path: Path
) -> None:
    ledger = tmp_path / "ledger"
    (tmp_path / "real_steps.py").write_text(STEPS, encoding="utf-8")
    (tmp_path / "real.conf").write_text(CONF % {"ledger": ledger}, encoding="utf-8")
    store = StateStore()
    with pytest.raises(ComponentFailedError, match=r"failed at \[2/3\] Clean.*disk full"):
        run(platform, tmp_path, store, 1)
    with pytest.raises(ComponentFailedError, match=r"died.*the platform says: .*exit code"):
        run(platform, tmp_path, store, 2)
    result = run(platform, tmp_path, store, 3)
    assert (result["attempt"], result["components_run"]) == (3, ["Clean", "Load"])
    names = ["Extract", "Clean", "Clean", "Clean", "Load"]
    assert ledger.read_text(encoding="utf-8").split("\n") == [*(f"{name} 3" for name in names), ""]
    assert len(platform.jobs()) == 3

    assert list((tmp_path / "checkpoints" / "_staged" / "requests").rglob("*.json")) == []
    left = {"jobs": "\n".join(job.shown for job in platform.jobs()).encode()}
    left |= {str(file): file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    assert [name for name, content in left.items() if any(planted in content for planted in _PLANTED)] == []
