"""The views that a query reads, as far as its text tells."""

from __future__ import annotations

import pytest

from airflow_spark_pipeline.components import CheckSql, SqlToView
from airflow_spark_pipeline.components.sql import sources


@pytest.mark.parametrize(
    ("sql", "names"),
    [
        ("SELECT * FROM Orders", {"orders"}),
        ("select * from orders o, `my view` v join customers using (id)", {"orders", "my view", "customers"}),
        ("SELECT * FROM a AS x , b y,c WHERE EXISTS (SELECT 1 FROM d)", {"a", "b", "c", "d"}),
        ("SELECT * FROM bestellungen_über", {"bestellungen_über"}),
        ("SELECT 1", set()),
    ],
)
def test_the_names_after_from_and_join_are_what_a_query_reads(sql: str, names: set[str]) -> None:
    assert sources(sql) == names
    assert set(SqlToView(sql, "v").reads_views()) == names
    assert set(CheckSql(sql).reads_views()) == names
