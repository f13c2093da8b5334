"""Hooks, retries and a custom store from a file, under a real Airflow and a real Spark."""

from __future__ import annotations

import json

import pytest

from airflow_spark_pipeline.checkpoint.catalog import all_runs
from airflow_spark_pipeline.checkpoint.stores.locations import load_store
from tests.acceptance.client import Client, Run

pytestmark = pytest.mark.slow


def test_a_component_that_fails_twice_is_retried_in_the_same_jvm_and_every_hook_is_called(
    client: Client, redis_url: str
) -> None:
    run = Run(client, "hooked", "hooked", {"redis": redis_url, "b": {"1": "fail_twice"}}, "pipeline")
    run.trigger()
    run.wait("success", tries=1)

    assert run.started() == "a1 b1 b1 b1"
    assert len({(entry.pid, entry.parent) for entry in run.entries("start")}) == 1  # one Python, one JVM
    # The user's own hook:
    assert [entry.component for entry in run.entries("retried")] == ["b", "b"]
    assert [entry.component for entry in run.entries("announced")] == ["a", "b"]
    # The audit file, and the structured log, which is part of the task's:
    audit = run.ledger.with_suffix(".audit.jsonl").read_text(encoding="utf-8").splitlines()
    events = [json.loads(line) for line in audit]
    assert [(event["event"], event.get("component")) for event in events] == [
        ("before_pipeline", None),
        ("before_component", "a"),
        ("after_component", "a"),
        ("before_component", "b"),
        ("on_retry", "b"),
        ("on_retry", "b"),
        ("after_component", "b"),
        ("after_pipeline", None),
    ]
    log = run.all_logs()
    assert f'\\"run_id\\": \\"{events[0]["run_id"]}\\"' in log or events[0]["run_id"] in log
    assert "[2/3] b done in" in log
    assert "(try 3)" in log
    assert run.xcom()["components_disabled"] == ["c"]
    # The custom store:
    store = load_store("redis_store.RedisStore", {"url": redis_url}, str(client.deployment.checkpoints))
    (entry,) = all_runs(store, "Hooked")
    assert entry.commit is not None
    b = entry.commit.state.component("b")
    assert b is not None
    assert [tried["error"] for tried in b.retries] == ["ConnectionError: b cannot reach its source"] * 2
