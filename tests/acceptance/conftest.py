"""One Airflow for all tests of this folder, and the DAG runs that they ask for.

A test names its DAG run in the marker ``dag_run``; the runs of all selected tests are triggered together as soon as
Airflow is up, so that they share its time, and each test waits for its own.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.acceptance.client import Client, Run
from tests.acceptance.deployment import Deployment

_HERE = Path(__file__).parent
_EXAMPLES = _HERE.parents[1] / "dags_examples"
_TASKS = {"nycflights": "delays"}
_SECONDS = 420  # the first test waits for Airflow, and then for its turn


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "dag_run(dag_id, **conf): the DAG run that the test looks at, and its conf")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if _HERE in item.path.parents:
            item.add_marker("airflow")
            item.add_marker("spark")
            item.add_marker(pytest.mark.timeout(_SECONDS))


@pytest.fixture(scope="session")
def deployment(airflow_db: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A running Airflow; when the tests are over, nothing of it is left."""
    bundles = {"acceptance": _HERE / "dags", "examples": _EXAMPLES}
    airflow = Deployment(tmp_path_factory.mktemp("airflow"), airflow_db / "airflow.db", bundles)
    try:
        airflow.start()
        yield airflow
    finally:
        airflow.stop()


@pytest.fixture(scope="session")
def client(deployment: Deployment) -> Iterator[Client]:
    client = Client(deployment)
    yield client
    client.close()


@pytest.fixture(scope="session")
def runs(request: pytest.FixtureRequest, client: Client) -> dict[str, Run]:
    """The DAG runs of all selected tests, triggered in their order."""
    runs: dict[str, Run] = {}
    for item in request.session.items:
        marker = item.get_closest_marker("dag_run")
        if marker is not None and (run_id := _run_id(item)) not in runs:
            (dag_id,) = marker.args
            runs[run_id] = Run(client, dag_id, run_id, marker.kwargs, _TASKS.get(dag_id, "pipeline"))
            runs[run_id].trigger()
    return runs


def _run_id(item: pytest.Item) -> str:
    """The tests of a class share a run, since the marker is the class's."""
    return item.name if not isinstance(item.parent, pytest.Class) else item.parent.name


@pytest.fixture
def run(request: pytest.FixtureRequest, runs: dict[str, Run]) -> Run:
    """The DAG run that the test's marker names."""
    return runs[_run_id(request.node)]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the end of the processes' logs with a failure."""
    report = yield
    airflow = getattr(item, "funcargs", {}).get("run")
    if report.failed and isinstance(airflow, Run):
        deployment = airflow.client.deployment
        for name in ("scheduler", "dag-processor"):
            report.sections.append((f"Airflow's {name}", deployment.tail(name)))
    return report
