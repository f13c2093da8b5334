"""EMR Serverless with real drivers: moto's API and S3, and a spark-submit for each job run."""

from __future__ import annotations

import datetime as dt
import json
import os
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("airflow.providers.amazon.aws.operators.emr")

from airflow.sdk import DAG

from airflow_spark_pipeline.exceptions import ComponentFailedError
from airflow_spark_pipeline.testing.stand_ins import StateStore, TaskInstance
from tests.platforms.aws import REGION
from tests.platforms.emr_serverless import EmrServerless, emr_serverless
from tests.platforms.real_steps import CONF, STEPS

pytestmark = [pytest.mark.spark, pytest.mark.s3, pytest.mark.slow, pytest.mark.nightly]


class Runner:
    """Starts spark-submit for each job run, as the platform does: with the job's own identity."""

    def __init__(self, platform: EmrServerless, s3: Any, endpoint: str, folder: Path) -> None:
        self.platform, self.s3, self.endpoint, self.folder = platform, s3, endpoint, folder
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)

    def _watch(self) -> None:
        while not self.ended.wait(0.2):
            for run in self.platform.runs():
                process = self.processes.get(run.id)
                if process is None:
                    self.processes[run.id], run.state = self._start(run), "RUNNING"
                elif run.state == "CANCELLED" and process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                elif run.state == "RUNNING" and process.poll() is not None:
                    run.state_details = f"exit code {process.returncode}"
                    run.state = "SUCCESS" if process.returncode == 0 else "FAILED"

    def _start(self, run: Any) -> subprocess.Popen[bytes]:
        folder = self.folder / run.id
        (folder / "main").mkdir(parents=True)
        spark = run.job_driver["sparkSubmit"]
        words = [
            ",".join(self._local(url, folder) for url in word.split(",")) if word.startswith("s3://") else word
            for word in shlex.split(spark["sparkSubmitParameters"])
        ]
        main = self._local(spark["entryPoint"], folder / "main")
        import pyspark

        home = str(Path(pyspark.__file__).parent)
        variables = {
            "PATH": os.environ["PATH"],
            "JAVA_HOME": os.environ["JAVA_HOME"],
            "SPARK_HOME": home,
            "PYSPARK_PYTHON": sys.executable,
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "identity-of-the-job",
            "AWS_SECRET_ACCESS_KEY": "planted",
            "AWS_DEFAULT_REGION": REGION,
        }
        command = [f"{home}/bin/spark-submit", "--master", "local[1]", *words, main, *spark["entryPointArguments"]]
        with open(folder / "log", "wb") as log:
            return subprocess.Popen(
                command,
                cwd=folder,
                env=variables,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    def _local(self, url: str, folder: Path) -> str:
        bucket, _, key = url.removeprefix("s3://").partition("/")
        file = folder / Path(key).name
        self.s3.download_file(bucket, key, str(file))
        return str(file)

    def close(self) -> None:
        self.ended.set()
        self.thread.join(30)
        for process in self.processes.values():
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(30)


@pytest.fixture
def runner(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Runner]:
    monkeypatch.setenv("AIRFLOW__SPARK_PIPELINE__LEASE_SECONDS", "15")  # short, and long enough for a busy machine
    with emr_serverless(monkeypatch, endpoint=s3_endpoint) as platform:
        import boto3

        s3 = boto3.client("s3", endpoint_url=s3_endpoint)
        s3.create_bucket(Bucket="lake")
        runner = Runner(platform, s3, s3_endpoint, tmp_path / "runs")
        runner.thread.start()
        yield runner
        runner.close()


def run(runner: Runner, folder: Path, store: StateStore, try_number: int) -> Any:
    with DAG("emr", schedule=None, start_date=dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc)) as dag:
        operator = runner.platform.operator(
            task_id="etl",
            pipeline="emr.conf",
            py_files=["real_steps.py"],
            checkpoint_location="s3://lake/checkpoints",
            job_poll_interval=0.5,
            retries=3,
        )
    dag.fileloc = str(folder / "dag.py")
    context: Any = {"ti": TaskInstance(operator, try_number, 3), "task_state_store": store, "params": {}}
    operator.render_template_fields(context)
    return operator.execute(context)


def test_failures_and_deaths_of_real_drivers_are_resumed(runner: Runner, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    (tmp_path / "real_steps.py").write_text(STEPS, encoding="utf-8")
    (tmp_path / "emr.conf").write_text(CONF % {"ledger": ledger}, encoding="utf-8")
    store = StateStore()
    with pytest.raises(ComponentFailedError, match=r"failed at \[2/3\] Clean.*disk full"):
        run(runner, tmp_path, store, 1)
    with pytest.raises(ComponentFailedError, match=r"died.*the platform says: FAILED exit code"):
        run(runner, tmp_path, store, 2)
    result = run(runner, tmp_path, store, 3)
    assert (result["attempt"], result["components_run"]) == (3, ["Clean", "Load"])
    names = ["Extract", "Clean", "Clean", "Clean", "Load"]
    assert ledger.read_text(encoding="utf-8").split("\n") == [*(f"{name} 3" for name in names), ""]
    assert len(runner.platform.runs()) == 3
    left = [found["Key"] for found in runner.s3.list_objects_v2(Bucket="lake").get("Contents", ())]
    assert [key for key in left if "_staged/requests" in key] == []
    shown = json.dumps([vars(each) for each in runner.platform.runs()], default=str)
    bodies = b"".join(runner.s3.get_object(Bucket="lake", Key=key)["Body"].read() for key in left if ".zip" not in key)
    assert "identity-of-the-worker" not in shown
    assert b"identity-of-the-worker" not in bodies
