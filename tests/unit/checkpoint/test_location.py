"""A checkpoint location is one value for all who open it."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest

from airflow_spark_pipeline.checkpoint.location import StoreLocation, default_location
from airflow_spark_pipeline.checkpoint.stores.local import LocalStore
from airflow_spark_pipeline.pipeline.spec import StoreSpec


class OwnStore(LocalStore):
    """A custom store."""

    def __init__(self, location: str, folder: str, password: str = "") -> None:
        super().__init__(location, Path(folder))


def _own(folder: Path, **config: Any) -> StoreSpec:
    return StoreSpec(f"{__name__}.OwnStore", {"folder": str(folder), **config})


def test_a_location_without_a_store_is_opened_by_its_name(tmp_path: Path) -> None:
    store = StoreLocation.of(str(tmp_path)).open()
    assert isinstance(store, LocalStore)
    assert store.location == str(tmp_path)


def test_the_users_own_store_is_opened_in_place_of_the_locations(tmp_path: Path) -> None:
    store = StoreLocation.of(str(tmp_path / "a"), _own(tmp_path / "b")).open()
    store.create("p/u/1", b"{}")
    assert isinstance(store, OwnStore)
    assert (tmp_path / "b/p/u/1").read_bytes() == b"{}"
    assert store.at_location is not None  # outputs are saved there


def test_without_a_location_the_default_is_used_and_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    location = StoreLocation.of(None)
    assert location.temporary
    assert location.location == default_location() == str(tmp_path / "spark-pipeline-checkpoints")
    assert not StoreLocation.of(default_location()).temporary


@pytest.mark.parametrize(
    "location",
    [
        StoreLocation("s3a://lake/checkpoints"),
        StoreLocation("hdfs://ns/checkpoints", "lake"),
        StoreLocation.of("/data", StoreSpec("my.Store", {"b": [1, {"c": None}], "a": "x"}), conn_id="c"),
        StoreLocation.of(None),
    ],
)
def test_a_location_is_the_same_after_it_was_carried_as_json(location: StoreLocation) -> None:
    assert StoreLocation.from_dict(json.loads(json.dumps(location.to_dict()))) == location


def test_equal_locations_have_one_id_and_other_stores_another(tmp_path: Path) -> None:
    own = StoreLocation.of("/data", _own(tmp_path, password="x"))
    assert own == StoreLocation.of("/data", StoreSpec(own.store_type or "", dict(reversed(list(own.config.items())))))
    ids = {StoreLocation("/data").id, StoreLocation("/more").id, own.id, StoreLocation.of("/data", _own(tmp_path)).id}
    assert len(ids) == 4


def test_no_password_is_shown(tmp_path: Path) -> None:
    location = StoreLocation.of("https://me:planted@host/x", _own(tmp_path, password="planted-too"))
    assert "planted" not in location.name
    assert "planted-too" not in repr(location)
    assert "planted" not in location.hide_password("cannot connect as me with planted")
