"""What deferred sensors cost the triggerer: 500 of them that wait for runs of ten pipelines at one location.

Measured is what the triggers themselves do in their event loop and its threads, for each look, of which there is one a
minute by default; the triggerer's own work is not in it. The baseline are the same triggers, each of which looks on its
own.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from airflow_spark_pipeline.checkpoint.location import StoreLocation
from airflow_spark_pipeline.checkpoint.query import RunQuery
from airflow_spark_pipeline.checkpoint.stores.local import LocalStore
from airflow_spark_pipeline.checkpoint.stores.locations import open_store
from airflow_spark_pipeline.triggers import spark_pipeline
from airflow_spark_pipeline.triggers.watch import Watch, watch
from benchmarks.harness import Row, interleaved
from tests.histories_of_runs import History

if TYPE_CHECKING:
    from airflow.triggers.base import BaseTrigger

_SENSORS = 500
_PIPELINES = 10
_RUNNING = 100  # unfinished runs, which every tenth look of a sensor could mean
_INTERVAL = 4.0
_LOOKS = 3
_OPERATIONS = ("list_objects", "list_names", "list_directories", "read", "create", "write", "delete")


def rows() -> Iterator[Row]:
    """Wait for runs that never fail, for a few looks."""
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        store = open_store(directory)
        runs = [
            History(store, f"run-{number}", pipeline=f"Pipeline {number % _PIPELINES}").running()
            for number in range(_RUNNING)
        ]
        results: dict[str, list[tuple[float, float]]] = {"shared": [], "each": []}

        def measure(name: str, how: Callable[[StoreLocation, float], Watch]) -> float:
            for run in runs:
                run.beat()  # on a slow machine the leases of the first round end in the second
            with patch.object(spark_pipeline, "watch", how):
                results[name].append(asyncio.run(_wait(directory)))
            return results[name][-1][0]

        shared, alone = interleaved(
            lambda: measure("shared", watch), lambda: measure("each", _alone), rounds=2, discard=0
        )
        operations = {name: each[-1][1] for name, each in results.items()}
    what = f"{_SENSORS} deferred sensors"
    yield Row(f"{what}, CPU a minute", "each looks on its own", shared, alone, aim=0.2)
    yield Row(
        f"{what}, store operations a minute",
        "each looks on its own",
        operations["shared"],
        operations["each"],
        unit="operations",
        aim=0.2,
    )


async def _wait(location: str) -> tuple[float, float]:
    """Return milliseconds of CPU and store operations for each look."""
    triggers = [
        spark_pipeline.SparkPipelineRunTrigger(
            place=StoreLocation(location).to_dict(),
            query=RunQuery("resumable", "default", f"Pipeline {number % _PIPELINES}").to_dict(),
            poll_interval=_INTERVAL,
        )
        for number in range(_SENSORS)
    ]
    with _counted() as calls:
        waiting = [asyncio.create_task(_event(trigger)) for trigger in triggers]
        before = time.process_time()
        await asyncio.sleep(_INTERVAL * (_LOOKS + 0.5))
        spent = time.process_time() - before
        assert not any(task.done() for task in waiting)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
    return spent * 1_000 / _LOOKS, sum(calls.values()) / _LOOKS


async def _event(trigger: BaseTrigger) -> None:
    async for _ in trigger.run():
        return


def _alone(place: StoreLocation, interval: float) -> Watch:
    return Watch(place, interval, asyncio.Semaphore(1))


@contextmanager
def _counted() -> Iterator[dict[str, int]]:
    """Count the operations of every local store."""
    calls = dict.fromkeys(_OPERATIONS, 0)

    def counting(name: str) -> Callable[..., Any]:
        operation = getattr(LocalStore, name)

        def counted(store: LocalStore, *arguments: Any) -> Any:
            calls[name] += 1
            return operation(store, *arguments)

        return counted

    with ExitStack() as patches:
        for name in _OPERATIONS:
            patches.enter_context(patch.object(LocalStore, name, counting(name)))
        yield calls
