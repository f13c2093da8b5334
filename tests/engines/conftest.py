"""Real file systems behind Spark's Hadoop client. Collected only by ``make engines``, or by path.

It needs Maven, fetches 800 MB once, and takes minutes: nothing for each run of ``make test``.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.engines.clusters import Hdfs, mini_hdfs
from tests.engines.jars import class_path
from tests.engines.processes import DriverProcess, drivers

_HERE = Path(__file__).parent
_LINES = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "engines: real file systems behind Spark's Hadoop client (make engines)")
    config.stash[_LINES] = []


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    asked = [Path(argument.split("::")[0]).resolve() for argument in config.args]
    return None if any(path == _HERE or _HERE in path.parents for path in asked) else True


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if _HERE in item.path.parents:
            item.add_marker("engines")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    lines = config.stash[_LINES]
    if lines:
        terminalreporter.section("what was measured")
        for line in lines:
            terminalreporter.line(line)


@dataclass
class Place:
    """A file system, three drivers that write and one that looks on.

    :param settings: of Hadoop's configuration, as a user would have to make them
    """

    name: str
    uri: str
    settings: dict[str, str]
    extra: str
    log: Path
    writers: list[DriverProcess] = field(default_factory=list)
    onlookers: list[DriverProcess] = field(default_factory=list)

    @property
    def onlooker(self) -> DriverProcess:
        return self.onlookers[0]

    def new_directory(self) -> str:
        return f"{self.uri}/{uuid.uuid4().hex[:12]}"

    def new_driver(self) -> DriverProcess:
        driver = DriverProcess(self.uri, self.settings, self.extra, self.log)
        driver.wait_until_ready()
        return driver


@dataclass
class Server:
    """How moto answers PUTs, and what they asked.

    moto looks whether there is an object and then stores one, in threads and without a lock: of two conditional PUTs it
    sometimes grants both. S3 itself decides in one step, so the tests put a lock around moto's two.

    :param serial: with that lock
    :param pause: seconds between the two steps, which widens moto's gap
    """

    serial: bool = True
    pause: float = 0.0
    conditions: list[str | None] = field(default_factory=list)
    granted: Counter[str] = field(default_factory=Counter)


@pytest.fixture(scope="session")
def s3_server(s3_endpoint: str) -> Iterator[Server]:
    from moto.s3.responses import S3Response

    server, lock = Server(), threading.Lock()
    put: Any = getattr(S3Response.put_object, "unlocked", S3Response.put_object)
    checksum: Any = S3Response._get_checksum

    def put_object(response: Any) -> Any:
        server.conditions.append(response.headers.get("If-None-Match"))
        with lock if server.serial else contextlib.nullcontext():
            answer = put(response)
        server.granted[response.parse_key_name()] += 1
        return answer

    def get_checksum(response: Any, headers: Any) -> Any:  # moto calls it between the two steps
        time.sleep(server.pause)
        return checksum(response, headers)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(S3Response, "put_object", put_object)
        patch.setattr(S3Response, "_get_checksum", get_checksum)
        yield server


@pytest.fixture
def server(s3_server: Server) -> Iterator[Server]:
    """The server with a clean sheet, and put right again afterwards."""
    s3_server.conditions.clear()
    s3_server.granted.clear()
    yield s3_server
    s3_server.serial, s3_server.pause = True, 0.0


@pytest.fixture
def note(request: pytest.FixtureRequest) -> Iterator[list[str]]:
    """Lines for the summary."""
    lines: list[str] = []
    yield lines
    request.config.stash[_LINES].extend(f"{request.node.name}: {line}" for line in lines)


@pytest.fixture(scope="session")
def hdfs_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hdfs]:
    with mini_hdfs(tmp_path_factory.mktemp("hdfs")) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def hdfs_uri(hdfs_cluster: Hdfs) -> str:
    return hdfs_cluster.uri


@pytest.fixture(scope="session")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python that has pyspark, as a cluster's has, and no client of any store."""
    place = tmp_path_factory.mktemp("bare")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(place)], check=True)
    import py4j  # type: ignore[import-untyped]
    import pyspark

    packages = next(place.glob("lib/python*/site-packages"))
    for package in (pyspark, py4j):
        source = Path(next(iter(package.__path__)))
        (packages / source.name).symlink_to(source)
    return place / "bin" / "python"


@pytest.fixture(scope="session")
def s3a_settings(s3_endpoint: str) -> dict[str, str]:
    return {
        "fs.s3a.endpoint": s3_endpoint,
        "fs.s3a.endpoint.region": "us-east-1",
        "fs.s3a.path.style.access": "true",
        "fs.s3a.access.key": "planted-key",
        "fs.s3a.secret.key": "planted-secret",
    }


@pytest.fixture(scope="session")
def s3_options(s3_endpoint: str) -> dict[str, Any]:
    """What s3fs takes to reach the same server."""
    client = {"endpoint_url": s3_endpoint, "region_name": "us-east-1"}
    return {"key": "planted-key", "secret": "planted-secret", "client_kwargs": client}


@pytest.fixture(scope="session")
def s3a_uri(s3_options: dict[str, Any], s3_server: Server) -> str:
    import s3fs

    client = s3fs.S3FileSystem(skip_instance_cache=True, **s3_options)
    bucket = f"bucket-{uuid.uuid4().hex[:12]}"
    client.call_s3("create_bucket", Bucket=bucket)
    return f"s3a://{bucket}"


def _place(name: str, uri: str, settings: dict[str, str], extra: str, log: Path) -> Iterator[Place]:
    with drivers(4, uri, settings, extra, log) as started:
        yield Place(name, uri, settings, extra, log, writers=started[:3], onlookers=started[3:])


@pytest.fixture(scope="session")
def hdfs(hdfs_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    yield from _place("hdfs", hdfs_uri, {}, "", tmp_path_factory.mktemp("drivers") / "hdfs.log")


@pytest.fixture(scope="session")
def s3a(s3a_uri: str, s3a_settings: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    log = tmp_path_factory.mktemp("drivers") / "s3a.log"
    yield from _place("s3a", s3a_uri, s3a_settings, class_path("s3a"), log)
