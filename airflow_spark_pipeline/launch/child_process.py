"""A process beside the task that ends with it: what it prints goes to the task's log."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from airflow_spark_pipeline.launch.driver_output import TEXT, lines

_LOOK_SECONDS = 0.5
_READ_SECONDS = 10.0  # for what is left of the output when the process has ended
LAST_SECONDS = 2.0  # Airflow kills the task's process five seconds after it asked it to stop
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def die_with_parent() -> Callable[[], None] | None:
    """Return what makes a child end when this process dies, for ``preexec_fn``: nobody could take it up again."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def after_fork() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

    return after_fork


class Child:
    """One process.

    :param environment: all of it
    :param tell: is given each line that the process prints
    """

    def __init__(self, environment: Mapping[str, str], tell: Callable[[str], None]) -> None:
        self._environment = dict(environment)
        self._tell = tell
        self._process: subprocess.Popen[str] | None = None

    def run(self, command: Sequence[str]) -> int:
        """Run a command to its end, and return its exit code; negative where a signal ended it."""
        # Its standard input is never written to: it ends when this process does, on systems without prctl as well.
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        process = self._process = subprocess.Popen(
            command,
            env=self._environment,
            preexec_fn=die_with_parent(),  # noqa: PLW1509  # calls a function that was looked up before the fork
            **TEXT,
            **pipes,
        )
        # In a thread: a process that the child has left behind may hold the output open for hours.
        reading = threading.Thread(target=self._read, args=(process,), name="child-output", daemon=True)
        reading.start()
        try:
            # Not process.wait(), which a signal's handler that stops the process would find locked.
            while reading.is_alive() and process.poll() is None:
                reading.join(_LOOK_SECONDS)
            reading.join(_READ_SECONDS)
            code = process.wait()
        except BaseException:  # a time-out of the task
            self.stop()
            raise
        finally:
            if process.stdin is not None:
                process.stdin.close()
        return code

    def _read(self, process: subprocess.Popen[str]) -> None:
        if process.stdout is None:
            return
        with process.stdout as output:
            for line in lines(output):
                with contextlib.suppress(Exception):  # else nobody would read on, and the child would wait for ever
                    self._tell(line)

    def stop(self) -> None:
        """Ask the process to end, and end it where it takes longer than two seconds."""
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(LAST_SECONDS)
            return
        process.kill()


def environment(variables: Mapping[str, object], path: Sequence[str], *, without: Sequence[str] = ()) -> dict[str, str]:
    """Return this process's environment with more variables, and more in front of Python's path.

    :param without: beginnings of names that are left out
    """
    found = {name: value for name, value in os.environ.items() if not name.startswith(tuple(without))}
    found |= {name: str(value) for name, value in variables.items()}
    inherited = [found["PYTHONPATH"]] if found.get("PYTHONPATH") else []
    return {**found, "PYTHONPATH": os.pathsep.join([*path, *inherited])}
