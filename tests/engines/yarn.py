"""A YARN of one resource manager and one node manager, and what a Spark client has to know of it."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.engines.jars import class_path, spark_jars

_RM = "org.apache.hadoop.yarn.server.resourcemanager"
_SETTINGS = {
    "fs.defaultFS": "file:///",
    "yarn.minicluster.fixed.ports": "false",
    "yarn.nodemanager.disk-health-checker.enable": "false",
    "yarn.nodemanager.pmem-check-enabled": "false",
    "yarn.nodemanager.resource.memory-mb": "4096",
    "yarn.nodemanager.vmem-check-enabled": "false",
    "yarn.resourcemanager.scheduler.class": f"{_RM}.scheduler.fifo.FifoScheduler",
    "yarn.scheduler.minimum-allocation-mb": "256",
}
_SITE = "<configuration><property><name>fs.defaultFS</name><value>file:///</value></property></configuration>"


@dataclass(frozen=True)
class Yarn:
    """A YARN that runs.

    :param configuration: the directory for ``HADOOP_CONF_DIR``
    :param web: address of the resource manager's web interface
    """

    configuration: Path
    web: str


@contextlib.contextmanager
def mini_yarn(directory: Path) -> Iterator[Yarn]:
    """Start a YARN on free ports; its JVM, and the jobs in it, end when this process does, however it does."""
    from py4j.java_gateway import GatewayParameters, JavaGateway, launch_gateway  # type: ignore[import-untyped]

    with (directory / "yarn.log").open("w") as log:
        port, process = launch_gateway(
            jarpath=str(next(spark_jars().glob("py4j-*.jar"))),
            classpath=class_path("yarn"),
            javaopts=["-Xmx512m", "--add-opens=java.base/java.lang=ALL-UNNAMED", "-XX:TieredStopAtLevel=1"],
            redirect_stdout=log,
            redirect_stderr=log,
            die_on_exit=True,
            return_proc=True,
        )
        gateway = JavaGateway(gateway_parameters=GatewayParameters(port=port))
        jvm: Any = gateway.jvm
        for name in ("test.build.data", "test.build.dir"):
            jvm.java.lang.System.setProperty(name, str(directory))
        conf = jvm.org.apache.hadoop.yarn.conf.YarnConfiguration()
        for name, value in _SETTINGS.items():
            conf.set(name, value)
        cluster = jvm.org.apache.hadoop.yarn.server.MiniYARNCluster("yarn", 1, 1, 1)
        try:
            cluster.init(conf)
            cluster.start()
            yield _configured(jvm, cluster.getConfig(), directory / "conf")
        finally:
            cluster.stop()
            gateway.shutdown()
            process.stdin.close()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _configured(jvm: Any, conf: Any, directory: Path) -> Yarn:
    directory.mkdir()
    file = jvm.java.io.FileOutputStream(str(directory / "yarn-site.xml"))
    conf.writeXml(file)
    file.close()
    (directory / "core-site.xml").write_text(_SITE, encoding="utf-8")
    return Yarn(directory, str(conf.get("yarn.resourcemanager.webapp.address")))
