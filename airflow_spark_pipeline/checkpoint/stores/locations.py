"""Opens the store of a checkpoint location with the client that this process has.

The same location is opened by Airflow and by the driver. Each process uses the Python client (s3fs) if it is installed.
Otherwise a Spark driver uses the Hadoop client of its JVM, which it always uses for HDFS. A process without a JVM, such
as Airflow's, reaches HDFS over HTTP.

A location with an unsupported scheme, or whose package is missing, is rejected with an error that explains why; it
never becomes a local directory by accident, and no part of it is ignored. No error shows a password in it.
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

from airflow_spark_pipeline.checkpoint.stores.base import CheckpointStore
from airflow_spark_pipeline.checkpoint.stores.hadoop import HadoopStore
from airflow_spark_pipeline.checkpoint.stores.jvm import driver_jvm, hadoop_configuration
from airflow_spark_pipeline.checkpoint.stores.local import LocalStore
from airflow_spark_pipeline.checkpoint.stores.name_nodes import find_name_nodes
from airflow_spark_pipeline.checkpoint.stores.object_store import FsspecStore
from airflow_spark_pipeline.checkpoint.stores.s3 import S3Store
from airflow_spark_pipeline.checkpoint.stores.webhdfs import WebHdfsStore
from airflow_spark_pipeline.exceptions import CheckpointLocationError
from airflow_spark_pipeline.secrets import MASK, Redactor, mask_text

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*(?=:/)")

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_CREDENTIALS = re.compile(r"(?!arn:)[^/]*:.*@|[^/]*@")  # a secret key may contain a slash

# Scheme -> fsspec's protocol, the module that provides it, the extra of this package that installs it.
_PYTHON_ONLY = {"gs": ("gcs", "gcsfs", "gcs"), "abfss": ("abfs", "adlfs", "azure")}
_S3 = ("s3", "s3a", "s3n")
# Known schemes that are rejected: exclusive creation is not proven there.
_NOT_SHOWN = ("abfs", "az", "viewfs", "wasb", "wasbs")
_SUPPORTED = "Supported: a directory, file://, s3a://, s3://, hdfs://, gs://, abfss://."


def open_store(
    location: str, options: Mapping[str, Any] | None = None, spark_config: Mapping[str, str] | None = None
) -> CheckpointStore:
    """Return the store of a location, with a client that this process has. No object is read or written yet.

    :param location: directory (absolute, or ``file://``), or a URL such as ``s3a://bucket/prefix``
    :param options: fsspec options for the file system, such as credentials and the endpoint
    :param spark_config: Spark settings that a session of this process will have in addition to those of
        ``spark-submit``
    :raises CheckpointLocationError: the location cannot be used; the message says why
    """
    scheme = check_location(location)
    if not scheme:
        return LocalStore(location, _absolute(location, location))
    if scheme == "file":
        return LocalStore(location, _absolute(unquote(urlsplit(location).path), location))
    if scheme == "memory":
        return FsspecStore(location, "memory", "/" + location.split("://", 1)[-1].strip("/"), options)
    if scheme in _S3:
        return _open_s3(location, options, spark_config or {})
    if scheme == "hdfs":
        return _open_hdfs(location, options or {}, spark_config or {})
    return _open_python_only(location, scheme, dict(options or {}))


def check_location(location: str) -> str:
    """Return the scheme of a location in lower case; an empty text for a plain path. No process is asked for anything.

    :raises CheckpointLocationError: no process can use the location, whatever is installed there
    """
    if not location.strip():
        raise CheckpointLocationError("The checkpoint location is empty. Name a directory or a URL.")
    if _CONTROL.search(location):
        raise CheckpointLocationError(
            f"The checkpoint location {mask_text(location)!r} contains a control character; use another name."
        )
    match = _SCHEME.match(location)
    scheme = "" if match is None else match.group().lower()
    if not scheme:
        _absolute(location, location)
        return scheme
    if scheme not in (*_S3, *_PYTHON_ONLY, "file", "hdfs", "memory"):
        raise _unsupported(location, scheme)
    _check_url(location, scheme)
    if scheme == "file":
        _check_local(location)
    elif scheme in _S3:
        _check_s3(location, scheme)
    elif scheme in _PYTHON_ONLY:
        _check_bucket(location, scheme)
    return scheme


def _named(location: str) -> str:
    """Return how messages name a location: without a password."""
    shown = re.sub(r"(?<=:/)([^/@]*):.*@", rf"\1:{MASK}@", mask_text(location))  # s3:/KEY:SECRET@bucket is no URL
    return f"The checkpoint location {shown}"


def _check_url(location: str, scheme: str) -> None:
    try:
        urlsplit(location)
    except ValueError as error:
        raise CheckpointLocationError(f"{_named(location)} is not a URL: {error}.") from None
    # Clients ignore what follows, or take it for options: two locations would be one.
    for mark in "?" if scheme in _S3 else "?#":
        if mark in location:
            instead = f"%{ord(mark):02X} in its place, or a plain path" if scheme == "file" else "another name"
            raise CheckpointLocationError(
                f"{_named(location)} contains `{mark}`, which can end a path; write {instead}."
            )


def _check_s3(location: str, scheme: str) -> None:
    if _CREDENTIALS.match(location.partition("://")[2]):
        raise CheckpointLocationError(
            f"{_named(location)} contains credentials, which clients do not read from there; put them into a "
            f"checkpoint connection (checkpoint_conn_id) or the environment, and write {scheme}://BUCKET/path."
        )
    if not urlsplit(location).netloc:
        raise CheckpointLocationError(f"{_named(location)} has no bucket; write {scheme}://BUCKET/path.")


def _unsupported(location: str, scheme: str) -> CheckpointLocationError:
    name = _named(location)
    if scheme in ("webhdfs", "swebhdfs"):
        return CheckpointLocationError(
            f"{name} cannot be used: write it as hdfs://…, which Spark understands too, "
            "and put the HTTP address of the name node into a checkpoint connection (checkpoint_conn_id)."
        )
    if scheme in _NOT_SHOWN:
        return CheckpointLocationError(
            f"{name} cannot be used: {scheme}:// is not supported yet, "
            f"because exclusive creation was not verified there. {_SUPPORTED}"
        )
    return CheckpointLocationError(f"{name} has the unknown scheme {scheme}://. {_SUPPORTED}")


def load_store(
    instance_type: str,
    config: Mapping[str, Any],
    location: str,
    options: Mapping[str, Any] | None = None,
    spark_config: Mapping[str, str] | None = None,
) -> CheckpointStore:
    """Return an instance of a custom store class.

    :param instance_type: dotted name of a subclass of ``CheckpointStore`` that is importable here
    :param config: ``instance-config`` of the store
    :param options: fsspec options for the location, which holds saved outputs
    :param spark_config: Spark settings that a session of this process will have in addition to those of
        ``spark-submit``
    :raises CheckpointLocationError: the class cannot be loaded, or does not accept this config
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
        raise CheckpointLocationError(
            f"The checkpoint store {instance_type} is not a subclass of CheckpointStore. Correct instance-type."
        )
    try:
        store = cls.from_config(location, config)
    except Exception as error:
        raise CheckpointLocationError(
            f"The checkpoint store {instance_type} does not take its instance-config: {type(error).__name__}: "
            f"{Redactor(config, [location]).mask(str(error))}"
        ) from error
    # Spark writes the saved outputs, and it supports more locations than the stores here.
    with contextlib.suppress(CheckpointLocationError):
        store.at_location = open_store(location, options, spark_config)
    return store


def _check_local(location: str) -> None:
    parts = urlsplit(location)
    if parts.netloc not in ("", "localhost"):
        raise CheckpointLocationError(
            f"{_named(location)} has the host {parts.netloc.rpartition('@')[2]!r}: write a local location with three "
            "slashes, file:///path."
        )
    _absolute(unquote(parts.path), location)


def _check_bucket(location: str, scheme: str) -> None:
    bucket, at, host = urlsplit(location).netloc.partition("@")
    if not bucket or (not host if scheme == "abfss" else at):
        form = "gs://BUCKET/path" if scheme == "gs" else "abfss://CONTAINER@ACCOUNT.dfs.core.windows.net/path"
        raise CheckpointLocationError(f"{_named(location)} is not written as {form}.")


def _open_s3(location: str, options: Mapping[str, Any] | None, spark_config: Mapping[str, str]) -> CheckpointStore:
    root = location.split("://", 1)[-1]
    if importlib.util.find_spec("s3fs") is not None:
        return FsspecStore(location, "s3", root, options)
    has_boto3 = importlib.util.find_spec("boto3") is not None
    jvm = driver_jvm()
    if jvm is not None:
        try:
            return HadoopStore.open(location, jvm, hadoop_configuration(jvm, spark_config))
        except CheckpointLocationError:
            if not has_boto3:
                raise
    if not has_boto3:
        raise CheckpointLocationError(
            f"{_named(location)} needs the package s3fs, which is not installed here: "
            "pip install 'airflow-spark-pipeline[s3]' on the Airflow worker; boto3 does as well. A Spark driver with "
            "a JVM needs neither if the job has hadoop-aws; this process has no JVM."
        )
    return S3Store(location, root, options)


def _open_python_only(location: str, scheme: str, options: dict[str, Any]) -> CheckpointStore:
    protocol, module, extra = _PYTHON_ONLY[scheme]
    if importlib.util.find_spec(module) is None:
        raise CheckpointLocationError(
            f"{_named(location)} needs the package {module}, which is not installed "
            f"here: pip install 'airflow-spark-pipeline[{extra}]', on the Airflow worker and in the "
            f"Spark driver. {scheme}:// is not supported through the driver's Hadoop client, because "
            "exclusive creation was not verified there."
        )
    bucket, _, host = urlsplit(location).netloc.partition("@")
    if host and "connection_string" not in options:
        options.setdefault("account_name", host.partition(".")[0])
    return FsspecStore(location, protocol, f"{bucket}/{location.split('://', 1)[1].partition('/')[2]}", options)


def _open_hdfs(location: str, options: Mapping[str, Any], spark_config: Mapping[str, str]) -> CheckpointStore:
    jvm = driver_jvm()
    if jvm is not None:
        return HadoopStore.open(location, jvm, hadoop_configuration(jvm, spark_config))
    if importlib.util.find_spec("requests") is None:
        raise CheckpointLocationError(
            f"{_named(location)} needs the package requests here, for WebHDFS: pip "
            "install 'airflow-spark-pipeline[hdfs]'. A Spark driver with a JVM does not need it; this "
            "process has no JVM."
        )
    name_nodes = find_name_nodes(location, options)
    if name_nodes is None:
        raise CheckpointLocationError(
            f"{_named(location)} has no name node. Write hdfs://HOST:PORT/path, give "
            "the name nodes' HTTP address in a checkpoint connection (checkpoint_conn_id), or set "
            "HADOOP_CONF_DIR."
        )
    return WebHdfsStore(location, name_nodes)


def _absolute(path: str, location: str) -> Path:
    try:
        root = Path(path).expanduser()
    except RuntimeError:
        raise CheckpointLocationError(
            f"{_named(location)} starts in the home directory of a user who does not exist here. Write an absolute "
            "path."
        ) from None
    if not root.is_absolute():
        raise CheckpointLocationError(
            f"{_named(location)} is a relative path, which means a different directory "
            f"in each process. Write an absolute path, such as {mask_text(str(root.resolve()))}."
        )
    return root
