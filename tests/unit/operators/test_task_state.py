"""The requests of a try to Airflow's task state store, before ``spark-submit`` starts and after it has ended."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest

from airflow_spark_pipeline.exceptions import ComponentFailedError
from tests.airflows import needs_store
from tests.unit.operators.shop import Shop, StateStore


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
        assert len(ours) >= 4
        assert set(ours.values()) == {1}, ours
