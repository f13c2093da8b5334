"""Translates an Airflow connection into fsspec options for a checkpoint location.

The location's scheme determines how the fields are read: S3 as Airflow's ``aws`` connection, Google as
``google_cloud_platform``, Azure as ``wasb`` or ``adls``, HDFS as ``webhdfs``. A ``generic`` connection is read the same
way: ``airflow connections add --conn-type aws`` stores *generic* if the provider of that type is not installed.
``storage_options`` in the extra are used as they are, from a connection of any type.

Guarantees: every field of a connection is either used, or rejected with the connection's name, the field and a
solution; for a field without a meaning here there is a warning. Nothing is guessed.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import urlsplit

from airflow_spark_pipeline.exceptions import CheckpointLocationError, CheckpointStoreError

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Connection

log = logging.getLogger(__name__)

_OPTIONS = "storage_options"
_SERVERS_FAULT = 500  # the first status code of HTTP that says so
# Fields that only the cloud providers' own clients use, not fsspec.
_HARMLESS = frozenset({"scope", "num_retries", "quota_project_id", "session_kwargs", "region"})

Reader = Callable[["Connection", Mapping[str, Any], str], dict[str, Any]]


def options_of(connection: Connection, location: str) -> dict[str, Any]:
    """Return the fsspec options for a location.

    :raises CheckpointLocationError: the connection does not fit the location, or has a value that cannot be used
    """
    extra = _extra(connection)
    given: Any = extra.pop(_OPTIONS, None) or {}
    if not isinstance(given, Mapping):
        _refuse(connection, f"{_OPTIONS} in its extra must be an object, such as {{'anon': true}}")
    scheme = location.partition(":/")[0].lower() if ":/" in location else "file"
    reader, types = _READERS.get(scheme, (None, ()))
    kind = connection.conn_type or "generic"
    # The fields of a generic connection may have another purpose than its options; only HDFS uses both.
    reads = kind in types or (kind == "generic" and (not given or scheme == "hdfs"))
    if reader is not None and reads:
        return {**reader(connection, extra, location), **given}
    if reader is not None and not given:
        _refuse(
            connection,
            f"it is of the type {kind}, which cannot be used for {scheme}://. Use the type {types[0]} "
            f"or generic, or put {_OPTIONS} into its extra. For this location alone: "
            "checkpoint_conn_id in the DAG",
        )
    return dict(given)


def _aws(connection: Connection, extra: Mapping[str, Any], location: str) -> dict[str, Any]:
    """Read ``login`` and ``password``, or a role or profile with Airflow's Amazon provider; region and endpoint."""
    service = extra.get("service_config") or {}
    endpoint = extra.get("endpoint_url") or (service.get("s3") or {}).get("endpoint_url") or _endpoint(connection)
    client = {"endpoint_url": endpoint, "region_name": extra.get("region_name"), "verify": extra.get("verify")}
    client = {name: value for name, value in client.items() if value not in (None, "")}
    _warn_of_the_rest(connection, extra, _AWS_FIELDS)
    options = {
        **_aws_credentials(connection, extra),
        "client_kwargs": client,
        "config_kwargs": extra.get("config_kwargs"),
    }
    return {name: value for name, value in options.items() if value}


_AWS_FIELDS = (
    "assume_role_kwargs", "assume_role_method", "aws_access_key_id", "aws_secret_access_key", "aws_session_token",
    "config_kwargs", "endpoint_url", "external_id", "profile_name", "region_name", "role_arn", "service_config",
    "verify",
)  # fmt: skip


def _aws_credentials(connection: Connection, extra: Mapping[str, Any]) -> dict[str, Any]:
    if extra.get("role_arn") or extra.get("assume_role_method") or extra.get("profile_name"):
        return _aws_by_provider(connection)
    key = connection.login or extra.get("aws_access_key_id")
    secret = connection.password or extra.get("aws_secret_access_key")
    if bool(key) != bool(secret):
        there, missing = ("login", "password") if key else ("password", "login")
        _refuse(connection, f"it has a {there} but no {missing}; an S3 key needs both. Without both, "
                            "the worker's own identity is used")  # fmt: skip
    given = {"key": key, "secret": secret, "token": extra.get("aws_session_token")}
    return {name: value for name, value in given.items() if value}


