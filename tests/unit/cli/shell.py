"""A shell prompt in a directory with a pipeline's file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_spark_pipeline.cli.main import main
from tests.steps import describe

if TYPE_CHECKING:
    import pytest


class Shell:
    """A directory with a pipeline's file, and a prompt in it."""

    def __init__(self, directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.directory = directory
        self.ledger = directory / "ledger"
        self.out = self.err = ""
        self._capsys = capsys

    def write(self, text: str, name: str = "steps.conf") -> str:
        (self.directory / name).write_text(text, encoding="utf-8")
        return name

    def __call__(self, *arguments: str) -> int:
        code = main(arguments)
        captured = self._capsys.readouterr()
        self.out, self.err = captured.out, captured.err
        assert "Traceback" not in self.err
        return code

    def run_id(self) -> str:
        assert self("runs", "--file", "steps.conf", "--json") == 0
        (run,) = json.loads(self.out)
        return str(run["runId"])


def steps(*components: str, more: str = "") -> str:
    place = "checkpoint { location = ${CHECKPOINTS} }"
    text = describe(*(components or ("a", "b:Step:fails = 1", "c")), more=f"{place}, {more}" if more else place)
    return f'CHECKPOINTS = ${{LEDGER}}".checkpoints"\n{text}'
