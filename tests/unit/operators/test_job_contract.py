"""The contract of platforms, run against the platform that docs/platforms.md invents."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from invented_platform import ClusterUnderTest

from airflow_spark_pipeline.exceptions import CheckpointLocationError
from airflow_spark_pipeline.testing.job_contract import JobContract, PlatformUnderTest
from airflow_spark_pipeline.testing.platform_trial import Trial

CONF_WITHOUT_CHECKPOINTS = """
pipeline {
  pipeline-name = p
  checkpoint { enabled = false }
  pipeline-components = [ { instance-type = m.Some } ]
}
"""


class TestInventedPlatform(JobContract):
    @pytest.fixture
    def platform(self) -> PlatformUnderTest:
        return ClusterUnderTest()

    def test_the_keys_of_a_checkpoint_connection_do_not_travel(
        self, trial: Trial, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Airflow opens the location with them; the driver opens it as itself."""
        options = {"storage_options": {"key": "planted-key", "secret": "planted-secret"}}
        monkeypatch.setenv("AIRFLOW_CONN_LAKE", json.dumps({"conn_type": "generic", "extra": options}))
        seen: list[str] = []

        def look() -> None:
            (request,) = trial.staged_requests()
            seen.append(request.read_text(encoding="utf-8") + trial.platform.jobs()[0].shown)

        trial.run(look, trial.completes, checkpoint_conn_id="lake")
        assert "planted" not in seen[0]
        left = [file for file in trial.folder.rglob("*") if file.is_file()]
        assert [file for file in left if b"planted-" in file.read_bytes()] == []

    def test_a_location_that_only_this_machine_has_is_refused(self, trial: Trial) -> None:
        for arguments in ({"checkpoint_location": None}, {"pipeline": CONF_WITHOUT_CHECKPOINTS}):
            with pytest.raises(CheckpointLocationError, match="both Airflow and the job reach"):
                trial.run(**arguments)
        assert trial.platform.jobs() == []

    def test_the_staging_location_may_be_another_one(self, trial: Trial) -> None:
        staging = trial.folder / "staging"
        trial.run(trial.completes, staging_location=str(staging))
        (job,) = trial.platform.jobs()
        assert job.arguments[1].startswith(str(staging))
        assert not (trial.folder / "checkpoints" / "_staged").exists()
        assert not Path(job.arguments[1]).exists()
