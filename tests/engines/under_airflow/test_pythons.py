"""A driver whose Python does not fit is told so in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.client import Run
from tests.engines.under_airflow.conftest import SECONDS, on


@pytest.mark.parametrize("engine", [on(engine, "old_python") for engine in ("standalone", "yarn_cluster")])
def test_a_driver_whose_python_is_too_old_is_one_sentence(engine: str, run: Run, old_python: Path) -> None:
    run.wait("failed", tries=1, seconds=SECONDS)
    assert "needs 3.10 or newer there. Name another one" in run.error(1)
    assert str(old_python) in run.error(1) or engine == "yarn_cluster"
