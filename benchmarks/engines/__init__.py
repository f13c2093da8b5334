"""From a failure to the retry's first component, and what a resume saves, on each engine.

Ten steps of equal work, of which the ninth fails once, in a real Airflow: as components of a pipeline, and as one
application of the provider's ``SparkSubmitOperator`` (``PySparkOperator`` with Spark Connect), which starts over. The
engines' own processes run on this machine, one engine after the other.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.engines.places import ENGINES, Engine
from benchmarks.harness import Row, Sample
from tests.acceptance.client import Client, Run
from tests.acceptance.deployment import Deployment

_DAGS = Path(__file__).with_name("dags")
_ROUNDS = 3  # half an hour in all
_SECONDS = 1_200.0


@dataclass(frozen=True)
class Times:
    """How long one DAG run took.

    :param gap: seconds from the failure of the ninth step to the first step of the retry
    :param warm: the same, and by how many seconds this first step takes longer than the median step: the first query
        of a session waits for parts of Spark that a pipeline has opened before its first step starts
    :param total: seconds from the start of the first try to the end of the last
    :param first: seconds of them until the first step started
    :param last: seconds of them after the last step had ended
    :param working: seconds of them in which a step was running
    :param steps: how many steps were started
    """

    gap: float
    warm: float
    total: float
    first: float
    last: float
    working: float
    steps: int

    @property
    def around(self) -> float:
        """Seconds in which no step ran: Airflow's, Spark's and, with a pipeline, ours."""
        return self.total - self.working


def rows() -> Iterator[Row]:
    """Measure each engine that this machine can start."""
    for name, engine in ENGINES.items():
        yield from _rows_of(name, engine)


def _rows_of(name: str, engine: Callable[[ExitStack, Path], Engine]) -> Iterator[Row]:
    with tempfile.TemporaryDirectory(prefix="bench-") as directory, ExitStack() as stack:
        place = Path(directory)
        ours, plain = _measure(name, engine(stack, place), place, stack)
    baseline = "PySparkOperator" if name == "connect" else "SparkSubmitOperator"
    assert {times.steps for times in ours} == {11}, ours
    assert {times.steps for times in plain} == {19}, plain
    gap, its_gap = (Sample.of(each.gap for each in kind) for kind in (ours, plain))
    warm, its_warm = (Sample.of(each.warm for each in kind) for kind in (ours, plain))
    total, its_total = (Sample.of(each.total for each in kind) for kind in (ours, plain))
    step = statistics.median(each.working / each.steps for each in (*ours, *plain))
    around, its_around = (Sample.of(each.around for each in kind) for kind in (ours, plain))
    share = max(0.0, around.median - its_around.median)
    for label, kind in ((name, ours), (baseline, plain)):
        print(f"({label}: {'; '.join(map(str, kind))})", file=sys.stderr)
    yield Row(f"{name}: from the failure to the retry's first component", baseline, gap, its_gap, "s")
    yield Row(f"{name}: the same, and what that step takes longer than others", baseline, warm, its_warm, "s")
    yield Row(
        f"{name}: ten steps of {step:.0f} s, the ninth fails once", f"{baseline}, starting over", total, its_total, "s"
    )
    yield Row(f"{name}: of that, time in which no step ran", baseline, around, its_around, "s")
    yield Row(f"{name}: our share of the ten steps' time", "all of it", share, total.median, "s")


def _measure(name: str, engine: Engine, place: Path, stack: ExitStack) -> tuple[list[Times], list[Times]]:
    deployment = Deployment(place / "airflow", _database(place), {"bench": _DAGS}, engine.connections)
    # The provider's operator takes spark-submit, and Spark its Python, from the PATH.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    deployment.environment |= {
        **engine.environment,
        "BENCH_ENGINES": json.dumps({name: engine.arguments}),
        "PATH": path,
        "SPARK_SUBMIT_OPTS": "",  # the tests' JVMs, which live for seconds, do not compile for speed
    }
    stack.callback(deployment.stop)
    deployment.start()
    client = Client(deployment)
    stack.callback(client.close)
    for kind in ("ours", "plain"):
        _warm_up(Run(client, f"{kind}_{name}", "warm-up", {"rows": 1}, "work"))
    kinds: tuple[list[Times], list[Times]] = ([], [])
    for number in range(_ROUNDS):
        for kind, found in zip(("ours", "plain"), kinds, strict=True):
            found.append(_times(Run(client, f"{kind}_{name}", f"round-{number}", {}, "work")))
    return kinds


def _warm_up(run: Run) -> None:
    """Nobody's first task may pay for what all of them need: an Airflow that has just started, files not yet read."""
    _ledger(run).with_suffix(".jsonl.failed").touch()  # nothing fails
    run.trigger()
    run.wait("success", tries=1, seconds=_SECONDS)


def _ledger(run: Run) -> Path:
    return run.client.deployment.ledgers / f"{run.dag_id}-{run.run_id}.jsonl"


def _times(run: Run) -> Times:
    run.trigger()
    run.wait("success", tries=2, seconds=_SECONDS)
    events = [json.loads(line) for line in _ledger(run).read_text(encoding="utf-8").splitlines()]
    failed = next(number for number, event in enumerate(events) if event["event"] == "failed")
    tries = run.client.get(f"/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances/{run.task_id}/tries")
    start, end = _ends(tries["task_instances"])
    steps = [over["time"] - begun["time"] for begun, over in zip(events[::2], events[1::2], strict=True)]
    gap = events[failed + 1]["time"] - events[failed]["time"]
    return Times(
        gap=gap,
        warm=gap + steps[failed // 2 + 1] - statistics.median(steps),
        total=end - start,
        first=events[0]["time"] - start,
        last=end - events[-1]["time"],
        working=sum(steps),
        steps=len(steps),
    )


def _ends(tries: list[dict[str, Any]]) -> tuple[float, float]:
    """When the first try started and the last one ended, in seconds since 1970."""
    first, last = (sorted(tries, key=lambda each: each["try_number"])[place] for place in (0, -1))
    start, end = (datetime.fromisoformat(text).timestamp() for text in (first["start_date"], last["end_date"]))
    return start, end


def _database(place: Path) -> Path:
    home = place / "database"
    home.mkdir()
    environment = {**os.environ, "AIRFLOW_HOME": str(home), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    subprocess.run([sys.executable, "-m", "airflow", "db", "migrate"], check=True, capture_output=True, env=environment)
    return home / "airflow.db"
