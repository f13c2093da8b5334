"""``abfss://`` and ``gs://`` through Python's clients, on emulators: the contract of all stores."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator

import pytest

from airflow_spark_pipeline.checkpoint.stores.base import CheckpointStore
from airflow_spark_pipeline.checkpoint.stores.locations import open_store
from tests.contracts import test_store_contract
from tests.contracts.test_racing_processes import race_for_names
from tests.engines.emulators import Place, azurite, fake_gcs

pytestmark = pytest.mark.timeout(1_200)


@pytest.fixture(scope="module")
def abfss(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with azurite(tmp_path_factory.mktemp("azurite")) as place:
        yield place


@pytest.fixture(scope="module")
def gs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with fake_gcs(tmp_path_factory.mktemp("gcs")) as place:
        yield place


@pytest.fixture(params=["abfss", "gs"])
def place(request: pytest.FixtureRequest) -> Place:
    uri, options = request.getfixturevalue(request.param)
    return f"{uri}/{uuid.uuid4().hex[:12]}", options


@pytest.fixture
def make_store(place: Place) -> Callable[[], CheckpointStore]:
    return lambda: open_store(*place)


class TestEmulatedStores(test_store_contract.TestStoreContract):
    pass


def test_one_of_several_processes_creates_each_name_and_readers_see_whole_objects(place: Place) -> None:
    race_for_names(*place)
