from __future__ import annotations

from pathlib import Path

import pytest

from tests.jobs import Job


@pytest.fixture(params=[1, 3], ids=["in sequence", "in parallel"])
def job(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Job:
    """A job whose components run one after another, or at the same time."""
    job = Job(tmp_path, request.param)
    monkeypatch.setenv("LEDGER", str(job.ledger))
    return job
