"""Which locations the page reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from airflow_spark_pipeline.checkpoint.log import RunLog
from airflow_spark_pipeline.checkpoint.state import CheckpointStatus
from airflow_spark_pipeline.checkpoint.stores.local import LocalStore
from airflow_spark_pipeline.exceptions import CheckpointLocationError
from airflow_spark_pipeline.plugins.page.configured_locations import configured_places
from airflow_spark_pipeline.plugins.page.location_cache import LocationCache
from tests.fakes import UNIT, make_state


class Elsewhere(LocalStore):
    """A custom store, which keeps its objects in another place."""

    def __init__(self, location: str, directory: str, password: str) -> None:
        super().__init__(location, Path(directory))


@pytest.fixture
def configure(airflow_config: Any, tmp_path: Path) -> Any:
    airflow_config("spark_pipeline", "checkpoint_location", str(tmp_path / "checkpoints"))

    def more(*items: Any) -> None:
        airflow_config("spark_pipeline", "checkpoint_locations", json.dumps(items))

    return more


def test_a_location_that_is_named_twice_is_listed_once(configure: Any, tmp_path: Path) -> None:
    configure("/data/more", str(tmp_path / "checkpoints"), {"location": "/data/more"})
    assert [place.location for place in configured_places()] == [str(tmp_path / "checkpoints"), "/data/more"]


def test_the_runs_of_a_custom_store_are_shown_where_it_is_configured(configure: Any, tmp_path: Path) -> None:
    location, directory = str(tmp_path / "checkpoints"), str(tmp_path / "elsewhere")
    config = {"directory": directory, "password": "planted"}
    configure({"location": location, "store": {"instance-type": f"{__name__}.Elsewhere", "instance-config": config}})
    store = Elsewhere(location, **config)
    RunLog(store, UNIT).claim(lambda _: make_state(status=CheckpointStatus.FAILED))

    usual, own = configured_places()
    assert usual.id != own.id
    assert "planted" not in repr(own)
    cache = LocationCache(own)
    cache.refresh(now=True).result(timeout=10)
    assert cache.trouble is None
    assert [entry.path for entry in cache.entries()] == [UNIT]


@pytest.mark.parametrize(
    "store", ["RedisStore", {"instance-config": {}}, {"instance-type": "m.C", "url": "x"}, {"instance-type": 1}]
)
def test_a_store_option_in_the_wrong_form_is_refused_with_the_right_form(configure: Any, store: Any) -> None:
    configure({"location": "/data/more", "store": store})
    with pytest.raises(CheckpointLocationError, match=r'"store": \{"instance-type"'):
        configured_places()
