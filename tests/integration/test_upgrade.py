"""An upgrade of this package between a failure and the retry: each attempt is a process with its own version.

The other versions are made from this one: another number, modules that are called something else inside, and a state
that knows more, or less, than this one's.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import airflow_spark_pipeline
from airflow_spark_pipeline.checkpoint.state import BASE_VERSION, SCHEMA_VERSION
from tests.steps import describe, names

ROOT = Path(__file__).resolve().parents[2]
VERSION = airflow_spark_pipeline.__version__
_RENAMED = {"checkpoint/claim": "checkpoint/deciding", "secrets/masking": "secrets/censoring"}
_KNOWS_MORE = {r"    extra: Mapping": '    since_nine: str = "known"\n    extra: Mapping'}
_KNOWS_LESS = {
    r"\Z": """

def encode(state, number, whole=encode):
    data = json.loads(whole(state, number))
    for record in (data, *data["components"]):
        for name in ("checksum", "leaseSeconds", "selection", "retries", "views"):
            record.pop(name, None)
    return seal(json.dumps(data)[1:-1])
"""
}
_KNOWS_ANOTHER_SCHEMA = {
    rf"BASE_VERSION = {BASE_VERSION}": f"BASE_VERSION = {SCHEMA_VERSION + 1}",
    rf"SCHEMA_VERSION = {SCHEMA_VERSION}": f"SCHEMA_VERSION = {SCHEMA_VERSION + 2}",
}
_WRITES_WHOLE_STATES = {r"\Z": "\n\ndef changes_since(*_):\n    return None\n"}
_ATTEMPT = """
import json, sys
import airflow_spark_pipeline
from airflow_spark_pipeline import PipelineRunner
from airflow_spark_pipeline.exceptions import SparkPipelineError
from tests.sparkless import FakeSpark

said = {"version": airflow_spark_pipeline.__version__}
try:
    report = PipelineRunner(FakeSpark(), location=sys.argv[1]).run_with_checkpointing(sys.argv[2])
    said |= {"ran": report.ran, "skipped": report.skipped}
except SparkPipelineError as error:
    said |= {"error": type(error).__name__, "message": str(error)}
