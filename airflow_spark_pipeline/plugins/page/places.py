"""The checkpoint locations that the page reads: those of Airflow's configuration, and no others."""

from __future__ import annotations

import hashlib
import json
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from airflow_spark_pipeline.checkpoint.stores.base import CheckpointStore
from airflow_spark_pipeline.checkpoint.stores.locations import load_store, open_store
from airflow_spark_pipeline.deployment.locations import configured, storage_options
from airflow_spark_pipeline.exceptions import CheckpointLocationError
from airflow_spark_pipeline.secrets import MASK, mask_text

_SHAPE = (
    '[spark_pipeline] checkpoint_locations is a JSON list of locations: ["s3://…", {"location": "…", "conn_id": "…", '
    '"store": {"instance-type": "…", "instance-config": {}}}]'
)


@dataclass(frozen=True, slots=True)
class Place:
    """A configured location.

    :param location: as it is configured
    :param conn_id: the Airflow connection with its credentials
    :param temporary: nothing is configured, and this is where tasks then write
    :param store: as a pipeline's file names a store of one's own, in JSON; ``None`` for the location's
    """

    location: str
    conn_id: str | None = None
    temporary: bool = False
    store: str | None = field(default=None, repr=False)  # it may hold a password

    @property
    def name(self) -> str:
        """The location for people, without a password."""
        return mask_text(self.location)

    @property
    def id(self) -> str:
        """A short name that tells the locations of this configuration apart."""
        return hashlib.sha256(f"{self.location}{self.store or ''}".encode()).hexdigest()[:8]

    def hide_password(self, text: str) -> str:
        """Return a message about this location without the password that stands in its URL."""
        password = urlsplit(self.location).password if "://" in self.location else None
        return mask_text(text.replace(password, MASK) if password else text)

    def open(self) -> CheckpointStore:
        """Return its store. Nothing is read yet.

        :raises CheckpointLocationError: it cannot be served, or its connection does not exist
        """
        options = storage_options(self.conn_id, self.location)
        if self.store is None:
            return open_store(self.location, options)
        named = json.loads(self.store)
        return load_store(named["instance-type"], named.get("instance-config", {}), self.location, options)


def configured_places() -> list[Place]:
    """Return the locations of ``[spark_pipeline]``: ``checkpoint_location``, then those of ``checkpoint_locations``.

    :raises CheckpointLocationError: the option cannot be read
    """
    conn_id = configured("checkpoint_conn_id")
    main = configured("checkpoint_location")
    first = (
        Place(main, conn_id)
        if main
        else Place(str(Path(tempfile.gettempdir(), "spark-pipeline-checkpoints")), None, temporary=True)
    )
    places = {first.id: first}
    for place in _more(configured("checkpoint_locations")):
        places.setdefault(place.id, place)
    return list(places.values())


def _more(text: str | None) -> list[Place]:
    if text is None:
        return []
    try:
        items = json.loads(text)
    except ValueError as error:
        raise CheckpointLocationError(f"{_SHAPE}; it is not JSON: {error}.") from error
    if not isinstance(items, list):
        raise CheckpointLocationError(f"{_SHAPE}; it is no list.")
    return [_place(item) for item in items]


def _place(item: Any) -> Place:
    if isinstance(item, str) and item.strip():
        return Place(item)
    if isinstance(item, dict) and item.keys() <= {"location", "conn_id", "store"}:
        location, conn_id, store = item.get("location"), item.get("conn_id"), item.get("store")
        fits = (conn_id is None or isinstance(conn_id, str)) and (store is None or _is_store(store))
        if isinstance(location, str) and location.strip() and fits:
            return Place(location, conn_id or None, store=None if store is None else json.dumps(store))
    raise CheckpointLocationError(f"{_SHAPE}; one of its items is something else.")


def _is_store(store: Any) -> bool:
    known = isinstance(store, dict) and store.keys() <= {"instance-type", "instance-config"}
    return known and isinstance(store.get("instance-type"), str) and isinstance(store.get("instance-config", {}), dict)
