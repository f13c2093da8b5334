"""TPC-H at scale factor 1 as a pipeline of 22 components that fails here and there.

Compared with the same queries in a plain script, and with starting over after each failure. Each attempt is a process
of its own, with its own JVM, as a retry under Airflow is; the results of all runs must be the same.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.harness import Row, timed

_HERE = Path(__file__).parent
# Where it fails, and how: an exception, kill -9 of the driver's Python, the last query but one.
_FAILURES = (("q05", "raise"), ("q12", "kill"), ("q21", "raise"))


def rows() -> Iterator[Row]:
    """Measure scale factor 1."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        place = Path(name)
        data = place / "data"
        generator = Path(sys.executable).with_name("tpchgen-cli")
        subprocess.run([generator, "parquet", "-s", "1", "-o", data], check=True, stdout=subprocess.DEVNULL)
        plain = _attempt(place, "plain", data)
        whole = _attempt(place, "whole", data)
        assert plain["results"] == whole["results"]
        assert len(whole["ran"]) == 22
        yield Row(
            "TPC-H SF1, 22 components with saved outputs",
            "the same queries in a plain script, each result written as Parquet",
            whole["seconds"],
            plain["seconds"],
            "s",
        )
        yield Row(
            "bytes of the saved outputs of 22 queries", "of the plain script's", whole["kib"], plain["kib"], "KiB"
        )
        yield Row("bytes of the 22 queries' commits", "of their saved outputs", whole["log_kib"], whole["kib"], "KiB")
        for component, how in _FAILURES:
            failed = _attempt(place, f"fails-{component}", data, failure=(component, how))
            resumed = _attempt(place, f"fails-{component}", data)
            assert not failed
            assert resumed["results"] == whole["results"]
            assert resumed["skipped"] == [f"q{number:02d}" for number in range(1, int(component[1:]))]
            lost = _seconds(place, f"fails-{component}", 1)
            word = "killed in" if how == "kill" else "fails at"
            yield Row(
                f"TPC-H SF1, {word} {component} and resumed, both attempts",
                "the same, started over",
                lost + resumed["seconds"],
                lost + whole["seconds"],
                "s",
            )


def _attempt(place: Path, run: str, data: Path, failure: tuple[str, str] = ("", "")) -> dict[str, Any]:
    """Run one attempt in a process of its own. Returns what it told, nothing where it failed."""
    answer = place / f"{run}.json"
    environment = {**os.environ, "TPCH_FAILS_AT": failure[0], "TPCH_FAILS_BY": failure[1]}
    command = [sys.executable, "-m", "benchmarks.tpch.attempt", run, str(data), str(place / f"at-{run}"), str(answer)]
    log = (place / f"{run}.log").open("a")
    codes: list[int] = []
    with log:
        seconds = (
            timed(
                lambda: codes.append(
                    subprocess.run(
                        command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False
                    ).returncode
                )
            )
            / 1_000
        )
    with (place / f"{run}.seconds").open("a") as file:
        file.write(f"{seconds}\n")
    if codes == [0]:
        return {**json.loads(answer.read_text()), "seconds": seconds}
    assert failure[0], (place / f"{run}.log").read_text()[-4_000:]
    return {}


def _seconds(place: Path, run: str, attempt: int) -> float:
    return float((place / f"{run}.seconds").read_text().splitlines()[attempt - 1])
