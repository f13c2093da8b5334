"""Reads ``docker-compose.yaml``: variables are replaced, and the commands of the services are lists."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
FILE = ROOT / "docker-compose.yaml"
DOCKERFILE = ROOT / "Dockerfile"

_VARIABLE = re.compile(r"\$(?:\$|\{(\w+):-([^}]*)\})")


@dataclass(frozen=True)
class Service:
    """One service.

    :param command: what runs in the container: the entry point that the file names, and the command
    :param check: the test of its health check; empty where it has none
    :param needs: condition by service
    :param ports: container's port by published port
    """

    name: str
    image: str
    is_built: bool
    hostname: str | None
    command: list[str]
    environment: dict[str, str]
    check: list[str]
    needs: dict[str, str]
    ports: dict[str, str]
    volumes: list[str]
    raw: Mapping[str, Any] = field(repr=False)


def load(variables: Mapping[str, str] | None = None, *, profile: str | None = None) -> dict[str, Service]:
    """Return the services by their name.

    :param variables: as in ``.env``; the defaults hold for all others
    :param profile: the profile whose services to return; default: those that start without one
    """
    data = _interpolate(yaml.safe_load(FILE.read_text(encoding="utf-8")), variables or {})
    wanted = [] if profile is None else [profile]
    return {name: _service(name, raw) for name, raw in data["services"].items() if raw.get("profiles", []) == wanted}


def image_environment() -> dict[str, str]:
    """Return what the Dockerfile's last stage sets in the environment."""
    lines = [line for line in DOCKERFILE.read_text(encoding="utf-8").splitlines() if line.startswith("ENV ")]
    return dict(pair.split("=", 1) for line in lines for pair in line.split()[1:])


def _interpolate(value: Any, variables: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _interpolate(each, variables) for key, each in value.items()}
    if isinstance(value, list):
        return [_interpolate(each, variables) for each in value]
    if not isinstance(value, str):
        return value
    return _VARIABLE.sub(lambda m: "$" if m[1] is None else variables.get(m[1]) or m[2], value)


def _service(name: str, raw: Mapping[str, Any]) -> Service:
    return Service(
        name=name,
        image=raw["image"],
        is_built="build" in raw,
        hostname=raw.get("hostname"),
        command=[*raw.get("entrypoint", []), *raw.get("command", [])],
        environment=dict(raw.get("environment", {})),
        check=list(raw.get("healthcheck", {}).get("test", [])),
        needs={needed: how["condition"] for needed, how in raw.get("depends_on", {}).items()},
        ports={port.split(":")[-2]: port.split(":")[-1] for port in raw.get("ports", [])},
        volumes=list(raw.get("volumes", [])),
        raw=raw,
    )
