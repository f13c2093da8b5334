"""Uploads what a job of a platform needs to a location that the platform's driver reads.

Guarantees: a file is uploaded before its URL is returned; the same file has the same URL, and is uploaded once; only
the current attempt of a unit of work has a request there. Not hidden: everyone who can read the location can read the
requests, so they contain no keys (see ``task/staged_secrets.py``).
"""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

from airflow_spark_pipeline.checkpoint.staged import (
    FRESH_SECONDS,
    code_directory,
    request_path,
    requests_directory,
)
from airflow_spark_pipeline.checkpoint.stores.base import CheckpointStore, ObjectNotFoundError
from airflow_spark_pipeline.protocol import DriverRequest


class Staging:
    """One staging location.

    :param store: store of the location, opened with Airflow's credentials; the driver uses its own identity
    """

    def __init__(self, store: CheckpointStore) -> None:
        self._store = store

    def file(self, path: Path, name: str | None = None) -> str:
        """Upload a file unless it exists, and return its URL.

        :param name: last part of the URL; default: the file's name
        """
        data = path.read_bytes()
        directory = code_directory(hashlib.sha256(data).hexdigest()[:16])
        full = f"{directory}/{name or path.name}"
        there = {found.name: found.modified for found in self._store.list_objects(directory)}
        if time.time() - there.get(name or path.name, 0.0) > FRESH_SECONDS:  # so that prune does not remove it
            self._store.write(full, data)
        return self._store.describe(full)

    def request(self, unit: str, request: DriverRequest) -> str:
        """Upload the request of a claim, remove those of older attempts, and return its URL."""
        if request.token is None:
            raise ValueError("only the request of a claim is staged")
        self.forget(unit)
        self._store.write(request_path(unit, request.token.attempt_id), request.to_json().encode())
        return self.request_url(unit, request.token.attempt_id)

    def request_url(self, unit: str, attempt_id: str) -> str:
        """Return the URL of the request of an attempt."""
        return self._store.describe(request_path(unit, attempt_id))

    def staged_request(self, unit: str, attempt_id: str) -> DriverRequest | None:
        """Return the request of an attempt if it still exists."""
        try:
            return DriverRequest.from_json(self._store.read(request_path(unit, attempt_id)).decode())
        except ObjectNotFoundError:
            return None

    def forget(self, unit: str) -> None:
        """Remove the requests of a unit of work: of attempts that have ended, or that another claim supersedes."""
        self._store.delete_tree(requests_directory(unit))
