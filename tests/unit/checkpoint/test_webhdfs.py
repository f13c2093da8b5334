from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from airflow_spark_pipeline.checkpoint.stores.base import CheckpointStore
from airflow_spark_pipeline.checkpoint.stores.locations import open_store
from airflow_spark_pipeline.checkpoint.stores.name_nodes import find_name_nodes
from airflow_spark_pipeline.exceptions import CheckpointLocationError, CheckpointStoreError
from tests.webhdfs_server import NameNodeServer, Namespace


class Cluster:
    """Name nodes of one HDFS."""

    def __init__(self, ends: ExitStack) -> None:
        self.namespace = Namespace()
        self.nodes: list[NameNodeServer] = []
        self._ends = ends

    def add(self, **arguments: Any) -> NameNodeServer:
        node = NameNodeServer(self.namespace, **arguments)
        self._ends.callback(node.close)
        self.nodes.append(node)
        return node

    def open(self, **options: Any) -> CheckpointStore:
        return open_store("hdfs://ns/checkpoints", {"host": ",".join(n.address for n in self.nodes), **options})


@pytest.fixture(autouse=True)
def no_jvm(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another test's Spark session would serve the location."""
    monkeypatch.setattr("airflow_spark_pipeline.checkpoint.stores.locations.driver_jvm", lambda: None)
    monkeypatch.delenv("HADOOP_CONF_DIR", raising=False)
    monkeypatch.delenv("HADOOP_USER_NAME", raising=False)


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with ExitStack() as ends:
        yield Cluster(ends)


def test_the_active_name_node_is_found_and_asked_first_from_then_on(cluster: Cluster) -> None:
    standby, active = cluster.add(refuses="StandbyException"), cluster.add()
    store = cluster.open()
    store.create("p/u/a", b"1")
    asked = standby.asked
    assert store.read("p/u/a") == b"1"
    assert (asked, standby.asked) == (1, 1)

    standby.refuses, active.refuses = None, "StandbyException"
    assert store.read("p/u/a") == b"1"


def test_if_no_name_node_is_active_a_retry_may_help(cluster: Cluster) -> None:
    cluster.add(refuses="StandbyException")
    cluster.add(refuses="StandbyException")
    with pytest.raises(CheckpointStoreError, match="StandbyException: the answer of"):
        cluster.open().list_objects("p")


def test_a_name_node_that_is_down_is_passed_over(cluster: Cluster) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        down = f"127.0.0.1:{closed.getsockname()[1]}"
    node = cluster.add()
    store = open_store("hdfs://ns/checkpoints", {"host": f"{down},{node.address}"})
    store.create("p/u/a", b"1")
    assert [found.name for found in store.list_objects("p/u")] == ["a"]
    with pytest.raises(CheckpointStoreError, match=f"no answer from WebHDFS at {down}.*checkpoint_conn_id"):
        open_store("hdfs://ns/checkpoints", {"host": down}).list_objects("p")


def test_missing_permissions_are_reported_with_the_name_nodes_message_and_no_retry_helps(cluster: Cluster) -> None:
    cluster.add(refuses="AccessControlException")
    with pytest.raises(
        CheckpointLocationError, match=r"AccessControlException: the answer of.*the permissions to list"
    ):
        cluster.open().create("p/u/a", b"1")


def test_a_server_that_cannot_replace_a_file_is_refused_and_leaves_nothing_behind(cluster: Cluster) -> None:
    """HttpFS leaves out the option; a heartbeat that was renamed over nothing would look released."""
    cluster.add(knows_options=False)
    store = cluster.open()
    store.write("p/u/hb-1", b"1")
    with pytest.raises(CheckpointLocationError, match="does not support the option to replace a file"):
        store.write("p/u/hb-1", b"2")
    assert store.read("p/u/hb-1") == b"1"
    assert list(cluster.namespace.files) == ["/checkpoints/p/u/hb-1"]


def test_an_address_with_another_kind_of_server_is_named(cluster: Cluster) -> None:
    node = cluster.add()
    node.RequestHandlerClass = _SomethingElse  # type: ignore[assignment]
    with pytest.raises(CheckpointLocationError, match=r"cannot be used through WebHDFS at 127.*404"):
        cluster.open().list_objects("p")


class _SomethingElse:
    """The port of Hadoop's own protocol, which tells a browser so."""

    def __init__(self, request: socket.socket, *_: Any) -> None:
        request.recv(65536)
        request.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")


def test_the_user_is_that_of_the_connection_then_hadoops_then_the_systems(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.add()
    cluster.open(user="alice").list_objects("p")
    assert cluster.namespace.users == {"alice"}
    monkeypatch.setenv("HADOOP_USER_NAME", "bob")
    cluster.open().list_objects("p")
    assert cluster.namespace.users == {"alice", "bob"}
    monkeypatch.delenv("HADOOP_USER_NAME")
    monkeypatch.setattr("getpass.getuser", lambda: "carol")
    cluster.open().list_objects("p")
    assert cluster.namespace.users == {"alice", "bob", "carol"}


def _configure(directory: Path, monkeypatch: pytest.MonkeyPatch, **files: dict[str, str]) -> None:
    for name, settings in files.items():
        properties = (
            f"<property><name>{key}</name><value>{value}</value></property>" for key, value in settings.items()
        )
        text = f"<configuration>{''.join(properties)}</configuration>"
        (directory / f"{name}-site.xml").write_text(text)
    monkeypatch.setenv("HADOOP_CONF_DIR", str(directory))


class TestFindNameNodes:
    def test_the_hosts_of_the_connection_take_precedence(self) -> None:
        found = find_name_nodes("hdfs://ns/x", {"host": "nn1, nn2:50070", "port": 9871, "use_https": True})
        assert found is not None
        assert found.addresses == ("nn1:9871", "nn2:50070")
        assert found.options["use_https"]

    def test_a_name_service_is_looked_up_in_hadoops_own_files(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        hdfs = {
            "dfs.ha.namenodes.ns": "a, b",
            "dfs.namenode.http-address.ns.a": "nn1:9870",
            "dfs.namenode.http-address.ns.b": "nn2:9870",
            "dfs.namenode.https-address.ns.a": "nn1:9871",
        }
        _configure(tmp_path, monkeypatch, core={"fs.defaultFS": "hdfs://ns"}, hdfs=hdfs)
        for location in ("hdfs://ns/x", "hdfs:///x"):
            found = find_name_nodes(location, {})
            assert found is not None
            assert found.addresses == ("nn1:9870", "nn2:9870")
            assert found.origin == f"{tmp_path}/hdfs-site.xml"
        _configure(tmp_path, monkeypatch, hdfs={**hdfs, "dfs.http.policy": "HTTPS_ONLY"})
        found = find_name_nodes("hdfs://ns/x", {})
        assert found is not None
        assert (found.addresses, found.options["use_https"]) == (("nn1:9871",), True)

    def test_hadoops_files_do_not_apply_to_another_cluster(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        core = {"fs.defaultFS": "hdfs://nn:8020"}
        _configure(tmp_path, monkeypatch, core=core, hdfs={"dfs.namenode.http-address": "nn:50070"})
        ours, other = find_name_nodes("hdfs://nn:8020/x", {}), find_name_nodes("hdfs://elsewhere:8020/x", {})
        assert ours is not None
        assert other is not None
        assert (ours.addresses, other.addresses) == (("nn:50070",), ("elsewhere:9870",))

    def test_a_secure_cluster_gets_a_kerberos_ticket_and_no_user_name(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        _configure(tmp_path, monkeypatch, core={"hadoop.security.authentication": "kerberos"})
        found = find_name_nodes("hdfs://nn:8020/x", {})
        assert found is not None
        assert found.options["kerberos"]
        assert "user" not in found.options

    def test_a_location_without_a_name_node_is_refused(self) -> None:
        with pytest.raises(CheckpointLocationError, match="has no name node"):
            open_store("hdfs:///checkpoints")


def test_a_ticket_without_the_package_for_it_names_the_package(cluster: Cluster) -> None:
    cluster.add()
    with pytest.raises(CheckpointLocationError, match="requests_kerberos"):
        cluster.open(kerberos=True).list_objects("p")
