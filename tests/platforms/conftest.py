"""Real drivers on stand-ins for platforms, and on Livy. Collected only by ``make platforms``, or by path.

It takes minutes: nothing for each run of ``make test``.
"""

from __future__ import annotations

from pathlib import Path

import pytest

_HERE = Path(__file__).parent
_SECONDS = 900  # Airflow and three drivers start slowly on a machine that has other things to do


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    asked = [Path(argument.split("::")[0]).resolve() for argument in config.args]
    return None if any(path == _HERE or _HERE in path.parents for path in asked) else True


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if _HERE in item.path.parents:
            item.add_marker("spark")
            item.add_marker("slow")
            item.add_marker(pytest.mark.timeout(_SECONDS))