def _aws_by_provider(connection: Connection) -> dict[str, Any]:
    try:
        from airflow.providers.amazon.aws.hooks.base_aws import (
            AwsGenericHook,
        )
    except ImportError as error:
        raise CheckpointLocationError(
            f"The checkpoint connection {connection.conn_id!r} assumes a role or names a profile, "
            "which needs the package apache-airflow-providers-amazon on the Airflow worker. Install "
            "it, put keys into the connection, or omit the connection, so that the worker uses its "
            "own identity."
        ) from error
    try:
        found = AwsGenericHook(aws_conn_id=connection.conn_id).get_credentials()
    except Exception as error:  # of boto3, or of the provider if there are no credentials at all
        why = f"Airflow's Amazon provider gets no credentials with it: {type(error).__name__}: {error}"
        if _is_transient(error):
            raise CheckpointStoreError(f"The checkpoint connection {connection.conn_id!r}: {why}") from error
        _refuse(connection, why)
    given = {"key": found.access_key, "secret": found.secret_key, "token": found.token}
    return {name: value for name, value in given.items() if value}


def _is_transient(error: Exception) -> bool:
    """Whether an error of boto3 is one of the network, or of a service that has too much to do."""
    if any(each.__name__ in ("ConnectionError", "HTTPClientError") for each in type(error).__mro__):
        return True
    response = getattr(error, "response", None)  # of its ClientError
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) if isinstance(response, dict) else 0
    return bool(status >= _SERVERS_FAULT or "Throttl" in str(error))


def _endpoint(connection: Connection) -> str | None:
    """Return the address of an S3 service from host, port and schema; ``None`` without a host."""
    if not connection.host:
        return None
    host, port = connection.host.rstrip("/"), f":{connection.port}" if connection.port else ""
    if host.startswith(("http://", "https://")):
        return host + ("" if urlsplit(host).port else port)
    if connection.schema not in ("http", "https"):
        _refuse(connection, f"its host {host}{port} does not say http or https. Put endpoint_url into its extra, "
            f"such as http://{host}{port}")  # fmt: skip
    return f"{connection.schema}://{host}{port}"


def _google(connection: Connection, extra: Mapping[str, Any], location: str) -> dict[str, Any]:
    """Read the key of a service account: ``keyfile_dict``, or ``key_path``, which is read here."""
    _refuse_fields(connection, extra, (
        "credential_config_file", "key_secret_name", "key_secret_project_id", "impersonation_chain",
        "idp_issuer_url", "client_id", "client_secret",
    ))  # fmt: skip
    if connection.login or connection.password:
        _refuse(connection, "gs:// does not use login and password: put the service account's key "
                            "into its extra, as keyfile_dict or key_path")  # fmt: skip
    token: Any = extra.get("keyfile_dict") or None
    if token is None and extra.get("key_path"):
        try:
            with open(extra["key_path"], encoding="utf-8") as file:
                token = file.read()
        except (OSError, UnicodeDecodeError) as error:
            _refuse(connection, f"key_path in its extra cannot be read on this machine: {error}")
    if isinstance(token, str):
        try:
            token = json.loads(token)
        except ValueError:
            _refuse(connection, "the key in its extra (keyfile_dict or key_path) is not JSON")
    if token is None and _is_true(extra.get("is_anonymous")):
        token = "anon"  # noqa: S105  # what gcsfs calls it
    _warn_of_the_rest(connection, extra, ("keyfile_dict", "key_path", "project", "is_anonymous"))
    given = {"token": token, "project": extra.get("project")}
    return {name: value for name, value in given.items() if value}


