"""Airflow and the driver as different users of one group, on an HDFS that checks permissions."""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_spark_pipeline.checkpoint.stores.locations import open_store
from airflow_spark_pipeline.checkpoint.stores.webhdfs_client import NameNode
from airflow_spark_pipeline.exceptions import CheckpointLocationError
from tests.engines.clusters import Hdfs
from tests.engines.store_process import StoreProcess

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def superuser(hdfs_cluster: Hdfs) -> NameNode:
    host, _, port = hdfs_cluster.web.rpartition(":")
    return NameNode(host, int(port), user=os.environ.get("USER", "root"))


@pytest.fixture
def place(superuser: NameNode) -> str:
    """A directory as an administrator makes it: alice's, and of the group etl, which may write."""
    path = f"/{uuid.uuid4().hex[:12]}"
    superuser.fs._call("MKDIRS", "put", path=path)
    superuser.fs.chown(path, "alice", "etl")
    superuser.fs.chmod(path, "770")
    return path


@contextlib.contextmanager
def _driver_of(user: str, location: str, log: Path, settings: dict[str, str] | None = None) -> Iterator[StoreProcess]:
    process = StoreProcess("jvm", location, settings or {}, log, environment={**os.environ, "HADOOP_USER_NAME": user})
    try:
        assert process.answer() == "ready"
        yield process
    finally:
        process.close()


def test_two_users_of_one_group_write_beside_each_other_and_clean_up_after_each_other(
    hdfs_cluster: Hdfs, place: str, superuser: NameNode, tmp_path: Path
) -> None:
    location = f"{hdfs_cluster.uri}{place}"
    airflow = open_store(location, {"host": hdfs_cluster.web, "user": "alice"})
    airflow.create("p/u/00000000.json", b"submitted")
    with _driver_of("bob", location, tmp_path / "log") as driver:
        assert driver.do("read", path="p/u/00000000.json") == "submitted"
        assert driver.do("create", path="p/u/00000001.json", data="running") == "won"
        assert driver.do("write", path="p/u/hb-1", data="alive") == "written"
        assert driver.do("create", path="_outputs/p/u/0/part", data="rows") == "won"
        owners = {entry["pathSuffix"]: entry["owner"] for entry in superuser.list(f"{place}/p/u")}
        assert owners == {"00000000.json": "alice", "00000001.json": "bob", "hb-1": "bob"}
        assert driver.do("delete", path="p/u/00000000.json") == "deleted"
    airflow.delete("p/u/hb-1")
    airflow.delete_tree("_outputs/p/u")
    assert airflow.list_names("p/u") == ["00000001.json"]
    assert airflow.list_directories("_outputs/p") == []
    assert {superuser.status(f"{place}{below}")["permission"] for below in ("/p", "/p/u", "/_outputs")} == {"770"}


def test_the_error_about_missing_permissions_names_the_user_and_what_is_denied(
    hdfs_cluster: Hdfs, place: str, tmp_path: Path
) -> None:
    location = f"{hdfs_cluster.uri}{place}"
    open_store(location, {"host": hdfs_cluster.web, "user": "alice"}).create("p/u/a", b"1")
    store = open_store(location, {"host": hdfs_cluster.web, "user": "mallory"})
    denied = rf"Permission denied: user=mallory, access=EXECUTE, inode=\"{place}\":alice:etl:drwxrwx---"
    for attempt in (
        lambda: store.create("p/u/b", b"1"),
        lambda: store.read("p/u/a"),
        lambda: store.list_objects("p/u"),
        lambda: store.delete("p/u/a"),
    ):
        with pytest.raises(CheckpointLocationError, match=denied):
            attempt()
    with _driver_of("mallory", location, tmp_path / "log") as driver:
        said = driver.do("create", path="p/u/b", data="1")
    assert said.startswith("CheckpointLocationError")
    assert "user=mallory" in said


@pytest.mark.parametrize(("umask", "may"), [("022", False), ("007", True)])
def test_the_jobs_umask_decides_who_may_delete_saved_outputs(
    hdfs_cluster: Hdfs, place: str, superuser: NameNode, tmp_path: Path, umask: str, may: bool
) -> None:
    """Spark makes its directories by mkdirs, which takes the job's umask, and nothing from the location."""
    location = f"{hdfs_cluster.uri}{place}"
    saved = f"{place}/_outputs/p/u/0-1/view"
    host, _, port = hdfs_cluster.web.rpartition(":")
    bob = NameNode(host, int(port), user="bob")
    bob.fs._call("MKDIRS", "put", path=saved, permission=f"{0o777 & ~int(umask, 8):o}")  # what Hadoop's client asks for
    bob.put(f"{saved}/part", b"rows")
    airflow = open_store(location, {"host": hdfs_cluster.web, "user": "alice"})
    if may:
        airflow.delete_tree("_outputs/p/u/0-1")
        assert airflow.list_directories("_outputs/p/u") == []
    else:
        with pytest.raises(CheckpointLocationError, match="Permission denied: user=alice, access="):
            airflow.delete_tree("_outputs/p/u/0-1")


def test_a_default_acl_of_the_location_lets_both_users_delete_whatever_the_jobs_umask(
    hdfs_cluster: Hdfs, superuser: NameNode
) -> None:
    path = f"/{uuid.uuid4().hex[:12]}"
    superuser.fs._call("MKDIRS", "put", path=path, permission="700")
    superuser.fs.chown(path, "alice", "others")
    both = ",".join(f"{scope}user:{user}:rwx" for scope in ("", "default:") for user in ("alice", "bob"))
    superuser.fs._call("MODIFYACLENTRIES", "put", path=path, aclspec=both)
    host, _, port = hdfs_cluster.web.rpartition(":")
    bob = NameNode(host, int(port), user="bob")
    # Hadoop's client sends both: what its umask left, and what it was asked for.
    view = f"{path}/_outputs/p/u/0-1/view"
    bob.fs._call("MKDIRS", "put", path=view, permission="755", unmaskedpermission="777")
    airflow = open_store(f"{hdfs_cluster.uri}{path}", {"host": hdfs_cluster.web, "user": "alice"})
    airflow.create("p/u/a", b"1")
    airflow.delete_tree("_outputs/p/u/0-1")
    assert bob.get(f"{path}/p/u/a") == b"1"
