"""Any Python of a cluster can read the launcher, which reports a Python that is too old."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_spark_pipeline import protocol
from airflow_spark_pipeline.exceptions import SparkInstallationError
from airflow_spark_pipeline.launch.archives import LAUNCHER
from airflow_spark_pipeline.launch.preflight import DriverHere, check_components
from airflow_spark_pipeline.runtime import launcher
from tests.engines.pythons import TOO_OLD, find_python

ROOT = Path(__file__).resolve().parents[3]


def test_pythons_that_are_too_old_can_read_it() -> None:
    ast.parse(LAUNCHER.read_text(encoding="utf-8"), feature_version=(3, 6))


def test_it_knows_what_it_cannot_import() -> None:
    wanted = re.search(r'requires-python = ">=(\d+)\.(\d+)', (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert wanted is not None
    assert (int(wanted[1]), int(wanted[2])) == launcher._OLDEST
    assert launcher._EXIT_PYTHON == protocol.EXIT_PYTHON


def test_a_python_that_is_too_old_gives_a_one_sentence_error_before_anything_is_submitted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there is no old Python here, this one is made to look old."""
    python = next(filter(None, map(find_python, TOO_OLD)), None)
    if python is None:
        aged = tmp_path / "python"
        aged.write_text(f"#!{sys.executable}\n" + _AGED, encoding="utf-8")
        aged.chmod(0o755)
        python = aged
    request = tmp_path / "check.json"
    request.write_text("{}", encoding="utf-8")
    with pytest.raises(SparkInstallationError, match=r"needs 3\.10 or newer there\. Set another one") as raised:
        check_components(request, DriverHere(LAUNCHER, str(python)), None)
    assert str(raised.value).startswith("The driver's Python, ")
    ran = subprocess.run([python, LAUNCHER, "run", "request.json"], capture_output=True, text=True, check=False)
    assert ran.returncode == protocol.EXIT_PYTHON
    assert ran.stdout == f"{raised.value}\n"
    assert ran.stderr == ""


_AGED = """
import runpy, sys
sys.version_info = (3, 8, 18, "final", 0)
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
