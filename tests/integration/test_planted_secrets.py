"""Secrets of every kind in a real run, printed and raised by a component: afterwards nothing holds one."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_spark_pipeline.exceptions import ComponentFailedError
from tests import planted
from tests.acceptance.standalone import StandaloneCluster
from tests.connect_server import ConnectServer
from tests.unit.operators.shop import Driver, Shop

_STEPS = Path(__file__).parents[1] / "acceptance" / "dags" / "steps"


@pytest.fixture
def standalone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandaloneCluster]:
    cluster = StandaloneCluster(tmp_path_factory.mktemp("standalone"), os.environ)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where everything is written, temporary files included, and nothing else."""
    folder = tmp_path / "everything"
    for name in ("tmp", "events"):
        (folder / name).mkdir(parents=True)
    monkeypatch.setattr("tempfile.tempdir", str(folder / "tmp"))
    monkeypatch.setenv("TMPDIR", str(folder / "tmp"))
    return folder


def leaks(folder: Path, *texts: str) -> dict[str, list[str]]:
    written = {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    written |= {f"text {number}": text.encode("utf-8", "replace") for number, text in enumerate(texts)}
    return {where: found for where, data in written.items() if (found := planted.found_in(data))}


def fails(place: Path, connection: dict[str, Any], monkeypatch: pytest.MonkeyPatch, conf: dict[str, str]) -> list[str]:
    """Run until the second component fails; returns what was shown."""
    monkeypatch.setenv(
        "AIRFLOW_CONN_PLANTED", json.dumps({**connection, "extra": {**connection.get("extra", {}), **_EXTRA}})
    )
    events = (place / "events").as_uri() if connection["conn_type"] == "spark" else ""
    text = planted.description(str(place / "ledger.jsonl"), str(place / "audit.jsonl"), events)
    shop = Shop(place, Driver())
    operator = shop.operator(
        pipeline=text, py_files=[str(_STEPS)], conn_id="planted", conf=conf, env_vars=planted.values(planted.VARIABLE)
    )
    context = shop.context(operator)
    operator.render_template_fields(context)
    with pytest.raises(ComponentFailedError) as caught:
        operator.execute(context)
    return [str(caught.value), operator.resolved_pipeline or "", json.dumps(shop.store.values)]


_EXTRA = planted.values(planted.EXTRA)


def look(place: Path, shown: list[str], capfd: pytest.CaptureFixture[str], settings: set[str]) -> None:
    entries = [json.loads(line) for line in (place / "ledger.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [entry["component"] for entry in entries if entry["event"] == "start"] == ["a", "b", "b"]
    looks = [entry for entry in entries if entry["event"] == "look"]
    assert len(looks) == 3
    for each in looks:
        assert each["as_meant"]
        assert settings <= set(each["settings"])
    printed = "".join(capfd.readouterr())
    assert printed.count("password is ***") >= 3  # it was all printed
    assert printed.count(" is ") > 300
    assert "${secret:env://SHOP_REFERENCED}" in shown[1]
    # The ledger holds the command lines of all processes.
    assert leaks(place, printed, *shown) == {}


@pytest.mark.spark
def test_nothing_shows_a_secret_where_spark_runs_on_the_worker(
    place: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    conf = planted.values(planted.CONF)
    shown = fails(place, {"conn_type": "spark", "host": "local[1]"}, monkeypatch, conf)
    look(place, shown, capfd, {*conf, *planted.values(planted.SPARK)})
    events = "".join(path.read_text(encoding="utf-8") for path in (place / "events").rglob("[!.]*") if path.is_file())
    assert "spark.mart.url" in events


@pytest.mark.spark
@pytest.mark.slow
def test_nothing_shows_a_secret_on_a_cluster(
    place: Path, standalone: StandaloneCluster, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    conf = planted.values(planted.CONF) | {"spark.cores.max": "1", "spark.executor.memory": "512m"}
    connection = {"conn_type": "spark", "host": "spark://127.0.0.1", "port": standalone.port}
    shown = fails(place, connection, monkeypatch, conf)
    look(place, shown, capfd, set(conf))
    assert leaks(standalone.directory) == {}


@pytest.mark.spark
@pytest.mark.slow
def test_nothing_shows_a_secret_on_spark_connect(
    place: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Neither on the side of the task nor in what the server writes: its log, its events and its files."""
    monkeypatch.setenv("SPARK_CONNECT_MODE_ENABLED", "1")  # the driver sets it, and later tests have another Spark
    events = place / "server" / "events"
    events.mkdir(parents=True)
    logged = {"compress": "false", "dir": events.as_uri(), "enabled": "true"}
    server = ConnectServer(place / "server", {f"spark.eventLog.{name}": value for name, value in logged.items()})
    server.start()
    conf = planted.for_a_session(planted.values(planted.CONF))
    try:
        shown = fails(place, server.connection, monkeypatch, conf)
    finally:
        server.stop()
    look(place, shown, capfd, {*conf, *planted.for_a_session(planted.values(planted.SPARK))})
    recorded = "".join(path.read_text(encoding="utf-8") for path in events.rglob("events_*"))
    assert '"spark.mart.url":"*********(redacted)"' in recorded
