"""One Airflow for all tests of this folder, and the DAG runs that they ask for.

A test names its DAG run in the marker ``dag_run``. While it waits for that run, those of the next tests are on their
way already.
"""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.acceptance.client import Client, Run
from tests.acceptance.deployment import Deployment

_HERE = Path(__file__).parent
_EXAMPLES = _HERE.parents[1] / "dags_examples"
_TASKS = {"nycflights": "delays", "ready_made": "revenue", "recovery": "resume"}
_AT_A_TIME = 3
_SECONDS = 900  # Airflow and Spark start slowly on a machine that has other things to do; every wait has its own limit


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
    if sys.platform != "linux":
        pytest.skip("finds processes in /proc")
    bundles = {"acceptance": _HERE / "dags", "examples": _EXAMPLES}
    airflow = Deployment(tmp_path_factory.mktemp("airflow"), airflow_db / "airflow.db", bundles)
    try:
        airflow.start()
        yield airflow
    finally:
        airflow.stop()


@pytest.fixture
def triggerer(deployment: Deployment) -> Iterator[Deployment]:
    """The same Airflow with a triggerer, for as long as the test runs."""
    deployment.start_triggerer()
    yield deployment
    deployment.stop_triggerer()


@pytest.fixture(scope="session")
def client(deployment: Deployment) -> Iterator[Client]:
    client = Client(deployment)
    yield client
    client.close()


class Runs:
    """The DAG runs of the selected tests, in the tests' order; a test's own and the next few are on their way.

    More at a time would take longer in all: each starts a JVM, and those that wait to be killed hold a worker.
    """

    def __init__(self, client: Client, items: list[pytest.Item]) -> None:
        self._runs: dict[str, Run] = {}
        self._triggered: set[str] = set()
        for item in items:
            marker = item.get_closest_marker("dag_run")
            if marker is not None:
                (dag_id,) = marker.args
                run_id = _run_id(item)
                self._runs[run_id] = Run(client, dag_id, run_id, marker.kwargs, _TASKS.get(dag_id, "pipeline"))

    def of(self, item: pytest.Item) -> Run:
        """Return the run of a test; it and the next ones are triggered."""
        run_ids = list(self._runs)
        position = run_ids.index(_run_id(item))
        for run_id in run_ids[position : position + _AT_A_TIME]:
            if run_id not in self._triggered:
                self._runs[run_id].trigger()
                self._triggered.add(run_id)
        return self._runs[run_ids[position]]


def _run_id(item: pytest.Item) -> str:
    """The tests of a class share a run, since the marker is the class's."""
    return item.parent.name if isinstance(item.parent, pytest.Class) else item.name


@pytest.fixture(scope="session")
def runs(request: pytest.FixtureRequest, client: Client) -> Runs:
    return Runs(client, request.session.items)


@pytest.fixture
def run(request: pytest.FixtureRequest, runs: Runs) -> Run:
    """The DAG run that the test's marker names."""
    return runs.of(request.node)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the end of the processes' logs with a failure."""
    report = yield
    airflow = getattr(item, "funcargs", {}).get("run")
    if report.failed and isinstance(airflow, Run):
        deployment = airflow.client.deployment
        for name in ("scheduler", "dag-processor", "triggerer"):
            report.sections.append((f"Airflow's {name}", deployment.tail(name)))
    return report
