"""Which store a location names.

A location whose scheme is not served, or whose package is missing, is refused in words; it never becomes a local
directory by accident.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from airflow_spark_pipeline.checkpoint.fsspec_store import FsspecStore
from airflow_spark_pipeline.checkpoint.local_store import LocalStore
from airflow_spark_pipeline.checkpoint.store import CheckpointStore
from airflow_spark_pipeline.exceptions import CheckpointLocationError

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*(?=:/)")

# Scheme -> fsspec's protocol, the module that brings it, the extra of this package that installs it. Schemes of the
# second table are known, and refused: their exclusive creation has not been shown to hold through fsspec.
_SERVED = {
    "s3": ("s3", "s3fs", "s3"),
    "s3a": ("s3", "s3fs", "s3"),
    "s3n": ("s3", "s3fs", "s3"),
    "memory": ("memory", "fsspec", None),
}
_NOT_YET = ("gs", "gcs", "abfs", "abfss", "az", "hdfs", "webhdfs", "viewfs")


def open_store(location: str, options: Mapping[str, Any] | None = None) -> CheckpointStore:
    """Return the store that a location names. Nothing is read or written yet.

    :param location: a directory (absolute, or ``file://``), or a URL such as ``s3://bucket/prefix``
    :param options: fsspec's options of the file system: credentials, endpoint
    :raises CheckpointLocationError: the location cannot be served, and why
    """
    if not location.strip():
        raise CheckpointLocationError("The checkpoint location is empty.")
    match = _SCHEME.match(location)
    if match is None:
        return LocalStore(location, _absolute(location, location))
    scheme = match.group().lower()
    parts = urlsplit(location)
    if scheme == "file":
        if parts.netloc not in ("", "localhost"):
            raise CheckpointLocationError(
                f"The checkpoint location {location} names the host {parts.netloc!r}: a local location has three "
                "slashes, file:///path."
            )
        return LocalStore(location, _absolute(unquote(parts.path), location))
    if scheme in _SERVED:
        return _open_fsspec(location, scheme, options)
    if scheme in _NOT_YET:
        raise CheckpointLocationError(
            f"The checkpoint location {location} cannot be used: {scheme}:// is not supported yet, since exclusive "
            f"creation was not shown to hold there. Supported: a directory, file://, s3://, s3a://."
        )
    raise CheckpointLocationError(
        f"The checkpoint location {location} has the unknown scheme {scheme}://. Supported: a directory, file://, "
        "s3://, s3a://."
    )


def load_store(
    instance_type: str, config: Mapping[str, Any], location: str, options: Mapping[str, Any] | None = None
) -> CheckpointStore:
    """Return a store of the user's own.

    :param instance_type: dotted name of a subclass of ``CheckpointStore``, importable here
    :param config: its ``instance-config``
    :param options: fsspec's options of the location, where saved outputs lie
    :raises CheckpointLocationError: it cannot be loaded, or does not take this config
    """
    module, _, name = instance_type.rpartition(".")
    try:
        cls = getattr(importlib.import_module(module), name)
    except Exception as error:
        raise CheckpointLocationError(
            f"The checkpoint store {instance_type} cannot be loaded ({type(error).__name__}: {error}). It must be "
            "importable in the Airflow worker (installed, or in the plugins folder) and in the Spark driver "
            "(installed, or shipped by py_files)."
        ) from error
    if not (isinstance(cls, type) and issubclass(cls, CheckpointStore)):
        raise CheckpointLocationError(f"The checkpoint store {instance_type} is no subclass of CheckpointStore.")
    try:
        store = cls.from_config(location, config)
    except Exception as error:
        raise CheckpointLocationError(
            f"The checkpoint store {instance_type} does not take its instance-config: {type(error).__name__}: {error}"
        ) from error
    # Saved outputs are Spark's business, which writes to more places than are served here.
    with contextlib.suppress(CheckpointLocationError):
        store.at_location = open_store(location, options)
    return store


def _open_fsspec(location: str, scheme: str, options: Mapping[str, Any] | None) -> CheckpointStore:
    protocol, module, extra = _SERVED[scheme]
    if importlib.util.find_spec(module) is None:
        raise CheckpointLocationError(
            f"The checkpoint location {location} needs the package {module}, which is not installed here: "
            f"pip install 'airflow-spark-pipeline[{extra}]', on the Airflow worker and where the Spark driver runs."
        )
    root = location.split("://", 1)[-1]
    if protocol == "s3" and not root.strip("/"):
        raise CheckpointLocationError(f"The checkpoint location {location} names no bucket.")
    if protocol == "memory":
        root = "/" + root.strip("/")
    return FsspecStore(location, protocol, root, options)


def _absolute(path: str, location: str) -> Path:
    root = Path(path).expanduser()
    if not root.is_absolute():
        raise CheckpointLocationError(
            f"The checkpoint location {location} is a relative path, which means another place in each process. "
            f"Write it in full, such as {root.resolve()}."
        )
    return root
