"""The contract of platforms, run against the platform that docs/platforms.md invents."""

from __future__ import annotations

import pytest
from invented_platform import ClusterUnderTest

from airflow_spark_pipeline.testing.job_contract import JobContract, PlatformUnderTest


class TestInventedPlatform(JobContract):
    @pytest.fixture
    def platform(self) -> PlatformUnderTest:
        return ClusterUnderTest()
