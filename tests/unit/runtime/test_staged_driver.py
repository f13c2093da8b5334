"""A driver with a staged request: when it reads and removes it, and what it leaves alone."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import Any

import pytest

from airflow_spark_pipeline.checkpoint.stores.locations import open_store
from airflow_spark_pipeline.exceptions import CheckpointStoreError
from airflow_spark_pipeline.launch.staging import Staging
from airflow_spark_pipeline.pipeline.parser import parse_pipeline
from airflow_spark_pipeline.protocol import (
    EXIT_CHECKPOINT,
    EXIT_COMPLETED,
    EXIT_COMPONENT_FAILED,
    EXIT_DEFINITION,
    EXIT_SUPERSEDED,
    DriverRequest,
    Token,
)
from airflow_spark_pipeline.runtime.driver import staged_request
from airflow_spark_pipeline.runtime.process import lifeline

UNIT = "daily-0123456789ab/dag.run.task-0123456789abcdef"
SPEC = parse_pipeline("pipeline { pipeline-name = p, pipeline-components = [ { instance-type = m.Some } ] }")


@pytest.fixture
def url(tmp_path: Path) -> str:
    request = DriverRequest(SPEC.to_dict(), unit=UNIT, token=Token(0, "1-0123456789ab", "n"))
    return Staging(open_store(str(tmp_path))).request(UNIT, request)


@pytest.fixture(autouse=True)
def outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifeline, "_inside_a_session", False)


def drives(monkeypatch: pytest.MonkeyPatch, url: str, code: int) -> list[bool]:
    """Let the driver end with a code; returns whether the request was there while it ran."""
    there: list[bool] = []

    def drive_in(request: DriverRequest, spark: Any) -> tuple[int, str]:
        there.append(Path(url).exists())
        return code, "the summary"

    monkeypatch.setattr(staged_request, "drive_in", drive_in)
    return there


@pytest.mark.parametrize("code", [EXIT_COMPLETED, EXIT_COMPONENT_FAILED, EXIT_SUPERSEDED])
def test_the_request_stays_while_the_driver_runs_and_is_gone_at_its_end(
    monkeypatch: pytest.MonkeyPatch, url: str, code: int
) -> None:
    """A platform starts a job again whose driver died, and the new driver reads the same request."""
    there = drives(monkeypatch, url, code)
    assert staged_request.drive_staged(url) == code
    assert there == [True]
    assert not Path(url).exists()
    assert staged_request.drive_staged(url) == EXIT_SUPERSEDED
    assert there == [True]


def test_a_driver_that_is_killed_leaves_its_request(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    def drive_in(request: DriverRequest, spark: Any) -> tuple[int, str]:
        raise KeyboardInterrupt

    monkeypatch.setattr(staged_request, "drive_in", drive_in)
    with pytest.raises(KeyboardInterrupt):
        staged_request.drive_staged(url)
    assert Path(url).exists()


def test_an_unreadable_request_is_named(
    monkeypatch: pytest.MonkeyPatch, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    class Broken:
        def read(self, path: str) -> bytes:
            raise CheckpointStoreError("the store is down", path=path)

    monkeypatch.setattr(staged_request, "open_store", lambda location: Broken())
    assert staged_request.drive_staged(url) == EXIT_CHECKPOINT
    assert f"The request {url} cannot be read: the store is down" in capsys.readouterr().out


def test_a_request_of_another_version_is_refused(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path(url).write_text(
        Path(url).read_text(encoding="utf-8").replace('"protocol_version": 1', '"protocol_version": 9')
    )
    assert staged_request.drive_staged(url) == EXIT_DEFINITION
    assert "protocol 9" in capsys.readouterr().out


@pytest.mark.parametrize("variable", ["PYSPARK_GATEWAY_PORT", "NOTHING"])
def test_inside_a_session_sparks_environment_variables_are_ignored(
    monkeypatch: pytest.MonkeyPatch, url: str, variable: str
) -> None:
    """A platform may set Spark's variables and close the standard input, which would end the process at once."""
    monkeypatch.setenv(variable, "1")
    drives(monkeypatch, url, EXIT_COMPLETED)
    monkeypatch.setattr(staged_request, "configured", lambda spark, spec: contextlib.nullcontext())
    before = sys.stdout, sys.stderr
    staged_request.drive_inside(url, object())  # type: ignore[arg-type]
    assert (sys.stdout, sys.stderr) == before
    assert not lifeline.started_by_spark_submit()


def test_inside_a_session_a_failure_is_raised_with_its_summary(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    drives(monkeypatch, url, EXIT_COMPONENT_FAILED)
    monkeypatch.setattr(staged_request, "configured", lambda spark, spec: contextlib.nullcontext())
    with pytest.raises(RuntimeError, match="the summary"):
        staged_request.drive_inside(url, object())  # type: ignore[arg-type]
