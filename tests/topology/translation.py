"""Turns the containers of ``docker-compose.yaml`` into processes on loopback: only ports and directories change.

A service reaches another as ``name:port``, and itself as ``localhost:port``; each such port becomes a free one here. A
path of the containers becomes one below a directory of the test.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.acceptance.deployment import free_port
from tests.compose_file import Service

_PATH = re.compile(r"(?<![\w.:/-])/(opt/airflow|opt/spark|data|var/lib/minio)(?![\w-])")
_PORT_FLAGS = ("--port", "--webui-port", "-p")


class Translation:
    """The ports and directories of one run.

    :param root: where the containers' directories lie
    """

    def __init__(self, services: Mapping[str, Service], root: Path) -> None:
        self._services = services
        self._root = root
        self._ports: dict[tuple[str, str], int] = {}
        names = "|".join(map(re.escape, services))
        self._address = re.compile(rf"(?<![\w.-])({names}):(\d+)")

    def port(self, service: str, port: str) -> int:
        """Return the port here for a service's own."""
        return self._ports.setdefault((service, port), free_port())

    def use(self, service: str, port: str, here: int) -> None:
        """Take a port here that is taken already."""
        self._ports[service, port] = here

    def path(self, container: str) -> Path:
        """Return the directory here for one of the containers'."""
        return self._root / container.lstrip("/")

    def environment(self, service: Service) -> dict[str, str]:
        return {name: self.text(value, self._publisher) for name, value in service.environment.items()}

    def command(self, service: Service, words: list[str]) -> list[str]:
        """Return a command of the service as it runs here."""
        translated = []
        for flag, word in zip(["", *words], words, strict=False):
            if flag in _PORT_FLAGS:
                translated.append(str(self.port(service.name, word)))
            elif flag == "--host":
                translated.append("127.0.0.1")
            elif re.fullmatch(r":\d+", word):
                translated.append(f"127.0.0.1:{self.port(service.name, word[1:])}")
            else:
                translated.append(self.text(word, lambda _: service.name))
        return translated

    def text(self, text: str, owner_of: Callable[[str], str]) -> str:
        """Translate a text.

        :param owner_of: gives the service that ``localhost:port`` means
        """
        text = self._address.sub(lambda m: f"127.0.0.1:{self.port(m[1], m[2])}", text)
        text = re.sub(r"(?<![\w.-])localhost:(\d+)", lambda m: f"127.0.0.1:{self._own(owner_of(m[1]), m[1])}", text)
        return _PATH.sub(lambda m: str(self.path(m[1])), text)

    def _publisher(self, port: str) -> str:
        """The service that a browser reaches by a port of this machine."""
        return next(name for name, service in self._services.items() if port in service.ports)

    def _own(self, service: str, port: str) -> int:
        return self.port(service, self._services[service].ports.get(port, port))
