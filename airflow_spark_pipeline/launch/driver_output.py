r"""The output of a driver's process, as lines for a task log.

Guarantees: any bytes are shown (invalid UTF-8 as ``\xe9``, a NUL as ``\x00``), and a line of 100 MB does no harm: it is
split. A progress bar's ``\r`` ends a line. Colors (ANSI escapes) are kept: Airflow shows them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

#: Airflow reads a task's log line by line, and is very slow for a line of several megabytes.
PIECE = 16_000

#: Arguments for ``subprocess``.
TEXT: dict[str, Any] = {"text": True, "encoding": "utf-8", "errors": "backslashreplace"}


def lines(output: Iterable[str]) -> Iterator[str]:
    """Yield the lines of an output as they arrive, without line ends.

    :param output: output of a process, or any lines
    """
    readline = getattr(output, "readline", None)
    for line in iter(lambda: readline(PIECE), "") if readline is not None else output:
        yield line.rstrip("\n").replace("\0", "\\x00")


_LEVEL = re.compile(r"\s*(DEBUG|WARNING|ERROR|CRITICAL) \[")


class Levels:
    """A logger whose ``info`` uses the level that a component's logger has put in front of a line.

    Spark's hook prints every line of a driver at INFO; a line such as ``WARNING [load] 3 have no id`` is a warning.
    """

    def __init__(self, log: Any) -> None:
        self._target = log

    def info(self, message: Any, *arguments: Any, **more: Any) -> None:
        """Log a line of a driver, or anything else."""
        found = _LEVEL.match(message) if isinstance(message, str) and not arguments else None
        level = "info" if found is None else found[1].lower()
        getattr(self._target, level)(message, *arguments, **more)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._target, name)
