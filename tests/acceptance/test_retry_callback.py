"""What the retry callback reports, in the task's process and, after a kill, in Airflow's DAG processor."""

from __future__ import annotations

import os
import re
import signal
import time

import pytest

from airflow_spark_pipeline.checkpoint.key import UnitKey
from tests.acceptance.client import Run
from tests.acceptance.deployment import parent_of, wait_for
from tests.airflows import retries_killed_tasks, survives_lost_workers

pytestmark = pytest.mark.slow


@pytest.mark.dag_run("retried", b={"1": "fail"})
def test_the_log_of_a_failed_try_lists_what_the_next_one_skips(run: Run) -> None:
    run.wait("success", tries=2)
    said = next(line for line in run.log(1) if line.startswith("Run "))
    assert re.fullmatch(
        r"Run four-steps-\S+~0 \(attempt 1\) failed at \[2/4\] b: ConnectionError: b cannot reach its source\. "
        r"The next try skips a and runs the rest\.",
        said,
    )


@retries_killed_tasks
@survives_lost_workers
@pytest.mark.nightly
@pytest.mark.dag_run("retried", b={"1": "wait in python"})
def test_after_a_kill_the_dag_processor_reports_it_without_blocking_or_delaying_the_retry(
    run: Run, kill_times: dict[tuple[str, str], float]
) -> None:
    """Nor does anything else of the file: while a callback hangs, all its DAGs become stale."""
    entry = run.wait_for_start("b", 1)
    os.kill(parent_of(entry.parent), signal.SIGKILL)
    killed = time.monotonic()

    unit = UnitKey("default", run.dag_id, run.run_id, run.task_id).directory

    def said() -> str | None:
        logs = (run.client.deployment.home / "logs" / "dag_processor").rglob("*.log")
        texts = (path.read_text(encoding="utf-8", errors="replace") for path in logs)
        return next((text for text in texts if unit in text and "The next try skips a" in text), None)

    text = wait_for("the callback", said, seconds=120)
    assert "did not get to its end at [2/4] b" in text
    kill_times["task -9: the callback, by the DAG processor", "local"] = time.monotonic() - killed
    run.wait("success", tries=2)
    assert run.started() == "a1 b1 b2 c2 d2"
    assert run.was_never_stale
