"""The file that ``spark-submit`` takes for the command line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.cli.shell import Shell


@pytest.fixture
def script(shell: Shell) -> Path:
    assert shell("script") == 0
    (line,) = shell.out.splitlines()
    return Path(line)


def run(script: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *environment.pop("options", "").split(), str(script), *arguments],
        env={**{name: value for name, value in os.environ.items() if name != "PYTHONPATH"}, **environment},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
        check=False,
    )


def test_it_is_a_python_file_that_is_alone_in_its_directory(script: Path) -> None:
    assert script.suffix == ".py"
    assert {each.name for each in script.parent.iterdir()} - {"__pycache__"} == {script.name, "__init__.py"}


def test_the_script_is_the_command_line(script: Path, tmp_path: Path) -> None:
    done = run(script, "runs", "--location", str(tmp_path))
    assert (done.returncode, done.stdout) == (0, "")
    assert run(script, "runs", "--location", str(tmp_path / "none")).returncode == 4


def test_a_python_without_the_needed_packages_gives_a_one_line_error(script: Path) -> None:
    """As when ``spark-submit`` takes another Python than the one that the package is installed for."""
    done = run(script, "runs", options="-S")
    assert done.returncode == 1
    assert "Set PYSPARK_DRIVER_PYTHON" in done.stderr
    assert sys.executable in done.stderr
    assert "Traceback" not in done.stderr


def test_the_command_that_resumes_is_one_of_spark_submit_there(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYSPARK_GATEWAY_PORT", "1")
    assert shell("run", "steps.conf", "--set", "x=1") == 1
    last = shell.err.splitlines()[-1]
    assert last.startswith("To resume where it failed: spark-submit … $(spark-pipeline script) resume steps.conf ")
    assert last.endswith(" --set x=1")
