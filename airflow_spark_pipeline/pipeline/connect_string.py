"""The connection string of a Spark Connect server: ``sc://host:port/;token=…;use_ssl=true``.

The operator and the driver read it, by the rules of Spark's own clients. It may contain a token, so only
:attr:`ConnectString.address` may be logged.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import quote, unquote, urlsplit

from airflow_spark_pipeline.secrets import is_secret

DEFAULT_PORT = 15002
SESSION_ID = "session_id"
USER_ID = "user_id"
_KEY = re.compile(r"[A-Za-z0-9_.-]+")
_HOST = re.compile(r"[\w.:%-]+")  # without the slash of sc://host/;token=…, the token would be a part of the host


@dataclass(frozen=True, slots=True)
class ConnectString:
    """The parts of a connection string.

    :param parameters: what follows the address, decoded
    """

    host: str
    port: int = DEFAULT_PORT
    parameters: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> ConnectString:
        """Parse a connection string.

        :raises ValueError: Spark would reject it; the message contains none of its values
        """
        url = urlsplit(text)
        path, *pairs = url.path.split(";")
        if url.scheme != "sc" or not url.hostname or not _HOST.fullmatch(url.hostname):
            raise ValueError("expected sc://host:port/;name=value;…")
        if path not in ("", "/") or url.query or url.fragment or url.username is not None:
            raise ValueError("expected nothing between sc://host:port/ and the first semicolon; a token is ;token=…")
        parameters: dict[str, str] = {}
        for pair in filter(None, pairs):
            name, equals, value = pair.partition("=")
            if not equals or not _KEY.fullmatch(name):
                raise ValueError("expected name=value after each semicolon")
            parameters[name] = unquote(value)
        try:
            port = url.port
        except ValueError:
            raise ValueError("the port is not a number between 0 and 65535") from None
        return cls(url.hostname, DEFAULT_PORT if port is None else port, parameters)

    def having(self, **parameters: str) -> ConnectString:
        """Return a copy with these parameters added."""
        return replace(self, parameters={**self.parameters, **parameters})

    @property
    def address(self) -> str:
        """The server, without anything secret."""
        return f"sc://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    @property
    def url(self) -> str:
        """The whole string, for Spark's clients."""
        pairs = (f";{name}={quote(value, safe='')}" for name, value in self.parameters.items())
        return f"{self.address}/{''.join(pairs)}"

    @property
    def secrets(self) -> dict[str, str]:
        """The parameters that are secret."""
        return {name: value for name, value in self.parameters.items() if is_secret(name)}

    @property
    def is_on_this_machine(self) -> bool:
        """Whether the server's host is a name of this machine's loopback interface."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"
