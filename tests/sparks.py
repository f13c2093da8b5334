"""The Spark that the tests run on, and marks for features that Spark 3.5 lacks."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, version

import pytest


def _version() -> tuple[int, int]:
    try:
        found = re.match(r"(\d+)\.(\d+)", version("pyspark"))
    except PackageNotFoundError:
        found = None
    return (int(found[1]), int(found[2])) if found else (4, 2)


needs_spark_4 = pytest.mark.skipif(_version() < (4, 0), reason="Spark 3.5 does not have it")
needs_spark_4_2 = pytest.mark.skipif(_version() < (4, 2), reason="Spark 4.1 does not have it")
