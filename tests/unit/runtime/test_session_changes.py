"""Session changes of a component, computed without Spark."""

from __future__ import annotations

import pytest

from airflow_spark_pipeline.runtime.spark.session_state import SessionState, difference

DELTA_NOTE = "spark.databricks.delta.lastCommitVersionInSession"


def state(**conf: str) -> SessionState:
    return SessionState({key.replace("_", "."): value for key, value in conf.items()}, "spark_catalog", "default")


@pytest.mark.parametrize("before", [{}, {DELTA_NOTE: "3"}], ids=["new", "changed"])
def test_deltas_last_commit_setting_is_not_a_session_change(before: dict[str, str]) -> None:
    after = {DELTA_NOTE: "4", "spark.databricks.delta.autoCompact.enabled": "true"}
    changes = difference(SessionState(before, "c", "d"), SessionState(after, "c", "d"))
    assert changes == {"conf": {"spark.databricks.delta.autoCompact.enabled": "true"}}


def test_a_setting_that_was_unset_is_recorded_as_such() -> None:
    assert difference(state(a_b="1", c="2"), state(c="3")) == {"conf": {"a.b": None, "c": "3"}}


def test_a_secret_is_withheld_only_from_what_is_recorded() -> None:
    before, after = state(fs_s3a_secret_key="A"), state(fs_s3a_secret_key="B")
    assert difference(before, after) == {"withheld": ["fs.s3a.secret.key"]}
    assert difference(before, after, withhold=False) == {"conf": {"fs.s3a.secret.key": "B"}}
