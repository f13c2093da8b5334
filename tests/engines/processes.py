"""Drivers that race on a file system: processes that execute commands."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_DRIVER = Path(__file__).with_name("driver.py")


class DriverProcess:
    """A driver.py that does what it is told.

    :param uri: of the file system
    :param settings: of Hadoop's configuration
    :param extra: class path beside Spark's own jars
    """

    def __init__(self, uri: str, settings: dict[str, str], extra: str, log: Path) -> None:
        with log.open("a") as errors:
            self.process = subprocess.Popen(
                [sys.executable, str(_DRIVER), uri, json.dumps(settings), extra],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        self.jvm_pid = 0

    def wait_until_ready(self) -> None:
        self.jvm_pid = int(self.answer())

    def send(self, what: str, **arguments: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"do": what, **arguments}) + "\n")
        self.process.stdin.flush()

    def answer(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"the driver ended with {self.process.wait()}"
        answer = json.loads(line)
        assert "error" not in answer, answer["error"]
        return answer["answer"]

    def do(self, what: str, **arguments: Any) -> Any:
        self.send(what, **arguments)
        return self.answer()

    def end_look(self) -> dict[str, int]:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        seen: dict[str, int] = self.answer()
        return seen

    def kill(self, who: str) -> None:
        """Kill the Python process, the JVM, or ``both`` at once, without a last word; wait until both are gone."""
        if who in {"jvm", "both"}:
            os.kill(self.jvm_pid, signal.SIGKILL)
        if who in {"python", "both"}:
            self.process.kill()
        self.close()
        deadline = time.monotonic() + 60
        while Path(f"/proc/{self.jvm_pid}").exists() and time.monotonic() < deadline:
            time.sleep(0.1)

    def close(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.stdout.close()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@contextlib.contextmanager
def drivers(count: int, uri: str, settings: dict[str, str], extra: str, log: Path) -> Iterator[list[DriverProcess]]:
    """Start several drivers, each with its own JVM."""
    started = [DriverProcess(uri, settings, extra, log) for _ in range(count)]
    try:
        for driver in started:
            driver.wait_until_ready()
        yield started
    finally:
        for driver in started:
            driver.close()
