"""A DAG file run as a script with ``dag.test()``: no scheduler, but the same retries."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.acceptance.deployment import SHORT_LIVED_JVM
from tests.acceptance.ledger import read_ledger, short

_DAG_FILE = Path(__file__).with_name("dags") / "steps_dags.py"


def test_a_retry_resumes_under_dag_test(airflow_db: Path, tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "AIRFLOW__CORE__DAGS_FOLDER": str(_DAG_FILE.parent),
        "AIRFLOW__SPARK_PIPELINE__CHECKPOINT_LOCATION": str(tmp_path / "checkpoints"),
        "AIRFLOW_CONN_SPARK_DEFAULT": json.dumps({"conn_type": "spark", "host": "local[1]"}),
        "LEDGERS": str(tmp_path),
        "SPARK_LOCAL_DIRS": str(tmp_path),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_SUBMIT_OPTS": SHORT_LIVED_JVM,
        "TMPDIR": str(tmp_path),
    }
    result = subprocess.run(
        [sys.executable, str(_DAG_FILE)],
        env=environment,
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    output = result.stdout + result.stderr
    assert result.returncode == 0, output
    (ledger,) = tmp_path.glob("*.jsonl")
    entries = read_ledger(ledger)
    assert short(entries, "start") == "a1 b1 b2 c2 d2", output
    assert short(entries, "end") == "a1 b2 c2 d2", output
