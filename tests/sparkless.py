"""A driver without Spark: the real main, log and lease, with a fake session.

``python -m tests.sparkless run REQUEST``. For tests in which Spark does not matter and many processes do.
"""

from __future__ import annotations

import sys
from typing import Any

from airflow_spark_pipeline.runtime.__main__ import main
from airflow_spark_pipeline.runtime.spark import starting


class FakeContext:
    master = "local"
    applicationId = "sparkless"  # noqa: N815  # Spark's name
    _jsc: Any

    def __init__(self) -> None:
        self._jsc = self

    def sc(self) -> FakeContext:
        return self

    def isStopped(self) -> bool:  # noqa: N802  # Spark's name
        return False

    def addJobTag(self, tag: str) -> None:  # noqa: N802  # Spark's name
        pass

    def cancelJobsWithTag(self, tag: str) -> None:  # noqa: N802  # Spark's name
        pass


class FakeConf:
    def __init__(self) -> None:
        self.getAll: dict[str, str] = {}

    def get(self, key: str, default: str | None = None) -> str | None:
        return self.getAll.get(key, default)

    def set(self, key: str, value: str) -> None:
        self.getAll[key] = value

    def isModifiable(self, key: str) -> bool:  # noqa: N802  # Spark's name
        return key.startswith("spark.sql.")

    def unset(self, key: str) -> None:
        self.getAll.pop(key, None)


class FakeCatalog:
    def __init__(self) -> None:
        self.place = ["spark_catalog", "default"]

    def currentCatalog(self) -> str:  # noqa: N802  # Spark's name
        return self.place[0]

    def currentDatabase(self) -> str:  # noqa: N802  # Spark's name
        return self.place[1]

    def setCurrentCatalog(self, name: str) -> None:  # noqa: N802  # Spark's name
        self.place[0] = name

    def setCurrentDatabase(self, name: str) -> None:  # noqa: N802  # Spark's name
        self.place[1] = name


class FakeSpark:
    """What the driver itself asks of a session."""

    version = "none"

    def __init__(self) -> None:
        self.sparkContext = FakeContext()
        self.conf = FakeConf()
        self.catalog = FakeCatalog()

    def stop(self) -> None:
        self.sparkContext._jsc = None


if __name__ == "__main__":
    starting.open_session = lambda config: FakeSpark()  # type: ignore[assignment,attr-defined,return-value]
    main(sys.argv[1:])
