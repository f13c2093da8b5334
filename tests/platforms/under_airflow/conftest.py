"""One Airflow with a triggerer, and the platforms that the selected tests name."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import client, pytest_runtest_makereport, run, runs
from tests.acceptance.deployment import Deployment
from tests.platforms.under_airflow.platforms import EACH, PLATFORMS, Platform

__all__ = ["client", "pytest_runtest_makereport", "run", "runs"]  # as in tests/acceptance

_DAGS = Path(__file__).parent / "dags"
LEASE_SECONDS = 30  # on a busy machine, a driver may show no sign of life for half of that
#: In the description: only its request may hold them, while the job runs.
PLANTED = {"PLANTED_PASSWORD": "password-of-the-description", "PLANTED_SETTING": "setting-of-the-description"}


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "dag_run(dag_id, **conf): the DAG run that the test looks at, and its conf")


def on_each_platform(*kinds: str, **conf: Any) -> pytest.MarkDecorator:
    """Run a test on each platform; its DAG run has this conf.

    :param kinds: of the DAG: ``_deferred``, ``_dying``, and none
    """
    each = [
        pytest.param(name, id=f"{name}{kind}", marks=pytest.mark.dag_run(f"steps_on_{name}{kind}", **conf))
        for name in EACH
        for kind in kinds or ("",)
    ]
    return pytest.mark.parametrize("platform", each, indirect=True)


@pytest.fixture(scope="session")
def platforms(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Platform]]:
    """The platforms of the selected tests, by name."""
    calls = [getattr(item, "callspec", None) for item in request.session.items]
    named = {call.params["platform"] for call in calls if call is not None and "platform" in call.params}
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(platform(tmp_path_factory.mktemp(name)))
            for name, platform in PLATFORMS.items()
            if name in named
        }


@pytest.fixture(scope="session")
def deployment(
    platforms: Mapping[str, Platform], airflow_db: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployment]:
    connections = {name: each for platform in platforms.values() for name, each in platform.connections.items()}
    operators = {name: (platform.operator, platform.arguments) for name, platform in platforms.items()}
    home = tmp_path_factory.mktemp("airflow")
    airflow = Deployment(home, airflow_db / "airflow.db", {"platforms": _DAGS}, connections)
    airflow.environment |= PLANTED | {
        "AIRFLOW__SPARK_PIPELINE__LEASE_SECONDS": str(LEASE_SECONDS),
        "PLATFORMS": json.dumps(operators),
    }
    try:
        airflow.start()
        airflow.start_triggerer()
        yield airflow
    finally:
        airflow.stop()


@pytest.fixture
def platform(request: pytest.FixtureRequest, platforms: Mapping[str, Platform]) -> Platform:
    """The platform of the test."""
    return platforms[request.param]
