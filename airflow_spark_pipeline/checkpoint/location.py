"""Where runs are recorded: a location, the store that keeps it, and whose credentials open it.

Promises: every process opens a location in the same way, by :meth:`StoreLocation.open`; the value is plain data, so it
can be compared, and carried by a trigger; its ``name`` shows no password. Does not promise that it is there, or that it
can be reached: opening reads nothing yet.

Example: an operator, a sensor and the page that are given ``s3a://lake/checkpoints`` have equal values, and so share
what was read of it.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from airflow_spark_pipeline.checkpoint.stores.base import CheckpointStore
from airflow_spark_pipeline.checkpoint.stores.locations import load_store, open_store
from airflow_spark_pipeline.secrets import MASK, mask_text


class NamedStore(Protocol):
    """A store as ``checkpoint.store`` in a description names it."""

    @property
    def instance_type(self) -> str:
        """Dotted name of a subclass of ``CheckpointStore``."""

    @property
    def instance_config(self) -> Mapping[str, Any]:
        """Plain JSON, passed to its ``from_config``."""


def default_location() -> str:
    """Return the location that is used if nobody names one: no other machine sees it, and a reboot may clear it."""
    return str(Path(tempfile.gettempdir(), "spark-pipeline-checkpoints"))


@dataclass(frozen=True, slots=True)
class StoreLocation:
    """Where runs are recorded.

    :param location: a directory, or a URL such as ``s3a://bucket/prefix``
    :param conn_id: of the Airflow connection with its credentials; ``None`` leaves them to the environment
    :param store_type: dotted name of the user's own store; ``None`` for the one that the location names
    :param store_config: its ``instance-config``, as JSON
    :param temporary: nobody named a location, and this is the default
    """

    location: str
    conn_id: str | None = None
    store_type: str | None = None
    store_config: str = field(default="{}", repr=False)  # it may hold a password
    temporary: bool = False

    @classmethod
    def of(cls, location: str | None, store: NamedStore | None = None, *, conn_id: str | None = None) -> StoreLocation:
        """Return the location that a description and what overrides it name together.

        :param location: ``None`` for the default
        :param store: the user's own, if the description names one
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
        """Return its store. Nothing is read yet.

        :param options: fsspec's options of the location: credentials, endpoint
        :param spark_config: settings of Spark that a session of this process will have in addition to those of
            ``spark-submit``
        :raises CheckpointLocationError: it cannot be used here, and why
        """
        if self.store_type is None:
            return open_store(self.location, options, spark_config)
        return load_store(self.store_type, self.config, self.location, options, spark_config)

    @property
    def config(self) -> dict[str, Any]:
        """The ``instance-config`` of the user's own store."""
        config: dict[str, Any] = json.loads(self.store_config)
        return config

    @property
    def name(self) -> str:
        """The location for people, without a password."""
        return mask_text(self.location)

    @property
    def id(self) -> str:
        """A short name that tells the locations of one configuration apart."""
        own = "" if self.store_type is None else f"{self.store_type}{self.store_config}"
        return hashlib.sha256(f"{self.location}{own}".encode()).hexdigest()[:8]

    def hide_password(self, text: str) -> str:
        """Return a message about this location without the password that its URL holds."""
        password = urlsplit(self.location).password if "://" in self.location else None
        return mask_text(text.replace(password, MASK) if password else text)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> StoreLocation:
        """Read what :meth:`to_dict` gave."""
        return cls(**data)
