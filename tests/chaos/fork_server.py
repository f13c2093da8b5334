"""Starts real driver processes fast: a process that has imported everything forks one for each line of input.

``python -m tests.sparkless run REQUEST`` needs a second of processor time before its first line, nearly all of it for
imports; what is forked here runs the same ``main`` in its own process, session and group.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Self

ROOT = Path(__file__).resolve().parents[2]


class Child:
    """A driver process. It is signalled through a descriptor, so that never another process is meant."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        try:
            self._descriptor: int | None = os.pidfd_open(pid)
        except ProcessLookupError:
            self._descriptor = None

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for its end; returns whether it has ended."""
        if self._descriptor is None:
            return True
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        return bool(poll.poll(None if seconds is None else seconds * 1_000))

    def signal(self, number: signal.Signals) -> None:
        """Send a signal; none where it has ended."""
        if self._descriptor is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._descriptor, number)

    def close(self) -> None:
        """Give the descriptor back."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


class ForkServer:
    """The process that forks drivers; used as a context manager, from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "tests.chaos.fork_server"]
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=60)
        self._process.stdout.close()

    def start(self, request: Path, output: Path) -> Child:
        """Start a driver whose output goes to a file."""
        with self._lock:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.write(f"{request}\t{output}\n")
            self._process.stdin.flush()
            return Child(int(self._process.stdout.readline()))


def _serve() -> None:
    import s3fs  # noqa: F401  # so that no child has to

    from airflow_spark_pipeline.runtime.__main__ import main
    from airflow_spark_pipeline.runtime.spark import starting
    from tests.chaos import component  # noqa: F401  # the same
    from tests.sparkless import FakeSpark

    setattr(starting, "open_session", lambda config: FakeSpark())  # noqa: B010  # as in tests.sparkless
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # children are gone as soon as they have ended
    for line in sys.stdin:
        request, output = line.rstrip("\n").split("\t")
        pid = os.fork()
        if pid:
            sys.stdout.write(f"{pid}\n")
            sys.stdout.flush()
            continue
        os.setsid()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        target = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        empty = os.open(os.devnull, os.O_RDONLY)
        for descriptor, number in ((empty, 0), (target, 1), (target, 2)):
            os.dup2(descriptor, number)
        main(["run", request])


if __name__ == "__main__":
    _serve()
