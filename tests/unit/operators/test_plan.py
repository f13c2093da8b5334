"""``operator.plan`` leaves nothing behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_spark_pipeline.exceptions import ComponentFailedError
from tests.unit.operators.shop import Shop

_ON_CHANGE = "spark_pipeline.on_change"


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("arguments", [{}, {"resume_scope": "pipeline"}, {"auto_resume": False}, {"only": ["Load"]}])
@pytest.mark.parametrize("kept", [{}, {_ON_CHANGE: "restart", "spark_job_id": "driver-1"}], ids=["empty", "kept"])
def test_a_plan_writes_nothing(shop: Shop, arguments: dict[str, Any], kept: dict[str, str]) -> None:
    shop.driver.fails_at = "Clean"
    with pytest.raises(ComponentFailedError):
        shop.run()
    other = shop.in_dag_run("manual__2026-02-01")
    for each in (shop, other):
        each.store.values.update(kept)
        before = files(shop.folder), dict(each.store.values)
        operator = each.operator(**arguments)
        context = each.context(operator, try_number=2)
        operator.render_template_fields(context)
        assert [step.name for step in operator.plan(context).steps] == ["Extract", "Clean", "Load"]
        assert (files(shop.folder), each.store.values) == before


def test_a_first_plan_makes_no_directory_at_the_location(shop: Shop) -> None:
    operator = shop.operator()
    operator.plan(shop.context(operator))
    assert not (shop.folder / "checkpoints").exists()
    assert shop.store.values == {}
