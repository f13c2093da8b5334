"""Which Spark the tests run on, and marks for what Spark 3.5 does not have."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, version

import pytest


def _major() -> int:
    try:
        found = re.match(r"\d+", version("pyspark"))
    except PackageNotFoundError:
        return 4
    return int(found[0]) if found else 4


needs_spark_4 = pytest.mark.skipif(_major() < 4, reason="Spark 3.5 does not have it")
