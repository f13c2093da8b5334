"""Secrets of a description reach the component only: no command line, log, checkpoint, database or file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import planted
from tests.acceptance.client import Run

SECRETS = ("planted-in-config-93ac", "planted-in-spark-5f2b")


def leaks(text: str) -> list[str]:
    return [secret for secret in SECRETS if secret in text]


def files(directory: Path) -> Iterator[Path]:
    return (path for path in directory.rglob("*") if path.is_file())


@pytest.mark.dag_run("secretive")
def test_no_secret_shows_outside_the_driver(run: Run) -> None:
    run.wait("failed", tries=1)
    assert run.started() == "a1 b1"
    assert "jdbc:postgresql://etl:***@db/orders does not answer, nor s3 with ***" in run.error(1)
    assert leaks(run.all_logs()) == []
    assert leaks(json.dumps(run.details())) == []
    assert '"password": "***"' in run.details()["rendered_fields"]["resolved_pipeline"]
    assert not any(leaks(path.read_text(encoding="utf-8")) for path in files(run.client.deployment.checkpoints))

    run.clear()
    run.wait("success", tries=2)
    assert run.started() == "a1 b1 b2"
    looks = run.entries("look")
    assert len(looks) == 3
    for look in looks:
        assert look.details["setting_has_arrived"]
        assert "org.apache.spark.deploy.SparkSubmit" in look.details["command_lines"]  # it would have been seen
        assert leaks(look.details["command_lines"]) == []
    assert leaks(json.dumps(run.xcom()) + run.all_logs() + json.dumps(run.details())) == []

    # The audit trail holds the configuration, and shows no secret; the search below covers it, too.
    audit = run.ledger.with_suffix(".audit.jsonl")
    assert '"password": "***"' in audit.read_text(encoding="utf-8")
    assert audit.is_relative_to(run.client.deployment.home)

    # Everything that Airflow and its tasks have written: logs, database, temporary files, checkpoints.
    home = run.client.deployment.home
    written = {path: path.read_bytes() for path in files(home)}
    assert [str(path) for path, data in written.items() if leaks(data.decode("latin-1"))] == []


_CONF = planted.values(planted.CONF)


@pytest.mark.parametrize(
    ("settings", "events"),
    [
        pytest.param(_CONF, "events", marks=pytest.mark.dag_run("blabbing_locally"), id="local"),
        pytest.param(
            _CONF,
            "events",
            marks=[pytest.mark.slow, pytest.mark.nightly, pytest.mark.dag_run("blabbing_on_a_cluster")],
            id="standalone",
        ),
        pytest.param(
            planted.for_a_session(_CONF),
            "connect/events",
            marks=[pytest.mark.slow, pytest.mark.nightly, pytest.mark.dag_run("blabbing_on_connect")],
            id="connect",
        ),
    ],
)
def test_no_planted_secret_shows_in_anything_that_a_component_prints_or_raises(
    run: Run, settings: dict[str, str], events: str
) -> None:
    assert len(list(planted.secrets())) >= 60
    run.wait("failed", tries=1)
    assert run.started() == "a1 b1 b1"
    (look, *others) = run.entries("look")
    assert look.details["as_meant"]
    assert set(settings) <= set(look.details["settings"])  # they have arrived
    assert planted.found_in("".join(each.details["command_lines"] for each in (look, *others)).encode()) == []
    log = run.all_logs()
    assert log.count(" is ***") + log.count("***") > 300  # they were printed
    shown = {
        "log": log,
        "details": json.dumps(run.details()),
        "error": run.error(1),
        "state store": json.dumps(run.stored()),
        "page": json.dumps(run.page()),
    }
    assert {where: found for where, text in shown.items() if (found := planted.found_in(text.encode()))} == {}

    run.clear()
    run.wait("success", tries=2)
    assert planted.found_in((run.all_logs() + json.dumps(run.xcom()) + json.dumps(run.details())).encode()) == []

    # Everything that Airflow, its tasks and Spark have written.
    home = run.client.deployment.home
    written = {path: planted.found_in(path.read_bytes()) for path in files(home)}
    assert {str(path): found for path, found in written.items() if found} == {}
    assert list((home / events).iterdir())
