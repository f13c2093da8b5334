"""The engines: how each is started here, and what the operators have to be told of it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.acceptance.standalone import StandaloneCluster
from tests.connect_server import ConnectServer
from tests.engines.clusters import mini_yarn
from tests.engines.jars import spark_jars


@dataclass(frozen=True)
class Engine:
    """An engine that runs.

    :param arguments: of the operators
    :param connections: Airflow's
    :param environment: of Airflow's processes, beside the usual
    """

    arguments: dict[str, Any]
    connections: dict[str, dict[str, Any]]
    environment: dict[str, str] = field(default_factory=dict)


def _local(stack: ExitStack, place: Path) -> Engine:
    return Engine({"conn_id": "bench"}, {"bench": {"conn_type": "spark", "host": "local[2]"}})


def _standalone(stack: ExitStack, place: Path) -> Engine:
    cluster = StandaloneCluster(place / "standalone", os.environ)
    stack.callback(cluster.stop)
    cluster.start()
    connection = {"conn_type": "spark", "host": "spark://127.0.0.1", "port": cluster.port}
    return Engine({"conn_id": "bench", "conf": {"spark.cores.max": "2"}}, {"bench": connection})


def _connect(stack: ExitStack, place: Path) -> Engine:
    server = ConnectServer(place / "connect", environment={"SPARK_SUBMIT_OPTS": ""})
    stack.callback(server.stop)
    server.start()
    return Engine({"conn_id": "bench"}, {"bench": server.connection})


def _yarn(mode: str) -> Callable[[ExitStack, Path], Engine]:
    def start(stack: ExitStack, place: Path) -> Engine:
        (place / "yarn").mkdir()
        yarn = stack.enter_context(mini_yarn(place / "yarn"))
        conf = {
            "spark.driver.memory": "512m",
            # Its start races with the filter that YARN has added to it (a ConcurrentModificationException, once seen).
            "spark.ui.enabled": "false",
            "spark.executor.cores": "2",
            "spark.executor.instances": "1",
            "spark.executor.memory": "512m",
            "spark.executorEnv.PYSPARK_PYTHON": sys.executable,
            "spark.yarn.appMasterEnv.PYSPARK_PYTHON": sys.executable,
            "spark.yarn.appMasterEnv.LEDGERS": str(place / "airflow" / "ledgers"),
            "spark.yarn.jars": f"local:{spark_jars()}/*",
            "spark.yarn.maxAppAttempts": "1",
            "spark.yarn.stagingDir": (place / "staging").as_uri(),
        }
        extra = {"deploy-mode": mode, "yarn_resourcemanager_webapp_address": yarn.web}
        arguments: dict[str, Any] = {"conn_id": "bench", "conf": conf}
        if mode == "cluster":
            arguments["yarn_track_via_rm_api"] = True
        return Engine(
            arguments,
            {"bench": {"conn_type": "spark", "host": "yarn", "extra": extra}},
            {"HADOOP_CONF_DIR": str(yarn.configuration)},
        )

    return start


ENGINES: dict[str, Callable[[ExitStack, Path], Engine]] = {
    "local": _local,
    "standalone": _standalone,
    "connect": _connect,
    "yarn_client": _yarn("client"),
    "yarn_cluster": _yarn("cluster"),
}
