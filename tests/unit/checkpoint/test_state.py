from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from airflow_spark_pipeline.checkpoint.checksum import unseal
from airflow_spark_pipeline.checkpoint.claimant import Claimant
from airflow_spark_pipeline.checkpoint.decoding import decode
from airflow_spark_pipeline.checkpoint.encoding import encode, to_json
from airflow_spark_pipeline.checkpoint.key import UnitKey, make_run_id, unit_path
from airflow_spark_pipeline.checkpoint.state import (
    AttemptSummary,
    CheckpointState,
    CheckpointStatus,
    ComponentAction,
    ComponentCheckpoint,
    Failure,
)
from airflow_spark_pipeline.exceptions import CorruptCheckpointError, UnsupportedCheckpointError
from tests.fakes import make_state, resealed

GOLDEN = Path(__file__).with_name("golden-commit-2.json")
_KEY = UnitKey("default", "etl", "scheduled__2026", "load")
_UNIT = unit_path("Daily ETL", _KEY)
_NUMBER = 4


def _full_state() -> CheckpointState:
    return CheckpointState(
        key=_KEY,
        run_id=make_run_id(_UNIT, 3),
        resumed_from=make_run_id(_UNIT, 0),
        pipeline_name="Daily ETL",
        status=CheckpointStatus.FAILED,
        attempt=2,
        attempt_id="2-0123456789ab",
        claim_number=3,
        nonce="00000000000000000000000000000000",
        epoch=0,
        started_at="2026-01-01T04:00:00.000+00:00",
        updated_at="2026-01-01T04:10:00.000+00:00",
        total_components=3,
        completed_components=("Extract(orders)",),
        components=(
            ComponentCheckpoint(
                index=0,
                name="Extract(orders)",
                type="my_etl.Extract",
                action=ComponentAction.SKIPPED,
                reason="done in attempt 1",
                attempt=1,
                started_at="2026-01-01T03:00:00.000+00:00",
                duration_seconds=12.345,
                fingerprint={"instance-type": "0123456789abcdef", "instance-config.path": "fedcba9876543210"},
                session={
                    "conf": {"spark.sql.session.timeZone": "UTC", "spark.sql.ansi.enabled": None},
                    "database": "staging",
                },
                leaves={"functions": ["to_cents"], "views": ["rates"]},
                code={"my_etl/extract.py": "0011223344556677"},
            ),
            ComponentCheckpoint(
                index=1,
                name="Transform(clean)",
                type="my_etl.Transform",
                action=ComponentAction.FAILED,
                reason="ValueError: bad row",
                attempt=2,
                started_at="2026-01-01T04:00:10.000+00:00",
                duration_seconds=1.5,
            ),
            ComponentCheckpoint(index=2, name="Load(warehouse)", type="my_etl.Load", reason="not done yet"),
        ),
        attempts=(
            AttemptSummary(1, make_run_id(_UNIT, 0), "2026-01-01T03:00:00.000+00:00", ran=("Extract(orders)",)),
            AttemptSummary(
                2,
                make_run_id(_UNIT, 3),
                "2026-01-01T04:00:00.000+00:00",
                skipped=("Extract(orders)",),
                failed="Transform(clean)",
                error="ValueError: bad row",
            ),
        ),
        failure=Failure("Transform(clean)", 1, "ValueError", "bad row", "Traceback …\nValueError: bad row\n"),
        caller=Claimant(max_tries=2, retries=2, try_number=2),
        fingerprint_salt="0123",
        spark_application_id="local-1",
        selection={"startFrom": None, "only": [], "force": ["Extract"]},
    )


def test_the_persisted_format_is_the_one_in_the_golden_file() -> None:
    """A change here is a change of what users have stored: it needs a new schema version, or to be readable by this
    one."""
    assert unseal(encode(_full_state(), _NUMBER)) == unseal(GOLDEN.read_bytes())


def test_the_golden_file_reads_as_the_state_that_it_was_written_from() -> None:
    assert decode(GOLDEN.read_bytes(), "golden", unit=_UNIT, number=_NUMBER) == _full_state()


def test_optional_members_are_stored_only_for_components_that_have_them() -> None:
    state = _full_state()
    first, second, third = state.components
    wrote = {"s3://lake/orders": {"rows": 3}}
    third = replace(third, action=ComponentAction.UPSTREAM_FAILED, reason="depends on Transform(clean), which failed")
    state = replace(state, components=(replace(first, changed_code=("my_etl/extract.py",), wrote=wrote), second, third))
    stored = to_json(state)["components"]
    assert [component.get("changedCode") for component in stored] == [["my_etl/extract.py"], None, None]
    assert [component.get("wrote") for component in stored] == [wrote, None, None]
    assert stored[2]["action"] == "upstream_failed"
    assert decode(encode(state, _NUMBER), "x", unit=_UNIT, number=_NUMBER) == state


