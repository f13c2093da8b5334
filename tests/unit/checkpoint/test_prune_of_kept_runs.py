"""What prune removes of completed runs that are kept for a while."""

from __future__ import annotations

import pytest

from airflow_spark_pipeline.checkpoint.log import RunLog
from airflow_spark_pipeline.checkpoint.prune import prune
from airflow_spark_pipeline.checkpoint.state import CheckpointStatus
from tests.fakes import PIPELINE_NAME, UNIT, DictStore, make_state

HOUR = 3600.0
DAY = 24 * HOUR


@pytest.fixture
def store() -> DictStore:
    return DictStore()


def ended(store: DictStore, status: CheckpointStatus, kept_seconds: float | None) -> None:
    """Record the end of a run with a saved output, as a try leaves it."""
    log = RunLog(store, UNIT)
    commit = log.claim(lambda _: make_state(kept_seconds=kept_seconds))
    commit = log.append(commit, make_state(done="a", status=status, kept_seconds=kept_seconds))
    store.objects[f"_outputs/{UNIT}/00000000-1-x/0000/v/part"] = b"data"
    if status is CheckpointStatus.COMPLETED and kept_seconds is not None:
        log.retire(commit, keep_outputs=True)


def has_outputs(store: DictStore) -> bool:
    return any(path.startswith("_outputs") for path in store.objects)


def test_the_outputs_go_after_that_time_and_the_tombstone_much_later(store: DictStore) -> None:
    ended(store, CheckpointStatus.COMPLETED, 7 * DAY)
    store.clock.sleep(7 * DAY)
    report = prune(store, 0.0)
    assert (report.outputs, report.removed, has_outputs(store)) == ([], [], True)
    store.clock.sleep(2 * HOUR)
    assert prune(store, 30 * DAY, dry_run=True).outputs == [UNIT]
    assert has_outputs(store)
    assert prune(store, 30 * DAY, pipeline_name=PIPELINE_NAME, at_most=1).outputs == [UNIT]
    assert not has_outputs(store)
    assert RunLog(store, UNIT).latest() is not None
    assert prune(store, 30 * DAY).outputs == []
    store.clock.sleep(30 * DAY)
    assert prune(store, 30 * DAY).removed == [UNIT]
    assert not [path for path in store.objects if UNIT in path]


def test_a_run_that_runs_again_is_left_alone(store: DictStore) -> None:
    ended(store, CheckpointStatus.COMPLETED, 7 * DAY)
    store.clock.sleep(8 * DAY)
    RunLog(store, UNIT).claim(lambda _: make_state(done="a", kept_seconds=7 * DAY, attempt=2))
    assert prune(store, 30 * DAY).outputs == []
    assert has_outputs(store)


@pytest.mark.parametrize(("status", "kept"), [(CheckpointStatus.FAILED, 1.0), (CheckpointStatus.COMPLETED, None)])
def test_outputs_of_a_run_that_is_not_completed_or_not_kept_stay_until_the_run_is_old(
    store: DictStore, status: CheckpointStatus, kept: float | None
) -> None:
    ended(store, status, kept)
    store.clock.sleep(2 * DAY)
    assert prune(store, 30 * DAY).outputs == []
    assert has_outputs(store)
