"""What differs between versions of Spark."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace

from airflow_spark_pipeline.runtime.spark.versions import settings_of


def test_the_settings_of_a_session_are_read_once() -> None:
    reads = []

    class Conf:
        @property
        def getAll(self) -> Mapping[str, str]:  # noqa: N802  # Spark's name
            reads.append(1)
            return {"spark.app.name": "shop"}

    assert settings_of(SimpleNamespace(conf=Conf())) == {"spark.app.name": "shop"}  # type: ignore[arg-type]
    assert len(reads) == 1  # on Spark Connect each takes a request
