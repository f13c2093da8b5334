"""A Postgres for the test, as the container of ``docker-compose.yaml`` makes one from its environment."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.acceptance.deployment import wait_for

_SECONDS = 120.0


def binary(name: str) -> str | None:
    """Return the path of one of Postgres's programs; Debian keeps the server's outside PATH."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return shutil.which(name, path=os.pathsep.join([*map(str, versions), os.environ["PATH"]]))


class Postgres:
    """One server.

    :param environment: ``POSTGRES_USER``, ``POSTGRES_PASSWORD``, ``POSTGRES_DB``
    """

    def __init__(self, directory: Path, port: int, environment: Mapping[str, str]) -> None:
        self._directory = directory
        self._port = port
        self._user = environment["POSTGRES_USER"]
        self._password = environment["POSTGRES_PASSWORD"]
        self._database = environment["POSTGRES_DB"]
        self._process: subprocess.Popen[bytes] | None = None
        # It refuses to run as root, so there it runs as the user that its package makes.
        self._identity: dict[str, Any] = {"user": "postgres", "group": "postgres"} if os.geteuid() == 0 else {}

    def start(self) -> None:
        """Start it; returns when the database is there."""
        self._directory.mkdir(mode=0o700)
        password = self._directory / "password"
        password.write_text(self._password, encoding="utf-8")
        if self._identity:
            entry = pwd.getpwnam("postgres")
            for path in (self._directory, password):
                os.chown(path, entry.pw_uid, entry.pw_gid)
        data = str(self._directory / "data")
        self._run(
            "initdb", "-D", data, "-U", self._user, "--pwfile", str(password), "-A", "scram-sha-256", "-E", "UTF8"
        )
        options = {"listen_addresses": "127.0.0.1", "port": self._port, "unix_socket_directories": "", "fsync": "off"}
        settings = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        with (self._directory / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [_found("postgres"), "-D", data, *settings],
                cwd=self._directory,
                stdout=log,
                stderr=subprocess.STDOUT,
                **self._identity,
            )
        address = ["-h", "127.0.0.1", "-p", str(self._port), "-U", self._user]
        wait_for("Postgres", lambda: self._run("pg_isready", *address, check=False), seconds=_SECONDS)
        self._run("createdb", *address, self._database)

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)  # by SIGTERM it would wait for its clients to go
            self._process.wait(_SECONDS)

    def _run(self, program: str, *words: str, check: bool = True) -> bool:
        environment = {"PATH": os.environ["PATH"], "PGPASSWORD": self._password, "LC_ALL": "C.UTF-8"}
        done = subprocess.run(
            [_found(program), *words],
            env=environment,
            cwd=self._directory,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
            **self._identity,
        )
        if check and done.returncode != 0:
            raise RuntimeError(f"{program} ended with code {done.returncode}: {done.stderr}")
        return done.returncode == 0


def _found(program: str) -> str:
    path = binary(program)
    if path is None:
        raise RuntimeError(f"there is no {program} here (scripts/topology.sh installs Postgres)")
    return path
