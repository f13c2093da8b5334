"""A process that a component forks never acts as the driver."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_spark_pipeline import PipelineRunner
from airflow_spark_pipeline.checkpoint.lease import Lease, LeaseTerms
from airflow_spark_pipeline.checkpoint.log import RunLog
from airflow_spark_pipeline.checkpoint.stores.locations import open_store
from airflow_spark_pipeline.exceptions import CheckpointError, ComponentFailedError
from tests.forking import DyingSpark
from tests.steps import component, describe, names, read

RUN = """
import sys
from airflow_spark_pipeline import PipelineRunner
from tests.forking import Forking
from tests.sparkless import FakeSpark
hooks = Forking(sys.argv[3]) if sys.argv[4:] else None
report = PipelineRunner(FakeSpark(), location=sys.argv[1]).run_with_checkpointing(sys.argv[2], hooks)
print("ran", ",".join(report.ran), flush=True)
"""
HOW = {
    "returns": [0],
    "exits 0": [0],
    "exits 3": [3],
    "exits with a text": [1],
    "raises": [1],
    "has a child": [0, 0],
    "in a thread": [0],
    "multiprocessing": [5],
}


def run(tmp_path: Path, pipeline: str, *more: str) -> subprocess.CompletedProcess[str]:
    ledger = str(tmp_path / "ledger")
    return subprocess.run(
        [sys.executable, "-c", RUN, str(tmp_path / "checkpoints"), pipeline, ledger, *more],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[3],
        env={**os.environ, "LEDGER": ledger},
        timeout=60,
    )


def codes(tmp_path: Path) -> list[int]:
    return [entry["code"] for entry in read(tmp_path / "ledger.codes")]


def test_a_forked_child_that_returns_from_a_component_ends_with_its_own_exit_code(tmp_path: Path) -> None:
    forks = [
        f'{{ instance-type = "tests.forking.Forks", instance-name = "{how}"\n'
        f'instance-config {{ ledger = ${{LEDGER}}, how = "{how}" }} }}'
        for how in HOW
    ]
    result = run(tmp_path, describe(*forks, "after"))
    assert f"ran {','.join(HOW)},after" in result.stdout, result.stdout + result.stderr
    assert result.stdout.count("completed in attempt 1") == 1
    assert codes(tmp_path) == [code for expected in HOW.values() for code in expected]
    assert names(tmp_path / "ledger") == "after"
    assert "ValueError: in the child" in result.stdout
    assert "the child gives up" in result.stdout


def test_a_forked_child_that_returns_from_a_hook_ends_too(tmp_path: Path) -> None:
    result = run(tmp_path, describe("a", "b"), "with the hook")
    assert "ran a,b" in result.stdout, result.stdout + result.stderr
    assert names(tmp_path / "ledger") == "ab"
    assert codes(tmp_path) == [0, 0]


def test_a_forked_child_cannot_change_the_drivers_lease(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = RunLog(open_store(str(tmp_path)), "pipeline/unit")
    lease = Lease(log, "1-a", {}, LeaseTerms(60))
    lease.renew()
    monkeypatch.setattr(os, "getpid", lambda: -1)
    for speak in (lease.renew, lease.release):
        with pytest.raises(CheckpointError, match="is a fork of the driver"):
            speak()
    monkeypatch.undo()
    assert lease.name in log.listing().heartbeats


# ---- a JVM that dies


@pytest.mark.parametrize("more", ["", "fail-fast = false", "retry-policy { max-retries = 3, initial-delay-ms = 1 }"])
def test_a_component_that_returns_after_its_jvm_died_is_not_done_and_nothing_more_is_started(
    more: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEDGER", str(tmp_path / "ledger"))
    kills = component("kills").replace("tests.steps.Step", "tests.forking.Kills")
    runner = PipelineRunner(DyingSpark(), location=tmp_path / "checkpoints")  # type: ignore[arg-type]
    with pytest.raises(ComponentFailedError, match="Spark ended while kills ran"):
        runner.run_with_checkpointing(describe("a", kills, "needs-no-spark", more=more))
    (state,) = runner.list_resumable("Steps")
    assert state.completed_components == ("a",)
    assert state.failure is not None
    assert state.failure.component == "kills"
    assert names(tmp_path / "ledger") == "akills"
