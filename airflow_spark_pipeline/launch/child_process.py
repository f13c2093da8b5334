"""A child process of the task that ends with it; its output goes to the task's log."""

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
_READ_SECONDS = 10.0  # to read the rest of the output after the process has ended
LAST_SECONDS = 2.0  # Airflow kills the task's process five seconds after SIGTERM
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def die_with_parent() -> Callable[[], None] | None:
    """Return a ``preexec_fn`` that makes a child end when this process dies, since it could not be picked up again."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def after_fork() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

    return after_fork


class Child:
    """One child process.

    :param environment: complete environment of the process
    :param tell: function that is called with each line of output
    """

    def __init__(self, environment: Mapping[str, str], tell: Callable[[str], None]) -> None:
        self._environment = dict(environment)
        self._tell = tell
        self._process: subprocess.Popen[str] | None = None

    def run(self, command: Sequence[str]) -> int:
        """Run a command to its end, and return its exit code; negative if a signal ended it."""
        # Nothing is written to its standard input, which closes when this process ends, even on systems without prctl.
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        process = self._process = subprocess.Popen(
            command,
            env=self._environment,
            preexec_fn=die_with_parent(),  # noqa: PLW1509  # calls a function that was looked up before the fork
            **TEXT,
            **pipes,
        )
        # In a thread: a process that the child left behind may keep the output open for hours.
        reading = threading.Thread(target=self._read, args=(process,), name="child-output", daemon=True)
        reading.start()
        try:
            # Not process.wait(): it holds a lock that a signal handler which stops the process would wait for.
            while reading.is_alive() and process.poll() is None:
                reading.join(_LOOK_SECONDS)
            reading.join(_READ_SECONDS)
            code = process.wait()
        except BaseException:  # for example a timeout of the task
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
                with contextlib.suppress(Exception):  # keep reading, or the child would wait forever
                    self._tell(line)

    def stop(self) -> None:
        """Ask the process to end, and kill it if that takes longer than two seconds."""
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(LAST_SECONDS)
            return
        process.kill()


def environment(variables: Mapping[str, object], path: Sequence[str], *, without: Sequence[str] = ()) -> dict[str, str]:
    """Return this process's environment with more variables, and more entries at the front of Python's path.

    :param without: prefixes of variable names to leave out
    """
    found = {name: value for name, value in os.environ.items() if not name.startswith(tuple(without))}
    found |= {name: str(value) for name, value in variables.items()}
    inherited = [found["PYTHONPATH"]] if found.get("PYTHONPATH") else []
    return {**found, "PYTHONPATH": os.pathsep.join([*path, *inherited])}
