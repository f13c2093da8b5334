"""A Git repository with a DAG in it, for Airflow's versioned DAG bundles."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

_DAGS = Path(__file__).parent / "dags"
_DAG = """
from airflow.sdk import DAG

from airflow_spark_pipeline.operators.spark_pipeline import SparkPipelineOperator

with DAG("versioned", schedule=None):
    SparkPipelineOperator(task_id="pipeline", pipeline="steps.conf", py_files=["steps"], retries=0)
"""
_BROKEN = '{"1": "fail", "2": "fail", "3": "fail"}'


class Repository:
    """One DAG whose component ``b`` fails in the first commit.

    :param path: does not exist yet
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        shutil.copytree(_DAGS / "steps", path / "steps", ignore=shutil.ignore_patterns("__pycache__"))
        self._git("init", "--quiet", "--initial-branch=main")
        self._write(_BROKEN)
        self._commit("Break b")

    def fix(self) -> str:
        """Commit a description in which ``b`` works; returns the commit's id."""
        self._write("{}")
        return self._commit("Mend b")

    def _write(self, deeds: str) -> None:
        text = (_DAGS / "steps.conf").read_text(encoding="utf-8")
        told = "{{ (dag_run.conf or {}).get(name, {}) | tojson }}"
        assert told in text
        chosen = "{% if name == 'b' %}" + deeds + "{% else %}{}{% endif %}"
        (self.path / "steps.conf").write_text(text.replace(told, chosen), encoding="utf-8")
        # The file of the DAG changes, too: Airflow notices a new version of a bundle when it parses the file again.
        (self.path / "dags.py").write_text(f"{_DAG}\n# b: {deeds}\n", encoding="utf-8")

    def _commit(self, message: str) -> str:
        self._git("add", "--all")
        self._git("-c", "user.name=Test", "-c", "user.email=test@example.invalid", "commit", "--quiet", "-m", message)
        return self._git("rev-parse", "HEAD")

    def _git(self, *arguments: str) -> str:
        command = ["git", "-C", str(self.path), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
