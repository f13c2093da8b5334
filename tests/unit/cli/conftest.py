"""The command line, called as from a shell; only Spark is missing."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from airflow_spark_pipeline.runtime.spark import starting
from airflow_spark_pipeline.runtime.standalone import one_run
from airflow_spark_pipeline.runtime.standalone import spark as sessions
from tests.sparkless import FakeSpark
from tests.unit.cli.shell import Shell, steps


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LEDGER", str(tmp_path / "ledger"))
    monkeypatch.setenv("PYTHONPATH", "")
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(starting, "open_session", lambda config: FakeSpark())
    monkeypatch.setattr(sessions, "active_session", lambda: None)
    monkeypatch.setattr(one_run, "require_spark", lambda *, connect: None)
    shell = Shell(tmp_path, capsys)
    shell.write(steps())
    return shell
