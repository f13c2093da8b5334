from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import pytest

from airflow_spark_pipeline.checkpoint.stores.local import LocalStore
from airflow_spark_pipeline.checkpoint.stores.locations import load_store, open_store
from airflow_spark_pipeline.checkpoint.stores.object_store import FsspecStore
from airflow_spark_pipeline.exceptions import CheckpointLocationError, CheckpointStoreError
from airflow_spark_pipeline.runtime.component.saved_outputs import spark_path


@pytest.mark.parametrize("location", ["/data/x", "file:///data/x", "file:/data/x", "FILE:///data/x"])
def test_a_local_location_is_a_directory_however_it_is_written(location: str) -> None:
    store = open_store(location)
    assert isinstance(store, LocalStore)
    assert store.root == Path("/data/x")


@pytest.mark.parametrize("scheme", ["s3", "s3a", "s3n"])
def test_the_schemes_of_s3_name_one_place(scheme: str) -> None:
    store = open_store(f"{scheme}://bucket/prefix/")
    assert isinstance(store, FsspecStore)
    assert store._full("p/u") == "bucket/prefix/p/u"


@pytest.mark.parametrize(
    ("location", "says"),
    [
        ("", "is empty"),
        ("checkpoints", "relative path"),
        ("./checkpoints", "relative path"),
        ("foo://bucket/x", "unknown scheme foo://"),
        ("s3://", "has no bucket"),
        ("viewfs://cluster/x", "viewfs:// is not supported yet"),
        ("webhdfs://nn:9870/x", "write it as hdfs://"),
        ("wasbs://box@account.blob.core.windows.net/x", "wasbs:// is not supported yet"),
        ("file://server/share", "has the host 'server'"),
        ("file:///data/x#teamA", "contains `#`, which can end a path; write %23 in its place, or a plain path"),
        ("file:/data/x?a", r"contains `\?`, which can end a path; write %3F in its place, or a plain path"),
        ("s3a://bucket/x?versionId=1", r"contains `\?`, which can end a path; write another name"),
        ("hdfs://nn/x#y", "contains `#`"),
        ("gs://bucket/x#1", "contains `#`"),
        ("abfss://box@account.dfs.core.windows.net?x", "contains"),
        ("memory://x#y", "contains `#`"),
        ("s3:/bucket/x", "has no bucket; write s3://BUCKET/path"),
        ("s3a:///bucket/x", "has no bucket; write s3a://BUCKET/path"),
        ("gs:/bucket/x", "is not written as gs://BUCKET/path"),
        ("~nosuchuser/x", "the home directory of a user who does not exist here"),
        ("/data/x\0", "contains a control character"),
        ("s3a://bucket/\x1b[2J", "contains a control character"),
        ("s3a://[bucket/x", "is not a URL"),
        ("abfss://[box/x", "is not a URL"),
    ],
)
def test_a_location_that_cannot_be_served_is_refused_and_never_becomes_a_local_directory(
    location: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointLocationError, match=says):
        open_store(location)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "location",
    [
        "ftp://a:hunter2xyz@h/x",
        "s3a://AKIAX:hunter2xyz@bucket/x",
        "s3a://AKIAX:hunter2xyz/a+b@bucket/x",
        "s3a://bucket/x?sig=hunter2xyz",
        "abfss://x?sig=hunter2xyz",
        "file://me:hunter2xyz@server/share",
        "webhdfs://me:hunter2xyz@nn/x",
        "gs://me:hunter2xyz@/x",
        "./x;password=hunter2xyz",
        "/x\n?password=hunter2xyz",
    ],
)
def test_a_refusal_shows_no_password_of_the_location(location: str) -> None:
    with pytest.raises(CheckpointLocationError) as caught:
        open_store(location)
    assert "hunter2xyz" not in str(caught.value)
    assert "***" in str(caught.value)


def test_a_custom_store_that_quotes_its_config_shows_no_password() -> None:
    config = {"user": "me", "password": "hunter2xyz"}
    with pytest.raises(CheckpointLocationError, match="cannot connect with") as caught:
        load_store(f"{__name__}.Quoting", config, "any://me:swordfish@h")
    assert "hunter2xyz" not in str(caught.value)
    assert "swordfish" not in str(caught.value)


class Quoting(LocalStore):
    @classmethod
    def from_config(cls, location: str, config: Mapping[str, Any]) -> NoReturn:
        raise ValueError(f"cannot connect with {config} to {location}")


def test_a_hash_in_a_plain_path_and_an_encoded_one_in_a_url_name_the_same_directory() -> None:
    for location in ("/data/a#b", "file:///data/a%23b", "file:/data/a%23b"):
        store = open_store(location)
        assert isinstance(store, LocalStore)
        assert store.root == Path("/data/a#b")
        assert spark_path(f"{location}/_outputs/x") == "file:///data/a#b/_outputs/x"


