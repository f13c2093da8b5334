"""Wrong Pythons: the task's error explains the problem, and no progress is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.client import Run
from tests.engines.pythons import OWN
from tests.engines.under_airflow.conftest import SECONDS, on


@pytest.mark.usefixtures("other_python")
@pytest.mark.dag_run("executors_of_another_python")
def test_executors_of_another_minor_version_than_the_drivers_are_named(run: Run) -> None:
    run.wait("failed", tries=1, seconds=SECONDS)
    assert run.started() == "a1 b1"
    assert "PYTHON_VERSION_MISMATCH" in run.error(1)
    assert f"than that in driver: {OWN}," in run.error(1)


@pytest.mark.parametrize("engine", [on(engine, "old_python") for engine in ("standalone", "yarn_cluster")])
def test_a_driver_python_that_is_too_old_gives_a_one_sentence_error(engine: str, run: Run, old_python: Path) -> None:
    run.wait("failed", tries=1, seconds=SECONDS)
    assert "needs 3.10 or newer there. Set another one" in run.error(1)
    assert str(old_python) in run.error(1) or engine == "yarn_cluster"
