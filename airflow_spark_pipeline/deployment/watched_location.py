"""A place that is watched: what a trigger needs to know to open the store of a location, without any secret.

Credentials stay in the Airflow connection, and are read anew whenever the store is opened.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from airflow_spark_pipeline.binding.paths import join_path
from airflow_spark_pipeline.checkpoint.stores.base import CheckpointStore
from airflow_spark_pipeline.checkpoint.stores.locations import load_store, open_store
from airflow_spark_pipeline.deployment.airflow_masker import take_names_of_airflow
from airflow_spark_pipeline.deployment.locations import checkpoint_location, configured, storage_options
from airflow_spark_pipeline.pipeline.spec import CheckpointSpec
from airflow_spark_pipeline.secrets import leaves, mask


@dataclass(frozen=True, slots=True)
class WatchedPlace:
    """Where runs are recorded.

    :param conn_id: of the connection with the location's credentials
    :param store_type: dotted name of a store of the user's own
    :param store_config: its ``instance-config``, as JSON
    """

    location: str
    conn_id: str | None = None
    store_type: str | None = None
    store_config: str = "{}"

    @classmethod
    def of(cls, location: str | None, conn_id: str | None, checkpoint: CheckpointSpec | None = None) -> WatchedPlace:
        """Return the place that an operator with the same arguments would use.

        :param checkpoint: of the pipeline's description, where one is at hand
        """
        store = None if checkpoint is None else checkpoint.store
        return cls(
            checkpoint_location(location, None if checkpoint is None else checkpoint.location),
            conn_id or configured("checkpoint_conn_id"),
            None if store is None else store.instance_type,
            "{}" if store is None else json.dumps(dict(store.instance_config), sort_keys=True),
        )

    def open(self) -> CheckpointStore:
        """Return the store. Looks the connection up, so it blocks.

        :raises CheckpointLocationError: there is no such store here
        """
        if self.store_type is not None:
            return load_store(self.store_type, json.loads(self.store_config), self.location)
        return open_store(self.location, storage_options(self.conn_id, self.location))

    def secrets(self) -> list[str]:
        """Return the paths of the store's config that hold a secret; ``location`` where its URL has a password."""
        take_names_of_airflow()
        config = json.loads(self.store_config)
        found = [] if mask(self.location) == self.location else ["location"]
        return found + [
            join_path(leaf.path) for leaf in leaves(config) if leaf.secret or mask(leaf.value) != leaf.value
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON, of which ``WatchedPlace(**data)`` is the same place."""
        return asdict(self)