@pytest.mark.parametrize("mark", "?#")
def test_spark_gets_the_whole_path(mark: str) -> None:
    """A custom store may have any location; its outputs must not all be written to one directory."""
    assert spark_path(f"file:///data/a{mark}b/_outputs/x") == f"file:///data/a{mark}b/_outputs/x"
    assert spark_path(f"FILE://localhost/data/a{mark}b/x") == f"file:///data/a{mark}b/x"


def test_a_missing_package_is_named_with_the_extra_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr("airflow_spark_pipeline.checkpoint.stores.locations.driver_jvm", lambda: None)
    with pytest.raises(CheckpointLocationError, match=r"needs the package s3fs.*airflow-spark-pipeline\[s3\]"):
        open_store("s3://bucket/x")


def test_a_location_below_a_regular_file_is_refused_with_both_names(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for below in ("file", "file/checkpoints"):
        store = open_store(str(tmp_path / below))
        for use in (store.exists, lambda: store.create("p/u/0", b""), lambda: store.list_names("")):  # noqa: B023
            with pytest.raises(CheckpointLocationError) as caught:
                use()
            says = f"The checkpoint location {tmp_path / below} cannot be used: {tmp_path / 'file'} is not a directory."
            assert str(caught.value) == f"{says} Move it away, or use another location."


def test_a_file_system_without_hard_links_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(source: object, target: object) -> None:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    monkeypatch.setattr(os, "link", no_links)
    store = open_store(str(tmp_path))
    with pytest.raises(CheckpointLocationError, match="without hard links"):
        store.create("p/u/0", b"")
    assert store.list_objects("p/u") == []
    assert list((tmp_path / "p" / "u").iterdir()) == []  # the temporary file is gone, too


def test_a_full_disk_is_an_error_that_a_retry_may_help(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    store = open_store(str(tmp_path))
    with pytest.raises(CheckpointStoreError, match="No space left") as error:
        store.create("p/0", b"x")
    assert error.value.retry_helps
    monkeypatch.undo()
    assert store.list_objects("p") == []


def test_a_writer_that_died_before_naming_its_object_leaves_nothing_in_listings(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    store.create("p/u/00000000.json", b"1")
    (tmp_path / "p" / "u" / ".tmp-00000001.json-dead").write_bytes(b"half")
    assert [found.name for found in store.list_objects("p/u")] == ["00000000.json"]


@pytest.mark.s3
def test_an_s3_bucket_that_does_not_exist_is_named(s3_endpoint: str) -> None:
    options = {"key": "k", "secret": "s", "client_kwargs": {"endpoint_url": s3_endpoint}}
    store = open_store("s3://no-such-bucket/x", options)
    assert store.list_objects("p") == []
    with pytest.raises(CheckpointLocationError, match=r"s3://no-such-bucket/x does not exist.*Create the bucket"):
        store.create("p/0", b"")


@pytest.mark.s3
def test_an_s3_server_that_does_not_answer_is_an_error_that_a_retry_may_help_and_shows_no_secret() -> None:
    options = {
        "key": "planted-key",
        "secret": "planted-secret",
        "client_kwargs": {"endpoint_url": "http://127.0.0.1:9"},
        "config_kwargs": {"retries": {"max_attempts": 1}, "connect_timeout": 1},
        "retries": 1,
    }
    with pytest.raises(CheckpointStoreError) as error:
        open_store("s3://bucket/x", options).list_objects("p")
    assert "planted" not in str(error.value)


@pytest.mark.parametrize(
    ("location", "package"), [("gs://bucket/x", "gcsfs"), ("abfss://box@account.dfs.core.windows.net/x", "adlfs")]
)
def test_the_python_client_is_required_if_hadoops_client_is_not_proven(
    location: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(CheckpointLocationError, match=rf"needs the package {package}.*in the Spark driver"):
        open_store(location)


@pytest.mark.parametrize("location", ["gs:///x", "gs://user@bucket/x", "abfss://box/x", "abfss://@account.host/x"])
def test_a_location_that_spark_would_not_understand_is_refused_with_its_form(
    location: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    with pytest.raises(CheckpointLocationError, match=r"is not written as (gs://BUCKET|abfss://CONTAINER@ACCOUNT)"):
        open_store(location)


def test_the_account_of_an_abfss_location_is_the_one_that_spark_would_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    store = open_store("abfss://box@account.dfs.core.windows.net/some/prefix/")
    assert isinstance(store, FsspecStore)
    assert store._full("p/u") == "box/some/prefix/p/u"
    assert store._options == {"account_name": "account"}


def test_s3a_without_s3fs_and_a_jvm_is_an_error_with_both_solutions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr("airflow_spark_pipeline.checkpoint.stores.locations.driver_jvm", lambda: None)
    with pytest.raises(CheckpointLocationError, match=r"s3fs.*hadoop-aws; this process has no JVM"):
        open_store("s3a://bucket/x")