print(json.dumps(said))
"""


@dataclass
class Unit:
    """A unit of work whose attempts are made by different versions."""

    directory: Path

    def attempt(self, version: Path) -> dict[str, Any]:
        text = describe("a", "b:Step:fails = 1", "c", more="checkpoint { auto-resume = true }")
        result = subprocess.run(
            [sys.executable, "-c", _ATTEMPT, str(self.location), text],
            cwd=version,  # first on the path of modules
            env={**os.environ, "PYTHONPATH": str(ROOT), "LEDGER": str(self.ledger)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert result.returncode == 0, result.stderr
        said: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
        return said

    @property
    def location(self) -> Path:
        return self.directory / "checkpoints"

    @property
    def ledger(self) -> Path:
        return self.directory / "ledger"

    @property
    def commit(self) -> dict[str, Any]:
        """The newest one, as it is stored."""
        newest: dict[str, Any] = json.loads(max(self.location.glob("*/*/0*.json")).read_bytes())
        return newest

    @property
    def versions(self) -> set[int]:
        """The schema versions of the commits that are there."""
        return {json.loads(path.read_bytes())["schemaVersion"] for path in self.location.glob("*/*/0*.json")}


@pytest.fixture
def unit(tmp_path: Path) -> Unit:
    return Unit(tmp_path)


def _other_version(directory: Path, number: str, changes: dict[str, str], of: str = "state") -> Path:
    """Return a place from which another version is imported.

    :param changes: what to replace in a module of the persisted format, as regular expressions
    :param of: which module
    """
    package = directory / number / "airflow_spark_pipeline"
    shutil.copytree(ROOT / "airflow_spark_pipeline", package, ignore=shutil.ignore_patterns("__pycache__", "www"))
    for old, new in _RENAMED.items():
        (package / f"{old}.py").rename(package / f"{new}.py")
    for module in package.rglob("*.py"):
        text = module.read_text(encoding="utf-8")
        for old, new in _RENAMED.items():
            text = re.sub(rf"\b{re.escape(old.replace('/', '.'))}\b", new.replace("/", "."), text)
        module.write_text(text, encoding="utf-8")
    _replace(package / "__init__.py", {r'__version__ = ".*"': f'__version__ = "{number}"'})
    _replace(package / f"checkpoint/{of}.py", changes)
    return package.parent


def _replace(module: Path, changes: dict[str, str]) -> None:
    text = module.read_text(encoding="utf-8")
    for pattern, new in changes.items():
        text, count = re.subn(pattern, lambda match, new=new: new, text)  # type: ignore[misc]
        assert count, pattern
    module.write_text(text, encoding="utf-8")


def test_a_retry_by_a_newer_version_continues_a_run_of_this_one(unit: Unit) -> None:
    newer = _other_version(unit.directory, "9.9.9", _KNOWS_MORE)
    assert unit.attempt(ROOT) | {"message": ""} == {"version": VERSION, "error": "ComponentFailedError", "message": ""}
    assert unit.attempt(newer) == {"version": "9.9.9", "ran": ["b", "c"], "skipped": ["a"]}
    assert unit.commit["sinceNine"] == "known"
    assert names(unit.ledger) == "abbc"


def test_a_retry_by_this_version_continues_a_run_of_a_newer_one_and_keeps_unknown_fields(
    unit: Unit,
) -> None:
    newer = _other_version(unit.directory, "9.9.9", _KNOWS_MORE)
    assert unit.attempt(newer)["version"] == "9.9.9"
    assert unit.attempt(ROOT) == {"version": VERSION, "ran": ["b", "c"], "skipped": ["a"]}
    commit = unit.commit
    done_before, *_ = commit["components"]
    first_attempt, *_ = commit["attempts"]
    assert [each["sinceNine"] for each in (commit, done_before, first_attempt)] == ["known"] * 3
    assert names(unit.ledger) == "abbc"


def test_a_retry_by_this_version_continues_a_run_of_an_older_one(unit: Unit) -> None:
    older = _other_version(unit.directory, "0.0.1", _KNOWS_LESS, "encoding")
    assert unit.attempt(older)["version"] == "0.0.1"
    assert "leaseSeconds" not in unit.commit
    assert unit.attempt(ROOT) == {"version": VERSION, "ran": ["b", "c"], "skipped": ["a"]}
    assert names(unit.ledger) == "abbc"


def test_a_retry_by_this_version_continues_a_run_of_one_that_wrote_whole_states(
    unit: Unit,
) -> None:
    older = _other_version(unit.directory, "0.0.1", _WRITES_WHOLE_STATES, "changes")
    assert unit.attempt(older)["error"] == "ComponentFailedError"
    assert unit.versions == {BASE_VERSION}
    assert unit.attempt(ROOT) == {"version": VERSION, "ran": ["b", "c"], "skipped": ["a"]}
    assert names(unit.ledger) == "abbc"


def test_a_retry_by_a_version_that_only_knows_whole_states_continues_a_run_of_this_one(unit: Unit) -> None:
    older = _other_version(unit.directory, "0.0.1", _WRITES_WHOLE_STATES, "changes")
    assert unit.attempt(ROOT)["error"] == "ComponentFailedError"
    assert unit.commit["schemaVersion"] == BASE_VERSION  # what ends an attempt is a whole state
    assert unit.attempt(older) == {"version": "0.0.1", "ran": ["b", "c"], "skipped": ["a"]}
    assert names(unit.ledger) == "abbc"


def test_a_newer_schema_is_refused_with_the_file_and_the_way_out_and_nothing_is_lost(unit: Unit) -> None:
    newer = _other_version(unit.directory, "9.9.9", _KNOWS_ANOTHER_SCHEMA)
    unit.attempt(newer)
    before = unit.commit
    refused = unit.attempt(ROOT)
    assert refused["error"] == "UnsupportedCheckpointError"
    written = rf"^{re.escape(str(unit.location))}/\S+/\d{{8}}\.json was written by a newer airflow-spark-pipeline"
    assert re.match(written, refused["message"])
    assert refused["message"].endswith("Upgrade airflow-spark-pipeline here.")
    assert unit.commit == before
    assert unit.attempt(newer) == {"version": "9.9.9", "ran": ["b", "c"], "skipped": ["a"]}
    assert names(unit.ledger) == "abbc"
