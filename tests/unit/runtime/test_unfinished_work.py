"""A component is done when everything that it started has ended."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from airflow_spark_pipeline import PipelineRunner
from airflow_spark_pipeline.exceptions import ComponentFailedError
from airflow_spark_pipeline.runtime.component.code_origin import Origin
from airflow_spark_pipeline.runtime.loop import unfinished_work
from airflow_spark_pipeline.runtime.loop.ownership import _program
from airflow_spark_pipeline.runtime.loop.unfinished_work import Leftovers
from tests import leftover_work
from tests.leftover_work import LEAVES
from tests.sparkless import FakeSpark
from tests.steps import describe, names


@pytest.fixture(autouse=True)
def _end_what_is_left(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("LEDGER", str(tmp_path / "ledger"))
    monkeypatch.setattr(unfinished_work, "GRACE_SECONDS", 0.8)
    leftover_work.release.clear()
    before = set(threading.enumerate())
    yield
    leftover_work.release.set()
    for left in leftover_work.kept:
        for end in ("shutdown", "terminate", "wait", "join"):
            if hasattr(left, end):
                getattr(left, end)()
        if hasattr(left, "close"):
            left.close()
    leftover_work.kept.clear()
    for thread in set(threading.enumerate()) - before:
        if isinstance(thread, threading.Timer):
            thread.cancel()
        if not thread.daemon:
            thread.join(30)


def leaves(what: str) -> str:
    return (
        '{ instance-type = "tests.leftover_work.Leaves", instance-name = leaves\n'
        f'instance-config {{ ledger = ${{LEDGER}}, what = "{what}" }} }}'
    )


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("what", LEAVES)
def test_a_component_that_leaves_something_running_is_not_done(what: str, tmp_path: Path) -> None:
    runner = PipelineRunner(FakeSpark(), location=tmp_path / "checkpoints")  # type: ignore[arg-type]
    _, said = LEAVES[what]
    if said is None:
        assert runner.run_with_checkpointing(describe(leaves(what), "after")).ran == ["leaves", "after"]
        return
    with pytest.raises(ComponentFailedError) as failed:
        runner.run_with_checkpointing(describe(leaves(what), "after"))
    assert said.replace("FILE", leftover_work.__file__) in str(failed.value)
    assert names(tmp_path / "ledger") == "leaves"
    (state,) = runner.list_resumable("Steps")
    assert state.completed_components == ()
    assert state.failure is not None
    assert state.failure.component == "leaves"


def test_threads_of_other_code_in_the_process_are_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = threading.Event()
    runner = PipelineRunner(FakeSpark(), location=tmp_path / "checkpoints")  # type: ignore[arg-type]

    def others() -> None:
        started.wait(30)
        leftover_work._thread(leftover_work.wait)

    other = threading.Thread(target=others)
    other.start()

    def let_others_start() -> None:
        started.set()
        other.join()

    monkeypatch.setitem(LEAVES, "nothing", (let_others_start, None))
    assert runner.run_with_checkpointing(describe(leaves("nothing"))).ran == ["leaves"]


def test_a_process_that_was_left_running_is_ended(tmp_path: Path) -> None:
    runner = PipelineRunner(FakeSpark(), location=tmp_path / "checkpoints")  # type: ignore[arg-type]
    with pytest.raises(ComponentFailedError):
        runner.run_with_checkpointing(describe(leaves("a command")))
    assert leftover_work.kept[-1].wait(30) == -15


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (["psql", "--password=hunter2", "shop"], "psql"),
        ((b"/usr/bin/psql", b"-U", b"me"), "/usr/bin/psql"),
        ("PGPASSWORD=hunter2 psql -U me", "psql"),
        (b"psql -U me", "psql"),
        ("A=1", "a command"),
        ("PGPASSWORD='my secret' psql", "psql"),
        ("PGPASSWORD='my secret", "a command"),
        (map(str, ["psql", "hunter2"]), "a command"),
        ([], "a command"),
        (Path("/usr/bin/psql"), "/usr/bin/psql"),
    ],
)
def test_a_command_is_named_without_its_arguments_and_variables(command: object, name: str) -> None:
    """A password may be among them."""
    assert _program(command) == name


def test_a_worker_of_a_pool_that_is_busy_for_a_moment_is_looked_at_again_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    busy, pauses = threading.Event(), list[float | None]()
    join = threading.Thread.join

    def look_again(thread: threading.Thread, timeout: float | None = None) -> None:
        pauses.append(timeout)
        if len(pauses) == 9:
            busy.set()
        join(thread, timeout)

    with Leftovers("load", Origin(())) as left, ThreadPoolExecutor(1) as pool:
        pool.submit(busy.wait)
        with monkeypatch.context() as patched:
            patched.setattr(threading.Thread, "join", look_again)
            left.finish()  # Spark Connect's client has such a pool, so most components would wait for it
    assert pauses[:9] == [0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.1, 0.1]
