"""Hadoop's mini clusters: an HDFS of one name node and one data node, and a YARN, in separate JVMs or in one.

All on free ports of the loopback interface. The JVM, and the containers in it, end when this process does, however it
does.
"""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.engines.jars import class_path, spark_jars

_RM = "org.apache.hadoop.yarn.server.resourcemanager"
_YARN = {
    "yarn.minicluster.fixed.ports": "false",
    # A developer's disk may be nearly full; a node manager would take no container then.
    "yarn.nodemanager.disk-health-checker.enable": "false",
    "yarn.nodemanager.disk-health-checker.max-disk-utilization-per-disk-percentage": "100",
    "yarn.nodemanager.pmem-check-enabled": "false",
    "yarn.nodemanager.resource.cpu-vcores": "32",
    "yarn.minicluster.yarn.nodemanager.resource.memory-mb": "16384",  # a promise only: nobody holds them to it
    "yarn.nodemanager.vmem-check-enabled": "false",
    "yarn.resourcemanager.scheduler.class": f"{_RM}.scheduler.fifo.FifoScheduler",
    "yarn.scheduler.minimum-allocation-mb": "256",
}
_YARN_JVM = ("-Xmx512m", "--add-opens=java.base/java.lang=ALL-UNNAMED", "-XX:TieredStopAtLevel=1")
_SITE = "<configuration><property><name>{}</name><value>{}</value></property></configuration>"
# Who is in which group is the name node's word; the machine's users need not exist.
_GROUPS = "alice=etl;bob=etl;mallory=others"


@dataclass(frozen=True)
class Hdfs:
    """An HDFS that runs; this process's user is its superuser.

    :param uri: for Hadoop's own client
    :param web: ``host:port`` of the name node's HTTP interface
    """

    uri: str
    web: str


@dataclass(frozen=True)
class Yarn:
    """A YARN that runs.

    :param directory: where it, and its containers, write
    :param configuration: the directory for ``HADOOP_CONF_DIR``
    :param web: address of the resource manager's web interface
    """

    directory: Path
    configuration: Path
    web: str

    def applications(self, name: str | None = None) -> list[dict[str, Any]]:
        """What the resource manager knows of its applications, oldest first.

        :param name: only those of this name
        """
        found = (self._get("/apps")["apps"] or {"app": []})["app"]
        wanted = [each for each in found if name in (None, each["name"])]
        return sorted(wanted, key=lambda each: int(each["id"].rpartition("_")[2]))

    def states(self, name: str) -> list[tuple[str, str, int]]:
        """State, final status and number of attempts of each application of a name, oldest first."""
        return [
            (each["state"], each["finalStatus"], len(self.attempts(each["id"]))) for each in self.applications(name)
        ]

    def attempts(self, application: str) -> list[dict[str, Any]]:
        """The attempts of an application."""
        found: list[dict[str, Any]] = self._get(f"/apps/{application}/appattempts")["appAttempts"]["appAttempt"]
        return found

    def _get(self, path: str) -> Any:
        return httpx.get(f"http://{self.web}/ws/v1/cluster{path}", timeout=30.0).raise_for_status().json()


@contextlib.contextmanager
def mini_hdfs(directory: Path) -> Iterator[Hdfs]:
    """Start an HDFS."""
    with _hadoop_jvm("hdfs", directory / "hdfs.log", "-Xmx768m") as jvm, _hdfs(jvm, directory) as hdfs:
        yield hdfs


@contextlib.contextmanager
def mini_yarn(directory: Path, *, hdfs: bool = False) -> Iterator[Yarn]:
    """Start a YARN.

    :param hdfs: with an HDFS as its default file system, instead of the local one
    """
    with contextlib.ExitStack() as stack:
        jvm = stack.enter_context(_hadoop_jvm("yarn", directory / "yarn.log", *_YARN_JVM))
        files = stack.enter_context(_hdfs(jvm, directory)) if hdfs else None
        default = files.uri if files else "file:///"
        for name in ("test.build.data", "test.build.dir"):
            jvm.java.lang.System.setProperty(name, str(directory))
        conf = jvm.org.apache.hadoop.yarn.conf.YarnConfiguration()
        for name, value in {**_YARN, "fs.defaultFS": default}.items():
            conf.set(name, value)
        cluster = jvm.org.apache.hadoop.yarn.server.MiniYARNCluster("yarn", 1, 1, 1)
        stack.callback(cluster.stop)
        cluster.init(conf)
        cluster.start()
        yield _configured(jvm, cluster.getConfig(), directory, default, files)


@contextlib.contextmanager
def _hdfs(jvm: Any, directory: Path) -> Iterator[Hdfs]:
    conf = jvm.org.apache.hadoop.conf.Configuration()
    conf.set("hadoop.user.group.static.mapping.overrides", _GROUPS)
    # Hadoop asks for groups before it reads this configuration, and keeps what it knew then.
    jvm.org.apache.hadoop.security.Groups.getUserToGroupsMappingServiceWithLoadedConfiguration(conf)
    jvm.org.apache.hadoop.security.UserGroupInformation.setConfiguration(conf)
    builder = getattr(jvm.org.apache.hadoop.hdfs, "MiniDFSCluster$Builder")
    cluster = builder(conf, jvm.java.io.File(str(directory / "hdfs"))).numDataNodes(1).build()
    try:
        cluster.waitActive()
        yield Hdfs(str(cluster.getURI().toString()), str(cluster.getHttpUri(0)).removeprefix("http://"))
    finally:
        cluster.shutdown(True)


@contextlib.contextmanager
def _hadoop_jvm(profile: str, log: Path, *options: str) -> Iterator[Any]:
    """A JVM with the jars of one of pom.xml's profiles, driven through py4j."""
    from py4j.java_gateway import GatewayParameters, JavaGateway, launch_gateway  # type: ignore[import-untyped]

    with log.open("w") as output:
        port, process = launch_gateway(
            jarpath=str(next(spark_jars().glob("py4j-*.jar"))),
            classpath=class_path(profile),
            javaopts=list(options),
            redirect_stdout=output,
            redirect_stderr=output,
            die_on_exit=True,
            return_proc=True,
        )
        gateway = JavaGateway(gateway_parameters=GatewayParameters(port=port))
        try:
            yield gateway.jvm
        finally:
            gateway.shutdown()
            process.stdin.close()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _configured(jvm: Any, conf: Any, directory: Path, default: str, hdfs: Hdfs | None) -> Yarn:
    configuration = directory / "conf"
    configuration.mkdir()
    file = jvm.java.io.FileOutputStream(str(configuration / "yarn-site.xml"))
    conf.writeXml(file)
    file.close()
    (configuration / "core-site.xml").write_text(_SITE.format("fs.defaultFS", default), encoding="utf-8")
    if hdfs is not None:
        address = _SITE.format("dfs.namenode.http-address", hdfs.web)
        (configuration / "hdfs-site.xml").write_text(address, encoding="utf-8")
    return Yarn(directory, configuration, str(conf.get("yarn.resourcemanager.webapp.address")))
