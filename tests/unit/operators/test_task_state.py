"""The requests of a try to Airflow's task state store, before ``spark-submit`` starts and after it has ended."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest
from airflow.sdk.log import mask_secret

from airflow_spark_pipeline.exceptions import ComponentFailedError, PipelineDefinitionError
from tests.airflows import needs_store
from tests.unit.operators.shop import CONF, Shop, StateStore


@dataclass
class Counting(StateStore):
    """A store that counts the reads of each entry."""

    reads: Counter[str] = field(default_factory=Counter)

    def get(self, key: str) -> Any:
        self.reads[key] += 1
        return super().get(key)


@needs_store
def test_a_try_reads_each_entry_once(shop: Shop) -> None:
    shop.store = store = Counting()
    shop.driver.fails_at = "Clean"
    with pytest.raises(ComponentFailedError):
        shop.run()
    first, store.reads = store.reads, Counter()
    shop.driver.fails_at = None
    shop.run(try_number=2)
    for reads in (first, store.reads):
        ours = {key: count for key, count in reads.items() if key.startswith("spark_pipeline.")}
        assert len(ours) >= 3
        assert set(ours.values()) == {1}, ours


@needs_store
def test_what_is_kept_of_a_try_hides_the_secrets_that_only_airflow_knows(shop: Shop) -> None:
    """As where a template reads the password of a connection into a field with a harmless name."""
    mask_secret("open-sesame-7")
    (shop.folder / "shop.conf").write_text(
        CONF.replace('input-path = "/in/{{ ds }}"', 'line = "user open-sesame-7", lines = ["open-sesame-7"]'),
        encoding="utf-8",
    )
    shop.run()
    kept = json.dumps(shop.store.values)
    assert "user ***" in kept
    assert "open-sesame-7" not in kept


@needs_store
def test_the_error_that_is_kept_of_a_try_hides_the_secrets_that_only_airflow_knows(shop: Shop) -> None:
    mask_secret("open-sesame-8")
    with pytest.raises(PipelineDefinitionError):
        shop.run(pipeline="open-sesame-8.conf")
    kept = json.dumps(shop.store.values)
    assert "there is no such file" in kept
    assert "open-sesame-8" not in kept


def test_a_secret_of_a_description_with_a_problem_is_not_shown_in_the_rendered_argument(shop: Shop) -> None:
    text = CONF.replace("api-token = swordfish", 'api-token = "{{ params.pw }}"').replace(
        "pipeline-name", "pipelin-name"
    )
    operator = shop.operator(pipeline=text, params={"pw": "hunter2-of-params"})
    context: Any = {"params": {"pw": "hunter2-of-params"}, "ds": "2026-01-31"}
    operator.render_template_fields(context)
    assert "hunter2-of-params" not in str(operator.pipeline)
