"""What the tests of all platforms wait for and expect of a DAG run."""

from __future__ import annotations

from tests.acceptance.client import Run
from tests.acceptance.deployment import parent_of, wait_for
from tests.engines.under_airflow.conftest import assert_that_nobody_else_was_running, kill
from tests.platforms.under_airflow.platforms import Platform

_SECONDS = 240.0  # three JVMs at a time start slowly


def kill_worker(task: int) -> None:
    """The worker first: nobody is left to tell Airflow."""
    kill(parent_of(task), task)


def await_log(run: Run, try_number: int, text: str) -> None:
    """Wait until a try of the task says something."""
    said = lambda: run.tries >= try_number and text in "\n".join(run.log(try_number))  # noqa: E731
    wait_for(f"{text!r} in try {try_number} of {run}", said, seconds=_SECONDS, every=1.0)


def await_state(run: Run, state: str) -> None:
    wait_for(f"{run} to be {state}", lambda: run.details()["state"] == state, seconds=_SECONDS)


def assert_that_one_job_runs_everything_once(run: Run, platform: Platform, *, tries: int) -> None:
    """Give the waiting component its sign."""
    run.ledger.with_name(f"{run.ledger.name}.go").touch()
    run.wait("success", tries=tries)
    assert run.started() == "a1 b1 c1 d1"
    assert run.ended() == "a1 b1 c1 d1"
    assert len(platform.jobs_of(run)) == 1


def assert_that_b_was_run_again_in_a_new_job(run: Run, platform: Platform) -> None:
    run.wait("success")
    assert run.started() == "a1 b1 b2 c2 d2"
    assert run.ended() == "a1 b2 c2 d2"
    assert len(platform.jobs_of(run)) == 2
    assert_that_nobody_else_was_running(run)
