"""The example without Python code, under the scheduler."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from tests.acceptance.client import Run

_ORDERS = Path(__file__).resolve().parents[2] / "dags_examples" / "ready_made_orders.csv"


@pytest.mark.dag_run("ready_made")
def test_a_pipeline_of_ready_made_components_writes_what_pandas_finds(run: Run) -> None:
    import pandas as pd

    run.wait("success")
    orders = pd.read_csv(_ORDERS, converters={"amount": Decimal})
    expected = orders.groupby("country")["amount"].agg(["size", "sum"])
    written = pd.read_parquet(run.client.deployment.temporary / "revenue_by_country").set_index("country")
    assert written["orders"].to_dict() == expected["size"].to_dict()
    assert written["revenue"].to_dict() == expected["sum"].to_dict()
