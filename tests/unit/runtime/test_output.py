"""The driver's own lines are printed whatever components do to standard output, and never fail the run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.steps import describe

DRIVER = """
import json, sys
from airflow_spark_pipeline import PipelineRunner
from airflow_spark_pipeline.runtime.process import output
from tests.sparkless import FakeSpark
if sys.argv[1] == "own":
    output.own_output()
report = PipelineRunner(FakeSpark(), location=sys.argv[2]).run_with_checkpointing(sys.argv[3])
open(sys.argv[4], "w").write(json.dumps(report.ran))
"""

BREAKS = {
    "stdout is None": "sys.stdout = None",
    "both are None": "sys.stdout = sys.stderr = None",
    "stdout is closed": "sys.stdout.close()",
    "stderr is closed": "sys.stderr.close()",
    "a StringIO is left in its place": "sys.stdout = sys.stderr = io.StringIO()",
    "an object that is no stream": "sys.stdout = object()",
    "a stream that raises": "sys.stdout = Full()",
    "descriptor 1 is closed": "os.close(1)",
    "descriptor 2 is closed": "os.close(2)",
    "descriptor 1 is a file": "os.dup2(os.open(os.devnull, os.O_WRONLY), 1)",
    "an output that takes ASCII only": "sys.stdout.reconfigure(encoding='ascii', errors='strict')",
    "a byte that is not UTF-8": "os.write(1, bytes([0xE9, 10]))",
    # The last one: the socket keeps the descriptor for as long as the component lives, which Pythons differ in.
    "descriptor 1 is closed and taken": "os.close(1); self.kept = socket.socket()",
}


@pytest.fixture(scope="module", params=["own", "in-process"])
def lines(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What was printed while each component that breaks the output ran, and while the one after it did."""
    directory = tmp_path_factory.mktemp("output")
    parts = []
    for case, code in BREAKS.items():
        config = f'instance-config {{ code = "{code}" }}'
        parts.append(f'{{ instance-type = "tests.broken_output.Breaks", instance-name = "{case} é", {config} }}')
        parts.append(f'{{ instance-type = "tests.broken_output.Prints", instance-name = "after {case}" }}')
    answer = directory / "answer"
    result = subprocess.run(
        [sys.executable, "-c", DRIVER, request.param, str(directory / "checkpoints"), describe(*parts), str(answer)],
        capture_output=True,
        check=False,
        cwd=Path(__file__).parents[3],
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert len(json.loads(answer.read_text())) == len(parts), result.stderr
    assert b"completed in attempt 1" in result.stdout.splitlines()[-1]
    found: dict[str, list[str]] = {}
    for line in result.stdout.decode(errors="backslashreplace").splitlines():
        if line.endswith(" ..."):
            name = line.partition("] ")[2].removesuffix(" ...")
        elif line.startswith(("[", " ", "printed", "\\")):
            found.setdefault(name, []).append(line)
    return found


@pytest.mark.parametrize("case", BREAKS)
def test_lines_are_printed_whatever_a_component_does_to_the_output(case: str, lines: dict[str, list[str]]) -> None:
    *_, progress, done = lines[f"{case} é"]
    assert progress.replace("\\xe9", "é") == "    progress é"
    assert f"] {case} é done in " in done
    printed, done = lines[f"after {case}"]
    assert printed == "printed é"
    assert f"] after {case} done in " in done


@pytest.mark.parametrize("mode", ["own", "in-process"])
@pytest.mark.parametrize("output", ["/dev/full", "closed"])
def test_a_run_completes_without_an_output(output: str, mode: str, tmp_path: Path) -> None:
    answer = tmp_path / "answer"
    command = [sys.executable, "-c", DRIVER, mode, str(tmp_path / "checkpoints")]
    pipeline = describe('{ instance-type = "tests.broken_output.Quiet", instance-name = quiet }')
    redirect = ">&-" if output == "closed" else ">/dev/full"
    subprocess.run(
        ["sh", "-c", f'exec "$@" {redirect}', "sh", *command, pipeline, str(answer)],
        check=False,
        cwd=Path(__file__).parents[3],
    )
    assert answer.read_text() == '["quiet"]'
