"""The address of a row in Airflow's table of task instances, whose index has two meanings since there are loops."""

from __future__ import annotations

import pytest

from airflow_spark_pipeline.plugins.page.metadata_db import TaskKey, _key_of, _named


@pytest.mark.parametrize(
    ("index", "node", "parent", "map_index", "iteration"),
    [
        (-1, None, None, -1, None),  # an ordinary task
        (3, None, None, 3, None),  # mapped, before there were regions
        (3, "load", None, 3, None),  # mapped
        (2, "body", None, -1, 2),  # in a loop
        (3, "load", 2, 3, 2),  # mapped, in a loop
    ],
)
def test_the_region_determines_the_meaning_of_a_rows_index(
    index: int, node: str | None, parent: int | None, map_index: int, iteration: int | None
) -> None:
    assert _key_of("dag", "run", "load", index, node, parent) == TaskKey("dag", "run", "load", map_index, iteration)


@pytest.mark.parametrize(
    ("map_index", "iteration", "index"), [(-1, None, -1), (3, None, 3), (-1, 0, 0), (-1, 2, 2), (3, 2, 3)]
)
def test_a_key_is_looked_for_by_the_index_that_its_row_has(map_index: int, iteration: int | None, index: int) -> None:
    from airflow.models.taskinstance import TaskInstance

    condition = _named(TaskInstance, TaskKey("dag", "run", "load", map_index, iteration))
    assert list(condition.compile().params.values()) == ["dag", "run", "load", index]
