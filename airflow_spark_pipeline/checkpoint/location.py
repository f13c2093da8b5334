"""Checkpoint locations: where runs are recorded, with which store, and with which credentials.

Guarantees: every process opens a location in the same way, by :meth:`StoreLocation.open`; the value is plain data, so
it can be compared, and carried by a trigger; its ``name`` does not show a password. Not guaranteed: that the location
exists or is reachable, since opening does not read anything yet.

Example: an operator, a sensor and the page with the location ``s3a://lake/checkpoints`` have equal values, and so share
the data that was read from it.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

from airflow_spark_pipeline.checkpoint.stores.base import CheckpointStore
from airflow_spark_pipeline.checkpoint.stores.locations import load_store, open_store
from airflow_spark_pipeline.secrets import Redactor, mask_text


class NamedStore(Protocol):
    """The store in ``checkpoint.store`` of a description."""

    @property
    def instance_type(self) -> str:
        """Dotted name of a subclass of ``CheckpointStore``."""

    @property
    def instance_config(self) -> Mapping[str, Any]:
        """Plain JSON data, passed to the ``from_config`` of the class."""


def default_location() -> str:
    """Return the default location: it is only on this machine, and a reboot may delete it."""
    return str(Path(tempfile.gettempdir(), "spark-pipeline-checkpoints"))


@dataclass(frozen=True, slots=True)
class StoreLocation:
    """A checkpoint location, and how to open it.

    :param location: directory, or a URL such as ``s3a://bucket/prefix``
    :param conn_id: id of the Airflow connection with the credentials; ``None`` to use those of the environment
    :param store_type: dotted name of a custom store class; ``None`` for the built-in store of the location
    :param store_config: ``instance-config`` of the custom store, as JSON
    :param temporary: whether this is the default, because no location was set
    """

    location: str
    conn_id: str | None = None
    store_type: str | None = None
    store_config: str = field(default="{}", repr=False)  # it may hold a password
    temporary: bool = False

    @classmethod
    def of(cls, location: str | None, store: NamedStore | None = None, *, conn_id: str | None = None) -> StoreLocation:
        """Return the location of a description, after overrides.

        :param location: directory or URL; ``None`` for the default
        :param store: custom store of the description, if it has one
        """
        return cls(
            default_location() if location is None else location,
            conn_id,
            None if store is None else store.instance_type,
            "{}" if store is None else json.dumps(dict(store.instance_config), sort_keys=True),
            temporary=location is None,
        )

    def open(
        self, options: Mapping[str, Any] | None = None, spark_config: Mapping[str, str] | None = None
    ) -> CheckpointStore:
        """Return the store of the location. Nothing is read yet.

        :param options: fsspec options for the location, such as credentials and the endpoint
        :param spark_config: Spark settings that a session of this process will have in addition to those of
            ``spark-submit``
        :raises CheckpointLocationError: the location cannot be used here; the message says why
        """
        if self.store_type is None:
            return open_store(self.location, options, spark_config)
        return load_store(self.store_type, self.config, self.location, options, spark_config)

    @property
    def config(self) -> dict[str, Any]:
        """The ``instance-config`` of the custom store."""
        config: dict[str, Any] = json.loads(self.store_config)
        return config

    @property
    def name(self) -> str:
        """The location for people, without a password."""
        return mask_text(self.location)

    @property
    def id(self) -> str:
        """A short name that is unique among the locations of one configuration."""
        own = "" if self.store_type is None else f"{self.store_type}{self.store_config}"
        return hashlib.sha256(f"{self.location}{own}".encode()).hexdigest()[:8]

    def hide_password(self, text: str) -> str:
        """Return a message about this location without the secrets in its URL and in the store's config."""
        return Redactor([self.location], self.config).mask(text)

    def to_dict(self) -> dict[str, Any]:
        """Return the location as plain JSON data."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> StoreLocation:
        """Read what :meth:`to_dict` gave."""
        return cls(**data)
