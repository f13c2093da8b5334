"""Finds the HTTP addresses of the name nodes of an ``hdfs://`` location, and the identity to use there.

A location contains the RPC port of Hadoop's own client, or a name service; WebHDFS has other addresses. They come from
the options of the checkpoint connection, or from ``hdfs-site.xml`` and ``core-site.xml`` in ``HADOOP_CONF_DIR``;
otherwise the location's host and Hadoop's default port are used.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

_HTTP_PORT, _HTTPS_PORT = 9870, 9871  # defaults of Hadoop 3
_FILES = ("core-site.xml", "hdfs-site.xml")


@dataclass(frozen=True)
class NameNodes:
    """Addresses and options for WebHDFS.

    :param addresses: ``host:port`` of each name node; only one of several is active
    :param origin: source of the addresses, for messages
    :param options: fsspec options, without host and port
    """

    addresses: tuple[str, ...]
    origin: str
    options: Mapping[str, Any] = field(repr=False)


def find_name_nodes(location: str, options: Mapping[str, Any]) -> NameNodes | None:
    """Return the name nodes of a location, or ``None`` if they cannot be determined.

    :param options: options of fsspec's ``webhdfs``; ``host`` may list several hosts, separated by commas, each with its
        own port
    """
    site = _site()
    rest = {name: value for name, value in options.items() if name not in ("host", "port")}
    _use_identity(rest, site)
    if options.get("host"):
        port = options.get("port") or (_HTTPS_PORT if rest.get("use_https") else _HTTP_PORT)
        hosts = [host.strip() for host in str(options["host"]).split(",") if host.strip()]
        addresses = tuple(host if ":" in host else f"{host}:{port}" for host in hosts)
        return NameNodes(addresses, "the checkpoint connection", rest)
    service = urlsplit(location).netloc or urlsplit(site.get("fs.defaultFS", "")).netloc
    if site.get("dfs.http.policy") == "HTTPS_ONLY":
        rest.setdefault("use_https", True)
    kind = "https" if rest.get("use_https") else "http"
    found = _addresses(site, service, f"dfs.namenode.{kind}-address")
    if found:
        return NameNodes(found, f"{os.environ['HADOOP_CONF_DIR']}/hdfs-site.xml", rest)
    host = urlsplit(f"//{service}").hostname
    if host is None:
        return None
    port = _HTTPS_PORT if rest.get("use_https") else _HTTP_PORT
    return NameNodes((f"{host}:{port}",), "the location's host and Hadoop's default port", rest)


def _addresses(site: Mapping[str, str], service: str, setting: str) -> tuple[str, ...]:
    nodes = site.get(f"dfs.ha.namenodes.{service}")
    if nodes:
        names = [f"{setting}.{service}.{node.strip()}" for node in nodes.split(",")]
        return tuple(site[name] for name in names if name in site)
    if urlsplit(site.get("fs.defaultFS", "")).netloc != service:
        return ()  # the files describe another cluster
    address = site.get(f"{setting}.{service}") or site.get(setting, "")
    host, _, port = address.rpartition(":")
    return () if not host or host == "0.0.0.0" or not port.isdigit() else (address,)  # noqa: S104  # a wildcard


def _use_identity(options: dict[str, Any], site: Mapping[str, str]) -> None:
    """Set the identity like Hadoop's client: a Kerberos ticket if the cluster requires it, otherwise a user name."""
    if "token" in options or "user" in options:
        return
    if options.setdefault("kerberos", site.get("hadoop.security.authentication") == "kerberos"):
        return
    with contextlib.suppress(KeyError, OSError):  # a user id without a name
        options["user"] = os.environ.get("HADOOP_USER_NAME") or getpass.getuser()


def _site() -> dict[str, str]:
    """Return the settings of the files in ``HADOOP_CONF_DIR``; empty if there is no such directory."""
    directory, found = os.environ.get("HADOOP_CONF_DIR"), {}
    for name in _FILES if directory else ():
        with contextlib.suppress(OSError, ET.ParseError):
            for each in ET.parse(Path(directory or "", name)).iter("property"):  # noqa: S314  # the machine's own
                found[each.findtext("name", "").strip()] = each.findtext("value", "").strip()
    return found
