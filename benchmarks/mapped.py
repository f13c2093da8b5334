"""A thousand mapped tasks of one pipeline: what the scheduler, a try's look-up and the page need for them.

The tasks are not run: a thousand drivers would measure Spark.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from airflow_spark_pipeline.checkpoint.claimant import Caller
from airflow_spark_pipeline.checkpoint.encoding import encode
from airflow_spark_pipeline.checkpoint.key import UnitKey, unit_path
from airflow_spark_pipeline.checkpoint.layout import OPEN
from airflow_spark_pipeline.checkpoint.log import RunLog
from airflow_spark_pipeline.checkpoint.state import CheckpointStatus
from airflow_spark_pipeline.task.unit_choice import of_pipeline
from benchmarks.harness import Row, Sample, interleaved, timed
from benchmarks.page import database, server, timed_get, until_complete
from benchmarks.places import Place, places
from tests.acceptance.deployment import Deployment
from tests.fakes import make_state

_TASKS = 1_000
_FEW = 10
_ROUNDS = 11
_ALLOWED = {"warm": 300.0, "cold": 5_000.0}

_DAGS = f"""
from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.sdk import DAG
from airflow_spark_pipeline import SparkPipelineOperator

variables = [{{"NUMBER": str(number)}} for number in range({_TASKS})]
with DAG("ours", schedule=None):
    SparkPipelineOperator.partial(task_id="etl", pipeline="etl.conf", retries=3).expand(env_vars=variables)
with DAG("plain", schedule=None):
    SparkSubmitOperator.partial(task_id="etl", application="etl.py", retries=3).expand(env_vars=variables)
"""

# What the scheduler does with a new DAG run, until all of its tasks are scheduled; in turn for both DAGs.
_SCHEDULE = f"""
import json, sys, time
from airflow.dag_processing.bundles.manager import DagBundlesManager
from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
from airflow.models.dagbag import DBDagBag
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState
from airflow.utils.timezone import utcnow
from airflow.utils.types import DagRunTriggeredByType, DagRunType

DagBundlesManager().sync_bundles_to_db()
bag = DagBag(sys.argv[1], bundle_name="bench", bundle_path=None)
assert not bag.import_errors, bag.import_errors
sync_bag_to_db(bag, "bench", None)
found = {{"ours": [], "plain": []}}
for number in range({_ROUNDS} + 1):
    for dag_id, times in found.items():
        with create_session() as session:
            dag = DBDagBag().get_latest_version_of_dag(dag_id, session=session)
            run = dag.create_dagrun(
                run_id=f"round-{{number}}",
                run_after=utcnow(),
                run_type=DagRunType.MANUAL,
                triggered_by=DagRunTriggeredByType.TEST,
                state=DagRunState.RUNNING,
                session=session,
            )
            session.commit()
            start = time.perf_counter()
            run.dag = dag
            ready, _ = run.update_state(session=session, execute_callbacks=False)
            scheduled = run.schedule_tis(ready, session=session)
            session.commit()
            assert scheduled == {_TASKS}, scheduled
            times.append((time.perf_counter() - start) * 1_000)
print(json.dumps({{dag_id: times[1:] for dag_id, times in found.items()}}))
"""


def rows() -> Iterator[Row]:
    """Measure."""
    with places() as found, tempfile.TemporaryDirectory(prefix="bench-mapped-") as directory:
        home = Path(directory)
        empty = database(home / "database")
        yield _scheduler(home, empty)
        for place in found:
            _fill(place, "Few", _FEW)
            _fill(place, "Many", _TASKS)
            yield from _look_up(place)
            with server(home / place.name.split()[0], empty, place) as client:
                cold = Sample.of([until_complete(client, _TASKS + _FEW)])
                path = "/spark-pipeline/api/runs?dag_id=bench&task_id=etl"
                warm = Sample.of(timed_get(client, path) for _ in range(_ROUNDS))
            for kind, measured in (("warm", warm), ("cold", cold)):
                what = f"the page, {_TASKS:,} mapped tasks that failed, {kind} ({place.name})"
                yield Row(what, f"{_ALLOWED[kind]:,.0f} ms", measured, _ALLOWED[kind], aim=1.0)


def _scheduler(home: Path, empty: Path) -> Row:
    folder = home / "dags"
    folder.mkdir()
    (folder / "mapped.py").write_text(_DAGS, encoding="utf-8")
    airflow = Deployment(home / "scheduler", empty, {"bench": folder})
    command = [sys.executable, "-c", _SCHEDULE, str(folder / "mapped.py")]
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, **airflow.environment}, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(done.stderr[-4_000:])
    times = json.loads(done.stdout.splitlines()[-1])
    what = f"{_TASKS:,} mapped SparkPipelineOperators, from a new DAG run until all are scheduled"
    return Row(what, "SparkSubmitOperators", Sample.of(times["ours"]), Sample.of(times["plain"]), aim=1.05)


def _key(number: int) -> UnitKey:
    return UnitKey("default", "bench", "run", "etl", number)


def _fill(place: Place, pipeline: str, count: int) -> None:
    for number in range(count):
        key = _key(number)
        path = unit_path(pipeline, key)
        state = make_state("abcdefgh", done="abc", status=CheckpointStatus.FAILED, key=key, pipeline_name=pipeline)
        place.put(f"{path}/00000003.json", encode(state, 3))
        hint = f"{OPEN}/{path.replace('/', '~')}"
        place.put(hint, b"")
        place.age(hint, 3_600.0)


def _look_up(place: Place) -> Iterator[Row]:
    store = place.store()
    many, few = interleaved(
        lambda: timed(RunLog(store, unit_path("Many", _key(_FEW // 2))).latest),
        lambda: timed(RunLog(store, unit_path("Few", _key(_FEW // 2))).latest),
        _ROUNDS,
    )
    yield Row(f"look-up of one of {_TASKS:,} mapped tasks ({place.name})", f"one of {_FEW}", many, few, aim=1.2)
    yield Row(
        f"the same with resume_scope='pipeline', which reads all that are unfinished ({place.name})",
        f"one of {_FEW}",
        Sample.of(timed(lambda: _of_pipeline(place, "Many")) for _ in range(3)),
        Sample.of(timed(lambda: _of_pipeline(place, "Few")) for _ in range(3)),
    )


def _of_pipeline(place: Place, pipeline: str) -> None:
    """Look for a run that a new task instance can take."""
    key = UnitKey("default", "bench", "next run", "etl", 0)
    found = of_pipeline(
        place.store(),
        pipeline,
        key,
        Caller(0, 0, 1, "identity"),
        remembered=None,
        is_active=lambda _: False,
        will_retry=lambda _: False,
    )
    assert found.run_id is not None
