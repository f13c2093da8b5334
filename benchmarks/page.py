"""How soon the page answers, whatever is stored, and what its polling costs the rest of the API server."""

from __future__ import annotations

import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

from airflow_spark_pipeline.checkpoint.encoding import encode
from airflow_spark_pipeline.checkpoint.key import UnitKey, unit_path
from airflow_spark_pipeline.checkpoint.layout import OPEN
from airflow_spark_pipeline.checkpoint.state import CheckpointStatus
from benchmarks.harness import Row, Sample
from benchmarks.places import Place, places
from tests.acceptance.deployment import Deployment, wait_for
from tests.fakes import make_state

#: Unfinished runs, and the milliseconds that an answer for so many may take.
_WARM: dict[int, float | None] = {10: None, 1_000: 300.0, 10_000: 1_000.0}
_COLD = {1_000: 5_000.0}
_POLLED = 1_000  # runs, while Airflow's own answers are compared
_OLD_SECONDS = 3_600.0  # since the runs were claimed: what was claimed just now is looked at again and again
_HISTORY = 5_000
_ROUNDS = 21
_REQUESTS = 150
_PAGES = 5  # open at once, each asking as often as a page does while something runs
_EVERY_SECONDS = 3.0
_ASK_SECONDS = 0.5  # until all runs are read: more often than any page, and not so often that the answers slow it down


def rows() -> Iterator[Row]:
    """Ask a real API server, for few runs and for many, on each place."""
    with places() as found, tempfile.TemporaryDirectory(prefix="bench-page-") as directory:
        home = Path(directory)
        empty = database(home / "database")
        for place in found:
            yield from _place(place, home, empty)


def _place(place: Place, home: Path, empty: Path) -> Iterator[Row]:
    _fill(place, "done", _HISTORY, unfinished=False)
    for size, warm_allowed in _WARM.items():
        _fill(place, "open", size, unfinished=True)
        with server(home / f"{place.name.split()[0]}-{size}", empty, place) as client:
            cold = until_complete(client, size)
            warm = Sample.of(timed_get(client, "/spark-pipeline/api/runs") for _ in range(_ROUNDS))
            if size == _POLLED:
                yield from _others(client, place)
        for kind, measured, allowed in (("warm", warm, warm_allowed), ("cold", Sample.of([cold]), _COLD.get(size))):
            what = f"the page, {size:,} unfinished runs, {kind}, next to {_HISTORY:,} finished ones ({place.name})"
            baseline = "what it took" if allowed is None else f"{allowed:,.0f} ms"
            yield Row(what, baseline, measured, allowed or measured, aim=None if allowed is None else 1.0)
        if size in _COLD and place.options:
            alone = Sample.of(_by_s3fs_alone(place, size) for _ in range(3))
            yield Row(
                f"the page, {size:,} unfinished runs, cold ({place.name})", "s3fs alone", Sample.of([cold]), alone
            )


# Lists the hints, and reads the same objects, sixteen at a time, with nothing of ours.
_S3FS = f"""
import json, posixpath, sys, s3fs
root, size = sys.argv[1].partition("://")[2], int(sys.argv[3])
files = s3fs.S3FileSystem(max_concurrency=1, **json.loads(sys.argv[2]))
units = [posixpath.basename(hint).replace("~", "/", 1) for hint in files.ls(f"{{root}}/{OPEN}", detail=False)]
assert len(files.cat([f"{{root}}/{{unit}}/00000003.json" for unit in units], batch_size=16)) == size
"""


def _by_s3fs_alone(place: Place, size: int) -> float:
    command = [sys.executable, "-c", _S3FS, place.location, json.dumps(place.options), str(size)]
    start = time.perf_counter()
    subprocess.run(command, check=True)
    return (time.perf_counter() - start) * 1_000


def _others(client: httpx.Client, place: Place) -> Iterator[Row]:
    """Compare Airflow's own answers with and without pages that poll, in turn."""
    alone: list[float] = []
    beside: list[float] = []
    for _ in range(3):
        alone += _asked(client, "/api/v2/dags?limit=25")
        with _polling(client):
            beside += _asked(client, "/api/v2/dags?limit=25")
    what = f"p95 of Airflow's own GET /dags while {_PAGES} pages poll {_POLLED:,} runs ({place.name})"
    yield Row(what, "nobody polls", _p95(beside), _p95(alone), aim=1.2)


