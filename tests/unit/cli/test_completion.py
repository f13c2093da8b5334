"""Completion in the shell, as argcomplete asks for it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_spark_pipeline.cli import main
from airflow_spark_pipeline.cli.command_table import COMMANDS

NAMES = sorted(command.name for command in COMMANDS)


def completions(line: str, tmp_path: Path) -> list[str]:
    target = tmp_path / "completions"
    environment = {
        **os.environ,
        "_ARGCOMPLETE": "1",
        "_ARGCOMPLETE_IFS": "\n",
        "_ARGCOMPLETE_STDOUT_FILENAME": str(target),
        "COMP_LINE": line,
        "COMP_POINT": str(len(line)),
        "COMP_TYPE": "9",
    }
    code = "from airflow_spark_pipeline.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=tmp_path, capture_output=True, timeout=60, check=False
    )
    assert done.stdout == b""
    return [each.strip() for each in target.read_text().split("\n") if each.strip()]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("spark-pipeline ", NAMES),
        ("spark-pipeline res", ["resume"]),
        ("spark-pipeline runs --fin", ["--finished"]),
        ("spark-pipeline runs --state comp", ["completed"]),
    ],
)
def test_commands_options_and_choices_are_completed(line: str, expected: list[str], tmp_path: Path) -> None:
    offered = set(completions(line, tmp_path)) - {"-h", "--help", "--version"}
    assert sorted(offered) == expected


def test_argcomplete_finds_its_marker() -> None:
    assert b"PYTHON_ARGCOMPLETE_OK" in Path(main.__file__).read_bytes()[:1024]
