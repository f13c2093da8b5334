"""The store over the driver's JVM fulfils the contract of all stores, on HDFS and on S3A."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_spark_pipeline.checkpoint.stores.base import CheckpointStore, ObjectExistsError
from airflow_spark_pipeline.checkpoint.stores.hadoop import HadoopStore
from airflow_spark_pipeline.checkpoint.stores.locations import open_store
from airflow_spark_pipeline.exceptions import CheckpointError, CheckpointLocationError
from tests.contracts import test_store_contract
from tests.engines.clusters import Hdfs
from tests.engines.driver import start_jvm
from tests.engines.jars import class_path

pytestmark = pytest.mark.timeout(1_500)

StoreMaker = Callable[[], CheckpointStore]


@pytest.fixture(scope="module")
def jvm() -> Iterator[Any]:
    gateway = start_jvm(class_path("s3a"), stdout=sys.__stderr__)
    yield gateway.jvm
    gateway.shutdown()
    gateway.proc.stdin.close()
    gateway.proc.wait(60)


def _settings(jvm: Any, settings: dict[str, str]) -> Any:
    conf = jvm.org.apache.hadoop.conf.Configuration()
    for name, value in settings.items():
        conf.set(name, value)
    return conf


@pytest.fixture(params=["hdfs", "webhdfs", "s3a"])
def make_store(request: pytest.FixtureRequest) -> StoreMaker:
    if request.param == "webhdfs":
        hdfs: Hdfs = request.getfixturevalue("hdfs_cluster")
        place = f"{hdfs.uri}/{uuid.uuid4().hex[:12]}"
        return lambda: open_store(place, {"host": hdfs.web})
    jvm = request.getfixturevalue("jvm")
    uri = request.getfixturevalue(f"{request.param}_uri")
    settings = request.getfixturevalue("s3a_settings") if request.param == "s3a" else {}
    location = f"{uri}/{uuid.uuid4().hex[:12]}"
    return lambda: HadoopStore.open(location, jvm, _settings(jvm, settings))


class TestHadoopStore(test_store_contract.TestStoreContract):
    pass


def test_a_file_system_without_proven_exclusive_creation_is_refused(jvm: Any, tmp_path: Path) -> None:
    with pytest.raises(CheckpointLocationError, match="exclusive creation was not verified on file://"):
        HadoopStore.open(f"file://{tmp_path}", jvm, _settings(jvm, {}))


def test_s3a_without_conditional_creation_is_refused(jvm: Any, s3a_uri: str, s3a_settings: dict[str, str]) -> None:
    off = {**s3a_settings, "fs.s3a.create.conditional.enabled": "false", "fs.s3a.impl.disable.cache": "true"}
    with pytest.raises(CheckpointLocationError, match="does not create objects conditionally"):
        HadoopStore.open(s3a_uri, jvm, _settings(jvm, off))


def test_a_name_node_that_does_not_answer_is_an_error_of_the_store_and_not_an_empty_list(jvm: Any) -> None:
    conf = _settings(jvm, {"ipc.client.connect.max.retries": "0"})
    with pytest.raises(CheckpointError, match="Connect"):
        HadoopStore.open("hdfs://127.0.0.1:1/checkpoints", jvm, conf).list_objects("p")


def test_unfinished_temporary_files_are_no_objects(jvm: Any, hdfs_uri: str) -> None:
    location = f"{hdfs_uri}/{uuid.uuid4().hex[:12]}"
    store = HadoopStore.open(location, jvm, _settings(jvm, {}))
    store.create("p/u/a", b"1")
    stream = store._fs.create(store._path("p/u/.tmp-b-gone"), False)
    stream.close()
    assert [found.name for found in store.list_objects("p/u")] == ["a"]


def test_a_location_without_a_host_is_on_the_default_name_node(jvm: Any, hdfs_uri: str) -> None:
    directory = uuid.uuid4().hex[:12]
    store = HadoopStore.open(f"hdfs:///{directory}", jvm, _settings(jvm, {"fs.defaultFS": hdfs_uri}))
    store.create("p/u/a", b"1")
    store.write("p/u/b", b"2")
    with pytest.raises(ObjectExistsError):
        store.create("p/u/a", b"3")
    named = HadoopStore.open(f"{hdfs_uri}/{directory}", jvm, _settings(jvm, {}))
    assert {found.name: named.read(f"p/u/{found.name}") for found in named.list_objects("p/u")} == {
        "a": b"1",
        "b": b"2",
    }
