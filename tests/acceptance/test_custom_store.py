"""Progress in a custom store: the Redis store of the docs, with a real redis-server."""

from __future__ import annotations

import pytest

from airflow_spark_pipeline.checkpoint.catalog import find_run, unfinished_runs
from airflow_spark_pipeline.checkpoint.state import CheckpointStatus
from airflow_spark_pipeline.checkpoint.stores.locations import load_store
from tests.acceptance.client import Client, Run

pytestmark = [pytest.mark.slow, pytest.mark.nightly]  # test_hooks.py runs with the same store


def test_a_run_whose_file_names_a_custom_store_resumes_and_is_found_there(client: Client, redis_url: str) -> None:
    run = Run(client, "in_redis", "redis", {"redis": redis_url, "b": {"1": "fail"}}, "pipeline")
    run.trigger()
    run.wait("failed", tries=1)

    location = str(client.deployment.checkpoints)
    store = load_store("redis_store.RedisStore", {"url": redis_url}, location)
    (entry,) = unfinished_runs(store, "Four steps")
    assert entry.commit is not None
    assert entry.commit.state.status is CheckpointStatus.FAILED
    assert entry.commit.state.completed_components == ("a",)
    assert find_run(store, entry.commit.state.run_id) == entry
    assert not client.deployment.checkpoints.joinpath(entry.path).exists()

    run.clear()
    run.wait("success", tries=2)
    assert run.started() == "a1 b1 b2 c2 d2"
    assert "[1/4] a skipped (done in attempt 1)" in run.steps(2)
    assert list(unfinished_runs(store)) == []
    ended = find_run(store, entry.commit.state.run_id)
    assert ended is not None
    assert ended.ended
