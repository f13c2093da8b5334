"""The services of ``docker-compose.yaml``, once for all tests.

Collected only when asked for: ``make topology``, or by path. It needs Postgres, Redis, Maven's jars for S3A and
``unshare``, and takes minutes: nothing for each run of ``make test``.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import cast

import httpx
import pytest

from tests.acceptance.client import Client
from tests.acceptance.deployment import Deployment
from tests.compose_file import ROOT
from tests.s3_server import s3_server
from tests.topology.postgres import binary
from tests.topology.stack import Stack, machine

_HERE = Path(__file__).parent
_SECONDS = 1800  # for the first test, which brings everything up; every wait has its own limit
_USER, _PASSWORD = "ada", "a password of the test's own"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "topology: runs the services of docker-compose.yaml as processes (make topology)"
    )


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    asked = [Path(argument.split("::")[0]).resolve() for argument in config.args]
    return None if any(path == _HERE or _HERE in path.parents for path in asked) else True


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if _HERE in item.path.parents:
            for marker in ("topology", "airflow", "spark", pytest.mark.timeout(_SECONDS)):
                item.add_marker(marker)


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """Everything, up and healthy; when the tests are over, nothing of it is left."""
    if sys.platform != "linux" or subprocess.run([*machine(), "true"], capture_output=True, check=False).returncode:
        pytest.skip("this system cannot create a PID namespace (unshare --pid)")
    missing = [name for name in ("postgres", "initdb", "redis-server") if binary(name) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)}: not here (scripts/topology.sh installs them)")
    with ExitStack() as stand_ins:
        s3 = None if shutil.which("minio") else stand_ins.enter_context(s3_server())
        dags = [ROOT / "dags_examples", _HERE / "dags"]
        stack = Stack(dags, s3, {"AIRFLOW_USER": _USER, "AIRFLOW_PASSWORD": _PASSWORD})
        stand_ins.callback(stack.down)
        stack.up()
        yield stack


@pytest.fixture(scope="session")
def token(stack: Stack) -> str:
    """Of the first user, as ``airflow-init`` makes it."""
    answer = httpx.post(f"{stack.url}/auth/token", json={"username": _USER, "password": _PASSWORD}, timeout=60.0)
    return str(answer.raise_for_status().json()["access_token"])


@pytest.fixture(scope="session")
def client(stack: Stack, token: str) -> Iterator[Client]:
    # It asks of an Airflow only what a stack gives as well: where it is, whether it lives, its ledgers.
    client = Client(cast("Deployment", stack), token)
    yield client
    client.close()