@pytest.mark.parametrize(
    "field",
    [
        "runId",
        "pipelineName",
        "startedAt",
        "completedComponents",
        "lastCheckpointedIndex",
        "totalComponents",
        "status",
        "resumedFrom",
    ],
)
def test_each_field_that_users_of_checkpoints_know_has_its_name(field: str) -> None:
    assert field in to_json(make_state())


def test_the_last_checkpointed_index_is_the_highest_that_is_done_and_minus_one_for_none() -> None:
    assert make_state().last_checkpointed_index == -1
    assert make_state(done="ac").last_checkpointed_index == 2


def test_fields_that_this_version_does_not_know_are_kept() -> None:
    state = _full_state()
    components = to_json(state)["components"]
    components[0]["sinceNine"] = ["v"]
    again = to_json(decode(resealed(state, _NUMBER, fromTheFuture={"x": 1}, components=components), "x"))
    assert again["fromTheFuture"] == {"x": 1}
    assert again["components"][0]["sinceNine"] == ["v"]


def test_a_newer_schema_is_refused_with_the_way_out() -> None:
    newer = resealed(make_state(), schemaVersion=4)
    with pytest.raises(UnsupportedCheckpointError, match=r"schema version is 4, this one reads up to 3\. Upgrade"):
        decode(newer, "p/u/00000000.json")


def test_the_schema_before_the_first_release_is_refused_with_the_way_out() -> None:
    first = json.dumps(to_json(make_state()) | {"schemaVersion": 1}).encode()
    with pytest.raises(UnsupportedCheckpointError, match=r"its schema version is 1.* To start over: do this") as caught:
        decode(first, "p/u/00000000.json", way_out="To start over: do this")
    assert not caught.value.newer


@pytest.mark.parametrize("cut", [0, 1, 100, -1])
def test_a_truncated_commit_is_reported_with_its_path(cut: int) -> None:
    with pytest.raises(CorruptCheckpointError, match=r"p/u/00000000\.json is not a readable commit"):
        decode(encode(make_state(), 0)[:cut], "p/u/00000000.json")


def test_an_error_text_with_unbalanced_braces_and_quotes_comes_back_as_it_was() -> None:
    message = 'unbalanced } in "{{{\\" \u2028 \x00 and ünïcode'
    state = make_state(failure=Failure("a", 0, "ValueError", message))
    again = decode(encode(state, 0), "x")
    assert again.failure is not None
    assert again.failure.message == message


@pytest.mark.parametrize("end", [":", ". Please see the stack trace below."])
def test_a_headline_includes_what_a_python_function_raised_after_the_announcing_line(end: str) -> None:
    message = (
        f"An exception was thrown from the Python worker{end}\n"
        "Traceback (most recent call last):\n"
        '  File "worker.py", line 1, in main\n'
        "    raise PySparkRuntimeError(\n"
        "pyspark.errors.PySparkRuntimeError: [PYTHON_VERSION_MISMATCH] Python in worker has different version: 3.13.\n"
        "Please check environment variables.\n"
    )
    assert Failure("a", 0, "PythonException", message).headline == (
        f"PythonException: An exception was thrown from the Python worker{end} pyspark.errors.PySparkRuntimeError: "
        "[PYTHON_VERSION_MISMATCH] Python in worker has different version: 3.13."
    )
    java = "An error occurred while calling o1.load.\n: java.net.ConnectException: Connection refused\n\tat java.base/x"
    assert Failure("a", 0, "Py4JJavaError", java).headline == (
        "Py4JJavaError: An error occurred while calling o1.load: java.net.ConnectException: Connection refused"
    )
    spark = "Caused by: org.apache.spark.SparkException: no\nCaused by: java.io.IOException: disk full\n\t... 2 more"
    stages = f"Job aborted: Task failed while writing rows.\n\tat x.y(Z.scala:1)\n{spark}"
    assert Failure("a", 0, "SparkException", stages).headline == (
        "SparkException: Job aborted: Task failed while writing rows. Caused by: java.io.IOException: disk full"
    )
    python = (
        "Caused by: org.apache.spark.api.python.PythonException: Traceback (most recent call last):\nValueError: bad"
    )
    assert Failure("a", 0, "Py4JJavaError", f"{java}\n{python}\n\n\tat java.base/y").headline == (
        "Py4JJavaError: An error occurred while calling o1.load: java.net.ConnectException: Connection refused. "
        "Caused by: ValueError: bad"
    )
    known = "Connection refused by 10.0.0.1\n\tat x\nCaused by: java.net.ConnectException: Connection refused"
    assert Failure("a", 0, "IOException", known).headline == "IOException: Connection refused by 10.0.0.1"
    assert Failure("a", 0, "IOException", "no\nCaused by: java.lang.NullPointerException").headline == (
        "IOException: no. Caused by: java.lang.NullPointerException"
    )
    assert Failure("a", 0, "ValueError", "nothing follows:\nmore").headline == "ValueError: nothing follows:"
    assert Failure("a", 0, "ValueError", "").headline == "ValueError: "