_ASK = """
import json, sys, time, httpx
url, path, requests = sys.argv[1:]
times = []
with httpx.Client(base_url=url, headers={"Authorization": input()}, timeout=60.0) as client:
    for _ in range(int(requests) + 1):
        start = time.perf_counter()
        client.get(path).raise_for_status()
        times.append((time.perf_counter() - start) * 1_000)
print(json.dumps(times[1:]))
"""


def _asked(client: httpx.Client, path: str) -> list[float]:
    """Return how many milliseconds each answer takes, seen from a process that does not serve S3 at the same time."""
    command = [sys.executable, "-c", _ASK, str(client.base_url), path, str(_REQUESTS)]
    token = client.headers["Authorization"]  # not on the command line, which every user of the machine can read
    asked = subprocess.run(command, check=True, capture_output=True, text=True, input=token)
    return [float(each) for each in json.loads(asked.stdout)]


@contextlib.contextmanager
def _polling(client: httpx.Client) -> Iterator[None]:
    over = threading.Event()

    def page() -> None:
        etag = ""
        with httpx.Client(base_url=client.base_url, headers=client.headers, timeout=60.0) as own:
            while not over.is_set():
                answer = own.get("/spark-pipeline/api/runs", headers={"If-None-Match": etag})
                etag = answer.headers.get("etag", "")
                over.wait(_EVERY_SECONDS)

    threads = [threading.Thread(target=page) for _ in range(_PAGES)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


def _p95(milliseconds: list[float]) -> float:
    return statistics.quantiles(milliseconds, n=20)[-1]


def timed_get(client: httpx.Client, path: str) -> float:
    """Return how many milliseconds an answer takes."""
    start = time.perf_counter()
    client.get(path).raise_for_status()
    return (time.perf_counter() - start) * 1_000


def until_complete(client: httpx.Client, size: int) -> float:
    """Return after how many milliseconds the list has all runs."""
    start = time.perf_counter()
    while client.get("/spark-pipeline/api/runs").raise_for_status().json()["total"] < size:
        assert time.perf_counter() - start < 900, "the page never showed all runs"
        time.sleep(_ASK_SECONDS)
    return (time.perf_counter() - start) * 1_000


def _fill(place: Place, kind: str, count: int, *, unfinished: bool) -> None:
    status = CheckpointStatus.FAILED if unfinished else CheckpointStatus.COMPLETED
    for number in range(count):
        key = UnitKey("default", "bench", f"{kind}-{number}", "task")
        path = unit_path("Bench", key)
        state = make_state("abcdefgh", done="abc" if unfinished else "", status=status, key=key, pipeline_name="Bench")
        place.put(f"{path}/00000003.json", encode(state, 3))
        if unfinished:
            hint = f"{OPEN}/{path.replace('/', '~')}"
            place.put(hint, b"")
            place.age(hint, _OLD_SECONDS)


def database(home: Path) -> Path:
    """Return a migrated SQLite database in a new directory."""
    home.mkdir()
    environment = Deployment.clean_environment() | {"AIRFLOW_HOME": str(home)}
    command = [sys.executable, "-m", "airflow", "db", "migrate"]
    subprocess.run(command, check=True, capture_output=True, env=environment)
    return home / "airflow.db"


@contextlib.contextmanager
def server(home: Path, empty: Path, place: Place) -> Iterator[httpx.Client]:
    """A new API server, which has read nothing yet."""
    airflow = Deployment(home, empty, {"none": home})
    airflow.environment["AIRFLOW__SPARK_PIPELINE__CHECKPOINT_LOCATION"] = place.location
    if place.options:
        airflow.environment["AIRFLOW__SPARK_PIPELINE__CHECKPOINT_CONN_ID"] = "bench"
        extra = {"storage_options": place.options}
        airflow.environment["AIRFLOW_CONN_BENCH"] = json.dumps({"conn_type": "generic", "extra": extra})
    try:
        airflow.start(components=("api-server",))
        token = httpx.get(f"{airflow.url}/auth/token", timeout=60.0).raise_for_status().json()["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        with httpx.Client(base_url=airflow.url, headers=headers, timeout=60.0) as client:
            wait_for("Airflow's answers", lambda: client.get("/api/v2/dags").is_success, seconds=60)
            yield client
    finally:
        airflow.stop()
