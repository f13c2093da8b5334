"""Reading commands write nothing: no directory for a mistyped location, no object in a read-only one."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from airflow_spark_pipeline import PipelineRunner
from airflow_spark_pipeline.checkpoint.catalog import unfinished_runs
from airflow_spark_pipeline.checkpoint.log import RunLog
from airflow_spark_pipeline.checkpoint.state import CheckpointStatus
from airflow_spark_pipeline.checkpoint.stores.base import CheckpointStore
from airflow_spark_pipeline.checkpoint.stores.local import LocalStore
from airflow_spark_pipeline.checkpoint.stores.locations import open_store
from airflow_spark_pipeline.checkpoint.stores.object_store import FsspecStore
from airflow_spark_pipeline.checkpoint.stores.read_only import ReadingStore
from airflow_spark_pipeline.exceptions import CheckpointLocationError
from tests.fakes import DictStore
from tests.steps import describe
from tests.unit.cli.shell import Shell

NOBODYS = "steps-0123456789ab~u-0123456789abcdef~0"


def tree(directory: Path) -> dict[str, int]:
    """Everything below a directory, with the time at which it was changed."""
    return {str(path): path.stat().st_mtime_ns for path in [directory, *sorted(directory.rglob("*"))]}


@pytest.mark.parametrize("location", ["mistyped", "one/two/three", "file", "memory://mistyped"])
@pytest.mark.parametrize(
    "arguments",
    [
        ("runs",),
        ("runs", "--all", "--json"),
        ("show", NOBODYS),
        ("discard", NOBODYS, "--yes"),
        ("prune", "--older-than", "1d", "--dry-run"),
        ("prune", "--older-than", "1d"),
        ("plan", "steps.conf", NOBODYS),
        ("resume", "steps.conf", NOBODYS),
    ],
    ids=" ".join,
)
def test_a_missing_location_is_an_error_and_is_not_created(
    shell: Shell, location: str, arguments: tuple[str, ...]
) -> None:
    if location == "file":
        location = (shell.directory / "x").absolute().as_uri()
    before = tree(shell.directory)
    assert shell(*arguments, "--location", location) == 4
    assert tree(shell.directory) == before
    assert shell.out == ""
    assert "The checkpoint location " in shell.err
    assert "(from --location) does not exist" in shell.err


def test_the_file_and_the_default_are_named_where_they_name_a_location_that_is_not_there(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert shell("runs", "--file", "steps.conf") == 4
    assert "ledger.checkpoints (from steps.conf)" in shell.err
    monkeypatch.setenv("AIRFLOW__SPARK_PIPELINE__CHECKPOINT_LOCATION", str(shell.directory / "typo"))
    assert shell("runs") == 4
    assert "typo (from [spark_pipeline] checkpoint_location)" in shell.err


def test_a_location_without_runs_is_not_an_error(shell: Shell) -> None:
    (shell.directory / "empty").mkdir()
    before = tree(shell.directory)
    for arguments in (("runs",), ("runs", "--all"), ("prune", "--older-than", "1d", "--dry-run")):
        assert shell(*arguments, "--location", "empty") == 0
    assert shell("show", NOBODYS, "--location", "empty") == 2
    assert tree(shell.directory) == before


def test_the_plan_of_a_first_run_needs_no_location_and_makes_none(shell: Shell) -> None:
    before = tree(shell.directory)
    shell.write(steps_with_auto_resume(), "auto.conf")
    before = tree(shell.directory)
    for file in ("steps.conf", "auto.conf"):
        assert shell("plan", file) == 0
        assert shell("validate", file) == 0
    assert tree(shell.directory) == before
    assert shell("run", "steps.conf") == 1
    assert Path(f"{shell.ledger}.checkpoints").is_dir()


def steps_with_auto_resume() -> str:
    return describe("a", more='checkpoint { location = ${LEDGER}".none", auto-resume = true }')


def test_listing_runs_changes_nothing_even_while_a_driver_may_be_running(shell: Shell) -> None:
    assert shell("run", "steps.conf") == 1
    run_id = shell.run_id()
    location = Path(f"{shell.ledger}.checkpoints")
    pretend_to_run(location)
    before = tree(location)
    for arguments in (
        ("runs", "--location", str(location)),
        ("runs", "--location", str(location), "--all", "--json"),
        ("show", run_id, "--location", str(location)),
        ("prune", "--older-than", "0s", "--dry-run", "--location", str(location)),
    ):
        assert shell(*arguments) == 0
    assert shell("plan", "steps.conf", run_id) == 3
    assert PipelineRunner(location=location).list_resumable() == []
    assert tree(location) == before


def test_a_driver_is_running_or_died_by_its_last_sign_of_life(shell: Shell) -> None:
    shell("run", "steps.conf")
    location = Path(f"{shell.ledger}.checkpoints")
    heartbeat = pretend_to_run(location)
    assert states(shell) == ["running"]
    os.utime(heartbeat, (time.time() - 61, time.time() - 61))
    assert states(shell) != ["running"]


def states(shell: Shell) -> list[str]:
    assert shell("runs", "--location", f"{shell.ledger}.checkpoints", "--json") == 0
    return [run["state"] for run in json.loads(shell.out)]


def pretend_to_run(location: Path) -> Path:
    """Make the only run one whose driver is alive on another machine."""
    store = open_store(str(location))
    (hint,) = store.list_names("_open")
    unit = hint.replace("~", "/", 1)
    newest = max(name for name in store.list_names(unit) if name.endswith(".json"))

    log = RunLog(store, unit)
    commit = log.read(int(newest.partition(".")[0]))
    log.append(commit, replace(commit.state, status=CheckpointStatus.RUNNING, failure=None))
    store.write(f"{unit}/hb-2-elsewhere", b"{}")
    return location / unit / "hb-2-elsewhere"


def test_list_resumable_in_code_makes_no_directory(tmp_path: Path) -> None:
    assert PipelineRunner(location=tmp_path / "mistyped").list_resumable() == []
    assert not (tmp_path / "mistyped").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_read_only_location_can_be_listed(shell: Shell) -> None:
    shell("run", "steps.conf")
    location = Path(f"{shell.ledger}.checkpoints")
    pretend_to_run(location)
    with tempfile.TemporaryDirectory() as outer:  # pytest's own directories are for root alone
        Path(outer).chmod(0o755)
        shutil.copytree(location, f"{outer}/checkpoints")
        child = os.fork()
        if child == 0:
            os.setuid(64_103)
            code = 1
            with contextlib.suppress(Exception):
                (entry,) = unfinished_runs(open_store(f"{outer}/checkpoints"))
                code = 0 if entry.alive else 2
            os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize(
    "store",
    [DictStore(), FsspecStore("memory://r", "memory", "/r"), LocalStore("/r", Path("/r"))],
    ids=["dictionary", "fsspec", "directory"],
)
def test_a_read_only_store_refuses_to_write(store: CheckpointStore) -> None:
    looking = ReadingStore(store)
    calls: list[Callable[[], object]] = [
        lambda: looking.create("p/u/0", b""),
        lambda: looking.write("p/u/0", b""),
        lambda: looking.delete("p/u/0"),
        lambda: looking.delete_tree("p"),
    ]
    for call in calls:
        with pytest.raises(CheckpointLocationError, match="opened for reading only"):
            call()
    assert looking.list_objects("p/u") == []


def test_a_prefix_of_an_object_store_exists_if_objects_are_below_it() -> None:
    store = open_store("memory://some/prefix")
    assert store.exists() is False
    store.create("p/u/00000000.json", b"{}")
    assert store.exists() is True
    assert DictStore().exists() is None