def _azure(connection: Connection, extra: Mapping[str, Any], location: str) -> dict[str, Any]:
    """Read a connection string, a SAS token, a service principal (``tenant_id``), or the account's key."""
    _refuse_fields(connection, extra, ("managed_identity_client_id", "workload_identity_tenant_id"))
    known = ("connection_string", "sas_token", "shared_access_key", "tenant_id", "client_secret_auth_config")
    _warn_of_the_rest(connection, extra, known)
    if extra.get("connection_string"):
        return {"connection_string": extra["connection_string"]}
    if extra.get("sas_token"):  # Airflow also accepts a whole URL
        return {"sas_token": str(extra["sas_token"]).rpartition("?")[2]}
    if extra.get("tenant_id"):
        if not (connection.login and connection.password):
            _refuse(connection, "with a tenant_id its login is the client id and its password the client's secret; "
                    "one of them is missing")  # fmt: skip
        return {
            "tenant_id": extra["tenant_id"],
            "client_id": connection.login,
            "client_secret": connection.password,
        }
    key = connection.password or extra.get("shared_access_key")
    account = _account(connection.host) or connection.login
    wanted = _account(urlsplit(location).netloc.rpartition("@")[2])
    if account and wanted and account != wanted:
        _refuse(connection, f"it is for the storage account {account}, but the location is in {wanted}")
    if account and not key:
        _refuse(connection, f"it names {account} and no key: put the account's key into its password, or sas_token, "
                "connection_string or tenant_id into its extra")  # fmt: skip
    return {"account_key": key} if key else {}


def _account(host: str | None) -> str | None:
    """Return the storage account: the first part of ``account.dfs.core.windows.net``, with or without a scheme."""
    return (host or "").rpartition("://")[2].partition(".")[0].partition("/")[0] or None


def _webhdfs(connection: Connection, extra: Mapping[str, Any], location: str) -> dict[str, Any]:
    """Return options for fsspec's ``webhdfs``, from the fields that Airflow's WebHDFS hook reads."""
    from airflow.providers.common.compat.sdk import conf

    _warn_of_the_rest(connection, extra, ("kerberos", "use_ssl", "verify", "cert"))
    kerberos = _is_true(extra.get("kerberos", conf.get("core", "security", fallback="") == "kerberos"))
    given = {
        "host": connection.host,
        "port": connection.port,
        "use_https": _is_true(extra.get("use_ssl", connection.schema == "https")) or None,
        "session_verify": extra.get("verify"),
        "session_cert": extra.get("cert"),
        **({"kerberos": True} if kerberos else {"user": connection.login, "password": connection.password}),
    }
    return {name: value for name, value in given.items() if value not in (None, "")}


_AZURE = ("wasb", "adls", "azure_data_lake", "azure")
#: Scheme -> function that reads the fields, and the types of connection.
_READERS: dict[str, tuple[Reader, tuple[str, ...]]] = {
    **dict.fromkeys(("s3", "s3a", "s3n"), (_aws, ("aws", "s3"))),
    "gs": (_google, ("google_cloud_platform",)),
    "abfss": (_azure, _AZURE),
    "hdfs": (_webhdfs, ("webhdfs", "hdfs")),
}


def _extra(connection: Connection) -> dict[str, Any]:
    """Return the extra; older Airflows wrote ``extra__wasb__tenant_id`` for ``tenant_id``."""
    raw: Mapping[str, Any] = connection.extra_dejson
    found = {name.split("__", 2)[-1] if name.startswith("extra__") else name: value for name, value in raw.items()}
    return {name: value for name, value in found.items() if value not in (None, "")}


def _refuse_fields(connection: Connection, extra: Mapping[str, Any], names: Collection[str]) -> None:
    found = [name for name in names if extra.get(name)]
    if found:
        _refuse(
            connection,
            f"{', '.join(found)} in its extra cannot be used here. Put {_OPTIONS} into its extra, or "
            "omit the connection, so that the worker and the driver use their own identities",
        )


def _warn_of_the_rest(connection: Connection, extra: Mapping[str, Any], known: Collection[str]) -> None:
    rest = sorted(set(extra) - set(known) - _HARMLESS)
    if rest:
        log.warning(
            "The checkpoint connection %r: %s in its extra is not used. Known: %s; anything that fsspec takes: %s.",
            connection.conn_id, ", ".join(rest), ", ".join(known), _OPTIONS,
        )  # fmt: skip


def _refuse(connection: Connection, why: str) -> NoReturn:
    raise CheckpointLocationError(f"The checkpoint connection {connection.conn_id!r} cannot be used: {why}.")


def _is_true(value: Any) -> bool:
    return str(value).strip().lower() in ("true", "1", "yes")
