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
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.harness import Row, Sample, timed
from benchmarks.tpch.attempt import Task

# Where it fails, and how: kill -9 of the driver's Python in the middle, an exception in the last query but one.
_FAILURES = (("q12", "kill"), ("q21", "raise"))
_AT_ONCE = 4
_ROUNDS = 3


def rows() -> Iterator[Row]:
    """Measure scale factor 1."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        place = Path(name)
        data = place / "data"
        generator = Path(sys.executable).with_name("tpchgen-cli")
        subprocess.run([generator, "parquet", "-s", "1", "-o", data], check=True, stdout=subprocess.DEVNULL)
        attempts = _Attempts(place, data)
        attempts.run("warm-up", Task("plain"))
        rounds = [_Round(attempts, number) for number in range(_ROUNDS)]
        yield from _whole(rounds)
        yield from _parallel(rounds)
        for component, how in _FAILURES:
            yield from _failure(attempts, rounds, component, how)


class _Round:
    """All queries, in the four ways that are compared, one after the other."""

    def __init__(self, attempts: _Attempts, number: int) -> None:
        self.plain = attempts.run(f"plain-{number}", Task("plain"))
        self.whole = attempts.run(f"whole-{number}", Task())
        self.parallel = attempts.run(f"parallel-{number}", Task(parallelism=_AT_ONCE))
        self.pool = attempts.run(f"pool-{number}", Task("plain", _AT_ONCE))
        assert self.plain["results"] == self.whole["results"] == self.parallel["results"] == self.pool["results"]
        assert len(self.whole["ran"]) == 22


def _seconds(told: Iterable[dict[str, Any]]) -> Sample:
    return Sample.of(each["seconds"] for each in told)


def _whole(rounds: list[_Round]) -> Iterator[Row]:
    script = "the same queries in a plain script, each result written as Parquet"
    whole, plain = _seconds(each.whole for each in rounds), _seconds(each.plain for each in rounds)
    yield Row("TPC-H SF1, 22 components with saved outputs", script, whole, plain, "s")
    one = rounds[0]
    yield Row(
        "bytes of the saved outputs of 22 queries", "of the plain script's", one.whole["kib"], one.plain["kib"], "KiB"
    )
    yield Row(
        "bytes of the 22 queries' commits", "of their saved outputs", one.whole["log_kib"], one.whole["kib"], "KiB"
    )


def _parallel(rounds: list[_Round]) -> Iterator[Row]:
    what = f"TPC-H SF1, parallelism = {_AT_ONCE}"
    parallel, whole = _seconds(each.parallel for each in rounds), _seconds(each.whole for each in rounds)
    yield Row(what, "parallelism = 1", parallel, whole, "s")
    pool = _seconds(each.pool for each in rounds)
    yield Row(what, f"a plain script with {_AT_ONCE} threads", parallel, pool, "s")


def _failure(attempts: _Attempts, rounds: list[_Round], component: str, how: str) -> Iterator[Row]:
    first, expected = int(component[1:]), rounds[0].whole["results"]
    skipped = [f"q{number:02d}" for number in range(1, first)]
    both, resumes, lefts, lost = [], [], [], []
    for number in range(_ROUNDS):
        run = f"fails-{component}-{number}"
        assert not attempts.run(run, Task(), failure=(component, how))
        resumed = attempts.run(run, Task())
        left = attempts.run(f"from-{component}-{number}", Task(first=first))
        assert resumed["results"] == expected
        assert resumed["skipped"] == skipped
        assert left["results"] == {name: found for name, found in expected.items() if name not in skipped}
        lost.append(attempts.seconds(run, 1))
        both.append(lost[-1] + resumed["seconds"])
        resumes.append(resumed)
        lefts.append(left)
    what = f"TPC-H SF1, {'killed in' if how == 'kill' else 'fails at'} {component} and resumed"
    whole = [each.whole["seconds"] for each in rounds]
    over = Sample.of(failed + again for failed, again in zip(lost, whole, strict=True))
    yield Row(f"{what}, both attempts", "the same, started over", Sample.of(both), over, "s")
    baseline = "a pipeline of the queries that are left"
    yield Row(f"{what}, the second attempt", baseline, _seconds(resumes), _seconds(lefts), "s", aim=1.05)


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
            told = json.loads(answer.read_text())
            # A resumed attempt looks at the results of all queries, and a pipeline of the last two only at theirs.
            return {**told, "seconds": seconds - told["looking"]}
        assert failure[0], (self._place / f"{run}.log").read_text()[-4_000:]
        return {}

    def seconds(self, run: str, attempt: int) -> float:
        """Return how long an attempt took, which may have failed."""
        return float(self._times(run).read_text().splitlines()[attempt - 1])

    def _times(self, run: str) -> Path:
        return self._place / f"{run}.seconds"
