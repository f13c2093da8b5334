"""Fix the config, clear, resume: with a versioned DAG bundle, the clear has to ask for the latest version."""

from __future__ import annotations

import pytest

from tests.acceptance.client import Run
from tests.acceptance.deployment import wait_for
from tests.acceptance.repository import Repository

pytestmark = [pytest.mark.slow, pytest.mark.nightly]


@pytest.mark.dag_run("versioned")
def test_a_cleared_task_sees_the_fix_only_where_the_latest_version_is_asked_for(
    run: Run, repository: Repository
) -> None:
    run.wait("failed", tries=1)
    assert run.started() == "a1 b1"
    fixed = repository.fix()
    wait_for("the new version", lambda: run.client.find("/dags/versioned")["bundle_version"] == fixed, seconds=90)

    run.clear()
    run.wait("failed", tries=2)
    assert run.started() == "a1 b1 b2"

    run.clear(run_on_latest_version=True)
    run.wait("success", tries=3)
    assert run.started() == "a1 b1 b2 b3 c3 d3"
