from __future__ import annotations

import pytest

from airflow_spark_pipeline.checkpoint.log import RunLog
from airflow_spark_pipeline.checkpoint.state import CheckpointStatus
from airflow_spark_pipeline.checkpoint.stop import stop
from airflow_spark_pipeline.exceptions import SupersededError
from tests.fakes import DictStore
from tests.histories_of_runs import History


@pytest.fixture
def history() -> History:
    return History(DictStore())


def stop_it(history: History) -> bool:
    assert history.commit is not None
    return stop(history.log, history.commit.state.attempt_id, "the task was marked as failed")


def test_a_driver_that_is_stopped_can_record_nothing_more_and_what_is_done_stays(history: History) -> None:
    history.running()
    assert stop_it(history)
    with pytest.raises(SupersededError):
        history._append("abc", status=CheckpointStatus.COMPLETED)
    latest = history.log.latest()
    assert latest is not None
    assert latest.state.status is CheckpointStatus.FAILED
    assert latest.state.completed_components == ("a",)
    assert latest.state.failure is not None
    assert latest.state.failure.headline == "Stopped: the task was marked as failed"


def test_a_driver_that_has_not_started_refuses_to(history: History) -> None:
    claim = history.submitted().commit
    assert claim is not None
    assert stop_it(history)
    with pytest.raises(SupersededError):
        history.log.adopt(claim.number, claim.state.attempt_id, claim.state.nonce)


def test_an_ended_or_superseded_attempt_is_left_alone(history: History) -> None:
    history.failed()
    assert not stop_it(history)
    first = history.commit
    history.submitted(attempt=2)
    assert first is not None
    assert not stop(history.log, first.state.attempt_id, "too late")
    assert not stop(RunLog(history.log.store, "no/unit"), "1-a", "nobody")


def test_a_stop_follows_a_commit_that_comes_in_between(history: History) -> None:
    """The driver's last record counts: what was done before the stop stays done."""
    history.running()
    store = history.log.store
    assert isinstance(store, DictStore)

    def commit_first(operation: str, path: str) -> None:
        if operation == "create":
            store.before = lambda operation, path: None
            history._append("ab")

    store.before = commit_first
    assert stop_it(history)
    latest = history.log.latest()
    assert latest is not None
    assert (latest.state.status, latest.state.completed_components) == (CheckpointStatus.FAILED, ("a", "b"))
