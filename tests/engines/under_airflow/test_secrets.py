"""Secrets reach the driver only, on each engine: command lines, event logs, web pages and container logs hold none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.acceptance.client import Run
from tests.acceptance.deployment import Deployment, wait_for
from tests.acceptance.standalone import StandaloneCluster
from tests.engines.clusters import Yarn
from tests.engines.under_airflow.conftest import SECONDS, on

SECRETS = (
    "planted-in-api-key-77c1",
    "planted-in-config-93ac",
    "planted-in-connection-c40d",
    "planted-in-spark-5f2b",
)


def leaks(text: str) -> list[str]:
    return [secret for secret in SECRETS if secret in text]


def is_private(path: Path) -> bool:
    """Whether a node manager keeps it in the cache of one user, where nobody else may look."""
    caches = (parent for parent in path.parents if parent.parent.name == "usercache")
    return any(not cache.stat().st_mode & 0o007 for cache in caches)


def leaking_files(*directories: Path) -> Iterator[Path]:
    for directory in directories:
        for path in directory.rglob("*"):
            try:
                if path.is_file() and not is_private(path) and leaks(path.read_bytes().decode("latin-1")):
                    yield path
            except OSError:  # deleted meanwhile
                continue


@pytest.mark.parametrize(
    "engine", [on(engine, "secretive", b={"1": "fail"}) for engine in ("standalone", "yarn_client", "yarn_cluster")]
)
def test_no_secret_shows_outside_the_driver(
    engine: str, run: Run, deployment: Deployment, yarn: Yarn, standalone: StandaloneCluster
) -> None:
    run.wait("success", tries=2, seconds=SECONDS)
    assert run.started() == "a1 b1 b2"
    assert "etl:***@db/orders does not answer, nor s3 with ***" in run.error(1)

    looks = run.entries("look")
    assert len(looks) == 5
    assert all(look.details.get("setting_has_arrived", True) for look in looks)
    lines = [look.details["command_lines"] for look in looks if "processes" in look.details]
    assert len(lines) == 2
    for text in lines:
        assert "org.apache.spark.executor" in text  # it would have been seen
        assert "planted" not in text

    events = "".join(
        path.read_text(encoding="utf-8") for path in (deployment.home / "events").glob("*/events_*") if path.is_file()
    )
    assert "spark.warehouse.api-key" in events
    assert "planted" not in events

    if engine != "standalone":
        for application in yarn.applications(run.run_id):
            about = f"http://{yarn.web}/ws/v1/cluster/apps/{application['id']}"
            told = [httpx.get(url, timeout=30.0).raise_for_status().text for url in (about, f"{about}/appattempts")]
            assert application["id"] in told[0]
            assert "planted" not in "".join(told)

    # Everything that anybody has written: Airflow, the clusters, the containers, what was shipped and staged.
    left = (deployment.home, yarn.directory, standalone.directory)
    wait_for("no file with a secret", lambda: next(leaking_files(*left), None) is None, seconds=120, every=3.0)
