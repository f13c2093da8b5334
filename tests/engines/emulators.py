"""Servers that stand in for Google's and Azure's object stores, fetched once by npm and Go, and pinned here."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

_AZURITE = "azurite@3.35.0"
_FAKE_GCS = "github.com/fsouza/fake-gcs-server@v1.52.2"
_SECONDS = 120.0
# Of Azurite's one account, as its own documentation prints it.
_ACCOUNT = "devstoreaccount1"
_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="

Place = tuple[str, dict[str, Any]]


@contextlib.contextmanager
def azurite(directory: Path) -> Iterator[Place]:
    """An Azure storage account; gives the URI of a container, and fsspec's options."""
    import adlfs

    port = _free_port()
    where = ["--blobHost", "127.0.0.1", "--blobPort", str(port)]
    command = [str(_azurite()), *where, "--inMemoryPersistence", "--skipApiVersionCheck", "--disableTelemetry"]
    with _server(command, directory, f"http://127.0.0.1:{port}/"):
        endpoint = f"http://127.0.0.1:{port}/{_ACCOUNT}"
        connection = f"DefaultEndpointsProtocol=http;AccountName={_ACCOUNT};AccountKey={_KEY};BlobEndpoint={endpoint};"
        adlfs.AzureBlobFileSystem(connection_string=connection, skip_instance_cache=True).mkdir("box")
        yield f"abfss://box@{_ACCOUNT}.dfs.core.windows.net", {"connection_string": connection}


@contextlib.contextmanager
def fake_gcs(directory: Path) -> Iterator[Place]:
    """A Google Cloud Storage; gives the URI of a bucket, and fsspec's options."""
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    where = ["-scheme", "http", "-host", "127.0.0.1", "-port", str(port), "-external-url", url]
    command = [str(_fake_gcs_server()), "-backend", "memory", "-log-level", "warn", *where]
    with _server(command, directory, f"{url}/storage/v1/b?project=test"):
        httpx.post(f"{url}/storage/v1/b?project=test", json={"name": "box"}).raise_for_status()
        yield "gs://box", {"token": "anon", "endpoint_url": url}


@contextlib.contextmanager
def _server(command: list[str], directory: Path, url: str) -> Iterator[None]:
    with (directory / "server.log").open("w") as log:
        process = subprocess.Popen(command, cwd=directory, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + _SECONDS
        while True:
            with contextlib.suppress(httpx.TransportError):
                httpx.get(url)
                break
            assert process.poll() is None, (directory / "server.log").read_text()
            assert time.monotonic() < deadline, f"{command[0]} does not answer"
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait(30)


def _azurite() -> Path:
    place = _cache() / _AZURITE
    program = place / "node_modules" / ".bin" / "azurite-blob"
    if not program.exists():
        _run(["npm", "install", "--no-fund", "--no-audit", "--prefix", str(place), _AZURITE])
    return program


def _fake_gcs_server() -> Path:
    program = _cache() / f"fake-gcs-server-{_FAKE_GCS.partition('@')[2]}" / "fake-gcs-server"
    if not program.exists():
        _run(["go", "install", _FAKE_GCS], GOBIN=str(program.parent))
    return program


def _run(command: list[str], **environment: str) -> None:
    if shutil.which(command[0]) is None:
        raise RuntimeError(f"tests/engines needs {command[0]} to fetch {command[-1]}")
    subprocess.run(command, check=True, timeout=900, env={**os.environ, **environment})


def _cache() -> Path:
    place = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "airflow-spark-pipeline"
    place.mkdir(parents=True, exist_ok=True)
    return place


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
