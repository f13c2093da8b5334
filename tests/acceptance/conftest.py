"""One Airflow and its DAG runs for all tests of this folder.

A test names its DAG run in the marker ``dag_run``. While it waits for that run, those of the next tests are on their
way already.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import planted
from tests.acceptance.client import Client, Run
from tests.acceptance.deployment import Deployment
from tests.acceptance.repository import Repository
from tests.acceptance.standalone import StandaloneCluster
from tests.connect_server import ConnectServer

_HERE = Path(__file__).parent
_EXAMPLES = _HERE.parents[1] / "dags_examples"
_TASKS = {
    "nycflights": "delays",
    "flights_by_day": "load",
    "ready_made": "revenue",
    "recovery": "resume",
    "looped": "body.pipeline",
}
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
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    return Repository(tmp_path_factory.mktemp("repository") / "dags")


@pytest.fixture(scope="session")
def deployment(
    request: pytest.FixtureRequest,
    airflow_db: Path,
    tmp_path_factory: pytest.TempPathFactory,
    repository: Repository,
) -> Iterator[Deployment]:
    """A running Airflow; when the tests are over, nothing of it is left."""
    if sys.platform != "linux":
        pytest.skip("finds processes in /proc")
    bundles = {"acceptance": _HERE / "dags", "examples": _EXAMPLES}
    home = tmp_path_factory.mktemp("airflow")
    cluster = StandaloneCluster(home / "standalone", os.environ)
    dags = {marker.args[0] for item in request.session.items if (marker := item.get_closest_marker("dag_run"))}
    connections: dict[str, dict[str, Any]] = {
        "spark_default": {"conn_type": "spark", "host": "local[1]"},
        "spark_standalone": {"conn_type": "spark", "host": "spark://127.0.0.1", "port": cluster.port},
    }
    server = _connect_server(home / "connect") if "blabbing_on_connect" in dags else None
    if server is not None:
        connections["spark_connect"] = server.connection
    extra = planted.values(planted.EXTRA)
    connections |= {f"planted_{name}": {**each, "extra": extra} for name, each in connections.items()}
    connections["git_default"] = {"conn_type": "git"}  # the Git provider of Airflow 3.1's date does not do without
    repositories = {"versioned": repository.path}
    airflow = Deployment(home, airflow_db / "airflow.db", bundles, connections, repositories)
    airflow.environment["PLANTED"] = str(_plant(tmp_path_factory.mktemp("planted") / "planted", airflow))
    try:
        on_a_cluster = any(item.get_closest_marker("kill_matrix") for item in request.session.items)
        if on_a_cluster or "blabbing_on_a_cluster" in dags:
            cluster.start()
        if server is not None:
            server.start()
        airflow.start()
        yield airflow
    finally:
        airflow.stop()
        if server is not None:
            server.stop()
        cluster.stop()


def _connect_server(directory: Path) -> ConnectServer:
    """A server that writes its events without compression, where a test can search them."""
    events = directory / "events"
    events.mkdir(parents=True)
    logged = {"compress": "false", "dir": events.as_uri(), "enabled": "true"}
    return ConnectServer(directory, {f"spark.eventLog.{name}": value for name, value in logged.items()})


def _plant(file: Path, airflow: Deployment) -> Path:
    """Write down what is planted, where nobody looks for it; returns the file, whose description is beside it."""
    places = (planted.CONF, planted.VARIABLE)
    file.write_text(json.dumps({place: planted.values(place) for place in places}), encoding="utf-8")
    (airflow.home / "events").mkdir()
    ledger = f"{airflow.ledgers}/{{{{ run_id }}}}"
    for name, events in (("", (airflow.home / "events").as_uri()), ("_on_connect", "")):
        description = planted.description(f"{ledger}.jsonl", f"{ledger}.audit.jsonl", events)
        file.with_name(f"{file.name}{name}.conf").write_text(description, encoding="utf-8")
    return file


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
        self._client = client
        self._runs: dict[str, Run] = {}
        self._triggered: set[str] = set()
        for item in items:
            marker = item.get_closest_marker("dag_run")
            # A test that is skipped may need a DAG that this version of Airflow cannot have.
            if marker is not None and not any(skip.args[0] is True for skip in item.iter_markers("skipif")):
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

    def start(self, dag_id: str, run_id: str, **conf: Any) -> Run:
        """Trigger a run that belongs to no marker."""
        run = Run(self._client, dag_id, run_id, conf, _TASKS.get(dag_id, "pipeline"))
        run.trigger()
        return run


def _run_id(item: pytest.Item) -> str:
    """The tests of a class share a run, since the marker is the class's."""
    name = item.parent.name if isinstance(item.parent, pytest.Class) else item.name
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", name)


@pytest.fixture(scope="session")
def runs(request: pytest.FixtureRequest, client: Client) -> Runs:
    return Runs(client, request.session.items)


@pytest.fixture
def run(request: pytest.FixtureRequest, runs: Runs) -> Run:
    """The DAG run that the test's marker names."""
    return runs.of(request.node)


_KILL_TIMES = pytest.StashKey[dict[tuple[str, str], float]]()


@pytest.fixture(scope="session")
def kill_times(request: pytest.FixtureRequest) -> dict[tuple[str, str], float]:
    """Seconds until work went on, by death and engine; shown at the end."""
    return request.config.stash.setdefault(_KILL_TIMES, {})


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    for (death, engine), seconds in sorted(config.stash.get(_KILL_TIMES, {}).items()):
        terminalreporter.write_line(f"kill matrix: {death:<44} {engine:<12} work went on after {seconds:5.1f} s")


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
