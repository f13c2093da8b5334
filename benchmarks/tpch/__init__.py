"""TPC-H at scale factor 1 as a pipeline of 22 components that fails here and there.

Compared with the same queries in a plain script, and with starting over after each failure. Each attempt is a separate
process with its own JVM, as a retry under Airflow is; the results of all runs must be the same.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.harness import Row, timed
from benchmarks.tpch.attempt import Task

# Where it fails, and how: an exception, kill -9 of the driver's Python, the last query but one.
_FAILURES = (("q05", "raise"), ("q12", "kill"), ("q21", "raise"))


_AT_ONCE = 4


def rows() -> Iterator[Row]:
    """Measure scale factor 1."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        place = Path(name)
        data = place / "data"
        generator = Path(sys.executable).with_name("tpchgen-cli")
        subprocess.run([generator, "parquet", "-s", "1", "-o", data], check=True, stdout=subprocess.DEVNULL)
        attempts = _Attempts(place, data)
        plain = attempts.run("plain", Task("plain"))
        whole = attempts.run("whole", Task())
        yield from _whole(plain, whole)
        yield from _parallel(attempts, whole)
        for component, how in _FAILURES:
            yield from _failure(attempts, whole, component, how)


def _whole(plain: dict[str, Any], whole: dict[str, Any]) -> Iterator[Row]:
    assert plain["results"] == whole["results"]
    assert len(whole["ran"]) == 22
    script = "the same queries in a plain script, each result written as Parquet"
    yield Row("TPC-H SF1, 22 components with saved outputs", script, whole["seconds"], plain["seconds"], "s")
    yield Row("bytes of the saved outputs of 22 queries", "of the plain script's", whole["kib"], plain["kib"], "KiB")
    yield Row("bytes of the 22 queries' commits", "of their saved outputs", whole["log_kib"], whole["kib"], "KiB")


def _parallel(attempts: _Attempts, whole: dict[str, Any]) -> Iterator[Row]:
    parallel = attempts.run("parallel", Task(parallelism=_AT_ONCE))
    pool = attempts.run("pool", Task("plain", _AT_ONCE))
    assert parallel["results"] == pool["results"] == whole["results"]
    what = f"TPC-H SF1, parallelism = {_AT_ONCE}"
    yield Row(what, "parallelism = 1", parallel["seconds"], whole["seconds"], "s")
    yield Row(what, f"a plain script with {_AT_ONCE} threads", parallel["seconds"], pool["seconds"], "s")


def _failure(attempts: _Attempts, whole: dict[str, Any], component: str, how: str) -> Iterator[Row]:
    run, first = f"fails-{component}", int(component[1:])
    failed = attempts.run(run, Task(), failure=(component, how))
    resumed = attempts.run(run, Task())
    left = attempts.run(f"from-{component}", Task(first=first))
    assert not failed
    assert resumed["results"] == whole["results"]
    assert resumed["skipped"] == [f"q{number:02d}" for number in range(1, first)]
    assert left["results"] == {name: found for name, found in whole["results"].items() if int(name[1:]) >= first}
    lost = attempts.seconds(run, 1)
    what = f"TPC-H SF1, {'killed in' if how == 'kill' else 'fails at'} {component} and resumed"
    yield Row(
        f"{what}, both attempts", "the same, started over", lost + resumed["seconds"], lost + whole["seconds"], "s"
    )
    yield Row(
        f"{what}, the second attempt",
        "a pipeline of the queries that are left",
        resumed["seconds"],
        left["seconds"],
        "s",
        aim=1.05,
    )


class _Attempts:
    """Attempts, each in a new process."""

    def __init__(self, place: Path, data: Path) -> None:
        self._place = place
        self._data = data

    def run(self, run: str, task: Task, failure: tuple[str, str] = ("", "")) -> dict[str, Any]:
        """Run one attempt. Returns what it told, nothing where it failed."""
        answer = self._place / f"{run}.json"
        environment = {**os.environ, "TPCH_FAILS_AT": failure[0], "TPCH_FAILS_BY": failure[1]}
        command = [sys.executable, "-m", "benchmarks.tpch.attempt", json.dumps(asdict(task)), str(self._data)]
        command += [str(self._place / f"at-{run}"), str(answer)]
        codes: list[int] = []
        with (self._place / f"{run}.log").open("a") as log:

            def start() -> None:
                ended = subprocess.run(
                    command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False
                )
                codes.append(ended.returncode)

            seconds = timed(start) / 1_000
        with self._times(run).open("a") as file:
            file.write(f"{seconds}\n")
        if codes == [0]:
            return {**json.loads(answer.read_text()), "seconds": seconds}
        assert failure[0], (self._place / f"{run}.log").read_text()[-4_000:]
        return {}

    def seconds(self, run: str, attempt: int) -> float:
        """Return how long an attempt took, which may have failed."""
        return float(self._times(run).read_text().splitlines()[attempt - 1])

    def _times(self, run: str) -> Path:
        return self._place / f"{run}.seconds"
