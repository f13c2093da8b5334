"""Two commands with auto-resume at the same moment: one run, and one clear answer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest

from airflow_spark_pipeline.checkpoint.catalog import all_runs
from airflow_spark_pipeline.checkpoint.stores.locations import open_store
from airflow_spark_pipeline.exceptions import ComponentFailedError
from airflow_spark_pipeline.runtime.standalone import claiming
from airflow_spark_pipeline.runtime.standalone.runner import PipelineRunner
from tests.sparkless import FakeSpark
from tests.steps import describe, read

# Both look before either of them claims; the component of whoever is faster waits until the other has ended.
COMMAND = """
import sys, time
from pathlib import Path
from airflow_spark_pipeline.exceptions import StillRunningError
from airflow_spark_pipeline.runtime.standalone import claiming
from airflow_spark_pipeline.runtime.standalone.runner import PipelineRunner
from tests import steps
from tests.sparkless import FakeSpark

folder, me, other = Path(sys.argv[1]), sys.argv[2], sys.argv[3]

def wait_for(file):
    deadline = time.monotonic() + 120
    while not file.exists() and time.monotonic() < deadline:
        time.sleep(0.01)

real, run = claiming.last_unfinished, steps.Step.run

def last_unfinished(*arguments):
    found = real(*arguments)
    (folder / f"{me}.looked").touch()
    wait_for(folder / f"{other}.looked")
    return found

def waits(self, spark):
    run(self, spark)
    wait_for(folder / f"{other}.ended")

claiming.last_unfinished, steps.Step.run = last_unfinished, waits
try:
    PipelineRunner(FakeSpark(), location=folder / "checkpoints").run_with_checkpointing(
        (folder / "etl.conf").read_text(), auto_resume=True
    )
except StillRunningError as error:
    sys.exit(str(error))
finally:
    (folder / f"{me}.ended").touch()
"""


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PipelineRunner:
    monkeypatch.setenv("LEDGER", str(tmp_path / "ledger"))
    return PipelineRunner(cast("Any", FakeSpark()), location=tmp_path / "checkpoints")


def count(folder: Path) -> int:
    return len(list(all_runs(open_store(str(folder / "checkpoints")))))


def test_one_of_two_processes_starts_the_run_and_the_other_reports_that_it_is_running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEDGER", str(tmp_path / "ledger"))
    (tmp_path / "etl.conf").write_text(describe("a"), encoding="utf-8")
    command = [sys.executable, "-c", COMMAND, str(tmp_path)]
    started = [
        subprocess.Popen([*command, *names], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for names in (("one", "two"), ("two", "one"))
    ]
    texts = [process.communicate(timeout=200)[1] for process in started]
    assert sorted(process.returncode for process in started) == [0, 1], texts
    assert "(attempt 1, started " in "".join(texts)
    assert "is still running: its process is alive on this machine" in "".join(texts)
    assert [entry["name"] for entry in read(tmp_path / "ledger")] == ["a"]
    assert count(tmp_path) == 1


def test_the_second_process_finds_a_run_that_started_during_its_look(
    runner: PipelineRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other command fails at once, so that this one resumes its run instead of starting a new one."""
    text = describe("a", "b:Step:fails = 1")
    other = PipelineRunner(cast("Any", FakeSpark()), location=tmp_path / "checkpoints")
    real = claiming.last_unfinished

    def last_unfinished(*arguments: Any) -> Any:
        found = real(*arguments)
        monkeypatch.setattr(claiming, "last_unfinished", real)
        with pytest.raises(ComponentFailedError):
            other.run_with_checkpointing(text, auto_resume=True)
        return found

    monkeypatch.setattr(claiming, "last_unfinished", last_unfinished)
    report = runner.run_with_checkpointing(text, auto_resume=True)
    assert report.run_id.rpartition("~")[0] == (other.run_id or "").rpartition("~")[0]
    assert [entry["name"] for entry in read(tmp_path / "ledger")] == ["a", "b", "b"]
    assert count(tmp_path) == 1


@pytest.mark.parametrize("kept", ["", "checkpoint { cleanup-on-success = false }"])
def test_each_run_after_a_success_is_a_new_one(runner: PipelineRunner, tmp_path: Path, kept: str) -> None:
    ids = [runner.run_with_checkpointing(describe("a", more=kept), auto_resume=True).run_id for _ in range(3)]
    assert [each.partition("~")[2].partition(".")[0] for each in ids] == ["run-1", "run-2", "run-3"]
    assert count(tmp_path) == 3


def test_a_number_of_which_only_the_copy_is_kept_is_not_used_again(runner: PipelineRunner, tmp_path: Path) -> None:
    text = describe("a", more="checkpoint { cleanup-on-success = false }")
    first = runner.run_with_checkpointing(text, auto_resume=True).run_id
    store = open_store(str(tmp_path / "checkpoints"))
    for entry in list(all_runs(store)):
        store.delete_tree(entry.path)
    assert runner.run_with_checkpointing(text, auto_resume=True).run_id != first


def test_a_command_without_auto_resume_starts_a_new_run(runner: PipelineRunner, tmp_path: Path) -> None:
    with pytest.raises(ComponentFailedError):
        runner.run_with_checkpointing(describe("a:Step:fails = 1"), auto_resume=True)
    runner.run_with_checkpointing(describe("a"), auto_resume=False)
    assert count(tmp_path) == 2
