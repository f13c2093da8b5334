"""A pipeline of components in this process, without Spark: run, fail, and run again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_spark_pipeline import PipelineHooks, PipelineRunner
from airflow_spark_pipeline.checkpoint.state import CheckpointState
from airflow_spark_pipeline.exceptions import ComponentFailedError
from airflow_spark_pipeline.planning import Selection
from airflow_spark_pipeline.runtime.standalone.report import RunReport
from tests.sparkless import FakeSpark
from tests.steps import describe, read


class Job:
    """A pipeline on a local disk; its components write to a ledger, which ``${LEDGER}`` names in a description."""

    def __init__(self, directory: Path, parallelism: int = 1) -> None:
        self.parallelism = f"parallelism = {parallelism}\n"
        self.ledger = directory / "ledger"
        self.runner = PipelineRunner(FakeSpark(), location=directory / "checkpoints")  # type: ignore[arg-type]

    def described(self, *components: str, more: str = "") -> str:
        return describe(*components, more=self.parallelism + more)

    def run(
        self, *components: str, more: str = "", hooks: PipelineHooks | None = None, selection: Selection | None = None
    ) -> RunReport:
        """Run the pipeline, or resume it."""
        return self.runner.run_with_checkpointing(
            self.described(*components, more=more), hooks, auto_resume=True, selection=selection
        )

    def fails(self, *components: str, **more: Any) -> CheckpointState:
        """Run a pipeline that fails. Returns what is recorded."""
        with pytest.raises(ComponentFailedError):
            self.run(*components, **more)
        return self.unfinished()

    def unfinished(self) -> CheckpointState:
        """Return what is recorded of the one run that can be resumed."""
        (state,) = self.runner.list_resumable("Steps")
        return state

    @property
    def parts(self) -> list[str]:
        """The parts that ran, in order."""
        return [entry["part"] for entry in read(self.ledger) if "part" in entry]
