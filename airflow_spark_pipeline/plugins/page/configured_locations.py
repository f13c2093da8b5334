"""The checkpoint locations that the page reads: only those of Airflow's configuration."""

from __future__ import annotations

import json
from typing import Any

from airflow_spark_pipeline.checkpoint.location import StoreLocation
from airflow_spark_pipeline.deployment.locations import configured
from airflow_spark_pipeline.exceptions import CheckpointLocationError
from airflow_spark_pipeline.pipeline.spec import StoreSpec

_SHAPE = (
    '[spark_pipeline] checkpoint_locations must be a JSON list of locations: ["s3://…", {"location": "…", '
    '"conn_id": "…", "store": {"instance-type": "…", "instance-config": {}}}]'
)


def configured_places() -> list[StoreLocation]:
    """Return the locations of ``[spark_pipeline]``: ``checkpoint_location``, then those of ``checkpoint_locations``.

    :raises CheckpointLocationError: the option cannot be read
    """
    main = configured("checkpoint_location")
    first = StoreLocation.of(main, conn_id=configured("checkpoint_conn_id") if main else None)
    places = {first.id: first}
    for place in _more(configured("checkpoint_locations")):
        places.setdefault(place.id, place)
    return list(places.values())


def _more(text: str | None) -> list[StoreLocation]:
    if text is None:
        return []
    try:
        items = json.loads(text)
    except ValueError as error:
        raise CheckpointLocationError(f"{_SHAPE}; it is not JSON: {error}.") from error
    if not isinstance(items, list):
        raise CheckpointLocationError(f"{_SHAPE}; it is not a list.")
    return [_place(item) for item in items]


def _place(item: Any) -> StoreLocation:
    if isinstance(item, str) and item.strip():
        return StoreLocation(item)
    if isinstance(item, dict) and item.keys() <= {"location", "conn_id", "store"}:
        location, conn_id, store = item.get("location"), item.get("conn_id"), item.get("store")
        fits = (conn_id is None or isinstance(conn_id, str)) and (store is None or _is_store(store))
        if isinstance(location, str) and location.strip() and fits:
            own = None if store is None else StoreSpec(store["instance-type"], store.get("instance-config", {}))
            return StoreLocation.of(location, own, conn_id=conn_id or None)
    raise CheckpointLocationError(f"{_SHAPE}; an item is neither text nor such an object.")


def _is_store(store: Any) -> bool:
    known = isinstance(store, dict) and store.keys() <= {"instance-type", "instance-config"}
    return known and isinstance(store.get("instance-type"), str) and isinstance(store.get("instance-config", {}), dict)
