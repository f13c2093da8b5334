"""The only write of the page: discard the progress of a run. To resume, the browser calls Airflow's own clear."""

from __future__ import annotations

import asyncio

from fastapi import HTTPException, status
from fastapi.concurrency import run_in_threadpool

from airflow_spark_pipeline.checkpoint import catalog
from airflow_spark_pipeline.exceptions import CheckpointError, SupersededError
from airflow_spark_pipeline.plugins.page import metadata_db
from airflow_spark_pipeline.plugins.page.errors import PageError
from airflow_spark_pipeline.plugins.page.metadata_db import TaskKey
from airflow_spark_pipeline.plugins.page.models import Discard, Discarded
from airflow_spark_pipeline.plugins.page.rights import Rights
from airflow_spark_pipeline.plugins.page.run_models import make_row, task_keys
from airflow_spark_pipeline.plugins.page.service import Service

#: Seconds that a discard may take, retries of the store included.
DISCARD_SECONDS = 30.0


async def discard_run(service: Service, dag_id: str, wanted: Discard, rights: Rights) -> Discarded:
    """Discard the progress that the user has seen.

    :raises HTTPException: 404 nothing is recorded, 409 the run is running or has changed, 503 the location failed,
        504 it did not answer in time
    """
    key = TaskKey(dag_id, wanted.run_id, wanted.task_id, wanted.map_index, wanted.iteration)
    found, late = await service.find(key)
    matching = [
        (cache, each.entry)
        for cache, each in found
        if each.entry.recorded is not None and each.entry.recorded.state.run_id == wanted.id
    ]
    if not matching:
        if late:
            raise _late()
        raise _changed() if found else PageError(status.HTTP_404_NOT_FOUND, "absent")
    cache, entry = matching[0]
    assert entry.recorded is not None  # noqa: S101  # that was asked above
    facts = await run_in_threadpool(metadata_db.task_facts, task_keys(entry.recorded.state), rights)
    row = make_row(entry, cache.place.name, facts)
    if row.number != wanted.number:
        raise _changed()
    if row.discard_blocked is not None:
        raise HTTPException(status.HTTP_409_CONFLICT, row.discard_blocked)
    work = cache.in_background(lambda: catalog.discard(cache.store, wanted.id, number=wanted.number))
    try:
        await asyncio.wait_for(asyncio.wrap_future(work), DISCARD_SECONDS)
    except SupersededError:
        raise _changed() from None
    except (TimeoutError, asyncio.TimeoutError):
        raise _late() from None
    except CheckpointError as error:
        message = cache.place.hide_password(str(error))
        raise PageError(status.HTTP_503_SERVICE_UNAVAILABLE, "location", message=message) from error
    about = {"run": wanted.id, "pipeline": row.pipeline, "done": sum(piece.state == "done" for piece in row.pieces)}
    await run_in_threadpool(metadata_db.record_discard, key, rights.user, about)
    await service.look_again(cache)
    return Discarded(id=wanted.id)


def _changed() -> PageError:
    return PageError(status.HTTP_409_CONFLICT, "changed")


def _late() -> PageError:
    return PageError(status.HTTP_504_GATEWAY_TIMEOUT, "late", seconds=f"{DISCARD_SECONDS:.0f}")
