"""Runs last: nothing that the platforms' jobs have left holds a planted secret."""

from __future__ import annotations

import pytest

from tests.acceptance.deployment import Deployment
from tests.platforms.under_airflow.conftest import PLANTED
from tests.platforms.under_airflow.platforms import PLATFORMS, WORKER, Platform, files


@pytest.mark.parametrize("platform", PLATFORMS, indirect=True)
def test_no_secret_and_no_key_of_the_worker_is_left_anywhere(platform: Platform, deployment: Deployment) -> None:
    planted = [secret.encode() for secret in (*PLANTED.values(), *WORKER)]
    jobs = [(f"job {number}", job.encode()) for number, job in enumerate(platform.jobs())]
    assert jobs
    left = dict([*jobs, *platform.kept(), *files(deployment.home)])
    assert {name: found for name, data in left.items() if (found := [each for each in planted if each in data])} == {}
    assert [name for name in left if "/requests/" in name] == []
