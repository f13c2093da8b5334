"""What all tests share: a separate Airflow home, created before anything imports Airflow.

Airflow reads its home and its configuration once, when it is first imported. Without the lines below, the first test
that imports it would use, and write into, the home of whoever runs the tests.
"""

from __future__ import annotations

import atexit
import logging
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.connect_server import ConnectServer
from tests.s3_server import s3_server

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

for _name in [name for name in os.environ if name.startswith(("AIRFLOW__", "AIRFLOW_CONN_", "AIRFLOW_VAR_"))]:
    del os.environ[_name]  # a developer's settings would decide what the tests see

_HOME = Path(tempfile.mkdtemp(prefix="airflow-home-"))
atexit.register(shutil.rmtree, _HOME, ignore_errors=True)

os.environ["AIRFLOW_HOME"] = str(_HOME)
os.environ["AIRFLOW__CORE__DAGS_FOLDER"] = str(_HOME / "dags")
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
os.environ["AIRFLOW__CORE__UNIT_TEST_MODE"] = "False"
os.environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] = f"sqlite:///{_HOME / 'airflow.db'}"

# Spark's Python workers would otherwise be whatever python3 the PATH has, without the packages of this environment.
os.environ["PYSPARK_PYTHON"] = sys.executable

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def airflow_home() -> Path:
    """The Airflow home of this test session; its database is not migrated."""
    return _HOME


@pytest.fixture(scope="session")
def airflow_db(airflow_home: Path) -> Path:
    """The same home with a migrated database, which costs about 13 s once."""
    subprocess.run([sys.executable, "-m", "airflow", "db", "migrate"], check=True, capture_output=True, timeout=240)
    return airflow_home


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Redis for this session, on a free port, which writes its log before it answers."""
    binary = shutil.which("redis-server")
    if binary is None:
        pytest.skip("there is no redis-server here (scripts/install.sh redis-server installs one)")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = {"port": port, "bind": "127.0.0.1", "appendonly": "yes", "appendfsync": "always", "save": ""}
    command = [binary, *(word for name, value in options.items() for word in (f"--{name}", str(value)))]
    server = subprocess.Popen(
        command, cwd=tmp_path_factory.mktemp("redis"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        assert server.stdout is not None
        assert any("Ready to accept connections" in line for line in server.stdout)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.terminate()
        server.communicate(timeout=30)


@pytest.fixture
def airflow_config(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Set options for one test: ``airflow_config("spark_pipeline", "namespace", "blue")``."""

    def set_option(section: str, option: str, value: str) -> None:
        monkeypatch.setenv(f"AIRFLOW__{section.upper()}__{option.upper()}", value)

    return set_option


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    """One small local Spark for the whole session; tests that use it carry the marker ``spark``."""
    from pyspark.sql import SparkSession

    # It logs while the interpreter shuts down, when the stream that Airflow's logging has caught is closed.
    logging.getLogger("py4j").setLevel(logging.WARNING)
    with tempfile.TemporaryDirectory(prefix="spark-warehouse-") as warehouse:
        session = (
            SparkSession.builder.master("local[1]")
            .appName("tests")
            .config("spark.ui.enabled", "false")
            .config("spark.driver.host", "127.0.0.1")
            .config("spark.sql.shuffle.partitions", "1")
            .config("spark.sql.warehouse.dir", warehouse)
            .getOrCreate()
        )
        yield session
        session.stop()


@pytest.fixture(scope="session")
def connect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConnectServer]:
    """One Spark Connect server for the whole session; tests that use it carry the marker ``spark``."""
    server = ConnectServer(tmp_path_factory.mktemp("connect"))
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """The URL of an S3 server (moto's) on a free port; tests that use it carry the marker ``s3``."""
    with s3_server() as url:
        yield url


_KNOWN_MODULES: set[str] = set()


@pytest.fixture(autouse=True)
def forget_modules_of_the_test(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Forget the modules that a test wrote into a temporary directory and imported.

    A later test that writes another module of the same name would otherwise get the old one.
    """
    yield
    temporary = f"{tmp_path_factory.getbasetemp()}{os.sep}"
    for name in sys.modules.keys() - _KNOWN_MODULES:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(temporary):
            del sys.modules[name]
    _KNOWN_MODULES.update(sys.modules)


_MARKED = {"spark": "spark", "connect_server": "spark", "s3_endpoint": "s3", "airflow_db": "airflow"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what uses a fixture that starts something, so that ``-m "not spark"`` holds without anybody's memory."""
    for item in items:
        names = getattr(item, "fixturenames", ())
        for fixture, marker in _MARKED.items():
            if fixture in names:
                item.add_marker(marker)
